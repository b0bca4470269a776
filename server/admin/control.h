/* SPDX-License-Identifier: MIT */
/**
 * @file control.h
 * What can be changed from the admin port, where --admin-control allows it, and who may.
 *
 *     POST /control/workers   {"change": 1}     a worker more; -1: one fewer
 *     answered by             {"workers": 5}
 *     POST /control/accept    {"paused": true}  accept nobody; false: again
 *     answered by             {"paused": true}
 *
 * Whoever can reach the port may look. To change something takes more, since any page in a browser
 * on this machine can send requests to 127.0.0.1:
 *
 *     X-Echo-Control   the token: 256 random bits, new at each start. The live page carries it, and
 *                      no other page can read it there
 *     Host             localhost, the address that was connected to, or what --admin named: a
 *                      foreign name that resolves to this machine (DNS rebinding) is refused, and
 *                      is given no token
 *     Origin           if there is one, this very host: another page's requests are refused
 *     Content-Type     application/json, which no form of HTML can send
 *
 * Anything else is answered 403 and a sentence that says which of them is wrong; so is everything
 * without --admin-control. 400 is for a body that makes no sense, 409 for what cannot be done now.
 *
 * Threads: the loop's only.
 */
#ifndef SERVER_ADMIN_CONTROL_H
#define SERVER_ADMIN_CONTROL_H

#include <event2/buffer.h>
#include <event2/http.h>
#include <stdbool.h>

/** Hexadecimal digits of a token. */
#define ADMIN_TOKEN_CHARS 64
/** Of the longest host name that is compared. */
#define ADMIN_HOST_MAX 256

struct admin_host;

struct admin_control {
    const struct admin_host *host;
    bool allowed; /**< there is --admin-control */
    char token[ADMIN_TOKEN_CHARS + 1];
    char named[ADMIN_HOST_MAX]; /**< the ADDR of --admin */
};

/**
 * Make a token.
 *
 * @param named  the host that --admin names, copied
 * @return       0, or a negated errno value of getrandom(2)
 */
int admin_control_init(struct admin_control *control, const struct admin_host *host, bool allowed,
                       const char *named);

/** The token for a page that is asked for by this request; "" where its reader may only look. */
const char *admin_control_token(const struct admin_control *control,
                                struct evhttp_request *request);

/** Answer a request for a path below /control/, whatever its method is. */
void admin_control_workers(struct admin_control *control, struct evbuffer *body,
                           struct evhttp_request *request);
void admin_control_accept(struct admin_control *control, struct evbuffer *body,
                          struct evhttp_request *request);

#endif /* SERVER_ADMIN_CONTROL_H */
