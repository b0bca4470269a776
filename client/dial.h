/* SPDX-License-Identifier: MIT */
/**
 * @file dial.h
 * connect() with an end: it succeeds or fails within a time limit.
 */
#ifndef CLIENT_DIAL_H
#define CLIENT_DIAL_H

#include "common/address.h"

#include <stdint.h>

/** A new, unconnected, non-blocking stream socket for an address. @return descriptor or -errno */
int dial_socket(const struct address *address);

/**
 * Connect such a socket and make it blocking. It stays the caller's to close.
 *
 * Another thread may end the wait with shutdown().
 *
 * @return  0              connected
 *          -ETIMEDOUT     no answer within the limit
 *          -ECONNREFUSED  nobody listens, which includes that the kernel joined the socket to itself
 *          other < 0      a negated errno value
 */
int dial_connect(int fd, const struct address *address, int64_t timeout_ns);

#endif /* CLIENT_DIAL_H */
