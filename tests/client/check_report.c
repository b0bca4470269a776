/* SPDX-License-Identifier: MIT */
/* client/report: the table, the JSON object, and the JSON object read back. */
#include "client/report/json.h"
#include "client/report/read.h"
#include "tests/kit/suite.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct summary summary; /* a run with everything in it */
static struct summary steps[2];
static char *path;

/* Numbers that are all different, n times each. */
static void fill(struct summary *run, uint64_t n)
{
    ck_assert(summary_init(run));
    run->concurrency = (unsigned)(8 * n);
    run->requested = 50 * n;
    run->ok = 45 * n;
    run->failed = 3 * n;
    run->refused = 2 * n;
    run->idle_requested = 7 * n;
    run->idle_connected = 6 * n;
    run->idle_ended = 4 * n;
    run->sent = 500 * n;
    run->verified = 480 * n;
    run->mismatched = n;
    run->bytes = 30720 * n;
    run->rate = 250;
    run->depth = 4;
    run->seconds = 2.5 * (double)n;
    run->started_wall_ns = INT64_C(1795271400250000000);
    run->ended_wall_ns = run->started_wall_ns + (int64_t)(2500000000 * n);
    run->generator = (struct summary_generator){.threads = 3, .cpu = 0.25};
    summary_add_errors(run, "connect: connection refused", 3 * n);
    summary_add_errors(run, "refused: BUSY \"full\"", 2 * n);
    for (unsigned phase = 0; phase < MEASURE_PHASES; phase++)
        for (int64_t i = 1; i <= 100; i++)
            measure_one(&run->measure, phase, i * 12347 * (int64_t)n + phase * 100);
}

static void setup(void)
{
    path = suite_template();

    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    fill(&summary, 1);
}

static void teardown(void)
{
    summary_clear(&summary);
    unlink(path);
}

/* What a report is in one of its forms; to be freed. */
static char *written(const struct report *report, bool json)
{
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);

    ck_assert_ptr_nonnull(file);
    if (json)
        ck_assert(report_json(file, report));
    else
        report_text(file, report);
    ck_assert_int_eq(fclose(file), 0);
    return text;
}

static json_t *as_json(const struct report *report)
{
    char *text = written(report, true);
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

    ck_assert_ptr_nonnull(json);
    free(text);
    return json;
}

/* A value by its path, such as "latency_us.echo.p99". */
static json_t *at(json_t *json, const char *keys)
{

    while (json != NULL && *keys != '\0') {
        size_t length = strcspn(keys, ".");
        const char *key = suite_text("%.*s", (int)length, keys);

        json = json_object_get(json, key);
        keys += length + (keys[length] == '.');
    }
    return json;
}

/* As ck_assert_str_eq(), for texts too long for a message of Check: shows the line that differs. */
static void assert_text(const char *text, const char *expected)
{
    size_t same = 0;

    while (text[same] != '\0' && text[same] == expected[same])
        same++;
    while (same > 0 && text[same - 1] != '\n')
        same--;
    ck_assert_msg(strcmp(text, expected) == 0, "\"%.200s\" and not \"%.200s\"", text + same,
                  expected + same);
}

CASE_WITH("Text", setup, teardown)

TEST(a_simple_run_is_a_simple_table)
{
    struct summary run;
    struct report report = {.total = &run};
    char *text;

    ck_assert(summary_init(&run));
    run.requested = run.ok = 2;
    run.sent = run.verified = 20;
    run.bytes = 1280;
    run.seconds = 2;
    measure_one(&run.measure, MEASURE_CONNECT, 1500);
    text = written(&report, false);
    ck_assert_str_eq(text,
                     "sessions     2 requested: 2 ok, 0 failed, 0 refused\n"
                     "messages     20 sent: 20 verified, 0 mismatched\n"
                     "bytes        1280 verified in 2.000 s: 10 echoes/s\n"
                     "latency us           p50        p90        p99      p99.9        max\n"
                     "  connect            1.5        1.5        1.5        1.5        1.5\n"
                     "  queue wait           -          -          -          -          -\n"
                     "  echo                 -          -          -          -          -\n"
                     "  close                -          -          -          -          -\n");
    free(text);
    summary_clear(&run);
}

