/* SPDX-License-Identifier: MIT */
/**
 * @file run.h
 * A run with -n or --steps: one load or several, their views, the report and the exit status.
 */
#ifndef CLIENT_RUN_H
#define CLIENT_RUN_H

#include "client/options.h"
#include "client/report/summary.h"
#include "client/session/session.h"

/** The program's statuses beyond those of log.h. Interrupted: 128 + the signal, as in shells. */
enum { EXIT_WRONG = 3, EXIT_EXPECTATION = 4, EXIT_SIGNAL = 128 };

/**
 * Do what the options ask for.
 *
 * @param plan  address, timeout_ns and TLS are set
 * @return      the program's exit status
 */
int run_load(const struct options *options, struct session_plan *plan);

/**
 * Log each clause of --expect that does not hold, and choose the exit status: the signal, wrong
 * bytes, an unmet expectation, then lost sessions or output.
 *
 * @param expect   text of --expect, which options_parse() has accepted; NULL: nothing is expected
 * @param written  the report and all files could be written
 */
int run_status(const struct summary *summary, const char *expect, bool written);

#endif /* CLIENT_RUN_H */
