/* SPDX-License-Identifier: MIT */
/* Replies of the admin port: see reply.h. */
#include "server/admin/reply.h"

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
    size_t size = evbuffer_get_length(body);
    char length[24];

    admin_reply_headers(request, type);
    snprintf(length, sizeof length, "%zu", size);
    evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Length", length);
    if (evhttp_request_get_command(request) == EVHTTP_REQ_HEAD)
        evbuffer_drain(body, size);
    evhttp_send_reply(request, code, reason, body);
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
