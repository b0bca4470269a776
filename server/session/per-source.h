/* SPDX-License-Identifier: MIT */
/**
 * @file per-source.h
 * How many live sessions each address has (--per-source).
 *
 * A source is an IPv4 address, or the first 64 bits of an IPv6 address: a client that has one usually has
 * all of its /64, and would otherwise never reach the limit. An IPv4 address mapped into IPv6
 * (::ffff:192.0.2.1) is that IPv4 address. Clients of a unix socket have no address and are not counted.
 *
 * The counts lie in memory that processes forked later share. One that is killed while it counts a session
 * leaves neither a lock nor a wrong count behind.
 *
 * Threads: any, and in worker processes.
 */
#ifndef SERVER_SESSION_PER_SOURCE_H
#define SERVER_SESSION_PER_SOURCE_H

#include "common/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct per_source;

/** A source. All zero: not counted. */
struct per_source_key {
    unsigned char family; /**< 4, 6, or 0: not counted */
    unsigned char bytes[16];
};

/**
 * @param limit  how many each source may have at once, at least 1
 * @param most   how many sessions there may be at once, of all sources together
 * @return       NULL: out of memory
 */
struct per_source *per_source_new(uint64_t limit, size_t most);
void per_source_free(struct per_source *table);

/** Get the source that an address belongs to. */
struct per_source_key per_source_key(const struct address *address);

/**
 * Count one more session of a source.
 *
 * @param counted  the session's, all zero: set to the source. In memory that the processes share
 * @return         false: the source has reached the limit, and this session is not counted
 */
bool per_source_enter(struct per_source *table, const struct per_source_key *source,
                      struct per_source_key *counted);

/** Count one less: a session has ended. Nothing if it was not counted. */
void per_source_leave(struct per_source *table, const struct per_source_key *counted);

/** Return why a session is not let in, for its client. */
const char *per_source_refusal(const struct per_source *table);

#endif /* SERVER_SESSION_PER_SOURCE_H */
