/* SPDX-License-Identifier: MIT */
/*
 * Futures in the order in which they complete: see arrivals-internal.h.
 *
 * DESIGN
 *
 * No wake-up is lost, because looking and counting happen under the list's lock: the taker sees the
 * list empty and reads `appended` in one holding of it, then sleeps only while `appended` has that
 * value. An appender that comes later changes the value first and wakes second.
 *
 * Nothing is touched after it has gone. An appender works with its future's lock held until it is
 * quite done with both the arrival and the list. The taker takes the watch back before it hands the
 * arrival out, which goes through the same lock, and so waits for the appender to leave.
 */
#include "pool/arrivals-internal.h"

#include "pool/clock-internal.h"
#include "pool/self-internal.h"

void arrivals_init(struct arrivals *arrivals, void (*ring)(struct arrivals *arrivals))
{
    *arrivals = (struct arrivals){.ring = ring};
    arrivals->end = &arrivals->first;
}

static void arrivals_append(struct arrivals *arrivals, struct arrival *arrival)
{
    bool was_empty;

    lock_acquire(&arrivals->lock);
    was_empty = arrivals->first == NULL;
    arrival->next = NULL;
    *arrivals->end = arrival;
    arrivals->end = &arrival->next;
    atomic_fetch_add(&arrivals->appended, 1);
    lock_release(&arrivals->lock);
    if (!was_empty)
        return; /* whoever found it empty has told, or is about to */
    if (arrivals->ring != NULL)
        arrivals->ring(arrivals);
    else
        futex_wake(&arrivals->appended, 1);
}

/** The future is done: called by the thread that completed it, with its lock held. */
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
        if (arrival != NULL) {
            arrival_withdraw(arrival);
            return arrival;
        }
        if (deadline_is_over(deadline_ns))
            return NULL;
        futex_wait(&arrivals->appended, appended, deadline_ns);
    }
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
