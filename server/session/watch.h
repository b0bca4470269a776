/* SPDX-License-Identifier: MIT */
/**
 * @file watch.h
 * The time limits of sessions, kept by the loop.
 *
 * The watch looks at every session that is here, a few times within the shortest limit. One that
 * has not moved for as long as its phase allows is judged (session_judge()): whoever is blocked in
 * its socket wakes, sees the verdict, and ends it under its name. So no clock is read and no timer
 * set for an echo, which would cost as much as a tenth of it, and every model has the same limits.
 *
 * A limit is kept to within a sixteenth of the shortest limit, or 10 ms where that is more: a session
 * is never ended early, and at most by so much late.
 *
 * Time in which the server itself was stopped (SIGSTOP), or got no CPU, is nobody's fault: where a
 * look comes late, everybody is given so much more of it to send or to take something.
 *
 * Threads: the loop's only.
 */
#ifndef SERVER_SESSION_WATCH_H
#define SERVER_SESSION_WATCH_H

#include <event2/event.h>
#include <stdint.h>

struct shared;
struct watch;

/** In nanoseconds; 0: no limit. */
struct time_limits {
    int64_t handshake_ns; /**< PROXY header and TLS together */
    int64_t idle_ns;      /**< nothing comes from the client */
    int64_t write_ns;     /**< the client takes nothing */
    int64_t session_ns;   /**< from its beginning, whatever it does */
    int64_t queue_ns;     /**< it waits for a worker; judged by the model, but looked at as often */
};

/**
 * @param tend     called after each look, for what a model has to look at as often. NULL: nothing
 * @return         NULL for want of memory
 */
struct watch *watch_new(struct event_base *base, struct shared *shared,
                        const struct time_limits *limits, void (*tend)(void *context),
                        void *context);
void watch_free(struct watch *watch);

#endif /* SERVER_SESSION_WATCH_H */
