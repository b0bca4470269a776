/* SPDX-License-Identifier: MIT */
/*
 * The state as JSON: see json.h.
 *
 * Each function makes one part of the object. A part that could not be made is NULL, and so is
 * then everything that it would have been a part of: json_pack() and the json_..._new() functions
 * take NULL as their own failure, and release what they were given.
 *
 * Lengths of time that /metrics has too are in seconds, as there; those of single sessions are in
 * milliseconds. A limit that does not exist is null.
 */
#include "config.h"

#include "server/admin/json.h"

#include "server/admin/workers.h"

#include <jansson.h>

/* Real numbers have nine digits: more is noise, and a sum of seconds has its milliseconds. */
#define FORMAT JSON_REAL_PRECISION(9)

static json_t *number(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *milliseconds(int64_t ns)
{
    return json_integer(ns / 1000000);
}

static json_t *seconds(int64_t ns)
{
    return json_real((double)ns / 1e9);
}

/* null where there is none. */
static json_t *limit(uint64_t value)
{
    return value == 0 ? json_null() : number(value);
}

static json_t *time_or_null(int64_t ns)
{
    return ns == 0 ? json_null() : seconds(ns);
}

/* Append and take over. @return array, or NULL with everything released */
static json_t *append(json_t *array, json_t *element)
{
    if (array != NULL && json_array_append_new(array, element) == 0)
        return array;
    json_decref(array);
    return NULL;
}

/* An object of counts with these words. */
static json_t *counts_by_word(const uint64_t *counts, const char *const *words, int size)
{
    json_t *object = json_object();

    for (int i = 0; i < size && object != NULL; i++) {
        if (json_object_set_new(object, words[i], number(counts[i])) == 0)
            continue;
        json_decref(object);
        object = NULL;
    }
    return object;
}

/* As in /metrics: each bucket counts all times up to its bound, those of the lower ones too. */
static json_t *histogram(const struct times *times)
{
    json_t *buckets = json_array();
    uint64_t so_far = 0;

    for (int i = 0; i < TIME_BUCKETS; i++) {
        so_far += times->buckets[i];
        buckets = append(buckets, json_pack("{s:f, s:o}", "le_seconds", time_bucket_seconds[i],
                                            "count", number(so_far)));
    }
    return json_pack("{s:o, s:f, s:o}", "count", number(times->count), "sum_seconds",
                     times->sum_seconds, "buckets", buckets);
}

/* --- who is here --------------------------------------------------------------------------- */

static json_t *session(const struct state_session *row)
{
    return json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:o}", "session", number(row->number), "phase",
                     phase_words[row->phase], "worker",
                     admin_has_worker(row->phase) ? number(row->worker) : json_null(), "age_ms",
                     milliseconds(row->age_ns), "held_ms", milliseconds(row->held_ns),
                     "in_phase_ms", milliseconds(row->in_phase_ns), "echoes", number(row->echoes));
}

static json_t *sessions(const struct state *state)
{
    json_t *rows = json_array();
    uint64_t here = 0;

    for (size_t i = 0; i < state->row_count; i++)
        rows = append(rows, session(&state->rows[i]));
    for (int phase = 0; phase < PHASE_COUNT; phase++)
        here += state->in_phase[phase];
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "phases",
                     counts_by_word(state->in_phase, phase_words, PHASE_COUNT), "served_peak",
                     number(state->counts.peak_served), "waiting_peak",
                     number(state->counts.peak_waiting), "left_out",
                     number(here > state->row_count ? here - state->row_count : 0), "list", rows);
}

/* Those who wait for a worker, who has come first first. */
static json_t *queue(const struct state *state)
{
    json_t *waiting = json_array();

    for (size_t i = 0; i < state->row_count; i++) {
        const struct state_session *row = &state->rows[i];
        if (row->phase == PHASE_QUEUED)
            waiting = append(waiting, json_pack("{s:o, s:o}", "session", number(row->number),
                                                "age_ms", milliseconds(row->age_ns)));
    }
    return json_pack("{s:o, s:o, s:o}", "depth", number(state->in_phase[PHASE_QUEUED]), "capacity",
                     number(state->queue), "list", waiting);
}

/* --- workers ------------------------------------------------------------------------------- */

/* A worker's state is that of the session it has had the longest; null where that is not listed. */
static json_t *worker(size_t index, const struct state_session *oldest, uint64_t sessions)
{
    if (oldest == NULL)
        return json_pack("{s:o, s:s?, s:o, s:n, s:i, s:i, s:i}", "worker", number(index), "state",
                         sessions == 0 ? "idle" : NULL, "sessions", number(sessions), "session",
                         "held_ms", 0, "in_phase_ms", 0, "echoes", 0);
    return json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:o}", "worker", number(index), "state",
                     phase_words[oldest->phase], "sessions", number(sessions), "session",
                     number(oldest->number), "held_ms", milliseconds(oldest->held_ns),
                     "in_phase_ms", milliseconds(oldest->in_phase_ns), "echoes",
                     number(oldest->echoes));
}

