/* SPDX-License-Identifier: MIT */
/*
 * `echo-client report`: runs of several machines, or of several times, in one report.
 *
 * Counts and histograms add up. Seconds do not: two machines that ran at once for ten seconds took
 * ten, and two runs with a night in between did not take the night. So the time is that in which at
 * least one of them ran, by the wall clocks of the machines, and the report says for how long they
 * ran together.
 */
#include "client/report/internal.h"

#include "client/options.h"
#include "client/report/expect.h"
#include "client/run.h"
#include "common/log.h"

#include <stdlib.h>

/* --- when they ran --------------------------------------------------------------------------- */

/** A span begins, or is over. */
struct edge {
    int64_t at_ns;
    int runs; /* 1 or -1 */
    unsigned concurrency;
};

/** By time; where one ends as the other begins, they do not overlap. */
static int earlier_first(const void *one, const void *other)
{
    const struct edge *a = one, *b = other;

    if (a->at_ns != b->at_ns)
        return a->at_ns < b->at_ns ? -1 : 1;
    return a->runs - b->runs;
}

bool report_overlap(const struct report_spans *spans, struct report_overlap *overlap)
{
    struct edge *edges = calloc(2 * spans->count + 1, sizeof *edges);
    unsigned sessions = 0;
    int runs = 0;

    if (edges == NULL)
        return false;
    *overlap = (struct report_overlap){0};
    for (size_t i = 0; i < spans->count; i++) {
        const struct report_span *span = &spans->span[i];

        edges[2 * i] = (struct edge){span->from_ns, 1, span->concurrency};
        edges[2 * i + 1] = (struct edge){span->to_ns, -1, span->concurrency};
        /* A run of no time at all would begin after its end, as they are ordered. */
        if (span->to_ns <= span->from_ns)
            edges[2 * i].runs = edges[2 * i + 1].runs = 0;
        if (span->concurrency > overlap->concurrency)
            overlap->concurrency = span->concurrency;
    }
    qsort(edges, 2 * spans->count, sizeof *edges, earlier_first);
    for (size_t i = 0; i < 2 * spans->count; i++) {
        int64_t since_ns = i > 0 ? edges[i].at_ns - edges[i - 1].at_ns : 0;

        overlap->any_ns += runs >= 1 ? since_ns : 0;
        overlap->together_ns += runs >= 2 ? since_ns : 0;
        runs += edges[i].runs;
        if (edges[i].runs > 0)
            sessions += edges[i].concurrency;
        else if (edges[i].runs < 0)
            sessions -= edges[i].concurrency;
        if (sessions > overlap->concurrency)
            overlap->concurrency = sessions;
    }
    free(edges);
    return true;
}

/* --- the command ----------------------------------------------------------------------------- */

/** Read all files. @return false: one of them cannot be used; said */
static bool read_all(char *const paths[], unsigned count, struct summary *total,
                     struct report_spans *spans)
{
    char why[REPORT_WHY];

    for (unsigned i = 0; i < count; i++)
        if (!report_read_spans(paths[i], total, spans, why)) {
            log_error("cannot use %s: %s", paths[i], why);
            return false;
        }
    return true;
}

/** Set what does not add up: how long it took, how many sessions there were at once, and the rate. */
static bool set_times(struct summary *total, const struct report_spans *spans,
                      struct report_runs *runs)
{
    struct report_overlap overlap;
    double asked = total->rate * total->seconds;

    if (!report_overlap(spans, &overlap)) {
        log_error("cannot get memory for the summary");
        return false;
    }
    total->seconds = (double)overlap.any_ns / 1e9;
    total->concurrency = overlap.concurrency;
    if (total->seconds > 0)
        total->rate = asked / total->seconds;
    runs->together_seconds = (double)overlap.together_ns / 1e9;
    return true;
}

/** @return the exit status */
static int print(const struct options *options, const struct report *report)
{
    bool printed = true;
    int status;

    if (!options->json)
        report_text(stdout, report);
    else if (!report_json(stdout, report)) {
        log_error("cannot get memory for the summary");
        printed = false;
    }
    printed = report_flush() && printed;
    status = run_status(report->total, run_expectations(options->expect, report->total));
    return status == EXIT_OK && !printed ? EXIT_RUN : status;
}

int report_command(int argc, char *argv[])
{
    struct options options;
    struct report_spans spans = {0};
    struct report_runs runs = {0};
    struct summary total;
    struct report report = {.total = &total, .runs = &runs};
    int status = EXIT_RUN;
    int first = options_parse_report(argc, argv, &options);

    runs.count = (unsigned)(argc - first);
    if (!summary_init(&total))
        log_fatal("cannot get memory for the histograms");
    if (read_all(argv + first, runs.count, &total, &spans) && set_times(&total, &spans, &runs))
        status = print(&options, &report);
    free(spans.span);
    summary_clear(&total);
    return status;
}
