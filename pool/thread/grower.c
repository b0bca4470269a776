/* SPDX-License-Identifier: MIT */
/*
 * The thread of an elastic executor that makes workers, and joins those that have ended. It sleeps
 * until it is asked (elastic.c), and ends when the last worker has.
 *
 * It may make a worker when the queue is closed, because a task waits. A worker that has taken a task needs
 * life_mutex to leave, as does this thread to look and to make one; so `alive` does not fall to 0 in between,
 * except if the last worker could not be initialized. Who waits for the end therefore waits again after this
 * thread has ended.
 */
#include "pool/cancel-internal.h"
#include "pool/thread/worker-internal.h"

#include <stdio.h>

static void join_ended_locked(struct thread_executor *executor)
{
    for (uint32_t i = 0; i < executor->places; i++)
        if (executor->workers[i] != NULL && atomic_load(&executor->workers[i]->has_ended))
            worker_join_locked(executor, i);
}

/** Find an empty place. One whose worker is ending is not: it pokes the grower at its end. */
static uint32_t empty_place_locked(struct thread_executor *executor)
{
    uint32_t index = 0;

    while (index < queue_takers(&executor->base.queue) && executor->workers[index] != NULL)
        index++;
    return index;
}

/**
 * Add a worker if a task waits that no other worker comes for. If that fails, the next task asks again.
 */
static void grow_locked(struct thread_executor *executor)
{
    uint32_t index = empty_place_locked(executor), most = queue_takers(&executor->base.queue);

    if (index < most && atomic_load(&executor->size) < most &&
        queue_offers(&executor->base.queue) && atomic_load(&executor->idle.count) == 0 &&
        atomic_load(&executor->searching) == 0)
        resize_add_locked(executor, index);
}

static void *grower_main(void *argument)
{
    struct thread_executor *executor = argument;

    for (;;) {
        while (atomic_exchange(&executor->asked, 0) == 0)
            futex_wait(&executor->asked, 0, NO_DEADLINE);
        if (atomic_load(&executor->grower_ends))
            return NULL;
        EP_ASSERT(pthread_mutex_lock(&executor->life_mutex) == 0);
        join_ended_locked(executor);
        grow_locked(executor);
        EP_ASSERT(pthread_mutex_unlock(&executor->life_mutex) == 0);
    }
}

int grower_start(struct thread_executor *executor)
{
    char name[16 + sizeof "-grower"];
    int rc = executor_make_thread(&executor->grower, grower_main, executor);

    if (rc != 0)
        return rc;
    executor->has_grower = true;
    snprintf(name, sizeof name, "%.8s-grower", executor->base.name);
    name[15] = '\0';
    pthread_setname_np(executor->grower, name);
    return 0;
}

void grower_stop(struct thread_executor *executor)
{
    HOLD_CANCELLATION;
    bool runs;

    EP_ASSERT(pthread_mutex_lock(&executor->life_mutex) == 0);
    runs = executor->has_grower;
    executor->has_grower = false;
    EP_ASSERT(pthread_mutex_unlock(&executor->life_mutex) == 0);
    if (!runs)
        return;
    atomic_store(&executor->grower_ends, true);
    elastic_poke(executor);
    EP_ASSERT(pthread_join(executor->grower, NULL) == 0);
}
