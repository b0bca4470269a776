/* SPDX-License-Identifier: MIT */
/*
 * A log-linear histogram: see histogram.h.
 *
 * Let the highest bit of a value be bit b. Up to b = 10 the value is its own bucket. Above, the
 * value is shifted right until its highest bit is bit 10: what remains is a number from 1024 to
 * 2047, and `shift` of them lie before it. Hence
 *
 *     shift  = max(b, 10) - 10
 *     bucket = shift * 1024 + (value >> shift)
 *
 *     value      0 ... 2047   2048 ... 4095   4096 ... 8191          2^39 ... 2^40 - 1
 *     shift           0             1               2          ...           29
 *     bucket     0 ... 2047   2048 ... 3071   3072 ... 4095          31744 - 1024 ...
 *     width           1             2               4          ...          2^29
 *
 * It fits without a seam because the first half of every later row is empty: a value with
 * shift > 0 has bit 10 set after the shift.
 *
 * The counters take 248 KiB, but they come from calloc(), which takes fresh pages of zeros from
 * the kernel for such a size: only the pages that were counted in become resident. Latencies of
 * one run lie close together and touch a few pages.
 */
#include "common/histogram.h"

#include <float.h>
#include <stddef.h>
#include <stdlib.h>

#define HALF_BITS  10
#define HALF       (1u << HALF_BITS)
#define VALUE_BITS 40
#define VALUE_MAX  ((INT64_C(1) << VALUE_BITS) - 1)
#define BUCKETS    ((VALUE_BITS - HALF_BITS + 1) * HALF)

struct histogram {
    uint64_t count;
    int64_t min; /* VALUE_MAX while empty, so that recording needs no special case */
    int64_t max;
    __extension__ unsigned __int128 sum; /* 2^64 values of 2^40 fit */
    uint64_t counts[BUCKETS];
};

static inline size_t bucket_of(uint64_t value)
{
    unsigned shift = 63u - HALF_BITS - (unsigned)__builtin_clzll(value | HALF);

    return ((size_t)shift << HALF_BITS) + (size_t)(value >> shift);
}

/* The greatest value that falls into a bucket. */
static int64_t bucket_top(size_t bucket)
{
    size_t shift = bucket < HALF ? 0 : (bucket >> HALF_BITS) - 1;

    return (int64_t)((((uint64_t)bucket - (shift << HALF_BITS) + 1) << shift) - 1);
}

struct histogram *histogram_new(void)
{
    struct histogram *histogram = calloc(1, sizeof *histogram);

    if (histogram != NULL)
        histogram->min = VALUE_MAX;
    return histogram;
}

void histogram_free(struct histogram *histogram)
{
    free(histogram);
}

void histogram_record(struct histogram *histogram, int64_t value)
{
    value = value < 0 ? 0 : value > VALUE_MAX ? VALUE_MAX : value;
    histogram->counts[bucket_of((uint64_t)value)]++;
    histogram->count++;
    histogram->sum += (uint64_t)value;
    histogram->min = value < histogram->min ? value : histogram->min;
    histogram->max = value > histogram->max ? value : histogram->max;
}

void histogram_add(struct histogram *into, const struct histogram *from)
{
    /* Nothing lies outside min and max: further on there are only pages that nobody has touched.
     * An empty histogram has its min above its max, and adds nothing. */
    size_t last = bucket_of((uint64_t)from->max);

    for (size_t i = bucket_of((uint64_t)from->min); i <= last; i++)
        into->counts[i] += from->counts[i];
    into->count += from->count;
    into->sum += from->sum;
    into->min = from->min < into->min ? from->min : into->min;
    into->max = from->max > into->max ? from->max : into->max;
}

uint64_t histogram_count(const struct histogram *histogram)
{
    return histogram->count;
}

int64_t histogram_min(const struct histogram *histogram)
{
    return histogram->count == 0 ? 0 : histogram->min;
}

int64_t histogram_max(const struct histogram *histogram)
{
    return histogram->max;
}

double histogram_mean(const struct histogram *histogram)
{
    if (histogram->count == 0)
        return 0;
    return (double)histogram->sum / (double)histogram->count;
}

/*
 * Which value in ascending order, from 1 on, is the percentile. 99.9 is no binary fraction: of
 * 1000 values it may ask for a hair more than 999, and rounding that up would give the 1000th. So
 * a hair is taken off first.
 */
static uint64_t rank_of(uint64_t count, double percent)
{
    double exact = percent * (double)count / 100 * (1 - 4 * DBL_EPSILON);
    uint64_t rank;

    if (!(exact > 1))
        return 1;
    if (exact >= (double)count)
        return count;
    rank = (uint64_t)exact;
    return rank + ((double)rank < exact);
}

int64_t histogram_percentile(const struct histogram *histogram, double percent)
{
    uint64_t rank = rank_of(histogram->count, percent);
    uint64_t seen = 0;

    if (histogram->count == 0)
        return 0;
    for (size_t i = bucket_of((uint64_t)histogram->min); i < BUCKETS; i++) {
        seen += histogram->counts[i];
        if (seen >= rank) {
            int64_t top = bucket_top(i);
            return top < histogram->max ? top : histogram->max;
        }
    }
    return histogram->max;
}
