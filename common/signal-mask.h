/* SPDX-License-Identifier: MIT */
/**
 * @file signal-mask.h
 * Block all signals around the making of a thread or a process, which has the mask of its maker: the
 * event loop handles signals, and no other thread. And unblock those that a parent has left blocked.
 */
#ifndef COMMON_SIGNAL_MASK_H
#define COMMON_SIGNAL_MASK_H

#include "common/must.h"

#include <signal.h>
#include <stddef.h>

/** Block all signals in the calling thread. @return what was blocked before */
static inline sigset_t signal_mask_all(void)
{
    sigset_t all;
    sigset_t before;

    sigfillset(&all);
    MUST(pthread_sigmask(SIG_SETMASK, &all, &before));
    return before;
}

static inline void signal_mask_restore(const sigset_t *before)
{
    MUST(pthread_sigmask(SIG_SETMASK, before, NULL));
}

/**
 * Unblock signals that the program handles, or lets end it. A program has the mask of its parent, and would
 * never notice a signal that is blocked there. Call at the start of the program.
 */
static inline void signal_mask_without(const int numbers[], size_t count)
{
    sigset_t wanted;

    sigemptyset(&wanted);
    for (size_t i = 0; i < count; i++)
        sigaddset(&wanted, numbers[i]);
    MUST(pthread_sigmask(SIG_UNBLOCK, &wanted, NULL));
}

#endif /* COMMON_SIGNAL_MASK_H */
