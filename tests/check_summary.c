/* SPDX-License-Identifier: MIT */
/* client/summary, client/measure and client/report: adding up, and showing what came of it. */
#include "client/report.h"
#include "client/summary.h"
#include "tests/suite.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A session that has ended in a given way. */
static struct session ended(enum session_state state, const char *reason)
{
    struct session session = {.state = state, .sent = 10, .bytes = 640};

    atomic_init(&session.verified, 9);
    snprintf(session.reason, sizeof session.reason, "%s", reason);
    return session;
}

static void add(struct summary *summary, enum session_state state, const char *reason)
{
    struct session session = ended(state, reason);

    summary_add(summary, &session);
}

/* What a report writes; to be freed. */
static char *report(const struct summary *summary, bool json)
{
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);

    ck_assert_ptr_nonnull(file);
    if (json)
        ck_assert(report_json(file, summary));
    else
        report_text(file, summary);
    ck_assert_int_eq(fclose(file), 0);
    return text;
}

START_TEST(sessions_add_up)
{
    struct summary summary;

    ck_assert(summary_init(&summary, 4));
    add(&summary, SESSION_OK, "");
    add(&summary, SESSION_FAILED, "closed before the first reply");
    add(&summary, SESSION_REFUSED, "refused: BUSY");
    add(&summary, SESSION_RUNNING, "interrupted"); /* never settled is failed, too */
    ck_assert_uint_eq(summary.ok, 1);
    ck_assert_uint_eq(summary.failed, 2);
    ck_assert_uint_eq(summary.refused, 1);
    ck_assert_uint_eq(summary.sent, 40);
    ck_assert_uint_eq(summary.verified, 36);
    ck_assert_uint_eq(summary.bytes, 2560);
    ck_assert_uint_eq(summary.error_kinds, 3);
    summary_clear(&summary);
}
END_TEST

START_TEST(errors_are_counted_by_their_words_and_sorted)
{
    struct summary summary;

    ck_assert(summary_init(&summary, 3));
    add(&summary, SESSION_FAILED, "one");
    add(&summary, SESSION_FAILED, "two");
    add(&summary, SESSION_FAILED, "two");
    summary_sort_errors(&summary);
    ck_assert_uint_eq(summary.error_kinds, 2);
    ck_assert_str_eq(summary.errors[0].words, "two");
    ck_assert_uint_eq(summary.errors[0].count, 2);
    ck_assert_str_eq(summary.errors[1].words, "one");
    summary_clear(&summary);
}
END_TEST

START_TEST(a_server_that_invents_words_fills_no_memory)
{
    struct summary summary;
    char words[32];

    ck_assert(summary_init(&summary, 100));
    for (int i = 0; i < 100; i++) {
        snprintf(words, sizeof words, "refused: BUSY %d", i);
        add(&summary, SESSION_REFUSED, words);
    }
    ck_assert_uint_eq(summary.error_kinds, SUMMARY_ERRORS + 1);
    summary_sort_errors(&summary);
    ck_assert_str_eq(summary.errors[0].words, "other errors");
    ck_assert_uint_eq(summary.errors[0].count, 100 - SUMMARY_ERRORS);
    summary_clear(&summary);
}
END_TEST

START_TEST(batches_lose_nothing)
{
    struct measure measure;
    struct measure_batch batch = {0};

    ck_assert(measure_init(&measure));
    for (int64_t i = 1; i <= 1000; i++)
        measure_echo(&measure, &batch, i);
    measure_flush(&measure, &batch);
    ck_assert_uint_eq(batch.count, 0);
    ck_assert_uint_eq(histogram_count(measure.echo), 1000);
    ck_assert_int_eq(histogram_min(measure.echo), 1);
    ck_assert_int_eq(histogram_max(measure.echo), 1000);
    ck_assert_int_eq(histogram_percentile(measure.echo, 50), 500);
    measure_clear(&measure);
}
END_TEST

START_TEST(the_json_has_microseconds)
{
    struct summary summary;
    double p50 = 0, max = 0;
    int requested = 0;
    json_t *json;
    char *text;

    ck_assert(summary_init(&summary, 1));
    add(&summary, SESSION_OK, "");
    measure_connect(&summary.measure, 1500);
    measure_connect(&summary.measure, 2000);
    summary.seconds = 2;
    text = report(&summary, true);
    ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1); /* one line */
    json = json_loads(text, 0, NULL);
    ck_assert_int_eq(json_unpack(json, "{s:{s:i}, s:{s:{s:F, s:F}}}", "sessions", "requested",
                                 &requested, "latency_us", "connect", "p50", &p50, "max", &max),
                     0);
    ck_assert_int_eq(requested, 1);
    ck_assert_double_eq(p50, 1.5);
    ck_assert_double_eq(max, 2.0);
    ck_assert_double_eq(json_real_value(json_object_get(json, "echoes_per_second")), 4.5);
    json_decref(json);
    free(text);
    summary_clear(&summary);
}
END_TEST

START_TEST(the_table_names_everything)
{
    static const char *const parts[] = {
        "sessions     2 requested: 1 ok, 1 failed, 0 refused\n",
        "messages     20 sent: 18 verified, 0 mismatched\n",
        "bytes        1280 verified in 2.000 s: 9 echoes/s\n",
        "p50        p90        p99      p99.9        max\n",
        "  connect            1.5        1.5        1.5        1.5        1.5\n",
        "  queue wait           -          -          -          -          -\n",
        "  1          closed before the first reply\n",
    };
    struct summary summary;
    char *text;

    ck_assert(summary_init(&summary, 2));
    add(&summary, SESSION_OK, "");
    add(&summary, SESSION_FAILED, "closed before the first reply");
    measure_connect(&summary.measure, 1500);
    summary.seconds = 2;
    text = report(&summary, false);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        ck_assert_msg(strstr(text, parts[i]) != NULL, "\"%s\" is not in\n%s", parts[i], text);
    free(text);
    summary_clear(&summary);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("summary");
    TCase *core = tcase_create("Core");

    tcase_add_test(core, sessions_add_up);
    tcase_add_test(core, errors_are_counted_by_their_words_and_sorted);
    tcase_add_test(core, a_server_that_invents_words_fills_no_memory);
    tcase_add_test(core, batches_lose_nothing);
    tcase_add_test(core, the_json_has_microseconds);
    tcase_add_test(core, the_table_names_everything);
    suite_add_tcase(suite, core);
    return suite_main(suite);
}
