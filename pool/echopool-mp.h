/* SPDX-License-Identifier: MIT */
/**
 * @file echopool-mp.h
 * The interface of Python's multiprocessing.Pool, on top of echopool.h.
 *
 * echopool.h has more: policies, cancelling, waiting for several futures, event loops. Its
 * definitions of tasks, error codes, ownership of bytes and durations apply here.
 *
 *     #include <echopool-mp.h>
 *     #include <stdio.h>
 *
 *     static int square(struct ep_task *task)
 *     {
 *         const int *n = ep_task_input(task, NULL);
 *         int squared = *n * *n;
 *         return ep_task_reply(task, &squared, sizeof squared);
 *     }
 *
 *     int main(void)
 *     {
 *         struct ep_options options = {.workers = 3};
 *         int numbers[] = {1, 2, 3, 4};
 *         struct ep_pool *pool;
 *         struct ep_async *call;
 *         struct ep_bytes reply;
 *
 *         if (ep_pool_new(EP_POOL_THREADS, &options, &pool) != 0)
 *             return 1;
 *         if (ep_pool_map(pool, square, numbers, sizeof *numbers, 4, 0, &call) == 0)
 *             for (size_t i = 0; i < 4; i++)
 *                 if (ep_async_item(call, i, &reply, NULL) == 0)
 *                     printf("%d\n", *EP_AS(int, reply));
 *         ep_async_free(call);
 *         ep_pool_close(pool);
 *         if (ep_pool_join(pool) != 0)
 *             return 1;
 *         ep_pool_free(pool);
 *         return 0;
 *     }
 *
 * Differences from Python:
 *  - The pool is bounded. When the queue is full, submitting waits.
 *  - If a worker process dies, its call fails (EP_EDIED); in Python it would never be ready. What
 *    else happens is up to options.on_death.
 *  - A worker whose initializer fails breaks the pool; Python starts it again for ever.
 *  - A failed element of a map does not hide the others: each result can be asked for.
 *  - The first error of a map is that of the earliest element, not the one that happened first.
 *  - A callback runs in the thread that completed the call, after the call is ready; it cannot stop
 *    the delivery of other results.
 *  - The callback of an empty map is called.
 */
#ifndef ECHOPOOL_MP_H
#define ECHOPOOL_MP_H

#include "echopool.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- The pool ------------------------------------------------------------------------------ */

/** multiprocessing.Pool, or multiprocessing.pool.ThreadPool. */
struct ep_pool;

enum ep_pool_kind {
    EP_POOL_PROCESSES = 0,
    EP_POOL_THREADS = 1,
};

/**
 * Pool(processes, initializer, initargs, maxtasksperchild): options->workers, ->initialize,
 * ->context, ->tasks_per_worker. The other options apply as well, with these exceptions:
 *
 * @param options  NULL is the same as all zero. queue 0: 65536 tasks may wait. when_full must be
 *                 EP_BLOCK, which is 0. workers 0: ep_usable_cpus(), also for threads
 * @param pool     set on success, and released by ep_pool_free(); untouched on failure
 * @return         as ep_process_executor_new() or ep_thread_executor_new(), and
 *                 -EINVAL  an unknown kind, or a policy other than EP_BLOCK
 */
EP_API EP_MUSTCHECK int ep_pool_new(enum ep_pool_kind kind, const struct ep_options *options,
                                    struct ep_pool **pool);

/** Accept no more calls; those already accepted are done. A repeated call does nothing. */
EP_API void ep_pool_close(struct ep_pool *pool);

/**
 * Accept no more calls, cancel those that have not begun, and end the workers, by
 * ep_executor_terminate(). Returns at once. A cancelled call is ready, with the error
 * EP_ECANCELLED.
 */
EP_API void ep_pool_terminate(struct ep_pool *pool);

/**
 * Wait until the workers have ended, and the callbacks of their calls have returned.
 *
 * @return  0         they have; also for a repeated call
 *          -EINVAL   neither ep_pool_close() nor ep_pool_terminate() was called before
 *          -EDEADLK  called by a worker of this pool
 */
EP_API EP_MUSTCHECK int ep_pool_join(struct ep_pool *pool);

