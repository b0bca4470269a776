/* SPDX-License-Identifier: MIT */
/**
 * @file task-internal.h
 * A task that a worker runs: what its function sees, and how it is run.
 */
#ifndef POOL_TASK_INTERNAL_H
#define POOL_TASK_INTERNAL_H

#include "pool/echopool.h"
#include "pool/future-internal.h"
#include "pool/queue-internal.h"

/** What a task calls in the worker process that runs it. */
struct task_process {
    /** Ask whether the executor is being terminated, or is gone. A system call. */
    bool (*is_stopping)(void);
    /** Fail the task with EP_EUNKNOWN if the process does not know fn. @return whether it did */
    bool (*refuses)(struct ep_task *task, ep_task_fn fn);
    /** Keep the reply. @return 0, or -ENOMEM: an earlier one is kept */
    int (*reply)(const struct ep_task *task, const void *data, size_t size);
};

struct ep_task {
    const void *input;
    size_t size;
    const atomic_bool *terminating;     /**< of its executor; NULL in a worker process */
    int64_t stop_ns;                    /**< when its limit_ns is over; 0: there is no limit here */
    const struct task_process *process; /**< NULL if the worker is a thread */
    struct ep_future *future;           /**< NULL: the outcome is not wanted */
    unsigned worker;
    bool failed;   /**< by ep_task_fail(); the future keeps code and message */
    bool no_reply; /**< only success or failure is wanted, not the reply */
};

/**
 * Run a task that has been started. Its outcome is kept; task_end() must follow, after what the
 * executor has to count.
 *
 * @param terminating  set when the executor is being terminated
 * @return             whether it succeeded
 */
bool task_run(struct queue_entry *entry, unsigned worker, const atomic_bool *terminating);

/** Keep, as the outcome of a task, that its thread has ended in its function. */
void task_lost(struct queue_entry *entry);

/**
 * Publish the outcome of a task, run its callbacks, and release its input. If a callback has ended
 * the thread, another call, in another thread, runs the rest.
 */
static inline void task_end(struct queue_entry *entry, unsigned worker)
{
    if (entry->future == NULL) {
        entry_release_input(entry);
        return;
    }
    future_finish(entry->future, worker);
    ep_future_unref(entry->future);
}

/**
 * Run a function as a task within a task. Its reply or failure goes to `outcome`, which only the
 * caller has.
 *
 * @return whether it succeeded
 */
bool task_run_within(const struct ep_task *outer, ep_task_fn fn, const void *input, size_t size,
                     struct ep_future *outcome);

/** The worker number of a task that its submitter runs (EP_CALLER_RUNS). */
#define CALLERS_WORKER UINT16_MAX

struct observer;

/** Do task_run(), and let the observer count how long the task has waited and runs. */
bool task_run_observed(struct queue_entry *entry, unsigned worker, const atomic_bool *terminating,
                       struct observer *observer, int64_t begun_ns);

#endif /* POOL_TASK_INTERNAL_H */
