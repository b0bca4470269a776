/* SPDX-License-Identifier: MIT */
/*
 * The interface of multiprocessing.Pool: see echopool-mp.h.
 *
 * DESIGN
 *
 * A call and a map are the same here: inputs in chunks (chunk-internal.h), a future for each chunk,
 * and a count of the chunks that are not done. The thread that brings the count to zero spreads the
 * results over an array, makes the call ready, and calls back. A single call is one chunk of one
 * input, which travels without packing.
 *
 * Iterators are maps (map.c).
 */
#include "pool/clock-internal.h"
#include "pool/cpus-internal.h"
#include "pool/executor-internal.h"
#include "pool/future-internal.h"
#include "pool/map/chunk-internal.h"
#include "pool/map/map-internal.h"
#include "pool/map/rows-internal.h"
#include "pool/self-internal.h"

#include "pool/echopool-mp.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#define QUEUE_DEFAULT 65536

struct ep_pool {
    struct ep_executor *executor; /* set by ep_pool_new(), then read-only */
    atomic_bool closed;
};

/* --- the pool ------------------------------------------------------------------------------ */

int ep_pool_new(enum ep_pool_kind kind, const struct ep_options *options, struct ep_pool **pool)
{
    struct ep_options chosen = {0};
    struct ep_pool *made;
    int rc;

    if (options != NULL)
        chosen = *options;
    if ((kind != EP_POOL_PROCESSES && kind != EP_POOL_THREADS) || chosen.when_full != EP_BLOCK ||
        pool == NULL)
        return -EINVAL;
    if (chosen.queue == 0)
        chosen.queue = QUEUE_DEFAULT;
    if (chosen.workers == 0 && chosen.workers_max == 0)
        chosen.workers = ep_usable_cpus();
    made = calloc(1, sizeof *made);
    if (made == NULL)
        return -ENOMEM;
    rc = kind == EP_POOL_THREADS ? ep_thread_executor_new(&chosen, &made->executor)
                                 : ep_process_executor_new(&chosen, &made->executor);
    if (rc != 0) {
        free(made);
        return rc;
    }
    *pool = made;
    return 0;
}

void ep_pool_close(struct ep_pool *pool)
{
    atomic_store(&pool->closed, true);
    ep_executor_shutdown(pool->executor, 0);
}

void ep_pool_terminate(struct ep_pool *pool)
{
    atomic_store(&pool->closed, true);
    ep_executor_terminate(pool->executor);
}

int ep_pool_join(struct ep_pool *pool)
{
    if (!executor_is_here(pool->executor))
        return EP_EFORKED;
    if (!atomic_load(&pool->closed))
        return -EINVAL;
    return ep_executor_shutdown(pool->executor, EP_WAIT);
}

void ep_pool_free(struct ep_pool *pool)
{
    if (pool == NULL)
        return;
    ep_pool_terminate(pool);
    ep_executor_free(pool->executor);
    free(pool);
}

struct ep_executor *ep_pool_executor(struct ep_pool *pool)
{
    return pool->executor;
}

/* --- calls --------------------------------------------------------------------------------- */

/** One result. Its bytes and message belong to the future of its chunk. */
struct item {
    struct ep_bytes reply;
    struct ep_error error;
};

struct async_chunk {
    struct ep_future *future;
    size_t count;
};

/**
 * Which thread may use what:
 *  - callbacks, chunks, abandoned: the thread that makes the call, until it gives up its part of
 *    `left`; then the thread that brings `left` to zero; read-only once `ready`;
 *  - items, failed: the thread that brings `left` to zero; read-only once `ready`.
 *
 * Two references: the caller's, and one for the work, dropped after the callback has returned.
 */
struct ep_async {
    _Atomic uint32_t references;
    _Atomic uint32_t ready; /**< 1: the call is ready. Waiting threads sleep on this word */
    _Atomic size_t left;    /**< chunks not done, and one more while they are being submitted */
    struct ep_callbacks callbacks;
    bool abandoned; /**< not all could be submitted: the caller never gets it */
    size_t failed;  /**< index of the earliest that failed; `count` if none */
    size_t count;
    struct item *items;
    size_t chunk_count;
    struct async_chunk chunks[];
};

