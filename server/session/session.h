/* SPDX-License-Identifier: MIT */
/**
 * @file session.h
 * One client's connection, from accept to close, and communicate(), the echo itself.
 *
 * Life: the loop makes a session for each accepted connection and offers it to the model. Either
 * the model takes it, has session_serve() called until it says NEED_NOTHING, and then calls
 * session_end(); or it is turned away. Either way it is counted once, by how it ended, and freed.
 *
 * Who touches what. The loop, or whoever the model has end it, owns `fd` and the accounting's
 * entry. Whoever serves owns what stands under "the server's"; that may be a thread, the loop, or
 * another process, and with --hold message one worker after the other. What stands under
 * "across" is how the two see each other, and is atomic.
 *
 * Being told to end. The loop judges a session (session_judge()): it writes the verdict first and
 * then shuts the socket, which wakes whoever is blocked in it; who serves looks at the verdict after
 * every wait. shutdown() is needed since close() wakes nobody, the verdict since data that comes
 * after shutdown(SHUT_RD) can still be read on Linux.
 */
#ifndef SERVER_SESSION_SESSION_H
#define SERVER_SESSION_SESSION_H

#include "common/address.h"
#include "common/stream.h"
#include "server/session/accounting.h"
#include "server/session/per-source.h"
#include "server/session/shared.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/** What a session waits for before session_serve() is to be called again. */
enum need {
    NEED_NOTHING, /**< it is at its end: call session_end() */
    NEED_READ,    /**< until its descriptor is readable */
    NEED_WRITE,   /**< until its descriptor is writable */
    NEED_TURN,    /**< for nothing: it has had its share, let others come first */
    NEED_MOMENT,  /**< for SESSION_MOMENT_NS: something that no event tells */
};

#define SESSION_MOMENT_NS INT64_C(5000000)

/** The steps of a session, in their order. */
enum stage {
    STAGE_NEW,
    STAGE_PROXY,
    STAGE_TLS,
    STAGE_ECHO,
    STAGE_SETTLE,
    STAGE_FINISH,
    STAGE_ENDED,
};

/** What a non-blocking session has received and could not send yet. */
struct rest {
    unsigned char *bytes; /* NULL: nothing. From malloc() */
    size_t size;
    size_t sent;
};

struct proxy_reader;

struct session {
    struct accounting_entry entry; /**< first, so that an entry is its session */

    /* set by session_new(), then read-only */
    struct shared *shared;
    uint64_t number;              /**< counted from 1 */
    int fd;                       /**< open until session_end() */
    struct per_source_key source; /**< what --per-source counts it as; set by session_admit() */

    /* the server's */
    struct address peer;  /* where it comes from; a PROXY header, once it is read, knows better */
    struct stream stream; /* on fd, or in a worker process on a descriptor of its own */
    enum stage stage;
    enum outcome outcome; /* once the stage is STAGE_ENDED */
    struct rest rest;
    uint64_t draws;             /* where its service times are: see service-time.h */
    struct proxy_reader *proxy; /* while its header is read */

    /* across */
    _Atomic uint64_t progress; /**< moves << 3 | enum phase: changes with every step */
    _Atomic uint32_t verdict;  /**< why it has to end, an enum outcome; OUTCOME_SERVED: it need not.
                                    Also a futex, for those who sleep */
    atomic_bool reading_stopped; /**< the loop lets it end, as at an end of file */
    _Atomic unsigned worker;     /**< who serves it */

    /* the loop's own: see watch.c */
    uint64_t progress_seen;
    int64_t seen_ns;
    uint64_t echoes_seen;
};

/**
 * A connection has been accepted. Counts it. Takes the descriptor over.
 *
 * @param peer  where it comes from
 * @return      NULL for want of memory: it is counted as rejected and the descriptor is the caller's
 */
struct session *session_new(struct shared *shared, int fd, const struct address *peer);

/** Whether --per-source lets it in. The loop asks once; session_end() and its kin give it back. */
bool session_admit(struct session *session);

/**
 * Serve it as far as it goes: blocking, to its end; non-blocking, until it has to wait.
 *
 * @param buffer  shared->buffer_bytes of the caller's, for the time of the call
 * @param worker  who serves it
 */
enum need session_serve(struct session *session, unsigned char *buffer, unsigned worker);

/** Make it non-blocking before session_serve() is called for the first time. */
void session_set_nonblocking(struct session *session);

/**
 * It is at its end: count it, close it, release it.
 *
 * Threads: any one, of the main process, after whoever served it.
 */
void session_end(struct session *session);

/** End it without a word, served or not. For one whose turn never came, or whose worker died. */
void session_drop(struct session *session, enum outcome outcome);

/**
 * Count it under the outcome, tell its client why it is not served, and see it off. Releases it.
 *
 * Threads: the loop's.
 */
void session_turn_away(struct session *session, enum outcome outcome, const char *why);

/* --- the loop's hand on a session that somebody else serves -------------------------------- */

/** It has to end, and be counted so. The first verdict stands. */
void session_judge(struct session *session, enum outcome verdict);

/**
 * While the server drains: stop reading from a session that has finished no echo since the last
 * call. What has arrived is still echoed. A visitor for accounting_each().
 */
void session_nudge(struct accounting_entry *entry, void *context);

/** The phase that a session is in now. */
static inline enum phase session_phase(const struct session *session)
{
    return (enum phase)(atomic_load_explicit(&session->progress, memory_order_relaxed) & 7);
}

/** It moves on to a phase. The server's. */
static inline void session_move(struct session *session, enum phase phase)
{
    uint64_t moves = atomic_load_explicit(&session->progress, memory_order_relaxed) >> 3;

    atomic_store_explicit(&session->progress, (moves + 1) << 3 | phase, memory_order_relaxed);
}

/**
 * The echo: receive, transform, send, until the client has said its last. Every model comes here.
 *
 * Two system calls an echo, no allocation, no lock.
 */
enum need communicate(struct session *session, unsigned char *buffer);

#endif /* SERVER_SESSION_SESSION_H */
