/* SPDX-License-Identifier: MIT */
/*
 * client/report/search.c: the rates that a search tries, and what it finds, with servers that are made up: each is
 * a function from the rate to the summary of a load. And its picture.
 */
#include "client/report/search.h"
#include "client/session/pace.h"
#include "client/views/curve.h"
#include "tests/kit/suite.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct summary summaries[SEARCH_STEPS];
static struct search search;

/* A server that holds a p99 of 1 ms up to a rate, and a client that gets busy above another. */
struct made_up {
    double server;
    double client;
};

static void fill(const struct made_up *with, double rate, struct summary *summary)
{
    for (unsigned i = 0; i < 100; i++)
        measure_one(&summary->measure, MEASURE_ECHO, rate <= with->server ? 1000000 : 50000000);
    summary->generator.busy = rate > with->client;
    summary->rate = rate;
    summary->requested = summary->ok = 40;
}

static void run(const char *conditions, double from, const struct made_up *with)
{
    char why[EXPECT_SENTENCE];

    ck_assert(search_init(&search, conditions, why));
    for (double rate = from; rate > 0; rate = search_next(&search)) {
        ck_assert_uint_lt(search.count, SEARCH_STEPS);
        fill(with, rate, &summaries[search.count]);
        search_judge(&search, rate, &summaries[search.count]);
    }
}

static void setup(void)
{
    for (unsigned i = 0; i < SEARCH_STEPS; i++)
        ck_assert(summary_init(&summaries[i]));
}

static void teardown(void)
{
    search_clear(&search);
    for (unsigned i = 0; i < SEARCH_STEPS; i++)
        summary_clear(&summaries[i]);
}

CASE_WITH("Core", setup, teardown)

static const struct {
    double from, server;
} servers[] = {
    {100, 100}, {100, 199}, {100, 1000}, {100, 1599}, {100, 54321}, {0.5, 3}, {7, 1e6}, {100, 2e8},
};

/* It is within 5 % of what the server can do, and never above it. */
LOOP_TEST(it_finds_what_the_server_can_do, COUNT_OF(servers))
{
    struct made_up with = {.server = servers[_i].server, .client = 1e12};

    run("p99<5ms", servers[_i].from, &with);
    ck_assert_uint_eq(search_end(&search), SEARCH_FOUND);
    ck_assert_double_le(search.best->rate, with.server);
    ck_assert_double_gt(search.less->rate, with.server);
    ck_assert_double_le(search.less->rate, search.best->rate * SEARCH_WITHIN);
    ck_assert_str_eq(search.best->found, "p99<5ms: it is 1 ms");
    ck_assert_str_eq(search.less->found, "p99<5ms: it is 50 ms");
}

TEST(it_doubles_and_then_halves)
{
    static const double rates[] = {100, 200, 400, 800, 600, 700, 750, 725};
    struct made_up with = {.server = 730, .client = 1e12};

    run("p99<5ms", 100, &with);
    ck_assert_uint_eq(search.count, COUNT_OF(rates));
    for (unsigned i = 0; i < search.count; i++) {
        ck_assert_double_eq(search.steps[i].rate, rates[i]);
        ck_assert_uint_eq(search.steps[i].outcome,
                          rates[i] <= with.server ? SEARCH_HELD : SEARCH_NOT_HELD);
    }
}

TEST(not_even_the_first)
{
    struct made_up with = {.server = 99, .client = 1e12};

    run("p99<5ms", 100, &with);
    ck_assert_uint_eq(search.count, 1);
    ck_assert_uint_eq(search_end(&search), SEARCH_TOO_HIGH);
    ck_assert_ptr_null(search.best);
}

/* It is the client if that was busy where the rate did not hold; also at the first one. */
LOOP_TEST(the_client_is_the_limit, 2)
{
    struct made_up with = {.server = _i == 0 ? 500 : 50, .client = _i == 0 ? 450 : 40};

    run("p99<5ms", 100, &with);
    ck_assert_uint_eq(search_end(&search), SEARCH_LIMITED);
    ck_assert_uint_eq(search.less->outcome, SEARCH_CLIENT);
    ck_assert(_i == 0 ? search.best->rate <= 500 : search.best == NULL);
}

