/* SPDX-License-Identifier: MIT */
/**
 * @file aside-internal.h
 * What a queue knows of the waiting tasks that have a priority or an expires_ns: the part of the queue
 * that is not its ring. All of it is guarded by the queue's head_lock.
 *
 * A task whose priority is not normal waits in a lane, and a normal one in the ring. One that expires is
 * also in a heap. A late task that a worker meets is *set aside*: only the heap has it then. The lane, or
 * the heap for a task that is set aside, has the queue's reference to the future.
 */
#ifndef POOL_ASIDE_INTERNAL_H
#define POOL_ASIDE_INTERNAL_H

#include "pool/future-internal.h"

struct aside {
    struct lanes lanes;
    _Atomic uint32_t count;    /**< tasks in the lanes; read without the lock */
    struct deadlines expiries; /**< of the waiting tasks that expire */
    int64_t watched_ns;        /**< when the executor will look at them next */
    uint64_t unrun;            /**< tasks that have left a lane and will not run */
    uint64_t
        normal_taken; /**< tasks that workers had taken off the ring at the last lanes_note() */
};

void aside_init(struct aside *aside);

/**
 * Take note of a task that is being pushed, and put it into its lane if it has one.
 * @return whether it expires sooner than the executor will look
 */
bool aside_enter(struct aside *aside, struct ep_future *future);

/** Ask whether a waiting task should have begun earlier. `future` may be NULL. */
bool aside_is_late(const struct ep_future *future);

/** Take a task out of its lane, and keep it in the heap, because it is late. */
void aside_set_aside(struct aside *aside, struct ep_future *future);

/**
 * Take a task out of the lane and the heap, as far as it is in them.
 *
 * @param was_in_lane  set to whether it was in a lane
 * @return             whether the caller now has the queue's reference
 */
bool aside_leave(struct aside *aside, struct ep_future *future, bool *was_in_lane);

/** The same, for a task that will not run. */
bool aside_leave_unrun(struct aside *aside, struct ep_future *future);

/** Get the first task of a lane, or NULL. */
struct ep_future *aside_first(struct aside *aside, enum ep_priority level);

/** Get the task that expires first if that is due now; otherwise NULL, and note when to look again. */
struct ep_future *aside_due(struct aside *aside);

#endif /* POOL_ASIDE_INTERNAL_H */
