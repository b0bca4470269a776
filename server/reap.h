/* SPDX-License-Identifier: MIT */
/**
 * @file reap.h
 * Processes that the server has not made. As process 1 of a container, or as a subreaper, it becomes the
 * parent of processes whose own parent has ended, such as those of `docker exec`. When they end it must wait
 * for them; otherwise they stay as zombies, until no more processes can be made.
 *
 * Threads: loop only.
 */
#ifndef SERVER_REAP_H
#define SERVER_REAP_H

#include <event2/util.h>
#include <stdbool.h>

struct server;

/** Check whether this process adopts others. */
bool reap_is_needed(void);

/** Wait for adopted processes that have ended. A callback for events: SIGCHLD, or a timer. */
void reap_on_child(evutil_socket_t fd, short what, void *server);

#endif /* SERVER_REAP_H */
