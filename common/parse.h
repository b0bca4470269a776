/* SPDX-License-Identifier: MIT */
/**
 * @file parse.h
 * Strict parsing of option values.
 *
 * Every function reads the whole text or fails: no leading blanks, no sign where none is meant,
 * nothing after the number, no silent wrap. They say only whether it worked; the caller knows the
 * option's name and its range and makes the sentence (see options_die in either program).
 */
#ifndef COMMON_PARSE_H
#define COMMON_PARSE_H

#include <stdbool.h>
#include <stdint.h>

/**
 * A decimal number.
 *
 * @param min,max  inclusive
 * @return true and *value set, or false and *value untouched
 */
bool parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *value);

/**
 * A length of time with its unit: 250ms, 5s, 2m, 1h, 100us, 40ns. A bare 0 is allowed, any other
 * number without a unit is not. Decimals are (1.5s), as far as they are whole nanoseconds.
 *
 * @param max_ns  the longest that is allowed
 * @return true and *ns set, or false and *ns untouched
 */
bool parse_duration(const char *text, int64_t max_ns, int64_t *ns);

/**
 * A size in bytes with an optional binary unit, in capitals: 1024, 64K, 256M, 2G.
 *
 * @return true and *bytes set, or false and *bytes untouched
 */
bool parse_size(const char *text, uint64_t min, uint64_t max, uint64_t *bytes);

/**
 * A number that may have decimals: 12, 0.5. No exponent, and the point whatever the locale.
 *
 * @param min,max  inclusive
 * @return true and *value set, or false and *value untouched
 */
bool parse_decimal(const char *text, double min, double max, double *value);

/**
 * One word out of a list.
 *
 * @param words  ended by NULL
 * @return       its index, or -1
 */
int parse_word(const char *text, const char *const *words);

#endif /* COMMON_PARSE_H */
