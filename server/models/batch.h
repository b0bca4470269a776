/* SPDX-License-Identifier: MIT */
/**
 * @file batch.h
 * The echoes that the next ring_enter() sends, each from the lent buffer that its bytes came in.
 *
 * No send waits (MSG_DONTWAIT), so each has succeeded or failed when ring_enter() returns: only then the
 * buffers are given back. Echoes of one session are one send, so their bytes keep their order. If it falls
 * short, the session takes the rest back: see echo_take_back().
 *
 * Threads: the ring's own.
 */
#ifndef SERVER_MODELS_BATCH_H
#define SERVER_MODELS_BATCH_H

#include "server/models/member.h"

#include <sys/socket.h>
#include <sys/uio.h>

/** The most echoes of one session in a batch. */
#define BATCH_PARTS_MOST 64

/** The echoes of a session, one after the other. */
struct sending {
    struct member *member;
    unsigned first; /* of its parts */
    unsigned count;
    size_t size;
    bool failed;
    size_t sent; /* if it has failed */
    struct msghdr message;
};

struct batch {
    struct members *members;
    struct sending *sendings;
    unsigned sending_count;
    struct iovec *parts; /* as many as there are buffers */
    uint16_t *buffers;   /* of the parts */
    unsigned part_count;
    unsigned unanswered; /* sends whose completion will come */
};

/** @return 0 or -ENOMEM; batch_clear() releases what was made */
int batch_init(struct batch *batch, struct members *members);
void batch_clear(struct batch *batch);

/** Add an echo: the first bytes of a lent buffer. */
void batch_add(struct batch *batch, struct member *member, unsigned id, size_t size);

/** Check whether an echo of this session may be added: it has none in the batch, or the last. */
bool batch_may_add(const struct batch *batch, const struct member *member);

/** Make operations of it, for ring_enter(). */
void batch_flush(struct batch *batch);

/** Note the completion of a send. */
void batch_sent(struct batch *batch, unsigned number, int result);

/** After ring_enter(), and after all its completions were noted: give the buffers back. */
void batch_end(struct batch *batch);

#endif /* SERVER_MODELS_BATCH_H */
