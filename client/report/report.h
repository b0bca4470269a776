/* SPDX-License-Identifier: MIT */
/**
 * @file report.h
 * What is reported of a run, for a person or for a program: see also json.h.
 */
#ifndef CLIENT_REPORT_REPORT_H
#define CLIENT_REPORT_REPORT_H

#include "client/report/search.h"
#include "client/report/summary.h"

#include <stdbool.h>
#include <stdio.h>

/** How several runs lie in time, by the wall clock. */
struct report_runs {
    unsigned count;
    double together_seconds; /**< how long two or more of them ran at once */
    unsigned clocks;         /**< runs that have compared their clocks with that of one server */
    double clocks_apart_seconds; /**< the greatest difference between two of these clocks */
};

/** A run: each step of --steps or --find-rate, and all together. */
struct report {
    const struct summary *total;
    const struct summary *steps; /**< one for each step; NULL: there are none */
    unsigned step_count;
    const struct report_runs *runs; /**< of merged runs; NULL: it is one run */
    const struct search *search;    /**< judges the steps; NULL: there is none */
};

/**
 * Print a table: sessions, messages, times in microseconds, errors, a row per step; and warnings.
 * Does not flush.
 */
void report_text(FILE *file, const struct report *report);

/**
 * Print the table, or the JSON object, to standard output, and flush it.
 *
 * @return false on failure, which is logged unless the reader has closed its end
 */
bool report_print(const struct report *report, bool json);

#endif /* CLIENT_REPORT_REPORT_H */
