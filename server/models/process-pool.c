/* SPDX-License-Identifier: MIT */
/*
 * --model process-pool: N worker processes serve sessions, and a bounded queue holds those that wait.
 *
 * As in thread-pool.c, with processes for workers. A task has a copy of the connection's descriptor and
 * the session's address, which is the same in every process. One worker serves a session to its end. If
 * a worker crashes, its client sees the end of the connection, the session is counted as failed, and
 * libechopool replaces the worker (EP_REPLACE), with a pause if one after the other dies.
 *
 *     the loop --submit--> pool --session, descriptor--> worker: serves
 *        ^                  |                               |
 *        +--- done() <------+------- its end, or its death -+
 *
 * After a task the pool's manager thread calls done(), which counts the session and closes the main
 * process's descriptor. A worker must not, since the accounting belongs to the main process.
 *
 * A zygote forks the workers. It is forked first of all, while the server has one thread and no
 * listener (prepare). When no worker can be started any more, the pool is broken, and the server ends
 * with status 1, so that its supervisor can start it again.
 *
 * A worker that is stopped (SIGSTOP) keeps its place until it continues or is killed; its client is
 * still disconnected by the time limits. At the end, if all sessions that are left were judged or cut and do
 * not end in time, all workers are killed.
 */
#include "common/clock.h"
#include "common/must.h"
#include "pool/echopool.h"
#include "server/models/caller.h"
#include "server/models/model.h"
#include "server/models/process.h"
#include "server/models/waiting.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct process_model {
    struct model base;
    /* set by prepare(), before the zygote is forked: workers have copies */
    struct shared *shared;
    unsigned char *buffer; /* each worker uses its own copy */
    /* set before the first session, then read-only */
    struct ep_zygote *zygote;
    struct ep_executor *executor;
    /* loop only */
    uint64_t workers;
    uint64_t queue;
    struct waiting waiting;
    struct caller caller;
    int64_t judged_ns; /* since when all sessions that are left are judged; 0: they are not */
    /* any thread */
    _Atomic uint64_t held;   /* sessions that have not been counted yet */
    atomic_bool room_wanted; /* has_room() has said no */
};

/* A task's input: 16 bytes, the same in every process. The main process has them in a struct order. */
struct job {
    struct session *session;
    struct process_model *model;
};

/* A task's user data. */
struct order {
    struct job job;
    bool with_loop; /* no worker has begun it, and the loop owns the session */
};

/* --- in a worker --------------------------------------------------------------------------- */

static int begin_worker(void *context, unsigned worker)
{
    struct process_model *model = context;

    (void)worker;
    process_enter(model->shared);
    return 0;
}

static int serve(struct ep_task *task)
{
    const struct job *job = ep_task_input(task, NULL);

    process_serve(job->session, ep_task_fd(task, 0), job->model->buffer, ep_task_worker(task));
    return 0;
}

/* --- in the main process, any thread ------------------------------------------------------- */

/* Note who owns a session that no worker begins. Called before done(), by the same thread. */
static void on_drop(void *user, int reason, const void *input, size_t size)
{
    struct order *order = user;

    (void)input;
    (void)size;
    order->with_loop = waiting_dropped(&order->job.model->waiting, order->job.session, reason);
}

/*
 * Count the session of a finished task. The worker may have had its next task for some time; the
 * session's place is free only now, so that no more are in flight than workers and queue hold.
 */
static void done(struct ep_future *future, void *context)
{
    struct order *order = ep_future_user(future);
    struct process_model *model = context;
    struct ep_error error = {.failed = true};

    if (ep_future_error(future, 0, &error) == EP_ECANCELLED)
        error.message = "no worker began it";
    if (!order->with_loop)
        process_session_over(order->job.session, error.message);
    free(order);
    if (error.kind == EP_EBROKEN || atomic_load(&model->shared->full) ||
        atomic_exchange(&model->room_wanted, false))
        shared_wake(model->shared);
}

static void on_room(void *context)
{
    struct process_model *model = context;

    shared_wake(model->shared);
}

/* --- in the loop --------------------------------------------------------------------------- */

/* Submit a session with a descriptor for the worker. @return 0 or an error of the pool */
static int submit(struct process_model *model, struct order *order)
{
    struct ep_submit_options options = {
        .fd_count = 1, .deadline_ns = INT64_MIN, .user = order, .on_drop = on_drop};
    struct job *job = &order->job;
    int fd = fcntl(job->session->fd, F_DUPFD_CLOEXEC, 0);
    struct ep_future *future;
    int rc;

    if (fd < 0)
        return -errno;
    options.fds = &fd;
    job->session->entry.held = &model->held;
    atomic_fetch_add(&model->held, 1);
    rc = waiting_submit(&model->waiting, model->executor, job->session, serve, job, sizeof *job,
                        &options, &future);
    if (rc != 0) {
        job->session->entry.held = NULL;
        atomic_fetch_sub(&model->held, 1);
        close(fd);
        return rc;
    }
    MUST(ep_future_add_done_callback(future, done, model)); /* the first one needs no memory */
    ep_future_unref(future);
    return 0;
}

static bool is_full(const struct process_model *model)
{
    return atomic_load(&model->held) >= model->workers + model->queue;
}

