/* SPDX-License-Identifier: MIT */
/*
 * Server-sent events: see events.h.
 *
 * A stream is a reply that never ends, so this file keeps its request until the connection is closed;
 * evhttp calls stream_closed() just before it frees the connection. If the client has gone, evhttp has
 * detached the request, and it must be freed here; if the connection is freed here or with the server,
 * evhttp frees the request as well.
 */
#include "server/admin/events.h"

#include "server/admin/json.h"
#include "server/admin/state.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>

/* How long a browser waits before it connects again after its stream has ended. */
#define RECONNECT_MS 1000

struct stream {
    struct admin_events *events;
    struct evhttp_request *request; /* NULL: free */
    bool begun;                     /* it has got an event */
    unsigned missed;                /* events in a row */
};

struct admin_events {
    struct state_view *view;
    struct event *tick;
    struct evbuffer *line;  /* the event that is being sent */
    struct evbuffer *chunk; /* a copy of it for one stream */
    uint64_t last_id;
    unsigned listening;
    struct stream streams[ADMIN_STREAMS_MAX];
};

/* Free a stream whose connection is closed. */
static void stream_closed(struct evhttp_connection *connection, void *argument)
{
    struct stream *stream = argument;

    (void)connection;
    if (evhttp_request_get_connection(stream->request) == NULL)
        evhttp_request_free(stream->request);
    stream->request = NULL;
    if (--stream->events->listening == 0)
        event_del(stream->events->tick);
}

/* Send the event, unless the last one still waits to be sent. */
static void stream_send(struct stream *stream)
{
    struct admin_events *events = stream->events;
    struct evhttp_connection *connection = evhttp_request_get_connection(stream->request);
    struct bufferevent *io = evhttp_connection_get_bufferevent(connection);

    /* Before the first event only the header can wait, until the next turn of the loop. */
    if (stream->begun && evbuffer_get_length(bufferevent_get_output(io)) > 0) {
        if (++stream->missed >= EVENTS_MISSED_MAX)
            evhttp_connection_free(connection);
        return;
    }
    stream->begun = true;
    stream->missed = 0;
    if (evbuffer_add(events->chunk, evbuffer_pullup(events->line, -1),
                     evbuffer_get_length(events->line)) == 0)
        evhttp_send_reply_chunk(stream->request, events->chunk);
    evbuffer_drain(events->chunk, evbuffer_get_length(events->chunk));
}

/* Write the event into events->line. Without memory it is a comment, so that the stream goes on. */
static void write_event(struct admin_events *events)
{
    char *text = admin_json_text(state_view(events->view), false);

    evbuffer_drain(events->line, evbuffer_get_length(events->line));
    if (text == NULL || evbuffer_add_printf(events->line, "id: %" PRIu64 "\ndata: %s\n\n",
                                            events->last_id + 1, text) < 0) {
        evbuffer_drain(events->line, evbuffer_get_length(events->line));
        evbuffer_add(events->line, ":\n\n", 3);
    } else {
        events->last_id++;
    }
    free(text);
}

static void on_tick(evutil_socket_t fd, short what, void *argument)
{
    struct admin_events *events = argument;

    (void)fd;
    (void)what;
    write_event(events);
    if (evbuffer_get_length(events->line) == 0)
        return; /* no memory for a comment either */
    for (size_t i = 0; i < ADMIN_STREAMS_MAX; i++)
        if (events->streams[i].request != NULL)
            stream_send(&events->streams[i]);
}

void admin_events_last(struct admin_events *events)
{
    if (events->listening > 0)
        on_tick(-1, 0, events);
}

bool admin_events_wait(const struct admin_events *events)
{
    for (size_t i = 0; i < ADMIN_STREAMS_MAX; i++) {
        struct evhttp_request *request = events->streams[i].request;
        if (request == NULL)
            continue;
        struct evhttp_connection *connection = evhttp_request_get_connection(request);
        struct bufferevent *io = evhttp_connection_get_bufferevent(connection);
        if (evbuffer_get_length(bufferevent_get_output(io)) > 0)
            return true;
    }
    return false;
}

/* Start the timer for the first stream, with an event at once. */
static int start_ticking(struct admin_events *events)
{
    static const struct timeval period = {.tv_usec = EVENTS_PERIOD_US};

    if (events->listening > 0)
        return 0;
    if (event_add(events->tick, &period) != 0)
        return -ENOMEM;
    /* Not as EV_TIMEOUT: libevent would begin the next period at the end of this one. */
    event_active(events->tick, EV_READ, 0);
    return 0;
}

int admin_events_open(struct admin_events *events, struct evhttp_request *request)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(request);
    struct stream *stream = events->streams;

    if (events->listening == ADMIN_STREAMS_MAX)
        return -EBUSY;
    while (stream->request != NULL)
        stream++;
    if (evbuffer_add_printf(events->chunk, "retry: %d\n\n", RECONNECT_MS) < 0 ||
        start_ticking(events) != 0) {
        evbuffer_drain(events->chunk, evbuffer_get_length(events->chunk));
        return -ENOMEM;
    }
    *stream = (struct stream){.events = events, .request = request};
    events->listening++;
    evhttp_connection_set_closecb(connection, stream_closed, stream);
    evhttp_send_reply_start(request, HTTP_OK, "OK");
    evhttp_send_reply_chunk(request, events->chunk);
    return 0;
}

struct admin_events *admin_events_new(struct event_base *base, struct state_view *view)
{
    struct admin_events *events = calloc(1, sizeof *events);

    if (events == NULL)
        return NULL;
    events->view = view;
    events->tick = event_new(base, -1, EV_PERSIST, on_tick, events);
    events->line = evbuffer_new();
    events->chunk = evbuffer_new();
    if (events->tick == NULL || events->line == NULL || events->chunk == NULL) {
        admin_events_free(events);
        return NULL;
    }
    return events;
}

void admin_events_free(struct admin_events *events)
{
    if (events == NULL)
        return;
    if (events->tick != NULL)
        event_free(events->tick);
    if (events->line != NULL)
        evbuffer_free(events->line);
    if (events->chunk != NULL)
        evbuffer_free(events->chunk);
    free(events);
}
