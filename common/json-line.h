/* SPDX-License-Identifier: MIT */
/**
 * @file json-line.h
 * One JSON object on one line, written into caller-owned memory.
 *
 *     char bytes[200];
 *     struct json_line line = json_line_begin(bytes, sizeof bytes);
 *     json_line_number(&line, "session", 7);
 *     json_line_text(&line, "peer", "127.0.0.1:4711");
 *     size_t size = json_line_end(&line);    {"session":7,"peer":"127.0.0.1:4711"}\n
 *
 * For the log, which may be used by any thread and in a child just after fork(): there is no memory to
 * run out of, and no lock. A member that does not fit is left out; a text that does not fit is cut and
 * ends in "...". So the line is whole JSON in any case. Keys are the caller's own words and are written as
 * they are.
 */
#ifndef COMMON_JSON_LINE_H
#define COMMON_JSON_LINE_H

#include <stddef.h>
#include <stdint.h>

struct json_line {
    char *bytes;
    size_t room; /**< less what the end needs */
    size_t size;
};

/** @param room  at least 8 */
struct json_line json_line_begin(char *bytes, size_t room);

/** Add a text. Bytes that may not be shown (printable.h) are escaped, or replaced by U+FFFD. */
void json_line_text(struct json_line *line, const char *key, const char *text);

void json_line_number(struct json_line *line, const char *key, uint64_t number);

/** Add a duration, in milliseconds with three decimals. @param ns  negative: null */
void json_line_ms(struct json_line *line, const char *key, int64_t ns);

/** Add a time of the wall clock as RFC 3339 has it, in UTC: "2026-11-29T13:44:27.123456Z". */
void json_line_time(struct json_line *line, const char *key, int64_t wall_ns);

/** End the object and the line. @return its bytes, newline included; there is no zero at the end */
size_t json_line_end(struct json_line *line);

#endif /* COMMON_JSON_LINE_H */
