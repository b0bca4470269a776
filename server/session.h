/* SPDX-License-Identifier: MIT */
/**
 * @file session.h
 * One client's connection, from accept to close, and communicate(), the echo itself.
 *
 * Life: the loop makes a session for each accepted connection and offers it to the model. Either
 * the model takes it and some thread of its own calls session_serve() once, or the loop takes it
 * back and calls session_reject(). Both end the session, count how it ended, and free it.
 *
 * A session that waits is this struct and a descriptor. The buffer belongs to the thread that
 * serves.
 */
#ifndef SERVER_SESSION_H
#define SERVER_SESSION_H

#include "common/address.h"
#include "common/stream.h"
#include "common/transform.h"
#include "server/accounting.h"
#include "server/printer.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/** What all sessions share. Set before the first one, then read-only but for the two flags. */
struct service {
    struct accounting *accounting;
    struct printer *printer;
    enum print_mode print;
    enum transform transform;
    size_t buffer_bytes;
    int64_t idle_timeout_ns;  /**< 0: none */
    int64_t write_timeout_ns; /**< 0: none */
    int64_t delay_ns;         /**< asleep before each echo */
    int64_t burn_ns;          /**< on the CPU before each echo */
    int wake_fd;              /**< an eventfd of the loop; see service_wake() */
    int cut_fd;               /**< an eventfd that is readable once `cut` is set: ends a sleep */
    atomic_bool draining;     /**< set by the loop: it waits for the last session to end */
    atomic_bool cut;          /**< set by the loop: end now, whatever is under way */
};

/** Make the loop look after its model. Threads: any. */
void service_wake(const struct service *service);

struct session {
    struct accounting_entry entry; /**< first, so that an entry is its session */
    struct service *service;
    struct stream stream;
    uint64_t number; /**< counted from 1 */
    /** Written by the thread that serves, read by the loop while it drains. */
    _Atomic uint64_t echoes;
    /* the loop's own, for draining */
    uint64_t echoes_seen; /* by the last session_nudge() */
    bool reading_stopped;
};

/**
 * A connection has been accepted. Counts it. Takes the descriptor over.
 *
 * @return NULL for want of memory: it is counted as rejected and the descriptor is the caller's
 */
struct session *session_new(struct service *service, int fd);

/**
 * Serve it to its end, on the calling thread. Releases the session.
 *
 * @param buffer  service->buffer_bytes of the caller's
 */
void session_serve(struct session *session, unsigned char *buffer);

/** End it without a word: it failed. For one whose turn never came. Releases the session. */
void session_drop(struct session *session);

/**
 * Count it as rejected. Releases the session.
 *
 * @return its descriptor, which is the caller's now
 */
int session_reject(struct session *session);

/**
 * While the server drains: stop reading from a session that has finished no echo since the last
 * call. What has arrived is still echoed. A visitor for accounting_each().
 */
void session_nudge(struct accounting_entry *entry);

/** End both directions at once. A visitor for accounting_each(). */
void session_cut(struct accounting_entry *entry);

/**
 * The echo: receive, transform, send, until the client has said its last. Every model comes here.
 *
 * Two system calls an echo, no allocation, no lock.
 */
enum outcome communicate(struct session *session, unsigned char *buffer);

#endif /* SERVER_SESSION_H */
