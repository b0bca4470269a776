/* SPDX-License-Identifier: MIT */
/**
 * @file run.h
 * A run with -n or --steps: one load or several, who looks on, what is written, and how it ends.
 */
#ifndef CLIENT_RUN_H
#define CLIENT_RUN_H

#include "client/options.h"
#include "client/report/summary.h"
#include "client/session/session.h"

/** The program's statuses beyond those of log.h. Interrupted: 128 + the signal, as shells have it. */
enum { EXIT_WRONG = 3, EXIT_EXPECTATION = 4, EXIT_SIGNAL = 128 };

/**
 * Do all that the options ask for.
 *
 * @param plan  address, timeout_ns and TLS are set
 * @return      the program's exit status
 */
int run_load(const struct options *options, struct session_plan *plan);

/**
 * What a summary comes to as an exit status: the signal, wrong bytes, an expectation that was not
 * met, sessions that were lost, in this order.
 *
 * @param met  every clause of --expect holds
 */
int run_status(const struct summary *summary, bool met);

/**
 * Say each clause of --expect that does not hold.
 *
 * @param text  of --expect, which options_parse() has taken; NULL: nothing is expected
 * @return      whether all hold
 */
bool run_expectations(const char *text, const struct summary *summary);

#endif /* CLIENT_RUN_H */
