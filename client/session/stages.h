/* SPDX-License-Identifier: MIT */
/**
 * @file stages.h
 * The stages of a session that have a file of their own.
 *
 * Each function does what can be done now and returns the next stage, for session_advance() to set.
 * If nothing more can be done now, it has set wait->need.
 */
#ifndef CLIENT_SESSION_STAGES_H
#define CLIENT_SESSION_STAGES_H

#include "client/session/session.h"

#include <sys/types.h>

/* --- connect.c ----------------------------------------------------------------------------- */

/** STAGE_BEGIN: wait for the session's time, open a socket and begin to connect. */
enum session_stage connect_begin(struct session *session, struct session_wait *wait);

/** STAGE_CONNECT: wait for the connection. */
enum session_stage connect_finish(struct session *session, struct session_wait *wait);

/** STAGE_START: wait for the others if there is a barrier, and go on to the handshake or without. */
enum session_stage connect_start(struct session *session, struct session_wait *wait);

/** STAGE_HANDSHAKE: agree on keys. */
enum session_stage connect_handshake(struct session *session, struct session_wait *wait);

/* --- converse.c ---------------------------------------------------------------------------- */

/** From now on messages can be sent. @return STAGE_CONVERSE */
enum session_stage converse_begin(struct session *session);

/** STAGE_CONVERSE: exchange messages, as far as they are due and the server answers. */
enum session_stage converse(struct session *session, unsigned ready, struct session_wait *wait);

/** After STAGE_CONVERSE: bytes have come that no message asked for. */
enum session_stage converse_extra(struct session *session, const unsigned char *bytes, size_t size);

/* --- refusal.c ----------------------------------------------------------------------------- */

/** What a refusal begins with. */
#define REFUSAL_WORD "BUSY"

/** Something is wrong: listen for a refusal before failing. @return STAGE_REFUSAL */
enum session_stage refusal_begin(struct session *session, enum session_doubt doubt);

/**
 * Whether a refusal may begin in a reply with wrong bytes, or in those before it. If so its bytes are kept,
 * and the rest is for STAGE_REFUSAL.
 *
 * @param message  the message that is answered; NULL if *offset is 0
 * @param offset   of the first wrong byte in the reply; what came before it was right. Set to where the
 *                 refusal may begin, that byte or one before it; 0 if it may begin in an earlier reply
 * @param got      that byte and what came after it
 */
bool refusal_suspect(struct session *session, const struct message *message, size_t *offset,
                     const unsigned char *got, size_t size);

/** Keep the end of the replies of a prompt, whose messages are gone when the next one is given. */
void refusal_remember(struct connection *connection, const struct message *message);

/** STAGE_REFUSAL: listen to the end of the line. If it is not BUSY, fail for what was in doubt. */
enum session_stage refusal(struct session *session, struct session_wait *wait);

/** Take back the bytes of a reply that was no refusal. @return how many */
ssize_t refusal_take_back(struct connection *connection, unsigned char *bytes, size_t room);

/* --- resume.c ------------------------------------------------------------------------------ */

/**
 * The server has closed in order, and no reply has begun: end the session as closed by the server, or as
 * failed if a message is lost.
 */
enum session_stage resume_closed(struct session *session);

#endif /* CLIENT_SESSION_STAGES_H */
