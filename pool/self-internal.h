/* SPDX-License-Identifier: MIT */
/**
 * @file self-internal.h
 * Which executor the calling thread works for. A call that would wait for its own thread asks here
 * first, and returns -EDEADLK.
 */
#ifndef POOL_SELF_INTERNAL_H
#define POOL_SELF_INTERNAL_H

#include <stdbool.h>

struct ep_executor;

/** Note that the calling thread works for an executor from now on, as manager or as worker. */
void self_serve(const struct ep_executor *executor, bool as_manager);

/** Ask whether the calling thread works for that executor, which may have been freed. */
bool self_serves(const struct ep_executor *executor);

/** Ask whether it is the manager of that process executor, on which done callbacks run. */
bool self_manages(const struct ep_executor *executor);

#endif /* POOL_SELF_INTERNAL_H */
