/* SPDX-License-Identifier: MIT */
/**
 * @file arrivals-internal.h
 * Futures in the order in which they complete: what as-completed iteration, unordered maps and
 * mailboxes have in common.
 *
 * Somebody expects a number of futures; each of them, once done, is appended to a list by the thread
 * that completed it; the one who expects takes them off.
 */
#ifndef POOL_ARRIVALS_INTERNAL_H
#define POOL_ARRIVALS_INTERNAL_H

#include "pool/future-internal.h"

struct arrivals;

/** One future that is expected. It lies in the memory of whoever expects it. */
struct arrival {
    struct watch watch; /* first, so that the two addresses are one */
    /* set by arrivals_expect(), then read-only */
    struct arrivals *list;
    struct ep_future *future; /**< not a reference: whoever expects it keeps one */
    struct arrival *next;     /* guarded by the list's lock */
};

/**
 * The list. One thread at a time expects and takes; any number of threads append.
 *
 * Lock order: a future's lock, then this one. Appending happens inside the future's, taking under
 * this one alone.
 */
struct arrivals {
    /**
     * Called after something was appended to an empty list, with the lock of the future held, and
     * not with this list's. NULL: wake the thread that sleeps in arrivals_take().
     */
    void (*ring)(struct arrivals *arrivals);

    struct lock lock;
    /* guarded by lock */
    struct arrival *first;
    struct arrival **end;
    _Atomic uint32_t appended; /**< how many ever, wrapping: the word the taker sleeps on */
};

void arrivals_init(struct arrivals *arrivals, void (*ring)(struct arrivals *arrivals));

/** Append it when the future is done; at once if it is. */
void arrivals_expect(struct arrivals *arrivals, struct arrival *arrival, struct ep_future *future);

/**
 * Whether it cannot arrive without the calling thread: see future_needs_caller(). The manager of a
 * process executor is needed even when the future is done, for it is who appends.
 */
bool arrival_needs_caller(const struct arrival *arrival);

/**
 * Take the first, waiting for one if there is none.
 *
 * @param deadline_ns  of the clock; NO_DEADLINE; 0: do not wait
 * @return             NULL: the time has come and there is none. Otherwise nobody else touches it
 *                     any more
 */
struct arrival *arrivals_take(struct arrivals *arrivals, int64_t deadline_ns);

/** Take all that have arrived, linked by next. NULL: none. Each is to be withdrawn before it goes. */
struct arrival *arrivals_take_all(struct arrivals *arrivals);

/**
 * Expect it no more: it will not arrive, and no other thread works on the list on its behalf. If it
 * had arrived it is still in the list, and those that arrive after it write to it: then its memory
 * must stay until all have been withdrawn, or until it has been taken.
 */
void arrival_withdraw(struct arrival *arrival);

#endif /* POOL_ARRIVALS_INTERNAL_H */
