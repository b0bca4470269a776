/* SPDX-License-Identifier: MIT */
/* The histogram against exact percentiles of the same data, sorted. */
#include "common/histogram.h"
#include "tests/kit/suite.h"

#include <inttypes.h>
#include <malloc.h>
#include <math.h>
#include <stdlib.h>

#define VALUES    20000
#define VALUE_MAX ((INT64_C(1) << 40) - 1)

/* Marsaglia's xorshift: the same numbers in every run. */
static uint64_t next_random(void)
{
    static uint64_t state = UINT64_C(88172645463325252);

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* Kinds of data, by number: see the words in kind_names. */
static const char *const kind_names[] = {"small",      "even up to 2^40",       "each size alike",
                                         "two values", "latencies with a tail", "all the same"};
#define KINDS ((int)(sizeof kind_names / sizeof kind_names[0]))

static int64_t random_value(int kind)
{
    uint64_t random = next_random();

    switch (kind) {
    case 0: return (int64_t)(random % 2048);
    case 1: return (int64_t)(random % ((uint64_t)VALUE_MAX + 1));
    case 2: return (int64_t)(next_random() & (VALUE_MAX >> random % 41));
    case 3: return random % 10 == 0 ? 1000000 : 70;
    case 4: return (int64_t)(5000 + random % 2000 + (random % 97 == 0 ? 4000000 : 0));
    default: return 123456789;
    }
}

static int ascending(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left;
    int64_t b = *(const int64_t *)right;

    return (a > b) - (a < b);
}

static struct histogram *histogram_of(const int64_t *values, size_t count)
{
    struct histogram *histogram = histogram_new();

    ck_assert_ptr_nonnull(histogram);
    for (size_t i = 0; i < count; i++)
        histogram_record(histogram, values[i]);
    return histogram;
}

/* Compute a percentile, in thousandths of a percent, by counting and without floating point. */
static int64_t exact_percentile(const int64_t *sorted, uint64_t count, uint64_t thousandths)
{
    uint64_t rank = (thousandths * count + 99999) / 100000;

    return sorted[rank == 0 ? 0 : rank - 1];
}

CASE("Core")

LOOP_TEST(percentiles_are_within_a_thousandth, KINDS)
{
    static int64_t values[VALUES];
    static const size_t counts[] = {1, 2, 3, 10, 99, 100, 101, 1000, VALUES};

    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        size_t count = counts[c];
        struct histogram *histogram;
        for (size_t i = 0; i < count; i++)
            values[i] = random_value(_i);
        histogram = histogram_of(values, count);
        qsort(values, count, sizeof values[0], ascending);
        for (uint64_t thousandths = 0; thousandths <= 100000; thousandths += 50) {
            int64_t exact = exact_percentile(values, count, thousandths);
            int64_t got = histogram_percentile(histogram, (double)thousandths / 1000);
            ck_assert_msg(got >= exact && got - exact <= exact / 1000,
                          "%s, %zu values: p%g is %" PRId64 ", not %" PRId64, kind_names[_i], count,
                          (double)thousandths / 1000, got, exact);
        }
        ck_assert_int_eq(histogram_percentile(histogram, 100), values[count - 1]);
        ck_assert_int_eq(histogram_min(histogram), values[0]);
        ck_assert_int_eq(histogram_max(histogram), values[count - 1]);
        histogram_free(histogram);
    }
}

TEST(a_percentile_is_the_right_one_of_few)
{
    /* Values below 2048 are exact, so being one rank off would show. */
    for (int64_t count = 1; count <= 1000; count++) {
        struct histogram *histogram = histogram_new();
        for (int64_t value = 1; value <= count; value++)
            histogram_record(histogram, value);
        for (int64_t tenths = 1; tenths <= 1000; tenths++)
            ck_assert_int_eq(histogram_percentile(histogram, (double)tenths / 10),
                             (tenths * count + 999) / 1000);
        histogram_free(histogram);
    }
}

TEST(mean_is_exact)
{
    struct histogram *histogram = histogram_new();

    for (int64_t value = 1; value <= 1000; value++)
        histogram_record(histogram, value * 1000003);
    ck_assert_double_eq(histogram_mean(histogram), 1000003 * 500.5);
    histogram_free(histogram);

    histogram = histogram_new(); /* the sum needs more than 64 bits */
    for (unsigned i = 0; i < (1u << 25); i++)
        histogram_record(histogram, VALUE_MAX);
    ck_assert_double_eq(histogram_mean(histogram), (double)VALUE_MAX);
    histogram_free(histogram);
}

