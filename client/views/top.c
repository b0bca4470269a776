/* SPDX-License-Identifier: MIT */
/*
 * --top: the run on the whole screen. Where the sessions are, how fast it goes, how long it takes.
 *
 * The picture is drawn again at each tick, for the size that the terminal has then, and written in
 * one go. The places of sessions change five times a second; figures of the last second change once a
 * second, so that a person can read them. Words say everything; colours only help to find it.
 */
#include "client/views/view.h"

#include "client/views/alternate.h"
#include "client/views/figures.h"
#include "client/views/frame.h"
#include "client/views/screen.h"
#include "common/clock.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define PERIOD_NS   (SECOND_NS / 5)
#define INTERVAL_NS (SECOND_NS - PERIOD_NS / 4) /* ticks come late: the fifth, not the sixth */

enum { MINUTE = 60, COMPACT_COLUMNS = 60, COMPACT_ROWS = 16, ROOMY_ROWS = 21 };

struct top {
    struct view view;
    bool utf8;
    bool colours;
    bool idle; /* there are sessions of --idle */
    struct window window;
    struct interval last;
    double rates[MINUTE]; /* of the last seconds; the newest is at (seconds - 1) % MINUTE */
    unsigned seconds;
    struct frame frame;
};

/* --- parts of the picture ------------------------------------------------------------------ */

/** Put a bar of up to `width` columns. A part that is not zero has at least one. */
static void put_bar(struct top *top, double part, unsigned width)
{
    double exact = part * width;
    unsigned cells = exact > width ? width : (unsigned)(exact + 0.5);

    if (cells == 0 && part > 0)
        cells = 1;
    for (unsigned i = 0; i < cells; i++)
        frame_put(&top->frame, top->utf8 ? "\u2588" : "#");
}

/** Put the rates of the last minute, each as a column of that height. */
static void put_sparkline(struct top *top)
{
    static const char *const blocks[] = {"\u2581", "\u2582", "\u2583", "\u2584",
                                         "\u2585", "\u2586", "\u2587", "\u2588"};
    static const char *const letters[] = {"_", ".", ":", "-", "=", "+", "*", "#"};
    unsigned count = top->seconds < MINUTE ? top->seconds : MINUTE;
    unsigned room = frame_left(&top->frame) > 24 ? frame_left(&top->frame) - 24 : 0;
    double highest = 0;

    if (count > room)
        count = room;
    for (unsigned i = top->seconds - count; i < top->seconds; i++)
        highest = fmax(highest, top->rates[i % MINUTE]);
    for (unsigned i = top->seconds - count; i < top->seconds; i++) {
        double part = highest > 0 ? top->rates[i % MINUTE] / highest : 0;
        unsigned level = (unsigned)(part * 7.999);

        frame_put(&top->frame, top->utf8 ? blocks[level] : letters[level]);
    }
    if (count > 0)
        frame_print(&top->frame, "  up to %.0f/s", highest);
}

static void put_heading(struct top *top, const char *text)
{
    frame_line(&top->frame);
    frame_style(&top->frame, FRAME_BOLD);
    frame_put(&top->frame, text);
    frame_style(&top->frame, FRAME_PLAIN);
}

/** Put how many of all sessions are at a place. */
static void put_place(struct top *top, const char *name, unsigned count, unsigned of,
                      enum frame_style style)
{
    struct frame *frame = &top->frame;
    unsigned left;

    frame_line(frame);
    frame_print(frame, "  %-10s%7u  ", name, count);
    left = frame_left(frame);
    frame_style(frame, style);
    put_bar(top, of > 0 ? (double)count / of : 0, left);
    frame_style(frame, FRAME_PLAIN);
}

/** Describe how long the load has run, once its sessions can send. */
static const char *describe_time(const struct progress *progress, char *text, size_t room)
{
    double seconds = (double)(progress->now_ns - progress->started_ns) / 1e9;

    if (progress->started_ns == 0)
        snprintf(text, room, "connecting");
    else if (progress->duration_ns > 0)
        snprintf(text, room, "%.1f s of %.0f s", seconds, (double)progress->duration_ns / 1e9);
    else
        snprintf(text, room, "%.1f s", seconds);
    return text;
}