/**
 * Terminate, join, and release, as at the end of `with Pool() as pool:`. To finish all calls first,
 * use ep_pool_close() and ep_pool_join() before. Calls (struct ep_async) stay valid.
 *
 * No other thread may use the pool during or after this call, and no worker of it may make it.
 *
 * @param pool  NULL is allowed and does nothing
 */
EP_API void ep_pool_free(struct ep_pool *pool);

/** Get the executor beneath, for statistics and resizing. It belongs to the pool. */
EP_API struct ep_executor *ep_pool_executor(struct ep_pool *pool);

/* --- Calls --------------------------------------------------------------------------------- */

/** AsyncResult: a call, or all calls of a map. */
struct ep_async;

/**
 * Called when a call has become ready. The function may use the call in every way, and free it. It
 * must be short: the results of other calls wait for it.
 *
 * Threads: the one that completed the call: a worker, the manager of a process executor, or a
 * thread that cancelled it. For an empty map: the one that made the call.
 */
typedef void (*ep_async_fn)(struct ep_async *call, void *context);

/** Exactly one of the two is called, once, if it is not NULL. */
struct ep_callbacks {
    ep_async_fn callback;       /**< the call, or every call of the map, succeeded */
    ep_async_fn error_callback; /**< it, or at least one, did not */
    void *context;              /**< for both */
};

/**
 * pool.apply(fn, input): call and wait.
 *
 * @param input  copied; may be NULL if size is 0
 * @param reply  set on success; valid until the call is freed. May be NULL
 * @param call   not NULL; set to the call, which ep_async_free() releases, and to NULL on failure
 * @return       on failure as ep_pool_apply_async(), otherwise as ep_async_get(). -EDEADLK, and fn is
 *               not called, if a worker of this pool must not wait for it (echopool.h, "Waiting
 *               within a task"), or if made by a callback of a pool of processes
 */
EP_API EP_MUSTCHECK int ep_pool_apply(struct ep_pool *pool, ep_task_fn fn, const void *input,
                                      size_t size, struct ep_bytes *reply, struct ep_async **call);

/**
 * pool.apply_async(fn, input, callback, error_callback): call, and return at once.
 *
 * @param callbacks  copied; NULL: none
 * @param call       set to the call, which ep_async_free() releases, and to NULL on failure. NULL:
 *                   the result is not wanted
 * @return  0             it will be called, or cancelled by ep_pool_terminate()
 *          EP_ESHUTDOWN  the pool was closed or terminated
 *          EP_EBROKEN    the pool is broken
 *          -EDEADLK      the queue is full, and the caller is a worker of this pool
 *          -EINVAL       pool or fn is NULL, or input is NULL with a size
 *          -ENOMEM       no memory
 */
EP_API EP_MUSTCHECK int ep_pool_apply_async(struct ep_pool *pool, ep_task_fn fn, const void *input,
                                            size_t size, const struct ep_callbacks *callbacks,
                                            struct ep_async **call);

/**
 * pool.map(fn, elements, chunksize): call fn with each element and wait for all.
 *
 * @param elements  an array of `count` elements of `size` bytes, copied
 * @param chunk     elements that travel together. 0: as Python, ceil(count / (4 * workers))
 * @param call      as in ep_pool_apply(); ep_async_item() has the results
 * @return          as ep_pool_apply(), and -EINVAL as ep_map_columns(). If an element fails, the others
 *                  are still done
 */
EP_API EP_MUSTCHECK int ep_pool_map(struct ep_pool *pool, ep_task_fn fn, const void *elements,
                                    size_t size, size_t count, size_t chunk,
                                    struct ep_async **call);

/** pool.map_async(fn, elements, chunksize, callback, error_callback) */
EP_API EP_MUSTCHECK int ep_pool_map_async(struct ep_pool *pool, ep_task_fn fn, const void *elements,
                                          size_t size, size_t count, size_t chunk,
                                          const struct ep_callbacks *callbacks,
                                          struct ep_async **call);

/** pool.starmap(fn, zip(column, column, ...)): the input of a call is as in ep_map_columns(). */
EP_API EP_MUSTCHECK int ep_pool_starmap(struct ep_pool *pool, ep_task_fn fn,
                                        const struct ep_column *columns, size_t column_count,
                                        size_t count, size_t chunk, struct ep_async **call);

