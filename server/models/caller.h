/* SPDX-License-Identifier: MIT */
/**
 * @file caller.h
 * --on-full caller-runs: whoever would find no place is served by the loop itself, one at a time, and
 * nobody is accepted meanwhile.
 *
 * Threads: the loop's only.
 */
#ifndef SERVER_MODELS_CALLER_H
#define SERVER_MODELS_CALLER_H

#include "server/models/driven.h"
#include "server/models/model.h"

#include <stdbool.h>

/** Zero-initialised it serves nobody, and has room. */
struct caller {
    struct shared *shared;
    struct driver *driver; /**< NULL: it is not how full is answered */
    bool busy;             /**< it has a session */
};

/** @return 0, also where the settings want another answer; or -ENOMEM */
int caller_init(struct caller *caller, const struct model_settings *settings);
void caller_clear(struct caller *caller);

/** Whether it is for the loop to serve those who find no place. */
bool caller_runs(const struct caller *caller);

/** Serve a session, from now to its end. @return 0, -ENOMEM, or -EAGAIN: it has one already */
int caller_take(struct caller *caller, struct session *session);

#endif /* SERVER_MODELS_CALLER_H */
