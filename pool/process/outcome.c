/* SPDX-License-Identifier: MIT */
/*
 * How tasks of worker processes end: the outcome is published here, and functions of the user are
 * left to the manager.
 */
#include "pool/process/place-internal.h"

#include "pool/self-internal.h"

#include <stdlib.h>

void task_over(struct process_executor *executor, struct queue_entry *entry, unsigned worker)
{
    struct ep_future *future = entry->future;
    uint32_t notes;

    if (future == NULL) {
        entry_release_input(entry);
        queue_task_done(&executor->base.queue);
        return;
    }
    /* The place first, so that a thread which has the result finds it. */
    atomic_fetch_add(&executor->unsettled, 1);
    queue_task_done(&executor->base.queue);
    notes = future_publish(future, worker);
    if (notes & STATE_HAS_WATCHES) {
        lock_acquire(&executor->lock);
        future->input.heap = executor->owed;
        executor->owed = future;
        lock_release(&executor->lock);
        if (!self_manages(&executor->base))
            poke(executor);
    } else {
        ep_future_unref(future);
        atomic_fetch_sub(&executor->unsettled, 1); /* executor_place_freed() follows */
    }
}

/** Note a failure in a future that is not published yet, and count it. */
static void note_failure(struct process_executor *executor, struct queue_entry *entry, int verdict,
                         int code, const char *words)
{
    _Atomic uint64_t *count = verdict == EP_EBROKEN || verdict == EP_EDIED ? &executor->broken_tasks
                              : verdict == EP_ELIMIT                       ? &executor->limited
                                                                           : &executor->failed;

    if (entry->future != NULL)
        future_set_error(entry->future, verdict, code, words);
    atomic_fetch_add_explicit(count, 1, memory_order_relaxed);
}

void lose_task(struct process_executor *executor, struct queue_entry *entry, unsigned worker,
               int verdict, int code, const char *words)
{
    note_failure(executor, entry, verdict, code, words);
    task_over(executor, entry, worker);
    executor_place_freed(&executor->base);
}

/** Drop the input of a task, and then publish its outcome. */
static void drop_now(struct process_executor *executor, struct queue_entry *entry, unsigned worker)
{
    if (entry->future != NULL) {
        future_drop_input(entry->future, entry->future->verdict);
    } else {
        entry_drop(entry);
        entry->on_heap = false;
    }
    task_over(executor, entry, worker);
    executor_place_freed(&executor->base);
}

/**
 * The caller may hold the right to send to a worker, or to receive from it. A `dropped` function, or
 * on_room, that waited for a task of that worker would never return, so the manager calls it.
 */
void drop_task(struct process_executor *executor, struct queue_entry *entry, unsigned worker,
               int verdict, int code, const char *words)
{
    bool calls =
        executor->base.options.on_room != NULL ||
        (entry->future != NULL ? future_drop_calls(entry->future) : entry->dropped != NULL);
    struct returned *undone = calls ? aligned_alloc(CACHE_LINE, sizeof *undone) : NULL;

    note_failure(executor, entry, verdict, code, words);
    if (undone == NULL) { /* nothing to call; or no memory, and then called here instead of never */
        drop_now(executor, entry, worker);
        return;
    }
    *undone = (struct returned){.entry = *entry, .worker = worker};
    lock_acquire(&executor->lock);
    undone->next = executor->undone;
    executor->undone = undone;
    lock_release(&executor->lock);
    poke(executor);
}

/** Drop the tasks that never began. */
static void drop_undone(struct process_executor *executor)
{
    struct returned *undone;

    lock_acquire(&executor->lock);
    undone = executor->undone;
    executor->undone = NULL;
    lock_release(&executor->lock);
    while (undone != NULL) {
        struct returned *next = undone->next;

        drop_now(executor, &undone->entry, undone->worker);
        free(undone);
        undone = next;
    }
}

void call_owed(struct process_executor *executor)
{
    struct ep_future *future, *first = NULL;

    drop_undone(executor);
    lock_acquire(&executor->lock);
    future = executor->owed;
    executor->owed = NULL;
    lock_release(&executor->lock);
    while (future != NULL) { /* the list has the latest first */
        struct ep_future *next = future->input.heap;

        future->input.heap = first;
        first = future;
        future = next;
    }
    while (first != NULL) {
        struct ep_future *next = first->input.heap;

        future_call_back(first);
        ep_future_unref(first);
        if (atomic_fetch_sub(&executor->unsettled, 1) == 1)
            executor_settled(&executor->base);
        first = next;
    }
}
