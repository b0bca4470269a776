/* SPDX-License-Identifier: MIT */
/**
 * @file view.h
 * Views of a load that runs: the progress line, the full screen, the files of sessions.
 *
 * load_run() calls each view from time to time, and for each session that has ended; a view keeps no
 * pointer to what it receives. A run with --steps is several loads, one after another, with the same
 * views.
 *
 * Threads: all calls come from the main thread. Sessions run meanwhile.
 */
#ifndef CLIENT_VIEWS_VIEW_H
#define CLIENT_VIEWS_VIEW_H

#include "client/report/summary.h"
#include "client/session/record.h"

#include <stdbool.h>
#include <stdint.h>

/** The state of a load. Sessions: requested = beginning + queued + served + over. */
struct progress {
    int64_t now_ns;
    int64_t started_ns;  /**< when the barrier opened; 0: it is closed */
    int64_t duration_ns; /**< of --duration; 0: until all messages are sent */
    unsigned step;       /**< of --steps, from 0 */
    unsigned steps;      /**< at least 1 */
    unsigned sessions;   /**< at once */
    unsigned beginning;  /**< not yet connected */
    unsigned queued;   /**< connected, without a reply: in the backlog or the queue of the server */
    unsigned served;   /**< the server has answered */
    unsigned over;     /**< ended */
    unsigned idle;     /**< of --idle that are connected */
    uint64_t failed;   /**< of those that have ended: failed or refused */
    uint64_t verified; /**< messages, also of sessions that still run */
    uint64_t expected; /**< messages of all sessions; 0: not known */
    uint64_t bytes;    /**< of verified replies */
    double rate;       /**< requested; 0: closed loop */
    const struct histogram *echo; /**< all echoes except those of the last moment; NULL: none */
};

struct view;

/** Any entry except close may be NULL. */
struct view_ops {
    /** Begin a load. */
    void (*begin)(struct view *view, const struct progress *progress);
    /** Show the state, every view->period_ns while the load runs. */
    void (*tick)(struct view *view, const struct progress *progress);
    /** Take the record of a session that has ended. */
    void (*session)(struct view *view, const struct session_record *record);
    /** End a load, with its complete summary. Called after an interruption too. */
    void (*end)(struct view *view, const struct progress *progress, const struct summary *summary);
    /**
     * End the run: write what remains, and release everything.
     *
     * @param total  of all steps
     * @return       false if something could not be written, which is logged
     */
    bool (*close)(struct view *view, const struct summary *total);
};

/** The beginning of every view's own struct. */
struct view {
    const struct view_ops *ops;
    int64_t period_ns; /**< between two ticks; 0: none */
};

/** Make the progress line on standard error, which is a terminal. */
struct view *view_progress_new(void);

/**
 * Make the full-screen view of --top on standard error, which is a terminal. It restores the screen at
 * the end of each load, and has colours unless NO_COLOR is set.
 */
struct view *view_top_new(void);

/*
 * The files. Each is opened at once ("-": standard output), so that the user learns before the load
 * which cannot be written. On failure NULL with errno set.
 */
struct view *view_csv_new(const char *path);    /**< --csv: a row per session */
struct view *view_ndjson_new(const char *path); /**< --ndjson: an object per line, as it happens */
struct view *view_hist_new(const char *path);   /**< --hist: percentiles, HdrHistogram's text */
struct view *view_timeline_new(const char *path); /**< --timeline: SVG, a row per session */

#endif /* CLIENT_VIEWS_VIEW_H */
