/* SPDX-License-Identifier: MIT */
/**
 * @file clock.h
 * The one clock that both programs measure with, the other one, which people read, and times as
 * system calls want them.
 */
#ifndef COMMON_CLOCK_H
#define COMMON_CLOCK_H

#include <stdint.h>
#include <time.h>

/** Nanoseconds of CLOCK_MONOTONIC. Only differences mean anything. */
static inline int64_t clock_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC,
                  &now); /* cannot fail: the clock exists and the pointer is good */
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/** Nanoseconds since 1970, as far as this machine knows. May jump; not for measuring. */
static inline int64_t clock_wall_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now); /* cannot fail, as above */
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/** Nanoseconds for a system call; nothing where they are negative, a time that is over. */
static inline struct timespec clock_timespec(int64_t ns)
{
    return ns > 0 ? (struct timespec){ns / 1000000000, ns % 1000000000} : (struct timespec){0};
}

#endif /* COMMON_CLOCK_H */
