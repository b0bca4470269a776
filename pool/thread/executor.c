/* SPDX-License-Identifier: MIT */
/*
 * The executor whose workers are threads: making, resizing and ending. What the workers do is in
 * worker.c; how tasks are let in is in pool/executor.c.
 *
 *     submitter                        worker
 *       queue_push  ---- queue ---->     queue_done_and_take
 *       wake one if none searches        run the task, finish its future
 *       (full: wait in `room`)           (empty: search a while, then park in `idle`)
 *
 * Ending: the queue is closed; all waiting threads wake up and see that. Each worker ends when the
 * queue is empty, and the last one wakes the threads that wait for the end. The first of them joins
 * all workers, under life_mutex, so each is joined once. The thread of expiry.c, if there is one, ends
 * after the last worker.
 *
 * Lock order: life_mutex, then the queue's locks. Under life_mutex a thread also takes table_lock, expiry_lock
 * or the lock of a waitlist, under which it takes no other.
 */
#include "pool/thread/worker-internal.h"

#include "pool/cpus-internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WORKERS_DEFAULT_MAX 32

static struct thread_executor *from_base(struct ep_executor *executor)
{
    return (struct thread_executor *)executor;
}

/* --- waking -------------------------------------------------------------------------------- */

static void thread_closed(struct ep_executor *base)
{
    resize_wake_idle(from_base(base));
}

/* --- ending -------------------------------------------------------------------------------- */

static bool all_have_left(void *context)
{
    struct thread_executor *executor = context;

    return atomic_load(&executor->alive) == 0 && atomic_load(&executor->expiry) != EXPIRY_WATCHES;
}

static int thread_join(struct ep_executor *base, int64_t deadline_ns)
{
    struct thread_executor *executor = from_base(base);

    if (!waitlist_await(&executor->ended, all_have_left, executor, deadline_ns))
        return -ETIMEDOUT;
    grower_stop(executor);
    /* It may have made a last one, which needs life_mutex to leave. */
    if (!waitlist_await(&executor->ended, all_have_left, executor, deadline_ns))
        return -ETIMEDOUT;
    EP_ASSERT(pthread_mutex_lock(&executor->life_mutex) == 0);
    for (uint32_t i = 0; i < executor->places; i++)
        if (executor->workers[i] != NULL)
            worker_join_locked(executor, i);
    expiry_join_locked(executor);
    EP_ASSERT(pthread_mutex_unlock(&executor->life_mutex) == 0);
    return 0;
}

/* --- looking ------------------------------------------------------------------------------- */

static bool thread_is_settled(struct ep_executor *base)
{
    struct thread_executor *executor = from_base(base);
    bool settled = true;

    lock_acquire(&executor->table_lock);
    for (uint32_t i = 0; i < executor->places && settled; i++)
        settled =
            executor->workers[i] == NULL || atomic_load(&executor->workers[i]->stage) == NO_TASK;
    lock_release(&executor->table_lock);
    return settled;
}

static void thread_stats(struct ep_executor *base, struct ep_stats *stats)
{
    struct thread_executor *executor = from_base(base);
    uint32_t size;

    stats->workers_max = stats->workers = queue_takers(&base->queue);
    size = atomic_load(&executor->size);
    if (executor->is_elastic && size < stats->workers) /* a resize may not have counted yet */
        stats->workers = size;
    stats->workers_most = atomic_load(&executor->most);
    lock_acquire(&executor->table_lock);
    stats->finished += executor->gone_finished;
    stats->failed += executor->gone_failed;
    for (uint32_t i = 0; i < executor->places; i++) {
        struct worker *worker = executor->workers[i];

        if (worker == NULL)
            continue;
        stats->finished += atomic_load_explicit(&worker->finished, memory_order_relaxed);
        stats->failed += atomic_load_explicit(&worker->failed, memory_order_relaxed);
    }
    lock_release(&executor->table_lock);
}

static void thread_observe(struct ep_executor *base, struct ep_worker_state *states, size_t count)
{
    struct thread_executor *executor = from_base(base);

    lock_acquire(&executor->table_lock);
    for (uint32_t i = 0; i < executor->places && i < count; i++) {
        struct worker *worker = executor->workers[i];
        int64_t doing;

        if (worker == NULL || atomic_load(&worker->has_ended))
            continue;
        doing = atomic_load_explicit(&worker->doing, memory_order_relaxed);
        states[i].since_ns = doing / 2;
        if (doing == 0)
            states[i].does = EP_WORKER_STARTING;
        else
            states[i].does = doing % 2 == 0 ? EP_WORKER_IDLE : EP_WORKER_BUSY;
    }
    lock_release(&executor->table_lock);
}

/* --- size ---------------------------------------------------------------------------------- */

