/* SPDX-License-Identifier: MIT */
/**
 * @file session.h
 * One client's connection, from accept to close. What is done with it in between is in serve.h.
 *
 * Life: the loop makes a session for each accepted connection and offers it to the model. Either the
 * model takes it, has session_serve() called until it returns NEED_NOTHING, and then calls session_end();
 * or the session is rejected. Either way it is counted once, by its outcome, and freed.
 *
 * Ownership. The main process owns `fd` and the accounting's entry. The serving side owns the members
 * under "serving"; it is a thread, the loop, or another process, and with --hold message one worker after
 * another. If a worker process has accepted the connection itself, only that process has the descriptor: it is
 * the session's keeper. The members under "across" are how the two see each other, and are atomic.
 *
 * Ending. The loop judges a session (session_judge()): it writes the verdict first and then shuts down the
 * socket, which wakes a thread that is blocked in it. The serving side checks the verdict after every
 * wait. shutdown() is needed because close() does not wake a blocked thread; the verdict is needed
 * because data that comes after shutdown(SHUT_RD) can still be read on Linux.
 */
#ifndef SERVER_SESSION_SESSION_H
#define SERVER_SESSION_SESSION_H

#include "common/address.h"
#include "common/stream.h"
#include "server/session/accounting.h"
#include "server/session/boundary.h"
#include "server/session/per-source.h"
#include "server/session/shared.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/** What a session waits for before session_serve() must be called again. */
enum need {
    NEED_NOTHING, /**< it is at its end: call session_end() */
    NEED_READ,    /**< until its descriptor is readable */
    NEED_WRITE,   /**< until its descriptor is writable */
    NEED_TURN,    /**< nothing: serve other sessions first, then this one again */
    NEED_MOMENT,  /**< SESSION_MOMENT_NS: no event reports what it waits for */
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
    STAGE_LINGER, /* only while the server stops: see boundary.h */
    STAGE_ENDED,
};

/** Whether the loop wants a session to end, because the server stops. */
enum ending {
    ENDING_NOT,
    ENDING_AT_BOUNDARY, /**< after an echo, when nothing more has come for a moment */
    ENDING_NOW,         /**< after the next echo, even if more has come */
};

/** What a non-blocking session has received and could not send yet. */
struct rest {
    unsigned char *bytes; /* NULL: nothing. From malloc() */
    size_t size;
    size_t sent;
    bool held; /* not for want of room: to see whether more comes, or this is the last echo */
    size_t
        counted; /* of its first bytes, as sent, before they turned out not to be: echo_take_back() */
};

struct proxy_reader;

struct session {
    struct accounting_entry entry; /**< first, so that an entry is its session */

    /* set by session_new(), then read-only */
    struct shared *shared;
    uint64_t number; /**< counted from 1, over all processes that accept */
    int fd;          /**< open until session_end(); -1: only the keeper has it */
    pid_t keeper;    /**< the process that has accepted it (models/prefork.c); 0: this one */
    struct per_source_key source; /**< what --per-source counts it as; set by session_admit() */

    /* serving */
    struct address peer;  /* the client's; replaced by that of a PROXY header */
    struct stream stream; /* on fd, or in a worker process on a descriptor of its own */
    enum stage stage;
    enum outcome outcome; /* once the stage is STAGE_ENDED */
    struct rest rest;
    uint64_t draws;             /* where its service times are: see service-time.h */
    struct proxy_reader *proxy; /* while its header is read */
    uint64_t header_bytes;      /* of that header when it is whole; in no count of the entry */
    bool is_check;              /* a proxy's health check: LOCAL, or it names itself */
    bool conversed;             /* it has come to the echo */
    bool lingers;               /* what was sent last is worth a lingering close */
    const char *why;            /* it was rejected here; NULL: it was not */
    struct boundary boundary;   /* of one that the server ends */

    /* across */
    _Atomic uint64_t progress; /**< moves << 3 | enum phase: changes with every step */
    _Atomic uint32_t verdict;  /**< why it must end, an enum outcome; OUTCOME_SERVED: no verdict.
                                    Also a futex, for those who sleep */
    _Atomic uint32_t
        shut; /**< directions that the keeper must shut down: see session_follow_shut() */
    atomic_bool reading_stopped; /**< the loop has ended it, as an end of file would */
    _Atomic uint32_t ending;     /**< an enum ending */

    struct session *next_late; /* of a model, while it owns the session: see models/waiting.h */

