/* SPDX-License-Identifier: MIT */
/**
 * @file retry.h
 * The timer after which a listener that could not accept, or could not be enabled, is tried again.
 */
#ifndef SERVER_LISTEN_RETRY_H
#define SERVER_LISTEN_RETRY_H

#include <event2/event.h>

/**
 * Let the timer's callback run in 100 ms. Without memory for that it runs in the next turn of the loop,
 * which costs CPU time; without a retry the listener would stay deaf.
 */
static inline void retry_soon(struct event *retry)
{
    static const struct timeval later = {.tv_usec = 100000};

    if (event_add(retry, &later) != 0)
        event_active(retry, EV_TIMEOUT, 0);
}

#endif /* SERVER_LISTEN_RETRY_H */
