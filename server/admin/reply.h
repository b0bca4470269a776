/* SPDX-License-Identifier: MIT */
/**
 * @file reply.h
 * How the admin port's files answer a request.
 *
 * Threads: the loop's only.
 */
#ifndef SERVER_ADMIN_REPLY_H
#define SERVER_ADMIN_REPLY_H

#include <event2/buffer.h>
#include <event2/http.h>

/** The type of a line of text. */
#define ADMIN_TEXT_TYPE "text/plain; charset=utf-8"

/** Add the headers that every reply has. What is told is true now: nobody may keep it. */
void admin_reply_headers(struct evhttp_request *request, const char *type);

/**
 * Send what is in the body, with its length; to a HEAD the length only. The body is empty
 * afterwards.
 */
void admin_reply(struct evbuffer *body, struct evhttp_request *request, int code,
                 const char *reason, const char *type);

/** Append a line of text to the body, and send it. */
void admin_reply_text(struct evbuffer *body, struct evhttp_request *request, int code,
                      const char *reason, const char *text);

/** 405, with what is allowed, and a line that says why. */
void admin_reply_bad_method(struct evbuffer *body, struct evhttp_request *request,
                            const char *allowed, const char *text);

/** 503, instead of whatever is in the body. */
void admin_reply_no_memory(struct evbuffer *body, struct evhttp_request *request);

#endif /* SERVER_ADMIN_REPLY_H */
