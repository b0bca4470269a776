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

/** Enter the service of an executor, once in a thread's life: as its manager, or as a worker. */
void self_serve(const struct ep_executor *executor, bool as_manager);

/** Whether the executor, which may be gone, needs the calling thread in order to go on. */
bool self_serves(const struct ep_executor *executor);

/** Whether the calling thread is the manager of that process executor: done callbacks run on it. */
bool self_manages(const struct ep_executor *executor);

#endif /* POOL_SELF_INTERNAL_H */