/* Only a run in which these occurred has their lines. */
TEST(what_only_some_runs_have)
{
    struct summary run;
    struct report report = {.total = &run};
    char *text;

    ck_assert(summary_init(&run));
    run.requested = 5;
    run.ok = 2;
    run.closed = 3;
    run.reconnected = 2;
    run.resent = 1;
    run.generator.periods = 128;
    run.generator.throttled = 66;
    measure_one(&run.measure, MEASURE_ECHO, 1500);
    measure_one(&run.measure, MEASURE_ECHO, 1600);
    measure_unanswered(&run.measure, 2000000, 1);
    measure_one(&run.measure, MEASURE_QUEUE_WAIT, 1700);
    measure_unserved(&run.measure, 3000000);
    text = written(&report, false);
    ck_assert_ptr_nonnull(strstr(text,
                                 "\nclosed       3 by the server between two messages: 2 went on "
                                 "with another connection, 1 messages were sent again\n"));
    ck_assert_ptr_nonnull(
        strstr(text, "\n  echo               1.6    >2000.0    >2000.0    >2000.0    >2000.0\n"));
    ck_assert_ptr_nonnull(
        strstr(text, "\n  queue wait         1.7    >3000.0    >3000.0    >3000.0    >3000.0\n"));
    ck_assert_ptr_nonnull(strstr(text,
                                 "\nunserved     1 sessions ended while they waited for their "
                                 "first byte: they count in the queue wait with the time that had "
                                 "passed, and > marks what is at least that long\n"));
    ck_assert_ptr_nonnull(strstr(text,
                                 "\nunanswered   1 messages were due and never answered: they "
                                 "count in the echo with the time that had passed, and > marks "
                                 "what is at least that long\n"));
    ck_assert_ptr_nonnull(strstr(text,
                                 "\nwarning: the CPU quota of the cgroup stopped the client in 66 "
                                 "of 128 periods, "));
    free(text);
    summary_clear(&run);
}

TEST(a_run_with_everything_says_everything)
{
    struct report_runs runs = {.count = 2, .together_seconds = 1.25};
    struct report report = {.total = &summary, .steps = steps, .step_count = 2, .runs = &runs};
    char *text;

    fill(&steps[0], 2);
    ck_assert(summary_init(&steps[1]));
    summary.generator.busy = summary.generator.late = true;
    summary.generator.cpu = 0.97;
    summary.interrupted = 2;
    text = written(&report, false);
    assert_text(
        text,
        "sessions     50 requested: 45 ok, 3 failed, 2 refused\n"
        "messages     500 sent: 480 verified, 1 mismatched\n"
        "bytes        30720 verified in 2.500 s: 192 echoes/s\n"
        "rate         250.0 messages/s requested, 200.0 sent\n"
        "idle         7 requested: 6 connected, 4 ended by the server\n"
        "runs         2 merged: two or more at once for 1.250 s of 2.500 s\n"
        "latency us           p50        p90        p99      p99.9        max\n"
        "  connect          617.5     1112.1     1222.7     1234.7     1234.7\n"
        "  queue wait       617.5     1112.1     1222.7     1234.8     1234.8\n"
        "  handshake        618.0     1112.1     1222.7     1234.9     1234.9\n"
        "  echo             618.0     1112.1     1222.7     1235.0     1235.0\n"
        "  echo raw         618.0     1112.1     1223.7     1235.1     1235.1\n"
        "  close            618.0     1112.1     1223.7     1235.2     1235.2\n"
        "steps           sessions         ok     not ok   echoes/s   wait p99   echo p99\n"
        "  1                   16         90         10        192     2445.3     2445.3\n"
        "  2                    0          0          0          0          -          -\n"
        "errors\n"
        "  3          connect: connection refused\n"
        "  2          refused: BUSY \"full\"\n"
        "warning: the client itself was the bottleneck: its threads used 97 % of the CPU that they "
        "could use, and the server may be able to do more. Use more --threads, fewer sessions, or "
        "a separate machine for the client.\n"
        "warning: the client was behind its schedule: one message in a hundred or more was sent at "
        "least a millisecond late (p99 1223.7 us), and the times from the schedule include that "
        "delay. Use more --threads, a lower --rate, or another machine.\n"
        "interrupted: these are the results so far\n");
    free(text);
    runs.together_seconds = 0;
    text = written(&report, false);
    ck_assert_ptr_nonnull(strstr(text, "\nruns         2 merged: no two of them at once\n"));
    free(text);
    runs.count = 1; /* one run has no such line */
    text = written(&report, false);
    ck_assert_ptr_null(strstr(text, "\nruns "));
    free(text);
    summary_clear(&steps[0]);
    summary_clear(&steps[1]);
}