LOOP_TEST(adding_is_recording_into_one, KINDS)
{
    static int64_t values[VALUES];
    struct histogram *whole, *left, *right;
    size_t cut = VALUES / 3;

    for (size_t i = 0; i < VALUES; i++)
        values[i] = random_value(i < cut ? _i : (_i + 1) % KINDS);
    whole = histogram_of(values, VALUES);
    left = histogram_of(values, cut);
    right = histogram_of(values + cut, VALUES - cut);
    histogram_add(left, right);
    ck_assert_uint_eq(histogram_count(left), VALUES);
    ck_assert_uint_eq(histogram_count(right), VALUES - cut);
    ck_assert_int_eq(histogram_min(left), histogram_min(whole));
    ck_assert_int_eq(histogram_max(left), histogram_max(whole));
    ck_assert_double_eq(histogram_mean(left), histogram_mean(whole));
    for (int thousandths = 0; thousandths <= 100000; thousandths += 10)
        ck_assert_int_eq(histogram_percentile(left, thousandths / 1000.0),
                         histogram_percentile(whole, thousandths / 1000.0));
    histogram_free(whole);
    histogram_free(left);
    histogram_free(right);
}

TEST(adding_nothing_changes_nothing)
{
    struct histogram *some = histogram_new();
    struct histogram *none = histogram_new();

    histogram_record(some, 5);
    histogram_record(some, 7000);
    histogram_add(some, none);
    ck_assert_uint_eq(histogram_count(some), 2);
    ck_assert_int_eq(histogram_min(some), 5);
    ck_assert_int_eq(histogram_max(some), 7000);
    histogram_add(none, some);
    ck_assert_uint_eq(histogram_count(none), 2);
    ck_assert_int_eq(histogram_min(none), 5);
    ck_assert_int_eq(histogram_percentile(none, 50), 5);
    histogram_free(some);
    histogram_free(none);
}

/* A distribution whose percentiles are known without measuring: 1 to 1000, n of each n. */
TEST(percentiles_of_a_known_distribution)
{
    struct histogram *histogram = histogram_new();
    uint64_t total = 0;
    int64_t expected = 0;

    for (int64_t value = 1; value <= 1000; value++)
        histogram_record_many(histogram, value, (uint64_t)value);
    ck_assert_uint_eq(histogram_count(histogram), 500500);
    ck_assert_double_eq(histogram_mean(histogram), 667); /* sum n^2 / sum n = (2 * 1000 + 1) / 3 */
    for (uint64_t thousandths = 1; thousandths <= 100000; thousandths++) {
        uint64_t rank = (thousandths * 500500 + 99999) / 100000;

        while (total < rank)
            total += (uint64_t)++expected;
        ck_assert_int_eq(histogram_percentile(histogram, (double)thousandths / 1000), expected);
    }
    histogram_free(histogram);
}

TEST(many_at_once_are_as_many_one_by_one)
{
    struct histogram *one = histogram_new();
    struct histogram *many = histogram_new();
    static const int64_t values[] = {-5, 0, 2047, 2048, 999999, VALUE_MAX, INT64_MAX};

    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        for (size_t j = 0; j < i + 1; j++)
            histogram_record(one, values[i]);
        histogram_record_many(many, values[i], i + 1);
    }
    histogram_record_many(many, 77, 0); /* changes nothing, not even min and max */
    ck_assert_uint_eq(histogram_count(many), histogram_count(one));
    ck_assert_double_eq(histogram_mean(many), histogram_mean(one));
    ck_assert_int_eq(histogram_min(many), 0);
    ck_assert_int_eq(histogram_max(many), VALUE_MAX);
    for (int percent = 0; percent <= 100; percent++)
        ck_assert_int_eq(histogram_percentile(many, percent), histogram_percentile(one, percent));
    histogram_free(one);
    histogram_free(many);
}

LOOP_TEST(a_walk_meets_every_value_once_in_order, KINDS)
{
    static int64_t values[VALUES];
    struct histogram_bucket bucket = {0};
    struct histogram *histogram;
    uint64_t total = 0;
    int64_t last = -1;

    for (size_t i = 0; i < VALUES; i++)
        values[i] = random_value(_i);
    histogram = histogram_of(values, VALUES);
    qsort(values, VALUES, sizeof values[0], ascending);
    while (histogram_walk(histogram, &bucket)) {
        ck_assert_int_gt(bucket.low, last);
        ck_assert_int_ge(bucket.high, bucket.low);
        ck_assert_uint_gt(bucket.count, 0);
        for (uint64_t i = 0; i < bucket.count; i++, total++) {
            ck_assert_int_ge(values[total], bucket.low);
            ck_assert_int_le(values[total], bucket.high);
        }
        last = bucket.high;
    }
    ck_assert_uint_eq(total, VALUES);
    ck_assert(!histogram_walk(histogram, &bucket)); /* again */
    histogram_free(histogram);
}

