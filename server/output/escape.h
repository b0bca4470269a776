/* SPDX-License-Identifier: MIT */
/**
 * @file escape.h
 * Bytes from strangers made fit for a terminal and for a line.
 *
 * What prints stays: ASCII and well-formed UTF-8. What could move the cursor, ring, recolour or
 * end the line is shown as \n, \t, \r, \\ or \x1b: control characters, among them those of
 * U+0080 to U+009F, line separators, and every byte that is not part of well-formed UTF-8.
 */
#ifndef SERVER_OUTPUT_ESCAPE_H
#define SERVER_OUTPUT_ESCAPE_H

#include <stddef.h>

/** The most that one byte turns into: "\x1b". */
#define ESCAPE_MAX 4

/**
 * Escape as much as fits.
 *
 * @param used  set to the number of bytes of input that were taken; a UTF-8 character is taken
 *              whole. With room for ESCAPE_MAX at least one byte is
 * @return      bytes written to text, which is not ended by a zero
 */
size_t escape_bytes(char *text, size_t room, const unsigned char *bytes, size_t size, size_t *used);

#endif /* SERVER_OUTPUT_ESCAPE_H */
