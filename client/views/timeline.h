/* SPDX-License-Identifier: MIT */
/**
 * @file timeline.h
 * The chart of --timeline: a row per session, in which one sees who waited and who was served.
 *
 * After the charts of Eli Bendersky, "Concurrent Servers", part 2, but of a run that has happened.
 */
#ifndef CLIENT_VIEWS_TIMELINE_H
#define CLIENT_VIEWS_TIMELINE_H

#include "client/report/summary.h"
#include "client/session/record.h"
#include "client/views/outlet.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What the chart keeps of a session's record. Times in nanoseconds from the origin. */
struct mark {
    unsigned session;
    bool idle;
    enum session_state state;
    uint64_t connection; /**< of those of the session, from 0 */
    int64_t begun_ns;
    int64_t connected_ns;  /**< below 0: it did not come so far */
    int64_t first_byte_ns; /**< the same */
    int64_t ended_ns;
    const char *reason; /**< "" where all is well */
};

/** A load began: the first, or a step. */
struct timeline_step {
    int64_t at_ns;
    unsigned sessions;
};

enum { TIMELINE_STEPS = 64 };

struct timeline {
    struct mark *marks; /**< in any order; they are put into another */
    size_t count;
    uint64_t never_begun; /**< sessions that did not even try to connect; not among the marks */
    uint64_t left_out;    /**< sessions that ended later than those and could not be kept */
    int64_t left_out_ns;  /**< when the first of them ended */
    int64_t barrier_ns;   /**< when the first load's sessions could send; below 0: it has none */
    struct timeline_step steps[TIMELINE_STEPS];
    unsigned step_count;
    const struct summary *total; /**< the caption has its counts */
};

/**
 * Draw it as SVG.
 *
 * @return false for want of memory
 */
bool timeline_draw(struct timeline *timeline, struct outlet *outlet);

/**
 * The distance of ticks: 1, 2 or 5 times a power of ten, such that up to `most` fit into a range
 * that is above 0.
 */
double timeline_tick(double range, unsigned most);

#endif /* CLIENT_VIEWS_TIMELINE_H */
