/* SPDX-License-Identifier: MIT */
/**
 * @file buffers.h
 * A buffer for each worker of a pool of threads, who alone uses it.
 *
 * The loop makes them before there is the worker, and keeps them until the end: a worker may come
 * back, and one that leaves may be serving still.
 *
 * Threads: the loop's only, but for `of`, which a worker reads at its own place.
 */
#ifndef SERVER_MODELS_BUFFERS_H
#define SERVER_MODELS_BUFFERS_H

#include "pool/echopool.h"

#include <stddef.h>
#include <stdint.h>

/** Zero-initialised it has none. */
struct buffers {
    unsigned char *of[EP_WORKERS_MAX]; /**< by worker */
};

/**
 * Make those that are missing for so many workers.
 *
 * @return 0; -EINVAL: more than EP_WORKERS_MAX; -ENOMEM
 */
int buffers_make(struct buffers *buffers, uint64_t workers, size_t bytes);
void buffers_clear(struct buffers *buffers);

#endif /* SERVER_MODELS_BUFFERS_H */
