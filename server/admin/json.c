/* SPDX-License-Identifier: MIT */
/*
 * Write the state as JSON: see json.h.
 *
 * Each function makes one part of the whole, a key and its value a line. A part for which there was
 * no memory is NULL, and so is everything that contains it: OBJECT() and append() take NULL for a
 * failure and release the rest.
 *
 * Durations that /metrics has, too, are in seconds, as there; those of single sessions are in
 * milliseconds. A limit that does not exist is null, and so is what is not known.
 */
#include "config.h"

#include "server/admin/json.h"

#include "common/clock.h"
#include "server/admin/state.h"
#include "server/models/model.h"

#include <jansson.h>

/* Real numbers have nine digits: more is noise, and a sum of seconds has its milliseconds. */
#define FORMAT JSON_REAL_PRECISION(9)

/* A key, and its value, which the object takes over. */
struct field {
    const char *key;
    json_t *value;
};

#define OBJECT(...) object((const struct field[]){__VA_ARGS__, {NULL, NULL}})

static json_t *object(const struct field *fields)
{
    json_t *made = json_object();

    for (; fields->key != NULL; fields++) {
        if (json_object_set_new(made, fields->key, fields->value) == 0)
            continue;
        json_decref(made);
        made = NULL; /* from here on the values are only released */
    }
    return made;
}

/* Append and take over. @return array, or NULL with everything released */
static json_t *append(json_t *array, json_t *element)
{
    if (array != NULL && json_array_append_new(array, element) == 0)
        return array;
    json_decref(array);
    return NULL;
}

static json_t *number(uint64_t value)
{
    return value == STATE_UNKNOWN ? json_null() : json_integer((json_int_t)value);
}

static json_t *word(const char *text)
{
    return text == NULL ? json_null() : json_string(text);
}

static json_t *flag(bool value)
{
    return json_boolean(value);
}

static json_t *milliseconds(int64_t ns)
{
    return json_integer(ns / 1000000);
}

static json_t *seconds(int64_t ns)
{
    return json_real((double)ns / 1e9);
}

/* These two take 0 for none. */
static json_t *limit(uint64_t value)
{
    return value == 0 ? json_null() : number(value);
}

static json_t *time_limit(int64_t ns)
{
    return ns == 0 ? json_null() : seconds(ns);
}

/* clang-format off */

/* Write counts under these words. */
static json_t *counts_by_word(const uint64_t *counts, const char *const *words, int size)
{
    json_t *made = json_object();

    for (int i = 0; i < size; i++)
        if (json_object_set_new(made, words[i], number(counts[i])) != 0) {
            json_decref(made);
            return NULL;
        }
    return made;
}

/* Write a histogram as /metrics does: a bucket counts all times up to its bound. */
static json_t *histogram(const struct times *times)
{
    json_t *buckets = json_array();
    uint64_t so_far = 0;

    for (int i = 0; i < TIME_BUCKETS; i++) {
        so_far += times->buckets[i];
        buckets = append(buckets, OBJECT({"le_seconds", json_real(time_bucket_seconds[i])},
                                         {"count", number(so_far)}));
    }
    return OBJECT({"count", number(times->count)},
                  {"sum_seconds", json_real(times->sum_seconds)},
                  {"buckets", buckets});
}

/* --- sessions ------------------------------------------------------------------------------ */

static json_t *session(const struct state_session *row)
{
    return OBJECT({"session", number(row->number)},
                  {"phase", word(phase_words[row->phase])},
                  {"worker", state_has_worker(row->phase) ? number(row->worker) : json_null()},
                  {"age_ms", milliseconds(row->age_ns)},
                  {"held_ms", milliseconds(row->held_ns)},
                  {"in_phase_ms", milliseconds(row->in_phase_ns)},
                  {"echoes", number(row->echoes)});
}

static json_t *sessions(const struct state *state)
{
    json_t *rows = json_array();
    uint64_t here = 0;

    for (size_t i = 0; i < state->row_count; i++)
        rows = append(rows, session(&state->rows[i]));
    for (int phase = 0; phase < PHASE_COUNT; phase++)
        here += state->in_phase[phase];
    return OBJECT({"phases", counts_by_word(state->in_phase, phase_words, PHASE_COUNT)},
                  {"served_peak", number(state->counts.peak_served)},
                  {"waiting_peak", number(state->counts.peak_waiting)},
                  {"left_out", number(here > state->row_count ? here - state->row_count : 0)},
                  {"list", rows});
}

