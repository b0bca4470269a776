/* SPDX-License-Identifier: MIT */
/**
 * @file histogram.h
 * A log-linear histogram: counts of values from 0 to 2^40 - 1 with three significant digits, in
 * fixed memory, after Gil Tene's HdrHistogram.
 *
 * Values up to 2047 have a bucket each. Above, every power of two is divided into 1024 buckets of
 * equal width, so a reported value is at most 0.1 % above the recorded one. Recording increments
 * one counter, without allocation.
 *
 * Threads: nothing is locked. Each thread records into its own histogram; add them afterwards.
 */
#ifndef COMMON_HISTOGRAM_H
#define COMMON_HISTOGRAM_H

#include <stdbool.h>
#include <stdint.h>

struct histogram;

/** Make an empty histogram. @return NULL: out of memory */
struct histogram *histogram_new(void);
void histogram_free(struct histogram *histogram);

/** Count a value. A negative value counts as 0, one of 2^40 or more as 2^40 - 1. */
void histogram_record(struct histogram *histogram, int64_t value);

/** Count a value `count` times at once. */
void histogram_record_many(struct histogram *histogram, int64_t value, uint64_t count);

/** Make a histogram empty again. */
void histogram_clear(struct histogram *histogram);

/** Add all counts of `from` to `into`. Lossless. */
void histogram_add(struct histogram *into, const struct histogram *from);

/**
 * Subtract an earlier state: what remains was recorded since. The counts and the mean are exact;
 * the least and the greatest value are only known to a bucket: they are its ends, within the range
 * of the later state.
 *
 * @param from     the later state; changed
 * @param earlier  a copy of the same histogram, made earlier
 */
void histogram_subtract(struct histogram *from, const struct histogram *earlier);

uint64_t histogram_count(const struct histogram *histogram);
/** The exact least and greatest recorded value; 0 if there is none. */
int64_t histogram_min(const struct histogram *histogram);
int64_t histogram_max(const struct histogram *histogram);
/** The exact mean of the recorded values; 0 if there is none. */
double histogram_mean(const struct histogram *histogram);
/** The standard deviation, each value taken as the middle of its bucket; 0 if there is none. */
double histogram_deviation(const struct histogram *histogram);

/**
 * Return the smallest value v such that at least `percent` of the recorded values are at most v,
 * rounded up to the top of its bucket, and at most histogram_max().
 *
 * @param percent  0 to 100
 */
int64_t histogram_percentile(const struct histogram *histogram, double percent);

/** Values that are counted together. */
struct histogram_bucket {
    int64_t low; /**< the least value that falls into it */
    int64_t high;
    uint64_t count;
    unsigned next; /**< for histogram_walk() */
};

/**
 * Walk the buckets that have counts, in ascending order:
 *
 *     struct histogram_bucket bucket = {0};
 *     while (histogram_walk(histogram, &bucket))
 *         ... bucket.low to bucket.high: bucket.count ...
 *
 * @return false: there are no more, and the bucket is unchanged
 */
bool histogram_walk(const struct histogram *histogram, struct histogram_bucket *bucket);

/** What the buckets do not contain; with both, a histogram can be saved and restored. */
struct histogram_exact {
    int64_t min;
    int64_t max;
    /* the sum of all values is sum_billions * 10^9 + sum_rest */
    uint64_t sum_billions;
    uint32_t sum_rest; /**< below 10^9 */
};

struct histogram_exact histogram_exact(const struct histogram *histogram);

/**
 * Restore the exact values, after all buckets have been recorded with histogram_record_many(), each
 * by any of its values.
 *
 * @return false, and nothing is changed: min or max is not in the first or the last bucket, or no
 *         values in these buckets have this sum
 */
bool histogram_restore(struct histogram *histogram, const struct histogram_exact *exact);

#endif /* COMMON_HISTOGRAM_H */
