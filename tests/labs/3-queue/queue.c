/* SPDX-License-Identifier: MIT */
/* A solution of lab 3. The mistakes of tests/labs/mistakes are made in it. */
#include "queue.h"

#include <pthread.h>
#include <stdlib.h>

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t not_full, not_empty;
    /* guarded by lock */
    bool closed;
    size_t first, count;
    size_t bound; /* constant */
    void *items[];
};

struct queue *queue_new(size_t bound)
{
    struct queue *queue = calloc(1, sizeof *queue + bound * sizeof queue->items[0]);

    if (queue == NULL)
        return NULL;
    pthread_mutex_init(&queue->lock, NULL);
    pthread_cond_init(&queue->not_full, NULL);
    pthread_cond_init(&queue->not_empty, NULL);
    queue->bound = bound;
    return queue;
}

bool queue_put(struct queue *queue, void *item)
{
    bool taken;

    pthread_mutex_lock(&queue->lock);
    while (queue->count == queue->bound && !queue->closed)
        pthread_cond_wait(&queue->not_full, &queue->lock);
    taken = !queue->closed;
    if (taken) {
        queue->items[(queue->first + queue->count) % queue->bound] = item;
        queue->count++;
        pthread_cond_signal(&queue->not_empty);
    }
    pthread_mutex_unlock(&queue->lock);
    return taken;
}

void *queue_take(struct queue *queue)
{
    void *item = NULL;

    pthread_mutex_lock(&queue->lock);
    while (queue->count == 0 && !queue->closed)
        pthread_cond_wait(&queue->not_empty, &queue->lock);
    if (queue->count > 0) {
        item = queue->items[queue->first];
        queue->first = (queue->first + 1) % queue->bound;
        queue->count--;
        pthread_cond_signal(&queue->not_full);
    }
    pthread_mutex_unlock(&queue->lock);
    return item;
}

void queue_close(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->closed = true;
    pthread_cond_broadcast(&queue->not_empty);
    pthread_cond_broadcast(&queue->not_full);
    pthread_mutex_unlock(&queue->lock);
}

void queue_free(struct queue *queue)
{
    pthread_cond_destroy(&queue->not_empty);
    pthread_cond_destroy(&queue->not_full);
    pthread_mutex_destroy(&queue->lock);
    free(queue);
}
