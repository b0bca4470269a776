/* SPDX-License-Identifier: MIT */
/*
 * --model thread-accept: N threads, each of which accepts a connection, serves it to its end, and accepts
 * the next.
 *
 * The other classical pool (UNP 30.11). No thread hands a session over, so there is no queue, and no wake-up of
 * a worker by the loop. What it cannot do follows from the same: a client that finds all threads busy is known to
 * the kernel alone. It waits in the backlog, and none can tell it that the server is busy, drop it after a time,
 * or count it.
 *
 *     worker: door_accept() -> admission_enter() -> door_enter() -> session_serve() -> session_end()
 *
 * How the threads wait, how many of them a connection wakes, and how they stop is in doors.h. With
 * --reuse-port each thread has a socket of its own, and the kernel chooses the socket by a hash of the client's
 * address: no thread is woken for nothing, and a client may wait behind a busy thread while others are idle.
 *
 * The loop does the rest: signals, time limits, the admin port.
 */
#include "common/must.h"
#include "common/signal-mask.h"
#include "server/models/buffers.h"
#include "server/models/model.h"
#include "server/session/admission.h"
#include "server/session/serve.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* A thread. */
struct worker {
    struct accept_model *model;
    bool has_thread; /* loop only: to be joined */
    bool has_left;   /* guarded by the model's lock: it accepts no more */
    pthread_t thread;
};

struct accept_model {
    struct model base;
    /* set by create(), then read-only */
    struct shared *shared;
    pthread_attr_t attributes;

    /* loop only */
    uint64_t workers;

    struct buffers buffers; /* one for each worker */

    pthread_mutex_t lock; /* taken when a worker leaves or comes */
    struct worker of[EP_WORKERS_MAX];
};

/* --- in a worker --------------------------------------------------------------------------- */

/* Serve one session after the other. @return when the doors are closed, or there are fewer workers */
static void serve_all(struct accept_model *model, unsigned number)
{
    struct address from;
    int fd;

    while ((fd = door_accept(model->base.doors, number, &from)) >= 0) {
        struct session *session = admission_enter(model->shared, fd, &from);
        door_enter(model->base.doors, number);
        if (session == NULL)
            continue;
        session_serve(session, model->buffers.of[number], number);
        session_end(session);
    }
}

/* Leave, unless there is a place for this worker again. */
static bool leaves(struct accept_model *model, struct worker *worker, unsigned number)
{
    MUST(pthread_mutex_lock(&model->lock));
    worker->has_left = !doors_want(model->base.doors, number);
    MUST(pthread_mutex_unlock(&model->lock));
    return worker->has_left;
}

static void *worker_main(void *argument)
{
    struct worker *worker = argument;
    struct accept_model *model = worker->model;
    unsigned number = (unsigned)(worker - model->of);
    char name[16];

    snprintf(name, sizeof name, "worker-%u", number);
    pthread_setname_np(pthread_self(), name);
    do
        serve_all(model, number);
    while (!leaves(model, worker, number));
    shared_wake(model->shared);
    return NULL;
}

/* --- in the loop --------------------------------------------------------------------------- */

static bool has_left(struct accept_model *model, struct worker *worker)
{
    bool left;

    MUST(pthread_mutex_lock(&model->lock));
    left = worker->has_left;
    MUST(pthread_mutex_unlock(&model->lock));
    return left;
}

static void join(struct worker *worker)
{
    struct accept_model *model = worker->model;

    MUST(pthread_join(worker->thread, NULL));
    worker->has_thread = false;
    door_clear(model->base.doors, (unsigned)(worker - model->of));
}

/* Join the threads that have left; each of them has at most to return. */
static void tend(struct model *base)
{
    struct accept_model *model = (struct accept_model *)base;

    for (unsigned i = 0; i < EP_WORKERS_MAX && model->of[i].model != NULL; i++)
        if (model->of[i].has_thread && has_left(model, &model->of[i]))
            join(&model->of[i]);
}

/* Make a worker that has no thread. @return 0 or a negated errno value */
static int make_worker(struct accept_model *model, unsigned number)
{
    struct worker *worker = &model->of[number];
    int rc = door_make(model->base.doors, number);
    sigset_t before;

    if (rc != 0)
        return rc;
    worker->model = model;
    worker->has_left = false;
    before = signal_mask_all();
    rc = pthread_create(&worker->thread, &model->attributes, worker_main, worker);
    signal_mask_restore(&before);
    worker->has_thread = rc == 0;
    if (rc != 0)
        door_clear(model->base.doors, number);
    return -rc;
}

/* Make the missing workers of this many. @return 0 or a negated errno value */
static int make_workers(struct accept_model *model, uint64_t workers)
{
    int rc = buffers_make(&model->buffers, workers, model->shared->buffer_bytes);

    for (unsigned i = 0; i < workers && rc == 0; i++)
        if (!model->of[i].has_thread)
            rc = make_worker(model, i);
    return rc;
}

static int start(struct model *base)
{
    struct accept_model *model = (struct accept_model *)base;

    return make_workers(model, model->workers);
}

/*
 * Those that are too many leave after their sessions. One that is still there when it is wanted again stays;
 * one that has left meanwhile is made again.
 */
static int resize(struct model *base, uint64_t workers)
{
    struct accept_model *model = (struct accept_model *)base;
    int rc;

    doors_set_workers(base->doors, workers);
    tend(base);
    rc = make_workers(model, workers);
    if (rc == 0)
        model->workers = workers;
    else
        doors_set_workers(base->doors, model->workers);
    return rc;
}

static void destroy(struct model *base)
{
    struct accept_model *model = (struct accept_model *)base;

    for (unsigned i = 0; i < EP_WORKERS_MAX; i++)
        if (model->of[i].has_thread)
            join(&model->of[i]);
    doors_free(base->doors);
    buffers_clear(&model->buffers);
    pthread_attr_destroy(&model->attributes);
    pthread_mutex_destroy(&model->lock);
    free(model);
}

static int create(const struct model_settings *settings, struct model **result,
                  char why[static MODEL_WHY_MAX])
{
    struct accept_model *model = calloc(1, sizeof *model);

    if (model != NULL)
        model->base.doors = doors_new(settings->shared, settings->workers, settings->wake_all);
    if (model == NULL || model->base.doors == NULL || pthread_attr_init(&model->attributes) != 0) {
        if (model != NULL)
            doors_free(model->base.doors);
        free(model);
        return model_no_memory(why);
    }
    model->shared = settings->shared;
    model->workers = settings->workers;
    MUST(pthread_mutex_init(&model->lock, NULL));
    if (settings->stack_bytes > 0)
        MUST(pthread_attr_setstacksize(&model->attributes, settings->stack_bytes));
    *result = &model->base;
    return 0;
}

const struct model_type model_thread_accept = {
    .name = "thread-accept",
    .unit = "worker",
    .title = "Workers",
    .words = "each a thread that accepts by itself, and holds one session until it ends",
    .capped = true,
    .create = create,
    .start = start,
    .tend = tend,
    .resize = resize,
    .destroy = destroy,
};
