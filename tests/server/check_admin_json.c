/* SPDX-License-Identifier: MIT */
/* /stats.json: it is JSON, and every number is under its key. */
#include "common/clock.h"
#include "server/admin/json.h"
#include "server/models/model.h"
#include "tests/kit/state.h"
#include "tests/kit/suite.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const struct model_type by_turns = {.name = "event", .holds_many = true};
static struct state state;
static json_t *object; /* the last that was read */

static void read_state(bool spread)
{
    char *text = admin_json_text(&state, spread);
    json_error_t error;

    json_decref(object);
    ck_assert_ptr_nonnull(text);
    ck_assert_msg((strchr(text, '\n') != NULL) == spread, "lines: %s", text);
    object = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(object != NULL, "%s in: %s", error.text, text);
    free(text);
}

/* What is at a.b.3.c */
static json_t *at(json_t *from, const char *path)
{
    char key[100];

    while (*path != '\0') {
        size_t size = strcspn(path, ".");
        ck_assert_uint_lt(size, sizeof key);
        memcpy(key, path, size);
        key[size] = '\0';
        from = json_is_array(from) ? json_array_get(from, (size_t)strtol(key, NULL, 10))
                                   : json_object_get(from, key);
        ck_assert_msg(from != NULL, "there is no %s", path);
        path += size + (path[size] == '.');
    }
    return from;
}

static void expect_number(json_t *from, const char *path, uint64_t value)
{
    json_t *found = at(from, path);

    ck_assert_msg(json_is_integer(found) && (uint64_t)json_integer_value(found) == value,
                  "%s is %lld, not %llu", path, (long long)json_integer_value(found),
                  (unsigned long long)value);
}

static void expect_real(json_t *from, const char *path, double value)
{
    json_t *found = at(from, path);

    ck_assert_msg(json_is_real(found) && json_real_value(found) == value, "%s is %f, not %f", path,
                  json_real_value(found), value);
}

static void expect_word(json_t *from, const char *path, const char *word)
{
    json_t *found = at(from, path);

    ck_assert_msg(json_is_string(found), "%s is no word", path);
    ck_assert_str_eq(json_string_value(found), word);
}

static void expect_null(json_t *from, const char *path)
{
    ck_assert_msg(json_is_null(at(from, path)), "%s is not null", path);
}

CASE("Core")

TEST(counts_and_choices)
{
    int64_t before_us = clock_wall_ns() / 1000;

    state_fill(&state);
    read_state(true);
    expect_word(object, "schema", "echo-server/1");
    expect_word(object, "model", "thread-pool");
    expect_word(object, "on_full", "pause");
    expect_word(object, "hold", "session");
    expect_word(object, "serving.unit", "worker");
    expect_word(object, "serving.title", "Workers");
    expect_word(object, "serving.words", "each holds one session");
    ck_assert(json_is_true(at(object, "serving.queues")));
    ck_assert(json_is_false(at(object, "serving.single")));
    ck_assert(json_is_false(at(object, "serving.resizable")));
    state.resizable = true;
    read_state(true);
    ck_assert(json_is_true(at(object, "serving.resizable")));
    ck_assert(json_is_true(at(object, "capped")));
    ck_assert(json_is_false(at(object, "draining")));
    expect_real(object, "uptime_seconds", 90.25);
    ck_assert_int_ge(json_integer_value(at(object, "wall_clock_us")), before_us);
    ck_assert_int_le(json_integer_value(at(object, "wall_clock_us")), clock_wall_ns() / 1000);
    expect_number(object, "connections.accepted", state.counts.accepted);
    expect_number(object, "connections.active", 5);
    ck_assert_uint_eq(json_object_size(at(object, "connections.ended")), OUTCOME_COUNT);
    for (int i = 0; i < OUTCOME_COUNT; i++)
        expect_number(at(object, "connections.ended"), outcome_words[i], 100 + (uint64_t)i);
    for (int i = 0; i < PHASE_COUNT; i++)
        expect_number(at(object, "sessions.phases"), phase_words[i], state.in_phase[i]);
    expect_number(object, "sessions.served_peak", 4);
    expect_number(object, "sessions.waiting_peak", 11);
    expect_number(object, "echoes", 5001);
    expect_number(object, "bytes.received", 5002);
    expect_number(object, "bytes.sent", 5003);
    expect_number(object, "backlog.depth", 803);
    expect_number(object, "backlog.capacity", 804);
    ck_assert(json_is_false(at(object, "accept.paused")));
    expect_number(object, "accept.pauses", 801);
    expect_real(object, "accept.paused_seconds", 1.5);
    expect_number(object, "accept.errors", 802);
    ck_assert(json_is_null(at(object, "visitors.obstacle")));
    expect_number(object, "visitors.most", VISITORS_MAX);
    expect_number(object, "visitors.sent", 1010);
    expect_number(object, "visitors.here", 101);
    expect_number(object, "visitors.served", 202);
    expect_number(object, "visitors.rejected", 303);
    expect_number(object, "visitors.ended", 404);
    expect_word(object, "listening", "127.0.0.1:8090");
}

