/* SPDX-License-Identifier: MIT */
/* Running tasks, on threads and in worker processes alike: see task-internal.h. */
#include "pool/task-internal.h"

#include "pool/future-internal.h"
#include "pool/observer-internal.h"

#include <stdarg.h>
#include <stdio.h>

/** Call a task's function. @return whether it succeeded */
static bool task_call(struct ep_task *task, ep_task_fn fn)
{
    int code = fn(task);

    if (code != 0 && !task->failed)
        ep_task_fail(task, code, NULL);
    return !task->failed;
}

bool task_run_within(const struct ep_task *outer, ep_task_fn fn, const void *input, size_t size,
                     struct ep_future *outcome)
{
    struct ep_task task = {
        .input = size > 0 ? input : NULL,
        .size = size,
        .terminating = outer->terminating,
        .stop_ns = outer->stop_ns,
        .process = outer->process,
        .future = outcome,
        .worker = outer->worker,
    };

    return task_call(&task, fn);
}

bool task_run(struct queue_entry *entry, unsigned worker, const atomic_bool *terminating)
{
    struct ep_task task = {.terminating = terminating, .future = entry->future, .worker = worker};

    if (task.future != NULL) {
        task.input = future_input(task.future);
        task.size = task.future->input_size;
        if (future_limit_ns(task.future) != 0)
            task.stop_ns = deadline_after(future_limit_ns(task.future));
    } else {
        task.input = entry_input(entry, &task.size);
    }
    return task_call(&task, entry->fn);
}

bool task_run_observed(struct queue_entry *entry, unsigned worker, const atomic_bool *terminating,
                       struct observer *observer, int64_t begun_ns)
{
    bool succeeded;

    observer_begun(observer, worker, begun_ns - entry->future->submitted_ns);
    succeeded = task_run(entry, worker, terminating);
    observer_ended(observer, worker, ep_now_ns() - begun_ns);
    return succeeded;
}

void task_lost(struct queue_entry *entry)
{
    if (entry->future != NULL)
        future_set_error(entry->future, EP_EFAILED, 0,
                         "its thread ended before its function returned");
}

const void *ep_task_input(const struct ep_task *task, size_t *size)
{
    if (size != NULL)
        *size = task->size;
    return task->input;
}

int ep_task_reply(struct ep_task *task, const void *data, size_t size)
{
    if (task->future == NULL || task->no_reply)
        return 0;
    if (task->process != NULL)
        return task->process->reply(task, data, size);
    return future_set_reply(task->future, data, size);
}

int ep_task_fail(struct ep_task *task, int code, const char *message)
{
    task->failed = true;
    if (task->future != NULL)
        future_set_error(task->future, EP_EFAILED, code, message);
    return code;
}

int ep_task_failf(struct ep_task *task, int code, const char *format, ...)
{
    char message[MESSAGE_MAX];
    va_list list;

    va_start(list, format);
    vsnprintf(message, sizeof message, format, list);
    va_end(list);
    return ep_task_fail(task, code, message);
}

bool ep_task_stopping(const struct ep_task *task)
{
    if (task->process != NULL)
        return task->process->is_stopping();
    return atomic_load_explicit(task->terminating, memory_order_relaxed) ||
           (task->future != NULL && future_must_stop(task->future)) ||
           (task->stop_ns != 0 && deadline_is_over(task->stop_ns));
}

unsigned ep_task_worker(const struct ep_task *task)
{
    return task->worker;
}

int ep_task_fd(const struct ep_task *task, unsigned index)
{
    const struct ep_future *future = task->future;

    return future != NULL && future->has_fds && index < future->fds->count ? future->fds->fds[index]
                                                                           : -1;
}

int ep_task_take_fd(struct ep_task *task, unsigned index)
{
    int fd = ep_task_fd(task, index);

    if (fd >= 0)
        task->future->fds->fds[index] = -1;
    return fd;
}
