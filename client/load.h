/* SPDX-License-Identifier: MIT */
/**
 * @file load.h
 * A load run: many sessions at once, one thread each.
 */
#ifndef CLIENT_LOAD_H
#define CLIENT_LOAD_H

#include "client/session.h"
#include "client/summary.h"

#include <stdbool.h>

struct load_settings {
    unsigned sessions; /**< at least 1 */
    bool barrier;      /**< nobody sends before all have connected or failed to */
    bool progress;     /**< show a line on standard error while it runs */
};

/**
 * Run all sessions to their end and add them up.
 *
 * SIGINT and SIGTERM end the run early, with the sessions so far in the summary; a second one
 * ends the program. A signal that was ignored when the program started stays ignored.
 *
 * @param plan     messages, message_count, address and timeout_ns are set; the rest is not used
 * @param summary  summary_init() with the number of sessions
 * @return         true, however the sessions went; false where the run could not begin, which has
 *                 been said on standard error
 *
 * Threads: one that no other thread stands beside, since it changes the signal mask.
 */
bool load_run(const struct load_settings *settings, const struct session_plan *plan,
              struct summary *summary);

#endif /* CLIENT_LOAD_H */
