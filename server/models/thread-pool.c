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
 * When a session has ended while the listener waits for room (shared->full), its worker wakes the loop, since only
 * the loop uses the listener. A worker that has ended a session while none waits does not go back to the pool but
 * stands by, and accepts the next client itself (direct.h): with short sessions, handing over costs more than the
 * echo. It keeps its place in the pool meanwhile, so the places are not those of sessions, and `held` counts these.
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
    uint32_t pool_queue; /* places in the pool beyond one for each worker */

    /* any thread */
    _Atomic uint64_t held;    /* sessions that have not ended yet */
    _Atomic uint64_t workers; /* written by the loop */
    struct direct direct;

    /* loop only */
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

/*
 * A session has ended, so there may be room. The loop sets `full` first and counts second; this session has left the
 * count before `full` is read. All of this is sequentially consistent, so either the loop sees the count or this
 * thread sees `full`.
 */
static void left(struct pool_model *model)
{
    if (atomic_load(&model->shared->full))
        shared_wake(model->shared);
}

/* Count a session, until accounting_end(). Also of one that a worker has accepted by itself. */
static void entered(void *context, struct session *session)
{
    struct pool_model *model = context;

    session->entry.held = &model->held;
    atomic_fetch_add(&model->held, 1);
}

/*
 * Check whether a worker may stand by: it need not end, and no session waits for it in the pool. A worker that
 * serves or stands by has a task. So if there are no more tasks than workers, each task in the queue has a worker that
 * has none, and that the pool wakes for it.
 */
static bool may_stand(void *context, unsigned worker)
{
    struct pool_model *model = context;

    return worker < atomic_load(&model->workers) &&
           ep_executor_room(model->executor) >= model->pool_queue;
}

/* Wait for another session at the socket. @return NULL: look for one in the pool */
static struct session *next(struct pool_model *model, unsigned worker)
{
    const struct direct_client client = {model->shared, may_stand, entered, model};

    return model->base.direct == NULL ? NULL : direct_await(&model->direct, &client, worker);
}

static int serve(struct ep_task *task)
{
    const struct job *job = ep_task_input(task, NULL);
    struct pool_model *model = job->model;
    struct session *session = job->session;
    unsigned worker = ep_task_worker(task);

    do {
        session_serve(session, model->buffers.of[worker], worker);
        session_end(session);
        left(model);
    } while ((session = next(model, worker)) != NULL);
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

/* --- in the loop --------------------------------------------------------------------------- */

static bool is_full(const struct pool_model *model)
{
    return atomic_load(&model->held) >= atomic_load(&model->workers) + model->queue;
}

/* Submit a session. @return 0 or an error of the pool */
static int submit(struct pool_model *model, struct session *session)
{
    static const struct ep_submit_options options = {.deadline_ns = INT64_MIN, .on_drop = on_drop};
    struct job job = {.session = session, .model = model};
    int rc;

    entered(model, session);
    rc = waiting_submit(&model->waiting, model->executor, session, serve, &job, sizeof job,
                        &options, NULL);
    if (rc == 0)
        return 0;
    session->entry.held = NULL;
    atomic_fetch_sub(&model->held, 1);
    return rc;
}

static int dispatch(struct model *base, struct session *session, char why[static MODEL_WHY_MAX])
{
    struct pool_model *model = (struct pool_model *)base;
    int rc;

    do
        rc = is_full(model) ? -EAGAIN : submit(model, session);
    while (rc == -EAGAIN && waiting_drop_oldest(&model->waiting));
    if (rc == -EAGAIN && caller_runs(&model->caller))
        rc = caller_take(&model->caller, session);
    if (rc == -EAGAIN)
        return model_full(atomic_load(&model->workers), model->queue, why);
    if (rc != 0)
        snprintf(why, MODEL_WHY_MAX, "%s", ep_strerror(rc));
    return rc;
}

static bool has_room(struct model *base)
{
    struct pool_model *model = (struct pool_model *)base;

    return caller_runs(&model->caller) ? !model->caller.busy : !is_full(model);
}

/* Count sessions beyond the number of workers: they wait, or are begun within microseconds. */
static uint64_t waiting(struct model *base)
{
    struct pool_model *model = (struct pool_model *)base;
    uint64_t held = atomic_load(&model->held);
    uint64_t workers = atomic_load(&model->workers);

    return held > workers ? held - workers : 0;
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
        atomic_store(&model->workers, workers);
    if (base->direct != NULL)
        direct_recall(base->direct);
    return rc;
}

static void release(struct pool_model *model)
{
    buffers_clear(&model->buffers);
    direct_clear(&model->direct);
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

/* A worker that stands by has a place in the pool, but no session: so there must be more places. */
static uint32_t pool_queue(const struct model_settings *settings)
{
    uint64_t places = settings->queue + EP_WORKERS_MAX;

    return (uint32_t)(places < EP_QUEUE_MAX ? places : EP_QUEUE_MAX);
}

static int create(const struct model_settings *settings, struct model **result,
                  char why[static MODEL_WHY_MAX])
{
    struct pool_model *model = calloc(1, sizeof *model);
    struct ep_options options = {
        .workers = (uint32_t)settings->workers,
        .queue = pool_queue(settings),
        .when_full = EP_REJECT,
        .stack_bytes = settings->stack_bytes,
        .name = "worker",
    };
    int rc = -ENOMEM;

    if (model != NULL) {
        model->shared = settings->shared;
        model->workers = settings->workers;
        model->pool_queue = options.queue;
        direct_init(&model->direct);
        if (settings->queue > 0 && settings->on_full != ON_FULL_CALLER_RUNS)
            model->base.direct = &model->direct;
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
