/* SPDX-License-Identifier: MIT */
/**
 * @file load.h
 * A load: many sessions at once, on a thread each or on a few event loops, and their views.
 */
#ifndef CLIENT_LOAD_LOAD_H
#define CLIENT_LOAD_LOAD_H

#include "client/load/settings.h"
#include "client/report/summary.h"
#include "client/session/session.h"

#include <stdbool.h>

/**
 * Run all sessions to their end and add them up.
 *
 * SIGINT and SIGTERM end the load early, with the sessions so far in the summary; a second one
 * ends the program. A signal that was ignored when the program started stays ignored.
 *
 * @param plan     of its members, sessions, begin_ns, shown and the measures of targets are not used
 * @param summary  has a target for each target of the plan, and nothing is counted yet
 * @return         true, however the sessions went; false: the load could not begin, and the reason
 *                 is on standard error
 *
 * Threads: the program's only one, since it changes the signal mask.
 */
bool load_run(const struct load_settings *settings, const struct session_plan *plan,
              struct summary *summary);

#endif /* CLIENT_LOAD_LOAD_H */
