/* SPDX-License-Identifier: MIT */
/*
 * The number of workers of an elastic executor. A place that has no worker because none is needed is
 * dormant. The manager wakes dormant places when tasks wait for which no worker is idle or starting,
 * and makes a place dormant when its worker has been idle too long.
 *
 * A submitter that queues a task and finds no idle worker pokes the manager. Until all workers are
 * there, no task is sent ahead to a busy one, so that those wait which the manager adds workers for.
 *
 * A resize sets `target`, and asks for the places that were given up. The manager counts the dormant places
 * below it, and wakes some if fewer than the least are awake, because the workers were in places that now end,
 * or were given up.
 */
#include "pool/process/place-internal.h"

#include "pool/clock-internal.h"

static bool is_starting(const struct place *place)
{
    enum life life = atomic_load(&place->life);

    return life == LIFE_NONE ? !place->given_up : life != LIFE_READY;
}

/** Of the first places, count those that are not dormant, and those whose worker has not started yet. */
static uint32_t count_awake(const struct process_executor *executor, uint32_t target,
                            uint32_t *starting)
{
    uint32_t awake = 0;

    *starting = 0;
    for (uint32_t i = 0; i < target; i++) {
        const struct place *place = executor->places[i];

        if (place->dormant)
            continue;
        awake++;
        *starting += is_starting(place);
    }
    return awake;
}

/** Compute how many workers stay when idle. */
static uint32_t least_of(const struct process_executor *executor, uint32_t target)
{
    uint32_t least = executor->base.options.workers;

    return least < target ? least : target;
}

void elastic_grow(struct process_executor *executor)
{
    uint32_t target = atomic_load(&executor->target), starting, coming, awake, least;
    struct ep_stats stats = {0};

    if (!executor->is_elastic)
        return;
    for (uint32_t i = target; i < executor->place_count; i++)
        if (executor->places[i]->life == LIFE_NONE) /* otherwise its worker is ending */
            executor->places[i]->dormant = true;
    if (atomic_exchange(&executor->try_again, false))
        for (uint32_t i = 0; i < target; i++)
            if (executor->places[i]->given_up)
                executor->places[i]->dormant = true;
    awake = count_awake(executor, target, &starting);
    least = least_of(executor, target);
    atomic_store(&executor->dormant, target - awake); /* before the look at the queue */
    if (awake == target || (awake >= least && queue_is_held(&executor->base.queue)))
        return;
    queue_stats(&executor->base.queue, &stats);
    coming = starting + atomic_load(&executor->idle_count);
    for (uint32_t i = 0; i < target && (awake < least || coming < stats.queued); i++) {
        struct place *place = executor->places[i];

        if (!place->dormant)
            continue;
        place->dormant = false;
        atomic_fetch_sub(&executor->dormant, 1);
        place_renew(place);
        awake++;
        coming++;
    }
}

void elastic_shrink(struct place *place, int64_t now)
{
    struct process_executor *executor = place->executor;
    int64_t timeout_ns = executor->base.options.idle_timeout_ns, idle_since = now;
    uint32_t target = atomic_load(&executor->target), starting;

    if (!executor->is_elastic ||
        count_awake(executor, target, &starting) <= least_of(executor, target))
        return;
    lock_acquire(&executor->lock);
    if (place->listed)
        idle_since = place->idle_since_ns;
    lock_release(&executor->lock);
    if (now - idle_since < timeout_ns) {
        due_at(executor, deadline_after(timeout_ns - (now - idle_since)));
        return;
    }
    place_stop(place); /* if it has got a task meanwhile, nothing happens */
    if (place->life != LIFE_STOPPING)
        return;
    place->dormant = true;
    atomic_fetch_add(&executor->dormant, 1);
}
