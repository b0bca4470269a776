/* SPDX-License-Identifier: MIT */
/*
 * --model thread-pool: N workers serve the sessions, a bounded queue holds those that wait.
 *
 * The pool is libechopool and nothing else. The loop submits each session as a task; a worker
 * takes it and stays with it to its end, then takes the next. So never more than N threads exist,
 * however many clients come, and the price is that client N + 1 waits: first in the pool's queue,
 * where a session costs its descriptor and a small struct, then in the kernel's backlog, where it
 * costs this process nothing, or it is told BUSY (--on-full). Whoever waits can be taken back
 * (waiting.h).
 *
 * The pool says by a callback in a worker that it has room again. Only the loop touches the
 * listener, so all the callback does is to wake the loop.
 */
#include "server/models/buffers.h"
#include "server/models/model.h"

#include "pool/echopool.h"
#include "server/models/caller.h"
#include "server/models/waiting.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct pool_model {
    struct model base;
    /* set by create(), then read-only */
    struct shared *shared;
    struct ep_executor *executor;
    uint64_t queue;

    /* the loop's */
    uint64_t workers;
    struct waiting waiting;
    struct caller caller;

    struct buffers buffers; /* each a worker's own; made by the loop */
};

/* A task's input: 16 bytes, which the pool copies without allocating. */
struct job {
    struct session *session;
    struct pool_model *model;
};

/* --- in a worker --------------------------------------------------------------------------- */

/*
 * One fewer waits now, and that may be few enough. The loop marks that it is full first and counts
 * second; we have left the count before we look at the mark. All of that is sequentially consistent,
 * so one of us sees the other.
 */
static void tell_begun(const struct shared *shared)
{
    if (atomic_load(&shared->full))
        shared_wake(shared);
}

static int serve(struct ep_task *task)
{
    const struct job *job = ep_task_input(task, NULL);
    struct pool_model *model = job->model;
    unsigned worker = ep_task_worker(task);

    if (model->shared->water_marks)
        tell_begun(model->shared);
    session_serve(job->session, model->buffers.of[worker], worker);
    session_end(job->session);
    return 0;
}

static void on_room(void *context)
{
    struct pool_model *model = context;

    shared_wake(model->shared);
}

/* --- in the loop --------------------------------------------------------------------------- */

static int dispatch(struct model *base, struct session *session, char why[static MODEL_WHY_MAX])
{
    static const struct ep_submit_options options = {.deadline_ns = INT64_MIN};
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
        snprintf(why, MODEL_WHY_MAX,
                 "%" PRIu64 " of %" PRIu64 " workers and %" PRIu64 " of %" PRIu64
                 " places in the queue are taken",
                 model->workers, model->workers, model->queue, model->queue);
    else if (rc != 0)
        snprintf(why, MODEL_WHY_MAX, "%s", ep_strerror(rc));
    return rc;
}

static bool has_room(struct model *base)
{
    struct pool_model *model = (struct pool_model *)base;

    return caller_runs(&model->caller) ? !model->caller.busy
                                       : ep_executor_room(model->executor) > 0;
}

/* Whoever is held beyond the workers waits, or will be begun within microseconds. */
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
    }
    if (rc == 0) {
        *result = &model->base;
        return 0;
    }
    snprintf(why, MODEL_WHY_MAX, "%s", ep_strerror(rc));
    if (model != NULL) {
        caller_clear(&model->caller);
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
