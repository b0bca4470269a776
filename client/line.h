/* SPDX-License-Identifier: MIT */
/**
 * @file line.h
 * Lines from standard input: from a person, with a prompt, or from a file or pipe, without.
 *
 * There are two implementations, and the build takes one of them: line-libedit.c edits lines and
 * remembers them, line-stdio.c is for systems without libedit. There can be one reader at a time.
 */
#ifndef CLIENT_LINE_H
#define CLIENT_LINE_H

#include <stddef.h>

struct line_reader;

/**
 * @param prompt  shown before each line if standard input is a terminal; a constant text
 * @return        NULL: no memory
 */
struct line_reader *line_reader_new(const char *prompt);
void line_reader_free(struct line_reader *reader);

/**
 * Read the next line, of any length, with its newline if it had one.
 *
 * @param size  set to its bytes, which may be zeros
 * @return      valid until the next call; NULL: the end, with errno 0, or an error, with errno set
 */
const char *line_read(struct line_reader *reader, size_t *size);

#endif /* CLIENT_LINE_H */
