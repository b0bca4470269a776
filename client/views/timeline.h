/* SPDX-License-Identifier: MIT */
/**
 * @file timeline.h
 * The chart of --timeline: a row per session, which shows when it waited and when it was served.
 *
 * After the charts of Eli Bendersky, "Concurrent Servers", part 2, but of a run that has happened.
 */
#ifndef CLIENT_VIEWS_TIMELINE_H
#define CLIENT_VIEWS_TIMELINE_H

#include "client/report/summary.h"
#include "client/views/outlet.h"
#include "client/views/plan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A load began: the first, or a step. */
struct timeline_step {
    int64_t at_ns;
    unsigned sessions;
};

enum { TIMELINE_STEPS = 64 };

struct timeline {
    struct mark *marks; /**< in any order; drawing sorts them */
    size_t count;
    uint64_t never_begun; /**< sessions that did not even try to connect; not among the marks */
    uint64_t left_out;    /**< sessions that ended later than those and could not be kept */
    int64_t barrier_ns;   /**< when the first load's sessions could send; below 0: never */
    struct timeline_step steps[TIMELINE_STEPS];
    unsigned step_count;
    const struct summary *total; /**< the caption has its counts */
};

/** Draw it as SVG. @return false for want of memory */
bool timeline_draw(struct timeline *timeline, struct outlet *outlet);

#endif /* CLIENT_VIEWS_TIMELINE_H */
