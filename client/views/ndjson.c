/* SPDX-License-Identifier: MIT */
/*
 * --ndjson: a JSON object per line for each event when it happens, for programs at the other end of a
 * pipe.
 *
 * The events, whose keys echo-client(1) lists: "start" when a load begins, "interval" each second,
 * "session" for each that has ended, "end" after a load, and "total" at the end of the run. The last
 * two are the object of --json with "event" before it. Times of sessions count from the begin of the
 * run, as in --csv.
 */
#include "client/views/view.h"

#include "client/report/json.h"
#include "client/report/object.h"
#include "client/views/figures.h"
#include "client/views/outlet.h"
#include "common/clock.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

struct ndjson {
    struct view view;
    struct outlet *outlet;
    bool begun;
    bool lost; /* an event or its times were, for want of memory */
    int64_t origin_ns;
    unsigned step;
    struct window window;
};

/** @return the beginning of an event */
static json_t *new_event(const char *name)
{
    json_t *object = json_object();

    object_text(&object, "event", name);
    return object;
}

/** Write an event and release it. NULL: it could not be made. */
static void put_event(struct ndjson *ndjson, json_t *event)
{
    char *line = object_line(event);

    if (line == NULL)
        ndjson->lost = true;
    else
        outlet_print(ndjson->outlet, "%s\n", line);
    free(line);
}

/** Put a time in microseconds from the begin of the run; null: the session did not come so far. */
static void put_time(const struct ndjson *ndjson, json_t **object, const char *key, int64_t ns)
{
    if (ns != 0)
        object_us(object, key, ns - ndjson->origin_ns);
    else
        object_put(object, key, json_null());
}

/** Round what was measured, to leave out digits that mean nothing. */
static double rounded(double value, double to)
{
    return round(value / to) * to;
}

static void begin(struct view *view, const struct progress *progress)
{
    struct ndjson *ndjson = (struct ndjson *)view;
    json_t *start = new_event("start");

    if (!ndjson->begun)
        ndjson->origin_ns = progress->now_ns;
    ndjson->begun = true;
    ndjson->step = progress->step;
    window_begin(&ndjson->window, progress, true);
    object_text(&start, "schema", "echo-client/1");
    object_count(&start, "step", progress->step);
    object_count(&start, "steps", progress->steps);
    object_count(&start, "sessions", progress->sessions);
    put_time(ndjson, &start, "at_us", progress->now_ns);
    object_real(&start, "duration", (double)progress->duration_ns / 1e9);
    object_real(&start, "rate", progress->rate);
    object_count(&start, "messages_expected", progress->expected);
    put_event(ndjson, start);
    outlet_offer(ndjson->outlet);
}

/** @return null if nothing was timed: a second without a reply has no percentile, least of all 0 */
static json_t *times(const struct interval *interval)
{
    json_t *object = json_object();

    if (!interval->timed) {
        json_decref(object);
        return json_null();
    }
    object_us(&object, "p50", interval->p50_ns);
    object_us(&object, "p99", interval->p99_ns);
    object_us(&object, "max", interval->max_ns);
    return object;
}

static json_t *places(const struct progress *progress)
{
    json_t *object = json_object();

    object_count(&object, "beginning", progress->beginning);
    object_count(&object, "queued", progress->queued);
    object_count(&object, "served", progress->served);
    object_count(&object, "over", progress->over);
    object_count(&object, "failed", progress->failed);
    object_count(&object, "idle", progress->idle);
    return object;
}

static void tick(struct view *view, const struct progress *progress)
{
    struct ndjson *ndjson = (struct ndjson *)view;
    struct interval interval = window_end(&ndjson->window, progress);
    json_t *object = new_event("interval");

    ndjson->lost = ndjson->lost || interval.lost;
    object_count(&object, "step", progress->step);
    put_time(ndjson, &object, "at_us", progress->now_ns);
    object_real(&object, "seconds", rounded(interval.seconds, 1e-6));
    object_count(&object, "messages", interval.messages);
    object_real(&object, "echoes_per_second", rounded(interval.rate, 0.1));
    object_put(&object, "echo_us", times(&interval));
    object_put(&object, "sessions", places(progress));
    put_event(ndjson, object);
    outlet_offer(ndjson->outlet);
}

static void session(struct view *view, const struct session_record *record)
{
    struct ndjson *ndjson = (struct ndjson *)view;
    char reason[SESSION_REASON];
    json_t *object = new_event("session");

    object_count(&object, "step", ndjson->step);
    object_count(&object, "session", record->session);
    object_count(&object, "connection", record->connection);
    object_flag(&object, "idle", record->idle);
    object_text(&object, "state", session_state_word(record->state));
    put_time(ndjson, &object, "arrived_us", record->begun_ns);
    put_time(ndjson, &object, "connected_us", record->connected_ns);
    put_time(ndjson, &object, "first_byte_us", record->first_byte_ns);
    put_time(ndjson, &object, "finishing_us", record->finishing_ns);
    put_time(ndjson, &object, "ended_us", record->ended_ns);
    object_count(&object, "sent", record->sent);
    object_count(&object, "verified", record->verified);
    object_count(&object, "bytes", record->bytes);
    object_flag(&object, "mismatched", record->mismatched);
    if (record->echo_ns_max != 0)
        object_us(&object, "echo_max_us", record->echo_ns_max);
    else
        object_put(&object, "echo_max_us", json_null());
    object_text(&object, "reason", figures_clean(reason, record->reason));
    object_text(&object, "target", record->target);
    put_event(ndjson, object);
}

/** Write an event that continues with the object of --json. */
static void put_summary(struct ndjson *ndjson, json_t *event, const struct summary *summary)
{
    json_t *object = report_object(&(struct report){.total = summary});

    if (event != NULL && json_object_update(event, object) != 0) {
        json_decref(event);
        event = NULL;
    }
    json_decref(object);
    put_event(ndjson, event);
}

static void end(struct view *view, const struct progress *progress, const struct summary *summary)
{
    struct ndjson *ndjson = (struct ndjson *)view;
    json_t *object = new_event("end");

    window_clear(&ndjson->window);
    object_count(&object, "step", progress->step);
    put_time(ndjson, &object, "at_us", progress->now_ns);
    put_summary(ndjson, object, summary);
    outlet_offer(ndjson->outlet);
}

/** Close. A reader that closes its end first is not a failure: it has read all that it wanted. */
static bool close_ndjson(struct view *view, const struct summary *total)
{
    struct ndjson *ndjson = (struct ndjson *)view;
    int code;

    put_summary(ndjson, new_event("total"), total);
    code = outlet_close(ndjson->outlet, "the events", ndjson->lost ? -ENOMEM : 0);
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
    ndjson->view = (struct view){.ops = &ops, .period_ns = SECOND_NS};
    ndjson->outlet = outlet_open(path);
    if (ndjson->outlet == NULL) {
        free(ndjson); /* keeps errno */
        return NULL;
    }
    return &ndjson->view;
}
