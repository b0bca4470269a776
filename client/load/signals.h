/* SPDX-License-Identifier: MIT */
/**
 * @file signals.h
 * The two signals that end a run early, SIGINT and SIGTERM, taken only in the places that wait for
 * them.
 *
 *     signals_block(&signals);
 *     ... signalfd(-1, &signals.handled, ...) ...
 *     signal = signals_take(&signals);           one that came when the signalfd was not read
 *     signals_let_finish(&signals);              when all is over, and only to be written
 *     signals_restore(&signals);
 *
 * Such a pair may stand within another: signals that the inner one leaves pending are the outer's.
 *
 * Threads: the program's only one, since new threads inherit the signal mask.
 */
#ifndef CLIENT_LOAD_SIGNALS_H
#define CLIENT_LOAD_SIGNALS_H

#include <signal.h>

struct signals {
    sigset_t handled;  /**< except those that were ignored when the program started: they stay so */
    sigset_t previous; /**< the mask before */
};

/** Block them, so that they stay pending until they are taken. */
void signals_block(struct signals *signals);

/** Unblock them: they end the program, as by default. */
void signals_unblock(const struct signals *signals);

/** Take a pending signal, without waiting. @return its number, or 0 */
int signals_take(const struct signals *signals);

/**
 * Let the first of each from now on end nothing: no session is left to interrupt, and what was measured is written.
 * A second one ends the program, as by default.
 */
void signals_let_finish(const struct signals *signals);

/** Restore the mask. A pending signal that was not blocked before ends the program now. */
void signals_restore(const struct signals *signals);

#endif /* CLIENT_LOAD_SIGNALS_H */
