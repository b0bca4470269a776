/* SPDX-License-Identifier: MIT */
/**
 * @file control.h
 * Requests of the admin port that change something, and which of them are authorized.
 *
 *     POST /control/workers   {"change": 1}     one more worker; -1: one fewer
 *     answered by             {"workers": 5}
 *     POST /control/accept    {"paused": true}  pause accepting; false: accept again
 *     answered by             {"paused": true}
 *     POST /control/visitors  {"count": 10, "silent": false}   send visitors: see visitor.h
 *     answered by             {"sent": 10}
 *
 * All clients that reach the port may read. A change needs --admin-control and these headers, since any
 * page in a browser on this machine can send requests to 127.0.0.1:
 *
 *     X-Echo-Control   the token: 256 random bits, new at each start. The live page contains it, and
 *                      no other page can read it there
 *     Host             localhost, the address that the client connected to, or the name in --admin. A
 *                      foreign name that resolves to this machine (DNS rebinding) is refused, and gets
 *                      no token
 *     Origin           if there is one, this host: requests of other pages are refused
 *     Content-Type     application/json, which no HTML form can send
 *
 * If one is wrong, the reply is 403 and a sentence that names it; 400 is for a wrong body, 409 for what
 * cannot be done now.
 *
 * Threads: loop only.
 */
#ifndef SERVER_ADMIN_CONTROL_H
#define SERVER_ADMIN_CONTROL_H

#include <event2/buffer.h>
#include <event2/http.h>
#include <stdbool.h>

/** Hexadecimal digits of a token. */
#define ADMIN_TOKEN_CHARS 64
/** Room for a host name. */
#define ADMIN_HOST_MAX 256

struct admin_host;

struct admin_control {
    const struct admin_host *host;
    bool allowed; /**< there is --admin-control */
    char token[ADMIN_TOKEN_CHARS + 1];
    char named[ADMIN_HOST_MAX]; /**< ADDR of --admin */
};

/**
 * Make a token.
 *
 * @param named  ADDR of --admin, copied
 * @return       0, or a negated errno value of getrandom(2)
 */
int admin_control_init(struct admin_control *control, const struct admin_host *host, bool allowed,
                       const char *named);

/** Return the token for the page that this request gets; "": its reader may change nothing. */
const char *admin_control_token(const struct admin_control *control,
                                struct evhttp_request *request);

/** Answer a request for a path below /control/, of any method. */
void admin_control_workers(struct admin_control *control, struct evbuffer *body,
                           struct evhttp_request *request);
void admin_control_accept(struct admin_control *control, struct evbuffer *body,
                          struct evhttp_request *request);
void admin_control_visitors(struct admin_control *control, struct evbuffer *body,
                            struct evhttp_request *request);

#endif /* SERVER_ADMIN_CONTROL_H */
