/* SPDX-License-Identifier: MIT */
/**
 * @file clock.h
 * The clock that both programs measure with, the wall clock, and times in the form of system calls.
 */
#ifndef COMMON_CLOCK_H
#define COMMON_CLOCK_H

#include <stdint.h>
#include <sys/time.h>
#include <time.h>

#define SECOND_NS INT64_C(1000000000)
#define HOUR_NS   (3600 * SECOND_NS)

/** Nanoseconds of CLOCK_MONOTONIC. Only differences mean anything. */
static inline int64_t clock_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail: the clock exists, the pointer is good */
    return (int64_t)now.tv_sec * SECOND_NS + now.tv_nsec;
}

/** Nanoseconds since 1970, by the wall clock of this machine. It may jump: not for measuring. */
static inline int64_t clock_wall_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now); /* cannot fail, as above */
    return (int64_t)now.tv_sec * SECOND_NS + now.tv_nsec;
}

/** Convert nanoseconds for a system call. A negative time, one that has passed, becomes 0. */
static inline struct timespec clock_timespec(int64_t ns)
{
    if (ns <= 0)
        return (struct timespec){0};
    return (struct timespec){(time_t)(ns / SECOND_NS), (long)(ns % SECOND_NS)};
}

/** The same for timers of libevent. */
static inline struct timeval clock_timeval(int64_t ns)
{
    struct timespec time = clock_timespec(ns);
    return (struct timeval){time.tv_sec, time.tv_nsec / 1000};
}

#endif /* COMMON_CLOCK_H */
