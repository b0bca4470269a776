/* SPDX-License-Identifier: MIT */
/**
 * @file record.h
 * The outcome of one connection of a session, for the views that show each: a row of --csv, a line of
 * --ndjson, a bar of --timeline.
 *
 * All times are of clock.h, in nanoseconds; 0: the connection did not get that far.
 */
#ifndef CLIENT_SESSION_RECORD_H
#define CLIENT_SESSION_RECORD_H

#include <stdbool.h>
#include <stdint.h>

enum session_state {
    SESSION_RUNNING, /**< nothing is decided yet */
    SESSION_OK,      /**< every reply was right and the server closed in order */
    SESSION_FAILED,  /**< reason has the words */
    SESSION_REFUSED, /**< the server said BUSY; reason has its line */
    SESSION_CLOSED, /**< every reply was right, and the server closed before the next message was sent */
    SESSION_STATES
};

/** "running", "ok", "failed", "refused" or "closed": in texts and in files. */
const char *session_state_word(enum session_state state);

/** Room for a reason with the server's words in it. */
enum { SESSION_REASON = 160 };

struct session_record {
    /* what every exchange looks at stands together: see struct session */
    uint64_t sent;      /**< messages */
    uint64_t bytes;     /**< of verified replies */
    uint64_t warm_sent; /**< of those, messages that were due in the warm-up */
    uint64_t warm_verified;
    int64_t echo_ns_max;   /**< the longest echo, except the first; 0: there was none */
    int64_t echo_ns_min;   /**< the shortest of them, from when it was sent */
    int64_t asked_ns;      /**< the first message was sent: the server could begin with it */
    int64_t first_byte_ns; /**< the server's first byte came: the wait for a worker was over */
    uint64_t verified;
    int64_t begun_ns;     /**< connect() was called */
    int64_t connected_ns; /**< and succeeded */
    int64_t finishing_ns; /**< all replies were there: the half-close was sent */
    int64_t ended_ns;     /**< the server's end of file, or whatever else ended it */
    uint64_t connection;  /**< which of the connections this is, from 0 */
    unsigned session;     /**< the session's number, from 0 */
    const char *target;   /**< the name of its server */
    enum session_state state;
    bool idle;                   /**< one of --idle, which never sends */
    bool mismatched;             /**< wrong or extra bytes came */
    bool resumed;                /**< the session goes on with another connection */
    unsigned resent;             /**< messages that go there again, and are not in sent */
    char reason[SESSION_REASON]; /**< "" if it is ok */
};

#endif /* CLIENT_SESSION_RECORD_H */
