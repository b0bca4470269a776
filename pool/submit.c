/* SPDX-License-Identifier: MIT */
/* Submission: check the arguments, prepare the task, queue it, or apply the policy. */
#include "pool/executor-internal.h"
#include "pool/self-internal.h"
#include "pool/task-internal.h"
#include "pool/version-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/** As the deadline of a submission: do not wait, and return -EAGAIN. */
#define DO_NOT_WAIT INT64_MIN

static const struct ep_submit_options usual = {0};

/** Ask whether a future has to keep more than its input. Without a future, user data is for on_drop. */
static bool wants_extras(const struct ep_submit_options *options, bool with_future)
{
    return options->on_drop != NULL || options->expires_ns != 0 || options->limit_ns != 0 ||
           options->priority != EP_PRIORITY_NORMAL || (with_future && options->user != NULL);
}

/** Give a new future its descriptors and extras. */
static int future_furnish(struct ep_future *future, const struct ep_submit_options *options)
{
    if (wants_extras(options, true))
        future_set_extras(future, &(struct extras){.user = options->user,
                                                   .on_drop = options->on_drop,
                                                   .expires_ns = options->expires_ns,
                                                   .limit_ns = options->limit_ns,
                                                   .priority = options->priority});
    return options->fd_count > 0 ? future_own_fds(future, options->fds, options->fd_count) : 0;
}

/** Copy an input that is too large for the entry. */
static OUT_OF_LINE int entry_use_heap(struct queue_entry *entry, const void *input, size_t size)
{
    entry->input.heap.data = malloc(size);
    if (entry->input.heap.data == NULL)
        return -ENOMEM;
    memcpy(entry->input.heap.data, input, size);
    entry->input.heap.size = size;
    entry->on_heap = true;
    return 0;
}

/** Copy the input into the future, into the entry or, if it is large, to the heap. */
static inline int entry_prepare(struct queue_entry *entry, struct ep_executor *executor,
                                ep_task_fn fn, const void *input, size_t size,
                                const struct ep_submit_options *options, bool with_future)
{
    ep_dropped_fn dropped = options->dropped;

    entry->fn = fn;
    entry->future = NULL;
    entry->dropped = dropped;
    entry->size = 0;
    entry->on_heap = false;
    if (with_future || executor->observer != NULL ||
        (options != &usual && (options->fd_count > 0 || wants_extras(options, false)))) {
        entry->future = future_new(executor->futures, executor, fn, input, size, dropped);
        if (entry->future == NULL)
            return -ENOMEM;
        if (executor->observer != NULL)
            entry->future->submitted_ns = ep_now_ns();
        if (options == &usual || future_furnish(entry->future, options) == 0)
            return 0;
        ep_future_unref(entry->future);
        return -ENOMEM;
    }
    if (size > ENTRY_INPUT_INLINE)
        return entry_use_heap(entry, input, size);
    entry->size = (uint32_t)size;
    if (size > 0)
        memcpy(entry->input.inside, input, size);
    return 0;
}

/** Drop a task that will not be queued, as if it had been cancelled at once. */
static void entry_discard(struct queue_entry *entry)
{
    if (entry->future == NULL) {
        entry_drop(entry);
        return;
    }
    future_drop(entry->future, -EAGAIN);
    ep_future_unref(entry->future);
}

/** End a task that is too late for its submitter to run it. */
static void expire_here(struct ep_executor *executor, struct queue_entry *entry)
{
    struct self_drop drop;

    self_drop_begin(&drop, executor, entry->future);
    executor_count(executor, COUNT_EXPIRED_ELSEWHERE);
    EP_ASSERT(future_begin_cancel(entry->future)); /* no other thread has it yet */
    future_end_unrun(entry->future, EP_EXPIRED, future_publish_expired(entry->future));
    self_drop_end();
    ep_future_unref(entry->future);
}

/** A task that its submitter runs: how it ends if it ends the submitter's thread. */
struct callers_task {
    struct ep_executor *executor;
    struct queue_entry *entry;
    bool has_run; /**< its function has returned, and it is counted */
    struct self_drop drop;
};

static void callers_task_lost(void *context)
{
    struct callers_task *task = context;

    self_unwound();
    if (!task->has_run) {
        self_drop_end();
        task_lost(task->entry);
        executor_count(task->executor, COUNT_FAILED_ELSEWHERE);
    }
    task_end(task->entry, CALLERS_WORKER);
}

/** Start the task, run it, count it and end it. */
static void callers_task_run(struct callers_task *task)
{
    bool succeeded;

    if (task->entry->future != NULL)
        future_start(task->entry->future); /* no other thread has it yet */
    self_drop_begin(&task->drop, NULL, task->entry->future);
    succeeded = executor_run(task->executor, task->entry, CALLERS_WORKER);
    self_drop_end();
    executor_count(task->executor, succeeded ? COUNT_FINISHED_ELSEWHERE : COUNT_FAILED_ELSEWHERE);
    task->has_run = true;
    task_end(task->entry, CALLERS_WORKER);
}

/** Run a task in the submitter's thread. */
static OUT_OF_LINE void run_here(struct ep_executor *executor, struct queue_entry *entry)
{
    struct callers_task task = {.executor = executor, .entry = entry};

    pthread_cleanup_push(callers_task_lost, &task);
    callers_task_run(&task);
    pthread_cleanup_pop(0);
}

