/* SPDX-License-Identifier: MIT */
/**
 * @file echo.h
 * The echo itself.
 *
 * Threads: the serving side.
 */
#ifndef SERVER_SESSION_ECHO_H
#define SERVER_SESSION_ECHO_H

#include "server/session/session.h"

/**
 * Echo: receive, transform, send, until the client sends end of file. Every model comes here.
 *
 * Two system calls an echo, no allocation, no lock.
 */
enum need communicate(struct session *session, unsigned char *buffer);

/**
 * Keep the end of an echo that the stream has taken, and now reports as not sent: communicate() sends it
 * before anything else. It stays counted as sent, since counters must not decrease. Call it for all that the
 * stream has taken since, in that order, before communicate() is called again.
 *
 * @return -ENOMEM: the session must end
 */
int echo_take_back(struct session *session, const unsigned char *bytes, size_t size);

#endif /* SERVER_SESSION_ECHO_H */
