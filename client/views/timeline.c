/* SPDX-License-Identifier: MIT */
/*
 * The chart of --timeline, drawn.
 *
 * From top to bottom: the caption, the legend, two strips (how many sessions wait, how many are
 * served), a row for each session (rows.c), the axis.
 *
 * The colours are those of Okabe and Ito, which colour-blind people can tell apart; shapes carry the
 * same information. The style has two sets of colours, for bright and for dark surroundings, and a
 * background, since the page that embeds the picture may have another.
 */
#include "client/views/timeline.h"

#include "client/views/figures.h"
#include "client/views/rows.h"
#include "client/views/svg.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* In pixels, from the top. */
enum {
    TITLE_Y = 28,
    LEGEND_Y = 92,
    STRIPS_TOP = 126,
    STRIP_HEIGHT = 30,
    STRIP_GAP = 10,
    ROWS_TOP = STRIPS_TOP + 2 * (STRIP_HEIGHT + STRIP_GAP) + 16,
    AXIS_HEIGHT = 52,
    MOST_TICKS = 12,
    KEY_PITCH = 12, /* the shapes of the legend are those of rows of this height */
};

struct chart {
    const struct timeline *timeline;
    const struct plan *plan;
    struct outlet *out;
    double bottom; /* of the rows */
};

/* --- style and shapes ---------------------------------------------------------------------- */

/** Put the style. @param pitch  height of a row: lines in it are not thicker */
static void put_style(struct outlet *out, double pitch)
{
    static const char style[] =
        "<style>\n"
        "svg{font-family:sans-serif;font-size:11px}\n"
        ".ground,.halo{fill:#fff}text{fill:#1f2328}.head{font-size:17px;font-weight:bold}\n"
        ".sub{font-size:12px}.soft{fill:#59636e}.grid{stroke:#e1e5ea}.edge{stroke:#8c959f}\n"
        ".then{stroke:#59636e;stroke-dasharray:5 3}.ink{fill:#1f2328}\n"
        ".wait,.link,.idle{fill:none;stroke:#3d444d}.link{stroke-dasharray:1 2}\n"
        ".idle{stroke:#8c959f}.ok{stroke:#1f2328;stroke-width:1.6}\n"
        ".serve,.first,.many{fill:#0072b2}.first{fill-opacity:.4}.many{fill-opacity:.7}\n"
        ".queue{fill:#8c959f}\n"
        ".failed{fill:none;stroke:#c93c00}\n"
        ".refused{fill:#fff;stroke:#8e3b8a}\n"
        "@media (prefers-color-scheme:dark){\n"
        ".ground,.halo{fill:#0d1117}text{fill:#e6edf3}.soft{fill:#9198a1}.grid{stroke:#262c36}\n"
        ".edge{stroke:#656c76}.then{stroke:#9198a1}.ink{fill:#e6edf3}\n"
        ".wait,.link{stroke:#b7bdc8}.idle{stroke:#656c76}.ok{stroke:#e6edf3}\n"
        ".serve,.first,.many{fill:#56b4e9}.queue{fill:#656c76}\n"
        ".failed{stroke:#ff8a4c}.refused{fill:#0d1117;stroke:#e29bd6}\n"
        "}\n";

    outlet_put(out, style, sizeof style - 1);
    outlet_print(out, ".rows .wait,.rows .link,.rows .idle{stroke-width:%.2f}\n</style>\n",
                 pitch < 4 ? pitch * 0.6 : 1.2);
}

