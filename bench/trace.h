/* SPDX-License-Identifier: MIT */
/**
 * @file trace.h
 * The system calls of an echo, counted by strace.
 *
 * It cannot be told to begin in the middle, so the server runs twice, the second time with more
 * messages: what the second run has more is what these messages cost, and all that start, connect
 * and stop do cancels out.
 */
#ifndef BENCH_TRACE_H
#define BENCH_TRACE_H

#include <stdbool.h>
#include <stddef.h>

/** Messages of each session of which the calls are counted. */
#define TRACE_MESSAGES 1000

struct trace {
    double each;    /**< calls of an echo, all together */
    long strays;    /**< calls that less than one echo in a thousand made */
    char text[256]; /**< the others, as "recvfrom 1.000  sendto 1.000" */
};

/** Whether there is an strace that may trace. Call once before the first trace_echoes(). */
bool trace_is_possible(void);

/** Count, over all the server's threads and processes. It dies with us. */
struct trace trace_echoes(const char *const arguments[], unsigned sessions);

#endif /* BENCH_TRACE_H */
