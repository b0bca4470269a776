/* SPDX-License-Identifier: MIT */
/*
 * The curve of a search, drawn.
 *
 * The rate is on a linear axis, on which the bend is where the server is full; times are on a logarithmic one.
 * Each rate has a mark on each line, whose shape shows how it went, also without colours, which
 * are those of the timeline.
 */
#include "client/views/curve.h"

#include "client/views/figures.h"
#include "client/views/plan.h"
#include "client/views/svg.h"

#include <math.h>

/* In pixels. */
enum {
    PLOT_TOP = 96,
    PLOT_HEIGHT = 330,
    PLOT_BOTTOM = PLOT_TOP + PLOT_HEIGHT,
    HEIGHT = PLOT_BOTTOM + 56,
    MOST_TICKS = 10,
    LABEL_PITCH = 12,
};

static const struct {
    const char *label;
    double percent;
} lines[] = {{"p50", 50}, {"p90", 90}, {"p99", 99}, {"p99.9", 99.9}};

enum { LINES = sizeof lines / sizeof lines[0] };

struct curve {
    struct outlet *out;
    const struct search *search;
    const struct summary *steps;
    unsigned order[SEARCH_STEPS]; /* steps with an echo, by rate */
    unsigned count;
    double range;           /* of the rate */
    double decade, decades; /* the lowest power of ten of a time in ns, and how many are shown */
};

static int64_t time_of(const struct curve *curve, unsigned step, unsigned line)
{
    return histogram_percentile(curve->steps[step].measure.times[MEASURE_ECHO],
                                lines[line].percent);
}

static double x_of(const struct curve *curve, double rate)
{
    return PLOT_LEFT + rate / curve->range * PLOT_WIDTH;
}

static double y_of(const struct curve *curve, int64_t ns)
{
    return PLOT_BOTTOM -
           (log10(fmax((double)ns, 1)) - curve->decade) / curve->decades * PLOT_HEIGHT;
}

/** Order the steps by rate, and find the range of both axes. */
static void measure(struct curve *curve)
{
    double least = 9, most = 0;

    curve->range = 1;
    for (unsigned step = 0; step < curve->search->count; step++) {
        unsigned at = curve->count;

        curve->range = fmax(curve->range, curve->search->steps[step].rate * 1.02);
        if (histogram_count(curve->steps[step].measure.times[MEASURE_ECHO]) == 0)
            continue;
        for (; at > 0 &&
               curve->search->steps[curve->order[at - 1]].rate > curve->search->steps[step].rate;
             at--)
            curve->order[at] = curve->order[at - 1];
        curve->order[at] = step;
        curve->count++;
        least = fmin(least, log10(fmax((double)time_of(curve, step, 0), 1)));
        most = fmax(most, log10(fmax((double)time_of(curve, step, LINES - 1), 1)));
    }
    curve->decade = floor(least);
    curve->decades = fmax(ceil(most) - curve->decade, 1);
}

static void put_head(const struct curve *curve)
{
    static const char style[] =
        "<style>\n"
        "svg{font-family:sans-serif;font-size:11px}\n"
        ".ground{fill:#fff}text{fill:#1f2328}.head{font-size:17px;font-weight:bold}\n"
        ".sub{font-size:12px}.soft{fill:#59636e}.grid{stroke:#e1e5ea}.edge{stroke:#8c959f}\n"
        ".then{stroke:#59636e;stroke-dasharray:5 "
        "3}.line{fill:none;stroke:#0072b2;stroke-width:1.6}\n"
        ".held{fill:#0072b2}.not{fill:none;stroke:#c93c00;stroke-width:1.6}\n"
        ".client{fill:#fff;stroke:#8e3b8a;stroke-width:1.4}\n"
        "@media (prefers-color-scheme:dark){\n"
        ".ground{fill:#0d1117}text{fill:#e6edf3}.soft{fill:#9198a1}.grid{stroke:#262c36}\n"
        ".edge{stroke:#656c76}.then{stroke:#9198a1}.line{stroke:#56b4e9}\n"
        ".held{fill:#56b4e9}.not{stroke:#ff8a4c}.client{fill:#0d1117;stroke:#e29bd6}\n"
        "}\n</style>\n<defs>\n"
        "<circle id=\"held\" class=\"held\" r=\"3\"/>\n"
        "<path id=\"not\" class=\"not\" d=\"M-3.5 -3.5L3.5 3.5M-3.5 3.5L3.5 -3.5\"/>\n"
        "<circle id=\"client\" class=\"client\" r=\"3.5\"/>\n"
        "</defs>\n";

    outlet_print(curve->out,
                 "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
                 "height=\"%d\" role=\"img\">\n<title>Latency by rate</title>\n",
                 CHART_WIDTH, HEIGHT, CHART_WIDTH, HEIGHT);
    outlet_put(curve->out, style, sizeof style - 1);
    svg_rect(curve->out, "ground", 0, 0, CHART_WIDTH, HEIGHT);
}

