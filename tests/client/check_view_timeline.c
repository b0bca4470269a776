/* SPDX-License-Identifier: MIT */
/* client/views/ timeline-view, plan, timeline and rows: a chart that is well-formed, true, and not too large. */
#include "client/views/plan.h"
#include "tests/kit/suite.h"
#include "tests/kit/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- a run by hand, and its chart ---------------------------------------------------------- */

static struct {
    struct kit_file file;
    struct view *view;
    struct summary total;
    struct progress progress;
} chart;

static char *svg; /* of the last chart that was drawn */

static void chart_begin(unsigned sessions)
{
    chart.file = kit_file();
    chart.view = view_timeline_new(chart.file.path);
    ck_assert_ptr_nonnull(chart.view);
    memset(&chart.total, 0, sizeof chart.total);
    chart.progress = kit_progress(sessions, 0);
    chart.view->ops->begin(chart.view, &chart.progress);
}

static void chart_add(struct session_record record)
{
    chart.view->ops->session(chart.view, &record);
    chart.total.requested += !record.idle;
    chart.total.ok += record.state == SESSION_OK && !record.idle;
    chart.total.failed += record.state == SESSION_FAILED;
    chart.total.refused += record.state == SESSION_REFUSED;
    chart.total.verified += record.verified;
}

/* --- whether it is XML --------------------------------------------------------------------- */

enum { DEPTH_MAX = 32 };

/* An assertion that is cheap if it holds: Check's own make a system call each, and these are asked
 * for every byte. */
#define EXPECT(condition, where)                                                                   \
    do {                                                                                           \
        if (!(condition))                                                                          \
            ck_abort_msg("%s is not so at: %.40s", #condition, where);                             \
    } while (0)

/* Text up to `until`: no control characters, and of & only what XML itself knows. */
static const char *skip_text(const char *text, char until)
{
    static const char *const entities[] = {"&lt;", "&gt;", "&amp;", "&quot;"};

    for (; *text != until && *text != '\0'; text++) {
        bool known = *text != '&';

        for (size_t i = 0; !known && i < sizeof entities / sizeof entities[0]; i++)
            known = strncmp(text, entities[i], strlen(entities[i])) == 0;
        EXPECT(known, text);
        EXPECT(*text == '\n' || ((unsigned char)*text >= ' ' && *text != 0x7f), text);
        EXPECT(*text != '<', text);
    }
    return text;
}

/* The attributes of a tag: from behind its name to its > or />. */
static const char *skip_attributes(const char *text)
{
    while (*text == ' ') {
        size_t name = strcspn(++text, "= >");

        EXPECT(name > 0 && strncmp(text + name, "=\"", 2) == 0, text);
        text = skip_text(text + name + 2, '"');
        EXPECT(*text == '"', text);
        text++;
    }
    return text;
}

/* One element, its opening tag, and all that was opened is closed in order. */
static void expect_well_formed(const char *text)
{
    const char *names[DEPTH_MAX];
    size_t sizes[DEPTH_MAX];
    size_t depth = 0, elements = 0;

    for (text = skip_text(text, '<'); *text == '<'; text = skip_text(text, '<')) {
        bool closing = *++text == '/';
        size_t size = strcspn(text += closing, " />");

        EXPECT(size > 0, text);
        if (closing) {
            EXPECT(depth > 0, text);
            depth--;
            EXPECT(size == sizes[depth] && strncmp(text, names[depth], size) == 0, text);
            text += size;
        } else {
            EXPECT(depth > 0 || elements++ == 0, text);
            EXPECT(depth < DEPTH_MAX, text);
            names[depth] = text;
            sizes[depth] = size;
            text = skip_attributes(text + size);
            depth += *text != '/';
            text += *text == '/';
        }
        EXPECT(*text == '>', text);
        text++;
    }
    EXPECT(*text == '\0', text);
    ck_assert_uint_eq(depth, 0);
    ck_assert_uint_eq(elements, 1);
}

CASE("What is in it")

static void chart_draw(void)
{
    chart.total.seconds = 2.5;
    chart.view->ops->end(chart.view, &chart.progress, &chart.total);
    ck_assert(chart.view->ops->close(chart.view, &chart.total));
    svg = kit_file_text(&chart.file);
    expect_well_formed(svg);
}

static void has(const char *text)
{
    ck_assert_msg(strstr(svg, text) != NULL, "not in the chart: %s", text);
}

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;

    for (; (text = strstr(text, part)) != NULL; text += strlen(part))
        count++;
    return count;
}

