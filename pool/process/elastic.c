/* SPDX-License-Identifier: MIT */
/*
 * The number of workers of an elastic executor. A place that has no worker because none is needed is
 * dormant. The manager wakes dormant places when tasks wait for which no worker is idle or starting,
 * and makes a place dormant when its worker has been idle too long.
 *
 * A submitter that queues a task and finds no idle worker pokes the manager. Until all workers are
 * there, no task is sent ahead to a busy one, so that those wait which the manager adds workers for.
 *
 * A resize sets `target`, and makes the places dormant that were given up. The manager counts the dormant places
 * below it, and wakes some if fewer than the least are awake, because the workers were in places that now end,
 * or were given up: so there is hope as long as a place is dormant, and break_if_hopeless() need not look at
 * the queue.
 */
#include "pool/process/place-internal.h"

#include "pool/clock-internal.h"

/** Of the first places. */
struct places {
    uint32_t dormant;
    uint32_t awake;    /**< have a worker, or will have one: neither dormant nor given up */
    uint32_t starting; /**< are awake, and their worker has not started yet */
};

static struct places count_places(const struct process_executor *executor, uint32_t target)
{
    struct places count = {0};

    for (uint32_t i = 0; i < target; i++) {
        const struct place *place = executor->places[i];

        count.dormant += place->dormant;
        if (place->dormant || place->given_up)
            continue;
        count.awake++;
        count.starting += atomic_load(&place->life) != LIFE_READY;
    }
    return count;
}

/** Compute how many workers stay when idle. */
static uint32_t least_of(const struct process_executor *executor, uint32_t target)
{
    uint32_t least = executor->base.options.workers;

    return least < target ? least : target;
}

void elastic_grow(struct process_executor *executor)
{
    uint32_t target = atomic_load(&executor->target), coming, least;
    struct ep_stats stats = {0};
    struct places count;

    if (!executor->is_elastic)
        return;
    for (uint32_t i = target; i < executor->place_count; i++)
        if (executor->places[i]->life == LIFE_NONE) /* otherwise its worker is ending */
            executor->places[i]->dormant = true;
    if (atomic_exchange(&executor->try_again, false))
        for (uint32_t i = 0; i < executor->place_count; i++)
            if (executor->places[i]->given_up) {
                executor->places[i]->dormant = true;
                executor->places[i]->given_up = false;
            }
    count = count_places(executor, target);
    least = least_of(executor, target);
    atomic_store(&executor->dormant, count.dormant); /* before the look at the queue */
    if (count.dormant == 0 || (count.awake >= least && queue_is_halted(&executor->base.queue)))
        return;
    queue_stats(&executor->base.queue, &stats);
    coming = count.starting + atomic_load(&executor->idle_count);
    for (uint32_t i = 0; i < target && (count.awake < least || coming < stats.queued); i++) {
        struct place *place = executor->places[i];

        if (!place->dormant)
            continue;
        place->dormant = false;
        atomic_fetch_sub(&executor->dormant, 1);
        place_renew(place);
        count.awake++;
        coming++;
    }
}

void elastic_shrink(struct place *place, int64_t now)
{
    struct process_executor *executor = place->executor;
    int64_t timeout_ns = executor->base.options.idle_timeout_ns, idle_since = now;
    uint32_t target = atomic_load(&executor->target);

    if (!executor->is_elastic || count_places(executor, target).awake <= least_of(executor, target))
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
