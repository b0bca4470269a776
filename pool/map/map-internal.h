/* SPDX-License-Identifier: MIT */
/**
 * @file map-internal.h
 * What the face of multiprocessing.Pool needs of a map beyond echopool.h.
 */
#ifndef POOL_MAP_MAP_INTERNAL_H
#define POOL_MAP_MAP_INTERNAL_H

#include "pool/echopool.h"

/**
 * ep_map_next(), but waiting no longer than until `patience_ns` of the clock (or NO_DEADLINE). If
 * that is what has come, it returns -ETIMEDOUT and the map is as it was.
 */
int map_next_until(struct ep_map *map, int64_t patience_ns, struct ep_bytes *reply);

/** How many inputs travel together: EP_CHUNK_AUTO and 0 resolved. */
size_t map_chunk_size(struct ep_executor *executor, size_t chunk, size_t count);

#endif /* POOL_MAP_MAP_INTERNAL_H */
