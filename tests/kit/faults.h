/* SPDX-License-Identifier: MIT */
/**
 * @file faults.h
 * Calls of the system that fail when a test wants them to.
 *
 * A test program that uses this replaces the C library's functions below by ones that count. What is
 * to fail lies in memory that forked processes share, so a test can also let a call of a zygote or a
 * worker fail.
 */
#ifndef TESTS_KIT_FAULTS_H
#define TESTS_KIT_FAULTS_H

#include <sys/types.h>

enum fault {
    FAULT_SENDMSG, /**< syscall(SYS_sendmsg, ...) */
    FAULT_MEMFD,   /**< memfd_create() */
    FAULT_KINDS,
};

/** Begin, in this test's process and in those that it forks later. */
void faults_setup(void);

/**
 * Let the next calls fail.
 *
 * @param pid    the process whose calls fail; 0: every process
 * @param error  an errno value
 * @param times  how many calls fail; UINT_MAX: all
 */
void faults_set(enum fault fault, pid_t pid, int error, unsigned times);

/** Count the calls that have failed since faults_set(). */
unsigned faults_failed(enum fault fault);

#endif /* TESTS_KIT_FAULTS_H */
