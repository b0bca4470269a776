/* SPDX-License-Identifier: MIT */
/**
 * @file measure.h
 * What the measurements share: medians, verdicts, the command line, and on which CPUs things run.
 * Servers as child processes are in child.h.
 *
 * Whatever goes wrong ends the program with a sentence.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/** The value below which `percent` of many times lie, in their own unit. Sorts them. */
double times_percentile(double *times, size_t count, double percent);

/** An option --NAME N of a measurement. A list of them is ended by one whose name is NULL. */
struct number_option {
    const char *name;
    uint64_t least;
    uint64_t most;
    uint64_t *value; /**< the default before, what was asked for afterwards */
    const char *help;
};

/**
 * Name the program to the log and read its command line. --help prints `usage`, which is what
 * follows "Usage: ", and the options, and exits with 0; what is wrong exits with 2.
 *
 * @return index of the first argument that is no option
 */
int read_numbers(int argc, char *argv[], const char *usage, const struct number_option *options);

/** The CPUs that this thread may run on, as a set. What it starts inherits them. */
cpu_set_t cpus_now(void);
void cpus_set(const cpu_set_t *cpus);
/** How many they are. */
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
/**
 * Do it twice, each time by in_child(): with nothing pinned, then with everything on one CPU. A
 * headline that says so is printed before.
 *
 * @return whether `compare` returned both times
 */
bool compare_placements(void (*compare)(void *context), void *context);
/** Allow as many descriptors as may be had. @return how many that is */
unsigned raise_descriptor_limit(void);

#endif /* BENCH_MEASURE_H */
