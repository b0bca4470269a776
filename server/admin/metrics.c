/* SPDX-License-Identifier: MIT */
/*
 * The state for Prometheus: see metrics.h.
 *
 * Every family has its HELP and TYPE lines once, before its samples. The samples are the same in both
 * formats, except for whole numbers in bounds of buckets. What OpenMetrics wants besides is made from
 * the name and the type of a family. A failed evbuffer_add_vprintf() is remembered until the end, so
 * that the list of metrics reads as a list.
 */
#include "config.h"

#include "common/clock.h"
#include "server/admin/metrics.h"

#include "server/admin/state.h"
#include "server/models/model.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

struct text {
    struct evbuffer *out;
    enum metrics_format format;
    bool failed;
};

enum type { GAUGE, COUNTER, INFO, HISTOGRAM };

/* The words of a type by format, and the end of the samples' names that OpenMetrics does not count as part
 * of the family's name. */
static const struct {
    const char *words[2];
    const char *suffix;
} types[] = {
    [GAUGE] = {{"gauge", "gauge"}, ""},
    [COUNTER] = {{"counter", "counter"}, "_total"},
    [INFO] = {{"gauge", "info"}, "_info"},
    [HISTOGRAM] = {{"histogram", "histogram"}, ""},
};

static void add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct text *text, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    text->failed |= evbuffer_add_vprintf(text->out, format, arguments) < 0;
    va_end(arguments);
}

/* --- kinds of families --------------------------------------------------------------------- */

/* Write the UNIT line of a family whose name, of this size, ends in one. */
static void unit(struct text *text, const char *name, int size)
{
    static const char *const units[] = {"seconds", "bytes"};

    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        int start = size - (int)strlen(units[i]);
        if (start >= 0 && strncmp(name + start, units[i], strlen(units[i])) == 0)
            add(text, "# UNIT echopool_%.*s %s\n", size, name, units[i]);
    }
}

/* Begin a family, whose samples follow. */
static void family(struct text *text, const char *name, enum type type, const char *help)
{
    int size = (int)strlen(name);

    if (text->format == METRICS_OPEN)
        size -= (int)strlen(types[type].suffix);
    add(text, "# HELP echopool_%.*s %s\n# TYPE echopool_%.*s %s\n", size, name, help, size, name,
        types[type].words[text->format]);
    if (text->format == METRICS_OPEN)
        unit(text, name, size);
}

static void counter(struct text *text, const char *name, const char *help, uint64_t value)
{
    family(text, name, COUNTER, help);
    add(text, "echopool_%s %" PRIu64 "\n", name, value);
}

/* Write a gauge; what is not known has no sample, and so no family. */
static void gauge(struct text *text, const char *name, const char *help, uint64_t value)
{
    if (value == STATE_UNKNOWN)
        return;
    family(text, name, GAUGE, help);
    add(text, "echopool_%s %" PRIu64 "\n", name, value);
}

/* Write a limit; 0 is none, and written as infinity. */
static void limit(struct text *text, const char *name, const char *help, uint64_t value)
{
    if (value > 0) {
        gauge(text, name, help, value);
        return;
    }
    family(text, name, GAUGE, help);
    add(text, "echopool_%s +Inf\n", name);
}

/* Write a duration; type is GAUGE or COUNTER. */
static void seconds(struct text *text, const char *name, enum type type, const char *help,
                    int64_t ns)
{
    family(text, name, type, help);
    add(text, "echopool_%s %" PRId64 ".%09" PRId64 "\n", name, ns / SECOND_NS, ns % SECOND_NS);
}

static void labelled(struct text *text, const char *name, const char *label, const char *word,
                     uint64_t value)
{
    add(text, "echopool_%s{%s=\"%s\"} %" PRIu64 "\n", name, label, word, value);
}

