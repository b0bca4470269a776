/* SPDX-License-Identifier: MIT */
/**
 * @file worker-internal.h
 * The thread executor in two files: executor.c is what its users call, worker.c what
 * its workers do.
 */
#ifndef POOL_THREAD_WORKER_INTERNAL_H
#define POOL_THREAD_WORKER_INTERNAL_H

#include "pool/executor-internal.h"

#include <pthread.h>

/** One thread. Its own cache line: it counts after every task. */
struct worker {
    _Alignas(CACHE_LINE) struct waiter waiter;
    struct thread_executor *executor;
    uint32_t index;
    /* written by this worker alone, read by ep_executor_stats() */
    _Atomic uint64_t finished;
    _Atomic uint64_t failed;
    uint64_t tasks_here; /* since its thread began */

    /* how it began, told to whoever made it */
    _Atomic uint32_t started; /* a futex word; 1: start_rc is set */
    int start_rc;

    /* guarded by the executor's life_mutex */
    pthread_t thread;
    pthread_t predecessor; /* where has_predecessor: ended, for this worker's thread to join */
    bool has_predecessor;
    bool leaving; /* it has decided to end, and only has to be joined */
};

struct thread_executor {
    struct ep_executor base;

    /* set before the workers start, then read-only */
    uint32_t searchers_max;
    bool one_cpu;
    pthread_attr_t attributes; /* of every thread */

    /* written when a worker begins or ends to search or to park; read by every submit */
    _Alignas(CACHE_LINE) _Atomic uint32_t searching;
    struct waitlist idle;

    /* seldom written */
    _Alignas(CACHE_LINE) struct waitlist ended; /**< who waits for the last worker */
    _Atomic uint32_t alive;                     /**< workers that have not left */

    pthread_mutex_t life_mutex;
    /* guarded by life_mutex */
    struct worker **workers;             /**< by index; NULL, or one whose thread is not joined */
    uint32_t places;                     /**< length of workers */
    uint64_t gone_finished, gone_failed; /**< counts of workers that are no more */
};

/** Wake a parked worker, if there is one. From now on it counts as searching. */
bool wake_idle_worker(struct thread_executor *executor);

/** A task has been queued: see that somebody comes for it. */
void task_arrived(struct thread_executor *executor);

/**
 * Make the worker of an empty place and wait until it has been initialized.
 *
 * @return 0, -EAGAIN, -ENOMEM; EP_EBROKEN where its initialize failed, and then it is gone again
 */
int worker_start_locked(struct thread_executor *executor, uint32_t index);

/** Join a worker that is leaving, and empty its place. */
void worker_join_locked(struct thread_executor *executor, uint32_t index);

#endif /* POOL_THREAD_WORKER_INTERNAL_H */