TEST(each_state_has_its_word)
{
    state_fill(&state);
    read_state(false);
    expect_word(object, "state", "running");
    state.lame_duck = true;
    read_state(false);
    expect_word(object, "state", "lame duck");
    ck_assert(json_is_false(at(object, "draining")));
    state.draining = true;
    read_state(false);
    expect_word(object, "state", "draining");
    ck_assert(json_is_true(at(object, "draining")));
    state.ended = true;
    read_state(false);
    expect_word(object, "state", "ended");
}

/* Each reason by itself. */
LOOP_TEST(why_it_is_paused, 3)
{
    static const char *const words[] = {"full", "errors", "person"};
    state_fill(&state);
    state.listener.paused = true;
    *(bool *[]){&state.listener.why_full, &state.listener.why_errors,
                &state.listener.why_person}[_i] = true;
    read_state(false);
    ck_assert(json_is_true(at(object, "accept.paused")));
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(json_is_true(at(at(object, "accept.why"), words[i])), i == _i);
}

TEST(what_was_chosen)
{
    static const char *const none[] = {"max_sessions",
                                       "high_water",
                                       "low_water",
                                       "per_source",
                                       "queue_timeout_seconds",
                                       "idle_timeout_seconds",
                                       "session_timeout_seconds"};
    state_fill(&state);
    state.type = &by_turns;
    read_state(false);
    ck_assert(json_is_true(at(object, "by_turns")));
    expect_number(object, "settings.workers", 4);
    expect_number(object, "settings.max_sessions", 1001);
    expect_number(object, "settings.high_water", 12);
    expect_number(object, "settings.low_water", 3);
    expect_number(object, "settings.per_source", 1004);
    expect_word(object, "settings.transform", "upper");
    expect_real(object, "settings.queue_timeout_seconds", 1.5);
    expect_real(object, "settings.idle_timeout_seconds", 2.5);
    expect_real(object, "settings.session_timeout_seconds", 3.5);
    expect_real(object, "settings.shutdown_delay_seconds", 0.75);
    expect_real(object, "settings.drain_timeout_seconds", 4.5);
    expect_real(object, "settings.delay_seconds", 5.5);
    expect_real(object, "settings.burn_seconds", 6.5);
    state.settings = (struct state_settings){.transform = "none"};
    read_state(false);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        expect_null(at(object, "settings"), none[i]);
}

TEST(service_times)
{
    state_fill(&state);
    state.settings.delay = (struct service_time){.mean_ns = 20000000, .exponential = true};
    state.settings.burn = (struct service_time){.mean_ns = 1500000};
    read_state(false);
    expect_real(object, "settings.delay_seconds", 0.02);
    ck_assert(json_is_true(at(object, "settings.delay_drawn")));
    expect_real(object, "settings.burn_seconds", 0.0015);
    ck_assert(json_is_false(at(object, "settings.burn_drawn")));
}

