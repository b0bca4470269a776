/* SPDX-License-Identifier: MIT */
/*
 * Memory for futures: see future-pool-internal.h.
 *
 * DESIGN
 *
 * Submitters take futures and workers give them back, on different cores, so the two use two lists.
 * Submitters take from `ready`, under a lock that a single submitter never finds busy. Workers push
 * on `returned`, a stack without a lock; when `ready` is empty, a submitter moves the whole stack
 * over with one exchange. So a submitter touches the cache line of `returned` once for many
 * futures. (Single entries are never popped from `returned`, so the stack has no ABA problem.)
 *
 * Abandoning replaces the stack by a mark. A thread that gives a future back and sees the mark
 * frees it and counts down; the thread that reaches zero frees the pool.
 */
#include "pool/future-pool-internal.h"

#include "pool/cpus-internal.h"
#include "pool/here-internal.h"
#include "pool/park-internal.h"

#include <stdlib.h>

/** The memory of a future that is not in use. */
struct spare {
    struct spare *next;
};

struct future_pool {
    size_t size;
    bool several_cpus;
    const struct future_host *host;
    const bool *here; /* see here-internal.h */

    _Alignas(CACHE_LINE) struct lock lock;
    /* guarded by lock */
    struct spare *ready;
    uint64_t made; /* futures that exist */

    _Alignas(CACHE_LINE) _Atomic(struct spare *) returned;
    _Atomic uint64_t left; /* once abandoned: futures that still exist */
};

/** The mark: as the stack, it says that the pool is abandoned. It is never a future's address. */
#define ABANDONED(pool) ((struct spare *)(void *)(pool))

struct future_pool *future_pool_new(size_t size, const struct future_host *host)
{
    struct future_pool *pool = aligned_alloc(CACHE_LINE, sizeof *pool);
    const bool *here = here_new();

    if (pool == NULL || here == NULL) {
        free(pool);
        here_free(here);
        return NULL;
    }
    *pool = (struct future_pool){
        .size = size, .here = here, .host = host, .several_cpus = allowed_cpus() > 1};
    return pool;
}

const struct future_host *future_pool_host(const struct future_pool *pool)
{
    return pool->host;
}

bool future_pool_is_here(const struct future_pool *pool)
{
    return *pool->here;
}

bool future_pool_may_spin(const struct future_pool *pool)
{
    return pool->several_cpus;
}

static void future_pool_free(struct future_pool *pool)
{
    here_free(pool->here);
    free(pool);
}

void *future_pool_take(struct future_pool *pool)
{
    struct spare *future;

    lock_acquire(&pool->lock);
    if (pool->ready == NULL && atomic_load_explicit(&pool->returned, memory_order_relaxed) != NULL)
        pool->ready = atomic_exchange_explicit(&pool->returned, NULL, memory_order_acquire);
    future = pool->ready;
    if (future != NULL)
        pool->ready = future->next;
    else if ((future = aligned_alloc(CACHE_LINE, pool->size)) != NULL)
        pool->made++;
    lock_release(&pool->lock);
    return future;
}

/** Count futures that no longer exist. */
static void count_down(struct future_pool *pool, uint64_t futures)
{
    if (atomic_fetch_sub(&pool->left, futures) == futures)
        future_pool_free(pool);
}

void future_pool_give(struct future_pool *pool, void *future)
{
    struct spare *spare = future,
                 *first = atomic_load_explicit(&pool->returned, memory_order_acquire);

    do {
        if (first == ABANDONED(pool)) {
            free(spare);
            count_down(pool, 1);
            return;
        }
        spare->next = first;
    } while (!atomic_compare_exchange_weak_explicit(&pool->returned, &first, spare,
                                                    memory_order_release, memory_order_acquire));
}

static uint64_t free_list(struct spare *spare)
{
    uint64_t freed = 0;

    for (struct spare *next; spare != NULL; spare = next, freed++) {
        next = spare->next;
        free(spare);
    }
    return freed;
}

void future_pool_abandon(struct future_pool *pool)
{
    uint64_t freed;

    if (pool == NULL)
        return;
    /* One more than there are futures, so that no thread reaches zero before the last line here. */
    atomic_store(&pool->left, pool->made + 1);
    freed = free_list(atomic_exchange(&pool->returned, ABANDONED(pool)));
    freed += free_list(pool->ready);
    count_down(pool, freed + 1);
}