/* Each worker, or event loop, as far as there are rows. */
static json_t *worker_list(const struct state *state)
{
    const struct state_session *oldest[STATE_ROWS_MAX] = {NULL};
    size_t size = state->workers < STATE_ROWS_MAX ? (size_t)state->workers : STATE_ROWS_MAX;
    json_t *list = json_array();

    for (size_t i = 0; i < state->row_count; i++) {
        const struct state_session *row = &state->rows[i];
        if (!admin_has_worker(row->phase) || row->worker >= STATE_ROWS_MAX)
            continue;
        if (oldest[row->worker] == NULL || row->held_ns > oldest[row->worker]->held_ns)
            oldest[row->worker] = row;
    }
    for (size_t i = 0; i < size; i++)
        list = append(list, worker(i, oldest[i], state->sessions_of[i]));
    return list;
}

static json_t *workers(const struct state *state)
{
    return json_pack("{s:o, s:o, s:o, s:o}", "count", number(admin_workers(state)), "busy",
                     number(admin_busy_workers(state)), "idle", number(admin_idle_workers(state)),
                     "list", admin_has_pool(state) ? worker_list(state) : json_array());
}

/* --- the rest ------------------------------------------------------------------------------ */

static json_t *connections(const struct state *state)
{
    const struct counts *counts = &state->counts;

    return json_pack("{s:o, s:o, s:o}", "accepted", number(counts->accepted), "active",
                     number(counts->in_flight), "ended",
                     counts_by_word(counts->ended, outcome_words, OUTCOME_COUNT));
}

static json_t *accepting(const struct state_listener *listener)
{
    return json_pack("{s:b, s:{s:b, s:b, s:b}, s:o, s:o, s:o}", "paused", listener->paused, "why",
                     "full", listener->why_full, "errors", listener->why_errors, "person",
                     listener->why_person, "pauses", number(listener->pauses), "paused_seconds",
                     seconds(listener->paused_ns), "errors", number(listener->errors));
}

static json_t *resources(const struct state *state)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "threads", number(state->threads),
                     "processes", number(state->processes), "resident_bytes",
                     number(state->resident_bytes), "virtual_bytes", number(state->virtual_bytes),
                     "virtual_limit_bytes", limit(state->virtual_limit), "descriptors",
                     number(state->descriptors), "descriptor_limit", limit(state->descriptor_limit),
                     "cpu_seconds", seconds(state->cpu_ns));
}

/* What was chosen besides the model: a bound or a time that does not exist is null. */
static json_t *settings(const struct state *state)
{
    const struct state_settings *chosen = &state->settings;

    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:s?, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:b}", "workers",
        number(state->workers), "max_sessions", limit(state->capped ? 0 : chosen->max_sessions),
        "high_water", limit(chosen->high_water), "low_water",
        chosen->high_water == 0 ? json_null() : number(chosen->low_water), "per_source",
        limit(chosen->per_source), "transform", chosen->transform, "queue_timeout_seconds",
        time_or_null(chosen->queue_timeout_ns), "idle_timeout_seconds",
        time_or_null(chosen->idle_timeout_ns), "session_timeout_seconds",
        time_or_null(chosen->session_timeout_ns), "drain_timeout_seconds",
        seconds(chosen->drain_timeout_ns), "delay_seconds", seconds(chosen->delay.mean_ns),
        "delay_drawn", chosen->delay.exponential, "burn_seconds", seconds(chosen->burn.mean_ns),
        "burn_drawn", chosen->burn.exponential);
}

/* What was chosen. */
static json_t *choices(const struct state *state)
{
    return json_pack("{s:s, s:s, s:o, s:b, s:s, s:s, s:b, s:b, s:s?, s:s?, s:o}", "schema",
                     "echo-server/1", "version", PACKAGE_VERSION, "uptime_seconds",
                     seconds(state->uptime_ns), "draining", state->draining, "listening",
                     state->address, "model", state->model, "capped", state->capped, "by_turns",
                     state->by_turns, "on_full", state->on_full, "hold", state->hold, "settings",
                     settings(state));
}

/* What has happened, to be added to the choices. */
static json_t *happenings(const struct state *state)
{
    const struct counts *counts = &state->counts;

    return json_pack(
        "{s:o, s:o, s:o, s:o, s:{s:o, s:o}, s:o, s:o, s:{s:o, s:o}, s:o, s:o, s:o, "
        "s:{s:o, s:o}}",
        "connections", connections(state), "sessions", sessions(state), "workers", workers(state),
        "queue", queue(state), "backlog", "depth", number(state->listener.backlog), "capacity",
        limit(state->listener.backlog_max), "accept", accepting(&state->listener), "echoes",
        number(counts->echoes), "bytes", "received", number(counts->bytes_received), "sent",
        number(counts->bytes_sent), "queue_wait", histogram(&counts->waits), "task_duration",
        histogram(&counts->services), "resources", resources(state), "dropped", "print",
        number(state->print_dropped), "trace", number(state->trace_dropped));
}

char *admin_json_text(const struct state *state, bool spread)
{
    json_t *object = choices(state);
    json_t *more = happenings(state);
    char *text = NULL;

    if (object != NULL && more != NULL && json_object_update(object, more) == 0)
        text = json_dumps(object, FORMAT | (spread ? JSON_INDENT(2) : JSON_COMPACT));
    json_decref(object);
    json_decref(more);
    return text;
}
