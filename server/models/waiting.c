/* SPDX-License-Identifier: MIT */
/*
 * Taking back sessions that wait for a worker: see waiting.h.
 *
 * DESIGN. The oldest session is first. Workers begin sessions in the same order, so those that have
 * begun gather at the front, and are removed there when a session is submitted or time passes. One that
 * has begun out of turn stays until it is at the front. So the list is hardly longer than the queue.
 */
#include "server/models/waiting.h"

#include "common/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct waiting_one {
    struct waiting_one *next;
    struct ep_future *future;
    struct session *session; /* valid while the future is PENDING */
    int64_t accepted_ns;
};

void waiting_init(struct waiting *waiting, const struct model_settings *settings)
{
    *waiting = (struct waiting){
        .drop_oldest = settings->on_full == ON_FULL_DROP_OLDEST,
        .timeout_ns = settings->queue_timeout_ns,
    };
    waiting->end = &waiting->oldest;
}

static void forget_oldest(struct waiting *waiting)
{
    struct waiting_one *one = waiting->oldest;

    waiting->oldest = one->next;
    if (waiting->oldest == NULL)
        waiting->end = &waiting->oldest;
    ep_future_unref(one->future);
    free(one);
}

void waiting_clear(struct waiting *waiting)
{
    while (waiting->oldest != NULL)
        forget_oldest(waiting);
}

/* Remove sessions at the front that a worker has begun. */
static void forget_begun(struct waiting *waiting)
{
    while (waiting->oldest != NULL && ep_future_state(waiting->oldest->future) != EP_PENDING)
        forget_oldest(waiting);
}

/* Take back the oldest and reject it, unless a worker is faster. @return whether it was taken */
static bool take_back_oldest(struct waiting *waiting, enum outcome outcome, const char *words)
{
    struct waiting_one *one = waiting->oldest;
    char why[MODEL_WHY_MAX];
    bool taken;

    taken = ep_future_cancel(one->future) == 0;
    if (taken) {
        snprintf(why, sizeof why, "%s: waited %.1f s", words,
                 (double)(clock_now_ns() - one->accepted_ns) / 1e9);
        session_turn_away(one->session, outcome, why);
    }
    forget_oldest(waiting);
    return taken;
}

int waiting_submit(struct waiting *waiting, struct ep_executor *executor, struct session *session,
                   ep_task_fn fn, const void *input, size_t size,
                   const struct ep_submit_options *options, struct ep_future **future)
{
    struct waiting_one *one;
    int rc;

    if (!waiting->drop_oldest && waiting->timeout_ns == 0)
        return ep_submit_with(executor, fn, input, size, options, future);
    forget_begun(waiting);
    one = malloc(sizeof *one);
    if (one == NULL)
        return -ENOMEM;
    /* Once submitted, the session may be a worker's, and may end. */
    *one = (struct waiting_one){.session = session, .accepted_ns = session->entry.accepted_ns};
    rc = ep_submit_with(executor, fn, input, size, options, &one->future);
    if (rc != 0) {
        free(one);
        return rc;
    }
    if (future != NULL)
        *future = ep_future_ref(one->future);
    *waiting->end = one;
    waiting->end = &one->next;
    return 0;
}

bool waiting_drop_oldest(struct waiting *waiting)
{
    while (waiting->drop_oldest && waiting->oldest != NULL)
        if (take_back_oldest(waiting, OUTCOME_REJECTED, "a newer session took this place"))
            return true;
    return false;
}

void waiting_tend(struct waiting *waiting)
{
    int64_t since_ns = clock_now_ns() - waiting->timeout_ns;

    forget_begun(waiting);
    if (waiting->timeout_ns == 0)
        return;
    while (waiting->oldest != NULL && waiting->oldest->accepted_ns <= since_ns)
        take_back_oldest(waiting, OUTCOME_QUEUE_TIMEOUT, "timeout");
}
