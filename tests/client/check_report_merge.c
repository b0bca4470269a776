/* SPDX-License-Identifier: MIT */
/* `echo-client report`: runs merged from files, what is expected of them, and files that are none. */
#include "client/report/json.h"
#include "tests/kit/harness.h"
#include "tests/kit/suite.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)
#define START  (1795271400 * SECOND)

static char *folder;
static char first[64], second[64];

/* The clock of the next run to be saved. */
static struct summary_clock clock_now;

/* Save a run of ten sessions that began `after` seconds after another and took ten. */
static void save(const char *path, int64_t after, int64_t echo_ns, uint64_t failed)
{
    struct summary summary;
    struct report report = {.total = &summary};
    FILE *file = fopen(path, "w");

    ck_assert_ptr_nonnull(file);
    ck_assert(summary_init(&summary));
    summary.concurrency = 10;
    summary.requested = 10;
    summary.ok = 10 - failed;
    summary.failed = failed;
    summary.sent = summary.verified = 1000;
    summary.bytes = 64000;
    summary.rate = 100;
    summary.depth = 1;
    summary.seconds = 10;
    summary.started_wall_ns = START + after * SECOND;
    summary.ended_wall_ns = summary.started_wall_ns + 10 * SECOND;
    summary.clock = clock_now;
    if (failed > 0)
        summary_add_errors(&summary, "connect: connection refused", failed);
    for (int i = 0; i < 1000; i++)
        measure_one(&summary.measure, MEASURE_ECHO, echo_ns);
    ck_assert(report_json(file, &report));
    ck_assert_int_eq(fclose(file), 0);
    summary_clear(&summary);
}

static void setup(void)
{
    folder = suite_template();
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(first, sizeof first, "%s/a.json", folder);
    snprintf(second, sizeof second, "%s/b.json", folder);
    save(first, 0, 1000, 0);
    save(second, 4, 1000000, 0);
}

static void teardown(void)
{
    unlink(first);
    unlink(second);
    rmdir(folder);
}

#define RUN(...)                                                                                   \
    program_run((const char *const[]){"echo-client", "report", __VA_ARGS__, NULL}, NULL)

/* A number in the object that a run has printed, by up to two keys. */
static double figure(const struct outcome *outcome, const char *key, const char *inner)
{
    json_t *json = json_loads(outcome->out, JSON_REJECT_DUPLICATES, NULL);
    json_t *value = json_object_get(json, key);
    double number;

    if (inner != NULL)
        value = json_object_get(value, inner);
    ck_assert_msg(json_is_number(value), "no %s in %.500s %s", key, outcome->out, outcome->err);
    number = json_number_value(value);
    json_decref(json);
    return number;
}

CASE_WITH("Runs", setup, teardown)

TEST(runs_that_overlap)
{
    struct outcome outcome = RUN(first, second);

    outcome_expect(&outcome, 0, NULL, "");
    ck_assert_ptr_eq(strstr(outcome.out,
                            "sessions     20 requested: 20 ok, 0 failed, 0 refused\n"
                            "messages     2000 sent: 2000 verified, 0 mismatched\n"
                            "bytes        128000 verified in 14.000 s: 143 echoes/s\n"
                            "rate         142.9 messages/s requested, 142.9 sent\n"
                            "runs         2 merged: two or more at once for 6.000 s of 14.000 s\n"),
                     outcome.out);
    outcome = RUN("--json", second, first);
    ck_assert_double_eq(figure(&outcome, "seconds", NULL), 14);
    ck_assert_double_eq_tol(figure(&outcome, "load", "rate"), 2000.0 / 14, 1e-9);
    ck_assert_double_eq(figure(&outcome, "concurrency", NULL), 20);
    ck_assert_double_eq(figure(&outcome, "started", NULL), 1795271400);
    ck_assert_double_eq(figure(&outcome, "ended", NULL), 1795271414);
    ck_assert_double_eq(figure(&outcome, "runs", "count"), 2);
    ck_assert_double_eq(figure(&outcome, "runs", "together_seconds"), 6);
}

