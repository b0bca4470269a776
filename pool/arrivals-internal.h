/* SPDX-License-Identifier: MIT */
/**
 * @file arrivals-internal.h
 * Futures in the order in which they complete, for as-completed iteration, unordered maps and
 * mailboxes.
 *
 * One thread expects a number of futures. The thread that completes one of them appends it to a
 * list, and the first thread takes them off the list.
 */
#ifndef POOL_ARRIVALS_INTERNAL_H
#define POOL_ARRIVALS_INTERNAL_H

#include "pool/future-internal.h"

struct arrivals;

/** One expected future. It lies in the memory of the thread that expects it. */
struct arrival {
    struct watch watch; /* first, so that the two addresses are one */
    /* set by arrivals_expect(), then read-only */
    struct arrivals *list;
    struct ep_future *future; /**< not a reference: the thread that expects it holds one */
    struct arrival *next;     /* guarded by the list's lock */
};

/**
 * The list. One thread at a time expects and takes; any thread may append.
 *
 * Lock order: a future's lock, then this one. Appending and taking happen under this one.
 */
struct arrivals {
    /**
     * Called after an arrival was appended to an empty list, with the list's lock held. NULL: wake
     * the thread that sleeps in arrivals_take().
     */
    void (*ring)(struct arrivals *arrivals);

    struct lock lock;
    /* guarded by lock */
    struct arrival *first;
    struct arrival **end;
    _Atomic uint32_t appended; /**< arrivals ever appended; may wrap. The taker sleeps on it */
};

void arrivals_init(struct arrivals *arrivals, void (*ring)(struct arrivals *arrivals));

/** Append the arrival when the future is done; at once if it is done already. */
void arrivals_expect(struct arrivals *arrivals, struct arrival *arrival, struct ep_future *future);

/**
 * Ask whether it cannot arrive without the calling thread: see future_needs_caller(). The manager
 * of a process executor is needed even when the future is done, because it appends.
 */
bool arrival_needs_caller(const struct arrival *arrival);

/** Do the caller's part for such a one. @return 0, or -EDEADLK: it has none */
int arrival_join_in(const struct arrival *arrival);

/**
 * Take the first arrival, and wait if there is none.
 *
 * @param deadline_ns  of the clock; NO_DEADLINE; 0: do not wait
 * @return             the arrival, which no other thread uses any more; NULL: none by the deadline
 */
struct arrival *arrivals_take(struct arrivals *arrivals, int64_t deadline_ns);

/**
 * Take an arrival whose future is done, although the thread that completed it may not have appended
 * it yet; or, if that has been appended, the first one.
 */
struct arrival *arrivals_take_done(struct arrivals *arrivals, struct arrival *arrival);

/** Take all arrivals, linked by next. NULL: none. No other thread uses them any more. */
struct arrival *arrivals_take_all(struct arrivals *arrivals);

/**
 * Stop expecting a future: it will not arrive, and no other thread uses the list on its behalf. If
 * it has arrived it is still in the list, and later arrivals write to it: its memory must stay
 * until all have been withdrawn, or until it has been taken.
 */
void arrival_withdraw(struct arrival *arrival);

#endif /* POOL_ARRIVALS_INTERNAL_H */
