/* SPDX-License-Identifier: MIT */
/*
 * The loop serves a session itself: see caller.h.
 *
 * The session waits in the event loop like everything else (driven.c), so signals, timers and time
 * limits go on; but where a message takes long (--delay, --burn) the loop is not there for them.
 * That no other client is accepted until this one has gone is what holds the others back: a brake for
 * as long as one session lasts, which may be long.
 */
#include "server/models/caller.h"

#include <errno.h>

/* The session is over: clients may come again. */
static void ended(void *context)
{
    struct caller *caller = context;

    caller->busy = false;
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
    driven_start(driven);
    return 0;
}
