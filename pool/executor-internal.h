/* SPDX-License-Identifier: MIT */
/**
 * @file executor-internal.h
 * What all executors have in common, and the table of what each kind, threads or processes, does in
 * its own way: making workers, and bringing them to the queued tasks.
 */
#ifndef POOL_EXECUTOR_INTERNAL_H
#define POOL_EXECUTOR_INTERNAL_H

#include "pool/echopool.h"
#include "pool/future-internal.h"
#include "pool/observer-internal.h"
#include "pool/queue-internal.h"
#include "pool/task-internal.h"

#include <pthread.h>

/** The size of a thread's name, with the terminating zero. */
#define EXECUTOR_NAME_SIZE 16

/** Counts that neither the queue nor the workers keep. */
enum executor_count {
    COUNT_REJECTED,           /**< a submission found no room */
    COUNT_FINISHED_ELSEWHERE, /**< a task was accepted and run by its submitter, and succeeded */
    COUNT_FAILED_ELSEWHERE,   /**< the same, and failed */
    COUNT_DISCARDED,          /**< a task was accepted and cancelled at once */
    COUNT_EXPIRED_ELSEWHERE,  /**< a task was accepted and too late for its submitter to run it */
    COUNTS,
};

/**
 * The operations of one kind of executor. They return what the public functions return, which have
 * checked the arguments.
 */
struct executor_ops {
    struct future_host host;
    /** A task was queued, or may be taken again: make sure that a worker comes for it. */
    void (*arrived)(struct ep_executor *executor);
    /** Prepare for tasks that expire, before one is queued. @return 0 or -ENOMEM. NULL: prepared */
    int (*watch)(struct ep_executor *executor);
    /** A task expires sooner than was expected: make some thread call executor_expire(). */
    void (*sooner)(struct ep_executor *executor);
    /** The queue now refuses tasks: make waiting workers look. May be called twice. */
    void (*closed)(struct ep_executor *executor);
    /** The executor holds no task now. NULL: ignored. */
    void (*drained)(struct ep_executor *executor);
    /**
     * Ask whether the outcome of every task whose place is free is published, and every callback of
     * it has returned. Sequentially consistent.
     */
    bool (*is_settled)(struct ep_executor *executor);
    /**
     * Wait for the end. The queue is closed, and the caller does not work for this executor.
     * @return 0 or -ETIMEDOUT
     */
    int (*join)(struct ep_executor *executor, int64_t deadline_ns);
    int (*resize)(struct ep_executor *executor, uint32_t workers);
    /** Release an executor that has ended. */
    void (*free)(struct ep_executor *executor);
    /** Add the workers' counts: workers, finished, failed, broken. */
    void (*stats)(struct ep_executor *executor, struct ep_stats *stats);
    /** Fill in the states of the first workers, in zeroed memory. */
    void (*observe)(struct ep_executor *executor, struct ep_worker_state *workers, size_t count);
};

/** The first member of every kind. */
struct ep_executor {
    /* set before the workers start, then read-only */
    const struct executor_ops *ops;
    struct ep_options
        options; /**< workers are filled in; name is NULL, because the caller owns it */
    char name[EXECUTOR_NAME_SIZE]; /**< prefix of the workers' names */
    struct future_pool *futures;
    struct observer *observer; /**< NULL: it is not observed */

    struct queue queue;

    /* written by threads that wait; read after every task */
    _Alignas(CACHE_LINE) struct waitlist room; /**< submitters that wait for a place */
    struct waitlist drained;                   /**< threads that wait until no task is held */
    _Atomic uint32_t room_wanted;              /**< 1: call on_room at the next free place */
    /** Set once, by ep_executor_terminate(): tasks see it through ep_task_stopping(). */
    atomic_bool terminating;
    _Atomic uint64_t counts[COUNTS]; /**< by enum executor_count */
    _Atomic uint32_t droppers;       /**< threads that end a task that never ran; a futex word */
    struct lock why_lock;            /**< taken to write `why`, once */
    char why[MESSAGE_MAX];           /**< if broken */
    _Atomic bool broken;
};

_Static_assert(sizeof(struct ep_executor) >= 256, "executor_name() relies on it");

/** Ask whether this is the process that made the executor, and not a forked child. */
static inline bool executor_is_here(const struct ep_executor *executor)
{
    return future_pool_is_here(executor->futures);
}

/**
 * Make the default prefix of worker names: "ep" and eight digits, so that "-4095" still fits. The
 * digits are the executor's address in units of its size. No two living executors lie in the same
 * unit, and eight digits to base 36 cover all units below 2^48 (a unit has 256 bytes or more); the
 * system places memory above that only on request.
 */
