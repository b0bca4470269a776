/* SPDX-License-Identifier: MIT */
/* Lines on standard error: whole, at the right level, and limited in number. */
#include "common/clock.h"
#include "common/log.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define THREADS 4
#define LINES   500

static int real_stderr = -1;
static int captured = -1;

/* Make standard error a file in memory. */
static void capture(void)
{
    real_stderr = dup(STDERR_FILENO);
    captured = memfd_create("stderr", MFD_CLOEXEC);
    ck_assert(real_stderr >= 0 && captured >= 0);
    /* Without it the threads share one unlocked position, and lines overwrite each other. */
    ck_assert(fcntl(captured, F_SETFL, O_APPEND) == 0);
    ck_assert(dup2(captured, STDERR_FILENO) == STDERR_FILENO);
}

static void release(void)
{
    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    close(captured);
}

/* Return what was written since capture(). */
static const char *said(void)
{
    static char text[1 << 18];
    ssize_t got = pread(captured, text, sizeof text - 1, 0);

    ck_assert(got >= 0);
    text[got] = '\0';
    return text;
}

CASE_WITH("Core", capture, release)

TEST(a_line_has_the_name_in_front)
{
    log_error("before %s", "init");
    log_init("echo-server", LOG_NORMAL);
    log_error("cannot listen on %s:%d", "127.0.0.1", 80);
    ck_assert_str_eq(said(), "echopool: before init\n"
                             "echo-server: cannot listen on 127.0.0.1:80\n");
}

RANGE_TEST(levels, LOG_QUIET, LOG_VERBOSE)
{
    static const char *const expected[] = {"p: e\n", "p: e\np: w\n", "p: e\np: w\np: v\n"};

    log_init("p", (enum log_level)_i);
    log_error("e");
    log_warn("w");
    log_verbose("v");
    ck_assert_str_eq(said(), expected[_i]);
}

EXIT_TEST(fatal_ends_with_1, 1)
{
    log_init("p", LOG_QUIET);
    log_fatal("why");
}

EXIT_TEST(usage_ends_with_2, 2)
{
    log_init("p", LOG_QUIET);
    log_usage("why");
}

TEST(errno_is_seen_and_kept)
{
    log_init("p", LOG_NORMAL);
    errno = ENOENT;
    log_error("%m");
    ck_assert_int_eq(errno, ENOENT);
    ck_assert_str_eq(said(), "p: No such file or directory\n");
    close(STDERR_FILENO); /* a write that fails must not leave its own errno */
    log_error("lost");
    ck_assert_int_eq(errno, ENOENT);
}

/* Parse the last line that was written. */
static json_t *last_object(void)
{
    const char *line = said(), *next;
    json_error_t error;
    json_t *object;

    while ((next = strchr(line, '\n')) != NULL && next[1] != '\0')
        line = next + 1;
    object = json_loads(line, 0, &error);
    ck_assert_msg(object != NULL, "%s: %s", error.text, line);
    return object;
}

static void expect_member(const json_t *object, const char *key, const char *text)
{
    ck_assert_pstr_eq(json_string_value(json_object_get(object, key)), text);
}

/* The same levels, and each line an object. */
TEST(lines_for_programs)
{
    static const char *const levels[] = {"error", "warning", "info"};
    json_t *object;
    int64_t before = clock_wall_ns();

    log_set_form(LOG_JSON);
    log_init("p", LOG_QUIET);
    log_warn("not written");
    log_verbose("not written");
    ck_assert_str_eq(said(), "");
    log_init("p", LOG_VERBOSE);
    for (size_t i = 0; i < COUNT_OF(levels); i++) {
        errno = ENOENT;
        (i == 0 ? log_error : i == 1 ? log_warn : log_verbose)("\"%s\" %d: %m\n", "x", (int)i);
        ck_assert_int_eq(errno, ENOENT);
        object = last_object();
        ck_assert_uint_eq(json_object_size(object), 4);
        expect_member(object, "level", levels[i]);
        expect_member(object, "event", "message");
        expect_member(object, "message",
                      suite_text("\"x\" %d: No such file or directory\n", (int)i));
        ck_assert_str_ge(json_string_value(json_object_get(object, "time")),
                         before > 0 ? "2020-01-01T00:00:00.000000Z" : "");
        json_decref(object);
    }
}

/* An event is a sentence for people and its facts for programs, if its level is written. */
TEST(events)
{
    struct log_facts facts = {.session = 7,
                              .peer = "a:1",
                              .outcome = "served",
                              .echoes = 2,
                              .bytes_received = 3,
                              .bytes_sent = 4,
                              .waited_ns = 1500000,
                              .held_ns = -1};
    json_t *object;

    log_init("p", LOG_NORMAL);
    log_event(LOG_VERBOSE, "session ended", &facts, "session %d", 7);
    ck_assert_str_eq(said(), "");
    ck_assert(log_writes(LOG_NORMAL) && !log_writes(LOG_VERBOSE));
    log_event(LOG_NORMAL, "session ended", &facts, "session %d", 7);
    ck_assert_str_eq(said(), "p: session 7\n");
    log_set_form(LOG_JSON);
    log_event(LOG_NORMAL, "session ended", &facts, "session %d", 7);
    object = last_object();
    ck_assert_uint_eq(json_object_size(object), 11);
    expect_member(object, "level", "warning");
    expect_member(object, "event", "session ended");
    expect_member(object, "peer", "a:1");
    expect_member(object, "outcome", "served");
    expect_member(object, "reason", NULL);
    ck_assert_int_eq(json_integer_value(json_object_get(object, "session")), 7);
    ck_assert_int_eq(json_integer_value(json_object_get(object, "echoes")), 2);
    ck_assert_int_eq(json_integer_value(json_object_get(object, "bytes_received")), 3);
    ck_assert_int_eq(json_integer_value(json_object_get(object, "bytes_sent")), 4);
    ck_assert(json_real_value(json_object_get(object, "waited_ms")) == 1.5);
    ck_assert(json_is_null(json_object_get(object, "held_ms")));
    json_decref(object);
    log_event(LOG_NORMAL, "handshake failed", &(struct log_facts){.reason = "why"}, "why");
    object = last_object();
    ck_assert_uint_eq(json_object_size(object), 4);
    expect_member(object, "reason", "why");
    json_decref(object);
}

