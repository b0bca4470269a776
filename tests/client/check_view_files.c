/* SPDX-License-Identifier: MIT */
/* client/views/ outlet, csv and ndjson: what is in the files, and that writing them never waits. */
#include "client/views/outlet.h"
#include "tests/kit/suite.h"
#include "tests/kit/view.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

CASE("The outlet")

enum { MUCH = 1 << 20 };

struct reader {
    int fd;
    size_t size;
    char *bytes;
};

static void *read_all(void *argument)
{
    struct reader *reader = argument;
    ssize_t got;

    while ((got = read(reader->fd, reader->bytes + reader->size, MUCH + 1 - reader->size)) > 0)
        reader->size += (size_t)got;
    return NULL;
}

TEST(a_pipe_that_is_not_read_yet)
{
    struct reader reader = {.bytes = malloc(MUCH + 1)};
    struct outlet *outlet;
    pthread_t thread;
    int ends[2];

    ck_assert_ptr_nonnull(reader.bytes);
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(dup2(ends[1], STDOUT_FILENO), STDOUT_FILENO);
    close(ends[1]);
    reader.fd = ends[0];
    outlet = outlet_open("-");
    ck_assert_ptr_nonnull(outlet);
    close(STDOUT_FILENO);
    for (unsigned i = 0; i < MUCH / 8; i++)
        outlet_print(outlet, "%07u\n", i); /* sixteen pipes full; it would wait here */
    outlet_offer(outlet);
    ck_assert_int_eq(pthread_create(&thread, NULL, read_all, &reader), 0);
    ck_assert_int_eq(outlet_close(outlet, "", 0), 0);
    pthread_join(thread, NULL);
    ck_assert_uint_eq(reader.size, MUCH);
    for (unsigned i = 0; i < MUCH / 8; i++)
        ck_assert_uint_eq(strtoul(reader.bytes + (size_t)i * 8, NULL, 10), i);
    free(reader.bytes);
}

TEST(what_goes_is_written_at_once)
{
    struct kit_file file = kit_file();
    struct outlet *outlet = outlet_open(file.path);
    char *text;

    outlet_put(outlet, "now", 3);
    outlet_offer(outlet);
    text = kit_file_text(&file);
    ck_assert_str_eq(text, "now");
    ck_assert_int_eq(outlet_close(outlet, "", 0), 0);
}

TEST(a_long_text)
{
    struct kit_file file = kit_file();
    struct outlet *outlet = outlet_open(file.path);
    char *long_text = malloc(200000), *text;

    ck_assert_ptr_nonnull(long_text);
    memset(long_text, 'x', 199999);
    long_text[199999] = '\0';
    outlet_print(outlet, "%s", long_text);
    outlet_print(outlet, "%s", long_text + 199999 - 511); /* and on the edge */
    outlet_print(outlet, "%s", long_text + 199999 - 512);
    ck_assert_int_eq(outlet_close(outlet, "", 0), 0);
    text = kit_file_text(&file);
    ck_assert_uint_eq(strspn(text, "x"), 199999 + 511 + 512);
    ck_assert_uint_eq(strlen(text), 199999 + 511 + 512);
    free(long_text);
}

TEST(a_disk_that_is_full)
{
    struct outlet *outlet = outlet_open("/dev/full");

    outlet_put(outlet, "a", 1);
    outlet_offer(outlet);
    outlet_put(outlet, "b", 1); /* is dropped */
    ck_assert_int_eq(outlet_close(outlet, "", 0), -ENOSPC);
}

TEST(what_cannot_be_opened)
{
    errno = 0;
    ck_assert_ptr_null(outlet_open("/nonexistent/file"));
    ck_assert_int_eq(errno, ENOENT);
    errno = 0;
    ck_assert_ptr_null(view_csv_new("/nonexistent/file"));
    ck_assert_int_eq(errno, ENOENT);
    errno = 0;
    ck_assert_ptr_null(view_ndjson_new("/"));
    ck_assert_int_eq(errno, EISDIR);
    errno = 0;
    ck_assert_ptr_null(view_timeline_new("/nonexistent/file"));
    ck_assert_int_eq(errno, ENOENT);
}