/* Assert that all functions return the same for two histograms. */
static void assert_same(const struct histogram *one, const struct histogram *other)
{
    struct histogram_bucket a = {0}, b = {0};
    struct histogram_exact exact = histogram_exact(one), exact_other = histogram_exact(other);

    ck_assert_uint_eq(histogram_count(one), histogram_count(other));
    ck_assert_int_eq(exact.min, exact_other.min);
    ck_assert_int_eq(exact.max, exact_other.max);
    ck_assert_uint_eq(exact.sum_billions, exact_other.sum_billions);
    ck_assert_uint_eq(exact.sum_rest, exact_other.sum_rest);
    while (histogram_walk(one, &a)) {
        ck_assert(histogram_walk(other, &b));
        ck_assert_int_eq(a.high, b.high);
        ck_assert_uint_eq(a.count, b.count);
    }
    ck_assert(!histogram_walk(other, &b));
}

LOOP_TEST(what_is_written_down_is_restored_whole, KINDS)
{
    static int64_t values[VALUES];
    struct histogram_bucket bucket = {0};
    struct histogram_exact exact;
    struct histogram *histogram, *restored = histogram_new();

    for (size_t i = 0; i < VALUES; i++)
        values[i] = random_value(_i);
    histogram = histogram_of(values, VALUES);
    while (histogram_walk(histogram, &bucket))
        histogram_record_many(restored, _i % 2 == 0 ? bucket.low : bucket.high, bucket.count);
    exact = histogram_exact(histogram);
    ck_assert(histogram_restore(restored, &exact));
    assert_same(histogram, restored);
    histogram_free(histogram);
    histogram_free(restored);
}

TEST(what_cannot_be_is_not_restored)
{
    struct histogram *histogram = histogram_new();
    /* Values 5 and 5000: the latter's bucket is 5000 to 5003. */
    static const struct histogram_exact wrong[] = {
        {4, 5001, 0, 5006}, {-1, 5001, 0, 5006}, {5, 5004, 0, 5009},
        {5, 4999, 0, 5005}, {5, 5001, 0, 5004},  {5, 5001, 0, 5007},
        {5, 5001, 1, 5006}, {5001, 5, 0, 5006},  {5, INT64_MAX, 0, 5006}};
    struct histogram_exact right = {5, 5001, 0, 5006};

    ck_assert(histogram_restore(histogram, &(struct histogram_exact){0}));
    ck_assert(!histogram_restore(histogram, &(struct histogram_exact){.sum_rest = 1}));
    ck_assert(!histogram_restore(histogram, &(struct histogram_exact){.max = 1}));
    histogram_record(histogram, 5);
    histogram_record(histogram, 5000);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        ck_assert_msg(!histogram_restore(histogram, &wrong[i]), "number %zu", i);
        ck_assert_int_eq(histogram_max(histogram), 5000);
        ck_assert_double_eq(histogram_mean(histogram), 2502.5);
    }
    ck_assert(histogram_restore(histogram, &right));
    ck_assert_int_eq(histogram_max(histogram), 5001);
    ck_assert_double_eq(histogram_mean(histogram), 2503);
    histogram_free(histogram);
}

LOOP_TEST(subtracting_leaves_what_came_since, KINDS)
{
    static int64_t values[VALUES];
    struct histogram *earlier, *later, *since;
    struct histogram_exact exact;
    size_t cut = VALUES / 3;

    for (size_t i = 0; i < VALUES; i++)
        values[i] = random_value(i < cut ? _i : (_i + 1) % KINDS);
    earlier = histogram_of(values, cut);
    later = histogram_of(values, VALUES);
    since = histogram_of(values + cut, VALUES - cut);
    histogram_subtract(later, earlier);
    /* min and max may be the ends of their buckets */
    ck_assert_int_le(histogram_min(later), histogram_min(since));
    ck_assert_int_ge(histogram_min(later), histogram_min(since) - histogram_min(since) / 1000);
    ck_assert_int_ge(histogram_max(later), histogram_max(since));
    ck_assert_int_le(histogram_max(later), histogram_max(since) + histogram_max(since) / 1000);
    exact = histogram_exact(since);
    ck_assert(histogram_restore(later, &exact)); /* everything else is exact */
    assert_same(later, since);
    histogram_subtract(later, since);
    ck_assert_uint_eq(histogram_count(later), 0);
    ck_assert_int_eq(histogram_max(later), 0);
    histogram_record(later, 9);
    ck_assert_int_eq(histogram_min(later), 9);
    histogram_free(earlier);
    histogram_free(later);
    histogram_free(since);
}

