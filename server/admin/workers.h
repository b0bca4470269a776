/* SPDX-License-Identifier: MIT */
/**
 * @file workers.h
 * What a state tells of its workers, for /metrics and /stats.json alike.
 */
#ifndef SERVER_ADMIN_WORKERS_H
#define SERVER_ADMIN_WORKERS_H

#include "server/admin/state.h"

#include <stdbool.h>
#include <stdint.h>

/** Whether a session in this phase has a worker: all but those queued and parked. */
bool admin_has_worker(enum phase phase);

/** How many sessions have a worker. */
uint64_t admin_served(const struct state *state);

/**
 * Whether there are workers, or event loops, that stay when their sessions go. Otherwise each
 * session has a worker of its own, a thread or a process, for as long as it is served.
 */
bool admin_has_pool(const struct state *state);

/** How many workers, or event loops, there are. */
uint64_t admin_workers(const struct state *state);

/** How many of them have at least one session. One that is to go, and has, is not counted twice. */
uint64_t admin_busy_workers(const struct state *state);

/** How many have none. */
uint64_t admin_idle_workers(const struct state *state);

#endif /* SERVER_ADMIN_WORKERS_H */
