/* SPDX-License-Identifier: MIT */
/* client/summary and client/record: adding up sessions, and runs. */
#include "client/report/summary.h"
#include "tests/kit/suite.h"

#include <stdio.h>
#include <string.h>

/* Count a session of ten messages that has ended in a given way. */
static void add(struct summary *summary, enum session_state state, const char *reason)
{
    struct session_record record = {.state = state, .sent = 10, .verified = 9, .bytes = 640};

    snprintf(record.reason, sizeof record.reason, "%s", reason);
    summary_add(summary, &record);
}

CASE("Sessions")

TEST(states_have_words)
{
    ck_assert_str_eq(session_state_word(SESSION_RUNNING), "running");
    ck_assert_str_eq(session_state_word(SESSION_OK), "ok");
    ck_assert_str_eq(session_state_word(SESSION_FAILED), "failed");
    ck_assert_str_eq(session_state_word(SESSION_REFUSED), "refused");
}

TEST(sessions_add_up)
{
    struct session_record wrong = {
        .state = SESSION_FAILED, .mismatched = true, .reason = "wrong bytes in a reply"};
    struct summary summary;

    ck_assert(summary_init(&summary));
    add(&summary, SESSION_OK, "");
    add(&summary, SESSION_FAILED, "closed before the first reply");
    add(&summary, SESSION_REFUSED, "refused: BUSY");
    add(&summary, SESSION_RUNNING, "interrupted"); /* never settled is failed, too */
    summary_add(&summary, &wrong);
    ck_assert_uint_eq(summary.requested, 5);
    ck_assert_uint_eq(summary.ok, 1);
    ck_assert_uint_eq(summary.failed, 3);
    ck_assert_uint_eq(summary.refused, 1);
    ck_assert_uint_eq(summary.sent, 40);
    ck_assert_uint_eq(summary.verified, 36);
    ck_assert_uint_eq(summary.mismatched, 1);
    ck_assert_uint_eq(summary.bytes, 2560);
    ck_assert_uint_eq(summary.error_kinds, 4);
    summary_clear(&summary);
}

TEST(idle_sessions_are_not_counted)
{
    struct session_record idle = {.state = SESSION_OK, .idle = true};
    struct summary summary;

    ck_assert(summary_init(&summary));
    summary_add(&summary, &idle);
    idle.state = SESSION_FAILED;
    summary_add(&summary, &idle);
    ck_assert_uint_eq(summary.requested + summary.ok + summary.failed + summary.error_kinds, 0);
    summary_clear(&summary);
}

CASE("Errors")

TEST(errors_are_counted_by_their_words_and_sorted)
{
    struct summary summary;

    ck_assert(summary_init(&summary));
    add(&summary, SESSION_FAILED, "one");
    add(&summary, SESSION_FAILED, "two");
    add(&summary, SESSION_FAILED, "two");
    add(&summary, SESSION_FAILED, "four");
    summary_sort_errors(&summary);
    ck_assert_uint_eq(summary.error_kinds, 3);
    ck_assert_str_eq(summary.errors[0].words, "two");
    ck_assert_uint_eq(summary.errors[0].count, 2);
    ck_assert_str_eq(summary.errors[1].words, "four"); /* as many: by the words */
    ck_assert_str_eq(summary.errors[2].words, "one");
    summary_add_errors(&summary, "one", 7); /* sorted or not, it is the same kind */
    ck_assert_uint_eq(summary.error_kinds, 3);
    ck_assert_uint_eq(summary.errors[2].count, 8);
    summary_clear(&summary);
}

TEST(a_server_that_invents_words_fills_no_memory)
{
    struct summary summary;

    ck_assert(summary_init(&summary));
    for (int i = 0; i < 100; i++) {
        const char *words = suite_text("refused: BUSY %d", i);
        add(&summary, SESSION_REFUSED, words);
    }
    ck_assert_uint_eq(summary.error_kinds, SUMMARY_ERRORS + 1);
    summary_sort_errors(&summary);
    ck_assert_str_eq(summary.errors[0].words, "other errors");
    ck_assert_uint_eq(summary.errors[0].count, 100 - SUMMARY_ERRORS);
    summary_add_errors(&summary, "refused: BUSY 200", 5); /* after sorting, too */
    ck_assert_uint_eq(summary.errors[0].count, 105 - SUMMARY_ERRORS);
    summary_clear(&summary);
}

