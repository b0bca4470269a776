/* SPDX-License-Identifier: MIT */
/**
 * @file announce.h
 * What the server reports about itself: lines on standard output, and its state to the service
 * manager, if there is one.
 *
 * Threads: loop only.
 */
#ifndef SERVER_ANNOUNCE_H
#define SERVER_ANNOUNCE_H

#include <event2/util.h>

struct server;

/** Print where the server can be reached: "listening on ADDRESS" for each socket, and the admin port. */
void announce_addresses(const struct server *server);

/** Print the configuration, and what follows from it. */
void announce_choices(const struct server *server);

/** Print the accounting line. */
void announce_accounting(const struct server *server);

/** Print how the sessions ended: the last lines of an orderly end. */
void announce_farewell(const struct server *server);

/**
 * Report to the service manager that the server serves (after the start and after a reload), that it
 * reloads its files, that it stops but accepts for a while, or that it drains. The last two are on the
 * admin port at once, too.
 */
void announce_ready(struct server *server);
void announce_reloading(struct server *server);
void announce_lame_duck(struct server *server);
void announce_stopping(struct server *server);

/** Send what is due to the service manager: the callback of ON_NOTIFY, which those above set. */
void announce_on_timer(evutil_socket_t fd, short what, void *server);

#endif /* SERVER_ANNOUNCE_H */
