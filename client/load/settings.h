/* SPDX-License-Identifier: MIT */
/**
 * @file settings.h
 * What a load is, beside the plan that its sessions follow.
 */
#ifndef CLIENT_LOAD_SETTINGS_H
#define CLIENT_LOAD_SETTINGS_H

#include "client/views/view.h"

#include <stdbool.h>
#include <stdint.h>

struct load_settings {
    unsigned sessions; /**< at least 1 */
    unsigned threads;  /**< loops that share them; 0: a thread for each session */
    unsigned idle;     /**< further sessions, which connect first and never send */
    bool churn; /**< reconnect each session when it finishes, until the plan's duration is over */
    int64_t start_at_ns; /**< by CLOCK_REALTIME: no message is sent earlier; 0: at once */
    /** What CLOCK_REALTIME is ahead of CLOCK_MONOTONIC, once for all loads of a run: the wall clock may be set. */
    int64_t wall_ahead_ns;
    struct view **views;
    unsigned view_count;
    unsigned step;  /**< of --steps, from 0 */
    unsigned steps; /**< at least 1 */
};

#endif /* CLIENT_LOAD_SETTINGS_H */
