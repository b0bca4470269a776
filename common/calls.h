/* SPDX-License-Identifier: MIT */
/**
 * @file calls.h
 * System calls that a filter (seccomp) may refuse. A program asks at its start for those without which it would
 * later hang, spin, abort, or serve no one, and says so instead:
 *
 *     static const struct call needed[] = {CALL(read), CALL(write), CALLS_END};
 *
 *     calls_need(needed);
 */
#ifndef COMMON_CALLS_H
#define COMMON_CALLS_H

#include <stddef.h>
#include <sys/syscall.h>

/** A system call. */
struct call {
    long number;
    const char *name;
};

#define CALL(name)                                                                                 \
    {                                                                                              \
        SYS_##name, #name                                                                          \
    }
#define CALLS_END                                                                                  \
    {                                                                                              \
        0, NULL                                                                                    \
    }

/** poll(), and ppoll(), by which some machines do it. */
#ifdef SYS_poll
#    define CALLS_OF_POLL CALL(poll), CALL(ppoll)
#else
#    define CALLS_OF_POLL CALL(ppoll)
#endif

/**
 * Try each call of a list, with arguments that are wrong for it.
 *
 * @param calls  ended by CALLS_END; with the arguments -1, 1, 0, 0, 0, 0 each must change nothing, and not wait
 * @return       the first that a filter refuses, with its error in errno; NULL: none
 */
const struct call *calls_refused(const struct call calls[]);

/** Try each call; log_fatal() if one is refused. */
void calls_need(const struct call calls[]);

#endif /* COMMON_CALLS_H */