static int dispatch(struct model *base, struct session *session, char why[static MODEL_WHY_MAX])
{
    struct process_model *model = (struct process_model *)base;
    struct order *order = malloc(sizeof *order);
    int rc = -ENOMEM;

    if (order != NULL) {
        *order = (struct order){.job = {.session = session, .model = model}};
        do
            rc = is_full(model) ? -EAGAIN : submit(model, order);
        while (rc == -EAGAIN && waiting_drop_oldest(&model->waiting));
        if (rc == -EAGAIN && caller_runs(&model->caller)) {
            rc = caller_take(&model->caller, session);
            if (rc == 0)
                free(order);
        }
    }
    if (rc == 0)
        return 0;
    free(order);
    if (rc == -EAGAIN)
        return model_full(model->workers, model->queue, why);
    snprintf(why, MODEL_WHY_MAX, "%s", ep_strerror(rc));
    if (rc == EP_EBROKEN)
        shared_wake(model->shared);
    return rc;
}

/* on_room() reports room in the pool, done() room for sessions. */
static bool has_room(struct model *base)
{
    struct process_model *model = (struct process_model *)base;

    if (caller_runs(&model->caller))
        return !model->caller.busy;
    if (ep_executor_room(model->executor) == 0)
        return false;
    if (!is_full(model))
        return true;
    atomic_store(&model->room_wanted, true);
    return !is_full(model); /* done() may have come before room_wanted */
}

/* Count sessions beyond the number of workers. done() wakes the loop when there are fewer. */
static uint64_t waiting(struct model *base)
{
    struct process_model *model = (struct process_model *)base;
    uint64_t held = atomic_load(&model->held);

    return held > model->workers ? held - model->workers : 0;
}

static bool is_broken(struct model *base)
{
    struct process_model *model = (struct process_model *)base;

    return ep_executor_broken(model->executor, NULL);
}

/* Count the sessions by whether they are judged. A visitor for accounting_each(). */
static void count_judged(struct accounting_entry *entry, void *context)
{
    const struct session *session = (const struct session *)entry;
    unsigned *counts = context;

    counts[atomic_load(&session->verdict) != OUTCOME_SERVED]++;
}

/*
 * Reject sessions that wait too long. At the end, kill the workers when all sessions that are left are judged and do
 * not end.
 */
static void tend(struct model *base)
{
    struct process_model *model = (struct process_model *)base;
    unsigned counts[2] = {0};

    waiting_tend(&model->waiting);
    if (!atomic_load(model->shared->draining))
        return;
    accounting_each(model->shared->accounting, count_judged, counts);
    if (counts[false] > 0 || counts[true] == 0)
        model->judged_ns = 0;
    else if (model->judged_ns == 0)
        model->judged_ns = clock_now_ns();
    else if (clock_now_ns() - model->judged_ns >= PROCESS_PATIENCE_NS)
        ep_executor_terminate(model->executor);
}

static int resize(struct model *base, uint64_t workers)
{
    struct process_model *model = (struct process_model *)base;
    int rc = ep_executor_resize(model->executor, (uint32_t)workers);

    if (rc == 0)
        model->workers = workers;
    return rc == EP_EBROKEN || rc == EP_ESHUTDOWN ? -ECHILD : rc;
}

static void release(struct process_model *model)
{
    ep_executor_free(model->executor);
    ep_zygote_free(model->zygote);
    free(model->buffer);
    free(model);
}

/* Kill the workers: one that is stopped could not follow a request. */
static void destroy(struct model *base)
{
    struct process_model *model = (struct process_model *)base;

    caller_clear(&model->caller);
    waiting_clear(&model->waiting);
    ep_executor_terminate(model->executor);
    release(model);
}

static int prepare(struct shared *shared, struct model **result, char why[static MODEL_WHY_MAX])
{
    struct process_model *model = calloc(1, sizeof *model);
    int rc = -ENOMEM;

    if (model != NULL) {
        model->shared = shared;
        model->buffer = malloc(shared->buffer_bytes);
        if (model->buffer != NULL)
            rc = ep_zygote_new(&model->zygote);
    }
    if (rc == 0) {
        *result = &model->base;
        return 0;
    }
    snprintf(why, MODEL_WHY_MAX, "%s", ep_strerror(rc));
    if (model != NULL)
        release(model);
    return rc;
}

static int create(const struct model_settings *settings, struct model **result,
                  char why[static MODEL_WHY_MAX])
{
    struct process_model *model = (struct process_model *)*result;
    struct ep_options options = {
        .workers = (uint32_t)settings->workers,
        .queue = settings->queue == 0 ? EP_NO_QUEUE : (uint32_t)settings->queue,
        .when_full = EP_REJECT,
        .name = "worker",
        .initialize = begin_worker,
        .on_room = on_room,
        .context = model,
        .zygote = model->zygote,
        .on_death = EP_REPLACE,
    };
    int rc = caller_init(&model->caller, settings);

    if (rc == 0)
        rc = ep_process_executor_new(&options, &model->executor);
    waiting_init(&model->waiting, settings);
    model->workers = settings->workers;
    model->queue = settings->queue;
    if (rc == 0)
        return 0;
    snprintf(why, MODEL_WHY_MAX, "%s", ep_strerror(rc));
    caller_clear(&model->caller);
    release(model);
    return rc;
}

static const struct call needed[] = {CALL(fcntl), CALL(sendmsg), CALLS_END};

const struct model_type model_process_pool = {
    .name = "process-pool",
    .unit = "worker",
    .title = "Worker processes",
    .words = "each a process that holds one session until it ends",
    .capped = true,
    .queues = true,
    .processes = true,
    .needs = needed,
    .prepare = prepare,
    .create = create,
    .dispatch = dispatch,
    .has_room = has_room,
    .waiting = waiting,
    .is_broken = is_broken,
    .tend = tend,
    .resize = resize,
    .destroy = destroy,
};
