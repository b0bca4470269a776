/* SPDX-License-Identifier: MIT */
/* The real server and its --trace: what a viewer will make of it, and what may go wrong with the
   file. */
#include "tests/kit/server.h"
#include "tests/kit/suite.h"

#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* A file in a new directory. */
struct scratch {
    char directory[64];
    char path[80];
};

static struct scratch scratch_new(void)
{
    struct scratch scratch;

    snprintf(scratch.directory, sizeof scratch.directory, "%s", suite_template());
    ck_assert_ptr_nonnull(mkdtemp(scratch.directory));
    snprintf(scratch.path, sizeof scratch.path, "%s/trace.json", scratch.directory);
    return scratch;
}

static void scratch_free(struct scratch *scratch)
{
    unlink(scratch->path);
    rmdir(scratch->directory);
}

static json_t *load(const struct scratch *scratch)
{
    json_error_t error;
    json_t *trace = json_load_file(scratch->path, 0, &error);

    ck_assert_msg(json_is_array(trace), "line %d: %s", error.line, error.text);
    return trace;
}

static const char *text_of(const json_t *event, const char *key)
{
    const char *text = json_string_value(json_object_get(event, key));

    return text == NULL ? "" : text;
}

static double number_of(const json_t *event, const char *key)
{
    const json_t *number = json_object_get(event, key);

    ck_assert_msg(json_is_number(number), "an event without a number %s", key);
    return json_number_value(number);
}

/* How many events there are of a phase and a category. */
static size_t count_of(const json_t *trace, const char *phase, const char *category)
{
    const json_t *event;
    size_t count = 0;
    size_t i;

    json_array_foreach(trace, i, event) count +=
        strcmp(text_of(event, "ph"), phase) == 0 && strcmp(text_of(event, "cat"), category) == 0;
    return count;
}

/* No two complete events of one row may overlap: a viewer would draw nonsense. */
static void expect_clean_rows(const json_t *trace)
{
    const json_t *a;
    const json_t *b;
    size_t i, j;

    json_array_foreach(trace, i, a)
    {
        if (strcmp(text_of(a, "ph"), "X") != 0)
            continue;
        ck_assert(number_of(a, "dur") >= 0);
        json_array_foreach(trace, j, b)
        {
            if (i == j || strcmp(text_of(b, "ph"), "X") != 0 ||
                number_of(a, "tid") != number_of(b, "tid"))
                continue;
            double a_end = number_of(a, "ts") + number_of(a, "dur");
            double b_end = number_of(b, "ts") + number_of(b, "dur");
            ck_assert_msg(a_end <= number_of(b, "ts") + 0.01 || b_end <= number_of(a, "ts") + 0.01,
                          "%s and %s overlap", text_of(a, "name"), text_of(b, "name"));
        }
    }
}

/* Each b has an e of its session, no earlier. */
static void expect_pairs(const json_t *trace, const char *category)
{
    const json_t *a;
    const json_t *b;
    size_t i, j;

    json_array_foreach(trace, i, a)
    {
        unsigned ends = 0;
        if (strcmp(text_of(a, "ph"), "b") != 0 || strcmp(text_of(a, "cat"), category) != 0)
            continue;
        json_array_foreach(trace, j, b) if (strcmp(text_of(b, "ph"), "e") == 0 &&
                                            strcmp(text_of(b, "cat"), category) == 0 &&
                                            number_of(a, "id") == number_of(b, "id"))
        {
            ends++;
            ck_assert(number_of(b, "ts") >= number_of(a, "ts"));
        }
        ck_assert_uint_eq(ends, 1);
    }
}

/* The row of a worker has its name. */
static void expect_names(const json_t *trace)
{
    const json_t *a;
    const json_t *b;
    size_t i, j;

    json_array_foreach(trace, i, a)
    {
        unsigned names = 0;
        if (strcmp(text_of(a, "ph"), "X") != 0)
            continue;
        json_array_foreach(trace, j, b) names += strcmp(text_of(b, "name"), "thread_name") == 0 &&
                                                 number_of(a, "tid") == number_of(b, "tid");
        ck_assert_uint_eq(names, 1);
    }
}

enum { LOADERS = 6, SESSIONS_EACH = 12, SESSIONS = LOADERS * SESSIONS_EACH };

static void *make_sessions(void *argument)
{
    struct kit *kit = argument;

    for (int i = 0; i < SESSIONS_EACH; i++) {
        int fd = kit_connect(kit);
        say_goodbye(fd);
    }
    return NULL;
}

static void load_it(struct kit *kit)
{
    pthread_t loaders[LOADERS];

    for (int i = 0; i < LOADERS; i++)
        ck_assert_int_eq(pthread_create(&loaders[i], NULL, make_sessions, kit), 0);
    for (int i = 0; i < LOADERS; i++)
        pthread_join(loaders[i], NULL);
}

CASE("Picture")

TEST(a_row_for_each_worker)
{
    struct scratch scratch = scratch_new();
    struct kit kit =
        kit_start(ARGUMENTS("--workers", "3", "--queue", "8", "--trace", scratch.path));
    json_t *trace;

    load_it(&kit);
    ck_assert_uint_eq(kit_finish(&kit, true, NULL).served, SESSIONS);
    trace = load(&scratch);
    ck_assert_uint_eq(count_of(trace, "X", "serving"), SESSIONS + 1); /* with the probe */
    ck_assert_uint_eq(count_of(trace, "b", "waiting"), SESSIONS + 1);
    ck_assert_uint_eq(count_of(trace, "e", "waiting"), SESSIONS + 1);
    expect_clean_rows(trace);
    expect_pairs(trace, "waiting");
    expect_names(trace);
    json_decref(trace);
    scratch_free(&scratch);
}