/* The <g> of the session, to be freed. */
static char *group_of(unsigned session)
{
    const char *group;
    const char *begin = suite_text("<g data-session=\"%u\"", session);

    group = strstr(svg, begin);
    ck_assert_msg(group != NULL, "no session %u", session);
    return strndup(group, (size_t)(strstr(group, "</g>") - group));
}

/* @return the text between `name="` and the next quote, in static memory; "" if there is none */
static const char *attribute(const char *text, const char *name)
{
    static char value[64];
    const char *begin = suite_text(" %s=\"", name);

    text = strstr(text, begin);
    if (text == NULL)
        return "";
    text += strlen(begin);
    snprintf(value, sizeof value, "%.*s", (int)strcspn(text, "\""), text);
    return value;
}

static double coordinate(const char *text, const char *name)
{
    return strtod(attribute(text, name), NULL);
}

/* Expect the session's bar at a place. */
static void expect_bar(unsigned session, double left, double width)
{
    char *group = group_of(session);
    const char *bar = strstr(group, "<rect class=\"serve\"");

    ck_assert_ptr_nonnull(bar);
    ck_assert_double_eq_tol(coordinate(bar, "x"), left, 0.011);
    ck_assert_double_eq_tol(coordinate(bar, "width"), width, 0.011);
    free(group);
}

TEST(a_bar_is_where_the_record_has_it)
{
    double zero, ms;
    char *group;

    chart_begin(4);
    chart_add(kit_session(2, SESSION_OK, 0, 10, 100, 400, ""));
    chart_add(kit_session(0, SESSION_OK, 1.5, 10.25, 400.125, 1000.0625, ""));
    chart_add(kit_session(1, SESSION_OK, 500, 510, 520, 2000, ""));
    chart_draw();

    /* two points make the scale, the others must be on it */
    group = group_of(2);
    zero = coordinate(strstr(group, "#arrival"), "x");
    ck_assert_str_eq(attribute(group, "data-arrived"), "0.000");
    ck_assert_str_eq(attribute(group, "data-connected"), "10000.000");
    free(group);
    group = group_of(1);
    ms = (coordinate(strstr(group, "#ok"), "x") - zero) / 2000;
    ck_assert_double_gt(ms, 0.3);
    free(group);
    expect_bar(2, zero + 100 * ms, 300 * ms);
    expect_bar(0, zero + 400.125 * ms, 599.9375 * ms);
    expect_bar(1, zero + 520 * ms, 1480 * ms);

    group = group_of(0);
    ck_assert_str_eq(attribute(group, "data-state"), "ok");
    ck_assert_str_eq(attribute(group, "data-arrived"), "1500.000");
    ck_assert_str_eq(attribute(group, "data-connected"), "10250.000");
    ck_assert_str_eq(attribute(group, "data-first-byte"), "400125.000");
    ck_assert_str_eq(attribute(group, "data-ended"), "1000062.500");
    ck_assert_double_eq_tol(coordinate(strstr(group, "#arrival"), "x"), zero + 1.5 * ms, 0.011);
    ck_assert_double_eq_tol(coordinate(strstr(group, "#ok"), "x"), zero + 1000.0625 * ms, 0.011);
    ck_assert_ptr_nonnull(strstr(group, "<title>session 0: ok, after 1.50 ms waited 390 ms, "
                                        "served for 600 ms</title>"));
    free(group);
    has(">3 sessions: 3 ok, 0 failed, 0 refused<");
    has(">27 messages verified in 2.50 s. The wait to be served: "
        "median 90.0 ms, longest 390 ms.<");
    has("(prefers-color-scheme:dark)");
}

TEST(rows_are_in_the_order_of_service)
{
    chart_begin(3);
    chart_add(kit_session(0, SESSION_OK, 0, 1, 30, 40, ""));
    chart_add(kit_session(1, SESSION_OK, 0, 1, 10, 50, ""));
    chart_add(kit_session(2, SESSION_FAILED, 0, 1, -1, 20, "reset before the first reply"));
    chart_draw();
    ck_assert(strstr(svg, "<g data-session=\"1\"") < strstr(svg, "<g data-session=\"2\""));
    ck_assert(strstr(svg, "<g data-session=\"2\"") < strstr(svg, "<g data-session=\"0\""));
}

