/* SPDX-License-Identifier: MIT */
/**
 * @file threads.h
 * For the labs whose code is linked with its grader: calls on threads of their own, and the twin of the grader
 * that is built with -fsanitize=thread.
 */
#ifndef LABS_GRADE_THREADS_H
#define LABS_GRADE_THREADS_H

#include "grade.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

/** One call of the student's library, on a thread of its own. */
struct call {
    void *object, *item;
    bool ok;
    atomic_bool returned;
    atomic_int tid; /**< of the thread, for call_await_sleep(); 0: not yet known */
    pthread_t thread;
};

enum call_state { CALL_RETURNED, CALL_SLEEPS, CALL_SPINS };

/** Start a thread, or end the trial. */
void start(pthread_t *thread, void *(*run)(void *), void *argument);

void call_start(struct call *call, void *(*run)(void *));

/** Wait until the call has returned, or until that many threads sleep on condition variables. */
enum call_state call_await(struct call *call, int sleepers);

/**
 * Wait until the call has returned, or until its thread sleeps, in whatever way, or spins.
 * @return false: it has returned
 */
bool call_await_sleep(struct call *call);

/** Wait until it has returned. If that never happens, the trial's time limit ends it. */
void call_join(struct call *call);

/** Check, with the address sanitizer, for memory that no pointer leads to any more. */
bool leaks(void);

/** Run one trial in the grader that LAB_TWIN names. @return false: it has failed, and why says why */
bool run_twin(const char *id, char why[static WHY_MAX]);

/** Be that grader: run one trial here. @return its exit status */
int twin(const struct lab *lab, const char *id);

#endif /* LABS_GRADE_THREADS_H */
