/* SPDX-License-Identifier: MIT */
/**
 * @file runner.h
 * Who runs the sessions of a load: a thread for each (threads.c), or a few event loops (loops.c).
 * And what they both share of the load.
 */
#ifndef CLIENT_LOAD_RUNNER_H
#define CLIENT_LOAD_RUNNER_H

#include "client/load/barrier.h"
#include "client/load/load.h"

#include <pthread.h>
#include <stdatomic.h>

struct runner;

struct runner_ops {
    /**
     * Start the threads, or as many as the machine gives. Sessions that nobody can run are given
     * up, with a sentence on standard error.
     */
    void (*start)(struct runner *runner);
    /** End all sessions soon. May be called again and again. */
    void (*stop)(struct runner *runner);
    /** Wait for the threads, which have nothing left to do. */
    void (*join)(struct runner *runner);
    /** Add where the sessions stand, and what those that run have verified. Any time after start. */
    void (*look)(struct runner *runner, struct progress *progress);
    /** After join: how much of a CPU the busiest thread took, 0 to 1; or of the CPUs all of them. */
    double (*cpu)(const struct runner *runner, double seconds);
    void (*free)(struct runner *runner);
};

struct runner {
    const struct runner_ops *ops;
    unsigned threads; /**< that run sessions */
};

/** One session that is over, for the views. */
struct ended {
    struct ended *next;
    struct session_record record;
};

/** What the runners see of a load. */
struct load {
    /* set before the threads start, then read-only */
    const struct load_settings *settings;
    const struct session_plan *plan;
    bool recording; /* some view wants to hear of sessions */

    struct barrier barrier;      /* locks for itself */
    struct barrier idle_barrier; /* of the idle sessions: all are connected, or failed to */
    atomic_uint running; /* sessions that are not over for good, and one for the main thread */
    int all_over;        /* eventfd, written by the last of them */
    atomic_bool stopping;

    pthread_mutex_t lock;
    /* guarded by lock */
    struct summary *summary; /* but for its histograms, which have a lock of their own */
    struct ended *ended;     /* the latest first, not yet told to the views */
};

/** Add where one session stands. Threads: any. */
static inline void progress_count(struct progress *progress, const struct session *session)
{
    switch (session_place(session)) {
    case PLACE_BEGINNING: progress->beginning++; break;
    case PLACE_QUEUED: progress->queued++; break;
    case PLACE_SERVED: progress->served++; break;
    default: progress->over++; return; /* its messages are in the summary */
    }
    progress->verified += session_verified(session);
}

/** A runner with a thread for each session. @return NULL for want of memory, which has been said */
struct runner *threads_new(struct load *load);

/** A runner with so many event loops; for the sessions of the load, or for its idle ones. */
struct runner *loops_new(struct load *load, unsigned loops, bool idle);

/**
 * A session is over: count it.
 *
 * @return true: begin it anew, session_reconnect() has been called. Otherwise it is over for good
 *
 * Threads: who runs the session.
 */
bool load_settle(struct load *load, struct session *session);

/** One session is over for good: the last tells the main thread. Once for each. */
void load_leave(struct load *load);

#endif /* CLIENT_LOAD_RUNNER_H */
