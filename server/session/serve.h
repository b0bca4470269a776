/* SPDX-License-Identifier: MIT */
/**
 * @file serve.h
 * A session from its beginning to its end: what models call.
 */
#ifndef SERVER_SESSION_SERVE_H
#define SERVER_SESSION_SERVE_H

#include "server/session/session.h"

/**
 * Serve the session: if it blocks, to its end; otherwise until it has to wait.
 *
 * @param buffer  shared->buffer_bytes, used during the call
 * @param worker  who serves it
 */
enum need session_serve(struct session *session, unsigned char *buffer, unsigned worker);

#endif /* SERVER_SESSION_SERVE_H */
