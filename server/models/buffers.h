/* SPDX-License-Identifier: MIT */
/**
 * @file buffers.h
 * A buffer for each worker of a thread pool, which no other worker uses.
 *
 * The loop makes a buffer before its worker, and keeps it until the end: a worker that leaves may still
 * serve a session, and a later one takes its place.
 *
 * Threads: loop only, except that a worker reads its own entry of `of`.
 */
#ifndef SERVER_MODELS_BUFFERS_H
#define SERVER_MODELS_BUFFERS_H

#include "pool/echopool.h"

#include <stddef.h>
#include <stdint.h>

/** All zero: none. */
struct buffers {
    unsigned char *of[EP_WORKERS_MAX]; /**< by worker */
};

/**
 * Make the missing buffers of this many workers.
 *
 * @return 0; -EINVAL: more than EP_WORKERS_MAX; -ENOMEM
 */
int buffers_make(struct buffers *buffers, uint64_t workers, size_t bytes);
void buffers_clear(struct buffers *buffers);

#endif /* SERVER_MODELS_BUFFERS_H */
