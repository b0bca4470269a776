/* SPDX-License-Identifier: MIT */
/* A solution of lab 6. The mistakes of tests/labs/mistakes are made in it. */
#include "futures.h"
#include "queue.h"

#include <pthread.h>
#include <stdlib.h>

struct future {
    void *(*function)(void *argument);
    void *argument;
    pthread_mutex_t lock;
    pthread_cond_t is_done;
    /* guarded by lock */
    bool done;
    void *result;
    unsigned owners; /* the caller and the worker; the last one releases it */
};

struct pool {
    struct queue *queue;
    unsigned workers;
    pthread_t threads[];
};

static void give_up(struct future *future)
{
    unsigned left;

    pthread_mutex_lock(&future->lock);
    left = --future->owners;
    pthread_mutex_unlock(&future->lock);
    if (left > 0)
        return;
    pthread_cond_destroy(&future->is_done);
    pthread_mutex_destroy(&future->lock);
    free(future);
}

static void *worker_main(void *argument)
{
    struct pool *pool = argument;
    struct future *future;

    while ((future = queue_take(pool->queue)) != NULL) {
        void *result = future->function(future->argument);
        pthread_mutex_lock(&future->lock);
        future->result = result;
        future->done = true;
        pthread_cond_broadcast(&future->is_done);
        pthread_mutex_unlock(&future->lock);
        give_up(future);
    }
    return NULL;
}

struct pool *pool_new(unsigned workers, size_t bound)
{
    struct pool *pool = calloc(1, sizeof *pool + workers * sizeof pool->threads[0]);

    if (pool == NULL || (pool->queue = queue_new(bound)) == NULL) {
        free(pool);
        return NULL;
    }
    while (pool->workers < workers) {
        if (pthread_create(&pool->threads[pool->workers], NULL, worker_main, pool) != 0) {
            pool_free(pool);
            return NULL;
        }
        pool->workers++;
    }
    return pool;
}

struct future *pool_submit(struct pool *pool, void *(*function)(void *argument), void *argument)
{
    struct future *future = calloc(1, sizeof *future);

    if (future == NULL)
        return NULL;
    future->function = function;
    future->argument = argument;
    future->owners = 2;
    pthread_mutex_init(&future->lock, NULL);
    pthread_cond_init(&future->is_done, NULL);
    queue_put(pool->queue, future);
    return future;
}

void pool_free(struct pool *pool)
{
    queue_close(pool->queue);
    for (unsigned i = 0; i < pool->workers; i++)
        pthread_join(pool->threads[i], NULL);
    queue_free(pool->queue);
    free(pool);
}

void *future_result(struct future *future)
{
    void *result;

    pthread_mutex_lock(&future->lock);
    while (!future->done)
        pthread_cond_wait(&future->is_done, &future->lock);
    result = future->result;
    pthread_mutex_unlock(&future->lock);
    return result;
}

bool future_is_done(struct future *future)
{
    bool done;

    pthread_mutex_lock(&future->lock);
    done = future->done;
    pthread_mutex_unlock(&future->lock);
    return done;
}

void future_free(struct future *future)
{
    give_up(future);
}
