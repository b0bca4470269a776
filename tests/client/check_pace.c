/* SPDX-License-Identifier: MIT */
/* client/pace: schedules to the nanosecond, and random times that are as they should be. */
#include "client/session/pace.h"
#include "tests/kit/suite.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>

#define DRAWS 100000
#define MS    INT64_C(1000000)

CASE("Schedule")

TEST(without_a_rate_the_loop_is_closed)
{
    struct pace pace;

    pace_init(&pace, 0, false, 3, 4);
    ck_assert(!pace_is_open(&pace));
    ck_assert(!pace_is_open(&(struct pace){0}));
    pace_init(&pace, 0.001, false, 3, 4);
    ck_assert(pace_is_open(&pace));
}

/* 1000 messages a second from four sessions: 0, 1, 2, 3 ms; then 4, 5, 6, 7 ms. */
TEST(sessions_take_turns)
{
    struct pace paces[4];

    for (unsigned k = 0; k < 4; k++)
        pace_init(&paces[k], 1000, false, k, 4);
    for (int64_t i = 0; i < 1000; i++)
        for (unsigned k = 0; k < 4; k++) {
            ck_assert_int_eq(pace_due_ns(&paces[k]), (i * 4 + k) * MS);
            ck_assert_uint_eq(paces[k].sequence, (uint64_t)i);
            pace_next(&paces[k]);
        }
}

/* A gap that is no whole number of nanoseconds does not add up its rounding: after ten million
 * messages the schedule is where it should be. */
TEST(a_long_schedule_does_not_drift)
{
    struct pace pace;

    pace_init(&pace, 30000, false, 2, 7);
    for (int64_t i = 0; i < 10000000; i++)
        pace_next(&pace);
    /* (10^7 * 7 + 2) / 30000 s = 2333.3334 s */
    ck_assert_int_ge(pace_due_ns(&pace), INT64_C(2333333399999));
    ck_assert_int_le(pace_due_ns(&pace), INT64_C(2333333400000));
}

TEST(random_schedules_have_the_rate)
{
    struct pace pace;
    int64_t last = 0;

    pace_init(&pace, 1000, true, 1, 2);
    for (int i = 0; i < DRAWS; i++) {
        ck_assert_int_ge(pace_due_ns(&pace), last); /* never back in time */
        last = pace_due_ns(&pace);
        pace_next(&pace);
    }
    /* Gaps of 2 ms in the mean; the mean of 100,000 of them is off by 0.3 %, as is usual. */
    ck_assert_double_eq_tol((double)last / DRAWS, 2e6, 2e4);
}

TEST(random_schedules_are_the_same_each_time_and_differ_by_session)
{
    struct pace one, again, other;

    pace_init(&one, 1000, true, 0, 2);
    pace_init(&again, 1000, true, 0, 2);
    pace_init(&other, 1000, true, 1, 2);
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(pace_due_ns(&one), pace_due_ns(&again));
        ck_assert_int_ne(pace_due_ns(&one), pace_due_ns(&other));
        pace_next(&one);
        pace_next(&again);
        pace_next(&other);
    }
}

LOOP_TEST(back_is_where_it_was, 2)
{
    struct pace pace;
    int64_t due_ns;

    pace_init(&pace, 1000, _i == 1, 3, 7);
    for (unsigned i = 0; i < 100; i++)
        pace_next(&pace);
    due_ns = pace_due_ns(&pace);
    for (unsigned i = 0; i < 5; i++)
        pace_next(&pace);
    pace_back(&pace, 5);
    ck_assert_int_le(llabs(pace_due_ns(&pace) - due_ns), 1);
    ck_assert_uint_eq(pace.sequence, 100);
}

