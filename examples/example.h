/* SPDX-License-Identifier: MIT */
/**
 * @file example.h
 * What all examples share: their options, and the little that would hide what each is about.
 *
 * An example begins with example_begin(), which reads the command line:
 *
 *     --pool thread|process   which kind of workers; each example has one of its own
 *     --slow                  take as long as the article does; without it a second is shorter
 *     --help
 */
#ifndef EXAMPLES_EXAMPLE_H
#define EXAMPLES_EXAMPLE_H

#include "pool/echopool-mp.h"

/**
 * Read the command line; exits with 2 where it makes no sense, with 0 after --help.
 *
 * @param about  a sentence for --help
 * @param kind   the kind of workers where --pool does not say
 */
void example_begin(int argc, char **argv, const char *about, enum ep_pool_kind kind);

/** The kind of workers that this run uses. */
enum ep_pool_kind example_kind(void);

/** Workers of that kind, 0: as many as the library takes by itself. Exits with 1 on failure. */
struct ep_executor *example_executor(uint32_t workers);
/** The same, for the words of multiprocessing.Pool. */
struct ep_pool *example_pool(uint32_t workers, int (*initialize)(void *context, unsigned worker),
                             void *context);

/** Exit with 1, saying what could not be done and why, unless rc is 0. */
void example_must(int rc, const char *what);

/** Sleep for so many of the article's seconds. */
void example_sleep(double seconds);

/** Make a second of the article that long, unless --slow. To be called before there are workers. */
void example_set_second(double ours);

/** How long it took since then, in the article's seconds. */
double example_seconds(int64_t since_ns);

/**
 * The name of who calls: of the thread, or "process 4711" in a worker process.
 *
 * @param name  room for it, which is returned too
 */
#define EXAMPLE_NAME_MAX 32
const char *example_name(char name[EXAMPLE_NAME_MAX]);

/** The result of a future that holds an int; exits with 1 where there is none. */
int example_int(struct ep_future *future);

#endif /* EXAMPLES_EXAMPLE_H */
