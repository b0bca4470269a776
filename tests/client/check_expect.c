/* SPDX-License-Identifier: MIT */
/* client/expect: every quantity, every relation, every unit, and what is nonsense. */
#include "client/report/expect.h"
#include "tests/kit/suite.h"

#include <stdio.h>
#include <string.h>

static struct summary summary;

/* A run whose figures are all different. */
static void setup(void)
{
    ck_assert(summary_init(&summary));
    summary.requested = 50;
    summary.ok = 45;
    summary.failed = 3;
    summary.refused = 2;
    summary.sent = 500;
    summary.verified = 480;
    summary.mismatched = 1;
    summary.bytes = 30720;
    summary.seconds = 2.5; /* 192 echoes a second */
    summary_add_errors(&summary, "connect: connection refused", 3);
    summary_add_errors(&summary, "refused: BUSY", 2);
    for (int64_t us = 1; us <= 1000; us++) {
        histogram_record(summary.measure.times[MEASURE_ECHO], us); /* 1 to 1000 ns: exact */
        histogram_record(summary.measure.times[MEASURE_CONNECT], us + 1000);
    }
    measure_one(&summary.measure, MEASURE_QUEUE_WAIT, 2000000000);
    measure_one(&summary.measure, MEASURE_ECHO_RAW, 7);
    measure_one(&summary.measure, MEASURE_CLOSE, 8);
    measure_one(&summary.measure, MEASURE_LAG, 9);
}

static void teardown(void)
{
    summary_clear(&summary);
}

struct row {
    const char *text;
    bool holds;
    const char *sentence;
};

/* What is asked for is exactly what is there, so each of these would fail were it another figure. */
static const struct row rows[] = {
    {"requested=50", true, "requested=50: it is 50"},
    {"ok=45", true, "ok=45: it is 45"},
    {"served=45", true, "served=45: it is 45"},
    {"failed=3", true, "failed=3: it is 3"},
    {"refused=2", true, "refused=2: it is 2"},
    {"sent=500", true, "sent=500: it is 500"},
    {"verified=480", true, "verified=480: it is 480"},
    {"mismatched=1", true, "mismatched=1: it is 1"},
    {"bytes=30720", true, "bytes=30720: it is 30720"},
    {"errors=5", true, "errors=5: it is 5"},
    {"rate=192", true, "rate=192: it is 192 a second"},
    {"rate<=191.9", false, "rate<=191.9: it is 192 a second"},
    {"seconds=2.5", true, "seconds=2.5: it is 2.5 s"},
    {"seconds<2500ms", false, "seconds<2500ms: it is 2.5 s"},
    {"seconds>=2.5s", true, "seconds>=2.5s: it is 2.5 s"},
    {"p50=500ns", true, "p50=500ns: it is 500 ns"},
    {"p90=900ns", true, "p90=900ns: it is 900 ns"},
    {"p99=990ns", true, "p99=990ns: it is 990 ns"},
    {"p999=999ns", true, "p999=999ns: it is 999 ns"},
    {"max=1us", true, "max=1us: it is 1 us"},
    {"mean=500.5ns", false, NULL}, /* no such time: nanoseconds are whole */
    {"mean>500ns", true, "mean>500ns: it is 500.5 ns"},
    {"mean<501ns", true, "mean<501ns: it is 500.5 ns"},
    {"echo.p50=500ns", true, "echo.p50=500ns: it is 500 ns"},
    {"connect.p50=1500ns", true, "connect.p50=1500ns: it is 1.5 us"},
    {"connect.p50=1.5us", true, "connect.p50=1.5us: it is 1.5 us"},
    {"queue_wait.max<=2s", true, "queue_wait.max<=2s: it is 2 s"},
    {"queue_wait.max<2s", false, "queue_wait.max<2s: it is 2 s"},
    {"queue_wait.mean<1m", true, "queue_wait.mean<1m: it is 2 s"},
    {"echo_raw.p99=7ns", true, "echo_raw.p99=7ns: it is 7 ns"},
    {"close.max=8ns", true, "close.max=8ns: it is 8 ns"},
    {"lag.p999=9ns", true, "lag.p999=9ns: it is 9 ns"},
    {"ok<45", false, "ok<45: it is 45"},
    {"ok<46", true, "ok<46: it is 45"},
    {"ok<=45", true, "ok<=45: it is 45"},
    {"ok<=44", false, "ok<=44: it is 45"},
    {"ok>45", false, "ok>45: it is 45"},
    {"ok>44", true, "ok>44: it is 45"},
    {"ok>=45", true, "ok>=45: it is 45"},
    {"ok>=46", false, "ok>=46: it is 45"},
    {"ok=44", false, "ok=44: it is 45"},
    {"ok!=44", true, "ok!=44: it is 45"},
    {"ok!=45", false, "ok!=45: it is 45"},
    {"p99<990ns", false, "p99<990ns: it is 990 ns"},
    {"p99 < 5ms", true, "p99 < 5ms: it is 990 ns"},
    {" \tp99<5ms\t ", true, "p99<5ms: it is 990 ns"},
    /* what was not measured is not fast */
    {"handshake.p99<5ms", false, "handshake.p99<5ms: nothing was measured"},
    {"handshake.p99>5ms", false, "handshake.p99>5ms: nothing was measured"},
    {"handshake.mean=0", false, "handshake.mean=0: nothing was measured"},
};

