/* SPDX-License-Identifier: MIT */
/*
 * The summary as one JSON object. jansson's "o" formats take references over, also on failure, and
 * fail where one is NULL: so what one function could not make is not made by the next.
 */
#include "client/report/report.h"

#include <jansson.h>
#include <stdlib.h>

/* 15 digits are what every double has: 0.1 stays 0.1, and a time of day has ten microseconds. */
#define DIGITS 15

/** Nanoseconds as microseconds with the nanoseconds behind the point. */
static double us(int64_t ns)
{
    return (double)ns / 1000;
}

static double seconds(int64_t ns)
{
    return (double)ns / 1e9;
}

/** Put a value into an object, which is released where that fails. @return the object, or NULL */
static json_t *put(json_t *object, const char *key, json_t *value)
{
    if (object == NULL) {
        json_decref(value);
        return NULL;
    }
    if (json_object_set_new(object, key, value) != 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static json_t *times(const struct histogram *histogram)
{
    return json_pack(
        "{s:f, s:f, s:f, s:f, s:f, s:f, s:I}", "p50", us(histogram_percentile(histogram, 50)),
        "p90", us(histogram_percentile(histogram, 90)), "p99",
        us(histogram_percentile(histogram, 99)), "p999", us(histogram_percentile(histogram, 99.9)),
        "max", us(histogram_max(histogram)), "mean", histogram_mean(histogram) / 1000, "count",
        (json_int_t)histogram_count(histogram));
}

static json_t *latency(const struct summary *summary)
{
    json_t *object = json_object();

    for (unsigned phase = 0; phase < MEASURE_PHASES; phase++) {
        bool scheduled = phase == MEASURE_ECHO_RAW || phase == MEASURE_LAG;

        if (!scheduled || summary->rate > 0)
            object = put(object, measure_names[phase], times(summary->measure.times[phase]));
    }
    return object;
}

static json_t *errors(const struct summary *summary)
{
    json_t *object = json_object();

    for (unsigned i = 0; i < summary->error_kinds; i++)
        object = put(object, summary->errors[i].words,
                     json_integer((json_int_t)summary->errors[i].count));
    return object;
}

/** What is known of a run but its histograms. */
static json_t *run(const struct summary *summary)
{
    const struct summary_generator *generator = &summary->generator;

    return json_pack(
        "{s:{s:I, s:I, s:I, s:I}, s:{s:I, s:I, s:I}, s:I, s:f, s:f, s:o, s:o, s:f, s:f, s:i, "
        "s:{s:s, s:f, s:i}, s:i, s:{s:I, s:I, s:I}, s:{s:i, s:f, s:b, s:b}}",
        "sessions", "requested", (json_int_t)summary->requested, "ok", (json_int_t)summary->ok,
        "failed", (json_int_t)summary->failed, "refused", (json_int_t)summary->refused, "messages",
        "sent", (json_int_t)summary->sent, "verified", (json_int_t)summary->verified, "mismatched",
        (json_int_t)summary->mismatched, "bytes", (json_int_t)summary->bytes, "seconds",
        summary->seconds, "echoes_per_second", summary_rate(summary), "latency_us",
        latency(summary), "errors", errors(summary), "started", seconds(summary->started_wall_ns),
        "ended", seconds(summary->ended_wall_ns), "interrupted", summary->interrupted, "load",
        "kind", summary->rate > 0 ? "open" : "closed", "rate", summary->rate, "depth",
        (int)summary->depth, "concurrency", (int)summary->concurrency, "idle", "requested",
        (json_int_t)summary->idle_requested, "connected", (json_int_t)summary->idle_connected,
        "ended", (json_int_t)summary->idle_ended, "generator", "threads", (int)generator->threads,
        "cpu", generator->cpu, "busy", generator->busy, "late", generator->late);
}

static json_t *steps(const struct report *report)
{
    json_t *array = json_array();

    for (unsigned i = 0; array != NULL && report->steps != NULL && i < report->step_count; i++)
        if (json_array_append_new(array, run(&report->steps[i])) != 0) {
            json_decref(array);
            array = NULL;
        }
    return array;
}

/** All that there is in a histogram: its buckets, and what they do not say. */
static json_t *whole(const struct histogram *histogram)
{
    struct histogram_exact exact = histogram_exact(histogram);
    struct histogram_bucket bucket = {0};
    json_t *counts = json_array();

    while (counts != NULL && histogram_walk(histogram, &bucket))
        if (json_array_append_new(counts, json_pack("[I, I]", (json_int_t)bucket.high,
                                                    (json_int_t)bucket.count)) != 0) {
            json_decref(counts);
            counts = NULL;
        }
    return json_pack("{s:I, s:I, s:I, s:I, s:o}", "min_ns", (json_int_t)exact.min, "max_ns",
                     (json_int_t)exact.max, "sum_s", (json_int_t)exact.sum_billions, "sum_ns",
                     (json_int_t)exact.sum_rest, "counts", counts);
}

static json_t *histograms(const struct measure *measure)
{
    json_t *object = json_object();

    for (unsigned phase = 0; phase < MEASURE_PHASES; phase++)
        if (histogram_count(measure->times[phase]) > 0)
            object = put(object, measure_names[phase], whole(measure->times[phase]));
    return object;
}

bool report_json(FILE *file, const struct report *report)
{
    json_t *object = json_pack("{s:s}", "schema", "echo-client/1");
    json_t *all = run(report->total);
    char *text;

    if (object != NULL && (all == NULL || json_object_update(object, all) != 0)) {
        json_decref(object);
        object = NULL;
    }
    json_decref(all);
    if (report->runs != NULL)
        object = put(object, "runs",
                     json_pack("{s:i, s:f}", "count", (int)report->runs->count, "together_seconds",
                               report->runs->together_seconds));
    object = put(object, "steps", steps(report));
    object = put(object, "histograms", histograms(&report->total->measure));
    text = object != NULL ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(DIGITS)) : NULL;
    json_decref(object);
    if (text == NULL)
        return false;
    fprintf(file, "%s\n", text);
    free(text);
    return true;
}
