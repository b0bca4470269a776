/* SPDX-License-Identifier: MIT */
/**
 * @file summary.h
 * What came of a run: counts, times, and errors in words. Filled by load_run(), shown by report.h.
 */
#ifndef CLIENT_SUMMARY_H
#define CLIENT_SUMMARY_H

#include "client/measure.h"
#include "client/session.h"

#include <stdbool.h>
#include <stdint.h>

/** So many kinds of errors are told apart; the rest is counted as "other errors". */
enum { SUMMARY_ERRORS = 32 };

struct summary_error {
    char words[SESSION_REASON];
    uint64_t count;
};

struct summary {
    unsigned requested; /**< sessions; = ok + failed + refused */
    unsigned ok;
    unsigned failed;
    unsigned refused;
    uint64_t sent; /**< messages */
    uint64_t verified;
    uint64_t mismatched;
    uint64_t bytes;  /**< of verified replies */
    double seconds;  /**< from when sessions could send (the barrier) to the end of the last */
    int interrupted; /**< the signal that ended the run early; 0: none did */
    struct measure measure; /**< histograms in nanoseconds */
    struct summary_error errors[SUMMARY_ERRORS + 1];
    unsigned error_kinds;
};

/** @return false for want of memory; then there is nothing to clear */
bool summary_init(struct summary *summary, unsigned requested);
void summary_clear(struct summary *summary);

/** Count a session that is over. */
void summary_add(struct summary *summary, const struct session *session);

/** Order the errors, the most frequent first. */
void summary_sort_errors(struct summary *summary);

/** Verified replies per second; 0 where no time has passed. */
double summary_rate(const struct summary *summary);

#endif /* CLIENT_SUMMARY_H */
