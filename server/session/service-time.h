/* SPDX-License-Identifier: MIT */
/**
 * @file service-time.h
 * How long an echo is made to take (--delay, --burn): always the same, or drawn for each.
 *
 * Drawn times are exponentially distributed, which is the M of M/M/m: queueing theory has exact
 * formulas for them, and a picture can have the measured points on the computed curve.
 *
 * Each session draws from a sequence of its own, which begins with its number. So a run can be
 * repeated: session 7 has the same service times every time, up to the last digit of a logarithm, whichever
 * worker serves it.
 *
 * Threads: any; the functions change only the caller's state. No locks, no allocation; only the last two make
 * system calls.
 */
#ifndef SERVER_SESSION_SERVICE_TIME_H
#define SERVER_SESSION_SERVICE_TIME_H

#include "common/random.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/** No drawn time is longer than this many means; one in 485 million would be. */
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
 * @param state  changes if the time is drawn
 */
int64_t service_time_next(const struct service_time *time, uint64_t *state);

/**
 * Read the clock by which burning ends.
 * @return 0; a negative errno: the kernel or a filter refuses it, and how long it takes would be left to chance
 */
int service_time_check_clock(void);

/**
 * Sleep and then use the CPU, as long as both say for the next message.
 *
 * @param stop  while it is 0; FUTEX_WAKE on it ends the sleep
 */
void service_time_spend(const struct service_time *delay, const struct service_time *burn,
                        uint64_t *state, _Atomic uint32_t *stop);

#endif /* SERVER_SESSION_SERVICE_TIME_H */