TEST(subtracting_nothing_changes_nothing)
{
    struct histogram *some = histogram_new(), *copy = histogram_new(), *none = histogram_new();

    histogram_record(some, 5001);
    histogram_record(some, 7003);
    histogram_add(copy, some);
    histogram_subtract(some, none);
    assert_same(some, copy);
    histogram_subtract(none, none);
    ck_assert_uint_eq(histogram_count(none), 0);
    histogram_free(some);
    histogram_free(copy);
    histogram_free(none);
}

TEST(clearing_makes_it_new)
{
    struct histogram *histogram = histogram_new(), *fresh = histogram_new();

    histogram_clear(histogram);
    assert_same(histogram, fresh);
    for (unsigned i = 0; i < 1000; i++)
        histogram_record(histogram, random_value(2));
    histogram_clear(histogram);
    assert_same(histogram, fresh);
    histogram_record_many(histogram, VALUE_MAX, 2); /* nothing remains between min and max */
    histogram_record(histogram, 0);
    ck_assert_int_eq(histogram_percentile(histogram, 34), VALUE_MAX);
    histogram_free(histogram);
    histogram_free(fresh);
}

TEST(deviation_is_that_of_the_values)
{
    struct histogram *histogram = histogram_new();

    ck_assert_double_eq(histogram_deviation(histogram), 0);
    histogram_record(histogram, 1000);
    ck_assert_double_eq(histogram_deviation(histogram), 0);
    histogram_record_many(histogram, 1004, 3);
    ck_assert_double_eq_tol(histogram_deviation(histogram), sqrt(3), 1e-9);
    histogram_clear(histogram);
    histogram_record(histogram, 1000000); /* wider buckets: their middle */
    histogram_record(histogram, 3000000);
    ck_assert_double_eq_tol(histogram_deviation(histogram), 1e6, 1e3);
    histogram_free(histogram);
}

CASE("Limits")

TEST(empty_is_zero)
{
    struct histogram *histogram = histogram_new();

    ck_assert_uint_eq(histogram_count(histogram), 0);
    ck_assert_int_eq(histogram_min(histogram), 0);
    ck_assert_int_eq(histogram_max(histogram), 0);
    ck_assert_double_eq(histogram_mean(histogram), 0);
    ck_assert_int_eq(histogram_percentile(histogram, 0), 0);
    ck_assert_int_eq(histogram_percentile(histogram, 50), 0);
    ck_assert_int_eq(histogram_percentile(histogram, 100), 0);
    histogram_free(histogram);
    histogram_free(NULL);
}

TEST(values_out_of_range_are_moved_into_it)
{
    struct histogram *histogram = histogram_new();

    histogram_record(histogram, -1);
    histogram_record(histogram, INT64_MIN);
    ck_assert_int_eq(histogram_min(histogram), 0);
    ck_assert_int_eq(histogram_max(histogram), 0);
    ck_assert_int_eq(histogram_percentile(histogram, 100), 0);
    histogram_record(histogram, VALUE_MAX + 1);
    histogram_record(histogram, INT64_MAX);
    ck_assert_int_eq(histogram_max(histogram), VALUE_MAX);
    ck_assert_int_eq(histogram_percentile(histogram, 50), 0);
    ck_assert_int_eq(histogram_percentile(histogram, 51), VALUE_MAX);
    ck_assert_uint_eq(histogram_count(histogram), 4);
    histogram_free(histogram);
}

/* At each power of two the width of the buckets changes: a gap would show there. */
LOOP_TEST(no_seam_at_powers_of_two, 41)
{
    int64_t power = INT64_C(1) << _i;

    for (int64_t value = power - 2; value <= power + 2; value++) {
        struct histogram *histogram;
        int64_t half;
        if (value < 0 || value >= VALUE_MAX)
            continue;
        histogram = histogram_new();
        histogram_record(histogram, value);
        ck_assert_int_eq(histogram_percentile(histogram, 50), value); /* never above the max */
        histogram_record(histogram, VALUE_MAX);
        half = histogram_percentile(histogram, 50);
        ck_assert_msg(half >= value && half - value <= value / 1000, "%" PRId64 " for %" PRId64,
                      half, value);
        if (value < 2048)
            ck_assert_int_eq(half, value);
        histogram_free(histogram);
    }
}

TEST(recording_allocates_nothing)
{
    struct histogram *histogram = histogram_new();
    struct mallinfo2 before = mallinfo2();
    struct mallinfo2 after;

    for (unsigned i = 0; i < 100000; i++)
        histogram_record(histogram, random_value(2));
    after = mallinfo2();
    ck_assert_uint_eq(after.uordblks, before.uordblks);
    ck_assert_uint_eq(after.hblkhd, before.hblkhd);
    histogram_free(histogram);
}
