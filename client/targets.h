/* SPDX-License-Identifier: MIT */
/**
 * @file targets.h
 * The servers of a run: those of each --host, with their addresses and names.
 */
#ifndef CLIENT_TARGETS_H
#define CLIENT_TARGETS_H

#include "client/options.h"
#include "client/report/summary.h"
#include "client/session/session.h"
#include "client/target-name.h"

/** Must stay where it is: the targets point into it. */
struct targets {
    unsigned count;
    struct session_target at[TARGETS_MAX];
    char names[TARGETS_MAX][TARGET_HOST_MAX]; /* that their certificates must have */
    char texts[TARGETS_MAX][SUMMARY_TARGET];  /* their names with the ports, as they are shown */
};

/**
 * Look up all values of --host. Returns only on success: otherwise the program ends with a sentence, on a
 * host without an address, and on one that is given twice.
 */
void targets_find(struct targets *targets, const struct options *options);

#endif /* CLIENT_TARGETS_H */
