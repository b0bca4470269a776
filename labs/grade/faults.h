/* SPDX-License-Identifier: MIT */
/**
 * @file faults.h
 * Calls of the student's program that behave as seldom as they may: labs/check links them in by --wrap.
 *
 * A server reads its environment: LAB_SHORT=1, LAB_FAIL_THREAD=3. A library that is linked with its
 * grader shares the variables below.
 */
#ifndef LABS_GRADE_FAULTS_H
#define LABS_GRADE_FAULTS_H

#include <stdatomic.h>

/** How many threads sleep on a condition variable. */
extern atomic_int lab_waiting;
/** How many waits from now on return although no thread has signalled, as POSIX allows. */
extern atomic_int lab_spurious;

#endif /* LABS_GRADE_FAULTS_H */
