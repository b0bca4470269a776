/* SPDX-License-Identifier: MIT */
/**
 * @file dial.h
 * connect() in steps that do not wait.
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

/** Make an unconnected, non-blocking stream socket for an address. @return descriptor or -errno */
int dial_socket(const struct address *address);

/**
 * Give the socket a local address. The port is left open until connect(), so that one port serves
 * as many servers as there are (IP_BIND_ADDRESS_NO_PORT of ip(7)). @return 0 or -errno
 */
int dial_from(int fd, const struct address *source);

/**
 * Begin to connect a socket of dial_socket().
 *
 * @return  0             connected already
 *          -EINPROGRESS  wait until the descriptor is writable, then dial_finish()
 *          -EAGAIN       the backlog of a unix server is full, and no event follows when there is
 *                        room again: dial_begin() again after a moment
 *          other < 0     as dial_finish()
 */
int dial_begin(int fd, const struct address *address);

/**
 * Look whether a connect() that was under way is done.
 *
 * @return  0              connected
 *          -EINPROGRESS   not yet
 *          -ECONNREFUSED  no server listens, even if the kernel has connected the socket to itself
 *          other < 0      a negated errno value
 */
int dial_finish(int fd);

/** Make the socket blocking, for a session that waits in its calls. @return 0 or -errno */
int dial_make_blocking(int fd);

#endif /* CLIENT_SESSION_DIAL_H */
