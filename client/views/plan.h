/* SPDX-License-Identifier: MIT */
/**
 * @file plan.h
 * What the chart of --timeline shows, and where. timeline.c and rows.c draw it.
 */
#ifndef CLIENT_VIEWS_PLAN_H
#define CLIENT_VIEWS_PLAN_H

#include "client/views/mark.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Up to LABELLED_ROWS rows have labels. Of more than ROWS_MAX rows, or CELLS_MAX cells in them, only
 * some rows are drawn, which keeps the file at about 2 MB. */
enum { LABELLED_ROWS = 60, ROWS_MAX = 4000, CELLS_MAX = 4000 };

/* In pixels. The strips above the rows have a value for every two pixels of width. */
enum { CHART_WIDTH = 960, PLOT_LEFT = 72, PLOT_WIDTH = 824, STRIP_COLUMNS = PLOT_WIDTH / 2 };

/** All connections of one session: marks [first, first + count). */
struct row {
    size_t first;
    size_t count;
    unsigned session;
    bool idle;
    int64_t served_ns; /* when its first connection was served, or ended unserved */
};

struct plan {
    struct mark *marks; /* the caller's, ordered by session */
    size_t mark_count;
    struct row *rows; /* in the order in which they are drawn; every stride-th is */
    size_t row_count;
    size_t stride;
    size_t shown;  /* rows */
    bool labelled; /* a row has room for more than a thin line */
    bool churn;    /* sessions had several connections */
    bool idle;     /* some are of --idle */
    double range_ns;
    double pitch; /* height of a row, in pixels */
    size_t waits; /* sessions that were served after a wait, however short */
    int64_t wait_median_ns;
    int64_t wait_max_ns;
    double waiting[STRIP_COLUMNS]; /* sessions at once, as a mean over the column's time */
    double served[STRIP_COLUMNS];
};

/**
 * Sort the marks and plan the chart.
 *
 * @param steps  of --steps, in which a session has a connection in each
 * @return       false for want of memory
 */
bool plan_make(struct plan *plan, struct mark *marks, size_t count, bool steps);
void plan_clear(struct plan *plan);

/** @return where a time is, in pixels from the left */
double plan_x(const struct plan *plan, int64_t ns);

/**
 * Count the marks, from a mark on, that make one cell: one mark that is wide enough to be seen, or
 * all that lie together within a few pixels.
 *
 * @param count  marks of the row from that one on
 */
size_t plan_cell(const struct plan *plan, const struct mark *marks, size_t count);

/**
 * @return the distance of ticks: 1, 2 or 5 times a power of ten, such that up to `most` fit into a
 *         range that is above 0
 */
double plan_tick(double range, unsigned most);

#endif /* CLIENT_VIEWS_PLAN_H */
