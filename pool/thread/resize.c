/* SPDX-License-Identifier: MIT */
/*
 * The places of the workers, and how many of them have one: at the start, by a resize, and for the grower.
 *
 * DESIGN. A resize to fewer ends the workers in the last places, and of an elastic executor these may be all that
 * there are. So that first makes, in the first places, the least that stay. Surplus workers run their task to its end
 * and leave, and `size` does not count them: those that are counted take tasks.
 */
#include "pool/thread/worker-internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void resize_wake_idle(struct thread_executor *executor)
{
    while (wake_idle_worker(executor))
        ;
}

int resize_places_locked(struct thread_executor *executor, uint32_t places)
{
    struct worker **workers, **replaced;

    if (places <= executor->places)
        return 0;
    workers = calloc(places, sizeof(struct worker *));
    if (workers == NULL)
        return -ENOMEM;
    if (executor->places > 0)
        memcpy(workers, executor->workers, executor->places * sizeof(struct worker *));
    lock_acquire(&executor->table_lock);
    replaced = executor->workers;
    executor->workers = workers;
    executor->places = places;
    lock_release(&executor->table_lock);
    free(replaced);
    return 0;
}

void resize_takers(struct thread_executor *executor, uint32_t workers)
{
    queue_set_takers(&executor->base.queue, workers);
    resize_wake_idle(executor);
}

int resize_grow_locked(struct thread_executor *executor, uint32_t workers)
{
    uint32_t before = queue_takers(&executor->base.queue);
    int rc = resize_places_locked(executor, workers);

    if (rc == 0)
        resize_takers(executor, workers);
    for (uint32_t i = before; i < workers && rc == 0; i++) {
        struct worker *worker = executor->workers[i];

        if (worker != NULL && worker->leaving) {
            worker_join_locked(executor, i);
            worker = NULL;
        }
        if (worker == NULL)
            rc = worker_start_locked(executor, i, true);
    }
    if (rc != 0)
        resize_takers(executor, before);
    else if (workers > atomic_load(&executor->most))
        atomic_store(&executor->most, workers);
    return rc;
}

int resize_add_locked(struct thread_executor *executor, uint32_t index)
{
    uint32_t most = atomic_load(&executor->most);
    uint32_t size = atomic_fetch_add(&executor->size, 1) + 1;
    int rc;

    atomic_store(&executor->most, size > most ? size : most); /* before the worker can be seen */
    rc = worker_start_locked(executor, index, false);
    if (rc != 0) {
        atomic_fetch_sub(&executor->size, 1);
        atomic_store(&executor->most, most);
    }
    return rc;
}

/** Make workers until that many places have `least`. */
static int make_least_locked(struct thread_executor *executor, uint32_t places, uint32_t least)
{
    uint32_t there = 0;
    int rc = 0;

    for (uint32_t i = 0; i < places; i++)
        there += executor->workers[i] != NULL && !executor->workers[i]->leaving;
    for (uint32_t i = 0; i < places && there < least && rc == 0; i++) {
        const struct worker *worker = executor->workers[i];

        if (worker != NULL && !worker->leaving)
            continue;
        if (worker != NULL)
            worker_join_locked(executor, i);
        rc = resize_add_locked(executor, i);
        there++;
    }
    return rc;
}

void resize_count_locked(struct thread_executor *executor)
{
    uint32_t size = 0, takers = queue_takers(&executor->base.queue);

    for (uint32_t i = 0; i < takers; i++)
        size += executor->workers[i] != NULL && !executor->workers[i]->leaving;
    atomic_store(&executor->size, size);
}

int resize_elastic_locked(struct thread_executor *executor, uint32_t workers)
{
    uint32_t before = queue_takers(&executor->base.queue), least = executor->base.options.workers;
    int rc = resize_places_locked(executor, workers);

    if (rc != 0)
        return rc;
    if (least > workers)
        least = workers;
    if (workers > before)
        resize_takers(executor, workers);
    rc = make_least_locked(executor, workers, least);
    if (rc != 0) {
        resize_takers(executor, before);
        return rc;
    }
    atomic_store(&executor->least, least);
    return 0;
}
