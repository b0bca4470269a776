/* SPDX-License-Identifier: MIT */
/**
 * @file drain.h
 * Stopping without loss.
 *
 * Threads: loop only.
 */
#ifndef SERVER_DRAIN_H
#define SERVER_DRAIN_H

#include <event2/util.h>

struct server;

/**
 * Begin the shutdown delay, or, if there is none or it has begun, begin to drain, or, if the server
 * drains already, end at once: the callback of SIGTERM and SIGINT.
 */
void drain_on_stop(evutil_socket_t signal_number, short what, void *server);

/** Begin to drain: the callback of the shutdown delay. */
void drain_on_delay(evutil_socket_t fd, short what, void *server);

/** Stop reading from idle sessions: the callback of a timer, every 100 ms while the server drains. */
void drain_on_tick(evutil_socket_t fd, short what, void *server);

/** End the sessions that are left, step by step: the callback of the drain timeout. */
void drain_on_deadline(evutil_socket_t fd, short what, void *server);

/** Begin to drain because the model can serve no session any more; the exit status will be EXIT_RUN. */
void drain_on_failure(struct server *server);

/** After the loop: from here on another signal ends the process at once. */
void drain_is_over(struct server *server);

/** After the last session: warn if bytes were lost, and set the exit status. */
void drain_end(struct server *server);

/** While the server drains: leave the loop if the last session has ended. */
void drain_look(struct server *server);

#endif /* SERVER_DRAIN_H */
