/* SPDX-License-Identifier: MIT */
/* The summary as one JSON object. jansson's "o*" formats take references over, also on failure. */
#include "client/report.h"

#include <jansson.h>
#include <stdlib.h>

/** Nanoseconds as microseconds with the nanoseconds behind the point. */
static double us(int64_t ns)
{
    return (double)ns / 1000;
}

static json_t *times(const struct histogram *histogram)
{
    return json_pack(
        "{s:f, s:f, s:f, s:f, s:f}", "p50", us(histogram_percentile(histogram, 50)), "p90",
        us(histogram_percentile(histogram, 90)), "p99", us(histogram_percentile(histogram, 99)),
        "p999", us(histogram_percentile(histogram, 99.9)), "max", us(histogram_max(histogram)));
}

static json_t *errors(const struct summary *summary)
{
    json_t *object = json_object();

    for (unsigned i = 0; object != NULL && i < summary->error_kinds; i++) {
        const struct summary_error *error = &summary->errors[i];

        if (json_object_set_new(object, error->words, json_integer((json_int_t)error->count)) !=
            0) {
            json_decref(object);
            object = NULL;
        }
    }
    return object;
}

bool report_json(FILE *file, const struct summary *summary)
{
    const struct measure *measure = &summary->measure;
    json_t *object = json_pack(
        "{s:s, s:{s:i, s:i, s:i, s:i}, s:{s:I, s:I, s:I}, s:I, s:f, s:f, s:{s:o, s:o, s:o, s:o}, "
        "s:o}",
        "schema", "echo-client/1", "sessions", "requested", (int)summary->requested, "ok",
        (int)summary->ok, "failed", (int)summary->failed, "refused", (int)summary->refused,
        "messages", "sent", (json_int_t)summary->sent, "verified", (json_int_t)summary->verified,
        "mismatched", (json_int_t)summary->mismatched, "bytes", (json_int_t)summary->bytes,
        "seconds", summary->seconds, "echoes_per_second", summary_rate(summary), "latency_us",
        "connect", times(measure->connect), "queue_wait", times(measure->queue_wait), "handshake",
        times(measure->handshake), "echo", times(measure->echo), "errors", errors(summary));
    char *text = object != NULL ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(12)) : NULL;

    json_decref(object);
    if (text == NULL)
        return false;
    fprintf(file, "%s\n", text);
    free(text);
    return true;
}
