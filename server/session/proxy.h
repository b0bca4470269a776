/* SPDX-License-Identifier: MIT */
/**
 * @file proxy.h
 * The PROXY header: the client's address, sent by a proxy in front of the server before the client's first
 * byte.
 *
 * Versions 1 (a line of text) and 2 (binary) of the specification that comes with HAProxy,
 * doc/proxy-protocol.txt. Both are accepted with --proxy-protocol and neither is without it: if the
 * server guessed, any client could claim another's address (section 2).
 *
 * Until the last byte of a header is here nothing is known, and what is not exactly a header ends the
 * connection.
 *
 *     struct proxy_reader reader = {0};
 *     struct address source;
 *     int rc = proxy_read(&reader, fd, false, &source);
 */
#ifndef SERVER_SESSION_PROXY_H
#define SERVER_SESSION_PROXY_H

#include "common/address.h"

#include <stdbool.h>
#include <stddef.h>

/**
 * The longest header that is taken. The specification asks for headers that fit in the smallest segment
 * that any TCP must take, 536 bytes (section 2), but certificates and cloud vendors' fields are longer.
 */
#define PROXY_HEADER_MAX 4096

/** As much of a header as has come. Zero-initialised it is ready. */
struct proxy_reader {
    bool is_local;   /**< the proxy itself speaks, to check whether the server lives */
    const char *why; /**< after -EPROTO: a few words on what is wrong with the header */
    size_t size;
    unsigned char bytes[PROXY_HEADER_MAX];
};

/**
 * Look for a header at the beginning of what has come. Touches nothing but *source, and that only
 * when it is whole.
 *
 * @param source  the client's address, as the proxy says. Its family is AF_UNSPEC and its length 0
 *                where the proxy says none: it speaks for itself (LOCAL), or does not know (UNKNOWN,
 *                UNSPEC). Then the connection's own is the one to go by
 * @return        > 0      how many of the bytes are the header; what follows is the client's
 *                -EAGAIN  so far it may become one
 *                -EPROTO  it cannot become one, whatever comes
 */
int proxy_parse(const unsigned char *bytes, size_t size, struct address *source);

/**
 * Receive a header from a connected socket, and not one byte beyond it.
 *
 * Each byte that belongs to the header is taken out of the socket as soon as it is there, so a loop
 * that waits until the socket is readable waits for more, and does not spin.
 *
 * @param reader       keeps what has come between calls
 * @param nonblocking  do not wait. Otherwise the socket's own time limit (SO_RCVTIMEO) holds for
 *                     each wait
 * @param source       set on 0; see proxy_parse()
 * @return  0           the header is whole
 *          -EAGAIN     not yet, and nonblocking: call again when the socket is readable
 *          -ETIMEDOUT  nothing came within the socket's time limit
 *          -ENODATA    end of file before the first byte: a probe of the port, as load
 *                      balancers make
 *          -EPROTO     this is no header, or the connection ended inside it: close the connection
 *          other < 0   a negated errno value. EINTR is retried, never seen
 */
int proxy_read(struct proxy_reader *reader, int fd, bool nonblocking, struct address *source);

#endif /* SERVER_SESSION_PROXY_H */
