/* SPDX-License-Identifier: MIT */
/**
 * @file view.h
 * Whoever looks on while a load runs: the progress line, the full screen, the files of sessions.
 *
 * load_run() calls each view from time to time, and for each session that is over; a view takes
 * what it is told and points back to nothing. One run with --steps is several loads, one after
 * another, with the same views.
 *
 * Threads: all calls come from the main thread. Sessions go on meanwhile.
 */
#ifndef CLIENT_VIEWS_VIEW_H
#define CLIENT_VIEWS_VIEW_H

#include "client/report/summary.h"
#include "client/session/record.h"

#include <stdbool.h>
#include <stdint.h>

/** How a load stands. Sessions: requested = beginning + queued + served + over. */
struct progress {
    int64_t now_ns;
    int64_t started_ns;  /**< when the barrier opened; 0: it is closed */
    int64_t duration_ns; /**< how long it is to be; 0: until all messages are through */
    unsigned step;       /**< of --steps, from 0 */
    unsigned steps;      /**< at least 1 */
    unsigned sessions;   /**< at once */
    unsigned beginning;  /**< not yet connected */
    unsigned queued; /**< connected, and no reply yet: in the backlog or the queue of the server */
    unsigned served; /**< the server has answered them */
    unsigned over;
    unsigned idle;                /**< of --idle that are connected */
    uint64_t failed;              /**< of all that are over, failed or refused */
    uint64_t verified;            /**< messages, those of sessions that run too */
    uint64_t expected;            /**< of all sessions; 0: not known */
    uint64_t bytes;               /**< of verified replies */
    double rate;                  /**< asked for; 0: closed loop */
    const struct histogram *echo; /**< all echoes so far, but those of the last moment */
};

struct view;

/** Any entry may be NULL but close. */
struct view_ops {
    /** A load begins. */
    void (*begin)(struct view *view, const struct progress *progress);
    /** Every view->period_ns while it runs. */
    void (*tick)(struct view *view, const struct progress *progress);
    /** A session is over. */
    void (*session)(struct view *view, const struct session_record *record);
    /** The load is over; its summary is complete. After an interruption too. */
    void (*end)(struct view *view, const struct progress *progress, const struct summary *summary);
    /**
     * The run is over: write what remains, and release everything.
     *
     * @param total  of all steps
     * @return       false where something could not be written; said on standard error
     */
    bool (*close)(struct view *view, const struct summary *total);
};

/** The beginning of every view's own struct. */
struct view {
    const struct view_ops *ops;
    int64_t period_ns; /**< between two ticks; 0: it wants none */
};

/** A line on standard error that is written over and over: for a terminal only. */
struct view *view_progress_new(void);

/**
 * --top: a full-screen view on standard error, which is a terminal. Restores the screen at the end of
 * each load. In colours unless NO_COLOR is set.
 */
struct view *view_top_new(void);

/*
 * The files. Each is opened at once, "-" being standard output, so that what cannot be written is
 * known before the load. NULL with errno set where that fails.
 */
struct view *view_csv_new(const char *path);    /**< --csv: a row per session */
struct view *view_ndjson_new(const char *path); /**< --ndjson: an object per line, as it happens */
struct view *view_hist_new(const char *path);   /**< --hist: percentiles, HdrHistogram's text */
struct view *view_timeline_new(const char *path); /**< --timeline: SVG, a row per session */

#endif /* CLIENT_VIEWS_VIEW_H */
