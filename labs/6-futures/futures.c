/* SPDX-License-Identifier: MIT */
/* Lab 6: write this. Your queue.c of lab 3 belongs beside it. */
#include "futures.h"

#include <stdlib.h>

struct pool *pool_new(unsigned workers, size_t bound)
{
    (void)workers;
    (void)bound;
    return NULL;
}

struct future *pool_submit(struct pool *pool, void *(*function)(void *argument), void *argument)
{
    (void)pool;
    (void)function;
    (void)argument;
    return NULL;
}

void pool_free(struct pool *pool)
{
    (void)pool;
}

void *future_result(struct future *future)
{
    (void)future;
    return NULL;
}

bool future_is_done(struct future *future)
{
    (void)future;
    return false;
}

void future_free(struct future *future)
{
    (void)future;
}
