/* SPDX-License-Identifier: MIT */
/*
 * Waiting within a task: the worker runs the very task that it waits for, if that has not begun.
 *
 * DESIGN
 *
 * A worker that slept until another one began the task might be the last: then none would begin it.
 * So it claims the task in the queue, as a canceller would, and calls its function on top of its own.
 * The entry stays in the queue as a husk; its place is freed when the task is done.
 *
 * Why only the awaited task, and not any task of the queue, as in pools for recursive algorithms? The
 * function below cannot continue before the one above it returns, whatever that one waits for. If a
 * worker ran some other task there, which waited for the task below, or for one that lies below
 * another worker's, then both would wait for ever, although the tasks themselves wait for one another
 * in no circle. If only the awaited task lies above, then each stack holds only tasks that wait for
 * one another anyway, and a circle of threads is a circle of tasks.
 *
 * A task that has begun is on another worker, which continues with it or with one that it waits for.
 * So as long as tasks wait in no circle, one of them runs.
 */
#include "pool/thread/worker-internal.h"

#include "pool/self-internal.h"
#include "pool/task-internal.h"

#include <errno.h>

/** A task that runs on top of another one. On the stack of its worker. */
struct nested {
    struct worker *worker;
    struct queue_entry entry;
    bool has_run;
    const struct ep_future *future;
    struct nested *below;
};

/** The topmost one of this thread. */
static _Thread_local struct nested *top;
static _Thread_local unsigned depth;

/** Count a task and end it, in the order of every worker: its place, its outcome, its callbacks. */
static void nested_end(struct nested *nested, bool succeeded)
{
    struct ep_executor *executor = &nested->worker->executor->base;

    if (!nested->has_run) {
        nested->has_run = true;
        worker_count(nested->worker, succeeded);
        queue_task_done(&executor->queue);
        executor_place_freed(executor);
    }
    task_end(&nested->entry, nested->worker->index);
    top = nested->below;
    depth--;
}

/** Run in a thread that the task or a callback has ended. The tasks below have failed as well. */
static void nested_lost(void *argument)
{
    struct nested *nested = argument;

    self_unwound();
    if (!nested->has_run)
        task_lost(&nested->entry);
    nested_end(nested, false);
}

static void nested_run(struct nested *nested)
{
    struct worker *worker = nested->worker;

    nested->below = top;
    top = nested;
    depth++;
    pthread_cleanup_push(nested_lost, nested);
    nested_end(nested, executor_run(&worker->executor->base, &nested->entry, worker->index));
    pthread_cleanup_pop(0);
}

int thread_run_here(struct ep_executor *base, struct ep_future *future)
{
    struct nested nested = {.worker = worker_here(), .future = future};
    int rc;

    if (depth == EP_NESTED_MAX)
        return -EDEADLK;
    rc = queue_claim(&base->queue, future);
    if (rc == -EBUSY)
        return -EDEADLK;
    if (rc != 0)
        return 0; /* it has begun elsewhere, or is cancelled */
    nested.entry = (struct queue_entry){.fn = future->fn, .future = ep_future_ref(future)};
    nested_run(&nested);
    return 0;
}

bool thread_runs_here(const struct ep_future *future)
{
    const struct worker *worker = worker_here();
    enum stage stage;

    for (const struct nested *nested = top; nested != NULL; nested = nested->below)
        if (nested->future == future)
            return true;
    /* TASK_RUN: on_room is called before the outcome is published. */
    stage = atomic_load_explicit(&worker->stage, memory_order_relaxed);
    return (stage == TASK_TAKEN || stage == TASK_RUN) && worker->entry.future == future;
}
