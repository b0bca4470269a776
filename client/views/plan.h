/* SPDX-License-Identifier: MIT */
/**
 * @file plan.h
 * What the two halves of the chart share: plan.c decides what is drawn and where,
 * timeline.c draws it.
 */
#ifndef CLIENT_VIEWS_PLAN_H
#define CLIENT_VIEWS_PLAN_H

#include "client/views/timeline.h"

/* Up to so many rows have labels, and so many are drawn at all; and so many cells in them, which
 * keeps the file at some 2 MB. */
enum { LABELLED_ROWS = 60, ROWS_MAX = 4000, CELLS_MAX = 4000 };

/* In pixels. The strips above the rows have a value for every two pixels of width. */
enum { CHART_WIDTH = 960, PLOT_LEFT = 72, PLOT_WIDTH = 824, STRIP_COLUMNS = PLOT_WIDTH / 2 };

/** All connections of one session: marks [first, first + count). */
struct row {
    size_t first;
    size_t count;
    unsigned session;
    bool idle;
    int64_t served_ns; /* when the first of them was, or ended without */
};

struct plan {
    struct row *rows; /* in the order in which they are drawn; of them every stride-th */
    size_t row_count;
    size_t stride;
    size_t shown; /* rows */
    bool churn;   /* sessions had several connections */
    bool idle;    /* some are of --idle */
    double range_ns;
    double pitch; /* height of a row, in pixels */
    size_t waits; /* sessions whose wait ended with the server's first byte */
    int64_t wait_median_ns;
    int64_t wait_max_ns;
    double waiting[STRIP_COLUMNS]; /* sessions at once, as a mean over the column's time */
    double served[STRIP_COLUMNS];
};

/** Put the marks into order and plan the chart. @return false for want of memory */
bool plan_make(struct plan *plan, struct timeline *timeline);
void plan_clear(struct plan *plan);

/** Where a time is, in pixels from the left. */
double plan_x(const struct plan *plan, int64_t ns);

/**
 * How many of a row's marks, from one on, make one cell: one that is wide enough to be looked at, or
 * all that lie together within a few pixels.
 */
size_t plan_cell(const struct plan *plan, const struct mark *marks, size_t count);

/** Whether the server worked for it, and did not only say that it would not. */
static inline bool mark_is_served(const struct mark *mark)
{
    return mark->first_byte_ns >= 0 && mark->state != SESSION_REFUSED && !mark->idle;
}

/** When it ceased to wait. */
static inline int64_t mark_waited_until_ns(const struct mark *mark)
{
    return mark->first_byte_ns >= 0 ? mark->first_byte_ns : mark->ended_ns;
}

#endif /* CLIENT_VIEWS_PLAN_H */
