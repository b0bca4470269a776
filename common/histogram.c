/* SPDX-License-Identifier: MIT */
/*
 * A log-linear histogram: see histogram.h.
 *
 * Let the highest bit of a value be bit b. Up to b = 10 the value is its own bucket. Above, the
 * value is shifted right until its highest bit is bit 10, which leaves a number from 1024 to 2047.
 * Hence
 *
 *     shift  = max(b, 10) - 10
 *     bucket = shift * 1024 + (value >> shift)
 *
 *     value      0 ... 2047   2048 ... 4095   4096 ... 8191          2^39 ... 2^40 - 1
 *     shift           0             1               2          ...           29
 *     bucket     0 ... 2047   2048 ... 3071   3072 ... 4095          31744 - 1024 ...
 *     width           1             2               4          ...          2^29
 *
 * There is no gap between the rows, because a value with shift > 0 has bit 10 set after the shift:
 * it uses only the upper half of 2048 numbers.
 *
 * The counters take 248 KiB. calloc() gets a block of this size as fresh zeroed pages from the
 * kernel, and only pages with counts become resident. The latencies of a run lie close together, on
 * few pages.
 */
#include "common/histogram.h"

#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define HALF_BITS  10
#define HALF       (1u << HALF_BITS)
#define VALUE_BITS 40
#define VALUE_MAX  ((INT64_C(1) << VALUE_BITS) - 1)
#define BUCKETS    ((VALUE_BITS - HALF_BITS + 1) * HALF)
#define BILLION    1000000000u

#ifdef __SIZEOF_INT128__
__extension__ typedef unsigned __int128 wide; /* 2^64 values of 2^40 fit */
#else
typedef uint64_t wide; /* a 32-bit machine: 584 years of nanoseconds fit */
#endif

struct histogram {
    uint64_t count;
    int64_t min; /* VALUE_MAX while empty, so that recording needs no special case */
    int64_t max;
    wide sum;
    uint64_t counts[BUCKETS];
};

static inline size_t bucket_of(uint64_t value)
{
    unsigned shift = 63u - HALF_BITS - (unsigned)__builtin_clzll(value | HALF);

    return ((size_t)shift << HALF_BITS) + (size_t)(value >> shift);
}

/* Return the greatest value of a bucket. */
static int64_t bucket_top(size_t bucket)
{
    size_t shift = bucket < HALF ? 0 : (bucket >> HALF_BITS) - 1;

    return (int64_t)((((uint64_t)bucket - (shift << HALF_BITS) + 1) << shift) - 1);
}

