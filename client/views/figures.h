/* SPDX-License-Identifier: MIT */
/**
 * @file figures.h
 * What several views show: times as text, and what happened within the last interval.
 */
#ifndef CLIENT_VIEWS_FIGURES_H
#define CLIENT_VIEWS_FIGURES_H

#include "client/views/view.h"

#include <stdbool.h>
#include <stdint.h>

/** Room for one figure as text. */
enum { FIGURES_ROOM = 32 };

/** Print exact microseconds, for programs: "1234.567". @return text */
const char *figures_us(char text[static FIGURES_ROOM], int64_t ns);

/** Print three digits and a unit, for people: "85.0 us", "1.20 ms", "12.3 s". @return text */
const char *figures_time(char text[static FIGURES_ROOM], int64_t ns);

/** Copy a reason with a dot for each byte that may not be shown. @return text */
const char *figures_clean(char text[static SESSION_REASON], const char *reason);

/** What happened in an interval. */
struct interval {
    double seconds; /**< 0: no interval has ended yet */
    uint64_t messages;
    double rate; /**< messages a second */
    bool timed;  /**< the times of some echoes are known; else the rest is 0 */
    bool lost;   /**< there was no memory to know them */
    int64_t p50_ns;
    int64_t p99_ns;
    int64_t max_ns; /**< rounded up, by 0.1 % at most */
};

/** The state at the begin of an interval: the difference to it is what happened in the interval. */
struct window {
    int64_t begun_ns;
    uint64_t verified;
    struct histogram *before; /**< NULL: there were no echoes */
    bool blind;               /**< there was no memory for it */
};

/** Begin an interval. @param fresh  it is the first of a load: nothing has happened before */
void window_begin(struct window *window, const struct progress *progress, bool fresh);
void window_clear(struct window *window);

/** End the interval and begin the next. Without memory nothing is timed. */
struct interval window_end(struct window *window, const struct progress *progress);

#endif /* CLIENT_VIEWS_FIGURES_H */
