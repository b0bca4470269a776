/* SPDX-License-Identifier: MIT */
/*
 * --timeline: keeps what the chart needs of each session, and draws it at the end.
 *
 * A million connections of a long --churn must not take all memory, so the number of marks has a
 * limit. Later ones are counted, and the caption has their number. Reasons are few, and are kept once.
 */
#include "client/views/view.h"

#include "client/views/outlet.h"
#include "client/views/timeline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* 16 MiB of marks; and reasons that differ, after which one stands for all others. */
enum { KEPT_MAX = 200000, REASONS_MAX = 64 };

struct timeline_view {
    struct view view;
    struct outlet *outlet;
    bool begun;
    bool lost; /* a session or a reason was, for want of memory */
    int64_t origin_ns;
    size_t room; /* of timeline.marks */
    char *reasons[REASONS_MAX];
    unsigned reason_count;
    struct timeline timeline;
};

/** Note the first load, from whose begin all times count, or a step. */
static void begin(struct view *view, const struct progress *progress)
{
    struct timeline_view *chart = (struct timeline_view *)view;
    struct timeline *timeline = &chart->timeline;

    if (!chart->begun)
        chart->origin_ns = progress->now_ns;
    chart->begun = true;
    if (timeline->step_count < TIMELINE_STEPS)
        timeline->steps[timeline->step_count++] =
            (struct timeline_step){progress->now_ns - chart->origin_ns, progress->sessions};
}

static const char *keep_reason(struct timeline_view *chart, const char *reason)
{
    if (reason[0] == '\0')
        return "";
    for (unsigned i = 0; i < chart->reason_count; i++)
        if (strcmp(chart->reasons[i], reason) == 0)
            return chart->reasons[i];
    if (chart->reason_count == REASONS_MAX)
        return "for one of many reasons; see --csv";
    chart->reasons[chart->reason_count] = strdup(reason);
    if (chart->reasons[chart->reason_count] != NULL)
        return chart->reasons[chart->reason_count++];
    chart->lost = true;
    return "";
}

/** Make room for a mark. @return false: the limit is reached, or there is no memory */
static bool make_room(struct timeline_view *chart)
{
    struct timeline *timeline = &chart->timeline;
    size_t room = chart->room > 0 ? 2 * chart->room : 1024;
    struct mark *marks;

    if (timeline->count < chart->room)
        return true;
    if (room > KEPT_MAX)
        room = KEPT_MAX;
    if (room == chart->room)
        return false;
    marks = realloc(timeline->marks, room * sizeof *marks);
    if (marks == NULL) {
        chart->lost = true;
        return false;
    }
    timeline->marks = marks;
    chart->room = room;
    return true;
}

static int64_t since(const struct timeline_view *chart, int64_t ns)
{
    return ns != 0 ? ns - chart->origin_ns : -1;
}

static void session(struct view *view, const struct session_record *record)
{
    struct timeline_view *chart = (struct timeline_view *)view;
    struct timeline *timeline = &chart->timeline;

    if (record->begun_ns == 0) { /* it never tried to connect: there is nothing to draw */
        timeline->never_begun++;
        return;
    }
    if (timeline->left_out > 0 || !make_room(chart)) {
        timeline->left_out++;
        return;
    }
    timeline->marks[timeline->count++] = (struct mark){
        .session = record->session,
        .connection = record->connection,
        .idle = record->idle,
        .state = record->state,
        .begun_ns = since(chart, record->begun_ns),
        .connected_ns = since(chart, record->connected_ns),
        .asked_ns = since(chart, record->asked_ns),
        .served_ns = -1,
        .first_byte_ns = since(chart, record->first_byte_ns),
        .ended_ns = since(chart, record->ended_ns),
        .echo_ns_min = record->echo_ns_min,
        .echo_ns_max = record->echo_ns_max,
        .reason = keep_reason(chart, record->reason),
    };
}

static void end(struct view *view, const struct progress *progress, const struct summary *summary)
{
    struct timeline_view *chart = (struct timeline_view *)view;

    (void)summary;
    if (progress->step == 0)
        chart->timeline.barrier_ns = since(chart, progress->started_ns);
}

static bool close_chart(struct view *view, const struct summary *total)
{
    struct timeline_view *chart = (struct timeline_view *)view;
    bool drawn;
    int code;

    chart->timeline.total = total;
    drawn = timeline_draw(&chart->timeline, chart->outlet);
    code = outlet_close(chart->outlet, "the timeline", drawn && !chart->lost ? 0 : -ENOMEM);
    for (unsigned i = 0; i < chart->reason_count; i++)
        free(chart->reasons[i]);
    free(chart->timeline.marks);
    free(chart);
    return code == 0;
}

struct view *view_timeline_new(const char *path)
{
    static const struct view_ops ops = {
        .begin = begin, .session = session, .end = end, .close = close_chart};
    struct timeline_view *chart = calloc(1, sizeof *chart);

    if (chart == NULL)
        return NULL;
    chart->view.ops = &ops;
    chart->timeline.barrier_ns = -1;
    chart->outlet = outlet_open(path);
    if (chart->outlet == NULL) {
        free(chart); /* keeps errno */
        return NULL;
    }
    return &chart->view;
}
