/* SPDX-License-Identifier: MIT */
/*
 * Waiting for several futures: ep_wait(), and iterating over them as they complete.
 *
 * DESIGN
 *
 * ep_wait() looks at the futures first; if the condition is true already, it needs neither memory
 * nor a lock. Otherwise it puts a watch on each future, sleeps once, removes the watches and looks
 * again. The result always comes from looking, so the code and `done` agree; a watch only ends the
 * sleep. A worker first does its part (future_join_in): of those that must be done, it runs each that
 * has not begun; of those of which one is enough, it runs one if no other thread is at any.
 *
 * The completions are a list of arrivals (arrivals-internal.h), one for each different future.
 */
#include "pool/arrivals-internal.h"

#include "pool/clock-internal.h"

#include <errno.h>
#include <stdlib.h>

/* --- ep_wait ------------------------------------------------------------------------------- */

/** On the stack of the thread that waits. Written only by the fire functions of its watches. */
struct wait {
    enum ep_wait_for wait_for; /* read-only */
    _Atomic size_t pending;    /**< watches that have not fired */
    _Atomic uint32_t over;     /**< 1: look again. The waiter sleeps on this word */
};

struct wait_watch {
    struct watch watch; /* first, so that the two addresses are one */
    struct wait *wait;
};

/**
 * Look at all futures.
 *
 * @param done  if not NULL: set to which of them are done; a second look, so that none is missing that
 *              was done before the one that makes the condition true
 * @return      whether the condition is true
 */
static bool has_come(struct ep_future *const *futures, size_t count, enum ep_wait_for wait_for,
                     bool *done)
{
    size_t done_count = 0;
    bool failed = false;

    for (size_t i = 0; i < count; i++) {
        bool is_done = ep_future_done(futures[i]);

        done_count += is_done;
        failed |= is_done && future_has_failed(futures[i]);
    }
    for (size_t i = 0; i < count && done != NULL; i++)
        done[i] = ep_future_done(futures[i]);
    return done_count == count || (wait_for == EP_FIRST_COMPLETED && done_count > 0) ||
           (wait_for == EP_FIRST_FAILED && failed);
}

/**
 * Ask whether waiting can never end, by the rules of ep_future_result(): because of any future, if
 * all are awaited; because of all of them, if the first is awaited.
 *
 * @return 0, EP_EFORKED, -EDEADLK
 */
static int hopeless(struct ep_future *const *futures, size_t count, enum ep_wait_for wait_for)
{
    bool lost = false, needs_caller = false, others = false;

    for (size_t i = 0; i < count; i++) {
        if (future_is_lost(futures[i]))
            lost = true;
        else if (future_needs_caller(futures[i]))
            needs_caller = true;
        else if (!ep_future_done(futures[i]) || wait_for != EP_FIRST_FAILED ||
                 future_has_failed(futures[i])) /* it ends the wait, or has since we looked */
            others = true;
    }
    if (others && wait_for != EP_ALL_COMPLETED)
        return 0;
    return lost ? EP_EFORKED : needs_caller ? -EDEADLK : 0;
}

/** Do the caller's part. @return as hopeless() */
static int join_in(struct ep_future *const *futures, size_t count, enum ep_wait_for wait_for)
{
    int rc = hopeless(futures, count, wait_for);

    for (size_t i = 0; i < count && rc == -EDEADLK; i++) {
        int joined = future_join_in(futures[i]);

        if (wait_for == EP_ALL_COMPLETED && joined != 0)
            return joined;
        if (wait_for != EP_ALL_COMPLETED)
            rc = has_come(futures, count, wait_for, NULL) ? 0 : hopeless(futures, count, wait_for);
    }
    return wait_for == EP_ALL_COMPLETED && rc == -EDEADLK ? 0 : rc;
}

static void wait_fire(struct watch *watch, struct ep_future *future)
{
    struct wait *wait = ((struct wait_watch *)watch)->wait;
    bool last = atomic_fetch_sub(&wait->pending, 1) == 1;

    if (last || wait->wait_for == EP_FIRST_COMPLETED ||
        (wait->wait_for == EP_FIRST_FAILED && future_has_failed(future))) {
        atomic_store(&wait->over, 1);
        futex_wake(&wait->over, 1);
    }
}

