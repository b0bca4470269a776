/* SPDX-License-Identifier: MIT */
/**
 * @file runner.h
 * What runs the sessions of a load: a thread for each (threads.c), or a few event loops (loops.c).
 */
#ifndef CLIENT_LOAD_RUNNER_H
#define CLIENT_LOAD_RUNNER_H

#include "client/load/tally.h"

struct runner;

struct runner_ops {
    /**
     * Start the threads, or as many as the machine allows. Sessions without a thread are given up,
     * with a sentence on standard error.
     */
    void (*start)(struct runner *runner);
    /** End all sessions soon. May be called repeatedly. */
    void (*stop)(struct runner *runner);
    /** Wait for the threads, once all sessions are over. */
    void (*join)(struct runner *runner);
    /** Count where the sessions stand, and what they have verified so far. Any time after start. */
    void (*look)(struct runner *runner, struct progress *progress);
    /** After join: measure what was due and never sent. See session_measure_unsent(). */
    void (*measure_unsent)(const struct runner *runner, int64_t start_ns, int64_t end_ns);
    /** After join: the share of a CPU that the busiest loop took, or of the CPUs that all threads did. */
    double (*cpu)(const struct runner *runner, double seconds);
    void (*free)(struct runner *runner);
};

struct runner {
    const struct runner_ops *ops;
    unsigned threads; /**< that run sessions */
};

/** Count where one session stands. Threads: any. */
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

/** Make a runner with a thread for each session. @return NULL: no memory, which is logged */
struct runner *threads_new(struct load *load);

/** Make a runner with event loops, for the load's sessions or for its idle ones. @return as above */
struct runner *loops_new(struct load *load, unsigned loops, bool idle);

#endif /* CLIENT_LOAD_RUNNER_H */
