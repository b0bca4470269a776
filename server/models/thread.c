/* SPDX-License-Identifier: MIT */
/*
 * --model thread: a thread for every session, as many as there are clients.
 *
 * The simplest design, and it has no bound. Each thread needs address space for its stack, so with one
 * client too many pthread_create() fails, at a number that --limit makes predictable (limits.h). The
 * server has to survive that:
 *
 *  - the client without a thread gets BUSY (dispatch fails);
 *  - the server tries to make no other thread for a while, or until a session ends (spawn-backoff.h).
 *
 * Threads are never detached. A thread that has served its session puts itself on a list, ends the session and
 * wakes the loop, which joins it.
 */
#include "common/must.h"
#include "common/signal-mask.h"
#include "server/models/model.h"
#include "server/models/spawn-backoff.h"
#include "server/session/serve.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/queue.h>

struct thread_model {
    struct model base;
    /* set by create(), then read-only */
    struct shared *shared;
    pthread_attr_t attributes;
    uint64_t max_sessions;

    /* loop only */
    LIST_HEAD(, serving) all; /* threads that are not joined yet */
    uint64_t live;            /* how many those are */
    struct spawn_backoff backoff;

    pthread_mutex_t lock;
    SLIST_HEAD(, serving) ended; /* guarded by lock: threads to join */
};

/* A thread and what it serves. Made and freed by the loop. */
struct serving {
    struct thread_model *model;
    struct session *session; /* until the thread has served it */
    pthread_t thread;
    LIST_ENTRY(serving) all;
    SLIST_ENTRY(serving) ended;
    unsigned char buffer[]; /* allocated before the thread, which so cannot fail for want of it */
};

/* --- in the thread ------------------------------------------------------------------------- */

/* Serve a session. It is on the list before its end is counted, and seen: then dispatch() finds its place free. */
static void *thread_main(void *argument)
{
    struct serving *serving = argument;
    struct thread_model *model = serving->model;
    struct session *session = serving->session;

    session_serve(session, serving->buffer, 0);

    MUST(pthread_mutex_lock(&model->lock));
    SLIST_INSERT_HEAD(&model->ended, serving, ended);
    MUST(pthread_mutex_unlock(&model->lock));
    session_end(session);
    shared_wake(model->shared);
    return NULL;
}

/* --- in the loop --------------------------------------------------------------------------- */

static void join_and_free(struct thread_model *model, struct serving *serving)
{
    MUST(pthread_join(serving->thread, NULL));
    LIST_REMOVE(serving, all);
    model->live--;
    free(serving);
}

/* Join the threads that have ended; each of them has at most to count its session and to return. */
static void tend(struct model *base)
{
    struct thread_model *model = (struct thread_model *)base;
    struct serving *ended;

    MUST(pthread_mutex_lock(&model->lock));
    ended = SLIST_FIRST(&model->ended);
    SLIST_INIT(&model->ended);
    MUST(pthread_mutex_unlock(&model->lock));

    if (ended != NULL)
        spawn_backoff_reset(&model->backoff); /* there is room again */
    while (ended != NULL) {
        struct serving *next = SLIST_NEXT(ended, ended);
        join_and_free(model, ended);
        ended = next;
    }
}

static int make_thread(struct thread_model *model, struct serving *serving)
{
    sigset_t before = signal_mask_all();
    int rc = pthread_create(&serving->thread, &model->attributes, thread_main, serving);

    signal_mask_restore(&before);
    return -rc;
}

static int dispatch(struct model *base, struct session *session, char why[static MODEL_WHY_MAX])
{
    struct thread_model *model = (struct thread_model *)base;

    if (model->live >= model->max_sessions)
        tend(base);
    if (model->live >= model->max_sessions)
        return model_most(model->max_sessions, why);
    int rc = spawn_backoff_refusal(&model->backoff, why);
    if (rc != 0)
        return rc;

    struct serving *serving = malloc(sizeof *serving + model->shared->buffer_bytes);
    rc = -ENOMEM;
    if (serving != NULL) {
        *serving = (struct serving){.model = model, .session = session};
        rc = make_thread(model, serving);
    }
    if (rc != 0) {
        free(serving);
        return spawn_backoff_failed(&model->backoff, session, rc, model->live, why);
    }
    LIST_INSERT_HEAD(&model->all, serving, all);
    model->live++;
    spawn_backoff_reset(&model->backoff);
    return 0;
}

static void destroy(struct model *base)
{
    struct thread_model *model = (struct thread_model *)base;

    while (!LIST_EMPTY(&model->all))
        join_and_free(model, LIST_FIRST(&model->all));
    pthread_mutex_destroy(&model->lock);
    pthread_attr_destroy(&model->attributes);
    free(model);
}

static int create(const struct model_settings *settings, struct model **result,
                  char why[static MODEL_WHY_MAX])
{
    struct thread_model *model = calloc(1, sizeof *model);
    uint64_t stack_bytes = settings->stack_bytes;

    if (model == NULL || pthread_attr_init(&model->attributes) != 0) {
        free(model);
        return model_no_memory(why);
    }
    model->shared = settings->shared;
    model->max_sessions = settings->max_sessions;
    model->backoff.what = "thread";
    MUST(pthread_mutex_init(&model->lock, NULL));
    if (stack_bytes > 0)
        MUST(pthread_attr_setstacksize(&model->attributes, stack_bytes));
    *result = &model->base;
    return 0;
}

const struct model_type model_thread = {
    .name = "thread",
    .unit = "thread",
    .title = "A thread each",
    .words = "from accept to its end",
    .create = create,
    .dispatch = dispatch,
    .tend = tend,
    .destroy = destroy,
};
