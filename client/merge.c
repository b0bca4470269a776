/* SPDX-License-Identifier: MIT */
/*
 * `echo-client report`.
 *
 * Counts and histograms add up. Seconds do not: two machines that ran at once for ten seconds took
 * ten, and two runs with a night in between did not take the night. So the time is that in which at
 * least one of them ran, by the wall clocks of the machines, and the report has for how long they
 * ran together. Runs that have compared their clocks with that of one server show how far these were apart.
 */
#include "client/merge.h"

#include "client/options.h"
#include "client/report/read.h"
#include "client/report/report.h"
#include "client/run.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/translate.h"

#include <stdlib.h>
#include <string.h>

/* Clocks that differ by less serve well enough for --start-at. */
#define CLOCKS_APART_NS (SECOND_NS / 10)

/** Find the run whose clock was closest to that of the server. Only the first server counts. */
static const struct summary_clock *best_clock(const struct summary_clock *clocks, unsigned count)
{
    const struct summary_clock *best = NULL, *first = NULL;

    for (unsigned i = 0; i < count; i++) {
        if (clocks[i].of[0] == '\0' || (first != NULL && strcmp(clocks[i].of, first->of) != 0))
            continue;
        if (first == NULL)
            first = &clocks[i];
        if (best == NULL || llabs(clocks[i].ahead_ns) < llabs(best->ahead_ns))
            best = &clocks[i];
    }
    return best;
}

/** Name each run whose clock was not that of the others. */
static void compare_clocks(char *const paths[], const struct summary_clock *clocks, unsigned count,
                           struct report_runs *runs)
{
    const struct summary_clock *best = best_clock(clocks, count);
    int64_t least_ns = INT64_MAX, most_ns = INT64_MIN;

    for (unsigned i = 0; best != NULL && i < count; i++) {
        int64_t apart_ns = clocks[i].ahead_ns - best->ahead_ns;
        int64_t within_ns = clocks[i].within_ns + best->within_ns;

        if (strcmp(clocks[i].of, best->of) != 0)
            continue;
        runs->clocks++;
        least_ns = clocks[i].ahead_ns < least_ns ? clocks[i].ahead_ns : least_ns;
        most_ns = clocks[i].ahead_ns > most_ns ? clocks[i].ahead_ns : most_ns;
        runs->clocks_apart_seconds = (double)(most_ns - least_ns) / (double)SECOND_NS;
        if (llabs(apart_ns) > CLOCKS_APART_NS && llabs(apart_ns) > within_ns)
            log_warn("the clock of %s was %.1f ms %s that of %s, to within %.1f ms by the clock of "
                     "%s: with the same --start-at it began that much %s, and the time at once and "
                     "the rates are wrong by as much; synchronize the clocks",
                     paths[i], (double)llabs(apart_ns) / 1e6,
                     apart_ns > 0 ? _("ahead of") : _("behind"), paths[best - clocks],
                     (double)within_ns / 1e6, best->of, apart_ns > 0 ? _("earlier") : _("later"));
    }
}

/** Read all files. @return false if one of them cannot be used, which is logged */
static bool read_all(char *const paths[], unsigned count, struct summary *total,
                     struct spans *spans, struct summary_clock *clocks)
{
    char why[REPORT_WHY];

    for (unsigned i = 0; i < count; i++)
        if (!report_read(paths[i], total, spans, &clocks[i], why)) {
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
    struct summary_clock *clocks;

    runs.count = (unsigned)(argc - first);
    clocks = calloc(runs.count, sizeof *clocks);
    if (clocks == NULL || !summary_init(&total))
        log_fatal("cannot get memory for the histograms");
    if (read_all(argv + first, runs.count, &total, &spans, clocks) &&
        set_times(&total, &spans, &runs)) {
        bool printed;

        compare_clocks(argv + first, clocks, runs.count, &runs);
        printed = report_print(&report, options.json);
        status = run_status(&total, options.expect, printed);
    }
    free(clocks);
    free(spans.span);
    summary_clear(&total);
    return status;
}
