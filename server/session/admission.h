/* SPDX-License-Identifier: MIT */
/**
 * @file admission.h
 * From an accepted connection to a session that may be served: what each thread does that accepts.
 */
#ifndef SERVER_SESSION_ADMISSION_H
#define SERVER_SESSION_ADMISSION_H

#include "common/log.h"
#include "server/session/session.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

/** How long to accept nothing after accept_failed() has said so. */
#define ACCEPT_RETRY_MS 100

/** The failures of accept() in one thread, which owns this and calls the functions. All zero, except the gate: none. */
struct accept_failures {
    struct log_gate *gate;  /**< may be that of other threads and processes too */
    _Atomic uint64_t count; /**< since the start; any thread may read it */
    unsigned in_a_row;      /**< since the last connection */
};

/** Note that a connection was accepted. */
static inline void accept_succeeded(struct accept_failures *failures)
{
    failures->in_a_row = 0;
}

/** Check for an error of accept() that only asks to try again. */
static inline bool accept_asks_again(int error)
{
    return error == EAGAIN || error == EINTR || error == ECONNABORTED;
}

/**
 * Count and log an error of accept(), other than those that only ask to try again.
 *
 * @param error  an errno value
 * @return       true: it will not go away by itself. The connection stays in the backlog, so pause for
 *               ACCEPT_RETRY_MS: trying again at once would fail again, some two million times a second
 */
bool accept_failed(struct accept_failures *failures, int error);

/**
 * Make a session of an accepted connection, and count it. Takes over the descriptor.
 *
 * @return NULL: the client was sent away with BUSY, for want of memory or by --per-source
 *
 * Threads: any of the main process.
 */
struct session *admission_enter(struct shared *shared, int fd, const struct address *from);

/** Check --per-source for a new session. @return why its client is sent away. NULL: it is let in */
const char *admission_refusal(struct session *session);

#endif /* SERVER_SESSION_ADMISSION_H */
