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
    unsigned idle;     /**< further sessions that connect first and never speak */
    bool churn;        /**< a session that is over begins anew, until the plan's duration is over */
    int64_t start_at_ns; /**< by CLOCK_REALTIME: nobody sends earlier; 0: at once */
    struct view **views; /**< who looks on */
    unsigned view_count;
    unsigned step;  /**< of --steps, from 0 */
    unsigned steps; /**< at least 1 */
};

#endif /* CLIENT_LOAD_SETTINGS_H */
