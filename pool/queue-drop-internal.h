/* SPDX-License-Identifier: MIT */
/**
 * @file queue-drop-internal.h
 * Tasks that leave the queue without having run: cancelled, dropped by the executor, or expired.
 */
#ifndef POOL_QUEUE_DROP_INTERNAL_H
#define POOL_QUEUE_DROP_INTERNAL_H

#include "pool/queue-internal.h"

/** Free the place of a cancelled task, whose entry stays in the ring. */
void queue_task_cancelled(struct queue *queue, struct ep_future *future);

/**
 * Take the first of the tasks that have expired, or that were late when a worker could have begun them.
 *
 * @param future   set, with a reference
 * @param claimed  set to whether future_begin_cancel() has succeeded; otherwise a canceller was
 *                 faster, and may not be counted as a dropper yet
 * @param next_ns  set if there is none: when to ask again, or NO_DEADLINE
 * @return         false if there is none
 */
bool queue_take_expired(struct queue *queue, struct ep_future **future, bool *claimed,
                        int64_t *next_ns);

/** Free the place of a task that was claimed. */
void queue_task_expired(struct queue *queue);

/** A task that was taken off the queue to be dropped. */
struct queue_dropped {
    struct queue_entry entry;
    bool ours;      /**< no canceller was faster */
    uint32_t notes; /**< of its future, if it was cancelled */
};

/**
 * Take the oldest task of the lowest level, and free its place. No function of the user runs:
 * queue_end_dropped() must follow.
 *
 * @param highest  a task of a higher level than this is not taken
 * @param fails    it will fail; otherwise its future is CANCELLED
 * @return         false if there is none left
 */
bool queue_drop_oldest(struct queue *queue, enum ep_priority highest, bool fails,
                       struct queue_dropped *dropped);

/**
 * Drop its input, and call back.
 *
 * @param reason   for on_drop; the verdict of a task that fails
 * @param message  of a task that fails; otherwise NULL
 */
void queue_end_dropped(struct queue_dropped *dropped, int reason, const char *message);

#endif /* POOL_QUEUE_DROP_INTERNAL_H */
