/* SPDX-License-Identifier: MIT */
/**
 * @file peer.h
 * Pools that are measured in a process of their own, because they are of another language.
 *
 * Such a peer makes its pool, runs the tasks, and prints four numbers on one line: tasks run,
 * nanoseconds for all of them, nanoseconds of CPU time, and how often its threads went to sleep.
 * Making and ending the pool lie outside the time. bench/peer_tbb.cpp and bench/peer_python.py.
 */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include <stdbool.h>
#include <stdint.h>

/** What a run of a peer came to. */
struct peer_result {
    uint64_t tasks;
    int64_t took_ns;
    int64_t cpu_ns;
    uint64_t sleeps;
};

/** Whether there is a python3 that has concurrent.futures. */
bool peer_has_python(void);

/**
 * Run Python's ThreadPoolExecutor or ProcessPoolExecutor.
 *
 * @param pool   "thread" or "process"
 * @param bytes  of each task's input, which is also its result; 0: tasks that do nothing
 */
struct peer_result peer_run_python(const char *pool, uint64_t tasks, unsigned workers,
                                   unsigned bytes);

/** Run oneTBB's task_arena. Only where configure has found it. */
struct peer_result peer_run_tbb(uint64_t tasks, unsigned workers);

#endif /* BENCH_PEER_H */
