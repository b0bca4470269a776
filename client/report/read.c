/* SPDX-License-Identifier: MIT */
/*
 * Reading a report back.
 *
 * The file may have been edited, so all values that are used are checked: a number that is missing or
 * negative, sessions that do not add up and an impossible histogram are rejected with a sentence.
 * Unknown keys are ignored: they are of a later version.
 */
#include "client/report/read.h"

#include "common/clock.h"
#include "common/printable.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Until the year 2096; the nanoseconds of two such times still add up within 64 bits. */
#define SECONDS_MAX 4e9

/* More than any run has of anything, and little enough that thousands of runs add up within 64 bits. */
#define COUNT_MAX 1000000000000000
#define BYTES_MAX 10000000000000000 /* 10 GB a second for eleven days */
#define RATE_MAX  1e12

/* A merged report may have those of many runs. */
enum { TARGETS_READ_MAX = 1024 };

/** Why reading failed: the first thing that was wrong. */
struct reader {
    char *why;
    bool failed;
};

__attribute__((format(printf, 2, 3))) static void fail(struct reader *reader, const char *format,
                                                       ...)
{
    va_list arguments;

    if (reader->failed)
        return;
    va_start(arguments, format);
    vsnprintf(reader->why, REPORT_WHY, format, arguments);
    va_end(arguments);
    reader->failed = true;
}

static json_t *member(struct reader *reader, json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);

    if (value == NULL)
        fail(reader, "it has no \"%s\"", key);
    return value;
}

/** Read a whole number that is not negative. */
static uint64_t count_up_to(struct reader *reader, json_t *object, const char *key, json_int_t most)
{
    json_t *value = member(reader, object, key);

    if (!json_is_integer(value) || json_integer_value(value) < 0)
        fail(reader, "its \"%s\" is not a count", key);
    else if (json_integer_value(value) > most)
        fail(reader, "its \"%s\" is too large", key);
    return (uint64_t)json_integer_value(value);
}

static uint64_t count(struct reader *reader, json_t *object, const char *key)
{
    return count_up_to(reader, object, key, COUNT_MAX);
}

/** Read one that summaries of an earlier version do not have; 0 then. */
static uint64_t later_count(struct reader *reader, json_t *object, const char *key)
{
    return json_object_get(object, key) != NULL ? count(reader, object, key) : 0;
}

/** Read one that fits an int. */
static unsigned small(struct reader *reader, json_t *object, const char *key)
{
    uint64_t value = count(reader, object, key);

    if (value > INT_MAX)
        fail(reader, "its \"%s\" is too large", key);
    return (unsigned)value;
}

static double number(struct reader *reader, json_t *object, const char *key)
{
    json_t *value = member(reader, object, key);
    double result = json_number_value(value);

    if (!json_is_number(value) || result < 0) {
        fail(reader, "its \"%s\" is not a number, or is negative", key);
        return 0;
    }
    return result;
}

/** Read a rate, or a share of something. */
static double rate(struct reader *reader, json_t *object, const char *key)
{
    double result = number(reader, object, key);

    if (result > RATE_MAX)
        fail(reader, "its \"%s\" is too large", key);
    return result;
}

static double seconds(struct reader *reader, json_t *object, const char *key)
{
    double result = number(reader, object, key);

    if (result > SECONDS_MAX) {
        fail(reader, "its \"%s\" is not a time", key);
        return 0;
    }
    return result;
}

static bool truth(struct reader *reader, json_t *object, const char *key)
{
    json_t *value = member(reader, object, key);

    if (!json_is_boolean(value))
        fail(reader, "its \"%s\" is neither true nor false", key);
    return json_is_true(value);
}

/** Convert in two parts: a double has too few digits for all nanoseconds since 1970. */
static int64_t nanoseconds(double seconds_since)
{
    double whole = floor(seconds_since);

    return (int64_t)whole * SECOND_NS + (int64_t)llround((seconds_since - whole) * 1e9);
}