TEST(what_it_takes)
{
    state_fill(&state);
    read_state(false);
    expect_number(object, "resources.threads", 6);
    expect_number(object, "resources.processes", 1);
    expect_number(object, "resources.resident_bytes", 901);
    expect_number(object, "resources.virtual_bytes", 902);
    expect_number(object, "resources.virtual_limit_bytes", 903);
    expect_number(object, "resources.descriptors", 904);
    expect_number(object, "resources.descriptor_limit", 905);
    expect_real(object, "resources.cpu_seconds", 2.5);
    expect_number(object, "dropped.print", 906);
    expect_number(object, "dropped.trace", 907);
}

static void no_counts(struct model *model, struct ring_counts *counts)
{
    (void)model;
    (void)counts;
}

TEST(rings)
{
    const struct model_type type = {.name = "io-uring", .holds_many = true, .rings = no_counts};

    state_fill(&state);
    read_state(false);
    ck_assert(json_is_null(at(object, "rings")));
    state.type = &type;
    read_state(false);
    expect_number(object, "rings.enters", 951);
    expect_number(object, "rings.submissions", 952);
    expect_number(object, "rings.completions", 953);
    expect_number(object, "rings.shortages", 954);
    expect_number(object, "rings.buffers", 955);
    expect_number(object, "rings.lent", 956);
}

TEST(workers_and_queue)
{
    state_fill(&state);
    read_state(false);
    expect_number(object, "workers.count", 4);
    expect_number(object, "workers.busy", 3);
    expect_number(object, "workers.idle", 1);
    ck_assert_uint_eq(json_array_size(at(object, "workers.list")), 4);
    for (unsigned i = 0; i < 4; i++)
        expect_number(json_array_get(at(object, "workers.list"), i), "worker", i);
    expect_word(object, "workers.list.0.state", "working");
    expect_number(object, "workers.list.0.session", 302);
    expect_number(object, "workers.list.0.sessions", 1);
    expect_number(object, "workers.list.0.held_ms", 5000);
    expect_number(object, "workers.list.0.in_phase_ms", 1);
    expect_number(object, "workers.list.0.echoes", 42);
    expect_word(object, "workers.list.2.state", "idle");
    expect_null(object, "workers.list.2.session");
    expect_number(object, "workers.list.3.session", 303);

    expect_number(object, "queue.depth", 2);
    expect_number(object, "queue.capacity", 16);
    expect_real(object, "queue.oldest_seconds", 2.5);
    ck_assert_uint_eq(json_array_size(at(object, "queue.list")), 2);
    expect_number(object, "queue.list.0.session", 304);
    expect_number(object, "queue.list.0.age_ms", 2500);
    expect_number(object, "queue.list.1.age_ms", 1250);

    ck_assert_uint_eq(json_array_size(at(object, "sessions.list")), 5);
    expect_number(object, "sessions.left_out", 0);
    expect_number(object, "sessions.list.0.session", 301);
    expect_word(object, "sessions.list.0.phase", "receiving");
    expect_number(object, "sessions.list.0.worker", 1);
    expect_number(object, "sessions.list.0.age_ms", 9000);
    expect_number(object, "sessions.list.0.held_ms", 8000);
    expect_number(object, "sessions.list.0.in_phase_ms", 7000);
    expect_number(object, "sessions.list.0.echoes", 41);
    expect_null(object, "sessions.list.3.worker");
}

/* Whatever the sessions are: where a pool stays, its workers are counted, else those who serve. */
LOOP_TEST(workers_are_no_sessions, 5)
{
    static const struct {
        bool capped, by_turns;
        uint64_t workers, busy;           /* of the state */
        uint64_t count, is_busy, is_idle; /* as they are shown */
        size_t listed;
    } cases[] = {
        {true, false, 4, 2, 4, 2, 2, 4},  /* thread-pool */
        {true, false, 2, 3, 2, 2, 0, 2},  /* one is to go, and serves still */
        {false, true, 4, 0, 4, 0, 4, 4},  /* hold message: all are parked */
        {false, true, 4, 3, 4, 3, 1, 4},  /* event: 7 sessions in 3 loops */
        {false, false, 0, 5, 7, 7, 0, 0}, /* thread: 7 */
    };
    state = (struct state){.type = &(struct model_type){.name = "any",
                                                        .capped = cases[_i].capped,
                                                        .holds_many = cases[_i].by_turns},
                           .workers = cases[_i].workers,
                           .busy = cases[_i].busy};
    state.in_phase[PHASE_RECEIVING] = 7;
    state.in_phase[PHASE_PARKED] = 11;
    read_state(false);
    expect_number(object, "workers.count", cases[_i].count);
    expect_number(object, "workers.busy", cases[_i].is_busy);
    expect_number(object, "workers.idle", cases[_i].is_idle);
    ck_assert_uint_eq(json_array_size(at(object, "workers.list")), cases[_i].listed);
}

