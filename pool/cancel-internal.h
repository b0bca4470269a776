/* SPDX-License-Identifier: MIT */
/**
 * @file cancel-internal.h
 * No function of the library is a cancellation point.
 *
 * A thread that pthread_cancel() ends in the middle of the library would keep what it holds: a lock,
 * the right to receive from a worker, a descriptor. So each part that calls something that POSIX
 * makes a cancellation point begins with HOLD_CANCELLATION. The request stays pending, and ends the
 * thread at its next cancellation point outside. It must not stay held while a function of the user
 * runs.
 */
#ifndef POOL_CANCEL_INTERNAL_H
#define POOL_CANCEL_INTERNAL_H

#include <pthread.h>

static inline int cancellation_hold(void)
{
    int state = PTHREAD_CANCEL_ENABLE;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    return state;
}

static inline void cancellation_release(const int *state)
{
    pthread_setcancelstate(*state, NULL);
}

/** A declaration: until the end of the block, the thread is not cancelled. */
#define HOLD_CANCELLATION                                                                          \
    __attribute__((cleanup(cancellation_release), unused)) const int cancel_state =                \
        cancellation_hold()

#endif /* POOL_CANCEL_INTERNAL_H */
