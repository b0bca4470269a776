/* SPDX-License-Identifier: MIT */
/**
 * @file loops.h
 * Threads, each of which serves many sessions by turns: what models of that kind share. They differ in
 * how a thread waits for all its sessions at once: see event.c and io-uring.c.
 *
 *     accept loop: dispatch ──link──> list of the loop with the fewest sessions, eventfd
 *                                      └ loop's thread: loop_arrivals()
 *
 * Only its own thread touches a loop's sessions. Another thread appends to a list under a lock, and
 * wakes the loop by an eventfd.
 *
 * There is no queue: all sessions are served, up to --max-sessions.
 */
#ifndef SERVER_MODELS_LOOPS_H
#define SERVER_MODELS_LOOPS_H

#include "server/models/model.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/** A session on its way to a loop; the first member of what the loop has for it. */
struct arrival {
    struct arrival *next;
};

struct loops;

/** What every loop begins with. */
struct loop {
    /* set before the thread begins, then read-only */
    struct loops *loops;
    unsigned number; /**< from 0; the worker that its sessions show */
    int wake_fd;     /**< an eventfd that wakes the thread; it does not block */
    bool runs;
    pthread_t thread;

    atomic_size_t held; /**< sessions: added by dispatch, subtracted by the thread */

    pthread_mutex_t lock;
    /* guarded by lock */
    struct arrival *arrived; /**< sessions that the thread has not taken yet, the latest first */
    bool stop;
};

/** How the loops of one model wait. */
struct loops_kind {
    size_t loop_bytes; /**< of its struct, which begins with a struct loop */

    /** Make what the thread needs; `loop` is zeroed except for its first part. @return 0 or -errno */
    int (*init)(struct loop *loop);

    /** Serve until loop_arrivals() has said to stop. Runs on the loop's thread. */
    void (*run)(struct loop *loop);

    /** Release what init() has made, also after its failure. The thread has ended. */
    void (*clear)(struct loop *loop);

    /** Make what a loop has for a session. @return NULL: out of memory. Threads: the accept loop's */
    struct arrival *(*welcome)(struct loop *loop, struct session *session);
};

struct loops {
    struct model base;
    /* set by loops_create(), then read-only */
    const struct loops_kind *kind;
    struct shared *shared;
    uint64_t max_sessions;
    size_t count;

    size_t turn;           /**< accept loop only: where the next search for a loop begins */
    _Atomic uint64_t held; /**< by all loops; a session leaves it in accounting_end() */

    struct loop *at[];
};

/* --- in a loop's thread -------------------------------------------------------------------- */

/**
 * Take the sessions that have arrived, the oldest first, after the eventfd has woken the thread.
 *
 * @param stop  set if the thread must end after that
 */
struct arrival *loop_arrivals(struct loop *loop, bool *stop);

/** Make room after a session. */
void loop_session_ended(struct loop *loop);

/* --- for a model's table: see model.h ------------------------------------------------------ */

int loops_create(const struct loops_kind *kind, const struct model_settings *settings,
                 struct model **model, char why[static MODEL_WHY_MAX]);
int loops_dispatch(struct model *model, struct session *session, char why[static MODEL_WHY_MAX]);
bool loops_have_room(struct model *model);
void loops_destroy(struct model *model);

#endif /* SERVER_MODELS_LOOPS_H */
