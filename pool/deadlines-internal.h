/* SPDX-License-Identifier: MIT */
/**
 * @file deadlines-internal.h
 * Times at which something is due, the earliest first. The memory is the caller's, so nothing here
 * can fail: a pairing heap (Fredman, Sedgewick, Sleator, Tarjan 1986) of linked nodes. To add one, or
 * to look at the first, takes constant time; to remove one takes O(log n) on average.
 */
#ifndef POOL_DEADLINES_INTERNAL_H
#define POOL_DEADLINES_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct deadline {
    int64_t at_ns;
    struct deadline *child; /**< the first of those that are due later */
    struct deadline *next;  /**< the next child of the same node */
    struct deadline **link; /**< what points here; NULL: not in a heap */
};

/** A zeroed one is empty, and needs no clean-up. It must not be moved. */
struct deadlines {
    struct deadline *first; /**< the earliest; NULL: none */
};

/** Add a node, of which at_ns is set. */
void deadlines_add(struct deadlines *deadlines, struct deadline *deadline);

/** Remove a node that was added. */
void deadlines_remove(struct deadlines *deadlines, struct deadline *deadline);

#endif /* POOL_DEADLINES_INTERNAL_H */