/** Read what was left out of times and rates. Summaries of an earlier version have none of it. */
static void read_warm_up(struct reader *reader, json_t *run, struct summary *summary)
{
    json_t *warm_up = json_object_get(run, "warm_up");

    if (warm_up == NULL)
        return;
    summary->warm_up_seconds = seconds(reader, warm_up, "seconds");
    summary->warm_sent = count(reader, warm_up, "sent");
    summary->warm_verified = count(reader, warm_up, "verified");
    if (summary->warm_sent > summary->sent || summary->warm_verified > summary->verified)
        fail(reader, "its \"warm_up\" has more messages than the run");
}

/** Read what a run and a target of it have alike. */
static void read_counts(struct reader *reader, json_t *run, struct summary *summary)
{
    json_t *sessions = member(reader, run, "sessions");
    json_t *messages = member(reader, run, "messages");
    json_t *idle = member(reader, run, "idle");
    json_t *load = member(reader, run, "load");

    summary->requested = count(reader, sessions, "requested");
    summary->ok = count(reader, sessions, "ok");
    summary->failed = count(reader, sessions, "failed");
    summary->refused = count(reader, sessions, "refused");
    summary->closed = later_count(reader, sessions, "closed");
    summary->reconnected = later_count(reader, sessions, "reconnected");
    if (summary->ok + summary->failed + summary->refused + summary->closed != summary->requested ||
        summary->reconnected > summary->closed)
        fail(reader, "its sessions do not add up");
    summary->sent = count(reader, messages, "sent");
    summary->verified = count(reader, messages, "verified");
    summary->mismatched = count(reader, messages, "mismatched");
    if (summary->verified > summary->sent)
        fail(reader, "it has more messages verified than sent");
    summary->resent = later_count(reader, messages, "resent");
    summary->bytes = count_up_to(reader, run, "bytes", BYTES_MAX);
    summary->idle_requested = count(reader, idle, "requested");
    summary->idle_connected = count(reader, idle, "connected");
    summary->idle_ended = count(reader, idle, "ended");
    summary->rate = rate(reader, load, "rate");
    summary->depth = small(reader, load, "depth");
    read_warm_up(reader, run, summary);
}

/** Read the settings of the run, and when it took place. */
static void read_settings(struct reader *reader, json_t *run, struct summary *summary)
{
    json_t *generator = member(reader, run, "generator");

    summary->concurrency = small(reader, run, "concurrency");
    summary->seconds = seconds(reader, run, "seconds");
    summary->started_wall_ns = nanoseconds(seconds(reader, run, "started"));
    summary->ended_wall_ns = nanoseconds(seconds(reader, run, "ended"));
    summary->interrupted = (int)small(reader, run, "interrupted");
    summary->generator.threads = small(reader, generator, "threads");
    summary->generator.cpu = rate(reader, generator, "cpu");
    summary->generator.busy = truth(reader, generator, "busy");
    summary->generator.late = truth(reader, generator, "late");
    summary->generator.periods = later_count(reader, generator, "periods");
    summary->generator.throttled = later_count(reader, generator, "throttled");
    if (summary->interrupted > 127)
        fail(reader, "its \"interrupted\" is not a signal");
}

static void read_errors(struct reader *reader, json_t *run, struct summary *summary)
{
    json_t *list = member(reader, run, "errors");

    if (!json_is_object(list))
        fail(reader, "its \"errors\" are not an object");
    for (void *at = json_object_iter(list); at != NULL; at = json_object_iter_next(list, at)) {
        const char *words = json_object_iter_key(at);

        summary_add_errors(summary, words, count(reader, list, words));
    }
}

static void read_histogram(struct reader *reader, json_t *object, const char *name,
                           struct histogram *histogram)
{
    json_t *counts = member(reader, object, "counts");
    struct histogram_exact exact = {
        .min = (int64_t)count(reader, object, "min_ns"),
        .max = (int64_t)count(reader, object, "max_ns"),
        .sum_billions = count(reader, object, "sum_s"),
        .sum_rest = small(reader, object, "sum_ns"),
    };