/* Write a histogram: a bucket counts all times up to its bound. */
static void histogram(struct text *text, const char *name, const char *help,
                      const struct times *times)
{
    uint64_t so_far = 0;

    family(text, name, HISTOGRAM, help);
    for (int i = 0; i < TIME_BUCKETS; i++) {
        double bound = time_bucket_seconds[i];
        /* OpenMetrics has 1.0 where the older format has 1. */
        bool is_whole = text->format == METRICS_OPEN && bound >= 1 && bound == trunc(bound);
        so_far += times->buckets[i];
        add(text, "echopool_%s_bucket{le=\"%.9g%s\"} %" PRIu64 "\n", name, bound,
            is_whole ? ".0" : "", so_far);
    }
    add(text, "echopool_%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, times->count);
    add(text, "echopool_%s_sum %.9f\n", name, times->sum_seconds);
    add(text, "echopool_%s_count %" PRIu64 "\n", name, times->count);
}

/* --- the families -------------------------------------------------------------------------- */

/* Words of options have only letters and hyphens, so they need no escapes. */
static void add_settings(struct text *text, const struct state *state)
{
    family(text, "build_info", INFO, "Always 1; what is running.");
    add(text, "echopool_build_info{version=\"%s\"} 1\n", PACKAGE_VERSION);
    family(text, "server_info", INFO, "Always 1; the settings of the server.");
    add(text, "echopool_server_info{model=\"%s\",on_full=\"%s\",hold=\"%s\"} 1\n",
        state->type->name, state->on_full != NULL ? state->on_full : "",
        state->hold != NULL ? state->hold : "");
    seconds(text, "uptime_seconds", GAUGE, "Time since the server was started.", state->uptime_ns);
    gauge(text, "lame_duck", "1 while the server stops, is not ready, and still accepts.",
          state->lame_duck);
    gauge(text, "draining", "1 while the server stops and accepts no more.", state->draining);
}

static void add_connections(struct text *text, const struct state *state)
{
    const struct counts *counts = &state->counts;

    counter(text, "connections_accepted_total",
            "Connections that were accepted: the sum of ended and active ones.", counts->accepted);
    gauge(text, "connections_active", "Live sessions: served, waiting or parked.",
          counts->in_flight);
    family(text, "connections_ended_total", COUNTER, "Ended sessions by outcome.");
    for (int i = 0; i < OUTCOME_COUNT; i++)
        labelled(text, "connections_ended_total", "outcome", outcome_words[i], counts->ended[i]);
    family(text, "errors_total", COUNTER, "Failures of accept(), of handshakes and of sessions.");
    labelled(text, "errors_total", "kind", "accept", state->listener.errors);
    labelled(text, "errors_total", "kind", "handshake", counts->ended[OUTCOME_HANDSHAKE_FAILED]);
    labelled(text, "errors_total", "kind", "session", counts->ended[OUTCOME_FAILED]);
    counter(text, "echoes_total", "Messages that were echoed.", counts->echoes);
    family(text, "bytes_total", COUNTER, "Bytes of messages, by direction.");
    labelled(text, "bytes_total", "direction", "received", counts->bytes_received);
    labelled(text, "bytes_total", "direction", "sent", counts->bytes_sent);
}

static void add_places(struct text *text, const struct state *state)
{
    const struct listener_state *listener = &state->listener;
    uint64_t busy = state_busy_workers(state);

    family(text, "sessions", GAUGE, "Live sessions by phase.");
    for (int i = 0; i < PHASE_COUNT; i++)
        labelled(text, "sessions", "phase", phase_words[i], state->in_phase[i]);
    gauge(text, "sessions_served_peak", "The most sessions served at once.",
          state->counts.peak_served);
    gauge(text, "sessions_waiting_peak", "The most sessions that waited for a worker at once.",
          state->counts.peak_waiting);
    family(text, "workers", GAUGE, "Workers with and without a session.");
    labelled(text, "workers", "state", "busy", busy);
    labelled(text, "workers", "state", "idle", state_workers(state) - busy);
    gauge(text, "queue_depth", "Sessions that wait for a worker.", state->in_phase[PHASE_QUEUED]);
    seconds(text, "queue_oldest_wait_seconds", GAUGE,
            "How long the session that has waited longest for a worker has waited; 0: none waits.",
            state->longest_wait_ns);
    gauge(text, "queue_capacity", "Sessions that may wait for a worker.", state->queue);
    gauge(text, "backlog_depth", "Connections that wait in the kernel.",
          listener->backlog_unknown ? STATE_UNKNOWN : listener->backlog);
    limit(text, "backlog_capacity", "Connections that may wait in the kernel.",
          listener->backlog_unknown ? STATE_UNKNOWN : listener->backlog_max);
    gauge(text, "accept_paused", "1 while accepting is paused.", listener->paused);
    family(text, "accept_paused_by", GAUGE,
           "1 for each reason of the pause: the model is full, accept() has failed, a person has "
           "asked for it.");
    labelled(text, "accept_paused_by", "reason", "full", listener->why_full);
    labelled(text, "accept_paused_by", "reason", "errors", listener->why_errors);
    labelled(text, "accept_paused_by", "reason", "person", listener->why_person);
    counter(text, "accept_pauses_total",
            "How often accepting was paused because workers and queue were full.",
            listener->pauses);
    seconds(text, "accept_paused_seconds_total", COUNTER, "How long accepting was paused.",
            listener->paused_ns);
    counter(text, "accept_wakeups_total",
            "How often a worker that accepts by itself was woken for a connection.",
            listener->wakeups);
    counter(text, "accept_wakeups_in_vain_total",
            "How often another worker had then accepted it already.", listener->in_vain);
}

static void add_visitors(struct text *text, const struct visitor_counts *visitors)
{
    gauge(text, "visitors", "Visitors that are here: clients that the page has sent.",
          visitors->here);
    family(text, "visitors_ended_total", COUNTER,
           "Visitors that have gone, by outcome; as sessions they are counted among all others.");
    labelled(text, "visitors_ended_total", "outcome", "served", visitors->served);
    labelled(text, "visitors_ended_total", "outcome", "rejected", visitors->rejected);
    labelled(text, "visitors_ended_total", "outcome", "ended", visitors->ended);
}

/* Of --model io-uring only. Calls by echoes is what it saves. */
static void add_rings(struct text *text, const struct state *state)
{
    const struct ring_counts *rings = &state->rings;

    counter(text, "ring_enters_total",
            "System calls that handed operations over to a ring, or waited for one.",
            rings->enters);
    counter(text, "ring_submissions_total", "Operations that were handed over.",
            rings->submissions);
    counter(text, "ring_completions_total", "Completions that were taken from the rings.",
            rings->completions);
    counter(text, "ring_shortages_total",
            "Receives that ended because every buffer of the ring was lent.", rings->shortages);
    gauge(text, "ring_buffers", "Buffers that the rings lend to receives.", rings->buffers);
    gauge(text, "ring_buffers_lent", "Buffers that hold bytes of a session.", rings->lent);
}

static void add_resources(struct text *text, const struct state *state)
{
    gauge(text, "threads", "Threads of the server.", state->threads);
    gauge(text, "processes", "The server and its worker processes.", state->processes);
    gauge(text, "resident_memory_bytes", "Memory in use.", state->resident_bytes);
    gauge(text, "virtual_memory_bytes", "Address space in use.", state->virtual_bytes);
    limit(text, "virtual_memory_max_bytes", "Address space that may be used.",
          state->virtual_limit);
    gauge(text, "open_fds", "Descriptors that are open.", state->descriptors);
    limit(text, "max_fds", "Descriptors that may be open.", state->descriptor_limit);
    seconds(text, "cpu_seconds_total", COUNTER, "User and system time of all processes.",
            state->cpu_ns);
    counter(text, "print_dropped_total",
            "Messages that were not printed because standard output was too slow.",
            state->print_dropped);
    counter(text, "trace_dropped_total",
            "Sessions that are missing in the trace because writing it was too slow.",
            state->trace_dropped);
}

int admin_metrics(const struct state *state, enum metrics_format format, struct evbuffer *out)
{
    struct text text = {.out = out, .format = format};

    add_settings(&text, state);
    add_connections(&text, state);
    add_places(&text, state);
    histogram(&text, "queue_wait_seconds", "From accept to the begin of service.",
              &state->counts.waits);
    histogram(&text, "task_duration_seconds",
              "From the begin of service to the end of a session that was not rejected.",
              &state->counts.services);
    add_visitors(&text, &state->visitors);
    if (state->type->rings != NULL)
        add_rings(&text, state);
    add_resources(&text, state);
    if (format == METRICS_OPEN)
        add(&text, "# EOF\n");
    return text.failed ? -ENOMEM : 0;
}