/* With a message of which all that is known is that it took 700 ns or more. */
static const struct row bounds[] = {
    {"p50<600ns", true, "p50<600ns: it is 501 ns"},
    {"p50=501ns", true, "p50=501ns: it is 501 ns"},
    {"p90<5ms", true, "p90<5ms: it is at most 901 ns"}, /* also if the message waits for ever */
    {"p90<901ns", false, "p90<901ns: it is at least 900 ns"},
    {"p999<5ms", true, "p999<5ms: it is at most 1 us"},
    {"max<5ms", false, "max<5ms: it is at least 1 us"},
    {"p90<=900ns", false, "p90<=900ns: it is at least 900 ns"},
    {"p90=900ns", false, "p90=900ns: it is at least 900 ns"},
    {"p90!=900ns", false, "p90!=900ns: it is at least 900 ns"},
    {"p90!=899ns", true, "p90!=899ns: it is at least 900 ns"},
    {"p90>=900ns", true, "p90>=900ns: it is at least 900 ns"},
    {"p90>900ns", false, "p90>900ns: it is at least 900 ns"},
    {"p90>899ns", true, "p90>899ns: it is at least 900 ns"},
    {"mean<5ms", false, "mean<5ms: it is at least 500.7 ns"},
    {"connect.p99<5ms", true, "connect.p99<5ms: it is 1.99 us"},
};

CASE_WITH("Core", setup, teardown)

LOOP_TEST(a_bound_is_not_below_anything, COUNT_OF(bounds))
{
    char sentence[EXPECT_SENTENCE] = "";
    struct expect *expect = expect_parse(bounds[_i].text, sentence);

    ck_assert_msg(expect != NULL, "%s", sentence);
    measure_unanswered(&summary.measure, 700, 1);
    ck_assert_int_eq(expect_holds(expect, 0, &summary, EXPECT_REPORT, sentence), bounds[_i].holds);
    ck_assert_str_eq(sentence, bounds[_i].sentence);
    expect_free(expect);
}

LOOP_TEST(a_clause_is_about_one_figure, COUNT_OF(rows))
{
    char sentence[EXPECT_SENTENCE] = "";
    struct expect *expect = expect_parse(rows[_i].text, sentence);

    if (rows[_i].sentence == NULL) {
        ck_assert_ptr_null(expect);
        return;
    }
    ck_assert_msg(expect != NULL, "%s", sentence);
    ck_assert_uint_eq(expect_count(expect), 1);
    ck_assert_int_eq(expect_holds(expect, 0, &summary, EXPECT_REPORT, sentence), rows[_i].holds);
    ck_assert_str_eq(sentence, rows[_i].sentence);
    expect_free(expect);
}

TEST(clauses_are_judged_one_by_one)
{
    char sentence[EXPECT_SENTENCE];
    struct expect *expect = expect_parse("p99<5ms, failed = 0 ,served>=45", sentence);

    ck_assert_ptr_nonnull(expect);
    ck_assert_uint_eq(expect_count(expect), 3);
    ck_assert(expect_holds(expect, 0, &summary, EXPECT_REPORT, sentence));
    ck_assert(!expect_holds(expect, 1, &summary, EXPECT_REPORT, sentence));
    ck_assert_str_eq(sentence, "failed = 0: it is 3");
    ck_assert(expect_holds(expect, 2, &summary, EXPECT_REPORT, sentence));
    expect_free(expect);
}

CASE_WITH("Nonsense", setup, teardown)

#define QUANTITIES                                                                                 \
    "p50, p90, p99, p999, max, mean (or connect.p99 and so on), requested, ok, served, failed, "   \
    "refused, closed, reconnected, sent, verified, mismatched, bytes, errors, rate, seconds"

