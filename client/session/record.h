/* SPDX-License-Identifier: MIT */
/**
 * @file record.h
 * What became of one session, kept for whoever shows sessions one by one: a row of --csv, a line of
 * --ndjson, a bar of --timeline.
 *
 * All times are of clock.h, in nanoseconds; 0 means that it did not come so far.
 */
#ifndef CLIENT_SESSION_RECORD_H
#define CLIENT_SESSION_RECORD_H

#include <stdbool.h>
#include <stdint.h>

enum session_state {
    SESSION_RUNNING, /**< nothing is decided yet */
    SESSION_OK,      /**< every reply was right and the server closed in order */
    SESSION_FAILED,  /**< reason says where and why */
    SESSION_REFUSED, /**< the server said BUSY; reason has its text */
};

/** "running", "ok", "failed" or "refused": for people and programs alike. */
const char *session_state_word(enum session_state state);

/** Room for a reason with the server's words in it. */
enum { SESSION_REASON = 160 };

struct session_record {
    /* what every exchange changes stands together: see struct session */
    uint64_t sent;         /**< messages */
    uint64_t bytes;        /**< of verified replies */
    int64_t echo_ns_max;   /**< the longest echo but for the first; 0: there was none */
    int64_t first_byte_ns; /**< the server's first byte came: the wait for a worker was over */
    uint64_t verified;
    int64_t begun_ns;     /**< connect() was called */
    int64_t connected_ns; /**< it was done */
    int64_t finishing_ns; /**< all replies were there: the half-close was sent */
    int64_t ended_ns;     /**< the server's end of file, or whatever else ended it */
    uint64_t connection;  /**< which of the connections this is, from 0 */
    unsigned session;     /**< its number, from 0; with --churn many in a row have the same */
    enum session_state state;
    bool idle; /**< one of --idle, which never speaks */
    bool mismatched;
    char reason[SESSION_REASON]; /**< "" where all is well */
};

#endif /* CLIENT_SESSION_RECORD_H */
