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
 * Threads: the loop's only.
 */
#ifndef SERVER_MODELS_WAITING_H
#define SERVER_MODELS_WAITING_H

#include "pool/echopool.h"
#include "server/models/model.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct waiting_one;

struct waiting {
    bool drop_oldest;   /**< a full executor takes a newer session in the place of the oldest */
    int64_t timeout_ns; /**< 0: none */
    /* those that had not begun when they were last looked at, in the order of their coming */
    struct waiting_one *oldest;
    struct waiting_one **end;
};

/** Begin without anybody, with what the settings say about full and late. */
void waiting_init(struct waiting *waiting, const struct model_settings *settings);

/** Nobody waits any more: forget the rest. */
void waiting_clear(struct waiting *waiting);

/**
 * Hand a session to the executor, which must have EP_REJECT as its policy. With --on-full
 * drop-oldest it takes the place of the one that has waited longest, if there is no other; that
 * one is told BUSY.
 *
 * @param fn, input, size, options  as for ep_submit_with(); options->dropped is called for a session
 *                 that is taken back too, and must then leave the session alone; so must whoever
 *                 hears by the future that it was cancelled
 * @param future   set to a future that the caller releases. NULL: none is wanted
 * @return         as ep_submit_with(); -EAGAIN: full, and nobody could be taken back
 */
int waiting_submit(struct waiting *waiting, struct ep_executor *executor, struct session *session,
                   ep_task_fn fn, const void *input, size_t size,
                   const struct ep_submit_options *options, struct ep_future **future);

/** Take back whoever has waited for --queue-timeout, and tell them. */
void waiting_tend(struct waiting *waiting);

#endif /* SERVER_MODELS_WAITING_H */
