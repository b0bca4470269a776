/* SPDX-License-Identifier: MIT */
/**
 * @file admin.h
 * The admin port: the state of the server, by HTTP, for people and for monitoring.
 *
 *     /             the live page for a browser; for other clients a few lines that name the paths
 *     /metrics      counters, gauges and histograms as Prometheus reads them
 *     /stats.json   the whole state as one JSON object
 *     /events       the same object, at most four times a second, as server-sent events
 *     /livez        200 as long as the loop turns; /healthz is the same
 *     /readyz       200, or 503 while the server stops, has no worker, or was paused by a person
 *     /control/     with --admin-control, what changes something: see control.h
 *
 * All except the last are for GET and HEAD, and change nothing. Clients are strangers: connections,
 * streams, the bytes read of a request, the bytes that wait to be sent, and the time of a request are
 * bounded, and more requests do not take the state more often. Echoes are not delayed, since other
 * threads send them.
 *
 * Threads: loop only.
 */
#ifndef SERVER_ADMIN_ADMIN_H
#define SERVER_ADMIN_ADMIN_H

#include "server/admin/host.h"
#include "server/admin/open.h"
#include "server/admin/places.h"

#include <event2/event.h>
#include <stdbool.h>

/** Descriptors that an admin port may take, its listeners included. */
#define ADMIN_DESCRIPTORS_MAX (ADMIN_CONNECTIONS_MAX + ADMIN_SOCKETS_MAX)

struct admin;

/**
 * Listen, and answer as soon as the loop runs.
 *
 * An address that other machines can reach is allowed, since the user has given it, with a warning on
 * standard error.
 *
 * @param address  [ADDR:]PORT. Without ADDR it is 127.0.0.1; an IPv6 address is in brackets; of a name all
 *                 addresses are listened on; with port 0 the kernel chooses one
 * @param control  whether clients may change something: see control.h
 * @param host     the server, copied
 * @return         0 and *admin. Otherwise why is what to do, and
 *                 -EINVAL  address is not [ADDR:]PORT, or names no address
 *                 -ENOMEM  no memory
 *                 another negated errno value of address_resolve(), socket(), bind(), listen() or
 *                 getrandom()
 */
int admin_new(struct event_base *base, const char *address, bool control,
              const struct admin_host *host, struct admin **admin, char why[static ADMIN_WHY_MAX]);

/** Return an address that it listens on, with its port: "127.0.0.1:40124". NULL: there are fewer. */
const char *admin_address(const struct admin *admin, unsigned index);

/** Show nothing older than now: the server has changed in a way that must be seen at once. */
void admin_look_again(struct admin *admin);

/** Close all connections at once, and release it. NULL is fine. */
void admin_free(struct admin *admin);

/** Send the last state to all that listen to /events, before admin_free(). The loop has returned. */
void admin_end(struct admin *admin, struct event_base *base);

#endif /* SERVER_ADMIN_ADMIN_H */
