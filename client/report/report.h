/* SPDX-License-Identifier: MIT */
/**
 * @file report.h
 * A summary shown to a person, or given to a program, or read back.
 *
 * None of these flush; a failed write shows in ferror() or in fclose() of the file.
 */
#ifndef CLIENT_REPORT_REPORT_H
#define CLIENT_REPORT_REPORT_H

#include "client/report/summary.h"

#include <stdbool.h>
#include <stdio.h>

/** How several runs lie in time, by the wall clock. */
struct report_runs {
    unsigned count;
    double together_seconds; /**< how long two or more of them ran at once */
};

/** A run: its steps where it has --steps, and all together. */
struct report {
    const struct summary *total;
    const struct summary *steps; /**< one for each step; NULL: there are none */
    unsigned step_count;
    const struct report_runs *runs; /**< of merged runs; NULL: it is one run */
};

/** A table: sessions, messages, times in microseconds, errors, a row per step; and warnings. */
void report_text(FILE *file, const struct report *report);

/**
 * One JSON object, schema "echo-client/1", and a newline. The keys are listed in echo-client(1).
 *
 * @return false for want of memory; nothing is written then
 */
bool report_json(FILE *file, const struct report *report);

/**
 * Write out what has been printed on standard output.
 *
 * @return false: it could not be, which has been said, unless its reader has simply left
 */
bool report_flush(void);

/** Room for why a file is no report. */
enum { REPORT_WHY = 160 };

/**
 * Read what report_json() has written: all of it but the steps, which are in the total.
 *
 * @param path     "-": standard input
 * @param summary  summary_init(); added to, so that several files add up; unchanged on failure
 * @param why      on failure, what is wrong with it
 */
bool report_read(const char *path, struct summary *summary, char why[static REPORT_WHY]);

/**
 * `echo-client report A.json B.json ...`: merge runs and report on all together. The seconds are
 * those in which at least one of them ran: neither a gap between them counts, nor the same second
 * twice.
 *
 * @param argv  from "report" on
 * @return      the program's exit status
 */
int report_command(int argc, char *argv[]);

#endif /* CLIENT_REPORT_REPORT_H */