CASE_WITH("JSON", setup, teardown)

TEST(the_json_has_every_figure)
{
    static const struct {
        const char *keys;
        double value;
    } figures[] = {
        {"sessions.requested", 50},
        {"sessions.ok", 45},
        {"sessions.failed", 3},
        {"sessions.refused", 2},
        {"messages.sent", 500},
        {"messages.verified", 480},
        {"messages.mismatched", 1},
        {"bytes", 30720},
        {"seconds", 2.5},
        {"echoes_per_second", 192},
        {"latency_us.connect.p50", 617.471},
        {"latency_us.connect.max", 1234.7},
        {"latency_us.connect.mean", 623.5235},
        {"latency_us.connect.count", 100},
        {"latency_us.queue_wait.max", 1234.8},
        {"latency_us.handshake.max", 1234.9},
        {"latency_us.echo.p90", 1112.063},
        {"latency_us.echo.p99", 1222.655},
        {"latency_us.echo.p999", 1235.0},
        {"latency_us.echo.max", 1235.0},
        {"latency_us.echo_raw.max", 1235.1},
        {"latency_us.close.max", 1235.2},
        {"latency_us.lag.max", 1235.3},
        {"errors.connect: connection refused", 3},
        {"errors.refused: BUSY \"full\"", 2},
        {"started", 1795271400.25},
        {"ended", 1795271402.75},
        {"interrupted", 15},
        {"load.rate", 250},
        {"load.depth", 4},
        {"concurrency", 8},
        {"idle.requested", 7},
        {"idle.connected", 6},
        {"idle.ended", 4},
        {"generator.threads", 3},
        {"generator.cpu", 0.25},
        {"histograms.echo.min_ns", 12647},
        {"histograms.echo.max_ns", 1235000},
        {"histograms.echo.sum_s", 0},
        {"histograms.echo.sum_ns", 62382350},
    };
    struct report report = {.total = &summary};
    json_t *json;
    char *text;

    summary.interrupted = 15;
    summary.generator.late = true;
    text = written(&report, true);
    ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1); /* one line */
    ck_assert_ptr_eq(strstr(text, "{\"schema\":\"echo-client/1\",\"sessions\":{"), text);
    free(text);
    json = as_json(&report);
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        json_t *value = at(json, figures[i].keys);

        ck_assert_msg(json_is_number(value), "%s", figures[i].keys);
        ck_assert_msg(json_number_value(value) == figures[i].value, "%s is %.15g", figures[i].keys,
                      json_number_value(value));
    }
    ck_assert_str_eq(json_string_value(at(json, "load.kind")), "open");
    ck_assert(json_is_false(at(json, "generator.busy")));
    ck_assert(json_is_true(at(json, "generator.late")));
    ck_assert_uint_eq(json_array_size(at(json, "steps")), 0);
    ck_assert_ptr_null(at(json, "runs"));
    json_decref(json);
}

TEST(a_closed_loop_has_no_schedule)
{
    struct report report = {.total = &summary};
    json_t *json;

    summary.rate = 0;
    json = as_json(&report);
    ck_assert_str_eq(json_string_value(at(json, "load.kind")), "closed");
    ck_assert_ptr_null(at(json, "latency_us.echo_raw"));
    ck_assert_ptr_null(at(json, "latency_us.lag"));
    ck_assert_ptr_nonnull(at(json, "latency_us.handshake")); /* always there, 0 without TLS */
    json_decref(json);
}

