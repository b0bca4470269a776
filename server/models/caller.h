/* SPDX-License-Identifier: MIT */
/**
 * @file caller.h
 * --on-full caller-runs: the accept loop serves one session that has found no place, and accepts no
 * other client meanwhile.
 *
 * Threads: loop only.
 */
#ifndef SERVER_MODELS_CALLER_H
#define SERVER_MODELS_CALLER_H

#include "server/models/driven.h"
#include "server/models/model.h"

#include <stdbool.h>

/** All zero: not used. */
struct caller {
    struct shared *shared;
    struct driver *driver; /**< NULL: --on-full is another */
    bool busy;             /**< it has a session */
};

/** Prepare it, if the settings want it. @return 0 or -ENOMEM */
int caller_init(struct caller *caller, const struct model_settings *settings);
void caller_clear(struct caller *caller);

/** Check whether --on-full is caller-runs. */
bool caller_runs(const struct caller *caller);

/** Serve a session from now to its end. @return 0, -ENOMEM, or -EAGAIN: it has one already */
int caller_take(struct caller *caller, struct session *session);

#endif /* SERVER_MODELS_CALLER_H */
