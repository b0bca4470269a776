/* SPDX-License-Identifier: MIT */
/*
 * Plain sockets, the first table of stream.h.
 *
 * The usual path is one recv() or one send() and nothing else: no clock, no poll(). The kernel
 * keeps the time limits (SO_RCVTIMEO, SO_SNDTIMEO).
 *
 * They do not suffice when a signal handler interrupts a wait. The call returns EINTR, and a second
 * call would wait for the whole limit again, without end if signals keep coming. So the first EINTR
 * starts a clock, and from then on ppoll() waits for the rest: a wait can take twice its limit, but
 * not longer.
 */
#include "common/stream.h"

#include "common/clock.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* A wait that signals have interrupted. All zero: none has. */
struct interrupted {
    bool begun;
    int64_t deadline_ns; /* INT64_MAX: the socket has no limit */
};

/* Return the socket's time limit in nanoseconds; INT64_MAX: it has none. */
static int64_t time_limit_ns(int fd, int option)
{
    struct timeval limit = {0};
    socklen_t size = sizeof limit;

    if (getsockopt(fd, SOL_SOCKET, option, &limit, &size) != 0 ||
        (limit.tv_sec == 0 && limit.tv_usec == 0))
        return INT64_MAX;
    return (int64_t)limit.tv_sec * SECOND_NS + (int64_t)limit.tv_usec * 1000;
}

/*
 * After EINTR, wait until the socket is ready or its limit has passed, however many signals come.
 *
 * @return true: try again. false: the limit has passed
 */
static bool wait_on(struct interrupted *wait, int fd, short events, int option)
{
    struct pollfd ready = {.fd = fd, .events = events};
    int answer;

    if (!wait->begun) {
        wait->begun = true;
        if (__builtin_add_overflow(clock_now_ns(), time_limit_ns(fd, option), &wait->deadline_ns))
            wait->deadline_ns = INT64_MAX;
    }
    if (wait->deadline_ns == INT64_MAX)
        return true; /* without a limit the call itself may wait */
    do {
        struct timespec left = clock_timespec(wait->deadline_ns - clock_now_ns());
        answer = ppoll(&ready, 1, &left, NULL);
    } while (answer < 0 && errno == EINTR);
    return answer != 0;
}

static int plain_handshake(struct stream *stream)
{
    (void)stream;
    return 0;
}

static ssize_t plain_read(struct stream *stream, void *bytes, size_t size)
{
    struct interrupted wait = {0};

    for (;;) {
        ssize_t got = recv(stream->fd, bytes, size, stream->nonblocking ? MSG_DONTWAIT : 0);
        if (got >= 0)
            return got;
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            stream->wants_write = false;
            return stream->nonblocking ? -EAGAIN : -ETIMEDOUT;
        }
        if (errno != EINTR)
            return -errno;
        if (!stream->nonblocking && !wait_on(&wait, stream->fd, POLLIN, SO_RCVTIMEO))
            return -ETIMEDOUT;
    }
}

/* Not to wait is a flag of each call, since another process may share the descriptor. */
static int send_flags(const struct stream *stream)
{
    return MSG_NOSIGNAL | (stream->nonblocking ? MSG_DONTWAIT : 0);
}

/* Handle the failure of a send. @return 0: try again; or the result for the caller */
static int send_failed(struct stream *stream, struct interrupted *wait)
{
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
        stream->wants_write = true;
        return stream->nonblocking ? -EAGAIN : -ETIMEDOUT;
    }
    if (errno != EINTR)
        return -errno;
    if (!stream->nonblocking && !wait_on(wait, stream->fd, POLLOUT, SO_SNDTIMEO))
        return -ETIMEDOUT;
    return 0;
}

static ssize_t plain_write_some(struct stream *stream, const void *bytes, size_t size)
{
    struct interrupted wait = {0};
    ssize_t put;

    while ((put = send(stream->fd, bytes, size, send_flags(stream))) < 0) {
        int code = send_failed(stream, &wait);
        if (code < 0)
            return code;
    }
    return put;
}

static ssize_t plain_write_parts(struct stream *stream, struct iovec *parts, unsigned count)
{
    struct msghdr header = {.msg_iov = parts, .msg_iovlen = count};
    struct interrupted wait = {0};
    ssize_t put;

    while ((put = sendmsg(stream->fd, &header, send_flags(stream))) < 0) {
        int code = send_failed(stream, &wait);
        if (code < 0)
            return code;
    }
    return put;
}

static int plain_finish_writing(struct stream *stream)
{
    (void)shutdown(stream->fd, SHUT_WR);
    return 0;
}

static bool plain_has_pending(const struct stream *stream)
{
    (void)stream;
    return false;
}

static void plain_release(struct stream *stream)
{
    (void)stream;
}

void stream_init_plain(struct stream *stream, int fd)
{
    static const struct stream_ops plain = {
        .handshake = plain_handshake,
        .read = plain_read,
        .write_some = plain_write_some,
        .write_parts = plain_write_parts,
        .finish_writing = plain_finish_writing,
        .has_pending = plain_has_pending,
        .release = plain_release,
    };

    *stream = (struct stream){.ops = &plain, .fd = fd};
}

int stream_write(struct stream *stream, const void *bytes, size_t size, size_t *written)
{
    const char *from = bytes;
    size_t left = size;
    ssize_t put = 0;

    while (left > 0 && (put = stream_write_some(stream, from, left)) >= 0) {
        from += put;
        left -= (size_t)put;
    }
    if (written != NULL)
        *written = size - left;
    return left == 0 ? 0 : (int)put;
}

/* Set a time limit, rounded up to microseconds: 1 ns must not become 0, which means no limit. */
static int set_limit(int fd, int option, int64_t ns)
{
    int64_t us = ns / 1000 + (ns % 1000 != 0);
    struct timeval limit = {.tv_sec = (time_t)(us / 1000000),
                            .tv_usec = (suseconds_t)(us % 1000000)};

    return setsockopt(fd, SOL_SOCKET, option, &limit, sizeof limit) == 0 ? 0 : -errno;
}

int stream_set_timeouts(struct stream *stream, int64_t read_ns, int64_t write_ns)
{
    int code = 0;

    if (read_ns != 0)
        code = set_limit(stream->fd, SO_RCVTIMEO, read_ns);
    if (code == 0 && write_ns != 0)
        code = set_limit(stream->fd, SO_SNDTIMEO, write_ns);
    return code;
}

int64_t stream_read_limit_ns(const struct stream *stream)
{
    return time_limit_ns(stream->fd, SO_RCVTIMEO);
}

void stream_set_nodelay(struct stream *stream)
{
    int on = 1;

    (void)setsockopt(stream->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void stream_release(struct stream *stream)
{
    stream->ops->release(stream);
}

void stream_close(struct stream *stream)
{
    stream_release(stream);
    close(stream->fd);
    stream->fd = -1;
}
