/* SPDX-License-Identifier: MIT */
/*
 * --model thread: a thread of its own for every session, as many as there are clients.
 *
 * The simplest design, and the one with no answer to the question "and if more come?". Each thread
 * takes a stack's worth of address space, so one client too many makes pthread_create() fail, at
 * a number that --limit lets one predict (limits.h). What is left to do then is to survive:
 *
 *  - the client that found no thread is told so (dispatch fails, the server sends BUSY);
 *  - no other thread is attempted for a while that grows, or until a session ends (backoff.h).
 *
 * Threads are never detached. One that has served its session puts itself on a list and wakes the
 * loop, which joins it.
 */
#include "server/models/backoff.h"
#include "server/models/model.h"

#include "common/must.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

struct thread_model {
    struct model base;
    /* set by create(), then read-only */
    struct shared *shared;
    pthread_attr_t attributes;
    uint64_t max_sessions;

    /* the loop's own */
    struct serving *all; /* every thread that is not joined yet */
    uint64_t live;       /* how many those are */
    struct backoff backoff;

    pthread_mutex_t lock;
    struct serving *ended; /* guarded by lock: threads that only have to be joined */
};

/* A thread and what it serves. Made and freed by the loop. */
struct serving {
    struct thread_model *model;
    struct session *session; /* the thread's, until it has served it */
    pthread_t thread;
    struct serving *next; /* in model->all */
    struct serving *previous;
    struct serving *next_ended; /* in model->ended */
    unsigned char buffer[];     /* the thread's; made beforehand, so that it cannot be missing */
};

/* --- in the thread ------------------------------------------------------------------------- */

static void *thread_main(void *argument)
{
    struct serving *serving = argument;
    struct thread_model *model = serving->model;

    session_serve(serving->session, serving->buffer, 0);
    session_end(serving->session);

    MUST(pthread_mutex_lock(&model->lock));
    serving->next_ended = model->ended;
    model->ended = serving;
    MUST(pthread_mutex_unlock(&model->lock));
    shared_wake(model->shared);
    return NULL;
}

/* --- in the loop --------------------------------------------------------------------------- */

static void unlink_and_free(struct thread_model *model, struct serving *serving)
{
    if (serving->previous != NULL)
        serving->previous->next = serving->next;
    else
        model->all = serving->next;
    if (serving->next != NULL)
        serving->next->previous = serving->previous;
    model->live--;
    free(serving);
}

/* Join the threads that have ended; each of them has at most its return left to do. */
static void tend(struct model *base)
{
    struct thread_model *model = (struct thread_model *)base;
    struct serving *ended;

    MUST(pthread_mutex_lock(&model->lock));
    ended = model->ended;
    model->ended = NULL;
    MUST(pthread_mutex_unlock(&model->lock));

    if (ended != NULL)
        backoff_reset(&model->backoff); /* there is room again */
    while (ended != NULL) {
        struct serving *next = ended->next_ended;
        MUST(pthread_join(ended->thread, NULL));
        unlink_and_free(model, ended);
        ended = next;
    }
}

/* Make the thread, with the signals blocked that belong to the loop. */
static int make_thread(struct thread_model *model, struct serving *serving)
{
    sigset_t all;
    sigset_t before;

    sigfillset(&all);
    MUST(pthread_sigmask(SIG_SETMASK, &all, &before));
    int rc = pthread_create(&serving->thread, &model->attributes, thread_main, serving);
    MUST(pthread_sigmask(SIG_SETMASK, &before, NULL));
    return -rc;
}

static int dispatch(struct model *base, struct session *session, char why[static MODEL_WHY_MAX])
{
    struct thread_model *model = (struct thread_model *)base;

    if (model->live >= model->max_sessions) {
        snprintf(why, MODEL_WHY_MAX, "no thread for you: %" PRIu64 " sessions are the most allowed",
                 model->max_sessions);
        return -EAGAIN;
    }
    int rc = backoff_refusal(&model->backoff, why);
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
        return backoff_failed(&model->backoff, session, rc, model->live, why);
    }
    serving->next = model->all;
    if (model->all != NULL)
        model->all->previous = serving;
    model->all = serving;
    model->live++;
    backoff_reset(&model->backoff);
    return 0;
}

/* There is no cap, so there is always room; dispatch finds out when there is none. */
static bool has_room(struct model *base)
{
    (void)base;
    return true;
}

static void destroy(struct model *base)
{
    struct thread_model *model = (struct thread_model *)base;

    while (model->all != NULL) {
        struct serving *serving = model->all;
        MUST(pthread_join(serving->thread, NULL));
        unlink_and_free(model, serving);
    }
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
        snprintf(why, MODEL_WHY_MAX, "no memory");
        free(model);
        return -ENOMEM;
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
    .capped = false,
    .create = create,
    .dispatch = dispatch,
    .has_room = has_room,
    .tend = tend,
    .destroy = destroy,
};
