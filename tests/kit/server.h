/* SPDX-License-Identifier: MIT */
/**
 * @file server.h
 * What the end-to-end tests of the server share: a server with a baseline, its accounting, and an
 * ending that looks for what a test may have broken.
 *
 * A test that ends with kit_finish() has shown, besides its own point, that the server still
 * echoes 64 KiB exactly, that no descriptor and no thread was left behind, that every session is
 * accounted for, and that nothing was said on standard error that was not expected.
 */
#ifndef TESTS_KIT_SERVER_H
#define TESTS_KIT_SERVER_H

#include "config.h"

#include "tests/kit/harness.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A server under test. */
struct kit {
    struct program program;
    unsigned descriptors; /**< before the first client */
    unsigned threads;
};

/** The numbers of an accounting line. */
struct tally {
    uint64_t accepted;
    uint64_t served;
    uint64_t rejected;
    uint64_t timed_out;
    uint64_t failed;
    uint64_t in_flight;
};

/** The arguments of a server, as kit_start() wants them. */
#define ARGUMENTS(...) ((const char *const[]){__VA_ARGS__, NULL})

/** A model under test: the words that choose it, and what it cannot do. */
struct tested_model {
    const char *model;
    const char *hold;
    bool one_at_a_time;   /**< it serves one session: all others wait in the kernel's backlog */
    bool stalls_the_loop; /**< --delay happens on the main loop, which sees no signal meanwhile */
    bool workers_accept;  /**< none can answer the client that they have not accepted */
    bool never_pauses;    /**< a client beyond its bound gets BUSY under --on-full pause, too */
};

/**
 * All models, in reading order; for loop tests from 0 to MODELS. The last is io-uring, which is not among
 * them if this build has it not, or this kernel forbids it.
 */
extern const struct tested_model tested_models[];
/* ThreadSanitizer runs a signal's handler only when recv() has returned, so no verdict reaches a worker of prefork. */
#ifdef __SANITIZE_THREAD__
enum { ALL_MODELS = 9 };
#else
enum { ALL_MODELS = 10 };
#endif
#define MODELS (has_io_uring() ? ALL_MODELS : ALL_MODELS - 1)
bool has_io_uring(void);

/** The arguments of a server under the model that a loop test runs for. */
#define MODEL(...)                                                                                 \
    ARGUMENTS("--model", tested_models[_i].model, "--hold", tested_models[_i].hold, __VA_ARGS__)

/** The value of --queue for such a test: 0 if the model can have none. */
#define QUEUE(sessions) (tested_models[_i].workers_accept ? "0" : (sessions))

/** The models with a pool of workers, and those that serve in other processes; for loop tests. */
extern const char *const pool_models[];
enum { POOL_OF_THREADS, POOL_OF_PROCESSES, POOLS };
#define POOL(...) ARGUMENTS("--model", pool_models[_i], __VA_ARGS__)
extern const char *const process_models[];
enum { PROCESS_FOR_EACH, PROCESS_POOL, PREFORK, PROCESS_MODELS };
#define PROCESS_MODEL(...) ARGUMENTS("--model", process_models[_i], __VA_ARGS__)

/** Start a server on a free port and note what it holds. */
struct kit kit_start(const char *const arguments[]);

/** A connection to it. */
int kit_connect(struct kit *kit);

/** Some of them, one after the other. */
void kit_connect_all(struct kit *kit, int fds[], int count);

/** Echo a word that --transform upper changes. */
void say_hello(int fd);

/** The same, and close. */
void say_goodbye(int fd);

/** Close some. */
void close_all(const int fds[], int count);

/** Where it has its admin port, on 127.0.0.1. */
uint16_t kit_admin_port(struct kit *kit);

/** Ask for the accounting with SIGUSR1. Fails where the identity does not hold. */
struct tally kit_ask(struct kit *kit);

/** How many threads a sanitizer may add to a process, whenever it likes. */
#ifdef EP_SANITIZED
enum { FOREIGN_THREADS = 1 };
#else
enum { FOREIGN_THREADS = 0 };
#endif

/** Wait until the server has no more threads than at the beginning. */
void kit_wait_threads(struct kit *kit);

/**
 * The processes that serve for it: its children under --model fork and prefork, its workers under
 * process-pool. Those that have ended and are not waited for yet are counted, as they should not be
 * there.
 *
 * @param pids  room for `most`
 * @return      how many there are, at most `most`
 */
unsigned kit_processes(const struct kit *kit, pid_t pids[], unsigned most);

/** Wait until `count` processes serve, and store their pids. */
void kit_wait_processes(const struct kit *kit, pid_t pids[], unsigned count);

/** Ask until `in_flight` sessions are in flight. @return the accounting that said so */
struct tally kit_wait_in_flight(struct kit *kit, uint64_t in_flight);

/**
 * Ask until this many sessions have been accepted, and all have ended. To wait for none in flight is not enough
 * for a client that has got nothing from the server: it may be in the backlog.
 */
struct tally kit_wait_ended(struct kit *kit, uint64_t accepted);

/**
 * Probe, compare with the baseline, stop, and check the last accounting line.
 *
 * @param upper     what the server's --transform is
 * @param complaint NULL: nothing may have been said on standard error. Otherwise what must have
 *                  been said
 * @return          the last accounting, without the probe's session
 */
struct tally kit_finish(struct kit *kit, bool upper, const char *complaint);

/** Send it a signal. */
void kit_signal(const struct kit *kit, int number);

/**
 * Wait for a server that ends, and check how.
 *
 * @param complaint  what is on standard error, among other things; NULL: nothing is
 * @param last_words what is on standard output, among other things; NULL: anything
 * @return           the last accounting
 */
struct tally kit_wait_end(struct kit *kit, int status, const char *complaint,
                          const char *last_words);

/** The last accounting in a server's output. */
struct tally tally_of(const char *output);

/** Nothing was rejected, and this is the rest. */
void expect_tally(struct tally tally, uint64_t served, uint64_t timed_out, uint64_t failed);

/** Receive exactly the upper-cased bytes, then an orderly end of file. Closes fd. */
void expect_rest(int fd, const void *bytes, size_t size);

/** Receive one BUSY line and an orderly end of file. Closes fd. */
void expect_busy(int fd);

#endif /* TESTS_KIT_SERVER_H */
