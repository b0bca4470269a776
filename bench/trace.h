/* SPDX-License-Identifier: MIT */
/**
 * @file trace.h
 * The system calls of an echo, counted by strace.
 *
 * strace cannot start counting in the middle, so the server runs twice, the second time with more
 * messages. The difference is the cost of these messages; the calls of starting, connecting and
 * stopping cancel out.
 */
#ifndef BENCH_TRACE_H
#define BENCH_TRACE_H

#include <stdbool.h>
#include <stddef.h>

/** Counted messages per session. */
#define TRACE_MESSAGES 1000

struct trace {
    double each;    /**< calls per echo, all together */
    long strays;    /**< calls that occur less than once in a thousand echoes */
    char text[256]; /**< the others, as "recvfrom 1.000  sendto 1.000" */
};

/** @return whether strace can be used. Call it once before the first trace_echoes(). */
bool trace_is_possible(void);

/** Count the calls of all threads and processes of a server. */
struct trace trace_echoes(const char *const arguments[], unsigned sessions);

#endif /* BENCH_TRACE_H */