TEST(each_end_has_its_mark)
{
    char *group;

    chart_begin(5);
    chart_add(kit_session(0, SESSION_OK, 0, 1, 10, 1000, ""));
    chart_add(kit_session(1, SESSION_FAILED, 0, 1, 10, 500, "reset in the middle"));
    chart_add(kit_session(2, SESSION_FAILED, 0, 1, -1, 500, "timed out"));
    chart_add(kit_session(3, SESSION_REFUSED, 0, 1, 5, 5, "refused: BUSY queue full"));
    chart_add(kit_session(4, SESSION_FAILED, 0, -1, -1, 700, "connect: timed out"));
    chart_draw();
    for (unsigned i = 0; i < 5; i++) {
        static const char *const shapes[] = {"#ok", "#failed", "#failed", "#refused", "#failed"};
        static const bool served[] = {true, true, false, false, false};
        static const char *const lines[] = {"wait", "wait", "wait", "wait", "link"};

        group = group_of(i);
        ck_assert_uint_eq(count_of(group, "#ok\"") + count_of(group, "#failed\"") +
                              count_of(group, "#refused\""),
                          1);
        ck_assert_ptr_nonnull(strstr(group, shapes[i]));
        ck_assert_int_eq(strstr(group, "class=\"serve\"") != NULL, served[i]);
        const char *class = suite_text("class=\"%s\"", lines[i]);
        ck_assert_ptr_nonnull(strstr(group, class));
        free(group);
    }
    group = group_of(3);
    ck_assert_ptr_nonnull(strstr(group, "refused: BUSY queue full</title>"));
    free(group);
    group = group_of(4);
    ck_assert_str_eq(attribute(group, "data-connected"), "");
    ck_assert_str_eq(attribute(group, "data-first-byte"), "");
    ck_assert_str_eq(attribute(group, "data-ended"), "700000.000");
    free(group);
    has(">5 sessions: 1 ok, 3 failed, 1 refused<");
}

TEST(any_bytes_in_a_reason)
{
    chart_begin(1);
    chart_add(kit_session(0, SESSION_FAILED, 0, 1, 2, 3,
                          "<a b=\"c\">&amp;]]>\xc3\xa4\x01\n\xff\xef\xbf\xbe\xc3"));
    chart_draw();
    has("; &lt;a b=&quot;c&quot;&gt;&amp;amp;]]&gt;\xc3\xa4.......</title>");
}

TEST(idle_sessions_are_not_taken_for_waiting_ones)
{
    struct session_record idle = kit_session(0, SESSION_OK, 0, 1, -1, 1000, "");

    idle.idle = true;
    chart_begin(1);
    chart_add(kit_session(0, SESSION_OK, 0, 1, 2, 1000, ""));
    chart_add(idle);
    chart_draw();
    has(">1 session: 1 ok, 0 failed, 0 refused<");
    has(">idle 0<");
    ck_assert_uint_eq(count_of(svg, "<path class=\"idle\""), 1);
    ck_assert_ptr_null(strstr(svg, "waiting at once: up to 1.0"));
    has("served at once: up to 1.0");
}

TEST(strips_count_all_sessions)
{
    chart_begin(12);
    for (unsigned i = 0; i < 12; i++) /* three at a time, a second each */
        chart_add(
            kit_session(i, SESSION_OK, 0, 0.001, i / 3 * 1000 + 0.001, (i / 3 + 1) * 1000, ""));
    chart_draw();
    has("<title>waiting at once: up to 9.0</title>");
    has("<title>served at once: up to 3.0</title>");
    has(">up to 9<");
    has(">up to 3<");
}

/* Add a session of an echo at a time: when it asked, its first reply and its end, and its other echoes. */
static void add_asking(unsigned session, double asked, double first_byte, double ended,
                       double shortest, double longest)
{
    struct session_record record = kit_session(session, SESSION_OK, 0, 1, first_byte, ended, "");

    record.asked_ns = ORIGIN + (int64_t)(asked * (double)MS);
    record.echo_ns_min = (int64_t)(shortest * (double)MS);
    record.echo_ns_max = (int64_t)(longest * (double)MS);
    chart_add(record);
}

/* Expect that a session was served from a time on, which is where its bar begins. */
static void expect_served(unsigned session, double since)
{
    char *group = group_of(session);
    const char *first = strstr(group, "<rect class=\"first\"");
    const char *serve = strstr(group, "<rect class=\"serve\"");

    ck_assert_double_eq_tol(coordinate(group, "data-served"), since * 1000, 0.001);
    ck_assert_ptr_nonnull(serve);
    if (first != NULL) {
        ck_assert(first < serve);
        ck_assert_double_eq_tol(coordinate(first, "x") + coordinate(first, "width"),
                                coordinate(serve, "x"), 0.8);
    }
    ck_assert_int_eq(first != NULL,
                     coordinate(group, "data-served") < coordinate(group, "data-first-byte"));
    free(group);
}

