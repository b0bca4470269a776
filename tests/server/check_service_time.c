/* SPDX-License-Identifier: MIT */
/*
 * Service times: what is taken, and that what is drawn is exponential. The sequences are fixed by
 * their seeds, so nothing here is left to chance: a test that passes once passes always.
 */
#include "server/session/service-time.h"
#include "tests/kit/suite.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MS       INT64_C(1000000)
#define SESSIONS 100
#define DRAWS    1000 /* of each session */
#define ALL      (SESSIONS * DRAWS)

static const struct service_time ten_ms = {.mean_ns = 10 * MS, .exponential = true};

/* The next draw, in means. */
static double draw(uint64_t *state)
{
    return (double)service_time_next(&ten_ms, state) / (double)ten_ms.mean_ns;
}

/* The draws of sessions 1 to SESSIONS, in their order. Release with free(). */
static double *draw_all(void)
{
    double *draws = suite_memory(ALL * sizeof *draws);

    for (uint64_t session = 1; session <= SESSIONS; session++) {
        uint64_t state = service_time_begin(session);
        for (unsigned i = 0; i < DRAWS; i++)
            draws[(session - 1) * DRAWS + i] = draw(&state);
    }
    return draws;
}

/* Correlation of draws that are so far apart. */
static double correlation(const double *draws, unsigned lag)
{
    double sum = 0;

    for (unsigned i = 0; i + lag < ALL; i++)
        sum += (draws[i] - 1) * (draws[i + lag] - 1);
    return sum / (ALL - lag);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

CASE("Core")

TEST(times_are_read)
{
    struct service_time time = {.mean_ns = 4711};

    ck_assert(service_time_parse("250ms", 1000 * MS, &time));
    ck_assert(time.mean_ns == 250 * MS && !time.exponential);
    ck_assert(service_time_parse("exp:1.5ms", 1000 * MS, &time));
    ck_assert(time.mean_ns == 1500000 && time.exponential);
    ck_assert(service_time_parse("0", 1000 * MS, &time));
    ck_assert(time.mean_ns == 0 && !time.exponential);
    ck_assert(service_time_parse("exp:0", 1000 * MS, &time));
    ck_assert(time.mean_ns == 0 && time.exponential);
}

TEST(junk_is_refused)
{
    static const char *const junk[] = {"",           "exp",     "exp:",        "exp: 5ms", "exp:5",
                                       "exp:-5ms",   "Exp:5ms", "exp:exp:5ms", "5ms:exp",  "exp5ms",
                                       "exp:1001ms", "1001ms",  "normal:5ms",  ":5ms"};
    struct service_time time = {.mean_ns = 4711};

    for (size_t i = 0; i < sizeof junk / sizeof junk[0]; i++) {
        ck_assert_msg(!service_time_parse(junk[i], 1000 * MS, &time), "\"%s\" passed", junk[i]);
        ck_assert_int_eq(time.mean_ns, 4711);
    }
}

TEST(without_exp_it_is_always_the_same)
{
    const struct service_time constant = {.mean_ns = 10 * MS};
    const struct service_time none = {.mean_ns = 0, .exponential = true};
    uint64_t state = service_time_begin(1);

    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(service_time_next(&constant, &state), 10 * MS);
    ck_assert_uint_eq(state, service_time_begin(1));
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(service_time_next(&none, &state), 0);
}

CASE("Distribution")

/* The generator's published numbers for the seed 1234567, and libm's logarithm of them. */
TEST(the_sequence_is_known)
{
    static const uint64_t published[] = {
        UINT64_C(6457827717110365317), UINT64_C(3203168211198807973), UINT64_C(9817491932198370423),
        UINT64_C(4593380528125082431), UINT64_C(16408922859458223821)};
    uint64_t state = 1234567;

    for (size_t i = 0; i < sizeof published / sizeof published[0]; i++) {
        double u = (double)((published[i] >> 11) + 1) / 0x1p53;
        ck_assert_double_eq_tol(draw(&state), -log(u), 1e-6);
    }
}

/* The scrambler maps 0 to 0, which makes for the smallest u there is: 36.7 means. */
TEST(the_longest_is_twenty_means)
{
    const struct service_time longest = {.mean_ns = INT64_MAX / (2 * SERVICE_TIME_MOST),
                                         .exponential = true};
    uint64_t state = (uint64_t)0 - UINT64_C(0x9e3779b97f4a7c15);

    ck_assert_int_eq(service_time_next(&ten_ms, &state), 20 * ten_ms.mean_ns);
    state = (uint64_t)0 - UINT64_C(0x9e3779b97f4a7c15);
    ck_assert_int_gt(service_time_next(&longest, &state), INT64_MAX / 2 - 4096);
}

/* Kolmogorov and Smirnov: no part of the distribution is further off than chance would bring it. */
TEST(it_is_exponential)
{
    double *draws = draw_all();
    double sum = 0, squares = 0, furthest = 0;

    for (unsigned i = 0; i < ALL; i++) {
        sum += draws[i];
        squares += draws[i] * draws[i];
    }
    ck_assert_double_eq_tol(sum / ALL, 1, 3 / sqrt(ALL));
    ck_assert_double_eq_tol(squares / ALL, 2, 3 * sqrt(20) / sqrt(ALL));
    qsort(draws, ALL, sizeof *draws, by_size);
    for (unsigned i = 0; i < ALL; i++) {
        double below = 1 - exp(-draws[i]);
        furthest = fmax(furthest, fabs(below - (double)i / ALL));
        furthest = fmax(furthest, fabs(below - (i + 1.0) / ALL));
    }
    ck_assert_double_lt(furthest, 1.36 / sqrt(ALL));
    free(draws);
}

/* Neither from one draw to the next, nor from a session to the one after it, nor shifted by a few. */
TEST(draws_know_nothing_of_each_other)
{
    static const unsigned lags[] = {1, 2, 3, DRAWS - 1, DRAWS, DRAWS + 1, 2 * DRAWS};
    double *draws = draw_all();

    for (size_t i = 0; i < sizeof lags / sizeof lags[0]; i++)
        ck_assert_double_eq_tol(correlation(draws, lags[i]), 0, 3 / sqrt(ALL));
    free(draws);
}

TEST(a_session_has_its_own_and_has_it_again)
{
    uint64_t seven = service_time_begin(7), again = service_time_begin(7);
    uint64_t eight = service_time_begin(8);
    unsigned equal = 0;

    for (int i = 0; i < 1000; i++) {
        int64_t ns = service_time_next(&ten_ms, &seven);
        ck_assert_int_eq(ns, service_time_next(&ten_ms, &again));
        equal += ns == service_time_next(&ten_ms, &eight);
    }
    ck_assert_uint_le(equal, 1);
}
