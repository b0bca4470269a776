/* SPDX-License-Identifier: MIT */
/**
 * @file future-pool-internal.h
 * Memory for futures, which is reused, so that submitting soon allocates nothing.
 *
 * Each executor has one. Submitters take futures from it; the thread that drops the last reference,
 * often a worker, gives the memory back. That may happen after the executor was freed: the pool is
 * then abandoned, and it is freed with the last of its futures.
 */
#ifndef POOL_FUTURE_POOL_INTERNAL_H
#define POOL_FUTURE_POOL_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

struct future_host;
struct future_pool;

/**
 * @param size  of a future
 * @param host  what future_pool_host() returns; it must outlive every future
 * @return      NULL if there is no memory
 */
struct future_pool *future_pool_new(size_t size, const struct future_host *host);
const struct future_host *future_pool_host(const struct future_pool *pool);

/** Let the pool be freed with the last of its futures; none is taken any more. NULL is allowed. */
void future_pool_abandon(struct future_pool *pool);

/** Take memory for a future, with undefined content. @return NULL if there is none. Threads: any */
void *future_pool_take(struct future_pool *pool);

/**
 * Ask whether this is the process that made the pool. After fork() the child has a copy of
 * everything except the workers, so waiting would never end there: all calls ask this first.
 */
bool future_pool_is_here(const struct future_pool *pool);

/** Ask whether a short wait may spin: only if another CPU can do the work meanwhile. */
bool future_pool_may_spin(const struct future_pool *pool);

/** Give memory back. Threads: any. */
void future_pool_give(struct future_pool *pool, void *future);

#endif /* POOL_FUTURE_POOL_INTERNAL_H */
