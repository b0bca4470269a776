/* SPDX-License-Identifier: MIT */
/**
 * @file queue-internal.h
 * The bounded queue between submitters and workers. Its functions never wait; waiting is up to the
 * executor (park-internal.h).
 *
 * Admission and storage are separate. **Admission** counts the tasks an executor holds, waiting or
 * running, and is exact: a push is refused as full if and only if `limit` are held. **Storage** is a
 * ring that grows with the tasks that are held. A cancelled task frees its place at once but leaves
 * a husk in the ring, until a worker removes it or the ring is swept.
 */
#ifndef POOL_QUEUE_INTERNAL_H
#define POOL_QUEUE_INTERNAL_H

#include "pool/aside-internal.h"
#include "pool/echopool.h"
#include "pool/park-internal.h"

#include <stdlib.h>

/** Inputs up to this size travel in the ring itself when there is no future. */
#define ENTRY_INPUT_INLINE 32

/** A task on its way to a worker. One cache line. */
struct queue_entry {
    _Alignas(CACHE_LINE) ep_task_fn fn;
    struct ep_future *future; /**< one reference; it then holds input and `dropped` as well */
    /* only if future is NULL */
    ep_dropped_fn dropped;
    uint32_t size;
    bool on_heap;
    _Alignas(max_align_t) union {
        unsigned char inside[ENTRY_INPUT_INLINE];
        struct {
            void *data;
            size_t size;
        } heap;
    } input;
};

_Static_assert(sizeof(struct queue_entry) == CACHE_LINE, "an entry is one cache line");

#define HOLD_PAUSED 1u
#define HOLD_DROPS  2u

/**
 * Producers work under tail_lock, consumers under head_lock (the two-lock queue of Michael and
 * Scott, 1996), so one producer and one consumer contend only when the ring is nearly empty.
 * Lock order: tail_lock before head_lock.
 */
struct queue {
    /* written under both locks, when the ring becomes longer */
    struct queue_entry *ring;
    uint64_t mask;          /**< length of the ring - 1; the length is a power of two */
    _Atomic uint32_t limit; /**< the most tasks held; written under tail_lock */

    _Alignas(CACHE_LINE) struct lock tail_lock;
    /* guarded by tail_lock; all threads read tail */
    _Atomic int refusal;   /**< 0: open; otherwise what every push returns */
    uint64_t freed_seen;   /**< queue_freed() as last read: spares reading a busy cache line */
    uint64_t head_seen;    /**< `head`, likewise */
    _Atomic uint64_t tail; /**< entries ever pushed */
    _Atomic uint64_t
        pushed_aside; /**< tasks ever accepted into a lane; all accepted ones are both */

    _Alignas(CACHE_LINE) struct lock head_lock;
    /* guarded by head_lock; all threads read head */
    uint64_t tail_seen;
    _Atomic uint32_t holds;  /**< not 0: nothing may be taken. HOLD_PAUSED, and HOLD_DROPS for each
                                  thread that drops the waiting tasks */
    _Atomic uint32_t takers; /**< only workers with lower numbers may take */
    _Atomic uint64_t head;   /**< entries that have left the ring */

    /*
     * Places ever freed, by the reason: queue_freed() adds them up. Each end is counted in one step, so
     * that no reader finds a task that has expired and runs. They are on the line of head_lock, which
     * workers mostly hold when they count; others count without it.
     */
    _Atomic uint64_t done;      /**< tasks that a worker has done */
    _Atomic uint64_t cancelled; /**< tasks that never ran because they were cancelled */
    _Atomic uint64_t broken;    /**< tasks that never ran because the executor broke */
    _Atomic uint64_t expired;   /**< tasks that never ran because their time was over */

    /* guarded by head_lock, and seldom written */
    _Alignas(CACHE_LINE) struct aside aside; /**< written for tasks with extras only */
    uint64_t husks_swept; /**< entries of tasks that never ran and have left the ring, or a lane */
    uint64_t claimed;     /**< tasks that began while their entries were in the ring */
};

/** What queue_push() returns if the executor has to look at the expiries sooner than it will. */
#define QUEUE_SOONER 1

/**
 * @param limit   1 or more: the most tasks held
 * @param takers  workers with lower numbers may take
 * @return        0 or -ENOMEM
 */
int queue_init(struct queue *queue, uint32_t limit, uint32_t takers);
/** The queue must be empty. */
void queue_clear(struct queue *queue);

/**
 * Append a copy of the entry.
 * @return 0 or QUEUE_SOONER; -EAGAIN if `limit` tasks are held, the code that queue_close() was given,
 *         or -ENOMEM
 */