/* Write the sessions that wait for a worker, the oldest first. */
static json_t *queue(const struct state *state)
{
    json_t *waiting = json_array();

    for (size_t i = 0; i < state->row_count; i++) {
        const struct state_session *row = &state->rows[i];
        if (row->phase == PHASE_QUEUED)
            waiting = append(waiting, OBJECT({"session", number(row->number)},
                                             {"age_ms", milliseconds(row->age_ns)},
                                             {"waiting_ms", milliseconds(row->in_phase_ns)}));
    }
    return OBJECT({"depth", number(state->in_phase[PHASE_QUEUED])},
                  {"capacity", number(state->queue)},
                  {"oldest_seconds", seconds(state->longest_wait_ns)},
                  {"list", waiting});
}

/* --- workers ------------------------------------------------------------------------------- */

/*
 * Write a worker, in the state of the session that it has had longest. If it has sessions and none of
 * them is listed, oldest is NULL, and so is its state.
 */
static json_t *worker(size_t index, const struct state_session *oldest, uint64_t sessions)
{
    static const struct state_session none;
    const struct state_session *row = oldest == NULL ? &none : oldest;
    const char *idle = sessions == 0 ? "idle" : NULL;

    return OBJECT({"worker", number(index)},
                  {"state", word(oldest == NULL ? idle : phase_words[oldest->phase])},
                  {"sessions", number(sessions)},
                  {"session", oldest == NULL ? json_null() : number(oldest->number)},
                  {"held_ms", milliseconds(row->held_ns)},
                  {"in_phase_ms", milliseconds(row->in_phase_ns)},
                  {"echoes", number(row->echoes)});
}