    for (size_t i = 0; i < json_array_size(counts); i++) {
        json_t *pair = json_array_get(counts, i);
        json_int_t value = json_integer_value(json_array_get(pair, 0));
        json_int_t times = json_integer_value(json_array_get(pair, 1));

        if (json_array_size(pair) != 2 || value < 0 || times <= 0 || times > COUNT_MAX) {
            fail(reader, "its histogram of \"%s\" is not a list of values and counts", name);
            return;
        }
        histogram_record_many(histogram, value, (uint64_t)times);
    }
    if (!histogram_restore(histogram, &exact))
        fail(reader, "its histogram of \"%s\" contradicts itself", name);
}

static void read_histograms(struct reader *reader, json_t *run, struct summary *summary)
{
    json_t *list = member(reader, run, "histograms");

    if (!json_is_object(list))
        fail(reader, "its \"histograms\" are not an object");
    for (unsigned phase = 0; phase < MEASURE_PHASES; phase++) {
        json_t *object = json_object_get(list, measure_names[phase]);

        if (object != NULL)
            read_histogram(reader, object, measure_names[phase], summary->measure.times[phase]);
    }
}

/** Read the least of some lower bounds. */
static int64_t read_bound(struct reader *reader, json_t *run, const char *key)
{
    double us = number(reader, member(reader, run, "latency_us"), key);

    if (us <= SECONDS_MAX * 1e6)
        return (int64_t)(us * 1000);
    fail(reader, "its \"%s\" is not a time", key);
    return 0;
}

/** Read what is only known with a bound. Summaries of an earlier version have none of it. */
static void read_bounds(struct reader *reader, json_t *run, struct measure *measure)
{
    measure->unanswered = later_count(reader, member(reader, run, "messages"), "unanswered");
    if (measure->unanswered > histogram_count(measure->times[MEASURE_ECHO]))
        fail(reader, "its \"unanswered\" are more than its echoes");
    if (measure->unanswered > 0)
        measure->unanswered_ns_min = read_bound(reader, run, "unanswered_min");
    measure->unserved = later_count(reader, member(reader, run, "sessions"), "unserved");
    if (measure->unserved > histogram_count(measure->times[MEASURE_QUEUE_WAIT]))
        fail(reader, "its \"unserved\" are more than its waits");
    if (measure->unserved > 0)
        measure->unserved_ns_min = read_bound(reader, run, "unserved_min");
}

/** Read the share of one target. The histograms of the only one are those of the run. */
static void read_target(struct reader *reader, json_t *run, json_t *object, struct summary *summary)
{
    const char *name = json_string_value(member(reader, object, "name"));
    char shown[SUMMARY_TARGET];
    struct summary *target;

    if (name == NULL || strlen(name) >= SUMMARY_TARGET) {
        fail(reader, "it has a target without a name, or with one that is too long");
        return;
    }
    printable_text(shown, sizeof shown, name, strlen(name), '.');
    for (unsigned i = 0; i < summary->target_count; i++)
        if (strcmp(summary->targets[i]->target, shown) == 0)
            fail(reader, "it has the target %.60s twice", shown);
    target = reader->failed ? NULL : summary_add_target(summary, shown);
    if (target == NULL) {
        fail(reader, "there is not enough memory");
        return;
    }
    target->seconds = summary->seconds;
    read_counts(reader, object, target);
    read_errors(reader, object, target);
    read_histograms(reader, json_object_get(object, "histograms") != NULL ? object : run, target);
    read_bounds(reader, object, &target->measure);
}

/** Read what each target has done. Summaries of an earlier version have none of it. */
static void read_targets(struct reader *reader, json_t *run, struct summary *summary)
{
    json_t *list = json_object_get(run, "targets");

    if ((list != NULL && !json_is_array(list)) || json_array_size(list) > TARGETS_READ_MAX)
        fail(reader, "its \"targets\" are not a list, or are too many");
    for (size_t i = 0; i < json_array_size(list) && !reader->failed; i++)
        read_target(reader, run, json_array_get(list, i), summary);
}

