/* SPDX-License-Identifier: MIT */
/* Adding up the times of runs, so that a second in which two of them ran counts once. */
#include "client/report/spans.h"

#include <stdlib.h>

bool spans_add(struct spans *spans, struct span span)
{
    if (spans->count == spans->room) {
        size_t room = spans->room * 2 + 8;
        struct span *grown = realloc(spans->span, room * sizeof *grown);

        if (grown == NULL)
            return false;
        spans->span = grown;
        spans->room = room;
    }
    spans->span[spans->count++] = span;
    return true;
}

/** The begin or the end of a span. */
struct edge {
    int64_t at_ns;
    int runs; /* 1 or -1 */
    unsigned concurrency;
};

/** Order by time. If one span ends as another begins, the end is first: they do not overlap. */
static int earlier_first(const void *one, const void *other)
{
    const struct edge *a = one, *b = other;

    if (a->at_ns != b->at_ns)
        return a->at_ns < b->at_ns ? -1 : 1;
    return a->runs - b->runs;
}

bool spans_measure(const struct spans *spans, struct spans_overlap *overlap)
{
    struct edge *edges = calloc(2 * spans->count + 1, sizeof *edges);
    unsigned sessions = 0;
    int runs = 0;

    if (edges == NULL)
        return false;
    *overlap = (struct spans_overlap){0};
    for (size_t i = 0; i < spans->count; i++) {
        const struct span *span = &spans->span[i];

        edges[2 * i] = (struct edge){span->from_ns, 1, span->concurrency};
        edges[2 * i + 1] = (struct edge){span->to_ns, -1, span->concurrency};
        /* In this order a span of no length would begin after its end. */
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
