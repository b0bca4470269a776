/* SPDX-License-Identifier: MIT */
/*
 * Taking back sessions that wait for a worker: see waiting.h.
 *
 * DESIGN. In the list the oldest session is first. Workers begin sessions in the same order, so those that have
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
};

void waiting_init(struct waiting *waiting, const struct model_settings *settings)
{
    *waiting = (struct waiting){
        .drop_oldest = settings->on_full == ON_FULL_DROP_OLDEST,
        .timeout_ns = settings->queue_timeout_ns,
        .shared = settings->shared,
    };
    waiting->end = &waiting->oldest;
}

static int nothing(struct ep_task *task)
{
    (void)task;
    return 0;
}

int waiting_prepare(struct waiting *waiting, struct ep_executor *executor)
{
    const struct ep_submit_options options = {.expires_ns = EP_FOREVER - 1};

    return waiting->timeout_ns == 0 ? 0
                                    : ep_submit_with(executor, nothing, NULL, 0, &options, NULL);
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

static void turn_away(struct session *session, enum outcome outcome, const char *words)
{
    char why[MODEL_WHY_MAX];

    snprintf(why, sizeof why, "%s: waited %.1f s", words,
             (double)(clock_now_ns() - session->entry.accepted_ns) / 1e9);
    session_turn_away(session, outcome, why);
}

/* Take back the oldest and reject it, unless a worker is faster. @return whether it was taken */
static bool take_back_oldest(struct waiting *waiting)
{
    bool taken = ep_future_cancel(waiting->oldest->future) == 0;

    if (taken)
        turn_away(waiting->oldest->session, OUTCOME_REJECTED, "a newer session took this place");
    forget_oldest(waiting);
    return taken;
}

int waiting_submit(struct waiting *waiting, struct ep_executor *executor, struct session *session,
                   ep_task_fn fn, const void *input, size_t size,
                   const struct ep_submit_options *options, struct ep_future **future)
{
    struct ep_submit_options with = *options;
    struct waiting_one *one;
    int rc;

    if (waiting->timeout_ns > 0)
        with.expires_ns = session->entry.accepted_ns + waiting->timeout_ns;
    else if (!waiting->drop_oldest)
        with.on_drop = NULL; /* it would cost a future */
    if (!waiting->drop_oldest)
        return ep_submit_with(executor, fn, input, size, &with, future);
    forget_begun(waiting);
    one = malloc(sizeof *one);
    if (one == NULL)
        return -ENOMEM;
    /* Once submitted, the session may be a worker's, and may end. */
    *one = (struct waiting_one){.session = session};
    rc = ep_submit_with(executor, fn, input, size, &with, &one->future);
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
        if (take_back_oldest(waiting))
            return true;
    return false;
}

bool waiting_dropped(struct waiting *waiting, struct session *session, int reason)
{
    if (reason == EP_EXPIRED) {
        session->next_late = atomic_load(&waiting->late);
        while (!atomic_compare_exchange_weak(&waiting->late, &session->next_late, session))
            ;
        shared_wake(waiting->shared); /* it may be gone by now */
    }
    return reason == EP_EXPIRED || reason == EP_ECANCELLED;
}

void waiting_tend(struct waiting *waiting)
{
    struct session *late = atomic_exchange(&waiting->late, NULL), *first = NULL, *next;

    forget_begun(waiting);
    for (; late != NULL; late = next) { /* the stack has the latest first */
        next = late->next_late;
        late->next_late = first;
        first = late;
    }
    for (; first != NULL; first = next) {
        next = first->next_late;
        turn_away(first, OUTCOME_QUEUE_TIMEOUT, "timeout");
    }
}
