/* SPDX-License-Identifier: MIT */
/* Random digits: see secret.h. */
#include "server/admin/secret.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

int secret_digits(char *digits, size_t size)
{
    unsigned char bytes[SECRET_DIGITS_MAX / 2];

    /* This few bytes come at once or not at all. */
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return -errno;
    for (size_t i = 0; i + 1 < size; i += 2)
        snprintf(digits + i, size - i, "%02x", bytes[i / 2]);
    return 0;
}
