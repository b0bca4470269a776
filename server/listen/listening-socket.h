/* SPDX-License-Identifier: MIT */
/**
 * @file listening-socket.h
 * Listening sockets: made here for --host and --port, or taken over from the service manager
 * (activation.h); and the file that a unix socket has.
 *
 * A unix socket's file is made with mode 0600, less the umask. At the end it is removed, unless it was
 * replaced by another file. A file that a dead server has left behind is replaced; one on which a server
 * listens is not, and a file of another kind is never touched. All of that happens under a lock on the
 * file's folder, so that two servers that start at once do not remove each other's file.
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
    struct address address; /**< from the kernel: with the port that it picked */
    bool is_shared; /**< another process has it, too, and the backlog stays when this one ends */
    /* the file that was made for it, to recognize it */
    bool has_file;
    dev_t device;
    ino_t inode;
};

/**
 * Bind and listen.
 *
 * @return  0            *socket, for listening_socket_close()
 *          -EADDRINUSE  another program listens there
 *          -EEXIST      at the path of a unix socket is a file that is not a socket
 *          other < 0    a negated errno value
 */
int listening_socket_open(const struct address *address, struct listening_socket *socket);

/**
 * The same. listening_socket_open() lets :: take IPv4 clients as well, whatever the system's default is;
 * this leaves them to another socket.
 */
int listening_socket_open_v6only(const struct address *address, struct listening_socket *socket);

/**
 * Set what accepted sockets inherit, which saves calls for each: TCP_NODELAY, so that small echoes are
 * sent at once, and keepalive, so that a peer that has vanished is detected within two minutes, also
 * with --idle-timeout 0. Nothing for a unix socket. Failure is ignored. listening_socket_open() does it.
 */
void listening_socket_prepare(const struct listening_socket *socket);

/** Close it; clients are refused from now on. Removes the file that was made for it. */
void listening_socket_close(struct listening_socket *socket);

#endif /* SERVER_LISTEN_LISTENING_SOCKET_H */
