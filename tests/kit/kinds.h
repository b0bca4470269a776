/* SPDX-License-Identifier: MIT */
/**
 * @file kinds.h
 * One suite, two kinds of executor. A test of a CASE_FOR_KINDS() runs once for each and finds the kind
 * in `kind`; a LOOP_TEST(test, KINDS) finds it in its `_i`.
 *
 * Such a test speaks with its tasks by bytes. Where it needs more - a gate, a counter - that lies in
 * memory which worker processes share, and is made before the executor: then it has the same
 * address there. Workers are forked from one zygote per test, so that a test may have several
 * executors, and threads before the second.
 *
 * What a task finds wrong it must reply or count: an assertion that fails in a worker process fails
 * that process, and not the test.
 */
#ifndef TESTS_KIT_KINDS_H
#define TESTS_KIT_KINDS_H

#include "tests/kit/gate.h"
#include "tests/kit/suite.h"

enum kind { THREADS, PROCESSES, KINDS };

/** An executor of that kind, or a failed test. */
struct ep_executor *kind_executor_with(int kind, const struct ep_options *options);
/** The same, with a policy of EP_BLOCK. queue 0: as usual. */
struct ep_executor *kind_executor(int kind, uint32_t workers, uint32_t queue);

/**
 * Zeroed memory that worker processes forked later share. It lasts as long as the test. No process
 * executor may be there, nor any other thread: a new zygote is made.
 */
void *shared_memory(size_t size);
/** A gate there. */
struct gate *shared_gate(void);

/** Submit, or fail the test. The future is the caller's. */
struct ep_future *submit_bytes(struct ep_executor *executor, ep_task_fn fn, const void *input,
                               size_t size);
struct ep_future *submit_gate(struct ep_executor *executor, struct gate *gate);
struct ep_future *submit_int(struct ep_executor *executor, ep_task_fn fn, int n);

/** A task that does nothing. */
int nothing_task(struct ep_task *task);
/** A task that fails with code 7 and says "seven". */
int fail_task(struct ep_task *task);

/** Count the entries of a folder, such as /proc/self/task for threads; includes . and .. */
unsigned entries_of(const char *path);

/** The int that a reply consists of. */
int int_of(const struct ep_bytes *reply);

/* --- A stage ------------------------------------------------------------------------------- */

/** What most tests and their tasks have in common; shared with worker processes. */
struct stage {
    struct gate gate;
    atomic_uint counter; /**< tasks of stage_submit() and stage_try() that ran */
    atomic_uint dropped; /**< calls of stage_dropped() */
};

/** The kind that is tested, and the stage of this test. Set in a CASE_FOR_...() */
extern int kind;
extern struct stage *stage;

/** An executor of `kind`. */
struct ep_executor *executor_with(const struct ep_options *options);
struct ep_executor *executor_that(uint32_t workers, uint32_t queue, enum ep_policy when_full);

/** Submit a task that counts; the same without waiting; a task that stands at the gate. */
int stage_submit(struct ep_executor *executor, struct ep_future **future);
int stage_try(struct ep_executor *executor);
int stage_try_gate(struct ep_executor *executor);
/** Submit a counting task whose input has an owner: stage_dropped(). deadline_ns: as in options. */
int stage_submit_owned(struct ep_executor *executor, int64_t deadline_ns,
                       struct ep_future **future);
/** A thread that does stage_submit() without a future, and returns its result. */
void *stage_submit_one(void *executor);
/** Wait until this number of submitters sleep. */
void stage_await_blocked(struct ep_executor *executor, unsigned submitters);
/** Submit tasks and wait until they stand at the gate. */
void stage_occupy(struct ep_executor *executor, unsigned tasks);
/** As `dropped` of a counting task: counts, and checks what it is given. */
void stage_dropped(const void *input, size_t size);

/** Fewer rounds where each of them forks, or goes to another process. */
unsigned rounds_of(unsigned threads, unsigned processes);

/** Begin a case for each kind, or for threads only. Its tests find a stage, and so do its fixtures. */
#define CASE_FOR_KINDS(name)   SUITE_STEP(case_for_kinds(name))
#define CASE_FOR_THREADS(name) SUITE_STEP(case_for_threads(name))
void case_for_kinds(const char *name);
void case_for_threads(const char *name);

#endif /* TESTS_KIT_KINDS_H */
