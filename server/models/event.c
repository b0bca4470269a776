/* SPDX-License-Identifier: MIT */
/*
 * --model event: N event loops, each a thread, each with many sessions.
 *
 * No thread waits for one client. A loop asks the kernel which of its sessions are ready, serves them,
 * and asks again. So a session costs a descriptor and half a kilobyte instead of a thread, and ten
 * thousand idle sessions cost no time. The price: all sessions of a loop share its thread. If one of
 * them works for 10 ms, all others wait that long; try --delay.
 *
 *     accept loop: accept ──dispatch──> list of the loop with the fewest sessions, eventfd
 *                                        └ loop's thread: on_wake ─> driven_start ─> communicate
 *
 * A loop's event base has no locks, because only its thread uses it (as in memcached). Another thread
 * appends to a list under a lock, and wakes the loop by an eventfd.
 *
 * There is no queue: all sessions are served, up to --max-sessions.
 */
#include "common/must.h"
#include "common/signal-mask.h"
#include "server/models/driven.h"
#include "server/models/model.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct loop {
    /* set before the thread begins, then read-only */
    struct event_model *model;
    struct event_base *base; /* used by the thread only, once it runs */
    struct driver *driver;
    struct event *wake;
    int wake_fd;
    bool runs;
    pthread_t thread;

    atomic_size_t held; /* sessions: added by dispatch, subtracted by the thread */

    pthread_mutex_t lock;
    /* guarded by lock */
    struct driven *arrived; /* sessions that the thread has not taken yet, the latest first */
    bool stop;
};

struct event_model {
    struct model base;
    /* set by create(), then read-only */
    struct shared *shared;
    uint64_t max_sessions;
    size_t loop_count;

    size_t turn;           /* accept loop only: where the next search for a loop begins */
    _Atomic uint64_t held; /* by all loops */

    struct loop loops[];
};

/* --- in a loop's thread -------------------------------------------------------------------- */

/* Make room after a session. */
static void ended(void *context)
{
    struct loop *loop = context;
    struct event_model *model = loop->model;

    atomic_fetch_sub_explicit(&loop->held, 1, memory_order_relaxed);
    if (atomic_fetch_sub(&model->held, 1) == model->max_sessions)
        shared_wake(model->shared); /* has_room() was false, and is now true */
}

/* Reverse a list: the latest first becomes the oldest first. */
static struct driven *reverse(struct driven *list)
{
    struct driven *reversed = NULL;

    while (list != NULL) {
        struct driven *next = *driven_next(list);
        *driven_next(list) = reversed;
        reversed = list;
        list = next;
    }
    return reversed;
}

/* Start new sessions, or end the loop. */
static void on_wake(evutil_socket_t fd, short what, void *argument)
{
    struct loop *loop = argument;
    struct driven *arrived;
    eventfd_t ignored;
    bool stop;

    (void)what;
    (void)eventfd_read(fd, &ignored);
    MUST(pthread_mutex_lock(&loop->lock));
    arrived = loop->arrived;
    loop->arrived = NULL;
    stop = loop->stop;
    MUST(pthread_mutex_unlock(&loop->lock));

    arrived = reverse(arrived);
    while (arrived != NULL) {
        struct driven *next = *driven_next(arrived);
        driven_start(arrived);
        arrived = next;
    }
    if (stop)
        event_base_loopbreak(loop->base);
}

static void *loop_main(void *argument)
{
    struct loop *loop = argument;

    if (event_base_dispatch(loop->base) != 0)
        log_fatal("an event loop has failed");
    return NULL;
}

/* --- in the accept loop -------------------------------------------------------------------- */

/* Choose the loop with the fewest sessions; among equals each gets its turn. */
static struct loop *choose(struct event_model *model)
{
    struct loop *best = NULL;
    size_t fewest = SIZE_MAX;

    for (size_t i = 0; i < model->loop_count; i++) {
        struct loop *loop = &model->loops[(model->turn + i) % model->loop_count];
        size_t held = atomic_load_explicit(&loop->held, memory_order_relaxed);
        if (held < fewest) {
            fewest = held;
            best = loop;
        }
    }
    model->turn = (size_t)(best - model->loops) + 1;
    return best;
}

static bool has_room(struct model *base)
{
    struct event_model *model = (struct event_model *)base;

    return atomic_load(&model->held) < model->max_sessions;
}