static const char *const nonsense[][2] = {
    {"", "a clause is empty; an example is p99<5ms"},
    {" ", "a clause is empty; an example is p99<5ms"},
    {"ok=1,", "a clause is empty; an example is p99<5ms"},
    {",ok=1", "a clause is empty; an example is p99<5ms"},
    {"ok=1,,ok=2", "a clause is empty; an example is p99<5ms"},
    {"p98<5ms", "in 'p98<5ms', 'p98' is none of " QUANTITIES},
    {"P99<5ms", "in 'P99<5ms', '' is none of " QUANTITIES},
    {"<5ms", "in '<5ms', '' is none of " QUANTITIES},
    {"p9<5ms", "in 'p9<5ms', 'p9' is none of " QUANTITIES},
    {"wait.p99<5ms", "in 'wait.p99<5ms', 'wait.p99' is none of " QUANTITIES},
    {"connect.p98<5ms", "in 'connect.p98<5ms', 'connect.p98' is none of " QUANTITIES},
    {"connect.<5ms", "in 'connect.<5ms', 'connect.' is none of " QUANTITIES},
    {".p99<5ms", "in '.p99<5ms', '.p99' is none of " QUANTITIES},
    {"connect<5ms", "in 'connect<5ms', 'connect' is none of " QUANTITIES},
    {"connect.ok=5", "in 'connect.ok=5', 'connect.ok' is none of " QUANTITIES},
    {"p99", "in 'p99', one of < <= > >= = != must follow 'p99'"},
    {"p99 5ms", "in 'p99 5ms', one of < <= > >= = != must follow 'p99'"},
    {"p99!5ms", "in 'p99!5ms', one of < <= > >= = != must follow 'p99'"},
    {"p99=<5ms", "in 'p99=<5ms', '<5ms' is not a time with its unit, such as 5ms"},
    {"p99<", "in 'p99<', '' is not a time with its unit, such as 5ms"},
    {"p99<5", "in 'p99<5', '5' is not a time with its unit, such as 5ms"},
    {"p99<-5ms", "in 'p99<-5ms', '-5ms' is not a time with its unit, such as 5ms"},
    {"p99<5ms 6ms", "in 'p99<5ms 6ms', '5ms 6ms' is not a time with its unit, such as 5ms"},
    {"failed=0.5", "in 'failed=0.5', '0.5' is not a whole number"},
    {"failed=none", "in 'failed=none', 'none' is not a whole number"},
    {"failed=18446744073709551616",
     "in 'failed=18446744073709551616', '18446744073709551616' is not a whole number"},
    {"rate>1e5", "in 'rate>1e5', '1e5' is not a number"},
    {"rate>5ms", "in 'rate>5ms', '5ms' is not a number"},
    {"seconds<fast",
     "in 'seconds<fast', 'fast' is not a number of seconds or a time with its unit"},
};

LOOP_TEST(nonsense_is_explained, COUNT_OF(nonsense))
{
    char why[EXPECT_SENTENCE] = "";

    ck_assert_ptr_null(expect_parse(nonsense[_i][0], why));
    ck_assert_str_eq(why, nonsense[_i][1]);
}

/* However long it is, the sentence has its end, and so has the list of clauses. */
TEST(long_texts)
{
    char text[4096], why[EXPECT_SENTENCE];
    struct expect *expect;

    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    ck_assert_ptr_null(expect_parse(text, why));
    ck_assert_ptr_nonnull(strstr(why, "xxx...' is longer than 100 characters"));
    text[100] = '\0';
    ck_assert_ptr_null(expect_parse(text, why));
    ck_assert_ptr_nonnull(strstr(why, "errors, rate, seconds")); /* nothing is cut off */
    memcpy(text, "ok=", 3);
    ck_assert_ptr_null(expect_parse(text, why));
    ck_assert_ptr_nonnull(strstr(why, "is not a whole number"));
    for (size_t i = 0; i + 5 < sizeof text; i += 5)
        memcpy(text + i, "ok>1,", 6);
    text[sizeof text - 6 - (sizeof text - 6) % 5 + 4] = '\0';
    expect = expect_parse(text, why);
    ck_assert_msg(expect != NULL, "%s", why);
    ck_assert_uint_eq(expect_count(expect), (strlen(text) + 1) / 5);
    ck_assert(expect_holds(expect, expect_count(expect) - 1, &summary, EXPECT_REPORT, why));
    expect_free(expect);
    expect_free(NULL);
}