/** Put the shapes that mark begins and ends, in a size for rows of this pitch. */
static void put_shapes(struct outlet *out, const char *suffix, double pitch)
{
    double arrival = pitch < 10 ? fmax(1.2, pitch * 0.45) : 3.6;
    double end = pitch < 10 ? fmax(2, pitch * 0.4) : 3.4;
    double tick = pitch * 0.42;
    double width = pitch < 10 ? 1.2 : 2.2;

    outlet_print(out,
                 "<path id=\"arrival%s\" class=\"ink\" d=\"M0 %.2fL%.2f 0L0 %.2fL%.2f 0Z\"/>\n",
                 suffix, -arrival, arrival, arrival, -arrival);
    outlet_print(out, "<path id=\"ok%s\" class=\"ok\" d=\"M0 %.2fV%.2f\"/>\n", suffix, -tick, tick);
    outlet_print(out,
                 "<path id=\"failed%s\" class=\"failed\" stroke-width=\"%.1f\" "
                 "d=\"M%.2f %.2fL%.2f %.2fM%.2f %.2fL%.2f %.2f\"/>\n",
                 suffix, width, -end, -end, end, end, -end, end, end, -end);
    outlet_print(out,
                 "<g id=\"refused%s\" class=\"refused\" stroke-width=\"%.1f\"><circle r=\"%.2f\"/>"
                 "<path d=\"M%.2f %.2fL%.2f %.2f\"/></g>\n",
                 suffix, width * 0.75, end, -end * 0.7, end * 0.7, end * 0.7, -end * 0.7);
}

static void put_head(const struct chart *chart)
{
    double height = chart->bottom + AXIS_HEIGHT;

    outlet_print(chart->out,
                 "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %.0f\" width=\"%d\" "
                 "height=\"%.0f\" role=\"img\">\n"
                 "<title>Timeline of an echo-client run</title>\n",
                 CHART_WIDTH, height, CHART_WIDTH, height);
    put_style(chart->out, chart->plan->pitch);
    outlet_print(chart->out, "<defs>\n");
    put_shapes(chart->out, "", chart->plan->pitch);
    put_shapes(chart->out, "-key", KEY_PITCH);
    outlet_print(chart->out, "</defs>\n");
    svg_rect(chart->out, "ground", 0, 0, CHART_WIDTH, height);
}

/* --- the caption --------------------------------------------------------------------------- */

static void put_what_was_run(const struct chart *chart)
{
    const struct summary *total = chart->timeline->total;
    const struct plan *plan = chart->plan;
    char what[96];

    if (chart->timeline->step_count > 1)
        snprintf(what, sizeof what, "%" PRIu64 " sessions in %u steps", total->requested,
                 chart->timeline->step_count);
    else if (plan->churn)
        snprintf(what, sizeof what, "%" PRIu64 " connections, %u at once", total->requested,
                 chart->timeline->steps[0].sessions);
    else
        snprintf(what, sizeof what, "%" PRIu64 " session%s", total->requested,
                 total->requested == 1 ? "" : "s");
    svg_text(chart->out, "head", 20, TITLE_Y, SVG_START,
             "%s: %" PRIu64 " ok, %" PRIu64 " failed, %" PRIu64 " refused%s", what, total->ok,
             total->failed, total->refused, total->interrupted != 0 ? " (interrupted)" : "");
}

static void put_what_came_of_it(const struct chart *chart)
{
    const struct summary *total = chart->timeline->total;
    char median[FIGURES_ROOM], longest[FIGURES_ROOM], seconds[FIGURES_ROOM], waits[128] = "";
    char when[96];

    figures_time(seconds, (int64_t)(total->seconds * 1e9));
    if (total->warm_up_seconds > 0)
        snprintf(when, sizeof when, ", %" PRIu64 " of them in the %s after the warm-up",
                 total->verified - total->warm_verified, seconds);
    else
        snprintf(when, sizeof when, " in %s", seconds);
    if (chart->plan->waits > 0)
        snprintf(waits, sizeof waits, ". The wait to be served: median %s, longest %s",
                 figures_time(median, chart->plan->wait_median_ns),
                 figures_time(longest, chart->plan->wait_max_ns));
    svg_text(chart->out, "sub", 20, TITLE_Y + 21, SVG_START, "%" PRIu64 " message%s verified%s%s.",
             total->verified, total->verified == 1 ? "" : "s", when, waits);
}

static const char *ordinal(size_t number)
{
    size_t last = number % 100 >= 11 && number % 100 <= 13 ? 0 : number % 10;

    return last == 1 ? "st" : last == 2 ? "nd" : last == 3 ? "rd" : "th";
}

