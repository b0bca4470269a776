/* SPDX-License-Identifier: MIT */
/* Waiting tasks that have a priority or an expires_ns: see aside-internal.h. */
#include "pool/aside-internal.h"

#include <stddef.h>
#include <string.h>

#define FUTURE_OF(node, member)                                                                    \
    ((struct ep_future *)(void *)((char *)(node)-offsetof(struct ep_future, reply.queued.member)))

void aside_init(struct aside *aside)
{
    memset(aside, 0, sizeof *aside);
    aside->watched_ns = NO_DEADLINE;
}

bool aside_enter(struct aside *aside, struct ep_future *future)
{
    struct queued *queued = &future->reply.queued;
    enum ep_priority level = future_priority(future);

    *queued = (struct queued){.expiry = {.at_ns = future_expires_ns(future)}};
    if (level != EP_PRIORITY_NORMAL) {
        lane_append(&aside->lanes.of[level], &queued->lane);
        atomic_fetch_add(&aside->count, 1);
    }
    if (queued->expiry.at_ns == NO_DEADLINE)
        return false;
    deadlines_add(&aside->expiries, &queued->expiry);
    if (queued->expiry.at_ns >= aside->watched_ns)
        return false;
    aside->watched_ns = queued->expiry.at_ns;
    return true;
}

bool aside_is_late(const struct ep_future *future)
{
    return future != NULL && future_expires_ns(future) != NO_DEADLINE &&
           ep_future_state(future) == EP_PENDING && future->reply.queued.expiry.link != NULL &&
           deadline_is_over(future_expires_ns(future));
}

static bool leave_lane(struct aside *aside, struct ep_future *future)
{
    struct queued *queued = &future->reply.queued;
    enum ep_priority level = future_priority(future);

    if (queued->lane.link == NULL)
        return false;
    lane_remove(&aside->lanes.of[level], &queued->lane);
    if (aside->lanes.of[level].first == NULL)
        aside->lanes.passed[level] = 0; /* none waits for the turn of this level */
    atomic_fetch_sub(&aside->count, 1);
    return true;
}

void aside_set_aside(struct aside *aside, struct ep_future *future)
{
    if (leave_lane(aside, future))
        aside->unrun++;
    future->reply.queued.set_aside = true;
}

bool aside_leave(struct aside *aside, struct ep_future *future, bool *was_in_lane)
{
    struct queued *queued = &future->reply.queued;
    bool was_set_aside = queued->set_aside;

    if (queued->expiry.link != NULL)
        deadlines_remove(&aside->expiries, &queued->expiry);
    queued->set_aside = false;
    *was_in_lane = leave_lane(aside, future);
    return *was_in_lane || was_set_aside;
}

bool aside_leave_unrun(struct aside *aside, struct ep_future *future)
{
    bool was_in_lane, owned = aside_leave(aside, future, &was_in_lane);

    if (was_in_lane)
        aside->unrun++;
    return owned;
}

struct ep_future *aside_first(struct aside *aside, enum ep_priority level)
{
    struct lane_link *first = aside->lanes.of[level].first;

    return first != NULL ? FUTURE_OF(first, lane) : NULL;
}

struct ep_future *aside_due(struct aside *aside)
{
    struct deadline *first = aside->expiries.first;

    if (first != NULL && deadline_is_over(first->at_ns))
        return FUTURE_OF(first, expiry);
    aside->watched_ns = first != NULL ? first->at_ns : NO_DEADLINE;
    return NULL;
}
