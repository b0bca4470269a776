/* SPDX-License-Identifier: MIT */
/**
 * @file spans.h
 * When runs took place, and how long they ran at once.
 */
#ifndef CLIENT_REPORT_SPANS_H
#define CLIENT_REPORT_SPANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** When one load ran, by the wall clock: a run, or a step of one. */
struct span {
    int64_t from_ns;
    int64_t to_ns;
    unsigned concurrency; /**< sessions at once */
};

/** Zeroed it is empty. */
struct spans {
    struct span *span; /**< to be freed by free() */
    size_t count;
    size_t room;
};

/** @return false for want of memory */
bool spans_add(struct spans *spans, struct span span);

/** What the spans of several runs add up to. */
struct spans_overlap {
    int64_t any_ns;       /**< at least one of them ran */
    int64_t together_ns;  /**< two or more did */
    unsigned concurrency; /**< the most sessions at once */
};

/** Measure how spans overlap. @return false for want of memory */
bool spans_measure(const struct spans *spans, struct spans_overlap *overlap);

#endif /* CLIENT_REPORT_SPANS_H */