/** Sleep until a watch sets `over`, or until the deadline. */
static void wait_sleep(struct wait *wait, int64_t deadline_ns)
{
    while (atomic_load(&wait->over) == 0) {
        if (deadline_is_over(deadline_ns))
            return;
        futex_wait(&wait->over, 0, deadline_ns);
    }
}

int ep_wait(struct ep_future *const *futures, size_t count, enum ep_wait_for wait_for,
            int64_t timeout_ns, bool *done)
{
    int64_t deadline_ns = deadline_after(timeout_ns);
    struct wait wait = {.wait_for = wait_for, .pending = count};
    struct wait_watch *watches;
    int rc;

    if ((futures == NULL && count > 0) || wait_for < EP_ALL_COMPLETED || wait_for > EP_FIRST_FAILED)
        return -EINVAL;
    if (has_come(futures, count, wait_for, done))
        return 0;
    if (timeout_ns <= 0)
        return hopeless(futures, count, wait_for) == EP_EFORKED ? EP_EFORKED : -ETIMEDOUT;
    rc = join_in(futures, count, wait_for);
    if (rc != 0)
        return rc;
    if (has_come(futures, count, wait_for, done))
        return 0;
    watches = calloc(count, sizeof *watches);
    if (watches == NULL)
        return -ENOMEM;

    for (size_t i = 0; i < count; i++) {
        watches[i] = (struct wait_watch){.watch = {.fire = wait_fire}, .wait = &wait};
        if (!future_watch(futures[i], &watches[i].watch))
            wait_fire(&watches[i].watch, futures[i]); /* it became done meanwhile */
    }
    wait_sleep(&wait, deadline_ns);
    /* From here on no watch fires, so `wait` and `watches` may go. */
    for (size_t i = 0; i < count; i++)
        future_unwatch(futures[i], &watches[i].watch);
    free(watches);
    return has_come(futures, count, wait_for, done) ? 0 : -ETIMEDOUT;
}

/* --- completions --------------------------------------------------------------------------- */

/** Used by the thread that iterates alone, except as arrivals-internal.h says. */
struct ep_completions {
    int64_t deadline_ns;
    size_t count;    /**< of slots */
    size_t left;     /**< not handed out */
    size_t earliest; /**< the slots before it have been handed out */
    struct arrivals arrivals;
    struct arrival slots[]; /**< future is a reference, and NULL once it has been handed out */
};

/** A future and its place among those that were given. */
struct numbered {
    const struct ep_future *future;
    size_t number;
};

static int compare_numbered(const void *a, const void *b)
{
    const struct numbered *left = a, *right = b;

    if (left->future != right->future)
        return (uintptr_t)left->future < (uintptr_t)right->future ? -1 : 1;
    return (left->number > right->number) - (left->number < right->number);
}

/**
 * Mark those that have come before.
 *
 * @param repeated  count places, all false
 * @return          how many are not marked; SIZE_MAX for want of memory
 */
static size_t mark_repeated(struct ep_future *const *futures, size_t count, bool *repeated)
{
    struct numbered *sorted = calloc(count + 1, sizeof *sorted);
    size_t unique = count;

    if (sorted == NULL)
        return SIZE_MAX;
    for (size_t i = 0; i < count; i++)
        sorted[i] = (struct numbered){.future = futures[i], .number = i};
    qsort(sorted, count, sizeof *sorted, compare_numbered);
    for (size_t i = 1; i < count; i++) {
        if (sorted[i].future == sorted[i - 1].future) {
            repeated[sorted[i].number] = true;
            unique--;
        }
    }
    free(sorted);
    return unique;
}

int ep_completions_new(struct ep_future *const *futures, size_t count, int64_t timeout_ns,
                       struct ep_completions **completions)
{
    int64_t deadline_ns = deadline_after(timeout_ns);
    struct ep_completions *made = NULL;
    bool *repeated;
    size_t unique;

