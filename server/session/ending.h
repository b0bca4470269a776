/* SPDX-License-Identifier: MIT */
/**
 * @file ending.h
 * What comes after the echo: all of it arrives, and then the connection ends.
 *
 * Threads: the serving side.
 */
#ifndef SERVER_SESSION_ENDING_H
#define SERVER_SESSION_ENDING_H

#include "server/session/session.h"

/** Wait until the last echoes have arrived, while the server drains: STAGE_SETTLE. */
enum need ending_settle(struct session *session);

/** Finish writing: STAGE_FINISH. */
enum need ending_finish(struct session *session);

/** Wait for the client's end of file, and see whether bytes were lost: STAGE_LINGER. */
enum need ending_linger(struct session *session);

#endif /* SERVER_SESSION_ENDING_H */
