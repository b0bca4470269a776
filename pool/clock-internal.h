/* SPDX-License-Identifier: MIT */
/**
 * @file clock-internal.h
 * CLOCK_MONOTONIC in nanoseconds: ep_now_ns(), timeouts and deadlines.
 */
#ifndef POOL_CLOCK_INTERNAL_H
#define POOL_CLOCK_INTERNAL_H

#include "pool/echopool.h"

#include <time.h>

#define SECOND_NS      EP_SECONDS(1)
#define MILLISECOND_NS EP_MILLISECONDS(1)

/** As a deadline: none. */
#define NO_DEADLINE INT64_MAX

/** Turn a timeout, which counts from now, into a time of the clock, or NO_DEADLINE. */
int64_t deadline_after(int64_t timeout_ns);

/** Ask whether the deadline has passed. NO_DEADLINE is answered without reading the clock. */
static inline bool deadline_is_over(int64_t deadline_ns)
{
    return deadline_ns != NO_DEADLINE && ep_now_ns() >= deadline_ns;
}

/** Convert nanoseconds for a system call. */
static inline struct timespec timespec_of(int64_t ns)
{
    int64_t seconds = ns / SECOND_NS;

    /* time_t may have 32 bits. Callers look at the clock again after 68 years. */
    return (struct timespec){.tv_sec = (time_t)(seconds < INT32_MAX ? seconds : INT32_MAX),
                             .tv_nsec = (long)(ns % SECOND_NS)};
}

#endif /* POOL_CLOCK_INTERNAL_H */
