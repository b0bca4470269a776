/* SPDX-License-Identifier: MIT */
/**
 * @file sources.h
 * --source: the local addresses that sessions connect from, in turn.
 *
 * From one address to one port of a server there can be only as many connections as there are local
 * ports, some 28,000. Every further source adds as many.
 */
#ifndef CLIENT_SESSION_SOURCES_H
#define CLIENT_SESSION_SOURCES_H

#include "common/address.h"

#include <stdbool.h>

/** The most addresses that a range may have. */
enum { SOURCES_MAX = 65536 };

struct sources {
    struct address first; /**< with port 0 */
    unsigned count;       /**< of consecutive addresses; 0: the kernel chooses */
};

/**
 * Parse "127.0.0.1", or a range, "127.0.0.1-127.0.0.8", the lower one first. IPv4 or IPv6, numeric.
 *
 * @return false: it is neither, or a range of more than SOURCES_MAX
 */
bool sources_parse(const char *text, struct sources *sources);

/** Pick the address for the k-th session: number k mod count of the range. count is not 0. */
void sources_pick(const struct sources *sources, unsigned k, struct address *address);

#endif /* CLIENT_SESSION_SOURCES_H */
