/* SPDX-License-Identifier: MIT */
/**
 * @file start-at.h
 * --start-at: a moment of the wall clock, as people and `date` write it.
 */
#ifndef CLIENT_START_AT_H
#define CLIENT_START_AT_H

#include <stdbool.h>
#include <stdint.h>

/**
 * Parse one of
 *
 *     1795271400, 1795271400.25      seconds since 1970, with up to 9 decimals: `date +%s.%N`
 *     2026-11-21T14:30:00Z           ISO 8601; seconds and their decimals may be left out
 *     2026-11-21T14:30:00.5+01:00    with the difference to UTC
 *     2026-11-21T14:30               local time, by the TZ of the environment
 *
 * @param ns  set to nanoseconds of CLOCK_REALTIME
 * @return    false: it is none of them, or there is no such moment (30 February, or an hour that is
 *            skipped for summer time); *ns is unchanged
 */
bool start_at_parse(const char *text, int64_t *ns);

#endif /* CLIENT_START_AT_H */
