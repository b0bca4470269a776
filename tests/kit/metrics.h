/* SPDX-License-Identifier: MIT */
/**
 * @file metrics.h
 * A strict reader of Prometheus' text format 0.0.4 and of OpenMetrics 1.0.0, for tests.
 *
 * Stricter than Prometheus itself: it also wants HELP and TYPE before the samples of a family,
 * every family once and in one piece, counters that end in _total, and histograms whose buckets
 * grow, end with +Inf, and agree with their count. What breaks a rule fails the test.
 */
#ifndef TESTS_KIT_METRICS_H
#define TESTS_KIT_METRICS_H

#include <stdbool.h>
#include <stddef.h>

/** One sample: "name" or "name{label=\"word\"}" and its number. */
struct sample {
    char key[200];
    double value;
    bool counts; /**< it may only grow: of a counter, or a histogram's bucket or count */
};

struct metrics {
    struct sample samples[400];
    size_t count;
    size_t families;
};

/** Read a whole text in format 0.0.4. */
struct metrics *metrics_read(const char *text);

/**
 * Read a whole text in OpenMetrics: names of families without _total and _info, a UNIT if the name ends in a
 * base unit, bounds with decimals, and # EOF.
 */
struct metrics *metrics_read_open(const char *text);

/** The number of a sample; the test fails where there is none. */
double metrics_value(const struct metrics *metrics, const char *key);

/** Fails where a counter of `later` is below that of `earlier`, or is gone. */
void metrics_expect_growth(const struct metrics *earlier, const struct metrics *later);

#endif /* TESTS_KIT_METRICS_H */
