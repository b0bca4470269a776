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

#endif /* SERVER_SESSION_ECHO_H */
