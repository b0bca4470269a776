/* SPDX-License-Identifier: MIT */
/**
 * @file poll.h
 * A session run on the calling thread, which waits in poll() when the session does not wait itself.
 */
#ifndef CLIENT_SESSION_POLL_H
#define CLIENT_SESSION_POLL_H

#include "client/session/session.h"

/**
 * Advance the session until it is over or needs something that only the caller has.
 *
 * @param stop_fd  readable: session_stop() has been called; -1: there is none
 * @return         NEED_NOTHING, NEED_BARRIER or NEED_MESSAGE
 */
unsigned poll_run(struct session *session, int stop_fd);

#endif /* CLIENT_SESSION_POLL_H */