static struct ep_async *async_new(size_t count, size_t chunk, const struct ep_callbacks *callbacks)
{
    size_t chunks = count / chunk + (count % chunk != 0);
    struct ep_async *call;

    if (chunks > SIZE_MAX / 4 / sizeof call->chunks[0])
        return NULL;
    call = calloc(1, sizeof *call + chunks * sizeof call->chunks[0]);
    if (call == NULL)
        return NULL;
    call->items = calloc(count > 0 ? count : 1, sizeof *call->items);
    if (call->items == NULL) {
        free(call);
        return NULL;
    }
    if (callbacks != NULL)
        call->callbacks = *callbacks;
    call->count = count;
    atomic_init(&call->references, 2);
    atomic_init(&call->left, 1);
    return call;
}

void ep_async_free(struct ep_async *call)
{
    if (call == NULL || atomic_fetch_sub(&call->references, 1) != 1)
        return;
    for (size_t i = 0; i < call->chunk_count; i++)
        ep_future_unref(call->chunks[i].future);
    free(call->items);
    free(call);
}

/** Spread the results of all chunks over the array. */
static void async_collect(struct ep_async *call)
{
    struct item *item = call->items;

    call->failed = call->count;
    for (size_t i = 0; i < call->chunk_count; i++) {
        struct chunk_results results = {call->chunks[i].future, call->chunks[i].count, 0, 0};

        for (; results.taken < results.count; item++)
            if (chunk_results_next(&results, &item->reply, &item->error) != 0 &&
                call->failed == call->count)
                call->failed = (size_t)(item - call->items);
    }
}

/** Count one part of `left` down. The thread of the last one completes the call. */
static void async_part_done(struct ep_async *call)
{
    ep_async_fn callback;

    if (atomic_fetch_sub(&call->left, 1) != 1)
        return;
    if (!call->abandoned) {
        async_collect(call);
        atomic_store(&call->ready, 1);
        futex_wake(&call->ready, INT_MAX);
        callback =
            call->failed == call->count ? call->callbacks.callback : call->callbacks.error_callback;
        if (callback != NULL)
            callback(call, call->callbacks.context);
    }
    ep_async_free(call);
}

static void chunk_done(struct ep_future *future, void *context)
{
    (void)future;
    async_part_done(context);
}

/** Submit the gathered inputs as one chunk of the call. */
static int async_submit(struct ep_async *call, struct ep_pool *pool, ep_task_fn fn,
                        struct chunk_inputs *inputs)
{
    struct async_chunk *chunk = &call->chunks[call->chunk_count];
    int rc;

    chunk->count = inputs->count;
    rc = chunk_submit(pool->executor, fn, inputs, NO_DEADLINE, &chunk->future);
    if (rc != 0)
        return rc;
    call->chunk_count++;
    atomic_fetch_add(&call->left, 1);
    /* The first callback of a future needs no memory, so this cannot fail. */
    EP_ASSERT(ep_future_add_done_callback(chunk->future, chunk_done, call) == 0);
    return 0;
}

/** Fetch all inputs and submit them in chunks. */
static int async_submit_all(struct ep_async *call, struct ep_pool *pool, ep_task_fn fn,
                            ep_source_fn source, void *context, size_t chunk)
{
    struct chunk_inputs inputs = {0};
    struct ep_bytes input;
    int rc = 0;

    for (size_t i = 0; i < call->count && rc == 0; i++) {
        if (source(context, &input) != 1)
            rc = -EINVAL;
        else
            rc = chunk_inputs_add(&inputs, fn, &input);
        if (rc == 0 && (inputs.count == chunk || i + 1 == call->count))
            rc = async_submit(call, pool, fn, &inputs);
    }
    chunk_inputs_clear(&inputs);
    return rc;
}

/** Make a call or a map. */
static int async_make(struct ep_pool *pool, ep_task_fn fn, ep_source_fn source, void *context,
                      size_t count, size_t chunk, const struct ep_callbacks *callbacks,
                      struct ep_async **made)
{
    struct ep_async *call;
    int rc;

