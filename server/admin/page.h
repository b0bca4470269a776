/* SPDX-License-Identifier: MIT */
/**
 * @file page.h
 * The page at /: the live page for a browser, a few lines of text for other clients.
 *
 * The live page is one document that requests nothing except /events and, with --admin-control,
 * /control/. server/admin/page/embed makes it of the files beside it at build time.
 *
 * Threads: loop only.
 */
#ifndef SERVER_ADMIN_PAGE_H
#define SERVER_ADMIN_PAGE_H

#include <event2/buffer.h>
#include <event2/http.h>
#include <stdbool.h>
#include <stddef.h>

struct state;

/** The live page, from server/admin/page/embed. */
extern const unsigned char page_bytes[];
extern const size_t page_size;

/** Check whether the client accepts HTML: a browser does, curl does not. */
bool admin_page_is_for(struct evhttp_request *request);

/**
 * Append the page, and add headers that restrict it: no script or style except its own, no request to
 * another server, no frame around it.
 *
 * @param token  for requests that change something; "": the page has no buttons
 * @return       0, -ENOMEM, or another negated errno value of getrandom(2)
 */
int admin_page(struct evhttp_request *request, const char *token, struct evbuffer *out);

/** Append the lines of text. @return 0 or -ENOMEM */
int admin_page_text(const struct state *state, struct evbuffer *out);

#endif /* SERVER_ADMIN_PAGE_H */
