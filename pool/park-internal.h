/* SPDX-License-Identifier: MIT */
/**
 * @file park-internal.h
 * How threads of the library wait: a lock, and lists of parked threads. Both sit on futex(2).
 *
 * Why not pthread condition variables: glibc before 2.41 may lose a wake-up when several threads
 * wait on one of them (glibc bug 25847), and a lost wake-up here is a program that hangs. Each
 * parked thread has a word of its own instead, so a wake-up always has exactly one addressee.
 *
 * Waiting without losing the wake-up takes three steps, in this order:
 *
 *     the waiter                            the notifier
 *     1. waitlist_join                      1. make the condition true
 *     2. look at the condition again        2. waitlist_wake_one, which looks at the count
 *     3. waiter_sleep, or waitlist_leave
 *
 * Each side writes first and reads the other's word second, all four with sequential consistency,
 * so at least one of them sees what the other wrote: the waiter the condition, or the notifier the
 * waiter. (Release and acquire would not do: both reads could then miss.)
 */
#ifndef POOL_PARK_INTERNAL_H
#define POOL_PARK_INTERNAL_H

#include "pool/clock-internal.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/** What two cores do not share without slowing one another down. */
#define CACHE_LINE 64

/** What cannot happen unless the library is broken. Stays on in every build. */
#define EP_ASSERT(condition)                                                                       \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

/* --- futex(2) ------------------------------------------------------------------------------ */

/** Wait while *word is `expected`, not beyond `deadline_ns` of CLOCK_MONOTONIC. May return early. */
void futex_wait(const _Atomic uint32_t *word, uint32_t expected, int64_t deadline_ns);
/** Wake up to `threads` threads that wait on the word. It need not exist any more. */
void futex_wake(const _Atomic uint32_t *word, int threads);

/* --- lock ---------------------------------------------------------------------------------- */

/**
 * A mutual exclusion lock of four bytes. Zero is unlocked; it needs no clean-up.
 * 0 free, 1 held, 2 held and somebody may sleep (Ulrich Drepper, "Futexes are tricky", mutex 2).
 */
struct lock {
    _Atomic uint32_t word;
};

void lock_acquire_slowly(struct lock *lock);

static inline void lock_acquire(struct lock *lock)
{
    uint32_t free_word = 0;

    if (!atomic_compare_exchange_strong_explicit(&lock->word, &free_word, 1, memory_order_acquire,
                                                 memory_order_relaxed))
        lock_acquire_slowly(lock);
}

static inline void lock_release(struct lock *lock)
{
    if (atomic_exchange_explicit(&lock->word, 0, memory_order_release) == 2)
        futex_wake(&lock->word, 1);
}

/* --- parked threads ------------------------------------------------------------------------ */

/** One thread that waits, or may soon. It lives on that thread's stack or in its worker. */
struct waiter {
    _Atomic uint32_t woken; /**< 1: a notifier has chosen this thread */
    /* guarded by the list's lock */
    struct waiter *next, *previous;
    bool listed;
};

/** Threads that wait for one condition. Zero is an empty list; it needs no clean-up. */
struct waitlist {
    _Atomic uint32_t count; /**< how many are listed; written under the lock, read without */
    struct lock lock;
    /* guarded by lock */
    struct waiter *first, *last;
};

/** At which end a thread joins. The first is woken first. */
enum waitlist_end { WAITLIST_FIRST, WAITLIST_LAST };

/** Step 1: from now on a notifier may choose this thread. */
void waitlist_join(struct waitlist *list, struct waiter *waiter, enum waitlist_end end);

/**
 * Step 3 where the condition is true already, or the time is up.
 *
 * @return true   the thread was still listed, nobody has woken it
 *         false  a notifier has chosen it: a wake-up was spent on this thread
 */
bool waitlist_leave(struct waitlist *list, struct waiter *waiter);

/** Step 3: sleep until chosen. @return false where the deadline came first; then leave the list */
bool waiter_sleep(struct waiter *waiter, int64_t deadline_ns);

/**
 * All three steps: sleep unless the condition is true.
 *
 * @param is_so  the condition; called without a lock
 * @return       false where the deadline came first. True says only that it is worth looking again
 */
bool waitlist_sleep(struct waitlist *list, struct waiter *waiter, enum waitlist_end end,
                    bool (*is_so)(void *context), void *context, int64_t deadline_ns);

/** The same, until the condition is true. @return false where the deadline came first */
bool waitlist_await(struct waitlist *list, bool (*is_so)(void *context), void *context,
                    int64_t deadline_ns);

/** Take the first thread off the list, if there is one. The caller wakes it by waiter_wake(). */
struct waiter *waitlist_pop(struct waitlist *list);
void waiter_wake(struct waiter *waiter);

/** Wake the first thread, if there is one. Costs one load where there is none. */
static inline void waitlist_wake_one(struct waitlist *list)
{
    struct waiter *waiter;

    if (atomic_load(&list->count) > 0 && (waiter = waitlist_pop(list)) != NULL)
        waiter_wake(waiter);
}

/** Wake all threads that are listed now. */
static inline void waitlist_wake_all(struct waitlist *list)
{
    struct waiter *waiter;

    while (atomic_load(&list->count) > 0 && (waiter = waitlist_pop(list)) != NULL)
        waiter_wake(waiter);
}

/** Tell the core that this is a loop that waits. */
static inline void spin_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#endif /* POOL_PARK_INTERNAL_H */
