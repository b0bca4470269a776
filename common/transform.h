/* SPDX-License-Identifier: MIT */
/**
 * @file transform.h
 * What the server does to the bytes it echoes, and what the client therefore expects back.
 *
 * Transforms work byte by byte and keep the length, so that any part of a stream can be transformed
 * by itself. Upper-casing changes only ASCII a-z, in every locale: all bytes of a multi-byte UTF-8
 * character are above 0x7f and stay as they are, even if the character was cut in two.
 */
#ifndef COMMON_TRANSFORM_H
#define COMMON_TRANSFORM_H

#include <stddef.h>

enum transform {
    TRANSFORM_UPPER, /**< ASCII letters to upper case; the default, as in the seed's server */
    TRANSFORM_NONE,  /**< the same bytes (RFC 862: "any data received is sent back") */
};

/** The option's words in the order of the enum, ended by NULL; for parse_word(). */
extern const char *const transform_words[];

/** Transform bytes in place. */
void transform_apply(enum transform transform, unsigned char *bytes, size_t size);

#endif /* COMMON_TRANSFORM_H */
