/* SPDX-License-Identifier: MIT */
/**
 * @file worker-internal.h
 * The thread executor: executor.c has what its users call, worker.c what its workers do, worker-thread.c how
 * they begin and end, nested.c how one runs a task that it waits for, elastic.c, resize.c and grower.c how many
 * there are, and expiry.c the thread that ends tasks which have waited too long.
 */
#ifndef POOL_THREAD_WORKER_INTERNAL_H
#define POOL_THREAD_WORKER_INTERNAL_H

#include "pool/executor-internal.h"

#include <pthread.h>

/** How far a worker is with its task. */
enum stage {
    NO_TASK,
    TASK_TAKEN, /**< and its function may be running */
    TASK_RUN,   /**< with a future: it is counted, its outcome is published, its callbacks run */
    TASK_ENDED, /**< nothing is left to do, except to free its place if it has no future */
};

/** One thread. On a cache line of its own, because it counts after every task. */
struct worker {
    _Alignas(CACHE_LINE) struct waiter waiter;
    struct thread_executor *executor;
    uint32_t index;
    /* written by this worker alone, read by ep_executor_stats() */
    _Atomic uint64_t finished;
    _Atomic uint64_t failed;
    uint64_t tasks_here; /* since its thread began */
    uint64_t tasks_most; /* then it takes no other */

    /* for this worker alone; a thread that a task has ended leaves them to its successor */
    struct queue_entry entry; /* if it has a task */
    _Atomic enum stage stage; /* ep_executor_wait_idle() reads it */
    _Atomic int64_t doing;    /* if observed: 2 * since when, + 1 if it has a task; 0: it begins */
    bool has_begun;           /* its first thread has been initialized */
    bool begins;              /* it is in its initialize */
    bool is_initialized;      /* its finalize is still to be called */
    bool is_lost;             /* a function of the program has ended its last thread */

    /* for the thread that made it */
    _Atomic uint32_t started; /* a futex word; 1: start_rc is set */
    int start_rc;

    _Atomic bool has_ended; /* only its thread's end is awaited: it can be joined at once */

    /* guarded by the executor's life_mutex */
    pthread_t thread;
    pthread_t predecessor; /* if has_predecessor: a thread that has ended; the new one joins it */
    bool has_predecessor;
    bool leaving; /* it is ending, and must be joined; its own thread decides that */
};

/** The thread of expiry.c. */
enum expiry { EXPIRY_NONE, EXPIRY_WATCHES, EXPIRY_OVER };

struct thread_executor {
    struct ep_executor base;

    /* set before the workers start, then read-only */
    uint32_t searchers_max;
    bool one_cpu;
    bool is_elastic;
    pthread_attr_t attributes; /* of every thread */

    /* written when a worker starts or stops searching or parking; read by every submit */
    _Alignas(CACHE_LINE) _Atomic uint32_t searching;
    struct waitlist idle;

    /* seldom written */
    _Alignas(CACHE_LINE) struct waitlist ended; /**< threads that wait for the last worker */
    _Atomic uint32_t alive;                     /**< workers that have not ended */
    _Atomic enum expiry expiry;
    _Atomic uint32_t expiry_changes; /**< a futex word: the thread looks again */
    struct lock expiry_lock;         /**< held while the thread is made */
    pthread_t expiry_thread;         /**< written with expiry_lock; unless EXPIRY_NONE */
    bool expiry_joined;              /**< guarded by life_mutex */
    _Atomic uint32_t
        size; /**< of an elastic one: workers that take tasks: not leaving, and not surplus. Written with life_mutex */
    _Atomic uint32_t least; /**< of an elastic one: workers that stay when idle */
    _Atomic uint32_t asked; /**< 1: the grower must look. It sleeps on this word */
    _Atomic bool grower_ends;
    _Atomic uint32_t most; /**< workers that there were at a time */

    /**
     * Held while workers are made and joined, and so while `initialize` and `finalize` may run on
     * a thread that the holder waits for. No call waits for it there.
     */
    pthread_mutex_t life_mutex;
    pthread_t grower; /**< if has_grower */
    bool has_grower;
    struct lock table_lock;
    /* written with both locks, read with either */
    struct worker **workers;             /**< by index; NULL once its thread is joined */
    uint32_t places;                     /**< length of workers */
    uint64_t gone_finished, gone_failed; /**< counts of joined workers */
};