/* List the workers, or event loops, as far as there are rows. */
static json_t *worker_list(const struct state *state)
{
    const struct state_session *oldest[STATE_ROWS_MAX] = {NULL};
    size_t size = state->workers < STATE_ROWS_MAX ? (size_t)state->workers : STATE_ROWS_MAX;
    json_t *list = json_array();

    for (size_t i = 0; i < state->row_count; i++) {
        const struct state_session *row = &state->rows[i];
        if (!state_has_worker(row->phase) || row->worker >= STATE_ROWS_MAX)
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
    uint64_t count = state_workers(state);
    uint64_t busy = state_busy_workers(state);

    return OBJECT({"count", number(count)},
                  {"busy", number(busy)},
                  {"idle", number(count - busy)},
                  {"list", state_has_pool(state) ? worker_list(state) : json_array()});
}

/* --- the configuration --------------------------------------------------------------------- */

/* Describe the model, for people and for the page. */
static json_t *serving(const struct state *state)
{
    const struct model_type *type = state->type;

    return OBJECT({"unit", word(type->unit)},
                  {"title", word(type->title)},
                  {"words", word(type->words)},
                  {"single", flag(type->single)},
                  {"queues", flag(type->queues)},
                  {"resizable", flag(state->resizable)});
}

static json_t *settings(const struct state *state)
{
    const struct state_settings *chosen = &state->settings;
    bool marked = chosen->high_water > 0;

    return OBJECT({"workers", number(state->workers)},
                  {"max_sessions", limit(state->type->capped ? 0 : chosen->max_sessions)},
                  {"high_water", limit(chosen->high_water)},
                  {"low_water", marked ? number(chosen->low_water) : json_null()},
                  {"per_source", limit(chosen->per_source)},
                  {"transform", word(chosen->transform)},
                  {"queue_timeout_seconds", time_limit(chosen->queue_timeout_ns)},
                  {"idle_timeout_seconds", time_limit(chosen->idle_timeout_ns)},
                  {"session_timeout_seconds", time_limit(chosen->session_timeout_ns)},
                  {"shutdown_delay_seconds", seconds(chosen->shutdown_delay_ns)},
                  {"drain_timeout_seconds", seconds(chosen->drain_timeout_ns)},
                  {"delay_seconds", seconds(chosen->delay.mean_ns)},
                  {"delay_drawn", flag(chosen->delay.exponential)},
                  {"burn_seconds", seconds(chosen->burn.mean_ns)},
                  {"burn_drawn", flag(chosen->burn.exponential)});
}

/* --- the rest ------------------------------------------------------------------------------ */

static json_t *connections(const struct counts *counts)
{
    return OBJECT({"accepted", number(counts->accepted)},
                  {"active", number(counts->in_flight)},
                  {"ended", counts_by_word(counts->ended, outcome_words, OUTCOME_COUNT)});
}

static json_t *accepting(const struct listener_state *listener)
{
    return OBJECT({"paused", flag(listener->paused)},
                  {"why", OBJECT({"full", flag(listener->why_full)},
                                 {"errors", flag(listener->why_errors)},
                                 {"person", flag(listener->why_person)})},
                  {"pauses", number(listener->pauses)},
                  {"paused_seconds", seconds(listener->paused_ns)},
                  {"wakeups", number(listener->wakeups)},
                  {"wakeups_in_vain", number(listener->in_vain)},
                  {"errors", number(listener->errors)});
}

static json_t *visitors(const struct visitor_counts *counts)
{
    return OBJECT({"obstacle", word(counts->obstacle)},
                  {"most", number(VISITORS_MAX)},
                  {"sent", number(counts->sent)},
                  {"here", number(counts->here)},
                  {"served", number(counts->served)},
                  {"rejected", number(counts->rejected)},
                  {"ended", number(counts->ended)});
}

static json_t *rings(const struct state *state)
{
    const struct ring_counts *counts = &state->rings;

    if (state->type->rings == NULL)
        return json_null();
    return OBJECT({"enters", number(counts->enters)},
                  {"submissions", number(counts->submissions)},
                  {"completions", number(counts->completions)},
                  {"shortages", number(counts->shortages)},
                  {"buffers", number(counts->buffers)},
                  {"lent", number(counts->lent)});
}

static json_t *resources(const struct state *state)
{
    return OBJECT({"threads", number(state->threads)},
                  {"processes", number(state->processes)},
                  {"resident_bytes", number(state->resident_bytes)},
                  {"virtual_bytes", number(state->virtual_bytes)},
                  {"virtual_limit_bytes", limit(state->virtual_limit)},
                  {"descriptors", number(state->descriptors)},
                  {"descriptor_limit", limit(state->descriptor_limit)},
                  {"cpu_seconds", seconds(state->cpu_ns)});
}

static json_t *whole(const struct state *state)
{
    const struct counts *counts = &state->counts;
    const struct listener_state *listener = &state->listener;
    bool unknown = listener->backlog_unknown;

    return OBJECT({"schema", word("echo-server/1")},
                  {"version", word(PACKAGE_VERSION)},
                  {"uptime_seconds", seconds(state->uptime_ns)},
                  /* of now, and not of the state: clients compare their clocks with it */
                  {"wall_clock_us", json_integer(clock_wall_ns() / 1000)},
                  {"state", word(state_word(state))},
                  {"draining", flag(state->draining)},
                  {"listening", word(state->address)},
                  {"model", word(state->type->name)},
                  {"serving", serving(state)},
                  {"capped", flag(state->type->capped)},
                  {"by_turns", flag(state->type->holds_many)},
                  {"on_full", word(state->on_full)},
                  {"hold", word(state->hold)},
                  {"settings", settings(state)},
                  {"connections", connections(counts)},
                  {"sessions", sessions(state)},
                  {"workers", workers(state)},
                  {"queue", queue(state)},
                  {"backlog", OBJECT({"depth", number(unknown ? STATE_UNKNOWN : listener->backlog)},
                                     {"capacity", limit(listener->backlog_max)})},
                  {"accept", accepting(listener)},
                  {"visitors", visitors(&state->visitors)},
                  {"echoes", number(counts->echoes)},
                  {"bytes", OBJECT({"received", number(counts->bytes_received)},
                                   {"sent", number(counts->bytes_sent)})},
                  {"queue_wait", histogram(&counts->waits)},
                  {"task_duration", histogram(&counts->services)},
                  {"rings", rings(state)},
                  {"resources", resources(state)},
                  {"dropped", OBJECT({"print", number(state->print_dropped)},
                                     {"trace", number(state->trace_dropped)})});
}
/* clang-format on */

char *admin_json_text(const struct state *state, bool spread)
{
    json_t *object = whole(state);
    char *text = NULL;

    if (object != NULL)
        text = json_dumps(object, FORMAT | (spread ? JSON_INDENT(2) : JSON_COMPACT));
    json_decref(object);
    return text;
}