/* A client that is busy at a rate which does not hold may be well below it. */
TEST(the_client_was_the_limit_further_up)
{
    struct made_up with = {.server = 500, .client = 700};

    run("p99<5ms", 100, &with);
    ck_assert_uint_eq(search.steps[3].outcome, SEARCH_CLIENT);
    ck_assert_uint_eq(search_end(&search), SEARCH_FOUND);
}

/* Were the schedule not looked at, this would hold at each rate. */
TEST(what_is_not_answered_does_not_hold)
{
    char why[EXPECT_SENTENCE];

    ck_assert(search_init(&search, "failed=0", why));
    fill(&(struct made_up){1e12, 1e12}, 100, &summaries[0]);
    measure_unanswered(&summaries[0].measure, 1, 5); /* of 105 */
    search_judge(&search, 100, &summaries[0]);
    ck_assert_uint_eq(search.steps[0].outcome, SEARCH_HELD);
    fill(&(struct made_up){1e12, 1e12}, 200, &summaries[1]);
    measure_unanswered(&summaries[1].measure, 1, 6);
    search_judge(&search, 200, &summaries[1]);
    ck_assert_uint_eq(search.steps[1].outcome, SEARCH_NOT_HELD);
    ck_assert_str_eq(search.steps[1].found, "6 of 106 messages were not answered");
    ck_assert_double_eq(search_next(&search), 150);
}

TEST(what_is_refused_does_not_hold)
{
    char why[EXPECT_SENTENCE];

    ck_assert(search_init(&search, "p99<5ms", why));
    for (unsigned refused = 2; refused <= 3; refused++) {
        struct summary *summary = &summaries[refused - 2];

        fill(&(struct made_up){1e12, 1e12}, 100, summary);
        summary->refused = refused;
        search_judge(&search, 100, summary);
    }
    ck_assert_uint_eq(search.steps[0].outcome, SEARCH_HELD);
    ck_assert_uint_eq(search.steps[1].outcome, SEARCH_NOT_HELD);
    ck_assert_str_eq(search.steps[1].found, "3 of 40 sessions were refused");
}

/* The sentence is about the condition that does not hold. */
TEST(several_conditions)
{
    struct made_up with = {.server = 100, .client = 1e12};

    run("failed=0, p99<5ms", 100, &with);
    ck_assert_str_eq(search.best->found, "failed=0: it is 0");
    ck_assert_str_eq(search.less->found, "p99<5ms: it is 50 ms");
}

/* A server without a limit: the steps end, or the rates do. */
LOOP_TEST(it_ends, 2)
{
    struct made_up with = {.server = 1e12, .client = 1e12};

    run("p99<5ms", _i == 0 ? 0.001 : 1e8, &with);
    ck_assert_uint_eq(search_end(&search), SEARCH_UNFINISHED);
    ck_assert_ptr_null(search.less);
    if (_i == 0)
        ck_assert_uint_eq(search.count, SEARCH_STEPS);
    else
        ck_assert_double_eq(search.best->rate, PACE_RATE_MAX);
}

/* The steps end while the highest that held and the lowest that did not are far apart: nothing is found. */
TEST(the_steps_end_before_it_is_found)
{
    struct made_up with = {.server = 1e5, .client = 1e12};

    run("p99<5ms", 0.001, &with);
    ck_assert_uint_eq(search.count, SEARCH_STEPS);
    ck_assert_ptr_nonnull(search.less);
    ck_assert_uint_eq(search_end(&search), SEARCH_UNFINISHED);
}

