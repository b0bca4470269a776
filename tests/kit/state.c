/* SPDX-License-Identifier: MIT */
/* A filled-in state: see state.h. */
#include "tests/kit/state.h"

#include "server/models/model.h"

#include <stdio.h>
#include <string.h>

static void fill_times(struct times *times, uint64_t first)
{
    times->count = 5; /* beyond the last bound */
    for (int i = 0; i < TIME_BUCKETS; i++) {
        times->buckets[i] = first + (uint64_t)i;
        times->count += times->buckets[i];
    }
    times->sum_seconds = (double)first + 0.125;
}

static void fill_counts(struct counts *counts)
{
    counts->accepted = counts->in_flight = 5;
    for (int i = 0; i < OUTCOME_COUNT; i++) {
        counts->ended[i] = 100 + (uint64_t)i;
        counts->accepted += counts->ended[i];
    }
    counts->echoes = 5001;
    counts->bytes_received = 5002;
    counts->bytes_sent = 5003;
    counts->peak_served = 4;
    counts->peak_waiting = 11;
    fill_times(&counts->waits, 20);
    fill_times(&counts->services, 70);
}

static void fill_rows(struct state *state)
{
    static const struct state_session rows[] = {
        {301, PHASE_RECEIVING, 1, 9000000000, 8000000000, 7000000000, 41},
        {302, PHASE_WORKING, 0, 6000000000, 5000000000, 1500000, 42},
        {303, PHASE_SENDING, 3, 4000000000, 3000000000, 2000000, 43},
        {304, PHASE_QUEUED, 77, 2500000000, 0, 2500000000, 0},
        {305, PHASE_QUEUED, 78, 1250000000, 0, 1250000000, 0},
    };

    memcpy(state->rows, rows, sizeof rows);
    state->row_count = sizeof rows / sizeof *rows;
    for (size_t i = 0; i < state->row_count; i++)
        state->in_phase[rows[i].phase]++;
    state->longest_wait_ns = 2500000000;
    state->busy = 3;
    state->sessions_of[0] = state->sessions_of[1] = state->sessions_of[3] = 1;
}

void state_fill(struct state *state)
{
    static const struct model_type type = {.name = "thread-pool",
                                           .unit = "worker",
                                           .title = "Workers",
                                           .words = "each holds one session",
                                           .capped = true,
                                           .queues = true};

    memset(state, 0, sizeof *state);
    state->type = &type;
    state->workers = 4;
    state->queue = 16;
    state->on_full = "pause";
    state->hold = "session";
    state->settings = (struct state_settings){.max_sessions = 1001,
                                              .high_water = 12,
                                              .low_water = 3,
                                              .per_source = 1004,
                                              .transform = "upper",
                                              .queue_timeout_ns = 1500000000,
                                              .idle_timeout_ns = 2500000000,
                                              .session_timeout_ns = 3500000000,
                                              .shutdown_delay_ns = 750000000,
                                              .drain_timeout_ns = 4500000000,
                                              .delay.mean_ns = 5500000000,
                                              .burn.mean_ns = 6500000000};
    snprintf(state->address, sizeof state->address, "127.0.0.1:8090");
    fill_counts(&state->counts);
    fill_rows(state);
    state->listener = (struct listener_state){
        .pauses = 801, .paused_ns = 1500000000, .errors = 802, .backlog = 803, .backlog_max = 804};
    state->visitors = (struct visitor_counts){
        .sent = 1010, .here = 101, .served = 202, .rejected = 303, .ended = 404};
    state->rings = (struct ring_counts){.enters = 951,
                                        .submissions = 952,
                                        .completions = 953,
                                        .shortages = 954,
                                        .buffers = 955,
                                        .lent = 956};
    state->uptime_ns = 90250000000;
    state->threads = 6;
    state->processes = 1;
    state->resident_bytes = 901;
    state->virtual_bytes = 902;
    state->virtual_limit = 903;
    state->descriptors = 904;
    state->descriptor_limit = 905;
    state->cpu_ns = 2500000000;
    state->print_dropped = 906;
    state->trace_dropped = 907;
}
