/* SPDX-License-Identifier: MIT */
/**
 * @file internal.h
 * What the files of a session share: session.c leads it through its stages, converse.c exchanges
 * messages, ending.c finds the words for how it was lost, again.c has it connect anew.
 */
#ifndef CLIENT_SESSION_INTERNAL_H
#define CLIENT_SESSION_INTERNAL_H

#include "client/session/session.h"

#include <sys/types.h>

/** What a stage has come to. */
enum turn {
    TURN_ON,   /**< the stage has changed, or is worth another look */
    TURN_WAIT, /**< wait has been filled: nothing more can be done now */
};

/** Read the clock. */
int64_t session_look_at_clock(struct session *session);

/** Tell those who look on. */
static inline void session_set_place(struct session *session, enum session_place place)
{
    atomic_store_explicit(&session->place, (unsigned char)place, memory_order_relaxed);
}

/** When the next message is to be sent. */
static inline int64_t session_due_ns(const struct session *session)
{
    return pace_is_open(&session->pace) ? session->start_ns + pace_due_ns(&session->pace)
                                        : session->due_ns;
}

/** Something went forward: the operation under way has all its time again. */
static inline void session_progressed(struct session *session)
{
    session->deadline_ns = session->now_ns + session->plan->timeout_ns;
}

/** Wait for the descriptor, for one operation's time. */
enum turn session_wait_for(struct session *session, unsigned need, struct session_wait *wait);

/** Whether the operation under way has used up its time. */
bool session_timed_out(const struct session *session);

/** The server has begun to serve this session: the wait for that is over. */
void session_first_byte(struct session *session, int64_t now_ns);

/* --- converse.c ---------------------------------------------------------------------------- */

/** Exchange messages, as far as they are due and the server answers. */
enum turn converse(struct session *session, unsigned ready, struct session_wait *wait);

/** What remains of a reply that has turned out to be wrong, or that has been lost: is it BUSY? */
enum turn converse_refusal(struct session *session, unsigned ready, struct session_wait *wait);

/** Something else came where a reply should be, or nothing can be sent: listen for BUSY. */
void converse_listen(struct session *session, int lost_code);

/** After half-close: bytes have come that nobody asked for. */
void converse_extra(struct session *session, const unsigned char *bytes, size_t size);

/* --- ending.c ------------------------------------------------------------------------------ */

/** Say why a session failed, unless that is settled already, and close it. */
void session_fail(struct session *session, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** The same with an errno value, after what was being done. */
void session_fail_errno(struct session *session, const char *operation, int error);

/** Where in the conversation it stands, for a phrase: "before the first reply". */
const char *session_where(const struct session *session);

/** The connection is lost. @param code  what stream_read() or stream_write_some() returned */
void session_lost(struct session *session, ssize_t code, const char *where);

/** The server said BUSY. */
void session_refused(struct session *session);

/** Close the socket, if there is one; the session is over. */
void session_close(struct session *session);

#endif /* CLIENT_SESSION_INTERNAL_H */
