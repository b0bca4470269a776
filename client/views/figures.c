/* SPDX-License-Identifier: MIT */
/* Times as text, and differences between two states of a load. */
#include "client/views/figures.h"

#include "common/printable.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *figures_us(char text[static FIGURES_ROOM], int64_t ns)
{
    uint64_t size = ns < 0 ? -(uint64_t)ns : (uint64_t)ns;

    snprintf(text, FIGURES_ROOM, "%s%" PRIu64 ".%03u", ns < 0 ? "-" : "", size / 1000,
             (unsigned)(size % 1000));
    return text;
}

const char *figures_time(char text[static FIGURES_ROOM], int64_t ns)
{
    static const char *const units[] = {"ns", "us", "ms", "s"};
    double value = (double)ns;
    size_t unit = 0;

    while (value >= 999.5 && unit + 1 < sizeof units / sizeof units[0]) {
        value /= 1000;
        unit++;
    }
    snprintf(text, FIGURES_ROOM, "%.*f %s",
             unit == 0 || value >= 99.95 ? 0
             : value >= 9.995            ? 1
                                         : 2,
             value, units[unit]);
    return text;
}

const char *figures_clean(char text[static SESSION_REASON], const char *reason)
{
    printable_text(text, SESSION_REASON, reason, strlen(reason), '.');
    return text;
}

/** Copy a histogram. @return NULL: there is none, or no memory */
static struct histogram *copy(const struct histogram *histogram)
{
    struct histogram *own = histogram != NULL ? histogram_new() : NULL;

    if (own != NULL)
        histogram_add(own, histogram);
    return own;
}

void window_begin(struct window *window, const struct progress *progress, bool fresh)
{
    histogram_free(window->before);
    window->before = fresh ? NULL : copy(progress->echo);
    window->blind = !fresh && progress->echo != NULL && window->before == NULL;
    window->begun_ns = progress->now_ns;
    window->verified = fresh ? 0 : progress->verified;
}

void window_clear(struct window *window)
{
    histogram_free(window->before);
    window->before = NULL;
}

/** Measure the echoes that have come since the interval began. */
static void measure_interval(const struct window *window, const struct histogram *echo,
                             struct interval *interval)
{
    struct histogram *recent = window->blind ? NULL : copy(echo);

    interval->lost = recent == NULL;
    if (recent == NULL)
        return;
    if (window->before != NULL)
        histogram_subtract(recent, window->before);
    interval->timed = histogram_count(recent) > 0;
    interval->p50_ns = histogram_percentile(recent, 50);
    interval->p99_ns = histogram_percentile(recent, 99);
    interval->max_ns = histogram_max(recent);
    histogram_free(recent);
}

struct interval window_end(struct window *window, const struct progress *progress)
{
    struct interval interval = {
        .seconds = (double)(progress->now_ns - window->begun_ns) / 1e9,
        .messages = progress->verified - window->verified,
    };

    if (interval.seconds > 0)
        interval.rate = (double)interval.messages / interval.seconds;
    measure_interval(window, progress->echo, &interval);
    window_begin(window, progress, false);
    return interval;
}