/* --- a run by hand ------------------------------------------------------------------------- */

static const char *const reasons[] = {
    "", "refused: BUSY \"queue\" is full, come back", "connect: timed out", "\"", "",
};

static void begin(struct view *view, unsigned step, int64_t at_ns)
{
    struct progress progress = kit_progress(2, at_ns);

    progress.step = step;
    progress.steps = 2;
    view->ops->begin(view, &progress);
}

static void end(struct view *view, unsigned step, int64_t at_ns, const struct summary *summary)
{
    struct progress progress = kit_progress(2, at_ns);

    progress.step = step;
    progress.steps = 2;
    if (view->ops->end != NULL)
        view->ops->end(view, &progress, summary);
}

/* Two loads, of three and two sessions. */
static void run(struct view *view)
{
    struct session_record records[] = {
        kit_session(7, SESSION_OK, 1, 2.25, 3.5, 1004, reasons[0]),
        kit_session(3, SESSION_REFUSED, 1.000001, 2, 5, 5, reasons[1]),
        kit_session(1, SESSION_FAILED, 2, -1, -1, 2000, reasons[2]),
        kit_session(0, SESSION_FAILED, 2500, 2600, -1, 2700, reasons[3]),
        kit_session(1, SESSION_OK, 2500, 2600, -1, 2800, reasons[4]),
    };
    struct summary summary;

    ck_assert(summary_init(&summary));
    summary.requested = 5;
    records[0].connection = 12;
    records[0].finishing_ns = ORIGIN + 1000 * MS;
    records[0].echo_ns_max = 1234567;
    records[3].mismatched = true;
    records[4].idle = true;
    records[4].connection = UINT64_MAX >> 1;
    begin(view, 0, 0);
    for (size_t i = 0; i < 3; i++)
        view->ops->session(view, &records[i]);
    end(view, 0, 2000 * MS, &summary);
    begin(view, 1, 2400 * MS);
    for (size_t i = 3; i < 5; i++)
        view->ops->session(view, &records[i]);
    end(view, 1, 2800 * MS, &summary);
    summary_clear(&summary);
}

static bool close_view(struct view *view)
{
    struct summary total;
    bool written;

    ck_assert(summary_init(&total));
    total.requested = 5;
    written = view->ops->close(view, &total);
    summary_clear(&total);
    return written;
}

CASE("CSV")

#define TARGET "127.0.0.1:8090"

enum { FIELDS = 17 };

/* Read a field of the format of RFC 4180. @return what follows it and its comma or line end */
static const char *read_field(const char *text, char *field, size_t room)
{
    bool quoted = *text == '"';
    size_t size = 0;

    for (text += quoted; quoted || (*text != ',' && *text != '\r'); text++) {
        ck_assert_int_ne(*text, '\0');
        if (quoted && *text == '"' && *++text != '"')
            break;
        ck_assert(quoted || *text != '"');
        ck_assert_uint_lt(size + 1, room);
        field[size++] = *text;
    }
    field[size] = '\0';
    if (*text == ',')
        return text + 1;
    ck_assert_int_eq(strncmp(text, "\r\n", 2), 0);
    return text + 2;
}

static const char *read_row(const char *text, char fields[FIELDS][200])
{
    for (size_t i = 0; i < FIELDS; i++) {
        const char *next = read_field(text, fields[i], sizeof fields[i]);

        ck_assert_msg((next[-1] == '\n') == (i + 1 == FIELDS), "%zu fields", i + 1);
        text = next;
    }
    return text;
}