static int dispatch(struct model *base, struct session *session, char why[static MODEL_WHY_MAX])
{
    struct event_model *model = (struct event_model *)base;
    struct loop *loop = choose(model);
    struct driven *driven;
    bool first;

    if (!has_room(base))
        return model_most(model->max_sessions, why);
    driven = driven_new(loop->driver, session);
    if (driven == NULL)
        return model_no_memory(why);
    atomic_fetch_add(&model->held, 1);
    atomic_fetch_add_explicit(&loop->held, 1, memory_order_relaxed);

    MUST(pthread_mutex_lock(&loop->lock));
    first = loop->arrived == NULL;
    *driven_next(driven) = loop->arrived;
    loop->arrived = driven;
    MUST(pthread_mutex_unlock(&loop->lock));
    if (first)
        MUST(eventfd_write(loop->wake_fd,
                           1)); /* else an earlier dispatch has, and the loop has not looked */
    return 0;
}

/* --- life ---------------------------------------------------------------------------------- */

/* Make an event base without locks, and without a reading of the clock in every turn. */
static struct event_base *make_base(void)
{
    struct event_config *config = event_config_new();
    struct event_base *base = NULL;

    if (config == NULL)
        return NULL; /* which event_config_free() does not take */
    if (event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_NO_CACHE_TIME) == 0)
        base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

static int make_thread(struct loop *loop, const pthread_attr_t *attributes)
{
    char name[16];
    sigset_t before = signal_mask_all();
    int rc = pthread_create(&loop->thread, attributes, loop_main, loop);

    signal_mask_restore(&before);
    if (rc != 0)
        return -rc;
    loop->runs = true;
    snprintf(name, sizeof name, "loop-%zu", loop - loop->model->loops);
    pthread_setname_np(loop->thread, name);
    return 0;
}

/* @return 0 or a negated errno value; loop_clear() releases what was made */
static int loop_init(struct loop *loop, struct event_model *model, const pthread_attr_t *attributes)
{
    loop->model = model;
    MUST(pthread_mutex_init(&loop->lock, NULL));
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->wake_fd < 0)
        return -errno;
    loop->base = make_base();
    if (loop->base == NULL)
        return -ENOMEM;
    loop->driver =
        driver_new(loop->base, model->shared, (unsigned)(loop - model->loops), ended, loop);
    loop->wake = event_new(loop->base, loop->wake_fd, EV_READ | EV_PERSIST, on_wake, loop);
    if (loop->driver == NULL || loop->wake == NULL)
        return -ENOMEM;
    if (event_add(loop->wake, NULL) != 0)
        return -errno;
    return make_thread(loop, attributes);
}

/* End the thread, which has no session left, and release everything. */
static void loop_clear(struct loop *loop)
{
    if (loop->model == NULL)
        return; /* create() failed before this one */
    if (loop->runs) {
        MUST(pthread_mutex_lock(&loop->lock));
        loop->stop = true;
        MUST(pthread_mutex_unlock(&loop->lock));
        MUST(eventfd_write(loop->wake_fd, 1));
        MUST(pthread_join(loop->thread, NULL));
    }
    if (loop->wake != NULL)
        event_free(loop->wake);
    driver_free(loop->driver);
    if (loop->base != NULL)
        event_base_free(loop->base);
    if (loop->wake_fd >= 0)
        close(loop->wake_fd);
    pthread_mutex_destroy(&loop->lock);
}

static void destroy(struct model *base)
{
    struct event_model *model = (struct event_model *)base;

    for (size_t i = 0; i < model->loop_count; i++)
        loop_clear(&model->loops[i]);
    free(model);
}

static int create(const struct model_settings *settings, struct model **result,
                  char why[static MODEL_WHY_MAX])
{
    size_t count = (size_t)settings->workers;
    struct event_model *model = calloc(1, sizeof *model + count * sizeof model->loops[0]);
    pthread_attr_t attributes;
    int rc = 0;

    if (model == NULL || pthread_attr_init(&attributes) != 0) {
        free(model);
        return model_no_memory(why);
    }
    model->shared = settings->shared;
    model->max_sessions = settings->max_sessions;
    model->loop_count = count;
    if (settings->stack_bytes > 0)
        MUST(pthread_attr_setstacksize(&attributes, settings->stack_bytes));
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = loop_init(&model->loops[i], model, &attributes);
    pthread_attr_destroy(&attributes);
    if (rc != 0) {
        snprintf(why, MODEL_WHY_MAX, "%s", strerror(-rc));
        destroy(&model->base);
        return rc;
    }
    *result = &model->base;
    return 0;
}

const struct model_type model_event = {
    .name = "event",
    .unit = "loop",
    .title = "Event loops",
    .words = "each a thread that serves many sessions by turns",
    .holds_many = true,
    .create = create,
    .dispatch = dispatch,
    .has_room = has_room,
    .destroy = destroy,
};
