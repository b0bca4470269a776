/* SPDX-License-Identifier: MIT */
/*
 * connect() on a socket that does not wait.
 *
 * A unix socket connects at once, unless the server's backlog is full. Then connect() returns EAGAIN,
 * and neither poll() nor epoll reports when there is room again: the caller must try again.
 */
#include "client/session/dial.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

int dial_socket(const struct address *address)
{
    int fd = socket(address->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    return fd >= 0 ? fd : -errno;
}

int dial_from(int fd, const struct address *source)
{
    int on = 1;

    /* without it a port is taken here, and 28,000 sessions are the most for all servers together */
    (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (bind(fd, (const struct sockaddr *)&source->storage, source->length) != 0)
        return -errno;
    return 0;
}

/**
 * Whether the socket is connected to itself. The kernel picks the port of our end. If no server
 * listens and it picks the port that we connect to, both SYNs meet and the connection is made. It
 * would echo our own bytes.
 */
static bool is_connected_to_itself(int fd)
{
    struct sockaddr_storage own = {0}, peer = {0};
    socklen_t own_size = sizeof own, peer_size = sizeof peer;

    return getsockname(fd, (struct sockaddr *)&own, &own_size) == 0 && own.ss_family != AF_UNIX &&
           getpeername(fd, (struct sockaddr *)&peer, &peer_size) == 0 && own_size == peer_size &&
           memcmp(&own, &peer, own_size) == 0;
}

int dial_begin(int fd, const struct address *address)
{
    if (connect(fd, (const struct sockaddr *)&address->storage, address->length) == 0)
        return is_connected_to_itself(fd) ? -ECONNREFUSED : 0;
    return errno == EINTR ? -EINPROGRESS : -errno;
}

int dial_finish(int fd)
{
    struct sockaddr_storage peer;
    socklen_t peer_size = sizeof peer;
    int error = 0;
    socklen_t size = sizeof error;

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
        return -errno;
    if (error != 0)
        return -error;
    if (getpeername(fd, (struct sockaddr *)&peer, &peer_size) != 0)
        return errno == ENOTCONN ? -EINPROGRESS : -errno;
    return is_connected_to_itself(fd) ? -ECONNREFUSED : 0;
}

int dial_make_blocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) != 0)
        return -errno;
    return 0;
}