TEST(csv_has_all_of_a_session)
{
    static const char *const rows[][FIELDS] = {
        {"step", "session", "connection", "idle", "state", "arrived_us", "connected_us",
         "first_byte_us", "finishing_us", "ended_us", "sent", "verified", "bytes", "mismatched",
         "echo_max_us", "reason", "target"},
        {"0", "7", "12", "0", "ok", "1000.000", "2250.000", "3500.000", "1000000.000",
         "1004000.000", "10", "9", "640", "0", "1234.567", "", TARGET},
        {"0", "3", "0", "0", "refused", "1000.001", "2000.000", "5000.000", "", "5000.000", "10",
         "9", "640", "0", "", "refused: BUSY \"queue\" is full, come back", TARGET},
        {"0", "1", "0", "0", "failed", "2000.000", "", "", "", "2000000.000", "10", "9", "640", "0",
         "", "connect: timed out", TARGET},
        {"1", "0", "0", "0", "failed", "2500000.000", "2600000.000", "", "", "2700000.000", "10",
         "9", "640", "1", "", "\"", TARGET},
        {"1", "1", "9223372036854775807", "1", "ok", "2500000.000", "2600000.000", "", "",
         "2800000.000", "10", "9", "640", "0", "", "", TARGET},
    };
    struct kit_file file = kit_file();
    struct view *view = view_csv_new(file.path);
    const char *rest;
    char *text;

    run(view);
    ck_assert(close_view(view));
    text = kit_file_text(&file);
    rest = text;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char fields[FIELDS][200];

        rest = read_row(rest, fields);
        for (size_t j = 0; j < FIELDS; j++)
            ck_assert_msg(strcmp(fields[j], rows[i][j]) == 0, "row %zu: %s is \"%s\", not \"%s\"",
                          i, rows[0][j], fields[j], rows[i][j]);
    }
    ck_assert_str_eq(rest, "");
}

TEST(csv_on_standard_output)
{
    struct kit_file out = kit_catch(STDOUT_FILENO);
    struct view *view = view_csv_new("-");
    char *text;

    ck_assert(close_view(view));
    ck_assert_int_eq(write(STDOUT_FILENO, "!", 1), 1); /* it is still open */
    text = kit_file_text(&out);
    ck_assert_ptr_eq(strstr(text, "step,session,"), text);
    ck_assert_str_eq(text + strlen(text) - 9, "target\r\n!");
}

CASE("NDJSON")

/* The next line as JSON, and on to the one after it. */
static json_t *next_event(const char **text, const char *event)
{
    size_t size = strcspn(*text, "\n");
    json_error_t why;
    json_t *object = json_loadb(*text, size, JSON_REJECT_DUPLICATES, &why);

    ck_assert_msg(object != NULL, "no JSON: %s: %.*s", why.text, (int)size, *text);
    ck_assert_int_eq((*text)[size], '\n');
    ck_assert_str_eq(json_string_value(json_object_get(object, "event")), event);
    *text += size + 1;
    return object;
}

/* A number of an object, by "key" or "key.key". -1: it is null. */
static double number(const json_t *object, const char *key)
{
    const char *dot = strchr(key, '.');

    if (dot != NULL) {
        const char *first = suite_text("%.*s", (int)(dot - key), key);
        return number(json_object_get(object, first), dot + 1);
    }
    object = json_object_get(object, key);
    ck_assert_msg(json_is_number(object) || json_is_null(object), "no number: %s", key);
    return json_is_null(object) ? -1 : json_number_value(object);
}

/* Numbers of an object, then NULL: "key", number, ... */
static void expect_numbers(json_t *object, ...)
{
    va_list arguments;
    const char *key;

    va_start(arguments, object);
    while ((key = va_arg(arguments, const char *)) != NULL) {
        double expected = va_arg(arguments, double);
        double found = number(object, key);

        ck_assert_msg(found > expected - 1e-6 && found < expected + 1e-6, "%s is %f, not %f", key,
                      found, expected);
    }
    va_end(arguments);
}

