/* SPDX-License-Identifier: MIT */
/**
 * @file line.h
 * Lines from standard input: from a person, with a prompt, or from a file or pipe, without.
 *
 * There are two implementations, of which the build takes one: line-libedit.c edits lines and
 * remembers them, line-stdio.c is for systems without libedit. Both know one reader at a time.
 */
#ifndef CLIENT_LINE_H
#define CLIENT_LINE_H

#include <stddef.h>

struct line_reader;

/**
 * @param prompt  shown before each line where standard input is a terminal, and only there; a
 *                constant text
 * @return        NULL for want of memory
 */
struct line_reader *line_reader_new(const char *prompt);
void line_reader_free(struct line_reader *reader);

/**
 * The next line, of any length, with its newline if it had one.
 *
 * @param size  set to its bytes; there may be zeros among them
 * @return      valid until the next call; NULL at the end, with errno 0, or after an error, with
 *              errno set
 */
const char *line_read(struct line_reader *reader, size_t *size);

#endif /* CLIENT_LINE_H */
