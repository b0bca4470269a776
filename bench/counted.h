/* SPDX-License-Identifier: MIT */
/**
 * @file counted.h
 * The counters of libcount.so inside a server, in shared memory that bench_calls reads while it
 * runs.
 *
 * bench_calls makes a memfd, leaves it open for the server, and puts its number into the
 * environment. The library maps it before the server's main() begins.
 */
#ifndef BENCH_COUNTED_H
#define BENCH_COUNTED_H

#include <stdatomic.h>
#include <stdint.h>

#define COUNTED_VARIABLE "ECHOPOOL_BENCH_COUNTED"

struct counted {
    _Atomic uint64_t allocations; /**< malloc, calloc, realloc and the aligned ones */
    _Atomic uint64_t frees;
    _Atomic uint64_t locks; /**< mutexes, read-write locks, spin locks; waits on conditions */
};

#endif /* BENCH_COUNTED_H */