static void expect_histogram(json_t *histogram, const struct times *times)
{
    json_t *buckets = at(histogram, "buckets");
    uint64_t so_far = 0;

    expect_number(histogram, "count", times->count);
    expect_real(histogram, "sum_seconds", times->sum_seconds);
    ck_assert_uint_eq(json_array_size(buckets), TIME_BUCKETS);
    for (size_t i = 0; i < TIME_BUCKETS; i++) {
        json_t *bucket = json_array_get(buckets, i);
        so_far += times->buckets[i];
        expect_number(bucket, "count", so_far);
        expect_real(bucket, "le_seconds", time_bucket_seconds[i]);
    }
}

TEST(histograms)
{
    state_fill(&state);
    read_state(false);
    expect_histogram(at(object, "queue_wait"), &state.counts.waits);
    expect_histogram(at(object, "task_duration"), &state.counts.services);
}

CASE("Limits")

TEST(nothing_yet)
{
    state = (struct state){.type = &(struct model_type){.name = "thread"}};
    read_state(false);
    expect_null(object, "on_full");
    expect_null(object, "hold");
    expect_null(object, "backlog.capacity");
    expect_null(object, "resources.virtual_limit_bytes");
    expect_null(object, "resources.descriptor_limit");
    expect_number(object, "workers.count", 0);
    ck_assert_uint_eq(json_array_size(at(object, "workers.list")), 0);
    ck_assert_uint_eq(json_array_size(at(object, "queue.list")), 0);
    ck_assert_uint_eq(json_array_size(at(object, "sessions.list")), 0);
}

/* What is not known is null, and never 0. */
TEST(what_is_not_known)
{
    state_fill(&state);
    state.queue = STATE_UNKNOWN;
    state.listener.backlog = state.listener.backlog_max = 0;
    state.listener.backlog_unknown = true;
    read_state(false);
    expect_null(object, "queue.capacity");
    expect_null(object, "backlog.depth");
    expect_null(object, "backlog.capacity");
}

/* More sessions than rows, many on one worker, and more workers than can be listed. */
TEST(more_than_there_are_rows)
{
    state = (struct state){.type = &by_turns, .workers = 300, .busy = 2};
    state.row_count = STATE_ROWS_MAX;
    state.in_phase[PHASE_SENDING] = 5000;
    for (size_t i = 0; i < STATE_ROWS_MAX; i++)
        state.rows[i] = (struct state_session){.number = i + 1,
                                               .phase = PHASE_SENDING,
                                               .worker = i % 2 == 0 ? 3 : 299,
                                               .held_ns = (int64_t)i * 1000000};
    state.sessions_of[3] = 3000;
    state.sessions_of[4] = 2;
    read_state(false);
    expect_number(object, "sessions.left_out", 5000 - STATE_ROWS_MAX);
    ck_assert_uint_eq(json_array_size(at(object, "workers.list")), STATE_ROWS_MAX);
    expect_number(object, "workers.list.3.sessions", 3000);
    expect_number(object, "workers.list.3.session", STATE_ROWS_MAX - 1);
    expect_number(object, "workers.list.4.sessions", 2);
    expect_null(object, "workers.list.4.state"); /* who knows */
    expect_word(object, "workers.list.5.state", "idle");
    expect_number(object, "workers.count", 300);
    expect_number(object, "workers.busy", 2);
    expect_number(object, "workers.idle", 298);
}
