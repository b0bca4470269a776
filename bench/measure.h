/* SPDX-License-Identifier: MIT */
/**
 * @file measure.h
 * Functions that the measurements share: medians, verdicts, the command line, and pinning to CPUs.
 * Servers as child processes are in child.h.
 *
 * An error ends the program with a message.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The largest number of rounds of a measurement. */
#define ROUNDS_MAX 101

/** The values of one figure, one per round. */
struct series {
    double value[ROUNDS_MAX];
    size_t count;
};

void series_add(struct series *series, double value);
/** @return the value below which `percent` of the series lie, interpolated between neighbours */
double series_percentile(const struct series *series, double percent);
double series_median(const struct series *series);
/** Divide each value by the value of `base` from the same round. */
struct series series_ratio(const struct series *series, const struct series *base);

/** Print the line of a target, which bench/run counts: "  target WHAT: met", or MISSED. */
void verdict(bool met, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** @return the value below which `percent` of the times lie; sorts them */
double times_percentile(double *times, size_t count, double percent);

/** An option --NAME N of a measurement. A list of options ends with one whose name is NULL. */
struct number_option {
    const char *name;
    uint64_t least;
    uint64_t most;
    uint64_t *value; /**< in: the default; out: the value */
    const char *help;
};

/**
 * Set the program's name in the log and read its command line. --help prints "Usage: ", `usage` and
 * the options, and exits with 0; an error exits with 2.
 *
 * @return index of the first argument that is not an option
 */
int read_numbers(int argc, char *argv[], const char *usage, const struct number_option *options);

/** The set of CPUs that this thread may run on. Its children inherit it. */
cpu_set_t cpus_now(void);
void cpus_set(const cpu_set_t *cpus);
/** @return the number of CPUs that this thread may run on */
unsigned cpus_allowed(void);
/** Pin this thread, and its later children, to one of these CPUs, counted from 0. */
void pin_to_cpu(unsigned number);
/** Pin this process, and its later children, to one CPU. */
void pin_to_first_cpu(void);
/**
 * Run a function in a child process and wait for its end, so that its threads and its pinning do
 * not remain. Flushes stdout in both processes.
 *
 * @return whether `run` returned
 */
bool in_child(void (*run)(void *context), void *context);
/**
 * Run a function twice with in_child(): unpinned, then with everything on one CPU. Prints a
 * headline before each.
 *
 * @return whether `compare` returned both times
 */
bool compare_placements(void (*compare)(void *context), void *context);
/** Raise the descriptor limit as far as possible. @return the new limit */
unsigned raise_descriptor_limit(void);

#endif /* BENCH_MEASURE_H */
