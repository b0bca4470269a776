/* SPDX-License-Identifier: MIT */
/**
 * @file priority-internal.h
 * Which level the next task comes from, and the waiting tasks of the levels that are not normal.
 *
 * The rule: the next task is of the highest level that has one, unless a level has been passed over
 * PRIORITY_TURNS times in a row, while it had tasks, in favour of others; then that level has its turn,
 * the lower one first if it is both. So no level waits for more than PRIORITY_TURNS + 1 tasks of others,
 * and a task of which n of its level are ahead begins after (n + 1) * (PRIORITY_TURNS + 1) others at most.
 *
 * Nothing here is locked: the queue's head_lock guards it.
 */
#ifndef POOL_PRIORITY_INTERNAL_H
#define POOL_PRIORITY_INTERNAL_H

#include "pool/echopool.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PRIORITY_TURNS 16u

/** A waiting task of a lane. */
struct lane_link {
    struct lane_link *next;
    struct lane_link **link; /**< what points here; NULL: in no lane */
};

/** The waiting tasks of one level, first in, first out. A zeroed one is empty. */
struct lane {
    struct lane_link *first;
    struct lane_link **end;
    uint32_t count;
};

void lane_append(struct lane *lane, struct lane_link *link);
void lane_remove(struct lane *lane, struct lane_link *link);

struct lanes {
    struct lane of[EP_PRIORITIES];  /**< the normal one is the ring of the queue, and not here */
    uint32_t passed[EP_PRIORITIES]; /**< times in a row that it was passed over */
};

/**
 * Choose the level that the next task comes from. Some task must wait.
 *
 * @param normal  whether a normal task waits
 */
enum ep_priority lanes_choose(const struct lanes *lanes, bool normal);

/** Note that a task of that level has been taken. `normal`: whether a normal task still waits */
void lanes_note(struct lanes *lanes, enum ep_priority taken, bool normal);

/** Choose the lowest level that has a task. Some task must wait. */
enum ep_priority lanes_lowest(const struct lanes *lanes, bool normal);

/** Ask whether a level is lower than another one. */
bool priority_is_below(enum ep_priority priority, enum ep_priority other);

#endif /* POOL_PRIORITY_INTERNAL_H */