/** Put what the rows are, and what is not among them. */
static void put_what_is_shown(const struct chart *chart)
{
    const struct timeline *timeline = chart->timeline;
    const struct plan *plan = chart->plan;
    char text[256];
    size_t size;

    if (plan->stride == 1)
        size = (size_t)snprintf(text, sizeof text,
                                "A row for each session, in the order in which the server began "
                                "with them.");
    else
        size = (size_t)snprintf(text, sizeof text,
                                "Rows for %zu of %zu sessions: every %zu%s, in the order in which "
                                "the server began with them.",
                                plan->shown, plan->row_count, plan->stride, ordinal(plan->stride));
    if (timeline->left_out > 0)
        size += (size_t)snprintf(text + size, sizeof text - size,
                                 " The last %" PRIu64 " to end are left out.", timeline->left_out);
    if (timeline->never_begun > 0)
        snprintf(text + size, sizeof text - size, " %" PRIu64 " never began.",
                 timeline->never_begun);
    svg_text(chart->out, "sub soft", 20, TITLE_Y + 39, SVG_START, "%s", text);
}

/* --- the legend ---------------------------------------------------------------------------- */

/** Put words of the legend. @return where the next entry begins */
static double put_words(struct outlet *out, double x, double width, const char *words)
{
    svg_text(out, "key", x, LEGEND_Y + 4, SVG_START, "%s", words);
    return x + width;
}

static void put_legend(const struct chart *chart)
{
    struct outlet *out = chart->out;
    double x = 26, y = LEGEND_Y;

    svg_line(out, "link", x, y, x + 20, y);
    svg_use(out, "arrival-key", x, y);
    x = put_words(out, x + 26, 64, "connects");
    svg_line(out, "wait", x, y, x + 28, y);
    x = put_words(out, x + 34, 112, "connected, waits");
    svg_rect(out, "first", x, y - 4, 28, 8);
    x = put_words(out, x + 34, 82, "its first reply");
    svg_rect(out, "serve", x, y - 4, 28, 8);
    x = put_words(out, x + 34, 58, "served");
    if (chart->plan->labelled) {
        svg_use(out, "ok-key", x, y);
        x = put_words(out, x + 8, 78, "ended well");
    }
    svg_use(out, "failed-key", x, y);
    x = put_words(out, x + 9, 52, "failed");
    svg_use(out, "refused-key", x, y);
    x = put_words(out, x + 9, 56, "refused");
    if (chart->plan->churn) {
        svg_rect(out, "many", x, y - 4, 28, 8);
        x = put_words(out, x + 34, 124, "several connections");
    }
    if (chart->plan->idle) {
        svg_line(out, "idle", x, y, x + 28, y);
        put_words(out, x + 34, 0, "idle");
    }
}

/* --- the strips ---------------------------------------------------------------------------- */

/** Put how many sessions are at a place over time, with the maximum at the right. */
static void put_strip(const struct chart *chart, const char *name, const char *class, double top,
                      const double values[static STRIP_COLUMNS])
{
    double width = (double)PLOT_WIDTH / STRIP_COLUMNS;
    double bottom = top + STRIP_HEIGHT;
    double most = 0;

    for (unsigned i = 0; i < STRIP_COLUMNS; i++)
        most = fmax(most, values[i]);
    svg_text(chart->out, "key", PLOT_LEFT - 8, bottom - STRIP_HEIGHT / 2.0 + 4, SVG_END, "%s",
             name);
    svg_line(chart->out, "edge", PLOT_LEFT, bottom, PLOT_LEFT + PLOT_WIDTH, bottom);
    if (most <= 0)
        return;
    outlet_print(chart->out, "<path class=\"%s\" d=\"M%d %.2f", class, PLOT_LEFT, bottom);
    for (unsigned i = 0; i < STRIP_COLUMNS; i++)
        if (i == 0 || values[i] != values[i - 1])
            outlet_print(chart->out, "H%.2fV%.2f", PLOT_LEFT + i * width,
                         bottom - values[i] / most * STRIP_HEIGHT);
    outlet_print(chart->out, "H%.2fV%.2fZ\"><title>%s at once: up to %.1f</title></path>\n",
                 (double)PLOT_LEFT + PLOT_WIDTH, bottom, name, most);
    svg_text(chart->out, "key", PLOT_LEFT + PLOT_WIDTH + 6, top + 8, SVG_START, "up to %.*f",
             most < 0.95 ? 1 : 0, most);
}

