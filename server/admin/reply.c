/* SPDX-License-Identifier: MIT */
/* Replies of the admin port: see reply.h. */
#include "server/admin/reply.h"

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdio.h>

void admin_reply_headers(struct evhttp_request *request, const char *type)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);

    evhttp_add_header(headers, "Content-Type", type);
    evhttp_add_header(headers, "Cache-Control", "no-store");
    evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
}

/* evhttp 2.1 would send the body for HEAD as well. */
void admin_reply(struct evbuffer *body, struct evhttp_request *request, int code,
                 const char *reason, const char *type)
{
    struct bufferevent *io =
        evhttp_connection_get_bufferevent(evhttp_request_get_connection(request));
    size_t size = evbuffer_get_length(body);
    char length[24];

    admin_reply_headers(request, type);
    snprintf(length, sizeof length, "%zu", size);
    evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Length", length);
    if (evhttp_request_get_command(request) == EVHTTP_REQ_HEAD)
        evbuffer_drain(body, size);
    evhttp_send_reply(request, code, reason, body);
    /*
     * A client may end its half with its request, as ncat and socat do: evhttp would take that for the end of
     * the connection, and cut off what does not fit into one write. It reads again when all is sent.
     */
    bufferevent_disable(io, EV_READ);
    evbuffer_drain(body, evbuffer_get_length(body));
}

void admin_reply_text(struct evbuffer *body, struct evhttp_request *request, int code,
                      const char *reason, const char *text)
{
    evbuffer_add_printf(body, "%s\n", text);
    admin_reply(body, request, code, reason, ADMIN_TEXT_TYPE);
}

void admin_reply_bad_method(struct evbuffer *body, struct evhttp_request *request,
                            const char *allowed, const char *text)
{
    evhttp_add_header(evhttp_request_get_output_headers(request), "Allow", allowed);
    admin_reply_text(body, request, HTTP_BADMETHOD, "Method Not Allowed", text);
}

void admin_reply_no_memory(struct evbuffer *body, struct evhttp_request *request)
{
    evbuffer_drain(body, evbuffer_get_length(body));
    admin_reply_text(body, request, HTTP_SERVUNAVAIL, "Service Unavailable",
                     "out of memory: try again later");
}
