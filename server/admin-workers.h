/* SPDX-License-Identifier: MIT */
/**
 * @file admin-workers.h
 * What a state tells of its workers, for /metrics and /stats.json alike.
 */
#ifndef SERVER_ADMIN_WORKERS_H
#define SERVER_ADMIN_WORKERS_H

#include "server/state.h"

#include <stdbool.h>
#include <stdint.h>

/** Whether a session in this phase has a worker: all but those queued and parked. */
bool admin_has_worker(enum phase phase);

/** How many sessions have a worker. */
uint64_t admin_served(const struct state *state);

/** How many workers have at least one. An uncapped server has a worker for each session. */
uint64_t admin_busy_workers(const struct state *state);

/** How many workers have none; 0 in an uncapped server. */
uint64_t admin_idle_workers(const struct state *state);

#endif /* SERVER_ADMIN_WORKERS_H */