int queue_push(struct queue *queue, const struct queue_entry *entry);

/**
 * Take the oldest task that is not cancelled and start its future.
 *
 * @param taker  the worker's number
 * @return       false if there is none, or none for that worker
 */
bool queue_take(struct queue *queue, uint32_t taker, struct queue_entry *entry);

/**
 * Start the future of a task that is in the ring. Its entry stays there as a husk.
 * @return 0; -EBUSY while the queue is paused; -EALREADY: it has begun, or is cancelled or about to be,
 *         or is late
 */
int queue_claim(struct queue *queue, struct ep_future *future);

static inline struct queue_entry *entry_at(struct queue *queue, uint64_t position)
{
    return &queue->ring[position & queue->mask];
}

/** Get the entry at the head of the ring, or NULL if that is empty. */
static inline struct queue_entry *queue_head_locked(struct queue *queue)
{
    uint64_t head = atomic_load_explicit(&queue->head, memory_order_relaxed);

    if (head == queue->tail_seen) {
        queue->tail_seen = atomic_load(&queue->tail);
        if (head == queue->tail_seen)
            return NULL;
    }
    return entry_at(queue, head);
}

/** Remove that entry. */
static inline void queue_advance_locked(struct queue *queue)
{
    uint64_t head = atomic_load_explicit(&queue->head, memory_order_relaxed);

    /* Release: a producer that sees the new head may write over the entry, which has been read. */
    atomic_store_explicit(&queue->head, head + 1, memory_order_release);
}

/** Free the place of a task that a worker has done. */
static inline void queue_task_done(struct queue *queue)
{
    atomic_fetch_add(&queue->done, 1);
}
/** Do queue_task_done() and queue_take() under one lock. */
bool queue_done_and_take(struct queue *queue, uint32_t taker, struct queue_entry *entry);

/**
 * Refuse every later push, with that code, and end a pause. A second call changes nothing.
 *
 * @param drops  let no task be taken either, until queue_release()
 */
void queue_close(struct queue *queue, int refusal, bool drops);
void queue_release(struct queue *queue);
/** Get 0, or the code that queue_close() was given. Sequentially consistent. */
int queue_refusal(struct queue *queue);

/**
 * Let no task be taken, or let tasks be taken again.
 * @return 0, or the code that queue_close() was given: nothing is changed then
 */
int queue_pause(struct queue *queue, bool paused);
/** Ask whether no task may be taken. Sequentially consistent. */
static inline bool queue_is_halted(struct queue *queue)
{
    return atomic_load(&queue->holds) != 0;
}

/** Change the limit. Tasks that are held stay. */
void queue_set_limit(struct queue *queue, uint32_t limit);

/** Change the number of takers. When this returns, no other worker takes a task. */
void queue_set_takers(struct queue *queue, uint32_t takers);
/** Sequentially consistent. */
static inline uint32_t queue_takers(struct queue *queue)
{
    return atomic_load(&queue->takers);
}

/** Count the entries of ring and lanes, husks included. */
uint64_t queue_entries(struct queue *queue);
/** Ask whether the ring or a lane has an entry, husks included. Sequentially consistent. */
bool queue_has_entries(struct queue *queue);
/** The same, but false while no task may be taken: ask whether a worker should look for one. */
bool queue_offers(struct queue *queue);
/** Count the tasks that are held, waiting or running. Sequentially consistent. */
uint64_t queue_held(struct queue *queue);

/** Count the pushes that would succeed now; 0 once closed. Sequentially consistent. */
uint32_t queue_room(struct queue *queue);

/**
 * Fill in accepted, cancelled, queued and running, and how many of those that never ran are broken, failed
 * and expired: accepted = running + queued + cancelled + broken + expired + tasks that workers have done.
 */
void queue_stats(struct queue *queue, struct ep_stats *stats);

/** Get the input of an entry without a future. */
static inline const void *entry_input(const struct queue_entry *entry, size_t *size)
{
    *size = entry->on_heap ? entry->input.heap.size : entry->size;
    if (*size == 0)
        return NULL;
    return entry->on_heap ? entry->input.heap.data : entry->input.inside;
}

/** Release the memory of an entry without a future. */
static inline void entry_release_input(struct queue_entry *entry)
{
    if (entry->on_heap)
        free(entry->input.heap.data);
}

/** Drop an entry without a future: call its `dropped` function, and release its memory. */
void entry_drop(struct queue_entry *entry);

#endif /* POOL_QUEUE_INTERNAL_H */