    /* loop only: see timeouts.c */
    uint64_t progress_seen;
    int64_t seen_ns;
    uint64_t nudge_seen;
    int64_t ready_ns; /**< with --hold message: when its last bytes were seen; 0: none were */
};

/**
 * Make a session of an accepted connection, and count it. Takes over the descriptor.
 *
 * @param peer  the client's address
 * @return      NULL: out of memory. It is counted as rejected, and the caller keeps the descriptor
 */
struct session *session_new(struct shared *shared, int fd, const struct address *peer);

/** Set up a session of an accepted connection, with the next number, in memory that is zeroed. */
void session_set_up(struct session *session, struct shared *shared, int fd,
                    const struct address *peer);

/**
 * Check --per-source, and count the session there until it ends. Call once: on the loop, or with
 * --proxy-protocol on the serving side when the client's address is known.
 */
bool session_admit(struct session *session);

/**
 * Log with --verbose: "session 7 from 192.0.2.1:1001 has no TLS: no common cipher".
 *
 * Threads: the session's owner.
 *
 * @param event  what to call this in JSON, where its members are number, peer and reason
 */
void session_log(const struct session *session, const char *event, const char *words,
                 const char *reason);

/** Make it non-blocking before session_serve() is called for the first time. */
void session_set_nonblocking(struct session *session);

/**
 * Count, close and release a session that is at its end.
 *
 * Threads: any of the main process, after the serving side has finished.
 */
void session_end(struct session *session);

/** End a session without a BUSY line: one that was never begun, or one whose worker died. */
void session_drop(struct session *session, enum outcome outcome);

/**
 * Return how a session ends that the server ends because it stops: as OUTCOME_STOPPED if everything that
 * came was echoed, and arrived; otherwise as OUTCOME_CUT.
 *
 * @param fd  its connection, in this process. -1: only a process that has died had it, so that bytes may be lost
 *
 * Threads: the serving side; or any, once that has finished.
 */
enum outcome session_loss(const struct session *session, int fd);

/**
 * Count the session under the outcome, send BUSY and why to its client, and release it.
 *
 * Threads: any of the main process.
 */
void session_turn_away(struct session *session, enum outcome outcome, const char *why);

/* --- the loop, on a session that is being served ------------------------------------------- */

/** Make the session end, and count it under the verdict. The first verdict stands. */
void session_judge(struct session *session, enum outcome verdict);

/**
 * While the server drains: stop reading from a session that has waited for its client since the last
 * call. What has arrived is still echoed. A visitor for accounting_each().
 */
void session_nudge(struct accounting_entry *entry, void *context);

/** Let the session end at its next boundary. A visitor for accounting_each(); context: an enum ending */
void session_conclude(struct accounting_entry *entry, void *context);

/** In the keeper, after SIGURG: shut down what the loop wants to be. May be called by a signal handler. */
void session_follow_shut(const struct session *session);

/** Get the phase that a session is in now. */
static inline enum phase session_phase(const struct session *session)
{
    return (enum phase)(atomic_load_explicit(&session->progress, memory_order_relaxed) & 7);
}

/** Get why it must end; OUTCOME_SERVED: it need not. */
static inline enum outcome session_verdict(const struct session *session)
{
    return (enum outcome)atomic_load_explicit(&session->verdict, memory_order_relaxed);
}

/** Enter a phase. Serving side only. */
static inline void session_move(struct session *session, enum phase phase)
{
    uint64_t moves = atomic_load_explicit(&session->progress, memory_order_relaxed) >> 3;

    atomic_store_explicit(&session->progress, (moves + 1) << 3 | phase, memory_order_relaxed);
}

/** End the session: it only has to be closed, after what has been sent has arrived. Serving side only. */
static inline enum need session_finish(struct session *session, enum outcome outcome)
{
    session->outcome = outcome;
    session->stage = STAGE_SETTLE;
    session_move(session, PHASE_CLOSING);
    return NEED_NOTHING;
}

/** Get what a non-blocking session waits for after -EAGAIN. */
static inline enum need session_awaits(const struct session *session)
{
    return session->stream.wants_write ? NEED_WRITE : NEED_READ;
}

/** Check for a proxy's health check, which has what it wants once its header was taken; a reset may end it. */
static inline bool session_was_check(const struct session *session)
{
    return session->is_check &&
           atomic_load_explicit(&session->entry.bytes_received, memory_order_relaxed) == 0;
}

#endif /* SERVER_SESSION_SESSION_H */