static void put_caption(const struct curve *curve)
{
    static const struct {
        const char *shape, *words;
    } legend[] = {
        {"held", "held"}, {"not", "did not hold"}, {"client", "the client was the limit"}};
    const struct search *search = curve->search;

    svg_text(curve->out, "head", 20, 28, SVG_START, "%s", search->conditions);
    if (search->best != NULL)
        svg_text(curve->out, "sub", 20, 49, SVG_START,
                 "The highest rate that held is %.1f messages a second.", search->best->rate);
    else
        svg_text(curve->out, "sub", 20, 49, SVG_START, "No rate held.");
    for (size_t i = 0; i < sizeof legend / sizeof legend[0]; i++) {
        double x = 26 + 110 * (double)i;

        svg_use(curve->out, legend[i].shape, x, 70);
        svg_text(curve->out, "soft", x + 8, 74, SVG_START, "%s", legend[i].words);
    }
}

static void put_axes(const struct curve *curve)
{
    double tick = plan_tick(curve->range, MOST_TICKS);

    for (unsigned i = 0; i * tick <= curve->range; i++) {
        double x = x_of(curve, i * tick);

        svg_line(curve->out, "grid", x, PLOT_TOP, x, PLOT_BOTTOM);
        svg_text(curve->out, "tick", x, PLOT_BOTTOM + 17, SVG_MIDDLE, "%.7g", i * tick);
    }
    svg_text(curve->out, "soft", PLOT_LEFT + PLOT_WIDTH / 2.0, PLOT_BOTTOM + 37, SVG_MIDDLE,
             "messages a second that were asked for");
    for (unsigned i = 0; i <= curve->decades; i++) {
        int64_t ns = (int64_t)llround(pow(10, curve->decade + i));
        char text[FIGURES_ROOM];

        svg_line(curve->out, i == 0 ? "edge" : "grid", PLOT_LEFT, y_of(curve, ns),
                 PLOT_LEFT + PLOT_WIDTH, y_of(curve, ns));
        svg_text(curve->out, "tick", PLOT_LEFT - 8, y_of(curve, ns) + 4, SVG_END, "%s",
                 figures_time(text, ns));
    }
}

/** Put a line with its marks. @param label_y  of the label of the line below; then of this one's */
static void put_line(const struct curve *curve, unsigned line, double *label_y)
{
    static const char *const shapes[] = {
        [SEARCH_HELD] = "held", [SEARCH_NOT_HELD] = "not", [SEARCH_CLIENT] = "client"};
    double x = 0, y = 0;

    outlet_print(curve->out, "<path class=\"line\" d=\"");
    for (unsigned i = 0; i < curve->count; i++) {
        x = x_of(curve, curve->search->steps[curve->order[i]].rate);
        y = y_of(curve, time_of(curve, curve->order[i], line));
        outlet_print(curve->out, "%c%.2f %.2f", i == 0 ? 'M' : 'L', x, y);
    }
    outlet_print(curve->out, "\"/>\n");
    for (unsigned i = 0; i < curve->count; i++)
        svg_use(curve->out, shapes[curve->search->steps[curve->order[i]].outcome],
                x_of(curve, curve->search->steps[curve->order[i]].rate),
                y_of(curve, time_of(curve, curve->order[i], line)));
    *label_y = fmin(y + 4, *label_y - LABEL_PITCH);
    svg_text(curve->out, "soft", x + 8, *label_y, SVG_START, "%s", lines[line].label);
}

void curve_draw(struct outlet *outlet, const struct search *search, const struct summary steps[])
{
    struct curve curve = {.out = outlet, .search = search, .steps = steps};
    double label_y = HEIGHT;

    measure(&curve);
    put_head(&curve);
    put_caption(&curve);
    put_axes(&curve);
    if (search->best != NULL)
        svg_line(outlet, "then", x_of(&curve, search->best->rate), PLOT_TOP,
                 x_of(&curve, search->best->rate), PLOT_BOTTOM);
    for (unsigned i = 0; curve.count > 0 && i < LINES; i++)
        put_line(&curve, i, &label_y);
    outlet_print(outlet, "</svg>\n");
}
