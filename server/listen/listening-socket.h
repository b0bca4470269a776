/* SPDX-License-Identifier: MIT */
/**
 * @file listening-socket.h
 * Listening sockets: made here for --host and --port, or taken over from the service manager
 * (activation.h); and the file that a unix socket has.
 *
 * A unix socket's file is made with mode 0600, less what the umask takes away. At the end it is
 * removed, unless another file stands there by then. A file that a server has left behind, to which
 * nobody listens any more, is replaced; one to which somebody listens is not, and a file of another
 * kind is never touched. All of that happens under a lock on the file's folder, so that of two
 * servers that start at once neither removes the other's.
 */
#ifndef SERVER_LISTEN_LISTENING_SOCKET_H
#define SERVER_LISTEN_LISTENING_SOCKET_H

#include "common/address.h"

#include <stdbool.h>
#include <sys/types.h>

/** The most sockets that one server listens on. */
#define SOCKETS_MAX 32

struct listening_socket {
    int fd;                 /**< listens, non-blocking, closed by exec */
    struct address address; /**< as the kernel has it: with the port that it picked */
    /* the file that was made for it, to know it again */
    bool has_file;
    dev_t device;
    ino_t inode;
};

/**
 * Bind and listen.
 *
 * @return  0            *socket is the caller's, to be given to listening_socket_close()
 *          -EADDRINUSE  somebody listens there
 *          -EEXIST      at the path of a unix socket there is a file that is no socket
 *          other < 0    a negated errno value
 */
int listening_socket_open(const struct address *address, struct listening_socket *socket);

/**
 * Set what accepted sockets inherit, which saves calls for each: TCP_NODELAY, so that small echoes
 * leave at once, and keepalive, so that a peer that has vanished without a word is found out within
 * two minutes, also with --idle-timeout 0. Nothing for a unix socket. Failure is not told: the
 * service goes on without. listening_socket_open() has done it.
 */
void listening_socket_prepare(const struct listening_socket *socket);

/** Close it; clients are refused from now on. Removes the file that was made for it. */
void listening_socket_close(struct listening_socket *socket);

#endif /* SERVER_LISTEN_LISTENING_SOCKET_H */
