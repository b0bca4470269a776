/* SPDX-License-Identifier: MIT */
/**
 * @file read.h
 * Reading the JSON of a report back. Steps are read as the times of the loads; their counts are in
 * the total.
 */
#ifndef CLIENT_REPORT_READ_H
#define CLIENT_REPORT_READ_H

#include "client/report/spans.h"
#include "client/report/summary.h"

/** Room for why a file is not a report. */
enum { REPORT_WHY = 160 };

/**
 * Read what report_json() has written. A file is added as a whole, or not at all.
 *
 * @param path     "-": standard input
 * @param summary  summary_init(); the run is merged into it
 * @param spans    the times of the run's loads, which do not overlap, are added to them
 * @param clock    set to the run's; NULL: it is not wanted
 * @param why      on failure, what is wrong with the file
 */
bool report_read(const char *path, struct summary *summary, struct spans *spans,
                 struct summary_clock *clock, char why[static REPORT_WHY]);

#endif /* CLIENT_REPORT_READ_H */
