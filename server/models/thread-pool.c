/* SPDX-License-Identifier: MIT */
/*
 * --model thread-pool: N workers serve the sessions, a bounded queue holds those that wait.
 *
 * The pool is libechopool and nothing else. The loop submits each session as a task; a worker
 * takes it and stays with it to its end, then takes the next. So never more than N threads exist,
 * however many clients come, and the price is that client N + 1 waits: first in the pool's queue,
 * where a session costs its descriptor and a small struct, then in the kernel's backlog, where it
 * costs this process nothing, or it is told BUSY (--on-full).
 *
 * The pool says by a callback in a worker that it has room again. Only the loop touches the
 * listener, so all the callback does is to wake the loop.
 */
#include "server/models/model.h"

#include "pool/echopool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct pool_model {
    struct model base;
    /* set by create(), then read-only */
    struct service *service;
    struct ep_executor *executor;
    uint64_t workers;
    uint64_t queue;
    unsigned char *buffers; /* one for each worker, who alone uses it */
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
    size_t buffer_bytes = job->model->service->buffer_bytes;
    unsigned worker = ep_task_worker(task);

    session_serve(job->session, job->model->buffers + worker * buffer_bytes, worker);
    session_end(job->session);
    return 0;
}

static void on_room(void *context)
{
    struct pool_model *model = context;

    service_wake(model->service);
}

/* --- in the loop --------------------------------------------------------------------------- */

/* A session whose turn will not come. */
static void dropped(const void *input, size_t size)
{
    const struct job *job = input;

    (void)size;
    session_drop(job->session, OUTCOME_FAILED);
}

static int dispatch(struct model *base, struct session *session, char why[static MODEL_WHY_MAX])
{
    static const struct ep_submit_options options = {.dropped = dropped, .deadline_ns = INT64_MIN};
    struct pool_model *model = (struct pool_model *)base;
    struct job job = {.session = session, .model = model};
    int rc = ep_submit_with(model->executor, serve, &job, sizeof job, &options, NULL);

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

    return ep_executor_room(model->executor) > 0;
}

/* The pool looks after its own threads. */
static void tend(struct model *base)
{
    (void)base;
}

static void destroy(struct model *base)
{
    struct pool_model *model = (struct pool_model *)base;

    ep_executor_free(model->executor);
    free(model->buffers);
    free(model);
}

static int create(const struct model_settings *settings, struct model **result,
                  char why[static MODEL_WHY_MAX])
{
    struct pool_model *model = calloc(1, sizeof *model);
    struct ep_options options = {
        .workers = (uint32_t)settings->workers,
        .queue = settings->queue == 0 ? EP_NO_QUEUE : (uint32_t)settings->queue,
        .when_full = EP_REJECT,
        .stack_bytes = settings->limits.stack_bytes,
        .name = "worker",
        .on_room = on_room,
        .context = model,
    };
    int rc = -ENOMEM;

    if (model != NULL) {
        model->base.type = &model_thread_pool;
        model->service = settings->service;
        model->workers = settings->workers;
        model->queue = settings->queue;
        model->buffers = calloc(settings->workers, settings->service->buffer_bytes);
        if (model->buffers != NULL)
            rc = ep_thread_executor_new(&options, &model->executor);
    }
    if (rc == 0) {
        *result = &model->base;
        return 0;
    }
    snprintf(why, MODEL_WHY_MAX, "%s", ep_strerror(rc));
    if (model != NULL)
        free(model->buffers);
    free(model);
    return rc;
}

const struct model_type model_thread_pool = {
    .name = "thread-pool",
    .capped = true,
    .create = create,
    .dispatch = dispatch,
    .has_room = has_room,
    .tend = tend,
    .destroy = destroy,
};
