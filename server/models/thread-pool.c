/* SPDX-License-Identifier: MIT */
/*
 * --model thread-pool: N workers serve sessions, and a bounded queue holds those that wait.
 *
 * The pool is libechopool. The loop submits each session as a task; a worker serves it to its end and
 * takes the next. So there are never more than N threads, however many clients connect, and the price
 * is that client N + 1 waits: first in the pool's queue, where a session costs its descriptor and a
 * small struct, then in the kernel's backlog, where it costs this process nothing; or it gets BUSY
 * (--on-full). A session that waits can be taken back (waiting.h).
 *
 * When the pool has room again, it calls on_room() in a worker, which wakes the loop, since only the
 * loop uses the listener.
 */
#include "pool/echopool.h"
#include "server/models/buffers.h"
#include "server/models/caller.h"
#include "server/models/model.h"
#include "server/models/waiting.h"
#include "server/session/serve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct pool_model {
    struct model base;
    /* set by create(), then read-only */
    struct shared *shared;
    struct ep_executor *executor;
    uint64_t queue;

    /* loop only */
    uint64_t workers;
    struct waiting waiting;
    struct caller caller;

    struct buffers buffers; /* one for each worker */
};

/* A task's input: 16 bytes, which the pool copies without allocating. */
struct job {
    struct session *session;
    struct pool_model *model;
};

/* --- in a worker --------------------------------------------------------------------------- */

static int serve(struct ep_task *task)
{
    const struct job *job = ep_task_input(task, NULL);
    struct pool_model *model = job->model;
    unsigned worker = ep_task_worker(task);

    /*
     * One session fewer waits, and the low water mark may be reached. The loop sets `full` first and
     * counts second; this session has left the count before `full` is read here. All of this is
     * sequentially consistent, so either the loop sees the count or this worker sees `full`.
     */
    if (model->shared->water_marks && atomic_load(&model->shared->full))
        shared_wake(model->shared);
    session_serve(job->session, model->buffers.of[worker], worker);
    session_end(job->session);
    return 0;
}

/* The loop rejects a session that no worker begins. */
static void on_drop(void *user, int reason, const void *input, size_t size)
{
    const struct job *job = input;

    (void)user;
    (void)size;
    waiting_dropped(&job->model->waiting, job->session, reason);
}

static void on_room(void *context)
{
    struct pool_model *model = context;

    shared_wake(model->shared);
}

/* --- in the loop --------------------------------------------------------------------------- */

static int dispatch(struct model *base, struct session *session, char why[static MODEL_WHY_MAX])
{
    static const struct ep_submit_options options = {.deadline_ns = INT64_MIN, .on_drop = on_drop};
    struct pool_model *model = (struct pool_model *)base;
    struct job job = {.session = session, .model = model};
    int rc;

    do
        rc = waiting_submit(&model->waiting, model->executor, session, serve, &job, sizeof job,
                            &options, NULL);
    while (rc == -EAGAIN && waiting_drop_oldest(&model->waiting));
    if (rc == -EAGAIN && caller_runs(&model->caller))
        rc = caller_take(&model->caller, session);
    if (rc == -EAGAIN)
        return model_full(model->workers, model->queue, why);
    if (rc != 0)
        snprintf(why, MODEL_WHY_MAX, "%s", ep_strerror(rc));
    return rc;
}

static bool has_room(struct model *base)
{
    struct pool_model *model = (struct pool_model *)base;

    return caller_runs(&model->caller) ? !model->caller.busy
                                       : ep_executor_room(model->executor) > 0;
}

/* Count sessions beyond the number of workers: they wait, or are begun within microseconds. */
static uint64_t waiting(struct model *base)
{
    struct pool_model *model = (struct pool_model *)base;
    uint64_t room = ep_executor_room(model->executor);

    return room >= model->queue ? 0 : model->queue - room;
}

static void tend(struct model *base)
{
    struct pool_model *model = (struct pool_model *)base;

    waiting_tend(&model->waiting);
}

static int resize(struct model *base, uint64_t workers)
{
    struct pool_model *model = (struct pool_model *)base;
    int rc = buffers_make(&model->buffers, workers, model->shared->buffer_bytes);

    if (rc == 0)
        rc = ep_executor_resize(model->executor, (uint32_t)workers);
    if (rc == 0)
        model->workers = workers;
    return rc;
}

static void release(struct pool_model *model)
{
    buffers_clear(&model->buffers);
    free(model);
}

static void destroy(struct model *base)
{
    struct pool_model *model = (struct pool_model *)base;

    caller_clear(&model->caller);
    waiting_clear(&model->waiting);
    ep_executor_free(model->executor);
    release(model);
}

static int create(const struct model_settings *settings, struct model **result,
                  char why[static MODEL_WHY_MAX])
{
    struct pool_model *model = calloc(1, sizeof *model);
    struct ep_options options = {
        .workers = (uint32_t)settings->workers,
        .queue = settings->queue == 0 ? EP_NO_QUEUE : (uint32_t)settings->queue,
        .when_full = EP_REJECT,
        .stack_bytes = settings->stack_bytes,
        .name = "worker",
        .on_room = on_room,
        .context = model,
    };
    int rc = -ENOMEM;

    if (model != NULL) {
        model->shared = settings->shared;
        model->workers = settings->workers;
        model->queue = settings->queue;
        waiting_init(&model->waiting, settings);
        rc = caller_init(&model->caller, settings);
        if (rc == 0)
            rc = buffers_make(&model->buffers, settings->workers, settings->shared->buffer_bytes);
        if (rc == 0)
            rc = ep_thread_executor_new(&options, &model->executor);
        if (rc == 0)
            rc = waiting_prepare(&model->waiting, model->executor);
    }
    if (rc == 0) {
        *result = &model->base;
        return 0;
    }
    snprintf(why, MODEL_WHY_MAX, "%s", ep_strerror(rc));
    if (model != NULL) {
        caller_clear(&model->caller);
        ep_executor_free(model->executor);
        release(model);
    }
    return rc;
}

extern const struct model_type model_thread_pool_message;

const struct model_type model_thread_pool = {
    .name = "thread-pool",
    .unit = "worker",
    .title = "Workers",
    .words = "each a thread that holds one session until it ends",
    .hold_message = &model_thread_pool_message,
    .capped = true,
    .queues = true,
    .create = create,
    .dispatch = dispatch,
    .has_room = has_room,
    .waiting = waiting,
    .tend = tend,
    .resize = resize,
    .destroy = destroy,
};
