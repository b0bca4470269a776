/* SPDX-License-Identifier: MIT */
/**
 * @file json.h
 * A state as one JSON object, schema "echo-server/1". Its keys are in the manual page.
 *
 * Pure: a state in, text out. Keys are only ever added under this schema's name.
 */
#ifndef SERVER_ADMIN_JSON_H
#define SERVER_ADMIN_JSON_H

#include <stdbool.h>

struct state;

/**
 * @param spread  on lines of their own, for people; otherwise all in one line
 * @return        text without a newline at its end, to be released with free(); NULL for want of
 *                memory
 */
char *admin_json_text(const struct state *state, bool spread);

#endif /* SERVER_ADMIN_JSON_H */