/* --- worker.c ------------------------------------------------------------------------------ */

/** Wake a parked worker, if there is one. It counts as searching from now on. */
bool wake_idle_worker(struct thread_executor *executor);

/** Wake a worker for a queued task, unless one is searching. */
void task_arrived(struct ep_executor *executor);

/** Ask whether a worker without a task should end. */
bool worker_is_done(const struct worker *worker);

/** Run tasks until the worker should end. */
void worker_serve(struct worker *worker);

/** Ask whether a worker that has just run a task should take no other. */
bool worker_has_done_enough(const struct worker *worker);

/**
 * Count a task and end it. The place of a task with a future becomes free before its outcome is
 * known, so that a thread which has the result finds the place, and the counts. The place of another
 * becomes free when the worker takes the next task, under a lock that it needs anyway.
 */
void worker_end_task(struct worker *worker, bool succeeded);

/** Note that it has no task from now on, if the executor is observed. */
void worker_idles(struct worker *worker);

/** Count a task that is done. */
void worker_count(struct worker *worker, bool succeeded);

/* --- worker-thread.c ----------------------------------------------------------------------- */

/**
 * Make a worker for an empty place.
 *
 * @param waits  wait until it is initialized; otherwise a failure of that breaks the executor
 * @return 0, -EAGAIN, -ENOMEM; EP_EBROKEN if its initialize failed, and then the place is empty
 */
int worker_start_locked(struct thread_executor *executor, uint32_t index, bool waits);

/** Get the worker of the calling thread. */
struct worker *worker_here(void);

/** Ask whether the caller is an `initialize` or `finalize` of the executor, which cannot resize. */
bool worker_changes_here(const struct thread_executor *executor);

/** Join a worker that is ending, and empty its place. */
void worker_join_locked(struct thread_executor *executor, uint32_t index);

/* --- nested.c ------------------------------------------------------------------------------ */

/** The operations of struct future_host by which a worker runs a task that it waits for. */
int thread_run_here(struct ep_executor *base, struct ep_future *future);
bool thread_runs_here(const struct ep_future *future);

/* --- expiry.c ------------------------------------------------------------------------------ */

/** Make the thread unless it is there. @return 0 or -ENOMEM */
int expiry_watch(struct ep_executor *executor);

/** Make the thread look again: for a task that expires sooner, or because the last worker has ended. */
void expiry_wake(struct ep_executor *executor);

/** Join the thread if it has ended. */
void expiry_join_locked(struct thread_executor *executor);

/* --- elastic.c: an executor whose number of workers follows the work ----------------------- */

/** Ask for one more worker, if a task waits and there may be one more. */
void elastic_ask(struct thread_executor *executor);

/** Make the grower look, for a worker that it can join. */
void elastic_poke(struct thread_executor *executor);

/** Compute until when a worker may be idle. */
int64_t elastic_deadline(const struct thread_executor *executor);

/** Give up a worker that has been idle too long: it is leaving, unless it must continue. */
void elastic_retire(struct worker *worker);

/* --- resize.c: places, and workers in them ------------------------------------------------- */

/** Wake all parked workers. */
void resize_wake_idle(struct thread_executor *executor);

/** Make places for that many workers. @return 0 or -ENOMEM */
int resize_places_locked(struct thread_executor *executor, uint32_t places);

/** Set the number of workers, and wake the others so that they end. */
void resize_takers(struct thread_executor *executor, uint32_t workers);

/** Start workers up to that number. On failure the started ones end. @return as worker_start_locked() */
int resize_grow_locked(struct thread_executor *executor, uint32_t workers);

/** Make a worker of an elastic executor, without waiting for it, and count it. @return likewise */
int resize_add_locked(struct thread_executor *executor, uint32_t index);

/** Count the workers of an elastic executor again, after its number of places has changed. */
void resize_count_locked(struct thread_executor *executor);

/**
 * Prepare for that many workers at most: the least that stay are in the first places.
 * @return 0, -EAGAIN, -ENOMEM
 */
int resize_elastic_locked(struct thread_executor *executor, uint32_t workers);

/* --- grower.c: the thread that adds its workers -------------------------------------------- */

/** Start the grower. @return 0 or -EAGAIN */
int grower_start(struct thread_executor *executor);

/** End the grower, if it runs. All workers have ended. */
void grower_stop(struct thread_executor *executor);

#endif /* POOL_THREAD_WORKER_INTERNAL_H */
