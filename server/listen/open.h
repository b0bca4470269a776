/* SPDX-License-Identifier: MIT */
/**
 * @file open.h
 * Where the server listens: on sockets that the service manager has passed on, or else on --host and
 * --port. What does not work exits with a sentence.
 */
#ifndef SERVER_LISTEN_OPEN_H
#define SERVER_LISTEN_OPEN_H

#include "server/listen/listening-socket.h"

#include <stdint.h>

struct model_type;

/**
 * Take the sockets that the service manager has passed on. Call before any thread is made.
 *
 * @param local_only  a model that must be reachable from this machine only. NULL: any address is fine
 * @return            how many sockets. 0: call open_hosts()
 */
unsigned open_passed(const struct model_type *local_only,
                     struct listening_socket sockets[static SOCKETS_MAX]);

/** The values of --host. */
struct hosts {
    unsigned count;
    const char *at[SOCKETS_MAX];
    bool reuse_port; /**< --reuse-port */
};

/**
 * Open a socket for each address of each --host, as wanted_open(). Call after processes have been forked, or
 * they would keep the sockets.
 *
 * @return how many sockets
 */
unsigned open_hosts(const struct hosts *hosts, uint16_t port, const struct socket_rights *rights,
                    const struct model_type *local_only,
                    struct listening_socket sockets[static SOCKETS_MAX]);

#endif /* SERVER_LISTEN_OPEN_H */