/* Return the least value of a bucket. */
static int64_t bucket_low(size_t bucket)
{
    return bucket == 0 ? 0 : bucket_top(bucket - 1) + 1;
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

void histogram_record_many(struct histogram *histogram, int64_t value, uint64_t count)
{
    if (count == 0)
        return;
    value = value < 0 ? 0 : value > VALUE_MAX ? VALUE_MAX : value;
    histogram->counts[bucket_of((uint64_t)value)] += count;
    histogram->count += count;
    histogram->sum += (wide)(uint64_t)value * count;
    histogram->min = value < histogram->min ? value : histogram->min;
    histogram->max = value > histogram->max ? value : histogram->max;
}

void histogram_clear(struct histogram *histogram)
{
    /* Clear only buckets that may have counts, so that other pages do not become resident. */
    if (histogram->count > 0) {
        size_t first = bucket_of((uint64_t)histogram->min);
        size_t last = bucket_of((uint64_t)histogram->max);

        memset(histogram->counts + first, 0, (last - first + 1) * sizeof histogram->counts[0]);
    }
    histogram->count = 0;
    histogram->sum = 0;
    histogram->min = VALUE_MAX;
    histogram->max = 0;
}

void histogram_add(struct histogram *into, const struct histogram *from)
{
    /* Buckets outside min and max are empty, their pages not resident. An empty histogram has its
       min above its max, and adds nothing. */
    size_t last = bucket_of((uint64_t)from->max);

    for (size_t i = bucket_of((uint64_t)from->min); i <= last; i++)
        into->counts[i] += from->counts[i];
    into->count += from->count;
    into->sum += from->sum;
    into->min = from->min < into->min ? from->min : into->min;
    into->max = from->max > into->max ? from->max : into->max;
}

/* Move min and max inwards to buckets that have counts. The histogram is not empty. */
static void narrow(struct histogram *histogram)
{
    size_t first = bucket_of((uint64_t)histogram->min);
    size_t last = bucket_of((uint64_t)histogram->max);

    while (histogram->counts[first] == 0)
        first++;
    while (histogram->counts[last] == 0)
        last--;
    if (bucket_low(first) > histogram->min)
        histogram->min = bucket_low(first);
    if (bucket_top(last) < histogram->max)
        histogram->max = bucket_top(last);
}

void histogram_subtract(struct histogram *from, const struct histogram *earlier)
{
    size_t last = bucket_of((uint64_t)earlier->max);

    if (earlier->count == from->count) {
        histogram_clear(from);
        return;
    }
    for (size_t i = bucket_of((uint64_t)earlier->min); i <= last; i++)
        from->counts[i] -= earlier->counts[i];
    from->count -= earlier->count;
    from->sum -= earlier->sum;
    narrow(from);
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

double histogram_deviation(const struct histogram *histogram)
{
    struct histogram_bucket bucket = {0};
    double mean = histogram_mean(histogram);
    double squares = 0;

    while (histogram_walk(histogram, &bucket)) {
        double middle = (double)bucket.low + (double)(bucket.high - bucket.low) / 2;

        squares += (double)bucket.count * (middle - mean) * (middle - mean);
    }
    return histogram->count == 0 ? 0 : sqrt(squares / (double)histogram->count);
}

bool histogram_walk(const struct histogram *histogram, struct histogram_bucket *bucket)
{
    size_t last = bucket_of((uint64_t)histogram->max);
    size_t i = bucket->next;

    if (i == 0)
        i = bucket_of((uint64_t)histogram->min);
    while (i <= last && histogram->counts[i] == 0)
        i++;
    if (i > last || histogram->count == 0)
        return false;
    bucket->low = bucket_low(i);
    bucket->high = bucket_top(i);
    bucket->count = histogram->counts[i];
    bucket->next = (unsigned)i + 1;
    return true;
}

struct histogram_exact histogram_exact(const struct histogram *histogram)
{
    return (struct histogram_exact){
        .min = histogram_min(histogram),
        .max = histogram->max,
        .sum_billions = (uint64_t)(histogram->sum / BILLION),
        .sum_rest = (uint32_t)(histogram->sum % BILLION),
    };
}

/* Compute the least and the greatest possible sum of the values in these buckets. */
static void sum_bounds(const struct histogram *histogram, const struct histogram_exact *exact,
                       wide *least, wide *greatest)
{
    struct histogram_bucket bucket = {0};

    *least = *greatest = 0;
    while (histogram_walk(histogram, &bucket)) {
        int64_t low = bucket.low > exact->min ? bucket.low : exact->min;
        int64_t high = bucket.high < exact->max ? bucket.high : exact->max;

        *least += (wide)(uint64_t)low * bucket.count;
        *greatest += (wide)(uint64_t)high * bucket.count;
    }
}

bool histogram_restore(struct histogram *histogram, const struct histogram_exact *exact)
{
    wide sum = (wide)exact->sum_billions * BILLION + exact->sum_rest;
    wide least, greatest;

    if (exact->min < 0 || exact->max > VALUE_MAX || exact->min > exact->max)
        return false;
    if (histogram->count == 0)
        return exact->max == 0 && sum == 0;
    if (bucket_of((uint64_t)exact->min) != bucket_of((uint64_t)histogram->min) ||
        bucket_of((uint64_t)exact->max) != bucket_of((uint64_t)histogram->max))
        return false;
    sum_bounds(histogram, exact, &least, &greatest);
    if (sum < least || sum > greatest)
        return false;
    histogram->min = exact->min;
    histogram->max = exact->max;
    histogram->sum = sum;
    return true;
}

/*
 * Return which value, in ascending order from 1, is the percentile. 99.9 is no binary fraction: for
 * 1000 values the product may be a little above 999, and rounding up would give the 1000th. So
 * subtract a little first.
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
