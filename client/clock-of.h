/* SPDX-License-Identifier: MIT */
/**
 * @file clock-of.h
 * --clock-of: how far the clock of this machine is from that of a server.
 *
 * The clients of several machines begin together by --start-at, which their clocks decide, and so do the times at
 * which their runs took place. Each compares its clock with that of one server, before its load; the
 * merged report shows which clocks were apart.
 */
#ifndef CLIENT_CLOCK_OF_H
#define CLIENT_CLOCK_OF_H

#include "client/report/summary.h"

/**
 * Ask the admin port of a server. If it does not answer, the program ends with a sentence.
 *
 * @param timeout_ns  of each system call
 */
void clock_of_measure(const char *server, int64_t timeout_ns, struct summary_clock *clock);

#endif /* CLIENT_CLOCK_OF_H */
