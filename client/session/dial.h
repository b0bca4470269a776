/* SPDX-License-Identifier: MIT */
/**
 * @file dial.h
 * connect() in steps, none of which waits.
 *
 *     fd = dial_socket(&address);
 *     code = dial_begin(fd, &address);
 *     while (code == -EINPROGRESS)       wait until fd is writable, then
 *         code = dial_finish(fd);
 */
#ifndef CLIENT_SESSION_DIAL_H
#define CLIENT_SESSION_DIAL_H

#include "common/address.h"

#include <stdint.h>

/** A new, unconnected, non-blocking stream socket for an address. @return descriptor or -errno */
int dial_socket(const struct address *address);

/**
 * Give the socket a local address. The port is left open until connect(), so that one port serves
 * as many servers as there are (IP_BIND_ADDRESS_NO_PORT of ip(7)). @return 0 or -errno
 */
int dial_from(int fd, const struct address *source);

/**
 * Begin to connect such a socket.
 *
 * @return  0             connected already
 *          -EINPROGRESS  wait until the descriptor is writable, then dial_finish()
 *          -EAGAIN       the backlog of a unix server is full, and nothing tells when it no longer is:
 *                        dial_begin() again after a moment
 *          other < 0     as dial_finish()
 */
int dial_begin(int fd, const struct address *address);

/**
 * Whether the call that was under way has come through.
 *
 * @return  0              it has
 *          -EINPROGRESS   not yet
 *          -ECONNREFUSED  nobody listens, which includes that the kernel joined the socket to itself
 *          other < 0      a negated errno value
 */
int dial_finish(int fd);

/** Make the socket blocking, for a session that waits in its calls. @return 0 or -errno */
int dial_make_blocking(int fd);

#endif /* CLIENT_SESSION_DIAL_H */