/** pool.starmap_async(...) */
EP_API EP_MUSTCHECK int ep_pool_starmap_async(struct ep_pool *pool, ep_task_fn fn,
                                              const struct ep_column *columns, size_t column_count,
                                              size_t count, size_t chunk,
                                              const struct ep_callbacks *callbacks,
                                              struct ep_async **call);

/** call.ready() */
EP_API bool ep_async_ready(const struct ep_async *call);

/**
 * call.successful()
 *
 * @return 1: it succeeded, or every call of the map did; 0: it did not; EP_ENOTREADY: not ready
 */
EP_API int ep_async_successful(const struct ep_async *call);

/**
 * call.wait(timeout): return when it is ready or the time is over (0 or less: at once);
 * ep_async_ready() says which. It does not wait if ep_async_get() would return -EDEADLK.
 */
EP_API void ep_async_wait(const struct ep_async *call, int64_t timeout_ns);

/**
 * call.get(timeout)
 *
 * @param timeout_ns  0 or less: look, do not wait. EP_FOREVER: wait without limit
 * @param reply       set on success, for a map to that of the first element (empty if there is
 *                    none); valid until the call is freed. May be NULL
 * @return  0           it succeeded; for a map, every element did
 *          -ETIMEDOUT  not ready yet; ask again
 *          -EDEADLK    not ready, and the caller is a worker that must not wait for it (echopool.h,
 *                      "Waiting within a task"), or a callback of a pool of processes
 *          otherwise   what ep_future_result() returns for the call, or for the earliest element
 *                      that failed
 */
EP_API EP_MUSTCHECK int ep_async_get(const struct ep_async *call, int64_t timeout_ns,
                                     struct ep_bytes *reply);

/** Get the number of calls that it stands for: 1, or the elements of the map. */
EP_API size_t ep_async_count(const struct ep_async *call);

/**
 * Get one of the results.
 *
 * @param index  from 0, in the order of the elements
 * @param reply  set on success, valid until the call is freed; may be NULL
 * @param error  set as well unless NULL, whether it succeeded or failed: what went wrong, if anything
 * @return       0; what ep_future_result() returns for it; EP_ENOTREADY, whatever the index, or
 *               -EINVAL: no such index. With these two nothing is set
 */
EP_API int ep_async_item(const struct ep_async *call, size_t index, struct ep_bytes *reply,
                         struct ep_error *error);

/** Release it. The call continues, and its callback is called. NULL is allowed. */
EP_API void ep_async_free(struct ep_async *call);

/* --- Iterators ----------------------------------------------------------------------------- */

/**
 * pool.imap(fn, iterable, chunksize): results one after another, in the order of the inputs.
 *
 * @param chunk  inputs that travel together. 0: 1, as Python
 * @param ahead  as in struct ep_map_options; it must not be 0 if the inputs are endless
 * @param map    set on success; use it with ep_imap_next() or ep_map_next(), ep_map_error(), and
 *               release it with ep_map_free()
 * @return       as ep_map()
 */
EP_API EP_MUSTCHECK int ep_pool_imap(struct ep_pool *pool, ep_task_fn fn, ep_source_fn source,
                                     void *context, size_t chunk, size_t ahead,
                                     struct ep_map **map);

/** pool.imap_unordered(...): as they complete. */
EP_API EP_MUSTCHECK int ep_pool_imap_unordered(struct ep_pool *pool, ep_task_fn fn,
                                               ep_source_fn source, void *context, size_t chunk,
                                               size_t ahead, struct ep_map **map);

/**
 * iterator.next(timeout)
 *
 * It does not wait for room with a result in hand: the next inputs are submitted as far as there is
 * room, and the others by later calls. With EP_FOREVER it waits for room, as ep_map_next().
 *
 * @param timeout_ns  0 or less: look, do not wait. EP_FOREVER: wait without limit
 * @param reply       as in ep_map_next()
 * @return  as ep_map_next(), but after -ETIMEDOUT nothing is cancelled: ask again
 */
EP_API EP_MUSTCHECK int ep_imap_next(struct ep_map *map, int64_t timeout_ns,
                                     struct ep_bytes *reply);

#ifdef __cplusplus
}
#endif

#endif /* ECHOPOOL_MP_H */