    if ((futures == NULL && count > 0) || completions == NULL)
        return -EINVAL;
    repeated = calloc(count + 1, sizeof *repeated);
    unique = repeated != NULL ? mark_repeated(futures, count, repeated) : SIZE_MAX;
    if (unique != SIZE_MAX)
        made = calloc(1, sizeof *made + unique * sizeof made->slots[0]);
    if (made == NULL) {
        free(repeated);
        return -ENOMEM;
    }
    made->deadline_ns = deadline_ns;
    made->left = unique;
    arrivals_init(&made->arrivals, NULL);
    for (size_t i = 0; i < count; i++)
        if (!repeated[i])
            arrivals_expect(&made->arrivals, &made->slots[made->count++],
                            ep_future_ref(futures[i]));
    free(repeated);
    *completions = made;
    return 0;
}

/** Ask whether none of the remaining futures can arrive. @return 0, EP_EFORKED, -EDEADLK */
static int all_hopeless(struct ep_completions *completions)
{
    bool lost = false;

    for (size_t i = completions->earliest; i < completions->count; i++) {
        const struct arrival *slot = &completions->slots[i];

        if (slot->future == NULL)
            continue;
        if (future_is_lost(slot->future))
            lost = true;
        else if (!arrival_needs_caller(slot))
            return 0;
    }
    return lost ? EP_EFORKED : -EDEADLK;
}

/**
 * Do the caller's part for one of the futures, none of which could arrive without it.
 * @return -EDEADLK: it has none. 0: look again; one may have begun elsewhere meanwhile
 */
static int join_one(struct ep_completions *completions)
{
    for (size_t i = completions->earliest; i < completions->count; i++) {
        const struct arrival *slot = &completions->slots[i];

        if (slot->future != NULL && (!arrival_needs_caller(slot) || arrival_join_in(slot) == 0))
            return 0;
    }
    return -EDEADLK;
}

/** Find a future that is done and has not arrived. @return NULL: there is none */
static struct arrival *find_done(struct ep_completions *completions)
{
    for (size_t i = completions->earliest; i < completions->count; i++) {
        struct arrival *slot = &completions->slots[i];

        if (slot->future != NULL && ep_future_done(slot->future))
            return arrivals_take_done(&completions->arrivals, slot);
    }
    return NULL;
}

/** Ask whether all that is left was made before a fork(): then no thread completes it. */
static bool is_inherited(struct ep_completions *completions)
{
    while (completions->slots[completions->earliest].future == NULL)
        completions->earliest++;
    for (size_t i = completions->earliest; i < completions->count; i++)
        if (completions->slots[i].future != NULL &&
            future_pool_is_here(completions->slots[i].future->pool))
            return false;
    return true;
}

int ep_completions_next(struct ep_completions *completions, struct ep_future **future)
{
    struct arrival *arrival;
    int rc = 0;

    if (completions->left == 0)
        return EP_END;
    if (is_inherited(completions)) {
        arrival = NULL;
        rc = EP_EFORKED;
    } else {
        arrival = arrivals_take(&completions->arrivals, 0);
    }
    while (arrival == NULL && rc == 0 && (rc = all_hopeless(completions)) == -EDEADLK &&
           !deadline_is_over(completions->deadline_ns) && (rc = join_one(completions)) == 0)
        arrival = arrivals_take(&completions->arrivals, 0);
    if (arrival == NULL && rc == 0)
        arrival = arrivals_take(&completions->arrivals, completions->deadline_ns);
    if (arrival == NULL)
        arrival = find_done(completions);
    if (arrival == NULL)
        return rc == 0 || (rc == -EDEADLK && deadline_is_over(completions->deadline_ns))
                   ? -ETIMEDOUT
                   : rc;
    *future = arrival->future;
    arrival->future = NULL;
    completions->left--;
    return 0;
}

size_t ep_completions_left(const struct ep_completions *completions)
{
    return completions->left;
}

void ep_completions_free(struct ep_completions *completions)
{
    if (completions == NULL)
        return;
    for (size_t i = completions->earliest; i < completions->count; i++) {
        struct arrival *slot = &completions->slots[i];

        if (slot->future == NULL)
            continue;
        arrival_withdraw(slot);
        ep_future_unref(slot->future);
    }
    free(completions);
}