static enum ep_priority entry_priority(const struct queue_entry *entry)
{
    return entry->future != NULL ? future_priority(entry->future) : EP_PRIORITY_NORMAL;
}

/** Compute until when a submission waits for room. */
static int64_t room_deadline(const struct ep_submit_options *options)
{
    int64_t deadline_ns = options->deadline_ns != 0 ? options->deadline_ns : NO_DEADLINE;

    if (options->expires_ns != 0 && options->expires_ns < deadline_ns)
        return options->expires_ns;
    return deadline_ns;
}

/** Apply the policy of a full executor. */
static OUT_OF_LINE int submit_when_full(struct ep_executor *executor, struct queue_entry *entry,
                                        const struct ep_submit_options *options)
{
    int rc = -EAGAIN;

    switch (executor->options.when_full) {
    case EP_BLOCK:
        return options->deadline_ns == DO_NOT_WAIT
                   ? rc
                   : executor_admit(executor, entry, room_deadline(options));
    case EP_CALLER_RUNS:
        if (entry->future != NULL && deadline_is_over(future_expires_ns(entry->future)))
            expire_here(executor, entry);
        else
            run_here(executor, entry);
        return 0;
    case EP_DISCARD:
        executor_count(executor, COUNT_DISCARDED);
        entry_discard(entry);
        return 0;
    case EP_DISCARD_OLDEST:
        return executor_admit_for_oldest(executor, entry, entry_priority(entry));
    default: return rc;
    }
}

/**
 * Check what does not depend on the executor. A descriptor that is not open is refused here, because
 * it may be another by the time at which it would be closed for the task.
 */
static int check_options(const struct ep_submit_options *options)
{
    if ((options->dropped != NULL && options->on_drop != NULL) || options->limit_ns < 0 ||
        options->priority < EP_PRIORITY_NORMAL || options->priority > EP_PRIORITY_LOW)
        return -EINVAL;
    if (options->fd_count > EP_FDS_MAX || (options->fd_count > 0 && options->fds == NULL))
        return -EINVAL;
    for (unsigned i = 0; i < options->fd_count; i++) {
        if (options->fds[i] < 0)
            return -EINVAL;
        for (unsigned before = 0; before < i; before++) /* else it would be closed twice */
            if (options->fds[before] == options->fds[i])
                return -EINVAL;
        if (fcntl(options->fds[i], F_GETFD) < 0)
            return -EBADF;
    }
    return 0;
}

/** Take back what was prepared for a task that is refused. @return rc */
static OUT_OF_LINE int submit_refused(struct ep_executor *executor, struct queue_entry *entry,
                                      struct ep_future **future, int rc)
{
    if (rc == -EAGAIN || rc == -ETIMEDOUT)
        executor_count(executor, COUNT_REJECTED);
    if (entry->future == NULL) {
        entry_release_input(entry);
        return rc;
    }
    future_disown_fds(entry->future);
    if (future != NULL) {
        ep_future_unref(*future);
        *future = NULL;
    }
    ep_future_unref(entry->future);
    return rc;
}

/**
 * Do every form of submission. `use_policy`: false for ep_try_submit(). Inlined, so that what options
 * ask for costs nothing in a form that has none.
 */
static inline __attribute__((always_inline)) int submit(struct ep_executor *executor, ep_task_fn fn,
                                                        const void *input, size_t size,
                                                        const struct ep_submit_options *options,
                                                        bool use_policy, struct ep_future **future)
{
    struct queue_entry entry;
    int rc;

    if (future != NULL)
        *future = NULL;
    if (executor == NULL || fn == NULL || (input == NULL && size > 0))
        return -EINVAL;
    if (options != &usual && (rc = check_options(options)) != 0)
        return rc;
    if (!executor_is_here(executor))
        return EP_EFORKED;
    if (options->expires_ns != 0 && executor->ops->watch != NULL &&
        (rc = executor->ops->watch(executor)) != 0)
        return rc;
    rc = entry_prepare(&entry, executor, fn, input, size, options, future != NULL);
    if (rc != 0)
        return rc;
    if (future != NULL)
        *future = future_ref_new(entry.future); /* before a worker has it */
    rc = executor_try_admit(executor, &entry);
    if (rc == -EAGAIN && use_policy)
        rc = submit_when_full(executor, &entry, options);
    return rc == 0 ? 0 : submit_refused(executor, &entry, future, rc);
}

int ep_submit(struct ep_executor *executor, ep_task_fn fn, const void *input, size_t size,
              struct ep_future **future)
{
    return submit(executor, fn, input, size, &usual, true, future);
}

int ep_try_submit(struct ep_executor *executor, ep_task_fn fn, const void *input, size_t size,
                  struct ep_future **future)
{
    return submit(executor, fn, input, size, &usual, false, future);
}

int ep_submit_with(struct ep_executor *executor, ep_task_fn fn, const void *input, size_t size,
                   const struct ep_submit_options *options, struct ep_future **future)
{
    if (options == NULL)
        options = &usual;
    if (!NOTHING_RESERVED(options)) {
        if (future != NULL)
            *future = NULL;
        return -EINVAL;
    }
    return submit(executor, fn, input, size, options, true, future);
}
