/* SPDX-License-Identifier: MIT */
/**
 * @file handshake.h
 * The client's half of a TLS handshake, with an end and with an eye on the clock.
 */
#ifndef CLIENT_HANDSHAKE_H
#define CLIENT_HANDSHAKE_H

#include "common/stream.h"

#include <stdint.h>

/** Returned where the server has answered with a text that begins like "BUSY". */
enum { HANDSHAKE_BUSY = 1 };

/**
 * Run the handshake of a TLS stream to its end. Another thread may end the wait with shutdown().
 *
 * @param timeout_ns     for all of it together
 * @param first_byte_ns  set to the time of clock.h at which the server's first byte was there; 0
 *                       where none came. Until then the server may not have begun with us at all
 * @return               0               done; the stream is blocking again
 *                       HANDSHAKE_BUSY  the socket has plain text to be read, which may say BUSY
 *                       -ETIMEDOUT      not done within the limit
 *                       other < 0       as stream_handshake()
 */
int handshake_run(struct stream *stream, int64_t timeout_ns, int64_t *first_byte_ns);

#endif /* CLIENT_HANDSHAKE_H */
