/* SPDX-License-Identifier: MIT */
/**
 * @file park-internal.h
 * How threads of the library wait: a lock, and lists of parked threads, both on futex(2).
 *
 * Why not pthread condition variables: glibc before 2.41 may lose a wake-up when several threads
 * wait on one of them (glibc bug 25847), and the program then hangs. Here each parked thread has a
 * word of its own, so every wake-up goes to exactly one thread.
 *
 * Waiting without losing a wake-up takes three steps, in this order:
 *
 *     the waiter                            the notifier
 *     1. waitlist_join                      1. make the condition true
 *     2. look at the condition again        2. waitlist_wake_one, which looks at the count
 *     3. waiter_sleep, or waitlist_leave
 *
 * Each side writes first and reads the other's word second, all four with sequential consistency.
 * So at least one side sees what the other wrote: the waiter sees the condition, or the notifier
 * sees the waiter. (Release and acquire are too weak: both reads could then miss.)
 */
#ifndef POOL_PARK_INTERNAL_H
#define POOL_PARK_INTERNAL_H

#include "pool/clock-internal.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/** Two cores that write within this many bytes slow one another down. */
#define CACHE_LINE 64

/** Assert what only a bug in the library can make false. Stays on in every build. */
#define EP_ASSERT(condition)                                                                       \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

/**
 * A function that few tasks need. Inlined, it would cost its registers and its stack on the way of
 * every task.
 */
#define OUT_OF_LINE __attribute__((noinline))

/* --- futex(2) ------------------------------------------------------------------------------ */

/** Wait while *word is `expected`, but not beyond the deadline. May return early. */
void futex_wait(const _Atomic uint32_t *word, uint32_t expected, int64_t deadline_ns);
/** Wake up to `threads` threads that wait on the word, whose memory may have been freed. */
void futex_wake(const _Atomic uint32_t *word, int threads);

/* --- lock ---------------------------------------------------------------------------------- */

/**
 * A mutual exclusion lock of four bytes. It needs no clean-up. 0: free, as after zeroing; 1: held;
 * 2: held, and threads may sleep on it (Ulrich Drepper, "Futexes are tricky", mutex 2).
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

/** A thread that waits or is about to. It lies on that thread's stack or in its worker. */
struct waiter {
    _Atomic uint32_t woken; /**< 1: a notifier has chosen this thread */
    /* guarded by the list's lock */
    struct waiter *next, *previous;
    bool listed;
};

/** Threads that wait for one condition. A zeroed list is empty; it needs no clean-up. */
struct waitlist {
    _Atomic uint32_t count; /**< listed threads; written under the lock, read without */
    struct lock lock;
    /* guarded by lock */
    struct waiter *first, *last;
};

/** The end at which a thread joins. The first thread is woken first. */
enum waitlist_end { WAITLIST_FIRST, WAITLIST_LAST };

/** Step 1: join the list. From now on a notifier may choose this thread. */
void waitlist_join(struct waitlist *list, struct waiter *waiter, enum waitlist_end end);

/**
 * Step 3 if the condition is true already, or after the deadline: leave the list.
 *
 * @return true   the thread was still listed: no notifier has chosen it
 *         false  a notifier has chosen it: a wake-up was spent on this thread
 */
bool waitlist_leave(struct waitlist *list, struct waiter *waiter);

/** Step 3: sleep until chosen. @return false after the deadline; then leave the list */
bool waiter_sleep(struct waiter *waiter, int64_t deadline_ns);

/**
 * Do all three steps: sleep unless the condition is true.
 *
 * @param is_so  the condition; called without a lock
 * @return       false after the deadline; true: the condition may be true, look again
 */
bool waitlist_sleep(struct waitlist *list, struct waiter *waiter, enum waitlist_end end,
                    bool (*is_so)(void *context), void *context, int64_t deadline_ns);

/** The same, until the condition is true. @return false if the deadline came first */
bool waitlist_await(struct waitlist *list, bool (*is_so)(void *context), void *context,
                    int64_t deadline_ns);

/** Take the first thread off the list, if there is one. The caller must call waiter_wake(). */
struct waiter *waitlist_pop(struct waitlist *list);
void waiter_wake(struct waiter *waiter);

/** Wake the first thread, if there is one. Costs one load if the list is empty. */
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

/** Hint to the CPU that this is a waiting loop. */
static inline void spin_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#endif /* POOL_PARK_INTERNAL_H */
