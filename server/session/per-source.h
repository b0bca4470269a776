/* SPDX-License-Identifier: MIT */
/**
 * @file per-source.h
 * How many sessions each address has here (--per-source).
 *
 * A source is an IPv4 address, or the first 64 bits of an IPv6 address: whoever has one of those
 * usually has all of its /64, and would otherwise never meet the limit. An IPv4 address that comes
 * in IPv6's clothes (::ffff:192.0.2.1) is that IPv4 address. Clients of a unix socket have no
 * address and are not counted.
 *
 * Threads: any. Sessions end on the threads of whoever served them.
 */
#ifndef SERVER_SESSION_PER_SOURCE_H
#define SERVER_SESSION_PER_SOURCE_H

#include "common/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct per_source;

/** Where a session comes from, as far as it is counted. All zero: it is not. */
struct per_source_key {
    unsigned char family; /**< 4, 6, or 0: not counted */
    unsigned char bytes[16];
};

/**
 * @param limit  how many each source may have at once, at least 1
 * @param most   how many sessions there may be at once, of all sources together
 * @return       NULL for want of memory
 */
struct per_source *per_source_new(uint64_t limit, size_t most);
void per_source_free(struct per_source *table);

/** Which source an address belongs to. */
struct per_source_key per_source_key(const struct address *address);

/**
 * One more session of a source.
 *
 * @return false: it has as many as it may, and this one is not counted
 */
bool per_source_enter(struct per_source *table, const struct per_source_key *source);

/** One that was let in has ended. */
void per_source_leave(struct per_source *table, const struct per_source_key *source);

#endif /* SERVER_SESSION_PER_SOURCE_H */
