/* SPDX-License-Identifier: MIT */
/**
 * @file queue.h
 * A bounded queue between threads: first in, first out. Do not change this file; labs/check compiles against it.
 *
 * Threads: any number of them may put and take at once.
 */
#ifndef QUEUE_H
#define QUEUE_H

#include <stdbool.h>
#include <stddef.h>

struct queue;

/** Make an empty queue for at most `bound` items, at least 1. NULL: out of memory */
struct queue *queue_new(size_t bound);

/**
 * Append an item. Waits, asleep, while the queue is full.
 *
 * @param item  not NULL
 * @return      false: the queue is closed, and the item was not taken
 */
bool queue_put(struct queue *queue, void *item);

/**
 * Remove the oldest item. Waits, asleep, while the queue is empty.
 *
 * @return  NULL: the queue is closed, and nothing is left in it
 */
void *queue_take(struct queue *queue);

/** Take no more items. Wakes everybody who waits. What is in the queue can still be taken. */
void queue_close(struct queue *queue);

/** Release the queue, which no thread uses any more, with whatever is left in it. */
void queue_free(struct queue *queue);

#endif /* QUEUE_H */
