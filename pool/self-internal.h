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
struct ep_future;

/** Note that the calling thread works for an executor from now on, as manager or as worker. */
void self_serve(const struct ep_executor *executor, bool as_manager);

/**
 * Note that the calling thread drops a task of an executor, or has made room in it, and runs functions
 * of the user for that. Until then the executor holds the task, so the thread would wait for itself as
 * a worker would.
 */
struct self_drop {
    const struct ep_executor *executor; /**< NULL: it does not hold the task */
    const void *own;                    /**< what only this thread can end, or NULL: a future that
                                             it cancels, or whose task it runs as the submitter; or
                                             a group that it submits into */
    struct self_drop *outer;
};
void self_drop_begin(struct self_drop *drop, const struct ep_executor *executor, const void *own);
void self_drop_end(void);

/** Ask whether the calling thread does so at all. */
bool self_drops(void);

/** Ask whether the calling thread is the one that must end that future, or a member of that group. */
bool self_must_end(const void *own);

/**
 * Ask whether the calling thread works for that executor, which may have been freed, or drops a
 * task of it.
 */
bool self_serves(const struct ep_executor *executor);

/** Ask whether it is a worker of that executor, or its manager. */
bool self_works_for(const struct ep_executor *executor);

/** Note whether the calling thread, a worker, runs tasks that it waits for within others. */
void self_set_runs(bool runs);
bool self_runs(void);
/** Ask whether it may run a task of that executor on top of what it does now. */
bool self_may_run(const struct ep_executor *executor);

/** Ask whether it is the manager of that process executor, on which done callbacks run. */
bool self_manages(const struct ep_executor *executor);

/**
 * Note, at the beginning of a cleanup handler, that the functions which were running in this thread are
 * gone. AddressSanitizer sees the stack unwound by longjmp(), but not by pthread_exit().
 */
void self_unwound(void);

#endif /* POOL_SELF_INTERNAL_H */
