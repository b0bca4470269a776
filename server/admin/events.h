/* SPDX-License-Identifier: MIT */
/**
 * @file events.h
 * The state as a stream: server-sent events, at most four a second, while there is a client.
 *
 * An event is three lines:
 *
 *     id: 17
 *     data: {"schema":"echo-server/1",...}
 *     (an empty one)
 *
 * The state is taken and written once for all clients. A client that is behind gets no further events
 * until it has caught up, so that at most one event waits for it; if it stays behind for
 * EVENTS_MISSED_MAX events, it is disconnected, and may connect again. Without a client no timer runs.
 *
 * Threads: loop only.
 */
#ifndef SERVER_ADMIN_EVENTS_H
#define SERVER_ADMIN_EVENTS_H

#include <event2/event.h>
#include <event2/http.h>
#include <stdbool.h>

/** Streams at once, at most. */
#define ADMIN_STREAMS_MAX 100
/** Between two events. */
#define EVENTS_PERIOD_US 250000
/** Events in a row that a client may miss: five seconds. */
#define EVENTS_MISSED_MAX 20

struct admin_events;
struct state_view;

/** @return NULL: out of memory */
struct admin_events *admin_events_new(struct event_base *base, struct state_view *view);

/** Release it, after all connections have been closed. NULL is fine. */
void admin_events_free(struct admin_events *events);

/** Send the last event to all streams. */
void admin_events_last(struct admin_events *events);

/** Check whether an event still has to be sent to some stream. */
bool admin_events_wait(const struct admin_events *events);

/**
 * Answer a request with a stream, which lasts until its client has gone or is disconnected. The caller
 * has set the headers.
 *
 * @return  0, or -EBUSY: there are ADMIN_STREAMS_MAX, or -ENOMEM: the caller must answer the request
 */
int admin_events_open(struct admin_events *events, struct evhttp_request *request);

#endif /* SERVER_ADMIN_EVENTS_H */
