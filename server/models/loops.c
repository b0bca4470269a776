/* SPDX-License-Identifier: MIT */
/* Threads that serve many sessions each: see loops.h. */
#include "server/models/loops.h"

#include "common/must.h"
#include "common/signal-mask.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* --- in a loop's thread -------------------------------------------------------------------- */

void loop_session_ended(struct loop *loop)
{
    struct loops *loops = loop->loops;

    atomic_fetch_sub_explicit(&loop->held, 1, memory_order_relaxed);
    if (atomic_load(&loops->shared->full))
        shared_wake(loops->shared); /* there is room: accounting_end() has counted it down */
}

/* Reverse a list: the latest first becomes the oldest first. */
static struct arrival *reverse(struct arrival *list)
{
    struct arrival *reversed = NULL;

    while (list != NULL) {
        struct arrival *next = list->next;
        list->next = reversed;
        reversed = list;
        list = next;
    }
    return reversed;
}

struct arrival *loop_arrivals(struct loop *loop, bool *stop)
{
    struct arrival *arrived;
    eventfd_t ignored;

    (void)eventfd_read(loop->wake_fd, &ignored);
    MUST(pthread_mutex_lock(&loop->lock));
    arrived = loop->arrived;
    loop->arrived = NULL;
    *stop = loop->stop;
    MUST(pthread_mutex_unlock(&loop->lock));
    return reverse(arrived);
}

static void *loop_main(void *argument)
{
    struct loop *loop = argument;

    loop->loops->kind->run(loop);
    return NULL;
}

/* --- in the accept loop -------------------------------------------------------------------- */

/* Choose the loop with the fewest sessions; among equals each gets its turn. */
static struct loop *choose(struct loops *loops)
{
    size_t best = 0, fewest = SIZE_MAX;

    for (size_t i = 0; i < loops->count; i++) {
        size_t index = (loops->turn + i) % loops->count;
        size_t held = atomic_load_explicit(&loops->at[index]->held, memory_order_relaxed);
        if (held < fewest) {
            fewest = held;
            best = index;
        }
    }
    loops->turn = best + 1;
    return loops->at[best];
}

bool loops_have_room(struct model *base)
{
    struct loops *loops = (struct loops *)base;

    return atomic_load(&loops->held) < loops->max_sessions;
}

int loops_dispatch(struct model *base, struct session *session, char why[static MODEL_WHY_MAX])
{
    struct loops *loops = (struct loops *)base;
    struct loop *loop = choose(loops);
    struct arrival *arrival;
    bool first;

    if (!loops_have_room(base))
        return model_most(loops->max_sessions, why);
    arrival = loops->kind->welcome(loop, session);
    if (arrival == NULL)
        return model_no_memory(why);
    session->entry.held = &loops->held;
    atomic_fetch_add(&loops->held, 1);
    atomic_fetch_add_explicit(&loop->held, 1, memory_order_relaxed);

    MUST(pthread_mutex_lock(&loop->lock));
    first = loop->arrived == NULL;
    arrival->next = loop->arrived;
    loop->arrived = arrival;
    MUST(pthread_mutex_unlock(&loop->lock));
    if (first)
        MUST(eventfd_write(loop->wake_fd,
                           1)); /* else an earlier dispatch has, and the loop has not looked */
    return 0;
}

/* --- life ---------------------------------------------------------------------------------- */

static int make_thread(struct loop *loop, const pthread_attr_t *attributes)
{
    char name[16];
    sigset_t before = signal_mask_all();
    int rc = pthread_create(&loop->thread, attributes, loop_main, loop);

    signal_mask_restore(&before);
    if (rc != 0)
        return -rc;
    loop->runs = true;
    snprintf(name, sizeof name, "loop-%u", loop->number);
    pthread_setname_np(loop->thread, name);
    return 0;
}

/* @return NULL: out of memory */
static struct loop *loop_new(struct loops *loops, size_t number)
{
    struct loop *loop = calloc(1, loops->kind->loop_bytes);

    if (loop == NULL)
        return NULL;
    loop->loops = loops;
    loop->number = (unsigned)number;
    loop->wake_fd = -1;
    MUST(pthread_mutex_init(&loop->lock, NULL));
    return loop;
}

/* @return 0 or a negated errno value; loop_free() releases what was made */
static int loop_start(struct loop *loop, const pthread_attr_t *attributes)
{
    int rc;

    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->wake_fd < 0)
        return -errno;
    rc = loop->loops->kind->init(loop);
    return rc != 0 ? rc : make_thread(loop, attributes);
}

/* End the thread, which has no session left, and release everything. NULL is fine. */
static void loop_free(struct loop *loop)
{
    if (loop == NULL)
        return; /* loops_create() failed before this one */
    if (loop->runs) {
        MUST(pthread_mutex_lock(&loop->lock));
        loop->stop = true;
        MUST(pthread_mutex_unlock(&loop->lock));
        MUST(eventfd_write(loop->wake_fd, 1));
        MUST(pthread_join(loop->thread, NULL));
    }
    loop->loops->kind->clear(loop);
    if (loop->wake_fd >= 0)
        close(loop->wake_fd);
    pthread_mutex_destroy(&loop->lock);
    free(loop);
}

void loops_destroy(struct model *base)
{
    struct loops *loops = (struct loops *)base;

    for (size_t i = 0; i < loops->count; i++)
        loop_free(loops->at[i]);
    free(loops);
}

int loops_create(const struct loops_kind *kind, const struct model_settings *settings,
                 struct model **result, char why[static MODEL_WHY_MAX])
{
    size_t count = (size_t)settings->workers;
    struct loops *loops = calloc(1, sizeof *loops + count * sizeof loops->at[0]);
    pthread_attr_t attributes;
    int rc = 0;

    if (loops == NULL || pthread_attr_init(&attributes) != 0) {
        free(loops);
        return model_no_memory(why);
    }
    loops->kind = kind;
    loops->shared = settings->shared;
    loops->max_sessions = settings->max_sessions;
    loops->count = count;
    if (settings->stack_bytes > 0)
        MUST(pthread_attr_setstacksize(&attributes, settings->stack_bytes));
    for (size_t i = 0; i < count && rc == 0; i++) {
        loops->at[i] = loop_new(loops, i);
        rc = loops->at[i] == NULL ? -ENOMEM : loop_start(loops->at[i], &attributes);
    }
    pthread_attr_destroy(&attributes);
    if (rc != 0) {
        snprintf(why, MODEL_WHY_MAX, "%s", strerror(-rc));
        loops_destroy(&loops->base);
        return rc;
    }
    *result = &loops->base;
    return 0;
}
