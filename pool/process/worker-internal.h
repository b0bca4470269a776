/* SPDX-License-Identifier: MIT */
/**
 * @file worker-internal.h
 * The worker's side of processes.
 */
#ifndef POOL_PROCESS_WORKER_INTERNAL_H
#define POOL_PROCESS_WORKER_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

/** What a worker process has to know before its first task. */
struct worker_plan {
    int (*initialize)(void *context, unsigned worker);
    void (*finalize)(void *context, unsigned worker);
    void *context;
    uint32_t index;
    char name[16];
};

/**
 * The life of a worker process. Called in the forked child, it never returns.
 *
 * @param socket         its end of the socketpair; everything else is closed
 * @param is_known       whether a function was part of the image when the zygote was forked
 */
_Noreturn void worker_process(int socket, const struct worker_plan *plan,
                              bool (*is_known)(uintptr_t fn));

#endif /* POOL_PROCESS_WORKER_INTERNAL_H */
