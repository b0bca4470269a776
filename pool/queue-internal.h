/* SPDX-License-Identifier: MIT */
/**
 * @file queue-internal.h
 * The bounded queue between submitters and workers. It never waits; who wants to wait does so in
 * the executor (park-internal.h).
 *
 * Two things are kept apart. **Admission** counts the tasks an executor holds, waiting or running,
 * and is exact: a push succeeds if and only if fewer than `limit` are held. **Storage** is a ring
 * that is larger than the limit, because a task that is cancelled gives its place back at once but
 * leaves a husk in the ring until a worker comes to it or the ring is swept.
 */
#ifndef POOL_QUEUE_INTERNAL_H
#define POOL_QUEUE_INTERNAL_H

#include "pool/echopool.h"
#include "pool/park-internal.h"

/** Inputs up to this size travel in the ring itself when there is no future. */
#define ENTRY_INPUT_INLINE 32

/** A task on its way to a worker. One cache line. */
struct queue_entry {
    _Alignas(CACHE_LINE) ep_task_fn fn;
    struct ep_future *future; /**< one reference; it then keeps input and `dropped` as well */
    /* only where future is NULL */
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

/**
 * Producers work under tail_lock, consumers under head_lock (the two-lock queue of Michael and
 * Scott, 1996), so that one producer and one consumer meet only where the ring is nearly empty.
 * Lock order: tail_lock before head_lock.
 */
struct queue {
    /* written under both locks, by queue_set_limit() */
    struct queue_entry *ring;
    uint64_t mask;          /**< length of the ring - 1; the length is a power of two */
    _Atomic uint32_t limit; /**< tasks held at most */

    _Alignas(CACHE_LINE) struct lock tail_lock;
    /* guarded by tail_lock; tail is read by all */
    _Atomic int refusal;   /**< 0: open; otherwise what every push returns */
    uint64_t freed_seen;   /**< `freed` as last looked at: spares a look at a busy line */
    uint64_t head_seen;    /**< `head`, likewise */
    _Atomic uint64_t tail; /**< entries ever pushed = tasks ever accepted */

    _Alignas(CACHE_LINE) struct lock head_lock;
    /* guarded by head_lock; head is read by all */
    uint64_t tail_seen;
    uint64_t husks_swept;    /**< cancelled entries that have left the ring */
    _Atomic bool paused;     /**< nothing may be taken */
    _Atomic uint32_t takers; /**< only workers with numbers below may take */
    _Atomic uint64_t head;   /**< entries that have left the ring */

    /* written by workers under head_lock, so that the line is at hand, and by cancellers without */
    _Atomic uint64_t freed;     /**< places ever given back: tasks done, tasks cancelled */
    _Atomic uint64_t cancelled; /**< tasks that never ran because they were cancelled */
    _Atomic uint64_t broken;    /**< tasks that never ran because the executor broke */
};

/**
 * @param limit   1 or more: tasks held at most
 * @param takers  workers with numbers below this may take
 * @return        0 or -ENOMEM
 */
int queue_init(struct queue *queue, uint32_t limit, uint32_t takers);
/** The queue must be empty. */
void queue_clear(struct queue *queue);

/**
 * Append a copy of the entry.
 * @return 0, -EAGAIN where `limit` tasks are held, after queue_close() what that was given
 */
int queue_push(struct queue *queue, const struct queue_entry *entry);

/**
 * Take the oldest task that is not cancelled and start its future.
 *
 * @param taker  the worker's number
 * @return       false where there is none, or none for that worker
 */
bool queue_take(struct queue *queue, uint32_t taker, struct queue_entry *entry);

/** A worker has done a task: its place is free. */
void queue_task_done(struct queue *queue);
/** queue_task_done() and queue_take() under one lock. */
bool queue_done_and_take(struct queue *queue, uint32_t taker, struct queue_entry *entry);

/** A task that lies in the ring has been cancelled: its place is free. */
void queue_task_cancelled(struct queue *queue);

/**
 * Take the oldest task and cancel it; or, with a verdict that is not 0, break it: future_break().
 * @return false where there is none left
 */
bool queue_drop_oldest(struct queue *queue, int verdict, const char *message);

/** Refuse every later push, with that code. A second call changes nothing. */
void queue_close(struct queue *queue, int refusal);
/** 0, or what queue_close() was given. Sequentially consistent. */
int queue_refusal(struct queue *queue);

/** Let nothing be taken, or let it be taken again. */
void queue_pause(struct queue *queue, bool paused);

/**
 * From now on so many tasks may be held; those that are held stay.
 * @return 0, or -ENOMEM: the limit is as it was
 */
int queue_set_limit(struct queue *queue, uint32_t limit);

/** When this returns, workers with that number and above take nothing any more. */
void queue_set_takers(struct queue *queue, uint32_t takers);
/** Sequentially consistent. */
uint32_t queue_takers(struct queue *queue);

/** Whether anything lies in the ring, husks included. Sequentially consistent. */
bool queue_has_entries(struct queue *queue);
/** The same, but false while it is paused: whether it is worth coming for. */
bool queue_offers(struct queue *queue);
/** How many tasks are held, waiting or running. Sequentially consistent. */
uint64_t queue_held(struct queue *queue);

/** How many more pushes would succeed; 0 once closed. Sequentially consistent. */
uint32_t queue_room(struct queue *queue);

/** Fill in accepted, cancelled, queued and running. */
void queue_stats(struct queue *queue, struct ep_stats *stats);

/** The input of an entry without a future. */
const void *entry_input(const struct queue_entry *entry, size_t *size);
/** Release the memory of an entry without a future. */
void entry_release_input(struct queue_entry *entry);
/** An entry without a future will not run: call its `dropped` function, and release its memory. */
void entry_drop(struct queue_entry *entry);

#endif /* POOL_QUEUE_INTERNAL_H */
