/* SPDX-License-Identifier: MIT */
/* /metrics: the text keeps the format's rules, and every number is where its name says. */
#include "config.h"

#include "server/admin/metrics.h"
#include "server/models/model.h"
#include "tests/kit/metrics.h"
#include "tests/kit/state.h"
#include "tests/kit/suite.h"

#include <event2/buffer.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct state state;

static struct metrics *read_as(enum metrics_format format)
{
    struct evbuffer *out = evbuffer_new();
    struct metrics *metrics;
    const char *text;

    ck_assert_int_eq(admin_metrics(&state, format, out), 0);
    ck_assert_int_eq(evbuffer_add(out, "", 1), 0);
    text = (const char *)evbuffer_pullup(out, -1);
    metrics = format == METRICS_OPEN ? metrics_read_open(text) : metrics_read(text);
    evbuffer_free(out);
    return metrics;
}

static struct metrics *read_state(void)
{
    return read_as(METRICS_TEXT);
}

static void expect(const struct metrics *metrics, const char *key, double value)
{
    double found = metrics_value(metrics, key);

    ck_assert_msg(found == value, "%s is %f, not %f", key, found, value);
}

CASE("Core")

TEST(every_number_is_under_its_name)
{
    struct metrics *metrics;
    char key[100];

    state_fill(&state);
    metrics = read_state();
    expect(metrics, "echopool_build_info{version=\"" PACKAGE_VERSION "\"}", 1);
    expect(metrics,
           "echopool_server_info{model=\"thread-pool\",on_full=\"pause\",hold=\"session\"}", 1);
    expect(metrics, "echopool_uptime_seconds", 90.25);
    expect(metrics, "echopool_lame_duck", 0);
    expect(metrics, "echopool_draining", 0);
    for (int i = 0; i < OUTCOME_COUNT; i++) {
        snprintf(key, sizeof key, "echopool_connections_ended_total{outcome=\"%s\"}",
                 outcome_words[i]);
        expect(metrics, key, 100 + i);
    }
    for (int i = 0; i < PHASE_COUNT; i++) {
        snprintf(key, sizeof key, "echopool_sessions{phase=\"%s\"}", phase_words[i]);
        expect(metrics, key, (double)state.in_phase[i]);
    }
    expect(metrics, "echopool_connections_accepted_total", (double)state.counts.accepted);
    expect(metrics, "echopool_connections_active", 5);
    expect(metrics, "echopool_errors_total{kind=\"accept\"}", 802);
    expect(metrics, "echopool_errors_total{kind=\"handshake\"}",
           (double)state.counts.ended[OUTCOME_HANDSHAKE_FAILED]);
    expect(metrics, "echopool_errors_total{kind=\"session\"}",
           (double)state.counts.ended[OUTCOME_FAILED]);
    expect(metrics, "echopool_echoes_total", 5001);
    expect(metrics, "echopool_bytes_total{direction=\"received\"}", 5002);
    expect(metrics, "echopool_bytes_total{direction=\"sent\"}", 5003);
    expect(metrics, "echopool_sessions_served_peak", 4);
    expect(metrics, "echopool_sessions_waiting_peak", 11);
    expect(metrics, "echopool_workers{state=\"busy\"}", 3);
    expect(metrics, "echopool_workers{state=\"idle\"}", 1);
    expect(metrics, "echopool_queue_depth", 2);
    expect(metrics, "echopool_queue_capacity", 16);
    expect(metrics, "echopool_queue_oldest_wait_seconds", 2.5);
    expect(metrics, "echopool_backlog_depth", 803);
    expect(metrics, "echopool_backlog_capacity", 804);
    expect(metrics, "echopool_accept_paused", 0);
    expect(metrics, "echopool_accept_paused_by{reason=\"full\"}", 0);
    expect(metrics, "echopool_accept_paused_by{reason=\"errors\"}", 0);
    expect(metrics, "echopool_accept_paused_by{reason=\"person\"}", 0);
    expect(metrics, "echopool_accept_pauses_total", 801);
    expect(metrics, "echopool_accept_paused_seconds_total", 1.5);
    expect(metrics, "echopool_visitors", 101);
    expect(metrics, "echopool_visitors_ended_total{outcome=\"served\"}", 202);
    expect(metrics, "echopool_visitors_ended_total{outcome=\"rejected\"}", 303);
    expect(metrics, "echopool_visitors_ended_total{outcome=\"ended\"}", 404);
    expect(metrics, "echopool_threads", 6);
    expect(metrics, "echopool_processes", 1);
    expect(metrics, "echopool_resident_memory_bytes", 901);
    expect(metrics, "echopool_virtual_memory_bytes", 902);
    expect(metrics, "echopool_virtual_memory_max_bytes", 903);
    expect(metrics, "echopool_open_fds", 904);
    expect(metrics, "echopool_max_fds", 905);
    expect(metrics, "echopool_cpu_seconds_total", 2.5);
    expect(metrics, "echopool_print_dropped_total", 906);
    expect(metrics, "echopool_trace_dropped_total", 907);
    free(metrics);
}

