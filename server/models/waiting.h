/* SPDX-License-Identifier: MIT */
/**
 * @file waiting.h
 * The sessions in a pool's queue, for a model that may have to take one back: because it has waited
 * too long (--queue-timeout), or for a newer one (--on-full drop-oldest).
 *
 * The executor decides which session is next, and ends one that has waited too long (expires_ns); its
 * thread puts the session on a stack, and wakes the loop, which rejects it. For drop-oldest a list holds,
 * for each session submitted, the future that can cancel it. Once a worker has begun a session it is not
 * touched from here: ep_future_cancel() decides which of the two was first.
 *
 * Without these options a session is submitted without a future, and this costs nothing.
 *
 * Threads: loop only, except waiting_dropped().
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
    bool drop_oldest;   /**< when full, a newer session takes the place of the oldest */
    int64_t timeout_ns; /**< 0: none */
    struct shared *shared;
    /* any thread: sessions that have waited too long, the latest first */
    _Atomic(struct session *) late;
    /* loop only: sessions that had not begun at the last look, the oldest first */
    struct waiting_one *oldest;
    struct waiting_one **end;
};

/** Set up an empty list, with --on-full and --queue-timeout of the settings. */
void waiting_init(struct waiting *waiting, const struct model_settings *settings);

/**
 * Before the first session, have the executor make the thread that watches over --queue-timeout: if it
 * cannot be made, the server must not start.
 *
 * @return 0 or -ENOMEM
 */
int waiting_prepare(struct waiting *waiting, struct ep_executor *executor);

/** Release the list. */
void waiting_clear(struct waiting *waiting);

/**
 * Submit a session to an executor, whose policy must be EP_REJECT.
 *
 * @param fn, input, size, options, future  as for ep_submit_with(); on_drop must call waiting_dropped()
 * @return  as ep_submit_with(); -EAGAIN: full
 */
int waiting_submit(struct waiting *waiting, struct ep_executor *executor, struct session *session,
                   ep_task_fn fn, const void *input, size_t size,
                   const struct ep_submit_options *options, struct ep_future **future);

/**
 * With --on-full drop-oldest, reject the session that has waited longest.
 *
 * @return true: submit again. false: not this --on-full, or no session waits
 */
bool waiting_drop_oldest(struct waiting *waiting);

/**
 * In an on_drop, check whether the loop owns the session now: it has taken it back, or will reject it
 * because it has waited too long. Then the caller must not touch it any more. Threads: any.
 */
bool waiting_dropped(struct waiting *waiting, struct session *session, int reason);

/** Reject the sessions that have waited for --queue-timeout. */
void waiting_tend(struct waiting *waiting);

#endif /* SERVER_MODELS_WAITING_H */
