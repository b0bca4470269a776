/* SPDX-License-Identifier: MIT */
/**
 * @file line.h
 * How a message of a session looks on standard output: "session 7, 5 bytes: hello", escaped
 * (escape.h), with "..." at its end if it was cut.
 */
#ifndef SERVER_OUTPUT_LINE_H
#define SERVER_OUTPUT_LINE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The most that line_end() writes. */
#define LINE_END_MAX 4

/** Write what comes before the bytes. @return its length */
size_t line_begin(char text[static PIPE_BUF], uint64_t session, size_t total);

/** Write the end of the line. @param whole  false: the message was cut. @return its length */
size_t line_end(char text[static LINE_END_MAX], bool whole);

#endif /* SERVER_OUTPUT_LINE_H */
