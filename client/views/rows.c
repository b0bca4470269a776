/* SPDX-License-Identifier: MIT */
/*
 * Rows of the chart. A session is a <g> with its times in microseconds as data attributes, the same
 * figures as in --csv, and a <title> that a browser shows under the mouse.
 */
#include "client/views/rows.h"

#include "client/views/figures.h"
#include "client/views/svg.h"

#include <inttypes.h>
#include <math.h>

/* In pixels: a narrower one of several connections in a row has no marks at its ends. */
enum { MARKED_WIDTH = 14 };

static void put_data(struct outlet *out, const char *name, int64_t ns)
{
    char text[FIGURES_ROOM];

    if (ns >= 0)
        outlet_print(out, " data-%s=\"%s\"", name, figures_us(text, ns));
}

/** Put what a browser shows under the mouse. */
static void put_title(struct outlet *out, const struct plan *plan, const struct mark *mark)
{
    char at[FIGURES_ROOM], waited[FIGURES_ROOM], served[FIGURES_ROOM];

    outlet_print(out, "<title>%s %u", mark->idle ? "idle session" : "session", mark->session);
    if (plan->churn)
        outlet_print(out, ", connection %" PRIu64, mark->connection);
    outlet_print(out, ": %s, after %s", session_state_word(mark->state),
                 figures_time(at, mark->begun_ns));
    if (mark->connected_ns >= 0)
        outlet_print(out, " waited %s",
                     figures_time(waited, mark_waited_until_ns(mark) - mark->connected_ns));
    if (mark_is_served(mark))
        outlet_print(out, ", served for %s",
                     figures_time(served, mark->ended_ns - mark->served_ns));
    if (mark->reason[0] != '\0') {
        outlet_print(out, "; ");
        svg_escape(out, mark->reason);
    }
    outlet_print(out, "</title>");
}

static void put_wait(struct outlet *out, const char *class, double from, double to, double y)
{
    if (to - from >= 0.2)
        outlet_print(out, "<path class=\"%s\" d=\"M%.2f %.2fH%.2f\"/>", class, from, y, to);
}

static void put_bar(struct outlet *out, const struct plan *plan, const char *class, double from,
                    double to, double y)
{
    double height = plan->pitch < 4 ? plan->pitch : plan->pitch * 0.64;

    svg_rect(out, class, from, y - height / 2, fmax(to - from, 0.8), height);
}

/** Put the attributes, times and text of one connection. */
static void put_facts(struct outlet *out, const struct plan *plan, const struct mark *mark)
{
    outlet_print(out, "<g data-session=\"%u\" data-connection=\"%" PRIu64 "\" data-state=\"%s\"",
                 mark->session, mark->connection, session_state_word(mark->state));
    put_data(out, "arrived", mark->begun_ns);
    put_data(out, "connected", mark->connected_ns);
    put_data(out, "first-byte", mark->first_byte_ns);
    put_data(out, "ended", mark->ended_ns);
    put_data(out, "served", mark->served_ns);
    outlet_put(out, ">", 1);
    put_title(out, plan, mark);
}

/** Put one connection. @param alone  it is the only one in its row */
static void put_connection(struct outlet *out, const struct plan *plan, const struct mark *mark,
                           double y, bool alone)
{
    bool is_connected = mark->connected_ns >= 0;
    double begun = plan_x(plan, mark->begun_ns), ended = plan_x(plan, mark->ended_ns);
    double connected = is_connected ? plan_x(plan, mark->connected_ns) : ended;
    bool marked = alone || ended - begun >= MARKED_WIDTH;

    put_facts(out, plan, mark);
    put_wait(out, "link", begun, connected, y);
    if (is_connected)
        put_wait(out, mark->idle ? "idle" : "wait", connected,
                 plan_x(plan, mark_waited_until_ns(mark)), y);
    if (mark_is_served(mark) && mark->served_ns < mark->first_byte_ns)
        put_bar(out, plan, "first", plan_x(plan, mark->served_ns),
                plan_x(plan, mark->first_byte_ns), y);
    if (mark_is_served(mark))
        put_bar(out, plan, "serve", plan_x(plan, mark->first_byte_ns), ended, y);
    if (marked)
        svg_use(out, "arrival", begun, y);
    if (mark->state == SESSION_REFUSED)
        svg_use(out, "refused", ended, y);
    else if (mark->state != SESSION_OK && mark->state != SESSION_CLOSED)
        svg_use(out, "failed", ended, y);
    else if (marked && plan->labelled)
        svg_use(out, "ok", ended, y);
    outlet_print(out, "</g>\n");
}

