/* SPDX-License-Identifier: MIT */
/**
 * @file opening.h
 * What comes before the echo: the PROXY header, and the handshake of TLS.
 *
 * Threads: the serving side.
 */
#ifndef SERVER_SESSION_OPENING_H
#define SERVER_SESSION_OPENING_H

#include "server/session/session.h"

/** Get the first stage of a session. */
enum stage opening_stage(const struct session *session);

/** Read the client's address from the header of the proxy in front of the server: STAGE_PROXY. */
enum need opening_read_header(struct session *session);

/** Shake hands: STAGE_TLS. */
enum need opening_shake_hands(struct session *session);

#endif /* SERVER_SESSION_OPENING_H */
