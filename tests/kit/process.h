/* SPDX-License-Identifier: MIT */
/**
 * @file process.h
 * What the tests of the process executor share: memory that the workers see too, and tasks that use
 * it. It has to be made before the executor, because workers inherit it.
 */
#ifndef TESTS_KIT_PROCESS_H
#define TESTS_KIT_PROCESS_H

#include "pool/echopool.h"
#include "tests/kit/suite.h"

#include <semaphore.h>
#include <stdatomic.h>
#include <sys/types.h>

#define SHARED_PIDS 64

/** One page that the test and all worker processes have in common. */
struct shared {
    sem_t arrived; /**< posted by each held task */
    sem_t opened;  /**< each held task takes one to pass */
    atomic_uint begun, done;
    atomic_uint initialized, finalized;
    atomic_int pids[SHARED_PIDS]; /**< of workers, in the order in which they were initialized */
    atomic_int initialize_result;
    atomic_uint seen; /**< noted by tasks as each test likes */
};

extern struct shared *shared;

/** Begin a case whose tests find `shared`. */
#define CASE_WITH_SHARED(name) SUITE_STEP(case_with_shared(name))
void case_with_shared(const char *name);

/** An executor or a failed test. */
struct ep_executor *processes(const struct ep_options *options);
struct ep_executor *processes_of(uint32_t workers, enum ep_on_death on_death);

/** Wait for that many held tasks, and let that many go. */
void await_held(unsigned tasks);
void release_held(unsigned tasks);

/** Wait until it holds, giving the CPU away; the test's timeout is the limit. */
#define AWAIT(condition)                                                                           \
    while (!(condition))                                                                           \
    sched_yield()

/** Whether a process is there, zombies included; its state as a letter, or 0. */
char process_state(pid_t pid);

/** The only child of this process. */
pid_t zygote_pid(void);

/** Wait until a descriptor can be read. */
void await_readable(int fd);

/** A future's int, or a failed test. Releases the future. */
int int_result(struct ep_future *future);

/** What the future's error is; the task must not have succeeded. */
struct ep_error error_of(struct ep_future *future);

struct ep_future *submit(struct ep_executor *pool, ep_task_fn fn, const void *input, size_t size);

/* --- tasks --------------------------------------------------------------------------------- */

int square_of(struct ep_task *task); /**< int to int */
int echo_of(struct ep_task *task);   /**< what it was given */
int pid_of(struct ep_task *task);    /**< replies with the worker's pid */
int hold(struct ep_task *task);      /**< arrives, waits, passes; replies with the worker's pid */
int kill_self(struct ep_task *task); /**< by the signal that is its input, an int */
int exit_with(struct ep_task *task); /**< _exit with its input, an int */
int fail_with(struct ep_task *task); /**< fails with its input, an int, and words */
int reply_of_size(
    struct ep_task *task); /**< replies with as many bytes 'r' as its input, a size_t, says */

/** As initialize and finalize of an executor: note pids and count. */
int note_initialized(void *context, unsigned worker);
void note_finalized(void *context, unsigned worker);

#endif /* TESTS_KIT_PROCESS_H */
