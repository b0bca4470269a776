/* SPDX-License-Identifier: MIT */
/**
 * @file state.h
 * All that can be told of a running server at one instant: what /metrics, /stats.json and /events
 * show.
 *
 * Whoever shows it takes a struct state and reads; nothing here points back into the server, so a
 * page that is slow to send holds nobody up.
 *
 * Threads: state_take() is the loop's. A state that has been taken belongs to whoever has it.
 */
#ifndef SERVER_ADMIN_STATE_H
#define SERVER_ADMIN_STATE_H

#include "common/address.h"
#include "server/listen/listener.h"
#include "server/session/accounting.h"
#include "server/session/service-time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct model_type;

/** Rows of sessions in a state; the counts are of all, however many there are. */
#define STATE_ROWS_MAX 256

/** One session that is here. */
struct state_session {
    uint64_t number;
    enum phase phase;
    unsigned worker;     /**< who serves it, from 0; of no meaning while it is queued or parked */
    int64_t age_ns;      /**< since it was accepted */
    int64_t held_ns;     /**< since it was begun; 0 while it is queued */
    int64_t in_phase_ns; /**< since a watch last saw it move: see session/watch.h */
    uint64_t echoes;
};

/** What was chosen besides the model, for those who want it in words. Times of 0 are none. */
struct state_settings {
    uint64_t max_sessions; /**< the bound where workers are none */
    uint64_t high_water;   /**< with water marks; else 0 */
    uint64_t low_water;
    uint64_t per_source;
    const char *transform; /**< its word */
    int64_t queue_timeout_ns;
    int64_t idle_timeout_ns;
    int64_t session_timeout_ns;
    int64_t drain_timeout_ns;
    struct service_time delay;
    struct service_time burn;
};

struct state {
    /* what it was asked to be */
    const struct model_type *type;
    uint64_t workers;    /**< now, or event loops; 0 where each session has a worker of its own */
    uint64_t queue;      /**< how many may wait */
    const char *on_full; /**< its word */
    const char *hold;    /**< its word */
    bool draining;
    struct state_settings settings;
    char address[ADDRESS_TEXT_MAX]; /**< where it listens, the first; "" once it drains */

    /* what has become of whom */
    struct counts counts;
    uint64_t in_phase[PHASE_COUNT]; /**< of the sessions that are here */
    uint64_t busy;                  /**< workers, or event loops, that have at least one of them */
    uint32_t sessions_of[STATE_ROWS_MAX]; /**< of the first workers, how many each has */
    struct listener_state listener;

    /* who is here: first those that are served, then those that wait, oldest first */
    struct state_session rows[STATE_ROWS_MAX];
    size_t row_count;

    /* what it takes, against its limits; a limit of 0 is none */
    int64_t uptime_ns;
    uint64_t threads;
    uint64_t processes; /**< this one and its workers */
    uint64_t resident_bytes;
    uint64_t virtual_bytes;
    uint64_t virtual_limit;
    uint64_t descriptors;
    uint64_t descriptor_limit;
    int64_t cpu_ns;         /**< user and system, of all processes that can be seen */
    uint64_t print_dropped; /**< messages that were not printed */
    uint64_t trace_dropped; /**< sessions that are missing in the trace */
};

struct server;

/** Look at everything. Takes the accounting's lock once, for the rows. */
void state_take(struct server *server, struct state *state);

#endif /* SERVER_ADMIN_STATE_H */
