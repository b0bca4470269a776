/* SPDX-License-Identifier: MIT */
/**
 * @file load.h
 * A load: many sessions at once, on a thread each or on a few event loops, and who looks on.
 */
#ifndef CLIENT_LOAD_LOAD_H
#define CLIENT_LOAD_LOAD_H

#include "client/report/summary.h"
#include "client/session/session.h"
#include "client/views/view.h"

#include <stdbool.h>

struct load_settings {
    unsigned sessions; /**< at least 1 */
    unsigned threads;  /**< loops that share them; 0: a thread for each session */
    unsigned idle;     /**< further sessions that connect first and never speak */
    bool churn;        /**< a session that is over begins anew, until the plan's duration is over */
    int64_t start_at_ns; /**< by CLOCK_REALTIME: nobody sends earlier; 0: at once */
    struct view **views; /**< who looks on */
    unsigned view_count;
    unsigned step;  /**< of --steps, from 0 */
    unsigned steps; /**< at least 1 */
};

/**
 * Run all sessions to their end and add them up.
 *
 * SIGINT and SIGTERM end the load early, with the sessions so far in the summary; a second one
 * ends the program. A signal that was ignored when the program started stays ignored.
 *
 * @param plan     of its members, sessions, begin_ns, measure and shown are not used
 * @param summary  summary_init(), and nothing added yet
 * @return         true, however the sessions went; false where the load could not begin, which has
 *                 been said on standard error
 *
 * Threads: one that no other thread stands beside, since it changes the signal mask.
 */
bool load_run(const struct load_settings *settings, const struct session_plan *plan,
              struct summary *summary);

#endif /* CLIENT_LOAD_LOAD_H */
