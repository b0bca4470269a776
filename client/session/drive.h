/* SPDX-License-Identifier: MIT */
/**
 * @file drive.h
 * A session run on the calling thread, which waits for it in poll() wherever the session's own
 * calls do not.
 */
#ifndef CLIENT_SESSION_DRIVE_H
#define CLIENT_SESSION_DRIVE_H

#include "client/session/session.h"

/**
 * Go on until the session is over or wants something that is not for this thread to wait for.
 *
 * @param stop_fd  readable: look again, session_stop() has been called; -1: there is none
 * @return         NEED_NOTHING, NEED_BARRIER or NEED_MESSAGE
 */
unsigned drive(struct session *session, int stop_fd);

#endif /* CLIENT_SESSION_DRIVE_H */
