/* SPDX-License-Identifier: MIT */
/**
 * @file servers.h
 * Local echo servers for the examples that fetch pages, so that no example needs the network. A page
 * is the echo of the bytes that fetch_page() sends.
 */
#ifndef EXAMPLES_SERVERS_H
#define EXAMPLES_SERVERS_H

#include "pool/echopool.h"

/** The number of pages that the article fetches. */
#define PAGES 3

/** The input of fetch_page(). */
struct page {
    char url[64];
    uint16_t port;
    uint32_t bytes;
};

/**
 * Start a server for each page. Call it after the workers have been started: worker processes must be
 * forked before there are threads.
 *
 * @param down  the index of a server that does not listen on its port, or -1
 */
void servers_start(struct page pages[PAGES], int down);

/** End the servers, and wait until they have ended. */
void servers_stop(void);

/** The task: fetch a page. Replies with the page, or fails with an errno value and its message. */
int fetch_page(struct ep_task *task);

#endif /* EXAMPLES_SERVERS_H */
