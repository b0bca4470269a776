/* SPDX-License-Identifier: MIT */
/*
 * The line of progress: rewritten in place on standard error, and erased at the end.
 *
 * DESIGN
 * What matters most comes first, and what no longer fits into the line is left out. The line is
 * overwritten with blanks, which every terminal understands, and it never reaches the last column,
 * after which some terminals begin a new line. A terminal that ^S has stopped is not written to: the
 * main thread would wait for it, and the run needs the main thread.
 */
#include "client/views/view.h"

#include "client/views/screen.h"
#include "common/clock.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PERIOD_NS (SECOND_NS / 5)

enum { LINE_ROOM = 80 };

struct progress_line {
    struct view view;
    unsigned shown;    /* columns of the line on the screen; 0: none */
    int64_t mark_ns;   /* when the rate was last counted */
    uint64_t verified; /* messages then */
    double rate;       /* of the last second; below 0: not yet known */
};

static void begin(struct view *view, const struct progress *progress)
{
    struct progress_line *line = (struct progress_line *)view;

    line->mark_ns = progress->now_ns;
    line->verified = 0;
    line->rate = -1;
}

/** Count messages a second, once a second, so that a person can read the figure. */
static void count_rate(struct progress_line *line, const struct progress *progress)
{
    int64_t passed_ns = progress->now_ns - line->mark_ns;

    if (passed_ns < SECOND_NS)
        return;
    line->rate = (double)(progress->verified - line->verified) * 1e9 / (double)passed_ns;
    line->mark_ns = progress->now_ns;
    line->verified = progress->verified;
}

/** Append a part if all of it fits. @param room  bytes of the line, with its end */
__attribute__((format(printf, 3, 4))) static void append(char *text, size_t room,
                                                         const char *format, ...)
{
    size_t size = strlen(text);
    va_list arguments;

    va_start(arguments, format);
    if ((size_t)vsnprintf(text + size, room - size, format, arguments) >= room - size)
        text[size] = '\0';
    va_end(arguments);
}

static void describe(const struct progress_line *line, const struct progress *progress, char *text,
                     size_t room)
{
    double seconds = (double)(progress->now_ns - progress->started_ns) / 1e9;

    snprintf(text, room, "%u of %u sessions done, %" PRIu64 " messages verified", progress->over,
             progress->sessions, progress->verified);
    if (progress->failed > 0)
        append(text, room, ", %" PRIu64 " failed", progress->failed);
    if (line->rate >= 0)
        append(text, room, ", %.0f/s", line->rate);
    if (progress->steps > 1)
        append(text, room, ", step %u/%u", progress->step + 1, progress->steps);
    if (progress->duration_ns > 0 && progress->started_ns > 0)
        append(text, room, ", %.0f of %.0f s", seconds, (double)progress->duration_ns / 1e9);
}

static void tick(struct view *view, const struct progress *progress)
{
    struct progress_line *line = (struct progress_line *)view;
    size_t room = screen_size(STDERR_FILENO).columns;
    char text[LINE_ROOM];

    if (room > sizeof text)
        room = sizeof text;
    count_rate(line, progress);
    describe(line, progress, text, room);
    if (!screen_is_ready(STDERR_FILENO))
        return;
    dprintf(STDERR_FILENO, "\r%-*s", (int)line->shown, text);
    if (strlen(text) > line->shown)
        line->shown = (unsigned)strlen(text);
}

static void end(struct view *view, const struct progress *progress, const struct summary *summary)
{
    struct progress_line *line = (struct progress_line *)view;

    (void)progress;
    (void)summary;
    if (line->shown > 0)
        dprintf(STDERR_FILENO, "\r%*s\r", (int)line->shown, "");
    line->shown = 0;
}

static bool close_line(struct view *view, const struct summary *total)
{
    (void)total;
    free(view);
    return true;
}

struct view *view_progress_new(void)
{
    static const struct view_ops ops = {
        .begin = begin, .tick = tick, .end = end, .close = close_line};
    struct progress_line *line = calloc(1, sizeof *line);

    if (line == NULL)
        return NULL;
    line->view = (struct view){.ops = &ops, .period_ns = PERIOD_NS};
    return &line->view;
}
