/* SPDX-License-Identifier: MIT */
/**
 * @file example.h
 * What all examples share: the options, and helpers that keep each example short.
 *
 * An example begins with example_begin(), which reads the command line:
 *
 *     --pool thread|process   the kind of workers; each example has its own default
 *     --slow                  take as long as the article does; by default a second is shorter
 *     --help
 */
#ifndef EXAMPLES_EXAMPLE_H
#define EXAMPLES_EXAMPLE_H

#include "pool/echopool-mp.h"

/**
 * Read the command line. Exits with 2 on an invalid one, with 0 after --help.
 *
 * @param about  a sentence for --help
 * @param kind   the default of --pool
 */
void example_begin(int argc, char **argv, const char *about, enum ep_pool_kind kind);

/** Return the kind of workers of this run. */
enum ep_pool_kind example_kind(void);

/** Start workers of that kind; 0: the library's default number. Exits with 1 on failure. */
struct ep_executor *example_executor(uint32_t workers);
/** The same for a multiprocessing.Pool. */
struct ep_pool *example_pool(uint32_t workers, int (*initialize)(void *context, unsigned worker),
                             void *context);

/** Unless rc is 0, print what failed and why, and exit with 1. */
void example_must(int rc, const char *what);

/** Sleep for this many of the article's seconds. */
void example_sleep(double seconds);

/** Set the length of the article's second, unless --slow. Call it before workers start. */
void example_set_second(double ours);

/** Return the time since then, in the article's seconds. */
double example_seconds(int64_t since_ns);

/**
 * Return the name of the calling thread, or "process 4711" in a worker process.
 *
 * @param name  buffer for the name, and the return value
 */
#define EXAMPLE_NAME_MAX 32
const char *example_name(char name[EXAMPLE_NAME_MAX]);

/** Wait for a future and return its result, an int. Exits with 1 if the task failed. */
int example_int(struct ep_future *future);

#endif /* EXAMPLES_EXAMPLE_H */
