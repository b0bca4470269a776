/* SPDX-License-Identifier: MIT */
/**
 * @file printable.h
 * Which bytes of a stranger may be written to a terminal and into a line: the one place that decides it.
 */
#ifndef COMMON_PRINTABLE_H
#define COMMON_PRINTABLE_H

#include <stddef.h>

/**
 * Return the length of the character at bytes, if it may be shown as it is: ASCII, or well-formed UTF-8.
 *
 * @param size  at least 1
 * @return      0: it may not. It is a control character, U+0080 to U+009F included, a separator of lines,
 *              turns the direction of the text, or is not seen (U+FEFF); or it is no UTF-8 or no character,
 *              or is cut off
 */
size_t printable(const unsigned char *bytes, size_t size);

/**
 * Copy bytes as text, with another one for each byte that may not be shown. What does not fit is left out, and
 * no character is cut.
 *
 * @param text     may be where the bytes are
 * @param room     of the text and its end, at least 1
 * @param instead  such as a dot
 * @return         the length of the text
 */
size_t printable_text(char *text, size_t room, const void *bytes, size_t size, char instead);

#endif /* COMMON_PRINTABLE_H */
