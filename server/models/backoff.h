/* SPDX-License-Identifier: MIT */
/**
 * @file backoff.h
 * What a design without a cap does when there is nothing left to serve the next session with.
 *
 * A server that tries again at once for every client in a burst spends its time failing. So after a
 * failure nothing is attempted for 10 ms, then 20, 40, ... 1 s, or until a session has ended; those
 * who come meanwhile are told at once, without a try.
 *
 * Threads: the loop's.
 */
#ifndef SERVER_MODELS_BACKOFF_H
#define SERVER_MODELS_BACKOFF_H

#include "server/models/model.h"

#include <stdbool.h>
#include <stdint.h>

/** All zero: nothing has failed yet. */
struct backoff {
    const char *what; /**< what is made for each session: "thread", "process" */
    int64_t pause_ns; /**< the pause after the last failure; 0: the last attempt succeeded */
    int64_t retry_ns; /**< when to try again */
    int error;        /**< why the last attempt failed, negated */
    bool told;        /**< the first refusal has been reported */
};

/**
 * Whether this is no time to try.
 *
 * @return 0: try. Otherwise the error of the last attempt, with the words for the client in why
 */
int backoff_refusal(const struct backoff *backoff, char why[static MODEL_WHY_MAX]);

/**
 * An attempt for a session has failed: wait longer than after the last one. The first time it is
 * said on standard output, with how many there are.
 *
 * @param error  a negated errno value
 * @return       the error, with the words for the client in why
 */
int backoff_failed(struct backoff *backoff, const struct session *session, int error, uint64_t live,
                   char why[static MODEL_WHY_MAX]);

/** An attempt has succeeded, or there is room again. */
void backoff_reset(struct backoff *backoff);

#endif /* SERVER_MODELS_BACKOFF_H */