/*
 * Two workers, a hundred milliseconds for each echo, two echoes for each of four sessions. The first two
 * are served at once, and the others from when those have ended: none of the first replies is a wait.
 */
TEST(the_time_of_the_first_reply_is_no_wait)
{
    chart_begin(4);
    add_asking(0, 2, 102, 202, 100, 100);
    add_asking(1, 2, 103, 203, 100, 100);
    add_asking(2, 2, 302, 402, 100, 100);
    add_asking(3, 2, 303, 403, 100, 100);
    chart_draw();
    expect_served(0, 2);
    expect_served(1, 2 + 1);
    expect_served(2, 202);
    expect_served(3, 203);
    has("<title>served at once: up to 2.0</title>");
    has("The wait to be served: median 2.00 ms, longest 202 ms.<");
}

/* As long as it may have been: at first the server was slower than it was later, within what was seen. */
TEST(a_slow_first_reply_of_a_session_that_has_a_worker)
{
    chart_begin(2);
    add_asking(0, 2, 182, 402, 20, 200);
    add_asking(1, 2, 152, 403, 20, 200);
    chart_draw();
    expect_served(0, 2);
    expect_served(1, 2);
}

/* Other clients hold the workers for a second: no session of ours has ended, and still these have waited. */
TEST(a_wait_for_workers_that_others_hold)
{
    chart_begin(2);
    add_asking(0, 2, 1102, 1202, 90, 100);
    add_asking(1, 2, 1103, 1203, 90, 100);
    chart_draw();
    expect_served(0, 1002);
    expect_served(1, 1003);
}

/* With one message each there is only the fastest of the run to compare with. */
TEST(sessions_of_one_message)
{
    chart_begin(3);
    add_asking(0, 2, 102, 103, 0, 0);
    add_asking(1, 2, 202, 203, 0, 0);
    add_asking(2, 2, 302, 303, 0, 0);
    chart_draw();
    expect_served(0, 2);
    expect_served(1, 102);
    expect_served(2, 202);
}

/* The first byte of a handshake comes before the first message, and at once. */
TEST(a_handshake_begins_with_its_first_byte)
{
    chart_begin(1);
    add_asking(0, 60, 50, 400, 100, 100);
    chart_draw();
    expect_served(0, 50);
}

TEST(moments_that_matter)
{
    chart_begin(1);
    chart.progress.started_ns = ORIGIN + 500 * MS;
    chart_add(kit_session(0, SESSION_OK, 0, 1, 600, 1000, ""));
    chart_draw();
    has("sending begins");

    chart_begin(1); /* at once: no line on top of the axis */
    chart_add(kit_session(0, SESSION_OK, 0, 1, 600, 1000, ""));
    chart_draw();
    ck_assert_ptr_null(strstr(svg, "sending begins"));
}

TEST(steps_follow_each_other)
{
    chart_begin(1);
    chart_add(kit_session(0, SESSION_OK, 0, 1, 2, 400, ""));
    chart.view->ops->end(chart.view, &chart.progress, &chart.total);
    chart.progress = kit_progress(2, 500 * MS);
    chart.progress.step = 1;
    chart.view->ops->begin(chart.view, &chart.progress);
    chart_add(kit_session(0, SESSION_OK, 500, 501, 502, 900, ""));
    chart_add(kit_session(1, SESSION_OK, 500, 501, 900, 1200, ""));
    chart_draw();
    has(">step 2: 2 sessions<");
    has(">3 sessions in 2 steps: 3 ok");
    ck_assert_uint_eq(count_of(svg, "<g data-session=\"0\""), 2);
    has("data-arrived=\"500000.000\"");
}

CASE("Too much for a picture")

TEST(every_session_has_a_row)
{
    static const unsigned counts[] = {1, 30, 31, 60, 61, 250, 1000, 4000};

    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        chart_begin(counts[i]);
        for (unsigned k = 0; k < counts[i]; k++)
            chart_add(kit_session(k, SESSION_OK, 0, 1, k + 2, k + 20, ""));
        chart_draw();
        ck_assert_uint_eq(count_of(svg, "<g data-session="), counts[i]);
        has(">A row for each session,");
        ck_assert_uint_lt(strlen(svg), 2500000);
        ck_assert_int_eq(strstr(svg, ">session</text>") != NULL, counts[i] <= 60);
    }
}

