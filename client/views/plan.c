/* SPDX-License-Identifier: MIT */
/*
 * What the chart shows, and where.
 *
 * DESIGN
 * Rows are ordered by when their session was first served: so the picture shows how many were served
 * at once. The size of a chart is bounded in two ways. Of too many rows every stride-th is drawn, a
 * fair sample in that order; and connections of one row that lie within a few pixels are one cell.
 * The strips above the rows and the figures in the caption are always of all sessions.
 */
#include "client/views/plan.h"

#include "client/views/served.h"

#include <math.h>
#include <stdlib.h>

/* Narrower than this a cell may hold several connections. */
#define CELL_WIDTH 4.0

double plan_tick(double range, unsigned most)
{
    double unit = pow(10, floor(log10(range / most)));

    for (;;) {
        static const double steps[] = {1, 2, 5};

        for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
            if (range / (unit * steps[i]) <= most)
                return unit * steps[i];
        unit *= 10;
    }
}

double plan_x(const struct plan *plan, int64_t ns)
{
    return PLOT_LEFT + (ns > 0 ? (double)ns : 0) / plan->range_ns * PLOT_WIDTH;
}

/* --- rows ---------------------------------------------------------------------------------- */

static int compare(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

static int by_session(const void *one, const void *other)
{
    const struct mark *a = one, *b = other;

    if (a->idle != b->idle)
        return a->idle ? 1 : -1;
    if (a->session != b->session)
        return a->session < b->session ? -1 : 1;
    return compare(a->begun_ns, b->begun_ns);
}

static int by_service(const void *one, const void *other)
{
    const struct row *a = one, *b = other;
    int order;

    if (a->idle != b->idle)
        return a->idle ? 1 : -1;
    order = compare(a->served_ns, b->served_ns);
    return order != 0 ? order : compare(a->session, b->session);
}

static bool find_rows(struct plan *plan, bool steps)
{
    const struct mark *marks = plan->marks;

    plan->rows = calloc(plan->mark_count + 1, sizeof *plan->rows);
    if (plan->rows == NULL)
        return false;
    if (plan->mark_count > 0)
        qsort(plan->marks, plan->mark_count, sizeof *marks, by_session);
    for (size_t i = 0; i < plan->mark_count; i++) {
        bool same =
            i > 0 && marks[i].session == marks[i - 1].session && marks[i].idle == marks[i - 1].idle;

        if (!same)
            plan->rows[plan->row_count++] =
                (struct row){.first = i,
                             .session = marks[i].session,
                             .idle = marks[i].idle,
                             .served_ns = mark_waited_until_ns(&marks[i])};
        plan->rows[plan->row_count - 1].count++;
        plan->churn = plan->churn || (same && !steps);
        plan->idle = plan->idle || marks[i].idle;
    }
    qsort(plan->rows, plan->row_count, sizeof *plan->rows, by_service);
    return true;
}

/* --- what fits ----------------------------------------------------------------------------- */

size_t plan_cell(const struct plan *plan, const struct mark *marks, size_t count)
{
    double left = plan_x(plan, marks[0].begun_ns);
    size_t cell = 1;

    while (cell < count && plan_x(plan, marks[cell].ended_ns) - left < CELL_WIDTH)
        cell++;
    return cell;
}

static size_t count_cells(const struct plan *plan, const struct row *row)
{
    size_t cells = 0;

    for (size_t i = 0; i < row->count; cells++)
        i += plan_cell(plan, plan->marks + row->first + i, row->count - i);
    return cells;
}

static size_t count_shown(const struct plan *plan)
{
    return (plan->row_count + plan->stride - 1) / plan->stride;
}

static bool fits(const struct plan *plan)
{
    size_t cells = 0;

    if (count_shown(plan) > ROWS_MAX)
        return false;
    for (size_t i = 0; i < plan->row_count && cells <= CELLS_MAX; i += plan->stride)
        cells += count_cells(plan, &plan->rows[i]);
    return cells <= CELLS_MAX;
}

static void choose_rows(struct plan *plan)
{
    plan->stride = 1;
    while (plan->stride < plan->row_count && !fits(plan))
        plan->stride++;
    plan->shown = count_shown(plan);
    plan->labelled = plan->shown <= LABELLED_ROWS;
    if (plan->shown <= LABELLED_ROWS / 2)
        plan->pitch = 14;
    else if (plan->labelled)
        plan->pitch = 12;
    else
        plan->pitch = plan->shown < 200 ? 5 : 1000.0 / (double)plan->shown;
}

/* --- figures of all sessions --------------------------------------------------------------- */

/** Add one session that was somewhere from one time to another: its part of each column's time. */
static void add_to_strip(const struct plan *plan, double strip[static STRIP_COLUMNS],
                         int64_t from_ns, int64_t to_ns)
{
    double scale = STRIP_COLUMNS / plan->range_ns;
    double from = (double)from_ns * scale, to = (double)to_ns * scale;

    if (from < 0)
        from = 0;
    for (unsigned i = (unsigned)from; i < STRIP_COLUMNS && i < to; i++)
        strip[i] += fmin(to, i + 1.0) - fmax(from, i);
}

static void fill_strips(struct plan *plan)
{
    for (size_t i = 0; i < plan->mark_count; i++) {
        const struct mark *mark = &plan->marks[i];

        if (mark->idle || mark->connected_ns < 0)
            continue;
        add_to_strip(plan, plan->waiting, mark->connected_ns, mark_waited_until_ns(mark));
        if (mark_is_served(mark))
            add_to_strip(plan, plan->served, mark->served_ns, mark->ended_ns);
    }
}

static int by_size(const void *one, const void *other)
{
    return compare(*(const int64_t *)one, *(const int64_t *)other);
}

static bool measure_waits(struct plan *plan)
{
    int64_t *waits = calloc(plan->mark_count + 1, sizeof *waits);

    if (waits == NULL)
        return false;
    for (size_t i = 0; i < plan->mark_count; i++) {
        const struct mark *mark = &plan->marks[i];

        if (mark_is_served(mark) && mark->connected_ns >= 0)
            waits[plan->waits++] = mark->served_ns - mark->connected_ns;
    }
    qsort(waits, plan->waits, sizeof *waits, by_size);
    if (plan->waits > 0) {
        plan->wait_median_ns = waits[(plan->waits - 1) / 2];
        plan->wait_max_ns = waits[plan->waits - 1];
    }
    free(waits);
    return true;
}

bool plan_make(struct plan *plan, struct mark *marks, size_t count, bool steps)
{
    *plan = (struct plan){.marks = marks, .mark_count = count};
    plan->range_ns = 1e6; /* at least a millisecond, so that an empty axis has ticks */
    for (size_t i = 0; i < count; i++)
        plan->range_ns = fmax(plan->range_ns, (double)marks[i].ended_ns * 1.01);
    if (!served_find(marks, count) || !find_rows(plan, steps))
        return false;
    choose_rows(plan);
    fill_strips(plan);
    return measure_waits(plan);
}

void plan_clear(struct plan *plan)
{
    free(plan->rows);
}