/** Read how the clock of the machine was. Most runs have not compared it. */
static void read_clock(struct reader *reader, json_t *run, struct summary_clock *clock)
{
    json_t *object = json_object_get(run, "clock");
    const char *of = json_string_value(json_object_get(object, "of"));
    json_t *ahead = json_object_get(object, "ahead_seconds");

    if (object == NULL)
        return;
    if (of == NULL || *of == '\0' || strlen(of) >= sizeof clock->of || !json_is_number(ahead) ||
        fabs(json_number_value(ahead)) > SECONDS_MAX) {
        fail(reader, "its \"clock\" is not a comparison with another");
        return;
    }
    printable_text(clock->of, sizeof clock->of, of, strlen(of), '.');
    clock->ahead_ns = llround(json_number_value(ahead) * 1e9);
    clock->within_ns = llround(seconds(reader, object, "within_seconds") * 1e9);
}

static void add_span(struct reader *reader, json_t *run, struct spans *spans, size_t first)
{
    struct span span = {
        .from_ns = nanoseconds(seconds(reader, run, "started")),
        .concurrency = small(reader, run, "concurrency"),
    };

    span.to_ns = span.from_ns + nanoseconds(seconds(reader, run, "seconds"));
    /* A step begins after the one before; rounding to ten microseconds may say otherwise. */
    if (spans->count > first && span.from_ns < spans->span[spans->count - 1].to_ns)
        span.from_ns = spans->span[spans->count - 1].to_ns;
    if (!spans_add(spans, span))
        fail(reader, "there is not enough memory");
}

/** Read when the run took place. The time between its steps does not count. */
static void read_spans(struct reader *reader, json_t *run, struct spans *spans)
{
    json_t *steps = member(reader, run, "steps");
    size_t first = spans->count;

    if (json_array_size(steps) == 0)
        add_span(reader, run, spans, first);
    for (size_t i = 0; i < json_array_size(steps); i++)
        add_span(reader, json_array_get(steps, i), spans, first);
}

/** Load the JSON of a file. @return NULL on failure, see reader */
static json_t *load(struct reader *reader, const char *path)
{
    bool standard = strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "r");
    json_error_t error;
    json_t *json;

    if (file == NULL) {
        fail(reader, "%s", strerror(errno));
        return NULL;
    }
    json = json_loadf(file, JSON_REJECT_DUPLICATES, &error);
    if (ferror(file))
        fail(reader, "%s", strerror(errno));
    else if (json == NULL)
        fail(reader, "it is not JSON: %s", error.text);
    if (!standard)
        fclose(file);
    return json;
}

static void read_run(struct reader *reader, json_t *run, struct summary *summary,
                     struct spans *spans)
{
    const char *schema = json_string_value(json_object_get(run, "schema"));

    if (schema == NULL)
        fail(reader, "it is not a summary of echo-client: it has no \"schema\"");
    else if (strcmp(schema, "echo-client/1") != 0)
        fail(reader, "its schema is \"%.40s\" and not \"echo-client/1\"", schema);
    else {
        read_counts(reader, run, summary);
        read_settings(reader, run, summary);
        read_errors(reader, run, summary);
        read_histograms(reader, run, summary);
        read_bounds(reader, run, &summary->measure);
        read_targets(reader, run, summary);
        read_clock(reader, run, &summary->clock);
        read_spans(reader, run, spans);
    }
}

bool report_read(const char *path, struct summary *summary, struct spans *spans,
                 struct summary_clock *clock, char why[static REPORT_WHY])
{
    struct reader reader = {.why = why};
    size_t spans_before = spans->count;
    struct summary run;
    json_t *json;

    if (!summary_init(&run)) {
        fail(&reader, "there is not enough memory");
        return false;
    }
    json = load(&reader, path);
    if (!reader.failed)
        read_run(&reader, json, &run, spans);
    if (!reader.failed && !summary_merge(summary, &run))
        fail(&reader, "there is not enough memory");
    if (reader.failed)
        spans->count = spans_before;
    else if (clock != NULL)
        *clock = run.clock;
    json_decref(json);
    summary_clear(&run);
    return !reader.failed;
}