/* Who joins later takes its turns from there on, and the same ones. */
TEST(what_is_due_before_one_joins_is_left_out)
{
    struct pace pace, whole;

    for (int64_t until = 0; until <= 12; until++) {
        pace_init(&pace, 1000, false, 3, 4);
        pace_skip(&pace, until * MS);
        for (int64_t due = until <= 3    ? 3
                           : until <= 7  ? 7
                           : until <= 11 ? 11
                                         : 15;
             due < 40; due += 4) {
            ck_assert_int_eq(pace_due_ns(&pace), due * MS);
            pace_next(&pace);
        }
    }
    pace_init(&pace, 1000, true, 3, 4);
    pace_init(&whole, 1000, true, 3, 4);
    pace_skip(&pace, 100 * MS);
    for (int i = 0; i < 100; i++) {
        ck_assert_int_le(llabs(pace_due_ns(&pace) - pace_due_ns(&whole) - 100 * MS), 1);
        pace_next(&pace);
        pace_next(&whole);
    }
}

CASE("Spread")

TEST(none_and_constant)
{
    struct spread none = {.kind = SPREAD_NONE, .from_ns = 5};
    struct spread constant = {.kind = SPREAD_CONSTANT, .from_ns = 5};

    for (unsigned i = 0; i < 100; i++) {
        ck_assert_int_eq(spread_draw(&none, i, i), 0);
        ck_assert_int_eq(spread_draw(&constant, i, i), 5);
    }
}

TEST(even_meets_both_ends_and_nothing_beyond)
{
    struct spread spread = {.kind = SPREAD_EVEN, .from_ns = 10, .to_ns = 19};
    unsigned counts[10] = {0};

    for (unsigned i = 0; i < DRAWS; i++) {
        int64_t drawn = spread_draw(&spread, i % 100, i / 100);

        ck_assert_int_ge(drawn, 10);
        ck_assert_int_le(drawn, 19);
        counts[drawn - 10]++;
    }
    for (size_t i = 0; i < 10; i++)
        ck_assert_msg(counts[i] > DRAWS / 10 - 500 && counts[i] < DRAWS / 10 + 500,
                      "%zu came %u times", i + 10, counts[i]);
}

/* Of an exponential distribution with mean m, the part above t is e^(-t/m). */
TEST(exponential_has_its_mean_and_its_shape)
{
    struct spread spread = {.kind = SPREAD_EXPONENTIAL, .from_ns = MS};
    unsigned above[5] = {0};
    double sum = 0;

    for (unsigned i = 0; i < DRAWS; i++) {
        int64_t drawn = spread_draw(&spread, i / 1000, i % 1000);

        ck_assert_int_ge(drawn, 0);
        ck_assert_int_le(drawn, 20 * MS);
        sum += (double)drawn;
        for (int t = 0; t < 5; t++)
            above[t] += drawn > t * MS;
    }
    ck_assert_double_eq_tol(sum / DRAWS, 1e6, 1e4);
    for (int t = 0; t < 5; t++)
        ck_assert_double_eq_tol((double)above[t] / DRAWS, exp(-t), 0.005);
}

/* What follows in one session, and the same in the next session, have nothing to do with each other:
 * both averages of products are that of independent draws. */
TEST(draws_are_independent)
{
    struct spread spread = {.kind = SPREAD_EVEN, .from_ns = -1000, .to_ns = 1000};
    double along = 0, across = 0;

    for (unsigned i = 0; i < DRAWS; i++) {
        double here = (double)spread_draw(&spread, i / 1000, i % 1000);

        along += here * (double)spread_draw(&spread, i / 1000, i % 1000 + 1);
        across += here * (double)spread_draw(&spread, i / 1000 + 1, i % 1000);
    }
    /* The variance of one draw is 1/3 * 10^6. */
    ck_assert_double_eq_tol(along / DRAWS / 333333, 0, 0.02);
    ck_assert_double_eq_tol(across / DRAWS / 333333, 0, 0.02);
}

TEST(the_same_draw_is_the_same)
{
    struct spread spread = {.kind = SPREAD_EXPONENTIAL, .from_ns = MS};

    ck_assert_int_eq(spread_draw(&spread, 7, UINT64_MAX), spread_draw(&spread, 7, UINT64_MAX));
    ck_assert_int_ne(spread_draw(&spread, 7, 8), spread_draw(&spread, 8, 7));
}
