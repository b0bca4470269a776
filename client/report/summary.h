/* SPDX-License-Identifier: MIT */
/**
 * @file summary.h
 * The results of a run: counts, times, and errors in words. load_run() fills it, report.h shows it.
 *
 * Threads: none of its own. load_run() fills it under its own lock.
 */
#ifndef CLIENT_REPORT_SUMMARY_H
#define CLIENT_REPORT_SUMMARY_H

#include "client/session/measure.h"
#include "client/session/record.h"

#include <stdbool.h>
#include <stdint.h>

/** The most kinds of errors that are counted separately; the rest is "other errors". */
enum { SUMMARY_ERRORS = 32 };

/** Room for the name of a target, as in struct session_target. */
enum { SUMMARY_TARGET = 272 };

struct summary_error {
    char words[SESSION_REASON];
    uint64_t count;
};

/** Whether the client itself limited the run. */
struct summary_generator {
    unsigned threads; /**< that ran sessions */
    double cpu;       /**< of the busiest thread, or of all CPUs that they could use: 0 to 1 */
    bool busy; /**< cpu is above 0.9, or it was throttled often: the client was the bottleneck */
    bool late; /**< behind schedule: 1 % of the messages left SUMMARY_LATE_NS late or more */
    uint64_t periods;   /**< of the cgroup's CPU quota; 0: there is none */
    uint64_t throttled; /**< of them: the quota was used up, and the client had to wait */
};

/** The clock of this machine, compared with that of a server by --clock-of. */
struct summary_clock {
    char of[SUMMARY_TARGET]; /**< the name of the server; "": it was not compared */
    int64_t ahead_ns;        /**< of the server's clock; negative: behind */
    int64_t within_ns;       /**< the error is at most that */
};

/** A message is late if it is due and can be sent, but has not been for this long. */
#define SUMMARY_LATE_NS INT64_C(1000000)

struct summary {
    /* sessions: requested = ok + failed + refused + closed. With --churn and --reconnect each connection
     * counts */
    unsigned concurrency; /**< sessions at once */
    uint64_t requested;
    uint64_t ok;
    uint64_t failed;
    uint64_t unmade; /**< of those: the client could not even call connect() */
    uint64_t refused;
    uint64_t closed;      /**< by the server, between two messages */
    uint64_t reconnected; /**< of those: the session went on with another connection */
    /* of --idle, which are in no other count */
    uint64_t idle_requested;
    uint64_t idle_connected;
    uint64_t idle_ended; /**< by the server, before the end of the run */

    uint64_t sent; /**< messages */
    uint64_t verified;
    uint64_t mismatched;
    uint64_t
        resent; /**< that were sent into a close by the server, and again; counted once in sent */
    uint64_t bytes; /**< of verified replies */
    double rate;    /**< messages a second that were requested; 0: closed loop */
    unsigned depth; /**< messages of a session that may be unanswered at once */
    double seconds; /**< from when sessions could send (the barrier) to the end of the last */
    /* Of the warm-up, which is not in seconds. Its messages are in sent and verified, but in no rate or time. */
    double warm_up_seconds; /**< 0: there was none */
    uint64_t warm_sent;
    uint64_t warm_verified;
    int64_t started_wall_ns; /**< when the seconds begin, by CLOCK_REALTIME */
    int64_t ended_wall_ns;
    struct summary_clock clock; /**< of one run: summary_merge() leaves it as it is */
    int interrupted;            /**< the signal that ended the run early; 0: none did */
    struct summary_generator generator;
    struct measure measure; /**< histograms in nanoseconds */
    struct summary_error errors[SUMMARY_ERRORS + 1];
    unsigned error_kinds;
    uint64_t unrecorded; /**< sessions that the views have not seen, for want of memory */

    /* Each target's share of all that is above. Its seconds are those of the whole, so that rates add up. */
    struct summary **targets;
    unsigned target_count;
    char target[SUMMARY_TARGET]; /**< of the summary of a target: its name */
};

/** @return false for want of memory; then there is nothing to clear */
bool summary_init(struct summary *summary);
void summary_clear(struct summary *summary);

/** Add a target that has no share yet. @return its summary; NULL: there is no memory */
struct summary *summary_add_target(struct summary *summary, const char *name);

/** Count a session that has ended, in requested too. Those of --idle are not counted here. */
void summary_add(struct summary *summary, const struct session_record *record);

/** Count a number of errors of the same words. */
void summary_add_errors(struct summary *summary, const char *words, uint64_t count);

/**
 * Add one run to another: counts and histograms, without loss, and errors, sorted. The rate is the
 * mean of both, weighted by their seconds; of other settings the larger is kept. The seconds are
 * added; a caller that merges runs which overlap in time calls summary_set_seconds() and sets
 * concurrency afterwards. Targets of the same name are one.
 *
 * @return false for want of memory; `into` is of no use then
 */
bool summary_merge(struct summary *into, const struct summary *from);

/** Set how long the run took, also of its targets. The rate changes so that the messages stay the same. */
void summary_set_seconds(struct summary *summary, double seconds);

/** Order the errors, the most frequent first. */
void summary_sort_errors(struct summary *summary);

/** @return verified replies per second, without those of the warm-up; 0 if no time has passed */
double summary_rate(const struct summary *summary);

/** @return the same of the messages that were sent */
double summary_sent_rate(const struct summary *summary);

#endif /* CLIENT_REPORT_SUMMARY_H */
