/* SPDX-License-Identifier: MIT */
/**
 * @file shim.h
 * What the campaign and the shim that it preloads into a program share: a file, which both map. Processes
 * that the program forks share it, too.
 */
#ifndef TESTS_TORTURE_SHIM_H
#define TESTS_TORTURE_SHIM_H

#include <stdatomic.h>
#include <stdbool.h>

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
    unsigned first; /**< the number of the call that fails, from 1; 0: none */
    bool forever;   /**< as do all after it */

    /** Calls count, and fail, while this is set. */
    atomic_bool armed;
    atomic_uint calls;
    atomic_uint failed;

    char name[24];    /**< of the first call that has failed */
    char library[48]; /**< the shared library that has made it; "" for the program */
    char stack[1024]; /**< who called it, as lines for addr2line */
};

#endif /* TESTS_TORTURE_SHIM_H */