TEST(steps_are_runs_without_histograms)
{
    struct report_runs runs = {.count = 3, .together_seconds = 0.5};
    struct report report = {.total = &summary, .steps = steps, .step_count = 2, .runs = &runs};
    json_t *json, *step, *total;
    const char *key;

    fill(&steps[0], 2);
    fill(&steps[1], 3);
    json = as_json(&report);
    ck_assert_int_eq(json_integer_value(at(json, "runs.count")), 3);
    ck_assert_double_eq(json_real_value(at(json, "runs.together_seconds")), 0.5);
    ck_assert_uint_eq(json_array_size(at(json, "steps")), 2);
    step = json_array_get(at(json, "steps"), 1);
    ck_assert_int_eq(json_integer_value(at(step, "sessions.ok")), 135);
    ck_assert_ptr_null(at(step, "histograms"));
    total = json;
    json_object_foreach(total, key, step)
    {
        bool of_all = strcmp(key, "histograms") == 0 || strcmp(key, "steps") == 0 ||
                      strcmp(key, "schema") == 0 || strcmp(key, "runs") == 0;

        ck_assert_msg((at(json_array_get(at(json, "steps"), 0), key) == NULL) == of_all, "%s", key);
    }
    json_decref(json);
    summary_clear(&steps[0]);
    summary_clear(&steps[1]);
}

CASE_WITH("Reading", setup, teardown)

