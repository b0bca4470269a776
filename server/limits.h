/* SPDX-License-Identifier: MIT */
/**
 * @file limits.h
 * The limits that the server sets on itself (--limit), and what they will do to it.
 *
 * They are the same for a capped and an uncapped server, so that the comparison is fair. They affect
 * this process only: when one is reached, a call fails; nothing is killed, and no other process notices.
 */
#ifndef SERVER_LIMITS_H
#define SERVER_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Zero: not set. */
struct limits {
    uint64_t as_bytes;    /**< address space, RLIMIT_AS */
    uint64_t nofile;      /**< open descriptors, RLIMIT_NOFILE */
    uint64_t stack_bytes; /**< of each thread that serves; given to pthread_create() */
};

/** The accepted values, for the message about a wrong one. */
#define LIMITS_RANGE                                                                               \
    "a list of as=SIZE (16M to 1024G), nofile=N (16 to 1048576) and stack=SIZE (64K to 1G), such " \
    "as as=256M,nofile=64,stack=8M"

/**
 * Read "as=256M,nofile=64,stack=8M", any of them, each at most once.
 *
 * @return true, and *limits is what was read; or false, and it is untouched
 */
bool limits_parse(const char *text, struct limits *limits);

/**
 * Set the soft limits. With as_bytes also keep malloc to one arena: each other arena would take 64 MiB
 * of address space at an unpredictable moment.
 *
 * Call before any thread is made.
 *
 * @return 0, or a negated errno value, with *name set to the limit that failed
 */
int limits_apply(const struct limits *limits, const char **name);

/** Get the stack size of a thread: limits->stack_bytes, or the system's. */
uint64_t limits_stack_bytes(const struct limits *limits);

/** Get the address space in use now, from /proc/self/statm. 0: it cannot be read. */
uint64_t limits_used_bytes(void);

/** Get what one more thread takes: its stack and the guard page below it. */
uint64_t limits_thread_bytes(const struct limits *limits);

/**
 * Predict how many threads will fit: floor((limit - used) / thread). Call after everything else is set
 * up, and only if as_bytes is set.
 */
uint64_t limits_predict_threads(const struct limits *limits, uint64_t used_bytes);

/**
 * Raise the soft limit on descriptors to `needed`, as far as the hard one allows.
 *
 * @return the limit as it is now; 0: it is not known, as in a sandbox that forbids prlimit64()
 */
uint64_t limits_raise_nofile(uint64_t needed);

/**
 * Get how many descriptors this process may have at most: --limit nofile, or its hard limit, or if that
 * is not known 1024.
 */
uint64_t limits_most_nofile(const struct limits *limits);

#endif /* SERVER_LIMITS_H */
