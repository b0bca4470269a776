/* SPDX-License-Identifier: MIT */
/**
 * @file json.h
 * A state as one JSON object, schema "echo-server/1". Its keys are in the manual page.
 *
 * A pure function of the state. Keys may be added to this schema; none changes or goes.
 */
#ifndef SERVER_ADMIN_JSON_H
#define SERVER_ADMIN_JSON_H

#include <stdbool.h>

struct state;

/**
 * Write the state.
 *
 * @param spread  a key a line, for people; otherwise all in one line
 * @return        text without a newline at its end, for free(); NULL: out of memory
 */
char *admin_json_text(const struct state *state, bool spread);

#endif /* SERVER_ADMIN_JSON_H */