static void save(const char *text)
{
    FILE *file = fopen(path, "w");

    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

/* As report_read(), of a run whose times do not matter. */
static bool read_back(const char *from, struct summary *into, char why[static REPORT_WHY])
{
    struct spans spans = {0};
    bool good = report_read(from, into, &spans, NULL, why);

    free(spans.span);
    return good;
}

/* The whole as two targets, of which the second has one session and 50 echoes. */
static void split(struct summary *whole, unsigned targets)
{
    struct summary *target = summary_add_target(whole, "web1:8090");

    ck_assert_ptr_nonnull(target);
    target->requested = whole->requested - (targets - 1);
    target->ok = target->requested;
    target->rate = targets > 1 ? 200 : 250;
    target->seconds = whole->seconds;
    measure_merge(&target->measure, &whole->measure);
    if (targets == 1)
        return;
    target = summary_add_target(whole, "[::1]:8091");
    ck_assert_ptr_nonnull(target);
    target->requested = target->failed = 1;
    target->sent = target->verified = 50;
    target->rate = 50;
    target->seconds = whole->seconds;
    for (int i = 0; i < 50; i++)
        measure_one(&target->measure, MEASURE_ECHO, 4000000);
    summary_add_errors(target, "[::1]:8091: connect: connection refused", 1);
}

/* Written, read, and written again it is the same to the last digit, histograms and all. */
LOOP_TEST(what_is_read_back_is_the_same, 3)
{
    struct summary back;
    struct report report = {.total = &summary}, again = {.total = &back};
    char why[REPORT_WHY] = "";
    char *first, *second;

    summary.generator.busy = true;
    summary.interrupted = 15;
    summary.requested += 3;
    summary.closed = 3;
    summary.reconnected = 2;
    summary.resent = 1;
    summary.generator.periods = 128;
    summary.generator.throttled = 66;
    summary.warm_up_seconds = 0.5;
    summary.warm_sent = 12;
    summary.warm_verified = 11;
    measure_unanswered(&summary.measure, 12345, 4);
    measure_unserved(&summary.measure, 123456);
    measure_one(&summary.measure, MEASURE_ECHO, INT64_C(999999999999)); /* a sum above a second */
    if (_i > 0)
        split(&summary, (unsigned)_i);
    first = written(&report, true);
    save(first);
    ck_assert(summary_init(&back));
    ck_assert_msg(read_back(path, &back, why), "%s", why);
    ck_assert_int_eq(back.started_wall_ns, summary.started_wall_ns);
    ck_assert_int_eq(back.ended_wall_ns, summary.ended_wall_ns);
    second = written(&again, true);
    assert_text(second, first);
    summary_clear(&back);
    free(first);
    free(second);
}

/* A target that is in one of two runs alone has its rates by the time of both. */
TEST(targets_of_the_same_name_are_one)
{
    struct summary other, merged;
    struct report report = {.total = &merged};
    const struct summary *first, *second;
    char *text;

    fill(&other, 1);
    split(&summary, 2);
    split(&other, 1);
    ck_assert(summary_init(&merged));
    ck_assert(summary_merge(&merged, &summary));
    ck_assert(summary_merge(&merged, &other));
    ck_assert_uint_eq(merged.target_count, 2);
    first = merged.targets[0];
    second = merged.targets[1];
    ck_assert_str_eq(first->target, "web1:8090");
    ck_assert_uint_eq(first->requested, 49 + 50);
    ck_assert_double_eq(first->seconds, 5);
    ck_assert_double_eq(first->rate, 225);
    ck_assert_uint_eq(histogram_count(first->measure.times[MEASURE_ECHO]), 200);
    ck_assert_str_eq(second->target, "[::1]:8091");
    ck_assert_double_eq(second->seconds, 5);
    ck_assert_double_eq(second->rate, 25);
    ck_assert_double_eq(summary_rate(second), 10);
    text = written(&report, false);
    ck_assert_ptr_nonnull(strstr(
        text,
        "\ntargets         sessions         ok     not ok   echoes/s   echo p99\n"
        "  1                   99         99          0          0     1222.7  web1:8090\n"
        "  2                    1          0          1         10     4000.0  [::1]:8091\n"));
    free(text);
    summary_clear(&merged);
    summary_clear(&other);
}

/* A session that the server closed and that did not go on is not ok: the status is 1 because of it. */
TEST(a_closed_session_is_not_ok)
{
    struct report report = {.total = &summary};
    char *text;

    split(&summary, 2);
    summary.targets[1]->failed = summary.targets[1]->refused = 0;
    summary.targets[1]->closed = 3;
    summary.targets[1]->reconnected = 1;
    summary.targets[1]->requested = summary.targets[1]->ok + 3;
    text = written(&report, false);
    ck_assert_ptr_nonnull(strstr(text, "\n  2                    3          0          2 "));
    free(text);
}

/* Merged with a summary of an earlier version, which has no targets, and read again. */
TEST(a_target_that_is_not_the_whole)
{
    struct summary other, merged, back;
    struct report report = {.total = &merged};
    char why[REPORT_WHY] = "";
    char *text;

    fill(&other, 1);
    split(&other, 1);
    ck_assert(summary_init(&merged));
    ck_assert(summary_merge(&merged, &summary));
    ck_assert(summary_merge(&merged, &other));
    text = written(&report, true);
    save(text);
    free(text);
    ck_assert(summary_init(&back));
    ck_assert_msg(read_back(path, &back, why), "%s", why);
    ck_assert_uint_eq(histogram_count(back.measure.times[MEASURE_ECHO]), 200);
    ck_assert_uint_eq(back.target_count, 1);
    ck_assert_uint_eq(histogram_count(back.targets[0]->measure.times[MEASURE_ECHO]), 100);
    summary_clear(&other);
    summary_clear(&merged);
    summary_clear(&back);
}

TEST(two_read_are_two_merged)
{
    struct summary other, read, merged;
    struct report report = {.total = &summary}, report_of_read = {.total = &read};
    struct report report_of_merged = {.total = &merged};
    char why[REPORT_WHY] = "";
    char *text, *expected;

    fill(&other, 5);
    summary_add_errors(&other, "interrupted", 100);
    other.failed += 100;
    other.requested += 100;
    ck_assert(summary_init(&read));
    ck_assert(summary_init(&merged));
    text = written(&report, true);
    save(text);
    free(text);
    ck_assert_msg(read_back(path, &read, why), "%s", why);
    report.total = &other;
    text = written(&report, true);
    save(text);
    free(text);
    ck_assert_msg(read_back(path, &read, why), "%s", why);
    summary_merge(&merged, &summary);
    summary_merge(&merged, &other);
    text = written(&report_of_read, true);
    expected = written(&report_of_merged, true);
    assert_text(text, expected);
    ck_assert_str_eq(read.errors[0].words, "interrupted"); /* the most frequent first */
    free(text);
    free(expected);
    summary_clear(&other);
    summary_clear(&read);
    summary_clear(&merged);
}

struct edit {
    const char *keys;  /* of an object, "" being the whole */
    const char *key;   /* in it */
    const char *value; /* JSON; NULL: it is taken away */
    const char *why;
};

static const struct edit edits[] = {
    {"", "schema", NULL, "it is not a summary of echo-client: it has no \"schema\""},
    {"", "schema", "1", "it is not a summary of echo-client: it has no \"schema\""},
    {"", "schema", "\"echo-client/2\"",
     "its schema is \"echo-client/2\" and not \"echo-client/1\""},
    {"", "sessions", NULL, "it has no \"sessions\""},
    {"sessions", "requested", "51", "its sessions do not add up"},
    {"sessions", "ok", "-45", "its \"ok\" is not a count"},
    {"sessions", "ok", "45.0", "its \"ok\" is not a count"},
    {"sessions", "failed", NULL, "it has no \"failed\""},
    {"sessions", "refused", "\"2\"", "its \"refused\" is not a count"},
    {"messages", "sent", "null", "its \"sent\" is not a count"},
    {"messages", "sent", "9223372036854775807", "its \"sent\" is too large"},
    {"", "bytes", "9223372036854775807", "its \"bytes\" is too large"},
    {"messages", "verified", "501", "it has more messages verified than sent"},
    {"", "messages", "[]", "it has no \"sent\""},
    {"messages", "verified", NULL, "it has no \"verified\""},
    {"messages", "mismatched", NULL, "it has no \"mismatched\""},
    {"", "bytes", NULL, "it has no \"bytes\""},
    {"", "seconds", "-1.5", "its \"seconds\" is not a number, or is negative"},
    {"", "seconds", "1e10", "its \"seconds\" is not a time"},
    {"", "started", "\"now\"", "its \"started\" is not a number, or is negative"},
    {"", "ended", "1e300", "its \"ended\" is not a time"},
    {"", "interrupted", "128", "its \"interrupted\" is not a signal"},
    {"load", "rate", "-5", "its \"rate\" is not a number, or is negative"},
    {"load", "rate", "1e308", "its \"rate\" is too large"},
    {"load", "depth", "3000000000", "its \"depth\" is too large"},
    {"", "concurrency", NULL, "it has no \"concurrency\""},
    {"idle", "requested", "-1", "its \"requested\" is not a count"},
    {"idle", "connected", NULL, "it has no \"connected\""},
    {"idle", "ended", NULL, "it has no \"ended\""},
    {"generator", "threads", NULL, "it has no \"threads\""},
    {"generator", "cpu", NULL, "it has no \"cpu\""},
    {"generator", "cpu", "1e308", "its \"cpu\" is too large"},
    {"generator", "busy", "1", "its \"busy\" is neither true nor false"},
    {"generator", "late", NULL, "it has no \"late\""},
    {"", "errors", "[1]", "its \"errors\" are not an object"},
    {"errors", "connect: connection refused", "-3",
     "its \"connect: connection refused\" is not a count"},
    {"", "steps", NULL, "it has no \"steps\""},
    {"", "steps", "[1]", "it has no \"started\""},
    {"", "histograms", NULL, "it has no \"histograms\""},
    {"", "histograms", "[]", "its \"histograms\" are not an object"},
    {"histograms", "echo", "7", "it has no \"counts\""},
    {"histograms.echo", "counts", NULL, "it has no \"counts\""},
    {"histograms.echo", "counts", "7", "its histogram of \"echo\" contradicts itself"},
    {"histograms.echo", "counts", "[[5]]",
     "its histogram of \"echo\" is not a list of values and counts"},
    {"histograms.echo", "counts", "[5, 6]",
     "its histogram of \"echo\" is not a list of values and counts"},
    {"histograms.echo", "counts", "[[5, 0]]",
     "its histogram of \"echo\" is not a list of values and counts"},
    {"histograms.echo", "counts", "[[5, 9223372036854775807]]",
     "its histogram of \"echo\" is not a list of values and counts"},
    {"histograms.echo", "counts", "[[-5, 1]]",
     "its histogram of \"echo\" is not a list of values and counts"},
    {"histograms.echo", "counts", "[[5, 1]]", "its histogram of \"echo\" contradicts itself"},
    {"histograms.lag", "min_ns", "-1", "its \"min_ns\" is not a count"},
    {"histograms.lag", "max_ns", "1", "its histogram of \"lag\" contradicts itself"},
    {"histograms.lag", "sum_s", "1", "its histogram of \"lag\" contradicts itself"},
    {"warm_up", "sent", "501", "its \"warm_up\" has more messages than the run"},
    {"warm_up", "verified", "481", "its \"warm_up\" has more messages than the run"},
    {"", "clock", "{}", "its \"clock\" is not a comparison with another"},
    {"", "clock", "{\"of\": \"\", \"ahead_seconds\": 1, \"within_seconds\": 1}",
     "its \"clock\" is not a comparison with another"},
    {"", "clock", "{\"of\": \"a\", \"ahead_seconds\": -1e300, \"within_seconds\": 1}",
     "its \"clock\" is not a comparison with another"},
    {"", "clock", "{\"of\": \"a\", \"ahead_seconds\": 1, \"within_seconds\": -1}",
     "its \"within_seconds\" is not a number, or is negative"},
    {"warm_up", "seconds", "-1", "its \"seconds\" is not a number, or is negative"},
    {"histograms.lag", "sum_ns", NULL, "it has no \"sum_ns\""},
};

LOOP_TEST(what_is_no_report_is_refused, COUNT_OF(edits))
{
    const struct edit *edit = &edits[_i];
    struct report report = {.total = &summary};
    json_t *json;
    struct summary into;
    char why[REPORT_WHY] = "";
    struct spans spans = {0};

    summary.clock = (struct summary_clock){"web1:8091", -1, 1};
    json = as_json(&report);
    ck_assert_ptr_nonnull(at(at(json, edit->keys), edit->key));
    if (edit->value == NULL)
        json_object_del(at(json, edit->keys), edit->key);
    else
        json_object_set_new(at(json, edit->keys), edit->key,
                            json_loads(edit->value, JSON_DECODE_ANY, NULL));
    ck_assert_int_eq(json_dump_file(json, path, 0), 0);
    ck_assert(summary_init(&into));
    ck_assert(!report_read(path, &into, &spans, NULL, why));
    ck_assert_str_eq(why, edit->why);
    ck_assert_uint_eq(into.requested + into.sent + into.error_kinds, 0); /* as it was */
    ck_assert_uint_eq(histogram_count(into.measure.times[MEASURE_CONNECT]), 0);
    ck_assert_uint_eq(spans.count, 0);
    free(spans.span);
    summary_clear(&into);
    json_decref(json);
}

TEST(targets_that_are_none)
{
    static const struct {
        const char *targets;
        const char *why;
    } wrong[] = {
        {"5", "its \"targets\" are not a list, or are too many"},
        {"[5]", "it has no \"name\""},
        {"[{\"name\": 5}]", "it has a target without a name, or with one that is too long"},
        {"[{\"name\": \"web1\"}]", "it has no \"sessions\""},
    };

    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct report report = {.total = &summary};
        json_t *json = as_json(&report);
        struct summary into;
        char why[REPORT_WHY] = "";

        json_object_set_new(json, "targets", json_loads(wrong[i].targets, JSON_DECODE_ANY, NULL));
        ck_assert_int_eq(json_dump_file(json, path, 0), 0);
        ck_assert(summary_init(&into));
        ck_assert(!read_back(path, &into, why));
        ck_assert_str_eq(why, wrong[i].why);
        summary_clear(&into);
        json_decref(json);
    }
}