static double mean_rate(const struct progress *progress)
{
    int64_t passed_ns = progress->now_ns - progress->started_ns;

    return progress->started_ns != 0 && passed_ns > 0
               ? (double)progress->verified * 1e9 / (double)passed_ns
               : 0;
}

/* --- the whole picture --------------------------------------------------------------------- */

static void draw_head(struct top *top, const struct progress *progress)
{
    char text[64];

    frame_line(&top->frame);
    frame_style(&top->frame, FRAME_BOLD);
    frame_put(&top->frame, "echo-client");
    frame_style(&top->frame, FRAME_PLAIN);
    frame_print(&top->frame, "  %u session%s", progress->sessions,
                progress->sessions == 1 ? "" : "s");
    if (progress->steps > 1)
        frame_print(&top->frame, ", step %u of %u", progress->step + 1, progress->steps);
    frame_put_right(&top->frame, describe_time(progress, text, sizeof text));
}

static void draw_sessions(struct top *top, const struct progress *progress)
{
    unsigned all = progress->sessions > progress->idle ? progress->sessions : progress->idle;

    top->idle = top->idle || progress->idle > 0;
    put_heading(top, "sessions");
    put_place(top, "beginning", progress->beginning, all, FRAME_PLAIN);
    put_place(top, "queued", progress->queued, all, FRAME_YELLOW);
    put_place(top, "served", progress->served, all, FRAME_GREEN);
    put_place(top, "over", progress->over, all, FRAME_BLUE);
    if (top->idle)
        put_place(top, "idle", progress->idle, all, FRAME_PLAIN);
    frame_line(&top->frame);
    frame_style(&top->frame, progress->failed > 0 ? FRAME_RED : FRAME_PLAIN);
    frame_print(&top->frame, "  %-10s%7" PRIu64 "%s", "failed", progress->failed,
                progress->failed > 0 ? "  or refused" : "");
}

static void draw_messages(struct top *top, const struct progress *progress)
{
    put_heading(top, "messages");
    frame_line(&top->frame);
    frame_print(&top->frame, "  verified    %" PRIu64, progress->verified);
    if (progress->expected > 0)
        frame_print(&top->frame, " of %" PRIu64 " (%.0f %%)", progress->expected,
                    100 * (double)progress->verified / (double)progress->expected);
    frame_line(&top->frame);
    frame_put(&top->frame, "  rate        ");
    if (top->last.seconds > 0)
        frame_print(&top->frame, "%.0f/s in the last second, ", top->last.rate);
    frame_print(&top->frame, "%.0f/s so far", mean_rate(progress));
    if (progress->rate > 0)
        frame_print(&top->frame, ", %.0f/s requested", progress->rate);
    frame_line(&top->frame);
    frame_put(&top->frame, "  last minute ");
    put_sparkline(top);
}

static void draw_times_line(struct top *top, const char *name, bool timed, int64_t p50_ns,
                            int64_t p99_ns, int64_t max_ns)
{
    char p50[FIGURES_ROOM], p99[FIGURES_ROOM], max[FIGURES_ROOM];

    frame_line(&top->frame);
    if (timed)
        frame_print(&top->frame, "  %-12s%10s %10s %10s", name, figures_time(p50, p50_ns),
                    figures_time(p99, p99_ns), figures_time(max, max_ns));
    else
        frame_print(&top->frame, "  %-12s%10s %10s %10s", name, "-", "-", "-");
}

static void draw_times(struct top *top, const struct progress *progress)
{
    const struct histogram *echo = progress->echo;
    bool timed = echo != NULL && histogram_count(echo) > 0;

    put_heading(top, "echo                 p50        p99        max");
    draw_times_line(top, "last second", top->last.timed, top->last.p50_ns, top->last.p99_ns,
                    top->last.max_ns);
    draw_times_line(top, "so far", timed, timed ? histogram_percentile(echo, 50) : 0,
                    timed ? histogram_percentile(echo, 99) : 0, timed ? histogram_max(echo) : 0);
}