CASE_WITH("Limits", capture, release)

/* A text that is too long for a line of JSON is cut within its quotes. */
TEST(a_long_line_is_whole_json)
{
    static char text[5000];
    json_t *object;
    const char *message;

    log_set_form(LOG_JSON);
    memset(text, '\n', sizeof text - 1);
    log_error("%s", text);
    ck_assert_uint_le(strlen(said()), 2048);
    object = last_object();
    message = json_string_value(json_object_get(object, "message"));
    ck_assert_str_eq(message + strlen(message) - 4, "\n...");
    json_decref(object);
}

TEST(a_line_stays_one_line)
{
    log_init("p", LOG_NORMAL);
    log_error("a\nb\r\t\x1b[2J\x7f\xc3\xa9");
    ck_assert_str_eq(said(), "p: a?b???[2J?\xc3\xa9\n");
    /* Not in UTF-8 either: a control character, alone and as U+009B, and what turns the text round. */
    log_error("\x9b.\xc2\x9b.\xe2\x80\xae.\xe2\x81\xa6");
    ck_assert_ptr_nonnull(strstr(said(), "p: ?.??.???.???\n"));
}

TEST(a_long_line_is_cut_and_says_so)
{
    char text[5000];
    const char *line;

    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    log_init("p", LOG_NORMAL);
    for (size_t length = 1000; length < 1050;
         length++) { /* around the length at which cutting begins */
        log_error("%.*s", (int)length, text);
        line = strrchr(said(), 'p');
        ck_assert_msg(strlen(line) == length + 4 || strcmp(line + strlen(line) - 4, "...\n") == 0,
                      "%zu bytes: %s", length, line);
        ck_assert(strlen(line) <= 1024);
    }
    log_error("%s", text);
    line = strrchr(said(), 'p');
    ck_assert_str_eq(line + strlen(line) - 5, "x...\n");
}

TEST(a_long_name_is_cut_too)
{
    char name[5000];

    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = '\0';
    log_init(name, LOG_NORMAL);
    log_error("text");
    ck_assert(strlen(said()) <= 1024);
    ck_assert_int_eq(said()[strlen(said()) - 1], '\n');
}

TEST(the_gate_holds_a_flood_back)
{
    struct log_gate gate = {0};
    int64_t before = clock_now_ns();

    ck_assert_uint_eq(log_gate_pass(&gate), 1);
    gate.last_ns =
        clock_now_ns() + INT64_C(3600000000000); /* the second does not end in this test */
    for (unsigned i = 0; i < 1000; i++)
        ck_assert_uint_eq(log_gate_pass(&gate), 0);
    gate.last_ns = clock_now_ns() - INT64_C(1000000000); /* now it has ended */
    ck_assert_uint_eq(log_gate_pass(&gate), 1001);
    gate.last_ns = clock_now_ns() + INT64_C(3600000000000);
    ck_assert_uint_eq(log_gate_pass(&gate), 0);
    gate.last_ns = clock_now_ns() - INT64_C(1000000000);
    ck_assert_uint_eq(log_gate_pass(&gate), 2);
    ck_assert_int_ge(gate.last_ns, before);
}

CASE_WITH("Races", capture, release)

static void *say_lines(void *context)
{
    for (int i = 0; i < LINES; i++)
        log_error("thread %d line %d and a tail that is long enough to be cut", *(int *)context, i);
    return NULL;
}

/* Count the warnings that pass a gate, and those that the passing ones stand for. */
static void *pass_often(void *gate)
{
    uintptr_t passed = 0;

    for (int i = 0; i < LINES; i++)
        passed += log_gate_pass(gate);
    return (void *)passed;
}

TEST(no_warning_of_threads_is_forgotten)
{
    struct log_gate gate = {0};
    pthread_t threads[THREADS];
    uintptr_t all = 0;

    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, pass_often, &gate), 0);
    for (int i = 0; i < THREADS; i++) {
        void *passed;
        ck_assert_int_eq(pthread_join(threads[i], &passed), 0);
        all += (uintptr_t)passed;
    }
    ck_assert_uint_eq(all + gate.held, THREADS * LINES);
}

TEST(lines_of_threads_do_not_mix)
{
    pthread_t threads[THREADS];
    int numbers[THREADS];
    int seen[THREADS] = {0};
    char *line;
    char *rest = NULL;
    int lines = 0;

    log_init("p", LOG_NORMAL);
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, say_lines, &numbers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    rest = strdup(said());
    for (char *text = rest; (line = strsep(&text, "\n")) != NULL && *line != '\0'; lines++) {
        int thread, number, end = 0;
        ck_assert_msg(sscanf(line,
                             "p: thread %d line %d and a tail that is long enough to be cut%n",
                             &thread, &number, &end) == 2 &&
                          line[end] == '\0' && end > 0,
                      "%s", line);
        ck_assert(thread >= 0 && thread < THREADS);
        ck_assert_int_eq(number, seen[thread]++);
    }
    ck_assert_int_eq(lines, THREADS * LINES);
    free(rest);
}
