/* SPDX-License-Identifier: MIT */
/**
 * @file signals.h
 * The two signals by which a person ends a run early, SIGINT and SIGTERM, taken where they are
 * waited for and nowhere else.
 *
 *     signals_block(&signals);
 *     ... signalfd(-1, &signals.handled, ...) ...
 *     signal = signals_take(&signals);           one that came when nobody read that
 *     signals_restore(&signals);
 *
 * Such a pair may stand within another: what the inner one leaves pending is there for the outer.
 *
 * Threads: one that no other thread stands beside, since new threads inherit the signal mask.
 */
#ifndef CLIENT_LOAD_SIGNALS_H
#define CLIENT_LOAD_SIGNALS_H

#include <signal.h>

struct signals {
    sigset_t handled;  /**< but for those that whoever started us had ignored: they stay so */
    sigset_t previous; /**< the mask before */
};

/** Block them, so that they stay pending until somebody takes them. */
void signals_block(struct signals *signals);

/** Let them do what they always do: end the program. */
void signals_unblock(const struct signals *signals);

/** Take one that is pending, without waiting. @return it, or 0 */
int signals_take(const struct signals *signals);

/** The mask as it was. What is pending, and was not blocked before, ends the program now. */
void signals_restore(const struct signals *signals);

#endif /* CLIENT_LOAD_SIGNALS_H */
