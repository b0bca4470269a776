/* SPDX-License-Identifier: MIT */
/* Tasks that leave the queue without having run: see queue-drop-internal.h. */
#include "pool/queue-drop-internal.h"

bool queue_take_expired(struct queue *queue, struct ep_future **future, bool *claimed,
                        int64_t *next_ns)
{
    struct ep_future *due;

    lock_acquire(&queue->head_lock);
    due = aside_due(&queue->aside);
    if (due != NULL) {
        if (!aside_leave_unrun(&queue->aside, due))
            ep_future_ref(due);
        *claimed = future_begin_cancel(due);
        *future = due;
    }
    *next_ns = queue->aside.watched_ns;
    lock_release(&queue->head_lock);
    return due != NULL;
}

void queue_task_expired(struct queue *queue)
{
    atomic_fetch_add(&queue->expired, 1);
}

void queue_task_cancelled(struct queue *queue, struct ep_future *future)
{
    if (future->has_extras) {
        bool owned;

        lock_acquire(&queue->head_lock);
        owned = aside_leave_unrun(&queue->aside, future);
        lock_release(&queue->head_lock);
        if (owned)
            ep_future_unref(future); /* the queue's reference; the canceller has its own */
    }
    atomic_fetch_add(&queue->cancelled, 1);
}

/**
 * Take the oldest entry of the lowest level off the ring or its lane. It is a husk already, or becomes
 * one. @return false if there is none that is not above `highest`
 */
static bool queue_take_oldest(struct queue *queue, enum ep_priority highest,
                              struct queue_entry *entry)
{
    enum ep_priority lowest;
    struct queue_entry *head;
    bool taken;

    lock_acquire(&queue->head_lock);
    head = queue_head_locked(queue);
    lowest = lanes_lowest(&queue->aside.lanes, head != NULL);
    taken = (head != NULL || atomic_load(&queue->aside.count) > 0) &&
            !priority_is_below(highest, lowest);
    if (taken && lowest == EP_PRIORITY_NORMAL) {
        *entry = *head;
        queue_advance_locked(queue);
        queue->husks_swept++;
    } else if (taken) {
        *entry = (struct queue_entry){.future = aside_first(&queue->aside, lowest)};
    }
    if (taken && entry->future != NULL && entry->future->has_extras &&
        ep_future_state(entry->future) == EP_PENDING)
        aside_leave_unrun(&queue->aside, entry->future);
    lock_release(&queue->head_lock);
    return taken;
}

bool queue_drop_oldest(struct queue *queue, enum ep_priority highest, bool fails,
                       struct queue_dropped *dropped)
{
    struct ep_future *future;

    if (!queue_take_oldest(queue, highest, &dropped->entry))
        return false;
    future = dropped->entry.future;
    dropped->ours = future == NULL || (fails ? future_start(future) : future_begin_cancel(future));
    if (dropped->ours) {
        atomic_fetch_add(fails ? &queue->broken : &queue->cancelled, 1);
        if (future != NULL && !fails)
            dropped->notes = future_publish_cancelled(future);
    } else if (future_is_cancelling(future)) {
        future_await_cancelled(future); /* until the canceller counts as a dropper */
    }
    return true;
}

void queue_end_dropped(struct queue_dropped *dropped, int reason, const char *message)
{
    struct ep_future *future = dropped->entry.future;

    if (future == NULL) {
        entry_drop(&dropped->entry);
        return;
    }
    if (dropped->ours && message != NULL)
        future_break(future, reason, message);
    else if (dropped->ours)
        future_end_unrun(future, reason, dropped->notes);
    ep_future_unref(future);
}
