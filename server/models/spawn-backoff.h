/* SPDX-License-Identifier: MIT */
/**
 * @file spawn-backoff.h
 * Pauses for a design without a cap, after the system had no thread or process for a session.
 *
 * A server that tries again at once for every client in a burst spends its time failing. So after a
 * failure it tries nothing for 10 ms, then 20, 40, ... 1 s, or until a session has ended; clients that
 * connect meanwhile get BUSY at once.
 *
 * Threads: loop only.
 */
#ifndef SERVER_MODELS_SPAWN_BACKOFF_H
#define SERVER_MODELS_SPAWN_BACKOFF_H

#include "server/models/model.h"

#include <stdbool.h>
#include <stdint.h>

/** All zero: nothing has failed yet. */
struct spawn_backoff {
    const char *what; /**< what is made for each session: "thread", "process" */
    int64_t pause_ns; /**< the pause after the last failure; 0: the last attempt succeeded */
    int64_t retry_ns; /**< when to try again */
    int error;        /**< why the last attempt failed, negated */
    bool reported;    /**< the first failure has been printed */
};

/**
 * Check whether to try now.
 *
 * @return 0: try. Otherwise the error of the last attempt, with the words for the client in why
 */
int spawn_backoff_refusal(const struct spawn_backoff *backoff, char why[static MODEL_WHY_MAX]);

/**
 * Pause after a failed attempt, longer than after the last one, and print the first failure.
 *
 * @param error  a negated errno value
 * @param live   how many threads or processes there are
 * @return       the error, with the words for the client in why
 */
int spawn_backoff_failed(struct spawn_backoff *backoff, const struct session *session, int error,
                         uint64_t live, char why[static MODEL_WHY_MAX]);

/** End the pause: an attempt has succeeded, or there is room again. */
void spawn_backoff_reset(struct spawn_backoff *backoff);

#endif /* SERVER_MODELS_SPAWN_BACKOFF_H */
