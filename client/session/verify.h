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
 * @param offset  where in the reply the piece begins
 * @param got     the piece; it ends within the message
 * @return        size where all is right, otherwise the place in the piece of the first wrong byte
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
 * @param offset  of the wrong byte in the reply. All before it were right, so they need not be given
 * @param got     the wrong byte and what came after it, as far as it has arrived
 */
void verify_show(const struct message *message, size_t offset, const unsigned char *got,
                 size_t size, struct verify_rows *rows);

#endif /* CLIENT_SESSION_VERIFY_H */
