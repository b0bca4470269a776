/* SPDX-License-Identifier: MIT */
/**
 * @file listening-socket.h
 * Listening sockets: made here for --host and --port, or taken over from the service manager
 * (activation.h); and the file that a unix socket has.
 *
 * A unix socket's file is made with mode 0600, less the umask; other rights are given to it before the socket
 * listens. At the end it is removed, unless it was replaced by another file. A file that a dead server has left behind
 * is replaced; one on which a server listens is not, and a file of another kind is never touched. All of that happens
 * under a lock on the file's folder, so that two servers that start at once do not remove each other's file.
 */
#ifndef SERVER_LISTEN_LISTENING_SOCKET_H
#define SERVER_LISTEN_LISTENING_SOCKET_H

#include "common/address.h"

#include <stdbool.h>
#include <stdint.h>
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

/** How the port of a socket may be used. All zero: by this socket alone, and :: takes IPv4 clients as well. */
struct socket_port {
    bool v6only; /**< :: leaves IPv4 clients to another socket, whatever the system's default is */
    bool reuse; /**< other sockets of this user that ask for it have the port, too (SO_REUSEPORT) */
};

/** Who may use the file of a unix socket. All zero: the user of this process, less the umask. */
struct socket_rights {
    mode_t mode;    /**< exactly this, whatever the umask is. 0: as above, or 0660 with a group */
    bool has_group; /**< the file gets this group */
    gid_t group;
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
 * The same, with choices; also -EPERM, if this process may not give a file to the group, and -EINVAL, if its
 * user namespace does not have the group.
 *
 * @param port    of a socket that has one
 * @param rights  of one that has a file; NULL: all zero
 */
int listening_socket_open_with(const struct address *address, struct socket_port port,
                               const struct socket_rights *rights, struct listening_socket *socket);

/**
 * Set what accepted sockets inherit, which saves calls for each: TCP_NODELAY, so that small echoes are
 * sent at once, and keepalive, so that a peer that has vanished is detected within two minutes, also
 * with --idle-timeout 0. Nothing for a unix socket. Failure is ignored. listening_socket_open() does it.
 */
void listening_socket_prepare(const struct listening_socket *socket);

/**
 * Have accepted sockets give up a client that acknowledges nothing of its echo for two minutes: while an echo is on
 * its way there is no keepalive, and the kernel would send it again for a quarter of an hour. This also ends a
 * client that is there and reads nothing, so it is done only if --write-timeout is not longer than that.
 * Nothing for a unix socket. Failure is ignored.
 *
 * @param write_timeout_ns  0: none
 */
void listening_socket_limit_loss(const struct listening_socket *socket, int64_t write_timeout_ns);

/** Remove the file that was made for it, if there is one and no other has taken its place. */
void listening_socket_remove_file(struct listening_socket *socket);

/** Close it; clients are refused from now on. Removes the file that was made for it. */
void listening_socket_close(struct listening_socket *socket);

#endif /* SERVER_LISTEN_LISTENING_SOCKET_H */