    if (made != NULL)
        *made = NULL;
    if (pool == NULL || fn == NULL)
        return -EINVAL;
    if (!executor_is_here(pool->executor))
        return EP_EFORKED;
    if (atomic_load(&pool->closed))
        return EP_ESHUTDOWN;
    chunk = map_chunk_size(pool->executor, chunk > 0 ? chunk : EP_CHUNK_AUTO, count);
    call = async_new(count, chunk, callbacks);
    if (call == NULL)
        return -ENOMEM;
    rc = async_submit_all(call, pool, fn, source, context, chunk);
    if (rc == 0 && made != NULL)
        *made = call; /* before the callback may see it */
    if (rc != 0) {
        call->abandoned = true;
        for (size_t i = 0; i < call->chunk_count; i++)
            ep_future_cancel(call->chunks[i].future);
    }
    async_part_done(call);
    if (rc != 0 || made == NULL)
        ep_async_free(call);
    return rc;
}

/** The source of a single call: its one input is the context. */
static int only_input(void *context, struct ep_bytes *input)
{
    *input = *(const struct ep_bytes *)context;
    return 1;
}

int ep_pool_apply_async(struct ep_pool *pool, ep_task_fn fn, const void *input, size_t size,
                        const struct ep_callbacks *callbacks, struct ep_async **call)
{
    struct ep_bytes bytes = {.data = input, .size = size};

    if (call != NULL)
        *call = NULL;
    if (input == NULL && size > 0)
        return -EINVAL;
    return async_make(pool, fn, only_input, &bytes, 1, 1, callbacks, call);
}

int ep_pool_starmap_async(struct ep_pool *pool, ep_task_fn fn, const struct ep_column *columns,
                          size_t column_count, size_t count, size_t chunk,
                          const struct ep_callbacks *callbacks, struct ep_async **call)
{
    struct rows *rows;
    int rc;

    if (call != NULL)
        *call = NULL;
    rc = rows_new(columns, column_count, count, &rows);
    if (rc != 0)
        return rc;
    rc = async_make(pool, fn, rows_next, rows, count, chunk, callbacks, call);
    rows_free(rows);
    return rc;
}

int ep_pool_map_async(struct ep_pool *pool, ep_task_fn fn, const void *elements, size_t size,
                      size_t count, size_t chunk, const struct ep_callbacks *callbacks,
                      struct ep_async **call)
{
    struct ep_column column = {.elements = elements, .size = size};

    return ep_pool_starmap_async(pool, fn, &column, 1, count, chunk, callbacks, call);
}

/** Check that the caller may wait for the result: a worker may only if it can run the call itself. */
static int may_wait(const struct ep_pool *pool, struct ep_async **call)
{
    if (call == NULL)
        return -EINVAL;
    *call = NULL;
    return pool != NULL && self_serves(pool->executor) && !self_may_run(pool->executor) ? -EDEADLK
                                                                                        : 0;
}

int ep_pool_apply(struct ep_pool *pool, ep_task_fn fn, const void *input, size_t size,
                  struct ep_bytes *reply, struct ep_async **call)
{
    int rc = may_wait(pool, call);

    if (rc == 0)
        rc = ep_pool_apply_async(pool, fn, input, size, NULL, call);
    return rc == 0 ? ep_async_get(*call, EP_FOREVER, reply) : rc;
}

int ep_pool_starmap(struct ep_pool *pool, ep_task_fn fn, const struct ep_column *columns,
                    size_t column_count, size_t count, size_t chunk, struct ep_async **call)
{
    int rc = may_wait(pool, call);

    if (rc == 0)
        rc = ep_pool_starmap_async(pool, fn, columns, column_count, count, chunk, NULL, call);
    return rc == 0 ? ep_async_get(*call, EP_FOREVER, NULL) : rc;
}

int ep_pool_map(struct ep_pool *pool, ep_task_fn fn, const void *elements, size_t size,
                size_t count, size_t chunk, struct ep_async **call)
{
    struct ep_column column = {.elements = elements, .size = size};

    return ep_pool_starmap(pool, fn, &column, 1, count, chunk, call);
}

/* --- results ------------------------------------------------------------------------------- */

