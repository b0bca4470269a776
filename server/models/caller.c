/* SPDX-License-Identifier: MIT */
/*
 * The accept loop serves a session: see caller.h.
 *
 * The session waits in the event loop like all other events (driven.c), so signals, timers and time
 * limits work meanwhile, except while a message is worked on (--delay, --burn). No other client is
 * accepted until this session has ended: that slows clients down, for as long as one session lasts.
 */
#include "server/models/caller.h"

#include <errno.h>

/* Accept again. */
static void ended(void *context)
{
    struct caller *caller = context;

    caller->busy = false;
    accounting_help(caller->shared->accounting, false);
    shared_wake(caller->shared);
}

int caller_init(struct caller *caller, const struct model_settings *settings)
{
    *caller = (struct caller){.shared = settings->shared};
    if (settings->on_full != ON_FULL_CALLER_RUNS)
        return 0;
    caller->driver = driver_new(settings->base, settings->shared, WORKER_LOOP, ended, caller);
    return caller->driver == NULL ? -ENOMEM : 0;
}

void caller_clear(struct caller *caller)
{
    driver_free(caller->driver);
}

bool caller_runs(const struct caller *caller)
{
    return caller->driver != NULL;
}

int caller_take(struct caller *caller, struct session *session)
{
    struct driven *driven;

    if (caller->busy)
        return -EAGAIN;
    driven = driven_new(caller->driver, session);
    if (driven == NULL)
        return -ENOMEM;
    caller->busy = true;
    accounting_help(caller->shared->accounting, true);
    driven_start(driven);
    return 0;
}
