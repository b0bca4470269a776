/* SPDX-License-Identifier: MIT */
/*
 * Futures in the order in which they complete: see arrivals-internal.h.
 *
 * DESIGN
 *
 * No wake-up is lost. The taker sees the empty list and reads `appended` under one holding of the
 * list's lock, and sleeps only while `appended` has that value. A later appender changes the value
 * first and wakes second.
 *
 * A future is done a moment before it is appended, on a process executor until its manager has come
 * to it. So a taker that is about to give up, at its deadline or because it is itself the manager,
 * also looks at the futures that it expects (arrivals_take_done).
 *
 * No freed memory is used. An appender uses the arrival and the list only while it holds the list's
 * lock, also when it rings; after releasing it, it uses no more than the address of `appended`. The
 * taker needs the same lock to see the arrival, so once it has it, both may be freed. (The future's
 * lock would not do: a future that is done already is appended without it.)
 */
#include "pool/arrivals-internal.h"

#include "pool/clock-internal.h"
#include "pool/self-internal.h"

#include <errno.h>

void arrivals_init(struct arrivals *arrivals, void (*ring)(struct arrivals *arrivals))
{
    *arrivals = (struct arrivals){.ring = ring};
    arrivals->end = &arrivals->first;
}

static void arrivals_append(struct arrivals *arrivals, struct arrival *arrival)
{
    bool was_empty, wakes;

    lock_acquire(&arrivals->lock);
    was_empty = arrivals->first == NULL; /* if not, the thread that found it empty has rung */
    wakes = was_empty && arrivals->ring == NULL;
    arrival->next = NULL;
    *arrivals->end = arrival;
    arrivals->end = &arrival->next;
    atomic_fetch_add(&arrivals->appended, 1);
    if (was_empty && !wakes)
        arrivals->ring(arrivals);
    lock_release(&arrivals->lock);
    /* From here on the arrival and the list may be gone. */
    if (wakes)
        futex_wake(&arrivals->appended, 1);
}

/** Append a future that is done. Called by the thread that completed it, with its lock held. */
static void arrival_fire(struct watch *watch, struct ep_future *future)
{
    struct arrival *arrival = (struct arrival *)watch;

    (void)future;
    arrivals_append(arrival->list, arrival);
}

void arrivals_expect(struct arrivals *arrivals, struct arrival *arrival, struct ep_future *future)
{
    *arrival = (struct arrival){
        .watch = {.fire = arrival_fire},
        .list = arrivals,
        .future = future,
    };
    if (!future_watch(future, &arrival->watch))
        arrivals_append(arrivals, arrival);
}

bool arrival_needs_caller(const struct arrival *arrival)
{
    return self_manages(arrival->future->executor) || future_needs_caller(arrival->future);
}

int arrival_join_in(const struct arrival *arrival)
{
    /* What the manager has completed arrives when it goes on, so it must not wait at all. */
    return self_manages(arrival->future->executor) ? -EDEADLK : future_join_in(arrival->future);
}

struct arrival *arrivals_take(struct arrivals *arrivals, int64_t deadline_ns)
{
    for (;;) {
        struct arrival *arrival;
        uint32_t appended;

        lock_acquire(&arrivals->lock);
        arrival = arrivals->first;
        if (arrival != NULL && (arrivals->first = arrival->next) == NULL)
            arrivals->end = &arrivals->first;
        appended = atomic_load(&arrivals->appended);
        lock_release(&arrivals->lock);
        if (arrival != NULL)
            return arrival;
        if (deadline_is_over(deadline_ns))
            return NULL;
        futex_wait(&arrivals->appended, appended, deadline_ns);
    }
}

struct arrival *arrivals_take_done(struct arrivals *arrivals, struct arrival *arrival)
{
    if (!future_pool_is_here(arrival->future->pool))
        return arrival; /* after fork() no other thread has it, but the list's lock may be held */
    /* If the watch has fired, which is waited for, the arrival is in the list. */
    return future_unwatch(arrival->future, &arrival->watch) ? arrival : arrivals_take(arrivals, 0);
}

struct arrival *arrivals_take_all(struct arrivals *arrivals)
{
    struct arrival *first;

    lock_acquire(&arrivals->lock);
    first = arrivals->first;
    arrivals->first = NULL;
    arrivals->end = &arrivals->first;
    lock_release(&arrivals->lock);
    return first;
}

void arrival_withdraw(struct arrival *arrival)
{
    future_unwatch(arrival->future, &arrival->watch);
}