static const struct {
    struct summary_clock first, second;
    const char *words; /* NULL: nothing is wrong */
    double apart;      /* negative: they cannot be compared */
} clocks[] = {
    {{"", 0, 0}, {"", 0, 0}, NULL, -1},
    {{"web1:8091", 0, 1000}, {"", 0, 0}, NULL, -1},
    {{"web1:8091", 0, 1000}, {"web2:8091", SECOND, 1000}, NULL, -1},
    {{"web1:8091", 3 * SECOND, 1000}, {"web1:8091", 3 * SECOND + 100000000, 1000}, NULL, 0.1},
    {{"web1:8091", 0, SECOND}, {"web1:8091", 200000000, 1000}, NULL, 0.2},
    {{"web1:8091", 1000000, 200000},
     {"web1:8091", 201000000, 300000},
     "b.json was 200.0 ms ahead of that of FOLDER/a.json, to within 0.5 ms by the clock of "
     "web1:8091: with the same --start-at it began that much earlier, and the time at once and the "
     "rates are wrong by as much; synchronize the clocks\n",
     0.2},
    {{"web1:8091", -200000000, 200000},
     {"web1:8091", -1000000, 300000},
     "a.json was 199.0 ms behind that of FOLDER/b.json, to within 0.5 ms by the clock of "
     "web1:8091: with the same --start-at it began that much later, and the time at once and the "
     "rates are wrong by as much; synchronize the clocks\n",
     0.199},
};

/* The run is named whose clock is further from that of the server. */
LOOP_TEST(clocks_that_are_apart, COUNT_OF(clocks))
{
    const char *words = clocks[_i].words;
    char *expected = suite_text("%s", "");
    struct outcome outcome;

    clock_now = clocks[_i].first;
    save(first, 0, 1000, 0);
    clock_now = clocks[_i].second;
    save(second, 0, 1000, 0);
    if (words != NULL) {
        const char *at = strstr(words, "FOLDER");

        expected = suite_text("echo-client: the clock of %s/%.*s%s%s", folder, (int)(at - words),
                              words, folder, at + strlen("FOLDER"));
    }
    outcome = RUN("--json", first, second);
    outcome_expect(&outcome, 0, NULL, expected);
    if (clocks[_i].apart >= 0)
        ck_assert_double_eq_tol(figure(&outcome, "runs", "clocks_apart_seconds"), clocks[_i].apart,
                                1e-9);
    else
        ck_assert_ptr_null(strstr(outcome.out, "clocks_apart"));
}

/* A night between two runs is no time in which nothing was answered. */
TEST(runs_with_a_gap)
{
    struct outcome outcome;

    save(second, 36000, 1000, 0);
    outcome = RUN(first, second);
    ck_assert_ptr_nonnull(strstr(outcome.out, " verified in 20.000 s: 100 echoes/s\n"));
    ck_assert_ptr_nonnull(strstr(outcome.out, "\nruns         2 merged: no two of them at once\n"));
    outcome = RUN("--json", first, second);
    ck_assert_double_eq(figure(&outcome, "concurrency", NULL), 10);
    ck_assert_double_eq(figure(&outcome, "load", "rate"), 100);
}

TEST(one_run_is_itself)
{
    struct outcome outcome = RUN("--json", first), again;

    ck_assert_double_eq(figure(&outcome, "seconds", NULL), 10);
    ck_assert_double_eq(figure(&outcome, "echoes_per_second", NULL), 100);
    again = program_run((const char *const[]){"echo-client", "report", "--json", "-", NULL},
                        outcome.out); /* a merged report is one, too */
    ck_assert_str_eq(again.out, outcome.out);
}

CASE_WITH("How it ends", setup, teardown)

