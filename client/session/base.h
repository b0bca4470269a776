/* SPDX-License-Identifier: MIT */
/**
 * @file base.h
 * What the stages of a session share: its clock, its place, what it waits for, and its end.
 *
 * Each function that ends a session closes it and returns STAGE_OVER, for the stage to return.
 */
#ifndef CLIENT_SESSION_BASE_H
#define CLIENT_SESSION_BASE_H

#include "client/session/session.h"
#include "common/clock.h"

#include <sys/types.h>

/* --- time ---------------------------------------------------------------------------------- */

/** Read the clock. */
static inline int64_t session_look_at_clock(struct session *session)
{
    return session->now_ns = clock_now_ns();
}

/** When the next message is due. */
static inline int64_t session_due_ns(const struct session *session)
{
    return pace_is_open(&session->pace) ? session->start_ns + pace_due_ns(&session->pace)
                                        : session->connection.due_ns;
}

/** Something went forward: the operation under way has all its time again. */
static inline void session_progressed(struct session *session)
{
    session->connection.deadline_ns = session->now_ns + session->plan->timeout_ns;
}

/** Whether the operation under way has used up its time. */
static inline bool session_timed_out(const struct session *session)
{
    return session->now_ns >= session->connection.deadline_ns;
}

/** Wait in a stage for the descriptor, for one operation's time. @return the stage */
static inline enum session_stage session_wait_for(const struct session *session,
                                                  enum session_stage stage, unsigned need,
                                                  struct session_wait *wait)
{
    wait->need = need;
    wait->deadline_ns = session->connection.deadline_ns;
    return stage;
}

/* --- place --------------------------------------------------------------------------------- */

/** Publish where the session stands, after what it has verified: a new connection has verified nothing. */
static inline void session_set_place(struct session *session, enum session_place place)
{
    atomic_store_explicit(&session->place, (unsigned char)place, memory_order_release);
}

/** Publish how many replies were right. */
static inline void session_set_verified(struct session *session, uint64_t verified)
{
    atomic_store_explicit(&session->verified, verified, memory_order_relaxed);
}

/** Whether what began at a moment is in the times and rates: not if the warm-up was under way. */
static inline bool session_counts(const struct session *session, int64_t begun_ns)
{
    const struct session_plan *plan = session->plan;
    int64_t start_ns = session->start_ns != 0 || plan->barrier ? session->start_ns : plan->begin_ns;

    return plan->warm_up_ns == 0 || (start_ns != 0 && begun_ns - start_ns >= plan->warm_up_ns);
}

/** Record how long a phase took, if the plan measures and it did not begin in the warm-up. */
void session_measure(const struct session *session, enum measure_phase phase, int64_t begun_ns,
                     int64_t ended_ns);

/** The server has begun to serve this session: it no longer waits for a worker. */
void session_first_byte(struct session *session, int64_t now_ns);

/** Name a point of the conversation, for a reason: "before the first reply". */
const char *session_where(const struct session *session);

/* --- end ----------------------------------------------------------------------------------- */

/* How long a session waits before another connection, if the server did not begin to serve the last. */
#define SESSION_PAUSE_NS INT64_C(10000000)

/** Close the socket, if there is one. */
void session_hang_up(struct session *session);

/** Close the socket, if there is one, and complete the record. */
enum session_stage session_close(struct session *session, enum session_state state);

/** If there are several targets, put the session's one in front of the reason why it ended. */
void session_name_target(struct session *session);

/** Fail for a reason, or as "interrupted" if session_stop() caused it. */
enum session_stage session_fail(struct session *session, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** Put an errno value into words that can stand in the middle of a phrase. @return words */
const char *session_errno_words(int error, char words[static SESSION_REASON / 2]);

/** Fail by an errno value, in an operation. */
enum session_stage session_fail_errno(struct session *session, const char *operation, int error);

/** Fail because the connection is lost. @param code  of stream_read() or stream_write_some() */
enum session_stage session_lost(struct session *session, ssize_t code, const char *where);

#endif /* CLIENT_SESSION_BASE_H */
