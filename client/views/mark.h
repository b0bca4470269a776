/* SPDX-License-Identifier: MIT */
/**
 * @file mark.h
 * A session in the chart of --timeline.
 */
#ifndef CLIENT_VIEWS_MARK_H
#define CLIENT_VIEWS_MARK_H

#include "client/session/record.h"

#include <stdbool.h>
#include <stdint.h>

/** What the chart keeps of a session's record. Times in nanoseconds from the begin of the run. */
struct mark {
    unsigned session;
    bool idle;
    enum session_state state;
    uint64_t connection; /**< of those of the session, from 0 */
    int64_t begun_ns;
    int64_t connected_ns;  /**< below 0: the session did not come so far */
    int64_t asked_ns;      /**< the same */
    int64_t served_ns;     /**< the same; set by served_find() */
    int64_t first_byte_ns; /**< the same */
    int64_t ended_ns;
    int64_t echo_ns_min; /**< 0: only its first message was answered */
    int64_t echo_ns_max;
    const char *reason; /**< "" if all is well */
};

/** @return whether the server worked for the session, and did not only refuse it */
static inline bool mark_is_served(const struct mark *mark)
{
    return mark->first_byte_ns >= 0 && mark->state != SESSION_REFUSED && !mark->idle;
}

/** @return when the session stopped waiting */
static inline int64_t mark_waited_until_ns(const struct mark *mark)
{
    if (mark->served_ns >= 0)
        return mark->served_ns;
    return mark->first_byte_ns >= 0 ? mark->first_byte_ns : mark->ended_ns;
}

#endif /* CLIENT_VIEWS_MARK_H */
