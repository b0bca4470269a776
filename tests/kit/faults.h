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

#include <stdbool.h>
#include <sys/types.h>

/* Sanitizers, of gcc or clang. */
#ifndef __has_feature
#    define __has_feature(name) 0
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#    define WITH_TSAN true
#else
#    define WITH_TSAN false
#endif
#if WITH_TSAN || defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#    define WITH_SANITIZER true
#else
#    define WITH_SANITIZER false
#endif

enum fault {
    FAULT_SENDMSG, /**< by syscall(), as the three from close_range() on */
    FAULT_MEMFD,   /**< memfd_create() */
    FAULT_PWRITE,  /**< pwrite() */
    FAULT_REALLOC, /**< realloc(); not with a sanitizer, which has its own */
    FAULT_ALIGNED, /**< aligned_alloc(), likewise */
    FAULT_UNSHARE,
    FAULT_OPENDIR, /**< /proc is missing */
    FAULT_CLOSE_RANGE,
    FAULT_PIDFD_OPEN,
    FAULT_PIDFD_SEND_SIGNAL,
    FAULT_EPOLL_WAIT,
    FAULT_POLL, /**< only in a test program that replaces it */
    FAULT_WAITPID,
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

/** Let one call of any process fail, after this many that do not. */
void faults_set_one(enum fault fault, unsigned skipped, int error);

/** Count the calls that have failed since they were set. */
unsigned faults_failed(enum fault fault);

/** Ask whether this call fails, and set errno if so: for a function that a test program itself replaces. */
bool faults_fail(enum fault fault);

#endif /* TESTS_KIT_FAULTS_H */
