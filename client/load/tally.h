/* SPDX-License-Identifier: MIT */
/**
 * @file tally.h
 * The accounts of a load: its runners enter each session that is over, the main thread reads them.
 */
#ifndef CLIENT_LOAD_TALLY_H
#define CLIENT_LOAD_TALLY_H

#include "client/load/barrier.h"
#include "client/load/settings.h"
#include "client/report/summary.h"
#include "client/session/session.h"

#include <pthread.h>
#include <stdatomic.h>

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
    bool recording; /* a view wants each session that is over */

    struct barrier barrier;      /* locks for itself */
    struct barrier idle_barrier; /* of the idle sessions: all are connected, or failed to */
    atomic_uint running; /* sessions that are not over for good, and one for the main thread */
    int all_over;        /* eventfd, written by the last of them */
    atomic_bool stopping;

    pthread_mutex_t lock;
    /* guarded by lock */
    struct summary *summary; /* except its histograms, which have a lock of their own */
    struct ended *ended;     /* the latest first; the views have not seen them yet */
};

/**
 * Count a session that is over.
 *
 * @return true: it is prepared for another connection, advance it again. false: it is over for good
 *
 * Threads: the session's runner.
 */
bool tally_session(struct load *load, struct session *session);

/** Count one session as over for good; the last wakes the main thread. Once for each. */
void tally_leave(struct load *load);

/** Take the sessions that have ended since the last call, the earliest first. Free each. */
struct ended *tally_take_ended(struct load *load);

#endif /* CLIENT_LOAD_TALLY_H */
