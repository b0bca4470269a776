/* SPDX-License-Identifier: MIT */
/**
 * @file map-internal.h
 * What mp.c needs of a map beyond echopool.h.
 */
#ifndef POOL_MAP_MAP_INTERNAL_H
#define POOL_MAP_MAP_INTERNAL_H

#include "pool/echopool.h"

/**
 * Do ep_map_next(), but wait no longer than until `patience_ns` of the clock (or NO_DEADLINE). Then
 * return -ETIMEDOUT, with the map unchanged.
 */
int map_next_until(struct ep_map *map, int64_t patience_ns, struct ep_bytes *reply);

/** Compute how many inputs travel together, from EP_CHUNK_AUTO, 0, or a number. */
size_t map_chunk_size(struct ep_executor *executor, size_t chunk, size_t count);

#endif /* POOL_MAP_MAP_INTERNAL_H */