TEST(expectations_are_of_all_together)
{
    struct outcome outcome = RUN("--expect", "p50<=1us,max=1ms,verified=2000", first, second);

    outcome_expect(&outcome, 0, NULL, "");
    outcome = RUN(first, "--expect", "p50<=1us,max<1ms,failed=0,rate>150", second, "--json");
    ck_assert_int_eq(outcome.status, 4);
    ck_assert_ptr_nonnull(strstr(outcome.err, "max<1ms: it is 1 ms\n"));
    ck_assert_ptr_nonnull(strstr(outcome.err, "rate>150: it is 142.8571 a second\n"));
    ck_assert_ptr_null(strstr(outcome.err, "failed"));
    ck_assert_double_eq(figure(&outcome, "messages", "verified"), 2000); /* and the summary */
}

TEST(sessions_that_were_lost)
{
    struct outcome outcome;

    save(second, 4, 1000, 3);
    outcome = RUN(first, second);
    ck_assert_int_eq(outcome.status, 1);
    ck_assert_ptr_nonnull(
        strstr(outcome.out, "errors\n  3          connect: connection refused\n"));
}

/* One of two runs has seen them: the status is that of wrong bytes. */
TEST(a_run_with_wrong_bytes)
{
    FILE *from = fopen(second, "r"), *to;
    char text[16384];
    size_t size;
    char *count;

    ck_assert_ptr_nonnull(from);
    size = fread(text, 1, sizeof text - 1, from);
    fclose(from);
    text[size] = '\0';
    count = strstr(text, "\"mismatched\":0");
    ck_assert_ptr_nonnull(count);
    count[strlen("\"mismatched\":")] = '1';
    to = fopen(second, "w");
    ck_assert_ptr_nonnull(to);
    ck_assert_int_ge(fputs(text, to), 0);
    ck_assert_int_eq(fclose(to), 0);
    ck_assert_int_eq(RUN(first, second).status, 3);
}

TEST(one_bad_file_is_enough)
{
    struct outcome outcome;
    char line[256];
    FILE *file = fopen(second, "w");

    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs("{}\n", file), 0);
    ck_assert_int_eq(fclose(file), 0);
    outcome = RUN(first, second);
    outcome_expect(&outcome, 1, "", NULL);
    snprintf(
        line, sizeof line,
        "echo-client: cannot use %s: it is not a summary of echo-client: it has no \"schema\"\n",
        second);
    ck_assert_str_eq(outcome.err, line);
    outcome = RUN("/nowhere/c.json", first);
    outcome_expect(&outcome, 1, NULL,
                   "echo-client: cannot use /nowhere/c.json: No such file or directory\n");
}

TEST(wrong_command_lines)
{
#define HINT "; try 'echo-client report --help'\n"
    static const struct {
        const char *arguments[3];
        const char *line;
    } wrong[] = {
        {{"--json"}, "report needs the files that 'echo-client --json' has written" HINT},
        {{"--expect"}, "option '--expect' needs a value" HINT},
        {{"--json=1", "a"}, "option '--json=1' takes no value" HINT},
        {{"--csv", "a"}, "unknown option '--csv'" HINT},
        {{"-n", "5"}, "unknown option '-n'" HINT},
        {{"--expect", "fast", "a"}, NULL},
    };
    struct outcome outcome;

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        outcome =
            program_run((const char *const[]){"echo-client", "report", wrong[i].arguments[0],
                                              wrong[i].arguments[1], wrong[i].arguments[2], NULL},
                        NULL);
        const char *line =
            suite_text("echo-client: %s", wrong[i].line != NULL ? wrong[i].line : "");
        if (wrong[i].line != NULL)
            ck_assert_str_eq(outcome.err, line);
        else
            ck_assert_ptr_nonnull(
                strstr(outcome.err, "--expect cannot be understood: in 'fast', "));
        outcome_expect(&outcome, 2, "", NULL);
    }
    outcome = RUN("--help");
    ck_assert_int_eq(outcome.status, 0);
    ck_assert_ptr_eq(strstr(outcome.out, "Usage: echo-client report [OPTION]... FILE...\n"),
                     outcome.out);
}
