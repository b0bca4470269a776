/* SPDX-License-Identifier: MIT */
/**
 * @file sources.h
 * --source: the local addresses that sessions connect from, in turn.
 *
 * One pair of addresses has only as many connections to one port as there are local ports, some
 * 28,000; every further source has as many again.
 */
#ifndef CLIENT_SESSION_SOURCES_H
#define CLIENT_SESSION_SOURCES_H

#include "common/address.h"

#include <stdbool.h>

/** The most addresses that a range may have. */
enum { SOURCES_MAX = 65536 };

struct sources {
    struct address first; /**< with port 0 */
    unsigned count;       /**< that many from there on; 0: the kernel chooses */
};

/**
 * "127.0.0.1", or a range, "127.0.0.1-127.0.0.8", with the lower one first. IPv4 or IPv6, numeric.
 *
 * @return false: it is not that, or more than SOURCES_MAX
 */
bool sources_parse(const char *text, struct sources *sources);

/** The address for the k-th session: the ranges's k mod count. count is not 0. */
void sources_pick(const struct sources *sources, unsigned k, struct address *address);

#endif /* CLIENT_SESSION_SOURCES_H */