/* --- the axis ------------------------------------------------------------------------------ */

static void put_grid(const struct chart *chart)
{
    double range_ns = chart->plan->range_ns;
    bool seconds = range_ns >= 1e8;
    double unit_ns = seconds ? 1e9 : 1e6;
    double tick = plan_tick(range_ns / unit_ns, MOST_TICKS);
    int digits = 0;

    for (double part = tick; part < 0.999; part *= 10)
        digits++;
    for (unsigned i = 0; i * tick * unit_ns <= range_ns; i++) {
        double x = plan_x(chart->plan, (int64_t)(i * tick * unit_ns));

        svg_line(chart->out, "grid", x, STRIPS_TOP, x, chart->bottom);
        svg_text(chart->out, "tick", x, chart->bottom + 17, SVG_MIDDLE, "%.*f", digits, i * tick);
    }
    svg_line(chart->out, "edge", PLOT_LEFT, chart->bottom, PLOT_LEFT + PLOT_WIDTH, chart->bottom);
    svg_text(chart->out, "soft", PLOT_LEFT + PLOT_WIDTH / 2.0, chart->bottom + 37, SVG_MIDDLE,
             "%s since the run began", seconds ? "seconds" : "milliseconds");
}

/** Put a moment that matters to all rows, unless it is too close to the begin of the run. */
static void put_moment(const struct chart *chart, int64_t ns, const char *what, unsigned sessions)
{
    double x = plan_x(chart->plan, ns);

    if (ns < 0 || x < PLOT_LEFT + 3)
        return;
    svg_line(chart->out, "then", x, STRIPS_TOP - 8, x, chart->bottom);
    if (sessions > 0)
        svg_text(chart->out, "soft", x + 4, STRIPS_TOP - 3, SVG_START, "%s: %u sessions", what,
                 sessions);
    else
        svg_text(chart->out, "soft", x + 4, STRIPS_TOP - 3, SVG_START, "%s", what);
}

static void put_moments(const struct chart *chart)
{
    const struct timeline *timeline = chart->timeline;

    if (timeline->step_count <= 1) {
        put_moment(chart, timeline->barrier_ns, "all have connected: sending begins", 0);
        return;
    }
    for (unsigned i = 1; i < timeline->step_count; i++) {
        char what[32];

        snprintf(what, sizeof what, "step %u", i + 1);
        put_moment(chart, timeline->steps[i].at_ns, what, timeline->steps[i].sessions);
    }
}

bool timeline_draw(struct timeline *timeline, struct outlet *outlet)
{
    struct plan *plan = calloc(1, sizeof *plan);
    struct chart chart = {.timeline = timeline, .plan = plan, .out = outlet};

    if (plan == NULL)
        return false;
    if (!plan_make(plan, timeline->marks, timeline->count, timeline->step_count > 1)) {
        plan_clear(plan);
        free(plan);
        return false;
    }
    chart.bottom = ROWS_TOP + plan->pitch * (double)plan->shown + 6;
    put_head(&chart);
    put_what_was_run(&chart);
    put_what_came_of_it(&chart);
    put_what_is_shown(&chart);
    put_legend(&chart);
    put_grid(&chart);
    put_strip(&chart, "waiting", "queue", STRIPS_TOP, plan->waiting);
    put_strip(&chart, "served", "serve", STRIPS_TOP + STRIP_HEIGHT + STRIP_GAP, plan->served);
    rows_draw(outlet, plan, ROWS_TOP);
    put_moments(&chart);
    outlet_print(outlet, "</svg>\n");
    plan_clear(plan);
    free(plan);
    return true;
}
