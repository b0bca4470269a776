/* SPDX-License-Identifier: MIT */
/**
 * @file random.h
 * Random digits that cannot be guessed, for tokens and nonces.
 */
#ifndef SERVER_ADMIN_RANDOM_H
#define SERVER_ADMIN_RANDOM_H

#include <stddef.h>

/** Hexadecimal digits, at most. */
#define RANDOM_DIGITS_MAX 64

/**
 * Write random hexadecimal digits.
 *
 * @param size  of digits, with the zero at their end: an odd number up to RANDOM_DIGITS_MAX + 1
 * @return      0, or a negated errno value of getrandom(2)
 */
int random_digits(char *digits, size_t size);

#endif /* SERVER_ADMIN_RANDOM_H */
