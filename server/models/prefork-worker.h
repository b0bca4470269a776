/* SPDX-License-Identifier: MIT */
/**
 * @file prefork-worker.h
 * The worker processes of --model prefork, and what they share with the main process: see prefork.c.
 */
#ifndef SERVER_MODELS_PREFORK_WORKER_H
#define SERVER_MODELS_PREFORK_WORKER_H

#include "pool/echopool.h"
#include "server/models/model.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/** What lies in memory that all processes share, besides struct shared, the sessions and the doors. */
struct common {
    struct {
        _Atomic(struct session *) free[PLACES_TO_ACCEPT]; /* lent, and not taken yet */
        atomic_bool wants;                                /* the worker waits for one */
    } of[EP_WORKERS_MAX];
};

/** What a worker reports. */
struct report {
    uint32_t worker;
    uint32_t is_end;
    struct session *session;
};

/** What all workers have. Set before the first one is forked, so that each has a copy. */
struct crew {
    struct shared *shared;
    struct doors *doors;
    struct common *common;
    unsigned char *buffer; /* each worker writes to its own copy */
    int reports[2];        /* a socket pair: read by the loop, written by the workers */
};

/**
 * Accept and serve one session after the other, as the child of a fork from the loop, with all signals blocked.
 * Ends the process when the doors are closed, or there are fewer workers.
 *
 * @param parent  the main process
 */
_Noreturn void prefork_work(const struct crew *crew, unsigned number, pid_t parent);

#endif /* SERVER_MODELS_PREFORK_WORKER_H */
