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

#include <stdbool.h>
#include <stdint.h>

struct histogram;

/** @return an empty histogram, or NULL for want of memory */
struct histogram *histogram_new(void);
void histogram_free(struct histogram *histogram);

/** Count one value. Negative ones count as 0, those of 2^40 and above as 2^40 - 1. */
void histogram_record(struct histogram *histogram, int64_t value);

/** Count one value so many times: as often as histogram_record() would, but at once. */
void histogram_record_many(struct histogram *histogram, int64_t value, uint64_t count);

/** Make it as it was when it was new. */
void histogram_clear(struct histogram *histogram);

/** Add all counts of `from` to `into`. Lossless. */
void histogram_add(struct histogram *into, const struct histogram *from);

/**
 * Take away what had been recorded at an earlier time: what remains was recorded since. The counts
 * and the mean are exact; the least and the greatest value are known to a bucket, so they are its
 * ends, as far as they lie within those of the whole.
 *
 * @param from     the later state; changed
 * @param earlier  a copy of the same histogram, made earlier
 */
void histogram_subtract(struct histogram *from, const struct histogram *earlier);

uint64_t histogram_count(const struct histogram *histogram);
/** The least and the greatest recorded value, exact; 0 where there is none. */
int64_t histogram_min(const struct histogram *histogram);
int64_t histogram_max(const struct histogram *histogram);
/** Exact mean of the recorded values; 0 where there is none. */
double histogram_mean(const struct histogram *histogram);
/** Standard deviation of all recorded values, each taken as the middle of its bucket; 0 for none. */
double histogram_deviation(const struct histogram *histogram);

/**
 * The smallest value v such that at least `percent` of the recorded values are at most v, rounded
 * up to the top of its bucket but never above histogram_max().
 *
 * @param percent  0 to 100
 */
int64_t histogram_percentile(const struct histogram *histogram, double percent);

/** Values that are counted together. */
struct histogram_bucket {
    int64_t low; /**< the least value that falls into it */
    int64_t high;
    uint64_t count;
    unsigned next; /**< where the walk goes on */
};

/**
 * Walk the buckets that have counts, in ascending order:
 *
 *     struct histogram_bucket bucket = {0};
 *     while (histogram_walk(histogram, &bucket))
 *         ... bucket.low to bucket.high: bucket.count ...
 *
 * @return false: there are no more, and the bucket is as it was
 */
bool histogram_walk(const struct histogram *histogram, struct histogram_bucket *bucket);

/** What the buckets do not say: with both, a histogram can be written down and restored whole. */
struct histogram_exact {
    int64_t min;
    int64_t max;
    /* the sum of all values is sum_billions * 10^9 + sum_rest */
    uint64_t sum_billions;
    uint32_t sum_rest; /**< below 10^9 */
};

struct histogram_exact histogram_exact(const struct histogram *histogram);

/**
 * Set what was exact, once all buckets have been recorded again with histogram_record_many() (any
 * value of a bucket will do).
 *
 * @return false: it cannot be, since min or max is not in the bucket where it has to be, or no
 *         values in those buckets have such a sum; nothing is changed
 */
bool histogram_restore(struct histogram *histogram, const struct histogram_exact *exact);

#endif /* COMMON_HISTOGRAM_H */