void executor_name(const void *address, char name[static EXECUTOR_NAME_SIZE]);

/**
 * Make a thread for the library itself, with every signal blocked, since signals are for the program.
 * @return 0 or -EAGAIN
 */
int executor_make_thread(pthread_t *thread, void *(*function)(void *), void *argument);

/**
 * Initialize the common part of a new executor, in zeroed memory.
 *
 * @param workers  how many it will have if the options do not say
 * @param takers   see queue_init()
 * @return         0 or -ENOMEM; executor_clear() must follow in either case
 */
int executor_init(struct ep_executor *executor, const struct executor_ops *ops,
                  const struct ep_options *options, uint32_t workers, uint32_t takers);
void executor_clear(struct ep_executor *executor);

/** Compute how many tasks may be held with that many workers. */
uint32_t executor_limit(const struct ep_executor *executor, uint32_t workers);

/**
 * Queue a prepared task, unless the executor is full. The caller keeps ownership of it on failure.
 * @return 0, -EAGAIN, -ENOMEM, EP_ESHUTDOWN, EP_EBROKEN
 */
static inline int executor_try_admit(struct ep_executor *executor, const struct queue_entry *entry)
{
    int rc = queue_push(&executor->queue, entry);

    if (rc < 0)
        return rc;
    executor->ops->arrived(executor);
    if (rc == QUEUE_SOONER)
        executor->ops->sooner(executor);
    return 0;
}

/**
 * The same, but wait while it is full.
 *
 * @param deadline_ns  until when; or NO_DEADLINE
 * @return             -ETIMEDOUT or -EDEADLK in the place of -EAGAIN
 */
int executor_admit(struct ep_executor *executor, const struct queue_entry *entry,
                   int64_t deadline_ns);

/** Do executor_place_freed(), which has seen that some thread may wait. */
void executor_notify_room(struct ep_executor *executor);

/** Notify those who wait for a free place: a submitter, on_room, ep_executor_wait_idle(). */
static inline void executor_place_freed(struct ep_executor *executor)
{
    if (atomic_load(&executor->room.count) != 0 || atomic_load(&executor->room_wanted) != 0 ||
        atomic_load(&executor->drained.count) != 0 || executor->ops->drained != NULL)
        executor_notify_room(executor);
}

/** The same after a change that may have made several places: wake a submitter for each. */
void executor_places_made(struct ep_executor *executor);

/**
 * Make the threads that wait for idle look again, after the last step for a task whose place was freed
 * before.
 */
void executor_settled(struct ep_executor *executor);

/** Free the place of a queued task that is being cancelled; executor_place_left() must follow. */
void executor_task_cancelled(struct ep_executor *executor, struct ep_future *future);
/** Notify those who wait for that place. After this the executor may be gone. Threads: any. */
void executor_place_left(struct ep_executor *executor);

/**
 * End the waiting tasks that have expired.
 *
 * @return when the next one expires, or NO_DEADLINE
 *
 * Threads: one that self_serve() knows of, because functions of the user run.
 */
int64_t executor_expire(struct ep_executor *executor);

/**
 * Queue a prepared task in the place of the one that has waited longest, which is cancelled.
 *
 * @param highest  a task of a higher level than this is not cancelled
 * @return         as executor_try_admit(); -EAGAIN: none waits
 */
int executor_admit_for_oldest(struct ep_executor *executor, const struct queue_entry *entry,
                              enum ep_priority highest);

/** Refuse further tasks with that code, and make submitters and workers that wait look. */
void executor_close(struct ep_executor *executor, int refusal);

/** Note that the executor is broken. The first reason stays. */
void executor_note_broken(struct ep_executor *executor, const char *why);

/** Fail the waiting tasks and every later submit, because workers cannot start or have died. */
void executor_break(struct ep_executor *executor, const char *why);

/** Run a task in the calling thread, and observe it if the executor is observed. */
static inline bool executor_run(struct ep_executor *executor, struct queue_entry *entry,
                                unsigned worker)
{
    return executor->observer == NULL ? task_run(entry, worker, &executor->terminating)
                                      : task_run_observed(entry, worker, &executor->terminating,
                                                          executor->observer, ep_now_ns());
}

/** Count something that the queue does not see. */
void executor_count(struct ep_executor *executor, enum executor_count what);

/** Check the options that both kinds of executor have. */
bool options_are_sound(const struct ep_options *options);

#endif /* POOL_EXECUTOR_INTERNAL_H */
