/* SPDX-License-Identifier: MIT */
/**
 * @file verify.h
 * Replies compared with what was expected, byte for byte, and the first difference shown.
 */
#ifndef CLIENT_SESSION_VERIFY_H
#define CLIENT_SESSION_VERIFY_H

#include "client/session/message.h"

#include <stddef.h>

/**
 * Compare a piece of a reply.
 *
 * @param offset  of the piece in the reply
 * @param got     the piece; it ends within the message
 * @return        the offset in the piece of its first wrong byte; size: all are right
 */
size_t verify_reply(const struct message *message, size_t offset, const unsigned char *got,
                    size_t size);

/** Up to 16 bytes around the first wrong one, in hexadecimal and as text. */
struct verify_rows {
    char expected[96];
    char got[96];
    char mark[96]; /**< ^^ under the wrong byte */
};

/**
 * Show a difference.
 *
 * @param offset  of the wrong byte in the reply; what came before it was right and is not passed
 * @param got     the wrong byte and what has come after it
 */
void verify_show(const struct message *message, size_t offset, const unsigned char *got,
                 size_t size, struct verify_rows *rows);

#endif /* CLIENT_SESSION_VERIFY_H */