TEST(the_same_target_twice)
{
    struct report report = {.total = &summary};
    char why[REPORT_WHY] = "";
    char *text;

    split(&summary, 2);
    snprintf(summary.targets[1]->target, SUMMARY_TARGET, "web1:8090");
    text = written(&report, true);
    save(text);
    free(text);
    ck_assert(!read_back(path, &summary, why));
    ck_assert_str_eq(why, "it has the target web1:8090 twice");
}

TEST(what_is_not_even_json)
{
    static const char *const texts[] = {"", "{", "sessions     2 requested", "{} {}",
                                        "{\"a\": 1, \"a\": 2}"};
    char why[REPORT_WHY];

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        save(texts[i]);
        ck_assert(!read_back(path, &summary, why));
        ck_assert_msg(strncmp(why, "it is not JSON: ", 16) == 0, "%s", why);
    }
    save("[]");
    ck_assert(!read_back(path, &summary, why));
    ck_assert_str_eq(why, "it is not a summary of echo-client: it has no \"schema\"");
    ck_assert(!read_back("/nowhere/a.json", &summary, why));
    ck_assert_str_eq(why, "No such file or directory");
    ck_assert(!read_back("/etc", &summary, why));
    ck_assert_str_eq(why, "Is a directory");
    ck_assert_uint_eq(summary.requested, 50);
}

