/* SPDX-License-Identifier: MIT */
/**
 * @file timeouts.h
 * The time limits of sessions, kept by the loop.
 *
 * The timer checks every live session several times within the shortest limit. It judges a session that
 * has not moved for as long as its phase allows (session_judge()); a thread blocked in its socket wakes,
 * sees the verdict, and ends the session under that name. So no clock is read and no timer is set for an
 * echo, which would cost up to a tenth of it, and every model has the same limits.
 *
 * A session never ends early, and late by at most a sixteenth of the shortest limit, or 10 ms if that is
 * more.
 *
 * Time in which the server itself was stopped (SIGSTOP), or got no CPU, does not count against clients:
 * if a check comes late, every session gets that much more time.
 *
 * Threads: loop only.
 */
#ifndef SERVER_SESSION_TIMEOUTS_H
#define SERVER_SESSION_TIMEOUTS_H

#include <event2/event.h>
#include <stdint.h>

struct shared;
struct timeouts;

/** In nanoseconds; 0: no limit. */
struct timeouts_limits {
    int64_t handshake_ns; /**< PROXY header and TLS together */
    int64_t idle_ns;      /**< nothing comes from the client */
    int64_t write_ns;     /**< the client takes nothing */
    int64_t session_ns;   /**< from its beginning, whatever it does */
};

/**
 * @param tend  called after each check, for what a model must check as often. NULL: nothing
 * @return      NULL: out of memory
 */
struct timeouts *timeouts_new(struct event_base *base, struct shared *shared,
                              const struct timeouts_limits *limits, void (*tend)(void *context),
                              void *context);
void timeouts_free(struct timeouts *timeouts);

#endif /* SERVER_SESSION_TIMEOUTS_H */