/** Wait until the call is ready or the timeout is over. @return whether it is ready */
static bool async_await(const struct ep_async *call, int64_t timeout_ns)
{
    int64_t deadline_ns;

    if (atomic_load(&call->ready) != 0)
        return true;
    if (timeout_ns <= 0)
        return false;
    deadline_ns = deadline_after(timeout_ns);
    while (atomic_load(&call->ready) == 0) {
        if (deadline_is_over(deadline_ns))
            return false;
        futex_wait(&call->ready, 0, deadline_ns);
    }
    return true;
}

static bool is_inherited(const struct ep_async *call)
{
    return call->chunk_count > 0 && !future_pool_is_here(call->chunks[0].future->pool);
}

/**
 * Do the caller's part. The manager of a process executor must not wait even when the last chunk is
 * done, because its callback makes the call ready.
 *
 * @return 0, EP_EFORKED, or -EDEADLK: waiting may never end
 */
static int join_in(const struct ep_async *call)
{
    int rc = is_inherited(call) ? EP_EFORKED : 0;

    for (size_t i = 0; i < call->chunk_count && rc == 0; i++) {
        struct ep_future *future = call->chunks[i].future;

        if (!self_serves(future->executor))
            break; /* all are of one executor */
        rc = self_manages(future->executor) ? -EDEADLK : future_join_in(future);
    }
    return rc;
}

bool ep_async_ready(const struct ep_async *call)
{
    return atomic_load(&call->ready) != 0;
}

int ep_async_successful(const struct ep_async *call)
{
    return ep_async_ready(call) ? call->failed == call->count : EP_ENOTREADY;
}

void ep_async_wait(const struct ep_async *call, int64_t timeout_ns)
{
    if (!ep_async_ready(call) && timeout_ns > 0 && join_in(call) == 0)
        async_await(call, timeout_ns);
}

int ep_async_get(const struct ep_async *call, int64_t timeout_ns, struct ep_bytes *reply)
{
    int rc = 0;

    if (!ep_async_ready(call))
        rc = timeout_ns > 0 ? join_in(call) : is_inherited(call) ? EP_EFORKED : 0;
    if (rc != 0)
        return rc;
    if (!async_await(call, timeout_ns))
        return -ETIMEDOUT;
    if (call->failed < call->count)
        return call->items[call->failed].error.kind;
    if (reply != NULL)
        *reply = call->count > 0 ? call->items[0].reply : (struct ep_bytes){0};
    return 0;
}

size_t ep_async_count(const struct ep_async *call)
{
    return call->count;
}

int ep_async_item(const struct ep_async *call, size_t index, struct ep_bytes *reply,
                  struct ep_error *error)
{
    const struct item *item;

    if (!ep_async_ready(call))
        return EP_ENOTREADY;
    if (index >= call->count)
        return -EINVAL;
    item = &call->items[index];
    if (error != NULL)
        *error = item->error;
    if (!item->error.failed && reply != NULL)
        *reply = item->reply;
    return item->error.failed ? item->error.kind : 0;
}

/* --- iterators ----------------------------------------------------------------------------- */

static int imap(struct ep_pool *pool, ep_task_fn fn, ep_source_fn source, void *context,
                const struct ep_map_options *options, struct ep_map **map)
{
    if (pool == NULL)
        return -EINVAL;
    if (!executor_is_here(pool->executor))
        return EP_EFORKED;
    if (atomic_load(&pool->closed))
        return EP_ESHUTDOWN;
    return ep_map(pool->executor, fn, source, context, options, map);
}

int ep_pool_imap(struct ep_pool *pool, ep_task_fn fn, ep_source_fn source, void *context,
                 size_t chunk, size_t ahead, struct ep_map **map)
{
    struct ep_map_options options = {.chunk = chunk, .ahead = ahead};

    return imap(pool, fn, source, context, &options, map);
}

int ep_pool_imap_unordered(struct ep_pool *pool, ep_task_fn fn, ep_source_fn source, void *context,
                           size_t chunk, size_t ahead, struct ep_map **map)
{
    struct ep_map_options options = {.chunk = chunk, .ahead = ahead, .unordered = true};

    return imap(pool, fn, source, context, &options, map);
}

int ep_imap_next(struct ep_map *map, int64_t timeout_ns, struct ep_bytes *reply)
{
    return map_next_until(map, deadline_after(timeout_ns), reply);
}