static void draw_large(struct top *top, const struct progress *progress, bool roomy)
{
    draw_head(top, progress);
    if (roomy)
        frame_line(&top->frame);
    draw_sessions(top, progress);
    if (roomy)
        frame_line(&top->frame);
    draw_messages(top, progress);
    if (roomy)
        frame_line(&top->frame);
    draw_times(top, progress);
    if (!roomy)
        return;
    frame_line(&top->frame);
    frame_line(&top->frame);
    frame_put(&top->frame, "^C ends the run early, with the summary so far");
}

/** Draw for a small window: the most important first, and as much as fits. */
static void draw_small(struct top *top, const struct progress *progress)
{
    struct frame *frame = &top->frame;
    char text[64];

    frame_line(frame);
    frame_print(frame, "%u/%u over", progress->over, progress->sessions);
    frame_put_right(frame, describe_time(progress, text, sizeof text));
    frame_line(frame);
    frame_print(frame, "%" PRIu64 " failed", progress->failed);
    if (progress->steps > 1) {
        snprintf(text, sizeof text, "%u of %u", progress->step + 1, progress->steps);
        frame_put_right(frame, text);
    }
    frame_line(frame);
    frame_print(frame, "%u queued %u served", progress->queued, progress->served);
    frame_line(frame);
    frame_print(frame, "%.0f/s", top->last.seconds > 0 ? top->last.rate : mean_rate(progress));
    frame_line(frame);
    if (top->last.timed)
        frame_print(frame, "p99 %s", figures_time(text, top->last.p99_ns));
    frame_line(frame);
    frame_print(frame, "%u beginning", progress->beginning);
    frame_line(frame);
    frame_print(frame, "%" PRIu64 " verified", progress->verified);
}

static void draw(struct top *top, const struct progress *progress)
{
    struct screen screen = screen_size(alternate_fd());

    if (!screen_is_ready(alternate_fd()))
        return; /* ^S has stopped the terminal; a write would wait for ^Q */
    alternate_enter();
    frame_begin(&top->frame, screen, top->colours);
    if (screen.columns < COMPACT_COLUMNS || screen.rows < COMPACT_ROWS)
        draw_small(top, progress);
    else
        draw_large(top, progress, screen.rows >= ROOMY_ROWS);
    frame_write(&top->frame, alternate_fd());
}

/* --- the view ------------------------------------------------------------------------------ */

static void begin(struct view *view, const struct progress *progress)
{
    struct top *top = (struct top *)view;

    top->last = (struct interval){0};
    top->seconds = 0;
    window_begin(&top->window, progress, true);
    draw(top, progress);
}

static void tick(struct view *view, const struct progress *progress)
{
    struct top *top = (struct top *)view;

    if (progress->now_ns - top->window.begun_ns >= INTERVAL_NS) {
        top->last = window_end(&top->window, progress);
        top->rates[top->seconds++ % MINUTE] = top->last.rate;
    }
    draw(top, progress);
}

static void end(struct view *view, const struct progress *progress, const struct summary *summary)
{
    struct top *top = (struct top *)view;

    (void)progress;
    (void)summary;
    window_clear(&top->window);
    alternate_leave();
}

static bool close_top(struct view *view, const struct summary *total)
{
    (void)total;
    alternate_close();
    free(view);
    return true;
}

struct view *view_top_new(void)
{
    static const struct view_ops ops = {
        .begin = begin, .tick = tick, .end = end, .close = close_top};
    struct top *top;

    if (screen_is_dumb())
        return view_progress_new();
    top = calloc(1, sizeof *top);
    if (top == NULL)
        return NULL;
    top->view = (struct view){.ops = &ops, .period_ns = PERIOD_NS};
    top->utf8 = screen_is_utf8();
    top->colours = screen_wants_colours();
    alternate_open();
    return &top->view;
}
