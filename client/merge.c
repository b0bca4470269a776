/* SPDX-License-Identifier: MIT */
/*
 * `echo-client report`.
 *
 * Counts and histograms add up. Seconds do not: two machines that ran at once for ten seconds took
 * ten, and two runs with a night in between did not take the night. So the time is that in which at
 * least one of them ran, by the wall clocks of the machines, and the report has for how long they
 * ran together.
 */
#include "client/merge.h"

#include "client/options.h"
#include "client/report/read.h"
#include "client/report/report.h"
#include "client/run.h"
#include "common/log.h"

#include <stdlib.h>

/** Read all files. @return false if one of them cannot be used, which is logged */
static bool read_all(char *const paths[], unsigned count, struct summary *total,
                     struct spans *spans)
{
    char why[REPORT_WHY];

    for (unsigned i = 0; i < count; i++)
        if (!report_read(paths[i], total, spans, why)) {
            log_error("cannot use %s: %s", paths[i], why);
            return false;
        }
    return true;
}

/** Set what does not add up: how long it took, how many sessions ran at once, and the rate. */
static bool set_times(struct summary *total, const struct spans *spans, struct report_runs *runs)
{
    struct spans_overlap overlap;

    if (!spans_measure(spans, &overlap)) {
        log_error("cannot get memory for the summary");
        return false;
    }
    summary_set_seconds(total, (double)overlap.any_ns / 1e9);
    total->concurrency = overlap.concurrency;
    runs->together_seconds = (double)overlap.together_ns / 1e9;
    return true;
}

int merge_reports(int argc, char *argv[])
{
    struct options options;
    struct spans spans = {0};
    struct report_runs runs = {0};
    struct summary total;
    struct report report = {.total = &total, .runs = &runs};
    int status = EXIT_RUN;
    int first = options_parse_report(argc, argv, &options);

    runs.count = (unsigned)(argc - first);
    if (!summary_init(&total))
        log_fatal("cannot get memory for the histograms");
    if (read_all(argv + first, runs.count, &total, &spans) && set_times(&total, &spans, &runs)) {
        bool printed = report_print(&report, options.json);

        status = run_status(&total, options.expect, printed);
    }
    free(spans.span);
    summary_clear(&total);
    return status;
}
