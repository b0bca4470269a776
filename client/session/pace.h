/* SPDX-License-Identifier: MIT */
/**
 * @file pace.h
 * When a session sends: at once, after a while of thinking, or by a schedule.
 *
 * A closed loop sends when the last reply has come. An open loop sends by a schedule, whether or not
 * the server keeps up, like users who do not know of each other; a latency then counts from the
 * schedule. (Schroeder, Wierman and Harchol-Balter, "Open Versus Closed: A
 * Cautionary Tale", NSDI 2006; on what is missed otherwise: Gil Tene, "How NOT to Measure Latency".)
 *
 * Random times are reproducible: they come from the numbers of session and message alone.
 *
 * Threads: pure functions of their arguments; a struct pace belongs to one session.
 */
#ifndef CLIENT_SESSION_PACE_H
#define CLIENT_SESSION_PACE_H

#include <stdbool.h>
#include <stdint.h>

/** The highest rate of a schedule, in messages a second of all sessions together. */
#define PACE_RATE_MAX 1e9

/** A length of time: always the same, or random. */
struct spread {
    enum spread_kind {
        SPREAD_NONE,        /**< 0 */
        SPREAD_CONSTANT,    /**< from_ns */
        SPREAD_EVEN,        /**< from from_ns to to_ns, each equally likely */
        SPREAD_EXPONENTIAL, /**< its mean is from_ns, its maximum 20 times that */
    } kind;
    int64_t from_ns;
    int64_t to_ns;
};

/** The length with a sequence number of a session; the same each time. */
int64_t spread_draw(const struct spread *spread, unsigned session, uint64_t sequence);

/** The schedule of one session, one of many that share a rate. Zeroed: no schedule, a closed loop. */
struct pace {
    double gap_ns; /**< between two messages of this session, or its mean; 0: closed loop */
    bool random;   /**< exponential gaps: all sessions together are a Poisson process */
    unsigned session;
    double first_ns;   /**< of the first message, counted from the start */
    double next_ns;    /**< of the next message, counted from the start */
    uint64_t sequence; /**< of that message, from 0 */
};

/**
 * Set up the schedule of a session. Sessions share the rate, in messages a second, and take turns:
 * session k of n sends its i-th message at (i * n + k) / rate. With random gaps each draws its own.
 */
void pace_init(struct pace *pace, double rate, bool random, unsigned session, unsigned sessions);

/**
 * Leave out the messages that are due before a moment, counted from the start: the session begins
 * later. Right after pace_init(), of an open loop only.
 */
void pace_skip(struct pace *pace, int64_t until_ns);

static inline bool pace_is_open(const struct pace *pace)
{
    return pace->gap_ns > 0;
}

/** When the next message is due, in nanoseconds from the start. Of an open loop only. */
static inline int64_t pace_due_ns(const struct pace *pace)
{
    return (int64_t)pace->next_ns;
}

/** Go on by this many messages; random gaps are taken for the mean. Of an open loop only. */
void pace_leave_out(struct pace *pace, uint64_t count);

/** Go on to the next message. */
void pace_next(struct pace *pace);

/** Go back by this many messages, which will be sent again. Of an open loop only. */
void pace_back(struct pace *pace, uint64_t count);

#endif /* CLIENT_SESSION_PACE_H */
