/* SPDX-License-Identifier: MIT */
/**
 * @file servers.h
 * The pages that the fetching examples fetch: local echo servers, so that no example needs the
 * network. A page is what the server echoes; its size is what was sent.
 */
#ifndef EXAMPLES_SERVERS_H
#define EXAMPLES_SERVERS_H

#include "pool/echopool.h"

/** What the article fetches, and how large it says the pages are. */
#define PAGES 3

/** The input of fetch_page(): bytes, as every input. */
struct page {
    char url[64];
    uint16_t port;
    uint32_t bytes;
};

/**
 * Start a server for each page. Call it after the workers have been started: worker processes are
 * forked before there are threads.
 *
 * @param down  the index of one whose port nobody listens on, or -1
 */
void servers_start(struct page pages[PAGES], int down);

/** End them, and wait until they have ended. */
void servers_stop(void);

/** The task: fetch a page. Replies with it, or fails with an errno value and its words. */
int fetch_page(struct ep_task *task);

#endif /* EXAMPLES_SERVERS_H */