/* metrics_read() has checked that the buckets are cumulative; here are the numbers. */
static void expect_histogram(const struct metrics *metrics, const char *name,
                             const struct times *times)
{
    char key[100];
    double so_far = 0;

    for (int i = 0; i < TIME_BUCKETS; i++) {
        so_far += (double)times->buckets[i];
        snprintf(key, sizeof key, "%s_bucket{le=\"%.9g\"}", name, time_bucket_seconds[i]);
        expect(metrics, key, so_far);
    }
    snprintf(key, sizeof key, "%s_bucket{le=\"+Inf\"}", name);
    expect(metrics, key, (double)times->count);
    snprintf(key, sizeof key, "%s_count", name);
    expect(metrics, key, (double)times->count);
    snprintf(key, sizeof key, "%s_sum", name);
    expect(metrics, key, times->sum_seconds);
}

TEST(histograms)
{
    struct metrics *metrics;

    state_fill(&state);
    metrics = read_state();
    expect_histogram(metrics, "echopool_queue_wait_seconds", &state.counts.waits);
    expect_histogram(metrics, "echopool_task_duration_seconds", &state.counts.services);
    free(metrics);
}

/* The strict reader has checked names, units and the end; here are the samples. */
TEST(both_formats_have_the_same_samples)
{
    struct metrics *text;
    struct metrics *open;

    state_fill(&state);
    text = read_state();
    open = read_as(METRICS_OPEN);
    ck_assert_uint_eq(open->families, text->families);
    ck_assert_uint_eq(open->count, text->count);
    for (size_t i = 0; i < text->count; i++) {
        ck_assert_msg(open->samples[i].value == text->samples[i].value, "%s: %f, %s: %f",
                      open->samples[i].key, open->samples[i].value, text->samples[i].key,
                      text->samples[i].value);
        if (strcmp(open->samples[i].key, text->samples[i].key) != 0)
            ck_assert_ptr_nonnull(strstr(open->samples[i].key, ".0\"}")); /* the bound 1 is 1.0 */
    }
    free(text);
    free(open);
}

#define OPEN "application/openmetrics-text"

static const struct preference {
    const char *accept;
    enum metrics_format format;
} preferences[] = {
    {NULL, METRICS_TEXT},
    {"", METRICS_TEXT},
    {"*/*", METRICS_TEXT},
    {"text/plain", METRICS_TEXT},
    {"image/png", METRICS_TEXT},
    {OPEN, METRICS_OPEN},
    {OPEN "; version=1.0.0", METRICS_OPEN},
    {"Application/OpenMetrics-Text;Version=1.0.0;Charset=utf-8", METRICS_OPEN},
    /* what Prometheus sends */
    {OPEN ";version=1.0.0," OPEN ";version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
     METRICS_OPEN},
    {"text/plain;version=0.0.4;q=0.5,*/*;q=0.1, \t" OPEN " ; version=1.0.0 ; q=0.75 ",
     METRICS_OPEN},
    {OPEN ";q=0.5, */*;q=0.5", METRICS_OPEN},
    /* the other is preferred */
    {OPEN ";q=0.4, text/plain;q=0.5", METRICS_TEXT},
    {OPEN ";q=0.4, text/*", METRICS_TEXT},
    {OPEN ";q=0.4, text/plain;version=1.0.0", METRICS_OPEN}, /* there is no such text */
    /* this one is refused, or another version of it is wanted */
    {OPEN ";q=0", METRICS_TEXT},
    {OPEN ";version=0.0.1", METRICS_TEXT},
    {OPEN ";version=0.0.1;q=1", METRICS_TEXT},
    {OPEN ";version=1.0.0.0", METRICS_TEXT},
    {OPEN "s", METRICS_TEXT},
    /* not an Accept header */
    {OPEN ";q=2", METRICS_TEXT},
    {OPEN ";q=", METRICS_TEXT},
    {OPEN ";q=x", METRICS_TEXT},
    {OPEN " text/plain", METRICS_TEXT},
    {",;,=;q,,; ;", METRICS_TEXT},
    {",;," OPEN ",", METRICS_OPEN},
};

