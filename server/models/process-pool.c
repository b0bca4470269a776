/* SPDX-License-Identifier: MIT */
/*
 * --model process-pool: N worker processes serve the sessions, a bounded queue holds those that wait.
 *
 * The same pool as in thread-pool.c, with processes for workers. What travels with a task is a copy of
 * the connection's descriptor and the session's address, which means the same in every process. Each
 * session is served by one worker to its end. A worker that crashes takes one session with it: its
 * client sees the end of the connection, the session is counted as failed, and libechopool puts a
 * new worker in its place (EP_REPLACE), not too fast where one after the other dies.
 *
 *     the loop --submit--> pool --session, descriptor--> worker: serves
 *        ^                  |                               |
 *        +--- done() <------+------- its end, or its death -+
 *
 * How a task ended is told by a done callback on the pool's manager thread, which counts the session and
 * closes our descriptor of it. The worker itself must not: the accounting is the main process's own.
 *
 * Workers are forked by a zygote, which is forked first of all, while the server has one thread and
 * no listener (prepare). When no worker can be started any more, the pool is broken and says
 * so; a server that can serve nobody ends, with status 1, and leaves it to its supervisor to
 * start a new one.
 *
 * A worker that is stopped (SIGSTOP) keeps its place until it goes on or is killed; the client of
 * its session is seen off by its time limit all the same. At the end, when sessions are cut, those that
 * do not go within a second are killed together with all workers.
 */
#include "server/models/model.h"
#include "server/models/process.h"

#include "common/clock.h"
#include "common/must.h"
#include "pool/echopool.h"
#include "server/models/caller.h"
#include "server/models/waiting.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PATIENCE_NS SECOND_NS

struct process_model {
    struct model base;
    /* set by prepare(), before the zygote is forked: workers have copies */
    struct shared *shared;
    unsigned char *buffer; /* a worker's copy of it is its buffer */
    /* set before the first session, then read-only */
    struct ep_zygote *zygote;
    struct ep_executor *executor;
    /* the loop's own */
    uint64_t workers;
    uint64_t queue;
    struct waiting waiting;
    struct caller caller;
    int64_t cut_ns; /* when it was first seen that a session was cut; 0: none was */
    /* across */
    _Atomic uint64_t held;   /* sessions that are not counted as ended yet */
    atomic_bool room_wanted; /* the loop waits for fewer of them */
};

/* A task's input: 16 bytes, which mean the same in every process. */
struct job {
    struct session *session;
    struct process_model *model;
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

/*
 * The task is over, in whatever way. The pool's place may have been free for some time; the session's
 * is free only now that it is counted, so that no more are in flight than may be.
 */
static void done(struct ep_future *future, void *context)
{
    struct job *job = context;
    struct process_model *model = job->model;
    struct ep_error error = {.message = "its turn never came"};

    if (ep_future_error(future, 0, &error) != EP_ECANCELLED ||
        !waiting_takes(&model->waiting, job->session))
        process_session_over(job->session, error.message);
    free(job);
    atomic_fetch_sub(&model->held, 1);
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

/* Hand it to the pool, with a descriptor for the worker. @return 0 or a code of the pool's */
static int submit(struct process_model *model, struct job *job)
{
    struct ep_submit_options options = {.fd_count = 1, .deadline_ns = INT64_MIN};
    int fd = fcntl(job->session->fd, F_DUPFD_CLOEXEC, 0);
    struct ep_future *future;
    int rc;

    if (fd < 0)
        return -errno;
    options.fds = &fd;
    atomic_fetch_add(&model->held, 1);
    rc = waiting_submit(&model->waiting, model->executor, job->session, serve, job, sizeof *job,
                        &options, &future);
    if (rc != 0) {
        atomic_fetch_sub(&model->held, 1);
        close(fd);
        return rc;
    }
    MUST(ep_future_add_done_callback(future, done, job)); /* the first one needs no memory */
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
    struct job *job = malloc(sizeof *job);
    int rc = -ENOMEM;

    if (job != NULL) {
        *job = (struct job){.session = session, .model = model};
        do
            rc = is_full(model) ? -EAGAIN : submit(model, job);
        while (rc == -EAGAIN && waiting_drop_oldest(&model->waiting));
        if (rc == -EAGAIN && caller_runs(&model->caller)) {
            rc = caller_take(&model->caller, session);
            if (rc == 0)
                free(job);
        }
    }
    if (rc == 0)
        return 0;
    free(job);
    if (rc == -EAGAIN)
        snprintf(why, MODEL_WHY_MAX,
                 "%" PRIu64 " of %" PRIu64 " workers and %" PRIu64 " of %" PRIu64
                 " places in the queue are taken",
                 model->workers, model->workers, model->queue, model->queue);
    else
        snprintf(why, MODEL_WHY_MAX, "%s", ep_strerror(rc));
    if (rc == EP_EBROKEN)
        shared_wake(model->shared);
    return rc;
}

/* The pool tells of its room by on_room(), done() of ours. */
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
    return !is_full(model); /* it may have changed before done() could see that we wait */
}

/* Whoever is held beyond the workers. That changes as sessions end, which done() tells. */
static uint64_t waiting(struct model *base)
{
    struct process_model *model = (struct process_model *)base;
    uint64_t held = atomic_load(&model->held);

    return held > model->workers ? held - model->workers : 0;
}

/* Nobody but the pool itself closes it while the server runs. */
static bool is_broken(struct model *base)
{
    struct process_model *model = (struct process_model *)base;

    return ep_executor_join(model->executor, 0) != -EINVAL;
}

/* A visitor for accounting_each(). */
static void find_cut(struct accounting_entry *entry, void *context)
{
    const struct session *session = (const struct session *)entry;
    bool *found = context;

    *found = *found || atomic_load(&session->verdict) == OUTCOME_DRAIN_TIMEOUT;
}

/* The pool looks after its own workers, until sessions that were cut do not end. */
static void tend(struct model *base)
{
    struct process_model *model = (struct process_model *)base;
    bool cut = false;

    waiting_tend(&model->waiting);
    if (!atomic_load(model->shared->draining))
        return;
    accounting_each(model->shared->accounting, find_cut, &cut);
    if (cut && model->cut_ns == 0)
        model->cut_ns = clock_now_ns();
    else if (cut && clock_now_ns() - model->cut_ns >= PATIENCE_NS)
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

/* Workers that are stopped would not hear a friendly word. */
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

const struct model_type model_process_pool = {
    .name = "process-pool",
    .unit = "worker",
    .title = "Worker processes",
    .words = "each a process that holds one session until it ends",
    .capped = true,
    .queues = true,
    .processes = true,
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
