/* SPDX-License-Identifier: MIT */
/*
 * connect() with a time limit: it is begun on a non-blocking socket and waited for with poll().
 * The kernel's own limit is two minutes and more.
 *
 * A unix socket connects at once, unless the server's backlog is full. Then only connect() itself
 * can wait for room, and shutdown() does not wake it; so it waits for a moment at a time.
 */
#include "client/dial.h"

#include "common/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#define MOMENT_US 50000

int dial_socket(const struct address *address)
{
    int fd = socket(address->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    return fd >= 0 ? fd : -errno;
}

/** Wait until the connection under way is decided. @return 0 or -errno */
static int wait_connected(int fd, int64_t timeout_ns)
{
    struct pollfd ready = {.fd = fd, .events = POLLOUT};
    int64_t deadline_ns = clock_now_ns() + timeout_ns;
    int answer, error;
    socklen_t size = sizeof error;

    do {
        int64_t left_ns = deadline_ns - clock_now_ns();
        struct timespec left = {0};

        if (left_ns > 0)
            left = (struct timespec){left_ns / 1000000000, left_ns % 1000000000};
        answer = ppoll(&ready, 1, &left, NULL);
    } while (answer < 0 && errno == EINTR);
    if (answer == 0)
        return -ETIMEDOUT;
    if (answer < 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
        return -errno;
    return -error;
}

/**
 * Whether the socket is connected to itself. The kernel picks the port of our end; should it pick
 * the very port that we call, where nobody listens, both SYNs meet and the connection stands. It
 * would echo our own bytes.
 */
static bool is_connected_to_itself(int fd)
{
    struct sockaddr_storage own = {0}, peer = {0};
    socklen_t own_size = sizeof own, peer_size = sizeof peer;

    return getsockname(fd, (struct sockaddr *)&own, &own_size) == 0 &&
           getpeername(fd, (struct sockaddr *)&peer, &peer_size) == 0 && own_size == peer_size &&
           memcmp(&own, &peer, own_size) == 0;
}

/** The same for a unix socket, which is made blocking. @return 0 or -errno */
static int connect_unix(int fd, const struct address *address, int64_t timeout_ns)
{
    const int64_t deadline_ns = clock_now_ns() + timeout_ns;
    struct timeval none = {0};
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) != 0)
        return -errno;
    for (;;) {
        struct pollfd state = {.fd = fd, .events = POLLRDHUP};
        int64_t wait_us = (deadline_ns - clock_now_ns()) / 1000;
        struct timeval wait = {.tv_usec = wait_us < 1           ? 1
                                          : wait_us > MOMENT_US ? MOMENT_US
                                                                : wait_us};

        if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) != 0)
            return -errno;
        if (connect(fd, (const struct sockaddr *)&address->storage, address->length) == 0)
            return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof none) == 0 ? 0 : -errno;
        if (errno != EAGAIN && errno != EINTR)
            return -errno;
        if (poll(&state, 1, 0) > 0 && (state.revents & POLLRDHUP) != 0)
            return -ECONNRESET; /* by shutdown() */
        if (wait_us < 1)
            return -ETIMEDOUT;
    }
}

int dial_connect(int fd, const struct address *address, int64_t timeout_ns)
{
    int flags, code = 0;

    if (address->storage.ss_family == AF_UNIX)
        return connect_unix(fd, address, timeout_ns);
    if (connect(fd, (const struct sockaddr *)&address->storage, address->length) != 0)
        code = errno == EINPROGRESS || errno == EINTR ? wait_connected(fd, timeout_ns) : -errno;
    if (code != 0)
        return code;
    if (is_connected_to_itself(fd))
        return -ECONNREFUSED;
    flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) != 0)
        return -errno;
    return 0;
}