/* A client that sends some messages a little late is not the limit where the server takes much longer. */
LOOP_TEST(a_late_client_is_the_limit_if_that_is_why, 2)
{
    char why[EXPECT_SENTENCE];
    struct summary *summary = &summaries[0];

    ck_assert(search_init(&search, "p99<5ms", why));
    for (unsigned i = 0; i < 100; i++) {
        measure_one(&summary->measure, MEASURE_ECHO, 50000000);
        measure_one(&summary->measure, MEASURE_LAG, _i == 0 ? 2000000 : 45000000);
    }
    summary->generator.late = true;
    summary->requested = summary->ok = 40;
    search_judge(&search, 100, summary);
    ck_assert_uint_eq(search.steps[0].outcome, _i == 0 ? SEARCH_NOT_HELD : SEARCH_CLIENT);
}

TEST(wrong_bytes_do_not_hold)
{
    char why[EXPECT_SENTENCE];

    ck_assert(search_init(&search, "p99<5ms", why));
    fill(&(struct made_up){1e12, 1e12}, 100, &summaries[0]);
    summaries[0].mismatched = 1;
    search_judge(&search, 100, &summaries[0]);
    ck_assert_uint_eq(search.steps[0].outcome, SEARCH_NOT_HELD);
    ck_assert_str_eq(search.steps[0].found, "1 replies had wrong bytes");
}

CASE_WITH("Picture", setup, teardown)

/* Draw into a file and read it. */
static const char *picture(void)
{
    static char text[65536];
    char *path = suite_template();
    int fd = mkstemp(path);
    struct outlet *outlet = outlet_open(path);
    ssize_t size;

    ck_assert_ptr_nonnull(outlet);
    curve_draw(outlet, &search, summaries);
    ck_assert_int_eq(outlet_close(outlet, "", 0), 0);
    size = read(fd, text, sizeof text - 1);
    ck_assert_int_gt(size, 0);
    text[size] = '\0';
    close(fd);
    return text;
}

static unsigned count_of(const char *text, const char *part)
{
    unsigned count = 0;

    for (; (text = strstr(text, part)) != NULL; text += strlen(part))
        count++;
    return count;
}

/* A mark for each rate on each of four lines, by how it went; a step without an echo has none. */
TEST(a_mark_for_each_rate)
{
    struct made_up with = {.server = 500, .client = 700};
    const char *text;

    run("p99<5ms", 100,
        &with); /* 100 200 400 held; 800 the client; 600 not; 500 held; 550, 525, not */
    histogram_clear(summaries[0].measure.times[MEASURE_ECHO]);
    text = picture();
    ck_assert_uint_eq(search.count, 8);
    ck_assert_uint_eq(count_of(text, "<path class=\"line\""), 4);
    ck_assert_uint_eq(count_of(text, "href=\"#held\""), 3 * 4 + 1);
    ck_assert_uint_eq(count_of(text, "href=\"#not\""), 3 * 4 + 1);
    ck_assert_uint_eq(count_of(text, "href=\"#client\""), 1 * 4 + 1);
    ck_assert_uint_eq(count_of(text, "class=\"then\""), 1);
    ck_assert_ptr_nonnull(strstr(text, "p99&lt;5ms</text>"));
    ck_assert_ptr_nonnull(strstr(text, "is 500.0 messages a second"));
    ck_assert_str_eq(text + strlen(text) - 7, "</svg>\n");
    ck_assert_uint_eq(count_of(text, "nan") + count_of(text, "inf"), 0);
}

/* All sessions of a server that is down fail, and a run may be interrupted before its first rate. */
LOOP_TEST(nothing_to_draw, 2)
{
    char why[EXPECT_SENTENCE];
    const char *text;

    ck_assert(search_init(&search, "p99<5ms", why));
    if (_i == 0)
        search_judge(&search, 100, &summaries[0]);
    text = picture();
    ck_assert_ptr_nonnull(strstr(text, "No rate held."));
    ck_assert_uint_eq(count_of(text, "class=\"line\""), 0);
    ck_assert_uint_eq(count_of(text, "nan") + count_of(text, "inf"), 0);
}