static int thread_resize(struct ep_executor *base, uint32_t workers)
{
    struct thread_executor *executor = from_base(base);
    uint32_t before;
    int rc;

    if (worker_changes_here(executor))
        return -EDEADLK;
    EP_ASSERT(pthread_mutex_lock(&executor->life_mutex) == 0);
    before = queue_takers(&base->queue);
    rc = queue_refusal(&base->queue); /* again: a thread that waits for the end may have returned */
    if (rc == 0 && executor->is_elastic)
        rc = resize_elastic_locked(executor, workers);
    else if (rc == 0 && workers > before)
        rc = resize_grow_locked(executor, workers);
    if (rc == 0)
        queue_set_limit(&base->queue, executor_limit(base, workers));
    resize_takers(executor, rc == 0 ? workers : before);
    if (executor->is_elastic) {
        resize_count_locked(executor);
        elastic_ask(executor); /* for tasks that wait for more workers */
    }
    EP_ASSERT(pthread_mutex_unlock(&executor->life_mutex) == 0);
    executor_places_made(base); /* a higher bound makes places */
    return rc;
}

/* --- life ---------------------------------------------------------------------------------- */

static void thread_free(struct ep_executor *base)
{
    struct thread_executor *executor = from_base(base);

    executor_clear(base);
    pthread_mutex_destroy(&executor->life_mutex);
    pthread_attr_destroy(&executor->attributes);
    free(executor->workers);
    free(executor);
}

static const struct executor_ops thread_ops = {
    .host = {.cancelled = executor_task_cancelled,
             .place_left = executor_place_left,
             .run_here = thread_run_here,
             .runs_here = thread_runs_here},
    .arrived = task_arrived,
    .watch = expiry_watch,
    .sooner = expiry_wake,
    .closed = thread_closed,
    .is_settled = thread_is_settled,
    .join = thread_join,
    .resize = thread_resize,
    .free = thread_free,
    .stats = thread_stats,
    .observe = thread_observe,
};

static uint32_t workers_or_default(uint32_t workers)
{
    uint32_t by_cpus;

    if (workers > 0) /* no file is read then */
        return workers;
    by_cpus = ep_usable_cpus() + 4;
    return by_cpus < WORKERS_DEFAULT_MAX ? by_cpus : WORKERS_DEFAULT_MAX;
}

/** Make the attributes of the threads. @return 0, -ENOMEM, -EINVAL for the stack */
static int attributes_init(pthread_attr_t *attributes, size_t stack_bytes)
{
    if (pthread_attr_init(attributes) != 0)
        return -ENOMEM;
    if (stack_bytes == 0 || pthread_attr_setstacksize(attributes, stack_bytes) == 0)
        return 0;
    pthread_attr_destroy(attributes);
    return -EINVAL;
}

/** Make the workers that there are from the beginning, and the grower. */
static int begin_locked(struct thread_executor *executor)
{
    const struct ep_options *options = &executor->base.options;
    int rc;

    executor->is_elastic = options->workers_max > options->workers;
    atomic_store(&executor->least, options->workers);
    atomic_store(&executor->size, options->workers);
    rc = resize_grow_locked(executor, options->workers);
    if (rc != 0 || !executor->is_elastic)
        return rc;
    rc = resize_places_locked(executor, options->workers_max);
    if (rc != 0)
        return rc;
    queue_set_takers(&executor->base.queue, options->workers_max);
    return grower_start(executor);
}

int ep_thread_executor_new(const struct ep_options *options, struct ep_executor **executor)
{
    static const struct ep_options usual = {0};
    struct thread_executor *made;
    int rc;

    if (options == NULL)
        options = &usual;
    if (executor == NULL || !options_are_sound(options))
        return -EINVAL;
    made = aligned_alloc(CACHE_LINE, sizeof *made);
    if (made == NULL)
        return -ENOMEM;
    memset(made, 0, sizeof *made);
    rc = attributes_init(&made->attributes, options->stack_bytes);
    if (rc != 0) {
        free(made);
        return rc;
    }
    made->one_cpu = allowed_cpus() == 1;
    made->searchers_max = made->one_cpu ? 1 : allowed_cpus() / 2;
    EP_ASSERT(pthread_mutex_init(&made->life_mutex, NULL) == 0);
    rc = executor_init(&made->base, &thread_ops, options, workers_or_default(options->workers), 0);
    if (rc != 0) {
        thread_free(&made->base);
        return rc;
    }
    EP_ASSERT(pthread_mutex_lock(&made->life_mutex) == 0);
    rc = begin_locked(made);
    EP_ASSERT(pthread_mutex_unlock(&made->life_mutex) == 0);
    if (rc != 0) {
        ep_executor_free(&made->base);
        return rc;
    }
    *executor = &made->base;
    return 0;
}
