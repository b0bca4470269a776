/* SPDX-License-Identifier: MIT */
/**
 * @file tostop.h
 * Writing to a terminal with `stty tostop` from the background.
 */
#ifndef COMMON_TOSTOP_H
#define COMMON_TOSTOP_H

#include <signal.h>

/**
 * Block SIGTTOU if the program handles it. A terminal with `stty tostop` would send it for each write of a
 * program in the background, and the write would be restarted after the handler, and so on for ever.
 *
 * @return what was blocked before
 */
static inline sigset_t tostop_block(void)
{
    struct sigaction action;
    sigset_t tostop;
    sigset_t before;

    sigemptyset(&tostop);
    if (sigaction(SIGTTOU, NULL, &action) == 0 && action.sa_handler != SIG_DFL)
        sigaddset(&tostop, SIGTTOU);
    (void)pthread_sigmask(SIG_BLOCK, &tostop, &before); /* cannot fail */
    return before;
}

/** Restore what was blocked before. */
static inline void tostop_restore(const sigset_t *before)
{
    (void)pthread_sigmask(SIG_SETMASK, before, NULL);
}

#endif /* COMMON_TOSTOP_H */
