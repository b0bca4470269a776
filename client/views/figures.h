/* SPDX-License-Identifier: MIT */
/**
 * @file figures.h
 * Figures that several views show: times as text, and what happened within the last interval.
 */
#ifndef CLIENT_VIEWS_FIGURES_H
#define CLIENT_VIEWS_FIGURES_H

#include "client/views/view.h"

#include <stdbool.h>
#include <stdint.h>

/** Room for one figure as text. */
enum { FIGURES_ROOM = 32 };

/** For programs: microseconds, exact: "1234.567". @return text */
const char *figures_us(char text[static FIGURES_ROOM], int64_t ns);

/** For people: three digits and a unit: "85.0 us", "1.20 ms", "12.3 s". @return text */
const char *figures_time(char text[static FIGURES_ROOM], int64_t ns);

/** For files: whatever is no printable ASCII becomes a dot. @return text */
const char *figures_clean(char text[static SESSION_REASON], const char *reason);

/** What happened in an interval. */
struct interval {
    double seconds; /**< 0: there has been none yet */
    uint64_t messages;
    double rate; /**< messages a second */
    bool timed;  /**< there were echoes whose times are known; else the rest is 0 */
    int64_t p50_ns;
    int64_t p99_ns;
    int64_t max_ns; /**< rounded up, by 0.1 % at most */
};

/** Tells intervals of one load apart, by what was so at the end of the last. */
struct window {
    int64_t begun_ns;
    uint64_t verified;
    struct histogram *before; /**< NULL: no echoes then */
    bool blind;               /**< no memory was to be had for it */
};

/** An interval begins. The first time of a load with `fresh`: nothing has happened before. */
void window_begin(struct window *window, const struct progress *progress, bool fresh);
void window_clear(struct window *window);

/** It ends here, and the next begins. Nothing is timed for want of memory. */
struct interval window_end(struct window *window, const struct progress *progress);

#endif /* CLIENT_VIEWS_FIGURES_H */
