/* SPDX-License-Identifier: MIT */
/* The trace's buffer and its file: bounded, whole after every write, and honest about what is lost. */
#include "server/session/trace.h"

#include "tests/kit/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[64];

static void set_up(void)
{
    snprintf(path, sizeof path, "%s", suite_template());
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
}

static void take_down(void)
{
    unlink(path);
}

static size_t events_in_file(void)
{
    json_error_t error;
    json_t *array = json_load_file(path, 0, &error);
    size_t events;

    ck_assert_msg(json_is_array(array), "line %d: %s", error.line, error.text);
    events = json_array_size(array);
    json_decref(array);
    return events;
}

static void note(struct trace *trace, unsigned count)
{
    static const struct trace_record record = {
        .number = INT64_MAX,
        .accepted_ns = INT64_MAX,
        .begun_ns = INT64_MAX,
        .ended_ns = INT64_MAX,
        .echoes = INT64_MAX,
        .outcome = OUTCOME_HANDSHAKE_TIMEOUT,
    };

    for (unsigned i = 0; i < count; i++)
        trace_note(trace, &record);
}

CASE_WITH("File", set_up, take_down)

/* Two names of the picture, one of the worker; each session is three events. */
TEST(whole_after_each_write)
{
    struct trace *trace;

    ck_assert_int_eq(trace_new(path, "x", true, &trace), 0);
    ck_assert_uint_eq(events_in_file(), 2);
    note(trace, 1);
    trace_flush(trace);
    ck_assert_uint_eq(events_in_file(), 3 + 3);
    note(trace, 1000);
    trace_flush(trace);
    trace_flush(trace);
    ck_assert_uint_eq(events_in_file(), 3 + 3 * 1001);
    ck_assert_uint_eq(trace_free(trace), 0);
    ck_assert_uint_eq(events_in_file(), 3 + 3 * 1001);
}

TEST(bounded)
{
    struct trace *trace;

    ck_assert_int_eq(trace_new(path, "x", true, &trace), 0);
    note(trace, 8192 + 100);
    ck_assert_uint_eq(trace_dropped(trace), 100);
    trace_flush(trace);
    ck_assert_uint_eq(trace_dropped(trace), 100);
    note(trace, 1);
    ck_assert_uint_eq(trace_free(trace), 100);
    ck_assert_uint_eq(events_in_file(), 3 + 3 * 8193);
}

/* The caller that adds a record learns when it is time to write. */
TEST(asks_to_be_written)
{
    struct trace_record record = {.number = 1};
    struct trace *trace;
    unsigned asked = 0;

    ck_assert_int_eq(trace_new(path, "x", true, &trace), 0);
    for (unsigned i = 0; i < 5000; i++)
        asked += trace_note(trace, &record);
    ck_assert_uint_ge(asked, 1);
    ck_assert_uint_le(asked, 10);
    ck_assert_uint_eq(trace_free(trace), 0);
}

static struct trace *open_pipe(int *reader)
{
    struct trace *trace;

    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_int_eq(trace_new(path, "x", true, &trace), -ENXIO); /* it does not wait for one */
    *reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    ck_assert_int_ge(*reader, 0);
    ck_assert_int_eq(trace_new(path, "x", true, &trace), 0);
    return trace;
}

CASE_WITH("Pipes", set_up, take_down)

/* A pipe takes it in pieces and is closed at the end. */
TEST(into_a_pipe)
{
    enum { ROOM = 1 << 20 };
    char *bytes = malloc(ROOM);
    size_t size = 0;
    int reader;
    struct trace *trace = open_pipe(&reader);
    json_error_t error;
    json_t *array;
    ssize_t got;

    for (int i = 0; i < 20; i++) {
        note(trace, 50);
        trace_flush(trace);
        while ((got = read(reader, bytes + size, ROOM - size)) > 0)
            size += (size_t)got;
    }
    ck_assert_uint_eq(trace_free(trace), 0);
    while ((got = read(reader, bytes + size, ROOM - size)) > 0)
        size += (size_t)got;
    array = json_loadb(bytes, size, 0, &error);
    ck_assert_msg(json_is_array(array), "%s", error.text);
    ck_assert_uint_eq(json_array_size(array), 3 + 3 * 1000);
    json_decref(array);
    free(bytes);
    close(reader);
}

/* The pipe is not read: what does not fit into it is missing, and no thread waits for it for long. */
TEST(into_a_pipe_that_is_stuck)
{
    int reader;
    struct trace *trace = open_pipe(&reader);
    uint64_t missing;

    note(trace, 5000);
    trace_flush(trace);
    note(trace, 5000);
    trace_flush(trace);
    missing = trace_free(trace);
    ck_assert_uint_gt(missing, 9000);
    ck_assert_uint_le(missing, 10000);
    close(reader);
}
