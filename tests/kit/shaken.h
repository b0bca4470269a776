/* SPDX-License-Identifier: MIT */
/**
 * @file shaken.h
 * Races made likely. Where a compiler includes this before each source (gcc -include), every atomic access has
 * a point before and after it at which the thread may stop for a moment. So what other threads can do
 * between two accesses they do within minutes, and not once in a year: see scripts/check-shaken.
 *
 * A point calls no function that tests replace, changes no errno, and is no cancellation point.
 */
#ifndef TESTS_KIT_SHAKEN_H
#define TESTS_KIT_SHAKEN_H

#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>

/** Of this number of points a thread stops at one, and of this number of stops one is long. */
#define SHAKEN_POINTS 48
#define SHAKEN_LONG   16

/** A generator of random numbers (Marsaglia's xorshift). It begins with an address, another in each run. */
static __thread uint32_t shaken_random;

static __attribute__((unused, noinline)) void shaken_stop(uint32_t random)
{
    volatile uint32_t turns = random % SHAKEN_LONG == 0 ? random / SHAKEN_LONG % 0x20000 : 0;

    sched_yield();
    while (turns > 0) /* no sleep: that is a cancellation point */
        turns--;
}

static inline __attribute__((unused)) void shaken_point(void)
{
    uint32_t random = shaken_random;

    if (random == 0)
        random = (uint32_t)((uintptr_t)&shaken_random >> 4) | 1;
    random ^= random << 13;
    random ^= random >> 17;
    random ^= random << 5;
    shaken_random = random;
    if (random % SHAKEN_POINTS == 0)
        shaken_stop(random / SHAKEN_POINTS);
}

#define SHAKEN(access)                                                                             \
    __extension__({                                                                                \
        shaken_point();                                                                            \
        __auto_type shaken_value = (access);                                                       \
        shaken_point();                                                                            \
        shaken_value;                                                                              \
    })
#define SHAKEN_IN_ORDER __ATOMIC_SEQ_CST

#undef atomic_load_explicit
#undef atomic_load
#define atomic_load_explicit(object, order) SHAKEN(__atomic_load_n(object, order))
#define atomic_load(object)                 atomic_load_explicit(object, SHAKEN_IN_ORDER)

#undef atomic_store_explicit
#undef atomic_store
#define atomic_store_explicit(object, value, order)                                                \
    ((void)SHAKEN((__atomic_store_n(object, value, order), 0)))
#define atomic_store(object, value) atomic_store_explicit(object, value, SHAKEN_IN_ORDER)

#undef atomic_exchange_explicit
#undef atomic_exchange
#define atomic_exchange_explicit(object, value, order)                                             \
    SHAKEN(__atomic_exchange_n(object, value, order))
#define atomic_exchange(object, value) atomic_exchange_explicit(object, value, SHAKEN_IN_ORDER)

#undef atomic_fetch_add_explicit
#undef atomic_fetch_add
#define atomic_fetch_add_explicit(object, value, order)                                            \
    SHAKEN(__atomic_fetch_add(object, value, order))
#define atomic_fetch_add(object, value) atomic_fetch_add_explicit(object, value, SHAKEN_IN_ORDER)

#undef atomic_fetch_sub_explicit
#undef atomic_fetch_sub
#define atomic_fetch_sub_explicit(object, value, order)                                            \
    SHAKEN(__atomic_fetch_sub(object, value, order))
#define atomic_fetch_sub(object, value) atomic_fetch_sub_explicit(object, value, SHAKEN_IN_ORDER)

#undef atomic_fetch_or_explicit
#undef atomic_fetch_or
#define atomic_fetch_or_explicit(object, value, order)                                             \
    SHAKEN(__atomic_fetch_or(object, value, order))
#define atomic_fetch_or(object, value) atomic_fetch_or_explicit(object, value, SHAKEN_IN_ORDER)

#undef atomic_fetch_and_explicit
#undef atomic_fetch_and
#define atomic_fetch_and_explicit(object, value, order)                                            \
    SHAKEN(__atomic_fetch_and(object, value, order))
#define atomic_fetch_and(object, value) atomic_fetch_and_explicit(object, value, SHAKEN_IN_ORDER)

#undef atomic_compare_exchange_strong_explicit
#undef atomic_compare_exchange_strong
#define atomic_compare_exchange_strong_explicit(object, expected, value, order, failed)            \
    SHAKEN(__atomic_compare_exchange_n(object, expected, value, 0, order, failed))
#define atomic_compare_exchange_strong(object, expected, value)                                    \
    atomic_compare_exchange_strong_explicit(object, expected, value, SHAKEN_IN_ORDER,              \
                                            SHAKEN_IN_ORDER)

#undef atomic_compare_exchange_weak_explicit
#undef atomic_compare_exchange_weak
#define atomic_compare_exchange_weak_explicit(object, expected, value, order, failed)              \
    SHAKEN(__atomic_compare_exchange_n(object, expected, value, 1, order, failed))
#define atomic_compare_exchange_weak(object, expected, value)                                      \
    atomic_compare_exchange_weak_explicit(object, expected, value, SHAKEN_IN_ORDER, SHAKEN_IN_ORDER)

#endif /* TESTS_KIT_SHAKEN_H */
