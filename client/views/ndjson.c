/* SPDX-License-Identifier: MIT */
/*
 * --ndjson: a JSON object per line, as things happen, for programs that look on through a pipe.
 *
 * The events, whose members echo-client(1) lists: "start" as a load begins, "interval" each second,
 * "session" for one that is over, "end" after a load, and "total" at the close. The last two are
 * the object of --json with "event" before it. Times of sessions are counted from where the run
 * began, as in --csv.
 *
 * jansson's "o" formats take a reference over, also on failure.
 */
#include "client/views/view.h"

#include "client/report/report.h"
#include "client/views/figures.h"
#include "client/views/outlet.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#define PERIOD_NS INT64_C(1000000000)

struct ndjson {
    struct view view;
    struct outlet *outlet;
    bool begun;
    bool lost; /* an event, for want of memory */
    int64_t origin_ns;
    unsigned step;
    struct window window;
};

/** Write one event and give up the reference to it. NULL: it could not be made. */
static void put_event(struct ndjson *ndjson, json_t *event)
{
    char *text = event != NULL ? json_dumps(event, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;

    if (text == NULL)
        ndjson->lost = true;
    else
        outlet_print(ndjson->outlet, "%s\n", text);
    free(text);
    json_decref(event);
}

static json_t *us(int64_t ns)
{
    return json_real((double)ns / 1000);
}

/** When something was, in microseconds from where the run began; null: it did not come so far. */
static json_t *when(const struct ndjson *ndjson, int64_t ns)
{
    return ns != 0 ? us(ns - ndjson->origin_ns) : json_null();
}

static json_int_t count(uint64_t number)
{
    return (json_int_t)number;
}

/** What was measured, without digits that mean nothing. */
static double rounded(double value, double to)
{
    return round(value / to) * to;
}

static void begin(struct view *view, const struct progress *progress)
{
    struct ndjson *ndjson = (struct ndjson *)view;

    if (!ndjson->begun)
        ndjson->origin_ns = progress->now_ns;
    ndjson->begun = true;
    ndjson->step = progress->step;
    window_begin(&ndjson->window, progress, true);
    put_event(ndjson, json_pack("{s:s, s:s, s:I, s:I, s:I, s:o, s:f, s:f, s:I}", "event", "start",
                                "schema", "echo-client/1", "step", count(progress->step), "steps",
                                count(progress->steps), "sessions", count(progress->sessions),
                                "at_us", when(ndjson, progress->now_ns), "duration",
                                (double)progress->duration_ns / 1e9, "rate", progress->rate,
                                "messages_expected", count(progress->expected)));
    outlet_offer(ndjson->outlet);
}

/** null where nothing was timed: a second without a reply has no percentile, least of all 0. */
static json_t *times(const struct interval *interval)
{
    if (!interval->timed)
        return json_null();
    return json_pack("{s:o, s:o, s:o}", "p50", us(interval->p50_ns), "p99", us(interval->p99_ns),
                     "max", us(interval->max_ns));
}

static json_t *places(const struct progress *progress)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "beginning", count(progress->beginning),
                     "queued", count(progress->queued), "served", count(progress->served), "over",
                     count(progress->over), "failed", count(progress->failed), "idle",
                     count(progress->idle));
}

static void tick(struct view *view, const struct progress *progress)
{
    struct ndjson *ndjson = (struct ndjson *)view;
    struct interval interval = window_end(&ndjson->window, progress);

    put_event(ndjson,
              json_pack("{s:s, s:I, s:o, s:f, s:I, s:f, s:o, s:o}", "event", "interval", "step",
                        count(progress->step), "at_us", when(ndjson, progress->now_ns), "seconds",
                        rounded(interval.seconds, 1e-6), "messages", count(interval.messages),
                        "echoes_per_second", rounded(interval.rate, 0.1), "echo_us",
                        times(&interval), "sessions", places(progress)));
    outlet_offer(ndjson->outlet);
}

static void session(struct view *view, const struct session_record *record)
{
    struct ndjson *ndjson = (struct ndjson *)view;
    char reason[SESSION_REASON];

    put_event(ndjson,
              json_pack("{s:s, s:I, s:I, s:I, s:b, s:s, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I, "
                        "s:b, s:o, s:s}",
                        "event", "session", "step", count(ndjson->step), "session",
                        count(record->session), "connection", count(record->connection), "idle",
                        record->idle ? 1 : 0, "state", session_state_word(record->state),
                        "arrived_us", when(ndjson, record->begun_ns), "connected_us",
                        when(ndjson, record->connected_ns), "first_byte_us",
                        when(ndjson, record->first_byte_ns), "finishing_us",
                        when(ndjson, record->finishing_ns), "ended_us",
                        when(ndjson, record->ended_ns), "sent", count(record->sent), "verified",
                        count(record->verified), "bytes", count(record->bytes), "mismatched",
                        record->mismatched ? 1 : 0, "echo_max_us",
                        record->echo_ns_max != 0 ? us(record->echo_ns_max) : json_null(), "reason",
                        figures_clean(reason, record->reason)));
}

/** The object of --json, as an event. Takes the event over, which has its first members. */
static void put_summary(struct ndjson *ndjson, json_t *event, const struct summary *summary)
{
    struct report report = {.total = summary};
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    json_t *object = NULL;
    bool written = false;

    if (file != NULL) {
        written = report_json(file, &report);
        written = fclose(file) == 0 && written;
    }
    if (written)
        object = json_loads(text, 0, NULL);
    if (object == NULL || json_object_update(event, object) != 0) {
        json_decref(event);
        event = NULL;
    }
    put_event(ndjson, event);
    json_decref(object);
    free(text);
}

static void end(struct view *view, const struct progress *progress, const struct summary *summary)
{
    struct ndjson *ndjson = (struct ndjson *)view;

    window_clear(&ndjson->window);
    put_summary(ndjson,
                json_pack("{s:s, s:I, s:o}", "event", "end", "step", count(progress->step), "at_us",
                          when(ndjson, progress->now_ns)),
                summary);
    outlet_offer(ndjson->outlet);
}

/** A reader that has gone away is no failure: it has seen what it wanted to see. */
static bool close_ndjson(struct view *view, const struct summary *total)
{
    struct ndjson *ndjson = (struct ndjson *)view;
    int code;

    put_summary(ndjson, json_pack("{s:s}", "event", "total"), total);
    code = outlet_finish(ndjson->outlet, "the events", ndjson->lost ? -ENOMEM : 0);
    window_clear(&ndjson->window);
    free(ndjson);
    return code == 0 || code == -EPIPE;
}

struct view *view_ndjson_new(const char *path)
{
    static const struct view_ops ops = {
        .begin = begin, .tick = tick, .session = session, .end = end, .close = close_ndjson};
    struct ndjson *ndjson = calloc(1, sizeof *ndjson);

    if (ndjson == NULL)
        return NULL;
    ndjson->view = (struct view){.ops = &ops, .period_ns = PERIOD_NS};
    ndjson->outlet = outlet_open(path);
    if (ndjson->outlet == NULL) {
        free(ndjson); /* which leaves errno alone */
        return NULL;
    }
    return &ndjson->view;
}