/* Threads without number have no row. */
TEST(no_rows_without_a_cap)
{
    struct scratch scratch = scratch_new();
    struct kit kit = kit_start(ARGUMENTS("--model", "thread", "--trace", scratch.path));
    json_t *trace;

    load_it(&kit);
    kit_finish(&kit, true, NULL);
    trace = load(&scratch);
    ck_assert_uint_eq(count_of(trace, "X", "serving"), 0);
    ck_assert_uint_eq(count_of(trace, "b", "serving"), SESSIONS + 1);
    expect_pairs(trace, "serving");
    expect_pairs(trace, "waiting");
    json_decref(trace);
    scratch_free(&scratch);
}

/* Who was turned away has waited, and that is all. */
TEST(sessions_that_are_turned_away)
{
    struct scratch scratch = scratch_new();
    struct kit kit = kit_start(ARGUMENTS("--workers", "1", "--queue", "1", "--queue-timeout",
                                         "300ms", "--trace", scratch.path));
    const json_t *event;
    json_t *trace;
    unsigned late = 0;
    size_t i;
    int served = kit_connect(&kit);
    int waits;
    char line[4];

    say_hello(served);
    waits = kit_connect(&kit);
    tcp_receive(waits, line, 4);
    close(waits);
    close(served);
    kit_finish(&kit, true, NULL);
    trace = load(&scratch);
    json_array_foreach(trace, i, event) late +=
        strcmp(text_of(json_object_get(event, "args"), "outcome"), "queue timeout") == 0;
    ck_assert_uint_eq(late, 2); /* one b, one e */
    ck_assert_uint_eq(count_of(trace, "X", "serving"), 2);
    json_decref(trace);
    scratch_free(&scratch);
}

struct wanted {
    const struct scratch *scratch;
    size_t serving;
};

/* Between two writes the file is whole; in the middle of one a reader may see a part of it. */
static bool holds(void *context)
{
    const struct wanted *wanted = context;
    json_t *trace = json_load_file(wanted->scratch->path, 0, NULL);
    size_t serving = trace == NULL ? 0 : count_of(trace, "X", "serving");
    bool enough = trace != NULL && serving >= wanted->serving;

    json_decref(trace);
    return enough;
}

CASE("File")

/* Killed, or ended at once by a second signal: what had been written by then is whole. */
LOOP_TEST(whole_however_it_ends, 2)
{
    struct scratch scratch = scratch_new();
    struct kit kit = kit_start(ARGUMENTS("--write-timeout", "2s", "--delay", "600s",
                                         "--drain-timeout", "600s", "--trace", scratch.path));
    struct wanted wanted = {.scratch = &scratch};
    int asleep = kit_connect(&kit);
    struct outcome outcome;

    ck_assert(holds(&wanted)); /* before the first session */
    tcp_send(asleep, "hello", 5);
    for (int i = 0; i < 3; i++) {
        close(kit_connect(&kit));
        wanted.serving++;
        wait_until(holds, &wanted);
    }
    if (_i == 0) {
        ck_assert_int_eq(kill(kit.program.pid, SIGKILL), 0);
    } else {
        ck_assert_int_eq(kill(kit.program.pid, SIGTERM), 0);
        ck_assert_int_eq(kill(kit.program.pid, SIGINT), 0);
    }
    outcome = program_wait(&kit.program);
    ck_assert_int_eq(outcome.status, _i == 0 ? 128 + SIGKILL : 1);
    ck_assert(holds(&wanted));
    close(asleep);
    scratch_free(&scratch);
}

TEST(a_file_that_cannot_be_made)
{
    struct outcome outcome = program_run(
        ARGUMENTS("echo-server", "--port", "0", "--trace", "/nowhere/trace.json"), NULL);

    ck_assert_int_eq(outcome.status, 1);
    ck_assert_str_eq(
        outcome.err,
        "echo-server: cannot write --trace /nowhere/trace.json: No such file or directory\n");
}

/* A file that may not grow (ulimit -f) is as a full disk: no SIGXFSZ ends the server. */
TEST(a_limit_of_file_sizes)
{
    struct scratch scratch = scratch_new();
    struct rlimit before, small;
    struct outcome outcome;
    struct kit kit;

    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 16384;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    kit = kit_start(ARGUMENTS("--trace", scratch.path));
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    load_it(&kit);
    kit_wait_in_flight(&kit, 0);
    outcome = program_stop(&kit.program);
    ck_assert_int_eq(outcome.status, 0);
    ck_assert_msg(strstr(outcome.err, "cannot write the trace: File too large") != NULL, "said: %s",
                  outcome.err);
    ck_assert_uint_eq(tally_of(outcome.out).served, SESSIONS);
    scratch_free(&scratch);
}

/* A full disk is reported once; the echo goes on, and at the end the number of lost records is reported. */
TEST(a_full_disk)
{
    struct kit kit = kit_start(ARGUMENTS("--trace", "/dev/full"));
    struct outcome outcome;
    const char *warning;

    load_it(&kit);
    kit_wait_in_flight(&kit, 0);
    outcome = program_stop(&kit.program);
    ck_assert_int_eq(outcome.status, 0);
    warning = strstr(outcome.err, "cannot write the trace: No space left on device");
    ck_assert_msg(warning != NULL, "said: %s", outcome.err);
    ck_assert_ptr_null(strstr(warning + 1, "cannot write the trace"));
    ck_assert_msg(strstr(outcome.err, "72 sessions are missing in the trace /dev/full") != NULL,
                  "said: %s", outcome.err);
    ck_assert_uint_eq(tally_of(outcome.out).served, SESSIONS);
}
