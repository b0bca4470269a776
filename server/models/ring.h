/* SPDX-License-Identifier: MIT */
/**
 * @file ring.h
 * An io_uring, and the buffers that it lends.
 *
 * A ring is two queues in memory that a thread and the kernel share: the thread writes operations into
 * the one and reads their completions from the other. One system call hands over all new operations and
 * waits for completions. A receive is an operation that completes again and again, or once if buffers are
 * large: each time the kernel takes a buffer that the ring has provided and fills it. Such a buffer is *lent* to the
 * session whose bytes are in it until the thread provides it again.
 *
 * What the kernel must have, and what is done where it has not:
 *
 *     Linux   brings                       without it
 *     5.13    operations are taken while
 *             completions wait for room    refused
 *     5.19    buffers that a ring provides,
 *             COOP_TASKRUN                 lends = false
 *     6.0     receives that complete
 *             again and again              lends = false: the ring waits until a session is readable or
 *                                          writable, and the session calls recv() and send() itself
 *     6.1     DEFER_TASKRUN, and sends that
 *             report a failed rest         silent = false: each send has a completion
 *
 * Threads: ring_init() and ring_clear() one that has no part in the ring; all else the ring's own.
 */
#ifndef SERVER_MODELS_RING_H
#define SERVER_MODELS_RING_H

#include <liburing.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** No buffer. */
#define RING_NONE UINT16_MAX

/** The group that all lent buffers are of. */
#define RING_GROUP 0

struct ring {
    struct io_uring uring;
    bool lends; /**< receives bring bytes in lent buffers */
    bool
        repeats; /**< and complete again and again: they may take many buffers at once, so only small ones */
    bool silent; /**< a send that succeeds has no completion; and completions come only while the
                      thread waits, or hands over operations */

    struct io_uring_buf_ring *shelf; /**< the buffers that the kernel may take. NULL: none */
    size_t shelf_bytes;              /**< with the buffers, which follow */
    unsigned char *memory;
    size_t buffer_bytes;
    unsigned buffers;  /**< a power of two */
    unsigned returned; /**< buffers on the shelf that the kernel has not been shown yet */

    /* written by the ring's thread, read by all */
    _Atomic uint64_t enters; /**< system calls */
    _Atomic uint64_t submissions;
    _Atomic uint64_t completions;
    _Atomic uint64_t shortages; /**< receives that ended because all buffers were lent */
    _Atomic uint64_t lent;      /**< buffers */
};

/**
 * Make a ring that works once its thread has called ring_begin().
 *
 * @param buffer_bytes  of a lent buffer, at most; a buffer has no more than RING_BUFFER_MAX
 * @return              0 or a negated errno value; ring_clear() releases what was made
 */
int ring_init(struct ring *ring, size_t buffer_bytes);
#define RING_BUFFER_MAX 65536

/** All zero is fine. No operation is under way. */
void ring_clear(struct ring *ring);

/** Make the calling thread the ring's own. @return 0 or a negated errno value */
int ring_begin(struct ring *ring);

/** Get room for an operation. It is handed over by the next ring_enter(), or earlier. */
struct io_uring_sqe *ring_operation(struct ring *ring);

/**
 * Hand over all operations. When this returns the kernel has begun each of them, and has ended those that
 * do not wait.
 *
 * @param wait  until there is a completion
 */
void ring_enter(struct ring *ring, bool wait);

/** Check whether the kernel keeps completions for which the queue had no room, and fetch them. */
bool ring_fetch_more(struct ring *ring);

static inline unsigned char *ring_buffer(const struct ring *ring, unsigned id)
{
    return ring->memory + ring->buffer_bytes * id;
}

/** Put a buffer back on the shelf; ring_show_returned() lets the kernel take it. */
static inline void ring_return(struct ring *ring, unsigned id)
{
    io_uring_buf_ring_add(ring->shelf, ring_buffer(ring, id), (unsigned)ring->buffer_bytes,
                          (unsigned short)id, io_uring_buf_ring_mask(ring->buffers),
                          (int)ring->returned++);
}

static inline void ring_show_returned(struct ring *ring)
{
    if (ring->returned > 0)
        io_uring_buf_ring_advance(ring->shelf, (int)ring->returned);
    ring->returned = 0;
}

/** Add to a number that only the ring's thread changes. */
static inline void ring_count(_Atomic uint64_t *number, int64_t change)
{
    uint64_t now = atomic_load_explicit(number, memory_order_relaxed);

    atomic_store_explicit(number, now + (uint64_t)change, memory_order_relaxed);
}

#endif /* SERVER_MODELS_RING_H */
