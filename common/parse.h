/* SPDX-License-Identifier: MIT */
/**
 * @file parse.h
 * Strict parsing of option values.
 *
 * Each function reads the whole text or fails: no leading blanks, no sign, nothing after the
 * number, no silent wrap. It returns only success or failure; the caller, such as option.c, knows
 * the name and the range of the value and reports what is wrong.
 */
#ifndef COMMON_PARSE_H
#define COMMON_PARSE_H

#include <stdbool.h>
#include <stdint.h>

/**
 * Read a decimal number.
 *
 * @param min,max  inclusive
 * @return true and *value set, or false and *value untouched
 */
bool parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *value);

/**
 * Read a time with its unit: 250ms, 5s, 2m, 1h, 100us, 40ns. 0 needs no unit. Decimals such as 1.5s
 * are allowed if the result is a whole number of nanoseconds.
 *
 * @param max_ns  inclusive
 * @return true and *ns set, or false and *ns untouched
 */
bool parse_duration(const char *text, int64_t max_ns, int64_t *ns);

/**
 * Read a size in bytes with an optional binary unit, in capitals: 1024, 64K, 256M, 2G.
 *
 * @param min,max  inclusive
 * @return true and *bytes set, or false and *bytes untouched
 */
bool parse_size(const char *text, uint64_t min, uint64_t max, uint64_t *bytes);

/**
 * Read a number that may have decimals: 12, 0.5. No exponent; a point in every locale.
 *
 * @param min,max  inclusive
 * @return true and *value set, or false and *value untouched
 */
bool parse_decimal(const char *text, double min, double max, double *value);

/**
 * Find a word in a list.
 *
 * @param words  ended by NULL
 * @return       its index, or -1
 */
int parse_word(const char *text, const char *const *words);

#endif /* COMMON_PARSE_H */
