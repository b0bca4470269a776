/* SPDX-License-Identifier: MIT */
/**
 * @file service-time.h
 * How long an echo is made to take (--delay, --burn): always the same, or drawn anew for each.
 *
 * Drawn times are exponentially distributed, which is the M of M/M/m: queueing theory has exact
 * formulas for them, and a picture can have the measured points on the computed curve.
 *
 * Each session draws from a sequence of its own, which begins with its number. So a run can be
 * repeated: session 7 has the same service times every time, but for the last digit of a logarithm,
 * whoever serves it and whatever the others do.
 *
 * Threads: the functions are pure but for the caller's state. Nothing is locked or allocated, and
 * the system is not called.
 */
#ifndef SERVER_SESSION_SERVICE_TIME_H
#define SERVER_SESSION_SERVICE_TIME_H

#include "common/random.h"

#include <stdbool.h>
#include <stdint.h>

/** No drawn time is longer than so many means; one in 485 million would be. */
#define SERVICE_TIME_MOST RANDOM_MOST_MEANS

/** All zero: none. */
struct service_time {
    int64_t mean_ns;
    bool exponential; /**< drawn; otherwise each is mean_ns */
};

/**
 * T, or exp:T, where T is what parse_duration() takes.
 *
 * @param max_ns  the longest T, at most INT64_MAX / (2 * SERVICE_TIME_MOST)
 * @return        true and *time set, or false and *time untouched
 */
bool service_time_parse(const char *text, int64_t max_ns, struct service_time *time);

/** The state before the first draw of a session. */
uint64_t service_time_begin(uint64_t session);

/**
 * The next time, in nanoseconds: from 0 to SERVICE_TIME_MOST times the mean.
 *
 * @param state  moves on where a time is drawn, and stays as it is where it is always the same
 */
int64_t service_time_next(const struct service_time *time, uint64_t *state);

#endif /* SERVER_SESSION_SERVICE_TIME_H */
