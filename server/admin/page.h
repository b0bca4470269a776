/* SPDX-License-Identifier: MIT */
/**
 * @file page.h
 * What is at / of the admin port: the live page for a browser, a few lines for anybody else.
 *
 * The page is one document that asks for nothing else than /events and, with --admin-control,
 * /control/. It is made of server/admin/page/, joined at build time by server/admin/page/embed.
 *
 * Threads: the loop's only.
 */
#ifndef SERVER_ADMIN_PAGE_H
#define SERVER_ADMIN_PAGE_H

#include <event2/buffer.h>
#include <event2/http.h>
#include <stdbool.h>
#include <stddef.h>

struct state;

/** The page as it was built: see server/admin/page/embed. */
extern const unsigned char page_bytes[];
extern const size_t page_size;

/** Whether whoever asks reads HTML: a browser says so in Accept, curl does not. */
bool admin_page_is_for(struct evhttp_request *request);

/**
 * Append the page, and add the headers that bind a browser to it: no script or style but the page's
 * own, no request to anybody else, no frame around it.
 *
 * @param token  what the page has to send to change something; "": it may only look
 * @return       0, -ENOMEM, or another negated errno value of getrandom(2)
 */
int admin_page(struct evhttp_request *request, const char *token, struct evbuffer *out);

/** Append the few lines. @return 0 or -ENOMEM */
int admin_page_text(const struct state *state, struct evbuffer *out);

#endif /* SERVER_ADMIN_PAGE_H */
