/* SPDX-License-Identifier: MIT */
/**
 * @file admin.h
 * The admin port: what the server does, told by HTTP to people and to monitoring.
 *
 *     /             the live page, in a browser; for others a few lines that name the paths
 *     /metrics      counters, gauges and histograms as Prometheus reads them
 *     /stats.json   the whole state as one JSON object
 *     /events       the same object, at most four times a second, as server-sent events
 *     /livez        200 as long as the loop turns; /healthz is the same
 *     /readyz       200, or 503 while the server drains, has no worker, or was paused by a person
 *     /control/     with --admin-control, what changes something: see control.h
 *
 * All but the last are for GET and HEAD, and change nothing. Whoever asks is a stranger:
 * connections, streams, what is read of a request, what waits to be sent, and how long a request
 * may take are all bounded, and the state is not taken more often because it is asked for more
 * often. Echoes are sent by other threads and notice nothing.
 *
 * Threads: the loop's only.
 */
#ifndef SERVER_ADMIN_ADMIN_H
#define SERVER_ADMIN_ADMIN_H

#include "server/admin/host.h"
#include "server/admin/places.h"

#include <event2/event.h>
#include <stdbool.h>

/** Descriptors that an admin port may take, its listener included. */
#define ADMIN_DESCRIPTORS_MAX (ADMIN_CONNECTIONS_MAX + 1)

/** Room for why there is no admin port. */
#define ADMIN_WHY_MAX 320

struct admin;

/**
 * Listen, and answer as soon as the loop runs.
 *
 * An address that other machines can reach is taken, since somebody has written it down, and
 * warned of on standard error: who reaches it can read everything.
 *
 * @param address  [ADDR:]PORT. Without ADDR it is 127.0.0.1; an IPv6 address stands in brackets;
 *                 port 0 lets the kernel pick
 * @param control  whether who reaches it may change something: see control.h
 * @param host     the server, copied
 * @return         0 and *admin. Otherwise why says what to do, and
 *                 -EINVAL  address is not [ADDR:]PORT, or names no address
 *                 -ENOMEM  no memory
 *                 another negated errno value of socket(), bind(), listen() or getrandom()
 */
int admin_new(struct event_base *base, const char *address, bool control,
              const struct admin_host *host, struct admin **admin, char why[static ADMIN_WHY_MAX]);

/** Where it listens, with the port that the kernel has picked: "127.0.0.1:40124". */
const char *admin_address(const struct admin *admin);

/** Close every connection at once, whatever is under way. NULL is fine. */
void admin_free(struct admin *admin);

#endif /* SERVER_ADMIN_ADMIN_H */
