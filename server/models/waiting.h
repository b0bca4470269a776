/* SPDX-License-Identifier: MIT */
/**
 * @file waiting.h
 * The sessions that a pool holds and no worker serves yet, for a model that may have to take one
 * back: because it has waited for too long, or for the sake of a newer one.
 *
 * The executor keeps the order and decides who is next; this list only remembers, for each session
 * submitted, the future by which it can be cancelled. A session that a worker has begun is the
 * worker's, and is never touched from here: ep_future_cancel() decides who was first.
 *
 * Where nothing is ever taken back, submitting goes through here without a future and costs nothing.
 *
 * Threads: the loop's only, but for waiting_takes().
 */
#ifndef SERVER_MODELS_WAITING_H
#define SERVER_MODELS_WAITING_H

#include "pool/echopool.h"
#include "server/models/model.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct waiting_one;

struct waiting {
    /* set by waiting_init(), then read-only */
    bool drop_oldest;   /**< a full executor takes a newer session in the place of the oldest */
    int64_t timeout_ns; /**< 0: none */
    /* the loop's: those that had not begun when they were last looked at, in the order of their coming */
    struct waiting_one *oldest;
    struct waiting_one **end;
    /* across: whom the loop is about to take back */
    _Atomic(struct session *) taking;
};

/** Begin without anybody, with what the settings say about full and late. */
void waiting_init(struct waiting *waiting, const struct model_settings *settings);

/** Nobody waits any more: forget the rest. */
void waiting_clear(struct waiting *waiting);

/**
 * Hand a session to the executor, which must have EP_REJECT as its policy.
 *
 * @param fn, input, size, options, future  as for ep_submit_with(); without a `dropped`
 * @return         as ep_submit_with(); -EAGAIN: full
 */
int waiting_submit(struct waiting *waiting, struct ep_executor *executor, struct session *session,
                   ep_task_fn fn, const void *input, size_t size,
                   const struct ep_submit_options *options, struct ep_future **future);

/**
 * With --on-full drop-oldest: take back whoever has waited longest, and tell it that it is BUSY
 * here.
 *
 * @return false: that is not how it is to be, or nobody waits. true: submit again
 */
bool waiting_drop_oldest(struct waiting *waiting);

/**
 * For the done callback of a future that was cancelled: whether it is the loop that takes its
 * session back. Then the session is the loop's, and must be left alone. Threads: any.
 */
bool waiting_takes(const struct waiting *waiting, const struct session *session);

/** Take back whoever has waited for --queue-timeout, and tell them. */
void waiting_tend(struct waiting *waiting);

#endif /* SERVER_MODELS_WAITING_H */