LOOP_TEST(the_client_chooses, COUNT_OF(preferences))
{
    ck_assert_msg(admin_metrics_format(preferences[_i].accept) == preferences[_i].format,
                  "Accept: %s", preferences[_i].accept);
}

CASE("Limits")

/* A server without a client yet: all is there from the beginning, so that rates can be computed. */
TEST(empty_state_has_every_series)
{
    struct metrics *filled;
    struct metrics *empty;

    state_fill(&state);
    filled = read_state();
    state = (struct state){.type = &(struct model_type){.name = "thread"}, .on_full = "reject"};
    empty = read_state();
    ck_assert_uint_eq(empty->count, filled->count);
    ck_assert_uint_eq(empty->families, filled->families);
    expect(empty, "echopool_server_info{model=\"thread\",on_full=\"reject\",hold=\"\"}", 1);
    expect(empty, "echopool_max_fds", INFINITY);
    expect(empty, "echopool_virtual_memory_max_bytes", INFINITY);
    expect(empty, "echopool_backlog_capacity", INFINITY);
    free(filled);
    free(empty);
}

/* What is not known has no sample, and least of all 0. */
TEST(what_is_not_known)
{
    struct metrics *all, *fewer;

    state_fill(&state);
    all = read_state();
    state.queue = STATE_UNKNOWN;
    state.listener.backlog = state.listener.backlog_max = 0;
    state.listener.backlog_unknown = true;
    fewer = read_state();
    ck_assert_uint_eq(fewer->families, all->families - 3);
    ck_assert_uint_eq(fewer->count, all->count - 3);
    for (size_t i = 0; i < fewer->count; i++) {
        ck_assert_ptr_null(strstr(fewer->samples[i].key, "_backlog_"));
        ck_assert_str_ne(fewer->samples[i].key, "echopool_queue_capacity");
    }
    free(all);
    free(fewer);
}

/* Uncapped, each session has a worker; on event loops, a worker has many sessions. */
TEST(busy_and_idle)
{
    struct metrics *metrics;

    state = (struct state){.type = &(struct model_type){.name = "thread"}};
    state.in_phase[PHASE_RECEIVING] = 7;
    metrics = read_state();
    expect(metrics, "echopool_workers{state=\"busy\"}", 7);
    expect(metrics, "echopool_workers{state=\"idle\"}", 0);
    free(metrics);

    state = (struct state){.type = &(struct model_type){.name = "event", .holds_many = true},
                           .workers = 3,
                           .busy = 2,
                           .lame_duck = true,
                           .draining = true};
    state.in_phase[PHASE_SENDING] = 7;
    state.in_phase[PHASE_PARKED] = 100;
    metrics = read_state();
    expect(metrics, "echopool_workers{state=\"busy\"}", 2);
    expect(metrics, "echopool_workers{state=\"idle\"}", 1);
    expect(metrics, "echopool_lame_duck", 1);
    expect(metrics, "echopool_draining", 1);
    free(metrics);
}

static void no_counts(struct model *model, struct ring_counts *counts)
{
    (void)model;
    (void)counts;
}

TEST(rings)
{
    const struct model_type type = {.name = "io-uring", .holds_many = true, .rings = no_counts};
    struct metrics *metrics;

    state_fill(&state);
    state.type = &type;
    metrics = read_state();
    expect(metrics, "echopool_ring_enters_total", 951);
    expect(metrics, "echopool_ring_submissions_total", 952);
    expect(metrics, "echopool_ring_completions_total", 953);
    expect(metrics, "echopool_ring_shortages_total", 954);
    expect(metrics, "echopool_ring_buffers", 955);
    expect(metrics, "echopool_ring_buffers_lent", 956);
    free(metrics);
}

TEST(the_greatest_numbers)
{
    struct metrics *metrics;

    state_fill(&state);
    state.counts.echoes = UINT64_MAX;
    state.uptime_ns = INT64_MAX;
    metrics = read_state();
    expect(metrics, "echopool_echoes_total", (double)UINT64_MAX);
    expect(metrics, "echopool_uptime_seconds", (double)INT64_MAX / 1e9);
    free(metrics);
}
