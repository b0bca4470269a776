/* SPDX-License-Identifier: MIT */
/**
 * @file internal.h
 * What reading a report and merging reports share: when the runs took place.
 */
#ifndef CLIENT_REPORT_INTERNAL_H
#define CLIENT_REPORT_INTERNAL_H

#include "client/report/report.h"

#include <stddef.h>
#include <stdint.h>

/** A time, by the wall clock, through which one load ran: a run, or a step of one. */
struct report_span {
    int64_t from_ns;
    int64_t to_ns;
    unsigned concurrency; /**< sessions at once */
};

/** Zeroed it is empty. */
struct report_spans {
    struct report_span *span; /**< to be freed by free() */
    size_t count;
    size_t room;
};

/** As report_read(), and add the spans of the run, which do not overlap each other. */
bool report_read_spans(const char *path, struct summary *summary, struct report_spans *spans,
                       char why[static REPORT_WHY]);

/** What spans of several runs come to. */
struct report_overlap {
    int64_t any_ns;       /**< at least one of them ran */
    int64_t together_ns;  /**< two or more did */
    unsigned concurrency; /**< the most sessions at once */
};

/** @return false for want of memory */
bool report_overlap(const struct report_spans *spans, struct report_overlap *overlap);

#endif /* CLIENT_REPORT_INTERNAL_H */
