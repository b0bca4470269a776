/* SPDX-License-Identifier: MIT */
/*
 * A TLS handshake that waits in poll() and not inside of OpenSSL, for two reasons: to see when the
 * server's first byte comes, which is when a worker has taken us up; and to look at that byte. A
 * server that has no room says BUSY, and may well say so without spending a handshake on it. No
 * record of TLS begins with a B.
 */
#include "client/handshake.h"

#include "common/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <time.h>

/** @return false: the time is over, even where something has come */
static bool wait_ready(const struct stream *stream, int64_t deadline_ns)
{
    struct pollfd ready = {.fd = stream->fd, .events = stream->wants_write ? POLLOUT : POLLIN};
    int answer;

    do {
        int64_t left_ns = deadline_ns - clock_now_ns();
        struct timespec left = {left_ns / 1000000000, left_ns % 1000000000};

        if (left_ns <= 0)
            return false;
        answer = ppoll(&ready, 1, &left, NULL);
    } while (answer < 0 && errno == EINTR);
    return answer != 0;
}

/** The server's first byte, without taking it off the socket; -1 while there is none. */
static int first_byte(const struct stream *stream)
{
    unsigned char byte;

    return recv(stream->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1 ? byte : -1;
}

static int run(struct stream *stream, int64_t deadline_ns, int64_t *first_byte_ns)
{
    int code;

    while ((code = stream_handshake(stream)) == -EAGAIN) {
        if (!wait_ready(stream, deadline_ns))
            return -ETIMEDOUT;
        if (*first_byte_ns == 0) {
            int byte = first_byte(stream);

            if (byte >= 0)
                *first_byte_ns = clock_now_ns();
            if (byte == 'B')
                return HANDSHAKE_BUSY;
        }
    }
    return code;
}

int handshake_run(struct stream *stream, int64_t timeout_ns, int64_t *first_byte_ns)
{
    int code;

    *first_byte_ns = 0;
    stream_set_nonblocking(stream);
    code = run(stream, clock_now_ns() + timeout_ns, first_byte_ns);
    stream_set_blocking(stream);
    return code;
}
