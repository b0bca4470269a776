/* SPDX-License-Identifier: MIT */
/**
 * @file measure.h
 * What the measurements share: medians, verdicts, servers as child processes, and what /proc says
 * of them.
 *
 * Whatever goes wrong ends the program with a sentence.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/** The most rounds that a measurement may have. */
#define ROUNDS_MAX 101

/** Figures of one thing, one for each round. */
struct series {
    double value[ROUNDS_MAX];
    size_t count;
};

void series_add(struct series *series, double value);
/** The value below which `percent` of the series lie, between neighbours in proportion. */
double series_percentile(const struct series *series, double percent);
double series_median(const struct series *series);
/** Each value divided by the value of the same round of `base`: what ran side by side. */
struct series series_ratio(const struct series *series, const struct series *base);

/** Print the line on a target by which bench/run counts: "  target WHAT: met", or MISSED. */
void verdict(bool met, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** The value below which `percent` of many times lie. Sorts them. */
double times_percentile(int64_t *times_ns, size_t count, double percent);

/** A server under measurement. It dies with us. */
struct server {
    pid_t pid;
    int out;
    uint16_t port;
};

/**
 * Start a server and wait for its line "listening on 127.0.0.1:PORT".
 *
 * @param arguments  the program's path within the build tree, or a command in PATH, and its
 *                   arguments; ended by NULL
 * @param preload    a library for LD_PRELOAD, within the build tree; may be NULL
 */
struct server server_start(const char *const arguments[], const char *preload);

/** SIGTERM; returns when the process has ended and all it had started has closed its output. */
void server_stop(struct server *server);

/** A file in the build tree ($TOP_BUILDDIR, or the current folder). @return path */
const char *build_path(const char *file, char *path, size_t size);

/** User and system time of all threads so far. */
int64_t process_cpu_ns(pid_t pid);
/** How often the live threads have gone to sleep by themselves. */
uint64_t process_sleeps(pid_t pid);
unsigned process_descriptors(pid_t pid);
/** A "Name:  123 kB" line of a file, "smaps_rollup" or "status" of the process. */
double process_kb(pid_t pid, const char *file, const char *name);
/** The same of /proc/meminfo. */
double system_kb(const char *name);

/** How many CPUs this thread may run on. */
unsigned cpus_allowed(void);
/** Keep this thread, and what it starts from now on, on one of them, counted from 0. */
void pin_to_cpu(unsigned number);
/** Keep this process, and what it starts, on one CPU. */
void pin_to_first_cpu(void);
/**
 * Do something in a process of its own and wait for its end: what it starts, and where it is
 * pinned, is over then. Flushes stdout in both.
 *
 * @return whether `run` returned
 */
bool in_child(void (*run)(void *context), void *context);
/** Allow as many descriptors as may be had. */
void raise_descriptor_limit(void);

#endif /* BENCH_MEASURE_H */