static const char *word(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

TEST(ndjson_has_all_events)
{
    struct kit_file file = kit_file();
    struct view *view = view_ndjson_new(file.path);
    const char *rest;
    char *text;
    json_t *event;

    run(view);
    ck_assert(close_view(view));
    rest = text = kit_file_text(&file);
    event = next_event(&rest, "start");
    ck_assert_str_eq(word(event, "schema"), "echo-client/1");
    expect_numbers(event, "step", 0.0, "steps", 2.0, "sessions", 2.0, "at_us", 0.0, NULL);
    json_decref(event);

    event = next_event(&rest, "session");
    ck_assert_str_eq(word(event, "state"), "ok");
    ck_assert_str_eq(word(event, "reason"), "");
    ck_assert(json_is_false(json_object_get(event, "idle")));
    ck_assert(json_is_false(json_object_get(event, "mismatched")));
    expect_numbers(event, "step", 0.0, "session", 7.0, "connection", 12.0, "arrived_us", 1000.0,
                   "connected_us", 2250.0, "first_byte_us", 3500.0, "finishing_us", 1000000.0,
                   "ended_us", 1004000.0, "sent", 10.0, "verified", 9.0, "bytes", 640.0,
                   "echo_max_us", 1234.567, NULL);
    json_decref(event);

    event = next_event(&rest, "session");
    ck_assert_str_eq(word(event, "state"), "refused");
    ck_assert_str_eq(word(event, "reason"), reasons[1]);
    expect_numbers(event, "arrived_us", 1000.001, "finishing_us", -1.0, "echo_max_us", -1.0, NULL);
    json_decref(event);

    event = next_event(&rest, "session");
    expect_numbers(event, "session", 1.0, "connected_us", -1.0, "first_byte_us", -1.0, NULL);
    json_decref(event);

    event = next_event(&rest, "end");
    ck_assert_str_eq(word(event, "schema"), "echo-client/1");
    expect_numbers(event, "step", 0.0, "at_us", 2e6, "sessions.requested", 5.0, NULL);
    json_decref(event);

    event = next_event(&rest, "start");
    expect_numbers(event, "step", 1.0, "at_us", 2400000.0, NULL);
    json_decref(event);

    event = next_event(&rest, "session");
    ck_assert(json_is_true(json_object_get(event, "mismatched")));
    expect_numbers(event, "step", 1.0, "arrived_us", 2500000.0, NULL);
    json_decref(event);

    event = next_event(&rest, "session");
    ck_assert(json_is_true(json_object_get(event, "idle")));
    json_decref(event);

    json_decref(next_event(&rest, "end"));
    event = next_event(&rest, "total");
    expect_numbers(event, "sessions.requested", 5.0, "messages.verified", 0.0, NULL);
    json_decref(event);
    ck_assert_str_eq(rest, "");
}

static void record_many(struct histogram *histogram, int64_t ns, int times)
{
    for (int i = 0; i < times; i++)
        histogram_record(histogram, ns);
}

/* The events of this tick, which are there at once: one. */
static json_t *interval_of(const struct kit_file *file, struct view *view,
                           const struct progress *progress)
{
    char *before = kit_file_text(file), *text;
    const char *rest;
    json_t *event;

    view->ops->tick(view, progress);
    text = kit_file_text(file);
    rest = text + strlen(before);
    event = next_event(&rest, "interval");
    ck_assert_str_eq(rest, "");
    return event;
}

TEST(ndjson_has_an_event_each_second)
{
    struct kit_file file = kit_file();
    struct view *view = view_ndjson_new(file.path);
    struct histogram *echo = histogram_new();
    struct summary summary;
    json_t *event;

    ck_assert(summary_init(&summary));
    ck_assert_int_eq(view->period_ns, SECOND);
    for (unsigned step = 0; step < 2;
         step++) { /* what was in the first load is not in the second */
        struct progress progress = kit_progress(50, step * 60 * SECOND);

        progress.echo = echo;
        progress.step = step;
        view->ops->begin(view, &progress);

        record_many(echo, MS, 99);
        record_many(echo, 2 * MS, 1);
        progress.verified = 100;
        progress.now_ns += SECOND;
        progress.queued = 30;
        progress.served = 4;
        progress.over = 10;
        progress.beginning = 6;
        progress.failed = 2;
        progress.idle = 3;
        event = interval_of(&file, view, &progress);
        expect_numbers(event, "step", (double)step, "at_us", step * 60e6 + 1e6, "seconds", 1.0,
                       "messages", 100.0, "echoes_per_second", 100.0, "sessions.beginning", 6.0,
                       "sessions.queued", 30.0, "sessions.served", 4.0, "sessions.over", 10.0,
                       "sessions.failed", 2.0, "sessions.idle", 3.0, "echo_us.max", 2000.0, NULL);
        ck_assert(number(event, "echo_us.p50") >= 1000 && number(event, "echo_us.p50") < 1001);
        ck_assert(number(event, "echo_us.p99") >= 1000 && number(event, "echo_us.p99") < 1001);
        json_decref(event);

        progress.now_ns += SECOND; /* a second without a reply has no percentile */
        event = interval_of(&file, view, &progress);
        expect_numbers(event, "messages", 0.0, "echoes_per_second", 0.0, NULL);
        ck_assert(json_is_null(json_object_get(event, "echo_us")));
        json_decref(event);

        record_many(echo, 5 * MS, 10);
        progress.verified = 110;
        progress.now_ns += 2 * SECOND; /* the tick was late */
        event = interval_of(&file, view, &progress);
        expect_numbers(event, "seconds", 2.0, "messages", 10.0, "echoes_per_second", 5.0, NULL);
        ck_assert(number(event, "echo_us.p50") >= 5000 && number(event, "echo_us.p50") < 5005);
        json_decref(event);

        view->ops->end(view, &progress, &summary);
        histogram_clear(echo);
    }
    ck_assert(close_view(view));
    summary_clear(&summary);
    histogram_free(echo);
}

TEST(ndjson_of_any_bytes)
{
    struct kit_file file = kit_file();
    struct view *view = view_ndjson_new(file.path);
    struct session_record record =
        kit_session(0, SESSION_FAILED, 1, 2, 3, 4, "\"\\\n\x01\xff\xc3\xa4 a");
    const char *rest;
    char *text;
    json_t *event;

    begin(view, 0, 0);
    view->ops->session(view, &record);
    ck_assert(close_view(view));
    rest = text = kit_file_text(&file);
    json_decref(next_event(&rest, "start"));
    event = next_event(&rest, "session");
    ck_assert_str_eq(word(event, "target"), TARGET);
    ck_assert_str_eq(word(event, "reason"), "\"\\...\xc3\xa4 a");
    json_decref(event);
}

CASE("What all of them do")

static struct view *(*const openers[])(const char *path) = {view_csv_new, view_ndjson_new,
                                                            view_timeline_new};

LOOP_TEST(nothing_else_is_written, COUNT_OF(openers))
{
    struct kit_file file = kit_file();
    struct kit_file out = kit_catch(STDOUT_FILENO);
    struct kit_file err = kit_catch(STDERR_FILENO);
    struct view *view = openers[_i](file.path);
    char *text;

    run(view);
    ck_assert(close_view(view));
    text = kit_file_text(&out);
    ck_assert_str_eq(text, "");
    text = kit_file_text(&err);
    ck_assert_str_eq(text, "");
}

LOOP_TEST(a_full_disk_is_logged, COUNT_OF(openers))
{
    static const char *const logged[] = {
        "cannot write the sessions to /dev/full: No space left on device\n",
        "cannot write the events to /dev/full: No space left on device\n",
        "cannot write the timeline to /dev/full: No space left on device\n",
    };
    struct kit_file err = kit_catch(STDERR_FILENO);
    struct view *view = openers[_i]("/dev/full");
    char *text;

    run(view);
    ck_assert(!close_view(view));
    text = kit_file_text(&err);
    ck_assert_ptr_nonnull(strstr(text, logged[_i]));
    ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1); /* once */
}

LOOP_TEST(a_reader_that_leaves_is_not_logged, COUNT_OF(openers))
{
    struct kit_file err = kit_catch(STDERR_FILENO);
    struct view *view;
    int ends[2];
    char *text;

    signal(SIGPIPE, SIG_IGN); /* as in main() */
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(dup2(ends[1], STDOUT_FILENO), STDOUT_FILENO);
    view = openers[_i]("-");
    close(ends[0]);
    run(view);
    /* a program that watches may stop; a file would be a part that looks complete */
    ck_assert_int_eq(close_view(view), openers[_i] == view_ndjson_new);
    text = kit_file_text(&err);
    ck_assert_str_eq(text, "");
}
