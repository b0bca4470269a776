/* SPDX-License-Identifier: MIT */
/**
 * @file refuse.h
 * Turning a client away politely.
 *
 * A line, then close() would often lose the line: bytes that the client had sent already and that
 * nobody has read make close() answer with a reset, and a reset destroys what was on its way. So
 * a refused connection lingers on the loop: the line is sent, our half is ended, and what the
 * client still sends is read and thrown away until it ends its half as well. All of that is
 * bounded: in time, in bytes, and in the number of connections that linger.
 *
 * Threads: the loop's only.
 */
#ifndef SERVER_SESSION_REFUSE_H
#define SERVER_SESSION_REFUSE_H

#include <event2/event.h>

struct refuser;

/** @return NULL for want of memory */
struct refuser *refuser_new(struct event_base *base);

/** Close those that still linger, and release. NULL is fine. */
void refuser_free(struct refuser *refuser);

/**
 * Send "BUSY why" to a connected descriptor and see it off. Takes the descriptor over.
 *
 * The line is plain also where TLS is spoken: a handshake is just what a busy server should not do.
 * No record of TLS begins with a B, so a client can tell.
 */
void refuse(struct refuser *refuser, int fd, const char *why);

/** How many descriptors a refuser may hold. */
#define REFUSE_LINGERING_MAX 64

#endif /* SERVER_SESSION_REFUSE_H */
