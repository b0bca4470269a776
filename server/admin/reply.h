/* SPDX-License-Identifier: MIT */
/**
 * @file reply.h
 * Replies of the admin port.
 *
 * Threads: loop only.
 */
#ifndef SERVER_ADMIN_REPLY_H
#define SERVER_ADMIN_REPLY_H

#include <event2/buffer.h>
#include <event2/http.h>

/** The Content-Type of a line of text. */
#define ADMIN_TEXT_TYPE "text/plain; charset=utf-8"

/** Add the headers of every reply. It is true now only, so no cache may keep it. */
void admin_reply_headers(struct evhttp_request *request, const char *type);

/** Send the body with its length, or for HEAD the length only. The body is empty afterwards. */
void admin_reply(struct evbuffer *body, struct evhttp_request *request, int code,
                 const char *reason, const char *type);

/** Append a line of text to the body, and send it. */
void admin_reply_text(struct evbuffer *body, struct evhttp_request *request, int code,
                      const char *reason, const char *text);

/** Send 405 with the allowed methods and a line of text. */
void admin_reply_bad_method(struct evbuffer *body, struct evhttp_request *request,
                            const char *allowed, const char *text);

/** Send 503 instead of the body. */
void admin_reply_no_memory(struct evbuffer *body, struct evhttp_request *request);

#endif /* SERVER_ADMIN_REPLY_H */
