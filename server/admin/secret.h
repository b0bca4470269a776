/* SPDX-License-Identifier: MIT */
/**
 * @file secret.h
 * Random digits that cannot be guessed, for tokens and nonces.
 */
#ifndef SERVER_ADMIN_SECRET_H
#define SERVER_ADMIN_SECRET_H

#include <stddef.h>

#define SECRET_DIGITS_MAX 64

/**
 * Write random hexadecimal digits and a zero.
 *
 * @param size  an odd number up to SECRET_DIGITS_MAX + 1
 * @return      0, or a negated errno value of getrandom(2)
 */
int secret_digits(char *digits, size_t size);

#endif /* SERVER_ADMIN_SECRET_H */
