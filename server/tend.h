/* SPDX-License-Identifier: MIT */
/**
 * @file tend.h
 * What the loop does when a session or a worker has ended, when there is room, or when time has passed.
 *
 * Threads: loop only.
 */
#ifndef SERVER_TEND_H
#define SERVER_TEND_H

#include <event2/util.h>

/**
 * Let the model collect what has ended, write the trace, and accept again or finish draining.
 *
 * @param server  a struct server
 */
void tend(void *server);

/** Answer shared_wake(): the callback of the eventfd. */
void tend_on_wake(evutil_socket_t fd, short what, void *server);

#endif /* SERVER_TEND_H */
