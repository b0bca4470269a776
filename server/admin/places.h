/* SPDX-License-Identifier: MIT */
/**
 * @file places.h
 * Connections of the admin port: a fixed number of places, and how long a client may keep one.
 *
 * libevent 2.1 bounds neither the connections of evhttp nor the time of a whole request, so this file
 * does. A connection has a place from accept to close. It loses its place when it has sent no request
 * for ADMIN_SILENCE_NS, or, if all places are taken, when it has been silent longest: strangers that
 * keep connections open cannot lock out other clients.
 *
 * Threads: loop only.
 */
#ifndef SERVER_ADMIN_PLACES_H
#define SERVER_ADMIN_PLACES_H

#include <event2/event.h>
#include <event2/http.h>
#include <stdint.h>

/** Connections at once, at most, and the descriptors that they need. */
#define ADMIN_CONNECTIONS_MAX 128

/** The longest time from connecting, or from the last byte of a request, to that of the next. */
#define ADMIN_SILENCE_NS INT64_C(5000000000)

/** Bytes of a request's first line and headers, at most; evhttp answers 400 to more. */
#define ADMIN_HEADERS_MAX 8192

struct admin_places;

/**
 * Accept connections for an evhttp.
 *
 * @param http   released by admin_places_free()
 * @param fds    listening sockets that do not block; taken over, and closed on failure
 * @param count  at most ADMIN_SOCKETS_MAX
 * @return       0 and *places; or -ENOMEM, or why the kernel does not watch a socket: -ENOSPC means
 *               fs.epoll.max_user_watches. On failure the caller still owns http
 */
int admin_places_new(struct event_base *base, struct evhttp *http, const int fds[], unsigned count,
                     struct admin_places **places);

/** Close the listener and all connections, and release http. NULL is fine. */
void admin_places_free(struct admin_places *places);

/** Restart the time of a connection after a whole request. */
void admin_places_touch(struct admin_places *places, struct evhttp_connection *connection);

/** Let a connection be silent, since it is a stream. */
void admin_places_keep(struct admin_places *places, struct evhttp_connection *connection);

#endif /* SERVER_ADMIN_PLACES_H */
