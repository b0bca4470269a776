/* SPDX-License-Identifier: MIT */
/**
 * @file refuse.h
 * Rejecting a client so that it gets the reason.
 *
 * A line followed by close() would often lose the line: if the client has sent bytes that were not read,
 * close() sends a reset, and a reset destroys what is on its way. So a refused connection lingers on the
 * loop: the line is sent, the server's half is closed, and what the client still sends is discarded until
 * it closes its half as well. That is bounded in time, in bytes, and in the number of connections.
 *
 * Threads: loop only.
 */
#ifndef SERVER_SESSION_REFUSE_H
#define SERVER_SESSION_REFUSE_H

#include <event2/event.h>
#include <stdbool.h>

struct refuser;

/** @return NULL: out of memory */
struct refuser *refuser_new(struct event_base *base);

/** Close those that still linger, and release. NULL is fine. */
void refuser_free(struct refuser *refuser);

/** Check whether no refused connection lingers. */
bool refuser_is_idle(const struct refuser *refuser);

/**
 * Send "BUSY why" to a connected descriptor and let it linger. Takes over the descriptor.
 *
 * The line is plain text also with TLS: a busy server should not do a handshake. No record of TLS begins
 * with a B, so a client recognizes the line.
 */
void refuse(struct refuser *refuser, int fd, const char *why);

/** How many descriptors a refuser may hold. */
#define REFUSE_LINGERING_MAX 64

#endif /* SERVER_SESSION_REFUSE_H */
