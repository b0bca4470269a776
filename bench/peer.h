/* SPDX-License-Identifier: MIT */
/**
 * @file peer.h
 * Pools in other languages, measured in separate processes.
 *
 * Such a peer makes its pool, runs the tasks, and prints four numbers on one line: tasks run,
 * nanoseconds for all of them, nanoseconds of CPU time, and how often its threads went to sleep.
 * The time does not include making and ending the pool. See peer_tbb.cpp and peer_python.py.
 */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include <stdbool.h>
#include <stdint.h>

/** The result of a run of a peer. */
struct peer_result {
    uint64_t tasks;
    int64_t took_ns;
    int64_t cpu_ns;
    uint64_t sleeps;
};

/** @return whether there is a python3 with concurrent.futures */
bool peer_has_python(void);

/**
 * Run Python's ThreadPoolExecutor or ProcessPoolExecutor.
 *
 * @param pool   "thread" or "process"
 * @param bytes  size of each task's input, which is also its result; 0: empty tasks
 */
struct peer_result peer_run_python(const char *pool, uint64_t tasks, unsigned workers,
                                   unsigned bytes);

/** Run oneTBB's task_arena. Call it only if configure has found oneTBB. */
struct peer_result peer_run_tbb(uint64_t tasks, unsigned workers);

#endif /* BENCH_PEER_H */
