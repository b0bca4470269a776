/* SPDX-License-Identifier: MIT */
/**
 * @file calls-internal.h
 * Calls of Linux that musl has no functions for, and glibc only since 2.34 and 2.36. The server makes them, too.
 */
#ifndef POOL_PROCESS_CALLS_INTERNAL_H
#define POOL_PROCESS_CALLS_INTERNAL_H

#include <signal.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

/* glibc has this constant since 2.36, which no preprocessor sees. */
#ifndef P_PIDFD
#    define P_PIDFD ((idtype_t)3)
#endif

static inline int pidfd_open(pid_t pid, unsigned flags)
{
    return (int)syscall(SYS_pidfd_open, pid, flags);
}

static inline int pidfd_getfd(int pidfd, int fd, unsigned flags)
{
    return (int)syscall(SYS_pidfd_getfd, pidfd, fd, flags);
}

static inline int pidfd_send_signal(int pidfd, int number, siginfo_t *info, unsigned flags)
{
    return (int)syscall(SYS_pidfd_send_signal, pidfd, number, info, flags);
}

/** close_range(2), which has its name in unistd.h of glibc. */
static inline int close_fds(unsigned first, unsigned last)
{
    return (int)syscall(SYS_close_range, first, last, 0);
}

#endif /* POOL_PROCESS_CALLS_INTERNAL_H */