TEST(words_that_are_too_long_are_one_kind)
{
    struct summary summary;
    char words[2 * SESSION_REASON];

    ck_assert(summary_init(&summary));
    memset(words, 'x', sizeof words);
    words[sizeof words - 1] = '\0';
    summary_add_errors(&summary, words, 1);
    words[sizeof words - 2] = 'y'; /* behind the cut */
    summary_add_errors(&summary, words, 1);
    ck_assert_uint_eq(summary.error_kinds, 1);
    ck_assert_uint_eq(summary.errors[0].count, 2);
    ck_assert_uint_eq(strlen(summary.errors[0].words), SESSION_REASON - 1);
    summary_clear(&summary);
}

CASE("Runs")

/* A run with a different number in each place, n of each. */
static void fill(struct summary *summary, uint64_t n)
{
    ck_assert(summary_init(summary));
    summary->concurrency = (unsigned)n;
    summary->requested = 10 * n;
    summary->ok = 6 * n;
    summary->failed = 3 * n;
    summary->refused = n;
    summary->idle_requested = 5 * n;
    summary->idle_connected = 4 * n;
    summary->idle_ended = 2 * n;
    summary->sent = 100 * n;
    summary->verified = 90 * n;
    summary->mismatched = 7 * n;
    summary->bytes = 6400 * n;
    summary->rate = 100 * (double)n;
    summary->depth = (unsigned)n;
    summary->seconds = (double)n;
    summary->started_wall_ns = 1000 - (int64_t)n;
    summary->ended_wall_ns = 2000 + (int64_t)n;
    summary->generator = (struct summary_generator){.threads = (unsigned)n, .cpu = (double)n / 10};
    summary_add_errors(summary, "connect: connection refused", n);
    measure_one(&summary->measure, MEASURE_ECHO, (int64_t)n);
}

TEST(runs_add_up)
{
    struct summary into, from;

    fill(&into, 1);
    fill(&from, 3);
    from.generator.late = true;
    from.interrupted = 2;
    summary_merge(&into, &from);
    ck_assert_uint_eq(into.concurrency, 3);
    ck_assert_uint_eq(into.requested, 40);
    ck_assert_uint_eq(into.ok, 24);
    ck_assert_uint_eq(into.failed, 12);
    ck_assert_uint_eq(into.refused, 4);
    ck_assert_uint_eq(into.idle_requested, 20);
    ck_assert_uint_eq(into.idle_connected, 16);
    ck_assert_uint_eq(into.idle_ended, 8);
    ck_assert_uint_eq(into.sent, 400);
    ck_assert_uint_eq(into.verified, 360);
    ck_assert_uint_eq(into.mismatched, 28);
    ck_assert_uint_eq(into.bytes, 25600);
    ck_assert_uint_eq(into.depth, 3);
    ck_assert_double_eq(into.seconds, 4);
    ck_assert_double_eq(into.rate, (1 * 100 + 3 * 300) / 4.0); /* 100/s for 1 s, 300/s for 3 s */
    ck_assert_int_eq(into.started_wall_ns, 997);
    ck_assert_int_eq(into.ended_wall_ns, 2003);
    ck_assert_int_eq(into.interrupted, 2);
    ck_assert_uint_eq(into.generator.threads, 3);
    ck_assert_double_eq(into.generator.cpu, 0.3);
    ck_assert(!into.generator.busy);
    ck_assert(into.generator.late);
    ck_assert_uint_eq(into.error_kinds, 1);
    ck_assert_uint_eq(into.errors[0].count, 4);
    ck_assert_uint_eq(histogram_count(into.measure.times[MEASURE_ECHO]), 2);
    ck_assert_int_eq(histogram_max(into.measure.times[MEASURE_ECHO]), 3);
    ck_assert_double_eq(summary_rate(&into), 90);
    summary_clear(&into);
    summary_clear(&from);
}

TEST(a_run_added_to_nothing_is_itself)
{
    struct summary into, from;

    ck_assert(summary_init(&into));
    ck_assert_double_eq(summary_rate(&into), 0);
    fill(&from, 2);
    from.generator.busy = true;
    summary_merge(&into, &from);
    ck_assert_int_eq(into.started_wall_ns, 998); /* not 0, which is no time */
    ck_assert_int_eq(into.ended_wall_ns, 2002);
    ck_assert_double_eq(into.rate, 200);
    ck_assert(into.generator.busy);
    from.started_wall_ns = 0; /* not known: that of the other stays */
    summary_merge(&into, &from);
    ck_assert_int_eq(into.started_wall_ns, 998);
    summary_clear(&into);
    summary_clear(&from);
}
