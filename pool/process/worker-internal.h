/* SPDX-License-Identifier: MIT */
/**
 * @file worker-internal.h
 * The worker's side of a process executor.
 */
#ifndef POOL_PROCESS_WORKER_INTERNAL_H
#define POOL_PROCESS_WORKER_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

/** What a worker process needs before its first task. */
struct worker_plan {
    int (*initialize)(void *context, unsigned worker);
    void (*finalize)(void *context, unsigned worker);
    void *context;
    uint32_t index;
    char name[16];
};

/**
 * Run a worker process. Called in the forked child; never returns.
 *
 * @param socket    its end of the socketpair; every other descriptor is closed
 * @param is_known  asks whether a function was part of the image when the zygote was forked
 */
_Noreturn void worker_process(int socket, const struct worker_plan *plan,
                              bool (*is_known)(uintptr_t fn));

#endif /* POOL_PROCESS_WORKER_INTERNAL_H */
