/* SPDX-License-Identifier: MIT */
/**
 * @file executor-internal.h
 * What all executors have in common, and the table of what each kind does in its own way: it brings
 * the workers, and how they come for what is queued.
 */
#ifndef POOL_EXECUTOR_INTERNAL_H
#define POOL_EXECUTOR_INTERNAL_H

#include "pool/echopool.h"
#include "pool/future-internal.h"
#include "pool/queue-internal.h"

/** A thread's name, with its end. */
#define EXECUTOR_NAME_SIZE 16

/** As the deadline of a submission: do not wait at all, and say -EAGAIN. */
#define DO_NOT_WAIT INT64_MIN

/** What is counted beside the queue and the workers. */
enum executor_count {
    COUNT_REJECTED,           /**< a submission found no room */
    COUNT_FINISHED_ELSEWHERE, /**< a task was accepted and run by its submitter, and succeeded */
    COUNT_FAILED_ELSEWHERE,   /**< the same, and failed */
    COUNT_DISCARDED,          /**< a task was accepted and cancelled at once */
    COUNTS,
};

/**
 * What one kind of executor does in its own way. Return values are those of the public functions,
 * which have checked the arguments.
 */
struct executor_ops {
    struct future_host host;
    /** Something is queued, or may be taken again: see that a worker comes for it. */
    void (*arrived)(struct ep_executor *executor);
    /** The queue refuses tasks from now on: let workers who wait see it. May come twice. */
    void (*closed)(struct ep_executor *executor);
    /** Nothing is held any more. NULL: of no interest. */
    void (*drained)(struct ep_executor *executor);
    /**
     * Wait for the end. The queue is closed, and the caller does not serve this executor.
     * @return 0 or -ETIMEDOUT
     */
    int (*join)(struct ep_executor *executor, int64_t deadline_ns);
    int (*resize)(struct ep_executor *executor, uint32_t workers);
    /** Release an executor that has ended. */
    void (*free)(struct ep_executor *executor);
    /** Add what the workers have counted: workers, finished, failed, broken. */
    void (*stats)(struct ep_executor *executor, struct ep_stats *stats);
};

/** The part that all kinds begin with. */
struct ep_executor {
    /* set before the workers start, then read-only */
    const struct executor_ops *ops;
    struct ep_options options; /**< workers are filled in; name is NULL, for it was the caller's */
    char name[EXECUTOR_NAME_SIZE]; /**< prefix of the workers' names */
    struct future_pool *futures;

    struct queue queue;

    /* written when somebody waits; read after every task */
    _Alignas(CACHE_LINE) struct waitlist room; /**< submitters that wait for a place */
    struct waitlist drained;                   /**< who waits until nothing is held */
    _Atomic uint32_t room_wanted;              /**< 1: call on_room at the next free place */
    /** Set once, by ep_executor_terminate(): tasks see it through ep_task_stopping(). */
    atomic_bool terminating;
    _Atomic uint64_t counts[COUNTS]; /**< by enum executor_count */
    _Atomic uint32_t droppers;       /**< threads that drop a task from the queue */
    struct waitlist settled;         /**< who waits for them */
};

_Static_assert(sizeof(struct ep_executor) >= 256, "executor_name() relies on it");

/** Whether this is the process that made it, and not one forked from that. */
static inline bool executor_is_here(const struct ep_executor *executor)
{
    return future_pool_is_here(executor->futures);
}

/**
 * The prefix of an executor's workers where nobody gave one: ep and eight digits, to which at most
 * "-4095" comes. The digits are its address in units of its size. No two that live at one time lie in
 * the same unit, and eight digits to base 36 are enough for all units below 2^48 (and more: a
 * unit has 256 bytes or more), where the system puts all memory unless it is asked otherwise.
 */
void executor_name(const void *address, char name[static EXECUTOR_NAME_SIZE]);

/**
 * The common part of a new executor, in zeroed memory.
 *
 * @param workers  how many it will have
 * @param takers   see queue_init()
 * @return         0 or -ENOMEM; executor_clear() is to be called either way
 */
int executor_init(struct ep_executor *executor, const struct executor_ops *ops,
                  const struct ep_options *options, uint32_t workers, uint32_t takers);
void executor_clear(struct ep_executor *executor);

/** How many tasks may be held with so many workers. */
uint32_t executor_limit(const struct ep_executor *executor, uint32_t workers);

/**
 * Queue a prepared task. Takes over nothing unless it returns 0.
 *
 * @param deadline_ns  how long to wait while it is full; DO_NOT_WAIT, NO_DEADLINE
 * @return  0, -EAGAIN (full, and not to wait), -ETIMEDOUT, -EDEADLK, EP_ESHUTDOWN, EP_EBROKEN
 */
int executor_admit(struct ep_executor *executor, struct queue_entry *entry, int64_t deadline_ns);

/** A place is free: see that whoever waits for that learns of it. */
void executor_place_freed(struct ep_executor *executor);

/** A queued task's future has been cancelled: its place is free. Threads: any. */
void executor_task_cancelled(struct ep_executor *executor);

/** Cancel the task that has waited longest, if one waits. */
bool executor_drop_oldest(struct ep_executor *executor);

/** Refuse further tasks with that code, and let everybody who waits see it. */
void executor_close(struct ep_executor *executor, int refusal);

/** Fail what waits and every later submit: workers cannot begin, or die. */
void executor_break(struct ep_executor *executor, const char *why);

/** Something has happened that the queue does not see. */
void executor_count(struct ep_executor *executor, enum executor_count what);

/** Whether an executor of either kind can be made with them. */
bool options_are_sound(const struct ep_options *options);

#endif /* POOL_EXECUTOR_INTERNAL_H */
