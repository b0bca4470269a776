/* SPDX-License-Identifier: MIT */
/**
 * @file futures.h
 * A pool of threads that call functions, and futures for what the functions return. Do not change this file;
 * labs/check compiles against it.
 *
 * Threads: any of them may call any of these functions, except pool_free(), which comes last.
 */
#ifndef FUTURES_H
#define FUTURES_H

#include <stdbool.h>
#include <stddef.h>

struct pool;
struct future;

/** Start the workers. At most `bound` calls wait for one. NULL: no memory, or no thread */
struct pool *pool_new(unsigned workers, size_t bound);

/**
 * Have a worker call function(argument). Waits, asleep, while `bound` calls wait.
 *
 * @return  the future of what it returns, for future_free(). NULL: out of memory
 */
struct future *pool_submit(struct pool *pool, void *(*function)(void *argument), void *argument);

/** Make every call that was submitted, end the workers, and release the pool. Futures can still be used. */
void pool_free(struct pool *pool);

/** Wait, asleep, for what the function returns. As many threads and as many times as you like. */
void *future_result(struct future *future);

/** Check whether future_result() would return at once. */
bool future_is_done(struct future *future);

/** Give the future up, at any time: the call is made all the same. */
void future_free(struct future *future);

#endif /* FUTURES_H */
