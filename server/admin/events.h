/* SPDX-License-Identifier: MIT */
/**
 * @file events.h
 * The state as a stream: server-sent events, at most four a second, while somebody listens.
 *
 * An event is three lines:
 *
 *     id: 17
 *     data: {"schema":"echo-server/1",...}
 *     (an empty one)
 *
 * The state is taken and written once for all who listen. A reader who is behind gets no further
 * events until it has caught up, so that one event at most waits for it; one who stays behind for
 * EVENTS_MISSED_MAX events is dropped, and may come again. While nobody listens nothing ticks.
 *
 * Threads: the loop's only.
 */
#ifndef SERVER_ADMIN_EVENTS_H
#define SERVER_ADMIN_EVENTS_H

#include <event2/event.h>
#include <event2/http.h>

/** The most streams at once. */
#define ADMIN_STREAMS_MAX 100
/** Between two events. */
#define EVENTS_PERIOD_US 250000
/** A reader that was behind for so many events in a row is dropped: five seconds. */
#define EVENTS_MISSED_MAX 20

struct admin_events;
struct state_view;

/** @return NULL for want of memory */
struct admin_events *admin_events_new(struct event_base *base, struct state_view *view);

/** After every connection has been closed. NULL is fine. */
void admin_events_free(struct admin_events *events);

/**
 * Answer a request with a stream, which goes on until its client has gone or is dropped. The
 * headers are the caller's, set before.
 *
 * @return  0        taken over
 *          -EBUSY   ADMIN_STREAMS_MAX are listening: answer it yourself
 *          -ENOMEM  likewise
 */
int admin_events_open(struct admin_events *events, struct evhttp_request *request);

#endif /* SERVER_ADMIN_EVENTS_H */
