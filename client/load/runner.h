/* SPDX-License-Identifier: MIT */
/**
 * @file runner.h
 * Who runs the sessions of a load: a thread for each (threads.c), or a few event loops (loops.c).
 * And what they both share of the load.
 */
#ifndef CLIENT_LOAD_RUNNER_H
#define CLIENT_LOAD_RUNNER_H

#include "client/load/tally.h"

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

#endif /* CLIENT_LOAD_RUNNER_H */
