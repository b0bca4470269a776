/* SPDX-License-Identifier: MIT */
/**
 * @file task-internal.h
 * A task in a worker's hands: what its function sees, and how it is run.
 */
#ifndef POOL_TASK_INTERNAL_H
#define POOL_TASK_INTERNAL_H

#include "pool/echopool.h"
#include "pool/queue-internal.h"

/** What a task asks of the worker process that it runs in. */
struct task_process {
    /** Whether the executor is being terminated, or is gone. A system call. */
    bool (*is_stopping)(void);
    /** Fail the task with EP_EUNKNOWN if the process does not know the function. @return whether */
    bool (*refuses)(struct ep_task *task, ep_task_fn fn);
};

struct ep_task {
    const void *input;
    size_t size;
    const atomic_bool *terminating;     /**< of its executor; NULL in a worker process */
    const struct task_process *process; /**< NULL where the worker is a thread */
    struct ep_future *future;           /**< NULL where nobody wants to know */
    unsigned worker;
    bool failed;   /**< by ep_task_fail(); its code and words are with the future */
    bool no_reply; /**< nobody wants to know what the reply is, only how it went */
};

/**
 * Run a task that has been started, tell its future, and release what it held.
 *
 * @param terminating  set when the executor is being terminated
 * @return             whether it succeeded
 */
bool task_run(struct queue_entry *entry, unsigned worker, const atomic_bool *terminating);

/**
 * Run a function as a task within a task. What it replies and how it fails goes to `outcome`,
 * which nobody else knows.
 *
 * @return whether it succeeded
 */
bool task_run_within(const struct ep_task *outer, ep_task_fn fn, const void *input, size_t size,
                     struct ep_future *outcome);

/** As the worker of a task that its submitter runs (EP_CALLER_RUNS): no worker's number. */
#define CALLERS_WORKER UINT16_MAX

#endif /* POOL_TASK_INTERNAL_H */
