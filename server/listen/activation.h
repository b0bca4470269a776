/* SPDX-License-Identifier: MIT */
/**
 * @file activation.h
 * Listening sockets that the service manager has opened and passed on, by the protocol of
 * sd_listen_fds(3): LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES, descriptors from 3 on.
 *
 * Threads: none may exist yet, because the environment is changed.
 */
#ifndef SERVER_LISTEN_ACTIVATION_H
#define SERVER_LISTEN_ACTIVATION_H

#include "server/listen/listening-socket.h"

/** Room for why a socket cannot be used. */
#define ACTIVATION_WHY_MAX 256

/**
 * Take over what was passed to this process. The variables are removed from the environment in any case,
 * so that no child process takes them for its own.
 *
 * @param sockets  set to what was passed, in the order of the service manager
 * @param why      on failure a sentence: which socket, what it is, what to do
 * @return         how many sockets; 0: none were passed, or to another process. -EINVAL: what was
 *                 passed cannot be used
 */
int activation_take(struct listening_socket sockets[static SOCKETS_MAX],
                    char why[static ACTIVATION_WHY_MAX]);

#endif /* SERVER_LISTEN_ACTIVATION_H */