/* What a later version adds is left alone. */
TEST(unknown_keys_are_ignored)
{
    struct report report = {.total = &summary};
    json_t *json = as_json(&report);
    struct summary into;
    char why[REPORT_WHY] = "";

    json_object_set_new(json, "weather", json_string("fine"));
    json_object_set_new(at(json, "histograms"), "weather", json_true());
    ck_assert_int_eq(json_dump_file(json, path, 0), 0);
    ck_assert(summary_init(&into));
    ck_assert_msg(read_back(path, &into, why), "%s", why);
    ck_assert_uint_eq(into.requested, 50);
    summary_clear(&into);
    json_decref(json);
}

CASE_WITH("Time", setup, teardown)

struct times {
    struct span span[4]; /* up to the first that is zeroed */
    struct spans_overlap overlap;
};

static const struct times times[] = {
    {{{0}}, {0, 0, 0}},
    {{{10, 20, 5}}, {10, 0, 5}},
    {{{10, 20, 5}, {10, 20, 7}}, {10, 10, 12}},            /* the same time */
    {{{10, 20, 5}, {15, 30, 7}}, {20, 5, 12}},             /* part of it */
    {{{15, 30, 7}, {10, 20, 5}}, {20, 5, 12}},             /* in whatever order */
    {{{10, 40, 5}, {15, 30, 7}}, {30, 15, 12}},            /* one in the other */
    {{{10, 20, 5}, {20, 30, 7}}, {20, 0, 7}},              /* one after the other */
    {{{10, 20, 5}, {50, 60, 7}}, {20, 0, 7}},              /* with a gap */
    {{{10, 20, 5}, {12, 18, 1}, {14, 30, 2}}, {20, 8, 8}}, /* three */
    {{{10, 20, 5}, {15, 15, 100}}, {10, 0, 100}},          /* one of no time */
    {{{10, 20, 5}, {5, 25, 0}}, {20, 10, 5}},              /* one without sessions */
};

