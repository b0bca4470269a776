/* SPDX-License-Identifier: MIT */
/**
 * @file linger.h
 * Closing a connection so that what was sent last arrives: BUSY and why, or an alert of TLS.
 *
 * close() alone would often lose it: if the client has sent bytes that were not read, close() sends a
 * reset, and a reset destroys what is on its way. So such a connection lingers on the loop: the server's
 * half is closed, and what the client still sends is discarded until it closes its half as well. That is
 * bounded in time, in bytes, and in the number of connections.
 */
#ifndef SERVER_SESSION_LINGER_H
#define SERVER_SESSION_LINGER_H

#include <event2/event.h>
#include <stdbool.h>

struct lingerer;

/** @return NULL: out of memory. The calling thread is that of the loop */
struct lingerer *lingerer_new(struct event_base *base);

/** Close those that still linger, and release. NULL is fine. No other thread may use it any more. */
void lingerer_free(struct lingerer *lingerer);

/** Check that no connection lingers and none is announced. Threads: loop only. */
bool lingerer_is_idle(struct lingerer *lingerer);

/**
 * Announce that linger_later() follows: until then the lingerer is not idle. So a session can be counted as
 * ended before its connection is handed over, and the server still waits for both.
 *
 * Threads: any of the main process.
 */
void linger_announce(struct lingerer *lingerer);

/**
 * End our half of a connection that was announced, and let it linger. Takes over the descriptor. On the
 * loop it lingers from now on. Another thread hands it over, to linger from the next linger_tend() on; if
 * too many have been handed over it is closed at once.
 *
 * Threads: any of the main process.
 *
 * @return true: this is another thread, and the caller must wake the loop
 */
bool linger_later(struct lingerer *lingerer, int fd);

/** Let those linger that were handed over. Threads: loop only. */
void linger_tend(struct lingerer *lingerer);

/**
 * Send "BUSY why" to a connected descriptor.
 *
 * The line is plain text also with TLS: a busy server should not do a handshake. No record of TLS begins
 * with a B, so a client recognizes the line. A new connection has room for it; otherwise the client sees
 * only the end.
 *
 * Threads: any.
 */
void linger_busy(int fd, const char *why);

/** How many descriptors a lingerer may hold. */
#define LINGERING_MAX 64

#endif /* SERVER_SESSION_LINGER_H */
