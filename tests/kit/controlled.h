/* SPDX-License-Identifier: MIT */
/**
 * @file controlled.h
 * A server with --admin 0 and --admin-control, which a test controls as the live page does.
 */
#ifndef TESTS_KIT_CONTROLLED_H
#define TESTS_KIT_CONTROLLED_H

#include "tests/kit/server.h"

#include <jansson.h>
#include <stdint.h>

struct controlled {
    struct kit kit;
    uint16_t port;
    char token[65];
};

/** Start it, and read the token in its page. */
struct controlled controlled_start(const char *const arguments[]);

/** Ask for something. @return the reply's body, to be released with free() */
char *controlled_ask(const struct controlled *server, const char *path, const char *body,
                     int status);

/** Ask for something, and find this in the reply. */
void controlled_expect(const struct controlled *server, const char *path, const char *body,
                       int status, const char *says);

/** Wait until this number of /stats.json is so. */
void controlled_wait(const struct controlled *server, const char *part, const char *key,
                     json_int_t wanted);

#endif /* TESTS_KIT_CONTROLLED_H */
