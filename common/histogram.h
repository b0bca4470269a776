/* SPDX-License-Identifier: MIT */
/**
 * @file histogram.h
 * A log-linear histogram: counts of values from 0 to 2^40 - 1 with three significant digits, in
 * fixed memory, after Gil Tene's HdrHistogram.
 *
 * Values up to 2047 have a bucket each. Above, every power of two is cut into 1024 buckets of
 * equal width, so a reported value is never more than 0.1 % above the recorded one. Recording is
 * an addition to one counter: no allocation, no branch on the value's size beyond a bit scan.
 * Nothing is locked; one thread records into one histogram, and histograms are added afterwards.
 */
#ifndef COMMON_HISTOGRAM_H
#define COMMON_HISTOGRAM_H

#include <stdint.h>

struct histogram;

/** @return an empty histogram, or NULL for want of memory */
struct histogram *histogram_new(void);
void histogram_free(struct histogram *histogram);

/** Count one value. Negative ones count as 0, those of 2^40 and above as 2^40 - 1. */
void histogram_record(struct histogram *histogram, int64_t value);

/** Add all counts of `from` to `into`. Lossless. */
void histogram_add(struct histogram *into, const struct histogram *from);

uint64_t histogram_count(const struct histogram *histogram);
/** The least and the greatest recorded value, exact; 0 where there is none. */
int64_t histogram_min(const struct histogram *histogram);
int64_t histogram_max(const struct histogram *histogram);
/** Exact mean of the recorded values; 0 where there is none. */
double histogram_mean(const struct histogram *histogram);

/**
 * The smallest value v such that at least `percent` of the recorded values are at most v, rounded
 * up to the top of its bucket but never above histogram_max().
 *
 * @param percent  0 to 100
 */
int64_t histogram_percentile(const struct histogram *histogram, double percent);

#endif /* COMMON_HISTOGRAM_H */
