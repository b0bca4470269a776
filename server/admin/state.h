/* SPDX-License-Identifier: MIT */
/**
 * @file state.h
 * A running server at one instant: what /metrics, /stats.json and /events show.
 *
 * The server fills in its settings and its listener, state_take() the rest. Nothing here points back
 * into sessions, so a client that reads slowly holds up none.
 *
 * Taking a state asks the kernel some questions and takes the accounting's lock, which sessions need
 * when they begin and end. So however often the admin port is asked, a state is shown for
 * STATE_AGE_NS before the next one is taken, and no more than a twentieth of the time goes into
 * taking them.
 *
 * Threads: loop only.
 */
#ifndef SERVER_ADMIN_STATE_H
#define SERVER_ADMIN_STATE_H

#include "common/address.h"
#include "server/admin/visitor.h"
#include "server/listen/listener.h"
#include "server/models/ring-counts.h"
#include "server/session/accounting.h"
#include "server/session/service-time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct admin_host;
struct model_type;
struct shared;

/** Rows of sessions in a state; the counts are of all sessions. */
#define STATE_ROWS_MAX 256
/** A number that the system does not report: /proc is missing, or a sandbox forbids the question. */
#define STATE_UNKNOWN UINT64_MAX
/** How long a state is shown, at least. */
#define STATE_AGE_NS INT64_C(10000000)

/** One live session. */
struct state_session {
    uint64_t number;
    enum phase phase;
    unsigned worker;     /**< that serves it, from 0; of no meaning if it has none */
    int64_t age_ns;      /**< since accept */
    int64_t held_ns;     /**< since a worker began it; 0: none has */
    int64_t in_phase_ns; /**< since the timer last saw it move: see session/timeouts.h; for one that
                              waits for a worker, since it began to wait */
    uint64_t echoes;
};

/** Settings besides the model. Times of 0 are none. */
struct state_settings {
    uint64_t max_sessions; /**< for models without a cap */
    uint64_t high_water;   /**< 0: no water marks */
    uint64_t low_water;
    uint64_t per_source;
    const char *transform; /**< its word */
    int64_t queue_timeout_ns;
    int64_t idle_timeout_ns;
    int64_t session_timeout_ns;
    int64_t shutdown_delay_ns;
    int64_t drain_timeout_ns;
    struct service_time delay;
    struct service_time burn;
};

struct state {
    /* from the server */
    const struct model_type *type;
    uint64_t workers;    /**< now, or event loops; 0: each session has its own */
    bool resizable;      /**< their number can be changed */
    uint64_t queue;      /**< how many sessions may wait; STATE_UNKNOWN: --queue has no effect */
    const char *on_full; /**< its word */
    const char *hold;    /**< its word */
    struct state_settings settings;
    char address[ADDRESS_TEXT_MAX]; /**< the first that it listens on; "": it drains */
    struct listener_state listener;
    struct visitor_counts visitors;
    struct ring_counts rings; /**< if type->rings is not NULL */
    int64_t started_ns;

    /* sessions */
    bool lame_duck; /**< it stops, and still accepts */
    bool draining;
    bool ended; /**< the last session has ended, and this is the last state */
    struct counts counts;
    uint64_t in_phase[PHASE_COUNT];       /**< live sessions by phase */
    uint64_t busy;                        /**< workers, or event loops, with at least one session */
    uint32_t sessions_of[STATE_ROWS_MAX]; /**< by worker, as far as there is room */
    struct state_session rows[STATE_ROWS_MAX]; /**< served first, then queued, then parked */
    size_t row_count;
    int64_t longest_wait_ns; /**< of all sessions that wait for a worker; 0: none waits */

    /* resources, and their limits; a limit of 0 is none, STATE_UNKNOWN is not known */
    int64_t uptime_ns;
    uint64_t threads;
    uint64_t processes;      /**< this one and its workers */
    uint64_t resident_bytes; /**< of all processes; the other two are this one's */
    uint64_t virtual_bytes;
    uint64_t virtual_limit;
    uint64_t descriptors;
    uint64_t descriptor_limit;
    int64_t cpu_ns;         /**< user and system, of all processes */
    uint64_t print_dropped; /**< messages that were not printed */
    uint64_t trace_dropped; /**< sessions that are missing in the trace */
};

/** Fill in sessions and resources, after the server's part. Takes the accounting's lock once. */
void state_take(const struct shared *shared, struct state *state);

/** A state and how long it may be shown. All zero except for the host. */
struct state_view {
    const struct admin_host *host;
    int64_t good_until_ns;
    struct state state;
};

/** Return the state to show now; valid until the next call. */
const struct state *state_view(struct state_view *view);

/** Return the state in a word: running, lame duck, draining, ended. */
const char *state_word(const struct state *state);

/** Return why a load balancer must send no more clients here; NULL: it may. */
const char *state_not_ready(const struct state *state);

/* --- workers ------------------------------------------------------------------------------- */

/** Check whether a session in this phase has a worker: it is neither queued nor parked. */
bool state_has_worker(enum phase phase);

/** Check whether workers, or event loops, stay when their sessions end. */
bool state_has_pool(const struct state *state);

/** Count workers, or event loops; without a pool, the sessions that have a worker of their own. */
uint64_t state_workers(const struct state *state);

/** Count those that have a session; a worker that leaves after its session is not among them. */
uint64_t state_busy_workers(const struct state *state);

#endif /* SERVER_ADMIN_STATE_H */
