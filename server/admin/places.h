/* SPDX-License-Identifier: MIT */
/**
 * @file places.h
 * Who may be connected to the admin port: a fixed number of places, and how long each may be
 * held.
 *
 * evhttp parses and answers; libevent 2.1 gives it neither a bound on its connections nor a limit
 * on the time that a whole request takes. Those are here. A connection has a place from accept to
 * close. It loses it when it has asked nothing for ADMIN_SILENCE_NS, or, once all places are
 * taken, when it has been silent longer than the others: strangers who hold connections open
 * cannot lock anybody out.
 *
 * Threads: the loop's only.
 */
#ifndef SERVER_ADMIN_PLACES_H
#define SERVER_ADMIN_PLACES_H

#include <event2/event.h>
#include <event2/http.h>
#include <stdint.h>

/** The most connections that are open at once, and the descriptors that they take. */
#define ADMIN_CONNECTIONS_MAX 128

/** From connecting, or from one request's last byte, to the next one's: not longer than this. */
#define ADMIN_SILENCE_NS INT64_C(5000000000)

/** The most that is read of a request's line and headers; evhttp answers 400 to more. */
#define ADMIN_HEADERS_MAX 8192

struct admin_places;

/**
 * Accept connections for an evhttp.
 *
 * @param http  bound to the listener from here on, and released with admin_places_free()
 * @param fd    a listening socket that does not block; taken over, closed also on failure
 * @return      NULL for want of memory: http is still the caller's
 */
struct admin_places *admin_places_new(struct event_base *base, struct evhttp *http, int fd);

/** Close the listener and every connection, and release http. NULL is fine. */
void admin_places_free(struct admin_places *places);

/** A whole request has come over this connection: its time starts anew. */
void admin_places_touch(struct admin_places *places, struct evhttp_connection *connection);

/** This connection is a stream: it may stay as long as its reader keeps up. */
void admin_places_keep(struct admin_places *places, struct evhttp_connection *connection);

#endif /* SERVER_ADMIN_PLACES_H */
