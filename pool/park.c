/* SPDX-License-Identifier: MIT */
/* Locks and parked threads on futex(2): park-internal.h says how they are used. */
#include "pool/park-internal.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

/** Looks at a busy lock before sleeping on it. Locks are held for tens of instructions. */
#define LOCK_SPINS 60

/*
 * On a 32-bit machine SYS_futex takes a time of 32 bits, whatever time_t has: with 64 it would read a
 * deadline of nonsense and return at once, again and again.
 */
#ifdef SYS_futex_time64
#    define FUTEX_CALL SYS_futex_time64
struct futex_time {
    int64_t seconds, nanoseconds;
};
#else
#    define FUTEX_CALL SYS_futex
struct futex_time {
    long seconds, nanoseconds;
};
#endif

void futex_wait(const _Atomic uint32_t *word, uint32_t expected, int64_t deadline_ns)
{
    /* Unlike FUTEX_WAIT, FUTEX_WAIT_BITSET takes an absolute time of CLOCK_MONOTONIC. */
    struct timespec time = timespec_of(deadline_ns);
    struct futex_time deadline = {time.tv_sec, time.tv_nsec};
    int saved = errno;

    if (deadline_ns > 0)
        syscall(FUTEX_CALL, word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, expected,
                deadline_ns == NO_DEADLINE ? NULL : &deadline, NULL, FUTEX_BITSET_MATCH_ANY);
    errno = saved; /* EAGAIN, EINTR, ETIMEDOUT: the caller looks at the word and the clock */
}

void futex_wake(const _Atomic uint32_t *word, int threads)
{
    int saved = errno;

    syscall(FUTEX_CALL, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, threads, NULL, NULL, 0);
    errno = saved; /* EFAULT: the word's memory is gone, and so is its waiter */
}

void lock_acquire_slowly(struct lock *lock)
{
    for (int i = 0; i < LOCK_SPINS; i++) {
        uint32_t free_word = 0;

        spin_pause();
        if (atomic_load_explicit(&lock->word, memory_order_relaxed) == 0 &&
            atomic_compare_exchange_weak_explicit(&lock->word, &free_word, 1, memory_order_acquire,
                                                  memory_order_relaxed))
            return;
    }
    /* From here on the word is 2, also while this thread holds the lock: others may sleep. */
    while (atomic_exchange_explicit(&lock->word, 2, memory_order_acquire) != 0)
        futex_wait(&lock->word, 2, NO_DEADLINE);
}

/** Put the waiter between two neighbours, either of which may be missing. */
static void link_between(struct waitlist *list, struct waiter *waiter, struct waiter *previous,
                         struct waiter *next)
{
    waiter->previous = previous;
    waiter->next = next;
    *(previous ? &previous->next : &list->first) = waiter;
    *(next ? &next->previous : &list->last) = waiter;
    waiter->listed = true;
}

static void unlink_waiter(struct waitlist *list, struct waiter *waiter)
{
    *(waiter->previous ? &waiter->previous->next : &list->first) = waiter->next;
    *(waiter->next ? &waiter->next->previous : &list->last) = waiter->previous;
    waiter->listed = false;
}

void waitlist_join(struct waitlist *list, struct waiter *waiter, enum waitlist_end end)
{
    atomic_store_explicit(&waiter->woken, 0, memory_order_relaxed);
    lock_acquire(&list->lock);
    if (end == WAITLIST_FIRST)
        link_between(list, waiter, NULL, list->first);
    else
        link_between(list, waiter, list->last, NULL);
    atomic_fetch_add(&list->count, 1); /* sequentially consistent: step 1 of the waiter */
    lock_release(&list->lock);
}

bool waitlist_leave(struct waitlist *list, struct waiter *waiter)
{
    bool listed;

    lock_acquire(&list->lock);
    listed = waiter->listed;
    if (listed) {
        unlink_waiter(list, waiter);
        atomic_fetch_sub(&list->count, 1);
    }
    lock_release(&list->lock);
    /* The notifier that took this waiter off the list will write `woken`: stay until it has. */
    if (!listed)
        waiter_sleep(waiter, NO_DEADLINE);
    return listed;
}

bool waiter_sleep(struct waiter *waiter, int64_t deadline_ns)
{
    while (atomic_load_explicit(&waiter->woken, memory_order_acquire) == 0) {
        futex_wait(&waiter->woken, 0, deadline_ns);
        if (atomic_load(&waiter->woken) == 0 && deadline_is_over(deadline_ns))
            return false;
    }
    return true;
}

bool waitlist_sleep(struct waitlist *list, struct waiter *waiter, enum waitlist_end end,
                    bool (*is_so)(void *context), void *context, int64_t deadline_ns)
{
    waitlist_join(list, waiter, end);
    if (is_so(context)) {
        waitlist_leave(list, waiter);
        return true;
    }
    return waiter_sleep(waiter, deadline_ns) || !waitlist_leave(list, waiter);
}

bool waitlist_await(struct waitlist *list, bool (*is_so)(void *context), void *context,
                    int64_t deadline_ns)
{
    struct waiter waiter;

    while (!is_so(context))
        if (!waitlist_sleep(list, &waiter, WAITLIST_LAST, is_so, context, deadline_ns))
            return is_so(context);
    return true;
}

struct waiter *waitlist_pop(struct waitlist *list)
{
    struct waiter *waiter;

    lock_acquire(&list->lock);
    waiter = list->first;
    if (waiter != NULL) {
        unlink_waiter(list, waiter);
        atomic_fetch_sub(&list->count, 1);
    }
    lock_release(&list->lock);
    return waiter;
}

void waiter_wake(struct waiter *waiter)
{
    /* After the store the waiter may be gone; its address may still go to the kernel. */
    atomic_store_explicit(&waiter->woken, 1, memory_order_release);
    futex_wake(&waiter->woken, 1);
}