LOOP_TEST(time_counts_once, COUNT_OF(times))
{
    struct spans_overlap overlap;
    struct span span[4];
    struct spans spans = {.span = span};

    memcpy(span, times[_i].span, sizeof span);
    while (spans.count < 4 && span[spans.count].to_ns != 0)
        spans.count++;
    ck_assert(spans_measure(&spans, &overlap));
    ck_assert_int_eq(overlap.any_ns, times[_i].overlap.any_ns);
    ck_assert_int_eq(overlap.together_ns, times[_i].overlap.together_ns);
    ck_assert_uint_eq(overlap.concurrency, times[_i].overlap.concurrency);
}

/* Between two steps nothing is counted, so the time between them does not count either. */
TEST(the_times_of_a_run_are_those_of_its_steps)
{
    struct report report = {.total = &summary, .steps = steps, .step_count = 2};
    struct spans spans = {0};
    struct summary into;
    char *text;
    char why[REPORT_WHY] = "";

    fill(&steps[0], 2);
    fill(&steps[1], 3);
    steps[1].started_wall_ns += INT64_C(10000000000);
    text = written(&report, true);
    save(text);
    ck_assert(summary_init(&into));
    ck_assert_msg(report_read(path, &into, &spans, NULL, why), "%s", why);
    ck_assert_uint_eq(spans.count, 2);
    ck_assert_int_eq(spans.span[0].from_ns, summary.started_wall_ns);
    ck_assert_int_eq(spans.span[0].to_ns, summary.started_wall_ns + INT64_C(5000000000));
    ck_assert_int_eq(spans.span[1].from_ns, summary.started_wall_ns + INT64_C(10000000000));
    ck_assert_int_eq(spans.span[1].to_ns, summary.started_wall_ns + INT64_C(17500000000));
    ck_assert_uint_eq(spans.span[0].concurrency, 16);
    ck_assert_uint_eq(spans.span[1].concurrency, 24);
    free(text);
    free(spans.span);
    summary_clear(&into);
    summary_clear(&steps[0]);
    summary_clear(&steps[1]);
}
