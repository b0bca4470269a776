/* SPDX-License-Identifier: MIT */
/**
 * @file http.h
 * As much of an HTTP client as the tests of the admin port need, over plain sockets.
 *
 * What a server says wrong fails the test: a reply that is cut short, or has no length.
 */
#ifndef TESTS_KIT_HTTP_H
#define TESTS_KIT_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_reply {
    int status; /**< 0: the connection was closed without a reply */
    char *head; /**< status line and headers, ended by zero */
    char *body; /**< ended by zero */
    size_t size;
};

/** Ask for a path over a connection of its own. */
struct http_reply http_get(uint16_t port, const char *path);

/**
 * Send any bytes over a connection of its own and take what comes. That the server closes early,
 * also with a reset, is fine.
 */
struct http_reply http_send(uint16_t port, const void *bytes, size_t size);

/** One reply over a connection that goes on. @param head_only  it has no body, as one to HEAD */
struct http_reply http_read(int fd, bool head_only);

/** The value of a header in lower or upper case, up to its line's end, or NULL. */
const char *http_header(const struct http_reply *reply, const char *name, char value[static 200]);

/** Ask, and expect this status. @return the body */
char *http_body(uint16_t port, const char *path, int status);

/** Begin to listen to /events: the reply's head has been read. @return descriptor */
int http_listen(uint16_t port);

/**
 * Receive until one whole event has come.
 *
 * @return its data; NULL at end of file
 */
char *http_event(int fd, uint64_t *id);

#endif /* TESTS_KIT_HTTP_H */