TEST(of_too_many_sessions_some_are_drawn)
{
    chart_begin(10000);
    for (unsigned k = 0; k < 10000; k++)
        chart_add(kit_session(k, SESSION_OK, 0, 1, k + 2, k + 20, ""));
    chart_draw();
    has(">10000 sessions: 10000 ok");
    has(">Rows for 3334 of 10000 sessions: every 3rd, ");
    ck_assert_uint_eq(count_of(svg, "<g data-session="), 3334);
    has("<title>served at once: up to 18.0"); /* of all, not of a third */
    ck_assert_uint_lt(strlen(svg), 2500000);
}

TEST(many_connections_in_a_row)
{
    size_t drawn = 0, cells = 0;
    const char *group;

    chart_begin(4);
    for (unsigned k = 0; k < 20000; k++) {
        struct session_record record =
            kit_session(k % 4, k == 777 ? SESSION_REFUSED : SESSION_OK, k / 4, k / 4 + 0.1,
                        k / 4 + 0.2, k / 4 + (k < 8 ? 0.9 : 0.8), "");

        record.connection = k / 4;
        chart_add(record);
    }
    chart_draw();
    for (group = svg; (group = strstr(group, "<g data-session=")) != NULL; group++) {
        char *tag = strndup(group, strcspn(group, ">"));
        const char *many = attribute(tag, "data-connections");

        drawn += many[0] != '\0' ? strtoul(many, NULL, 10) : 1;
        cells++;
        free(tag);
    }
    ck_assert_uint_eq(drawn, 20000); /* none is missing */
    ck_assert_uint_le(cells, 4000);
    has(">20000 connections, 4 at once: 19999 ok, 0 failed, 1 refused<");
    has(" ok, 0 failed, 1 refused</title>");
    ck_assert_uint_eq(count_of(svg, "<use href=\"#refused\""),
                      1); /* a failure is not lost in a cell */
}

TEST(what_is_left_out_is_counted)
{
    chart_begin(2);
    for (unsigned k = 0; k < 200010; k++)
        chart_add(kit_session(k % 2, SESSION_OK, k, k + 0.1, k + 0.2, k + 1, ""));
    chart_add(kit_session(1, SESSION_FAILED, -1, -1, -1, -1, "thread: cannot be started"));
    chart_draw();
    has(" The last 10 to end are left out.");
    has(" 1 never began.");
}

TEST(a_run_in_which_nothing_happened)
{
    chart_begin(1);
    chart_draw();
    has(">0 sessions: 0 ok");

    /* it could not even begin: the view is opened and closed */
    chart.file = kit_file();
    chart.view = view_timeline_new(chart.file.path);
    ck_assert(chart.view->ops->close(chart.view, &chart.total));
    svg = kit_file_text(&chart.file);
    expect_well_formed(svg);
}

TEST(interrupted)
{
    chart_begin(1);
    chart_add(kit_session(0, SESSION_FAILED, 0, 1, 2, 3, "interrupted"));
    chart.total.interrupted = 2;
    chart_draw();
    has(">1 session: 0 ok, 1 failed, 0 refused (interrupted)<");
}

/* The time is the one after the warm-up, and so is the number beside it. */
TEST(a_warm_up)
{
    chart_begin(1);
    chart_add(kit_session(0, SESSION_OK, 0, 1, 2, 3, ""));
    chart.total.warm_up_seconds = 1;
    chart.total.warm_verified = 4;
    chart_draw();
    has(">9 messages verified, 5 of them in the 2.50 s after the warm-up. The wait to be served: ");
}

CASE("The axis")

TEST(ticks_are_round)
{
    static const struct {
        double range;
        double tick;
    } cases[] = {{1, 0.1},    {1.2, 0.1},  {1.21, 0.2}, {2.65, 0.5}, {10, 1},
                 {0.3, 0.05}, {3600, 500}, {59, 5},     {61, 10}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_double_eq_tol(plan_tick(cases[i].range, 12), cases[i].tick, cases[i].tick * 1e-9);
    for (double range = 1e-4; range < 1e6; range *= 1.0173) {
        double tick = plan_tick(range, 12);

        ck_assert_double_le(range / tick, 12);
        ck_assert_double_ge(range / tick, 12 / 2.5 - 1e-9);
    }
}

TEST(an_axis_in_what_suits_it)
{
    chart_begin(1);
    chart_add(kit_session(0, SESSION_OK, 0, 1, 2, 2600, ""));
    chart_draw();
    has(">seconds since the run began<");
    has(">0.5<");
    has(">2.5<");
    chart_begin(1);
    chart_add(kit_session(0, SESSION_OK, 0, 1, 2, 26, ""));
    chart_draw();
    has(">milliseconds since the run began<");
    has(">25<");
}