/** Put connections that lie too close together to tell one from another. */
static void put_many(struct outlet *out, const struct plan *plan, const struct mark *marks,
                     size_t count, double y)
{
    const struct mark *last = &marks[count - 1];
    double ended = plan_x(plan, last->ended_ns);
    size_t of[SESSION_STATES] = {0};
    size_t bad;

    for (size_t i = 0; i < count; i++)
        of[marks[i].state]++;
    bad = count - of[SESSION_OK] - of[SESSION_CLOSED];
    outlet_print(out, "<g data-session=\"%u\" data-connections=\"%zu\"", marks->session, count);
    put_data(out, "arrived", marks->begun_ns);
    put_data(out, "ended", last->ended_ns);
    outlet_print(
        out, "><title>session %u: %zu connections, %zu ok, %zu failed, %zu refused</title>",
        marks->session, count, of[SESSION_OK], bad - of[SESSION_REFUSED], of[SESSION_REFUSED]);
    put_bar(out, plan, "many", plan_x(plan, marks->begun_ns), ended, y);
    if (bad > 0)
        svg_use(out, bad > of[SESSION_REFUSED] ? "failed" : "refused", ended, y);
    outlet_print(out, "</g>\n");
}

static void put_row(struct outlet *out, const struct plan *plan, const struct row *row, double y)
{
    const struct mark *marks = plan->marks + row->first;

    if (plan->labelled)
        svg_text(out, "soft", PLOT_LEFT - 8, y + 4, SVG_END, row->idle ? "idle %u" : "%u",
                 row->session);
    for (size_t i = 0, cell; i < row->count; i += cell) {
        cell = plan_cell(plan, marks + i, row->count - i);
        if (cell == 1)
            put_connection(out, plan, marks + i, y, row->count == 1);
        else
            put_many(out, plan, marks + i, cell, y);
    }
}

/** Put in words, beside a bar, what it shows. In the lower half, where the waits are long. */
static void put_example(struct outlet *out, const struct plan *plan, double top)
{
    char waited[FIGURES_ROOM], served[FIGURES_ROOM];

    for (size_t i = plan->shown / 2; plan->labelled && i < plan->shown; i++) {
        const struct mark *mark = &plan->marks[plan->rows[i].first];
        double x = plan_x(plan, mark->ended_ns) + 8;

        if (plan->rows[i].count != 1 || !mark_is_served(mark) || mark->connected_ns < 0 ||
            mark->state != SESSION_OK || x > PLOT_LEFT + PLOT_WIDTH - 180)
            continue;
        svg_text(out, "soft", x, top + plan->pitch * ((double)i + 0.5) + 4, SVG_START,
                 "waited %s, served for %s",
                 figures_time(waited, mark->served_ns - mark->connected_ns),
                 figures_time(served, mark->ended_ns - mark->served_ns));
        return;
    }
}

void rows_draw(struct outlet *out, const struct plan *plan, double top)
{
    double y = top + plan->pitch / 2;

    if (plan->labelled)
        svg_text(out, "key", PLOT_LEFT - 8, top - 6, SVG_END, "session");
    else
        svg_text(out, "key", PLOT_LEFT - 8, top + 12, SVG_END, "%zu rows", plan->shown);
    outlet_print(out, "<g class=\"rows\">\n");
    for (size_t i = 0; i < plan->row_count; i += plan->stride, y += plan->pitch)
        put_row(out, plan, &plan->rows[i], y);
    outlet_print(out, "</g>\n");
    put_example(out, plan, top);
}
