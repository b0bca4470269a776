/* SPDX-License-Identifier: MIT */
/**
 * @file future-pool-internal.h
 * Memory for futures, used again and again, so that submitting allocates nothing once it has run
 * for a while.
 *
 * An executor has one. Submitters take futures from it; whoever drops the last reference puts the
 * memory back, often a worker, and that may be after the executor has gone: then the pool has been
 * abandoned, and it goes with the last of its futures.
 */
#ifndef POOL_FUTURE_POOL_INTERNAL_H
#define POOL_FUTURE_POOL_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

struct future_host;
struct future_pool;

/**
 * @param size  of a future
 * @param host  kept for those who ask the pool for it; it must live as long as the program
 * @return      NULL for want of memory
 */
struct future_pool *future_pool_new(size_t size, const struct future_host *host);
const struct future_host *future_pool_host(const struct future_pool *pool);

/** The executor is done with it: nothing is taken any more. NULL is fine. */
void future_pool_abandon(struct future_pool *pool);

/** Memory for a future, its content undefined; or NULL. Threads: any. */
void *future_pool_take(struct future_pool *pool);

/**
 * Whether this is the process that made it. After fork() the child has a copy of everything but
 * the workers: what waits there waits for ever, so all calls ask this first.
 */
bool future_pool_is_here(const struct future_pool *pool);

/** Whether waiting for something short pays: there is another CPU on which it may be happening. */
bool future_pool_may_spin(const struct future_pool *pool);

/** Give it back. Threads: any. */
void future_pool_give(struct future_pool *pool, void *future);

#endif /* POOL_FUTURE_POOL_INTERNAL_H */
