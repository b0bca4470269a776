/* SPDX-License-Identifier: MIT */
/**
 * @file shim.h
 * What a test, or the campaign of tests/torture, and the shim that it preloads into a program share: a file,
 * which both map. Processes that the program forks share it, too. program_let_fail() of harness.h makes one:
 *
 *     program_let_fail((struct orders){.only = "connect", .first = 2, .last = 3, .error = EADDRNOTAVAIL});
 */
#ifndef TESTS_KIT_SHIM_H
#define TESTS_KIT_SHIM_H

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/** The environment variable with the path of the file. */
#define ORDERS_VARIABLE "TORTURE_ORDERS"

/** The calls that are counted together. */
enum torture_class {
    CALL_MEMORY,
    CALL_DESCRIPTORS,
    CALL_THREADS,
    CALL_NETWORK,
    CALL_FILES,
    CALL_CLASSES
};

/** Who has made the call. */
enum torture_caller {
    CALLER_PROGRAM, /**< the program, or the C library for it */
    CALLER_LIBRARY, /**< another shared library: libevent, OpenSSL, jansson, ... */
};

struct orders {
    /* set before the program starts */
    enum torture_class class;
    enum torture_caller caller;
    unsigned first; /**< the number of the call that fails, from 1 */
    unsigned last;  /**< as do all up to this one; 0: none does, UINT_MAX: all from the first on */

    /* for tests of one failure */
    char only[24];       /**< calls of this name, of any class and caller */
    int error;           /**< instead of the usual one */
    size_t bytes;        /**< malloc() of this size; 0: of any */
    bool listeners;      /**< epoll_ctl() of a socket that listens, */
    bool connections;    /**< or of one that is connected */
    bool loses;          /**< accept4() ends the connection that it does not return */
    bool stops;          /**< recv() that has brought bytes stops its process (SIGSTOP) */
    bool no_proc;        /**< there is no /proc */
    unsigned denied;     /**< without `only`, a filter answers this system call with `error` */
    int no_ring;         /**< a filter answers io_uring_setup() with this error */
    bool no_lending;     /**< the kernel's rings provide no buffers, as before Linux 5.19, */
    bool no_repeat;      /**< or receive once only, as before 6.0 */
    unsigned ring_flags; /**< flags of io_uring_setup() that the kernel does not know */
    bool small_rings;    /**< rings have room for 4 operations, and for 4 completions */
    bool busy_rings;     /**< and take no operation while completions wait, as before 5.13 */
    unsigned no_cancels; /**< this many cancellations, from the first on, find nothing */

    /** Calls count, and fail, while this is set. */
    atomic_bool armed;
    atomic_uint calls;
    atomic_uint failed;

    char name[24];    /**< of the first call that has failed */
    char library[48]; /**< the shared library that has made it; "" for the program */
    char stack[1024]; /**< who called it, as lines for addr2line */
};

#endif /* TESTS_KIT_SHIM_H */
