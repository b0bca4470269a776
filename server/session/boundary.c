/* SPDX-License-Identifier: MIT */
/*
 * Ending a session without loss: see boundary.h.
 *
 * DESIGN. A client that sends a message, waits for its echo and sends the next one is always about to
 * send. If the server sent the last echo first and end of file a moment later, the client would often
 * have sent another message in between, which no one would answer. So end of file travels in the same
 * segment as the last echo (TCP_CORK): a client that looks for it before it sends loses nothing.
 *
 * Reading is shut only if the serving side must be woken for it, because its client is silent. After
 * shutdown(SHUT_RD) and end of file, Linux answers further bytes with a reset, which destroys echoes that
 * are on their way; so then the echoes must have arrived before. It also counts those bytes nowhere;
 * that segments with data have come after end of file was sent is all there is to see.
 *
 * On a unix socket shutdown(SHUT_RD) ends the client's sending half at once, and nothing is on its way.
 */
#include "server/session/boundary.h"

#include "common/clock.h"

#include <linux/sockios.h>
#include <linux/tcp.h> /* for tcpi_data_segs_in, which netinet/tcp.h does not have everywhere */
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define LINGER_NS SECOND_NS

/*
 * Of the kernel's tcp_states.h. In STATE_CLOSE both sides have ended, or a reset came; in STATE_CLOSE_WAIT the client
 * has sent end of file, and in the others it has not.
 */
#define STATE_ESTABLISHED 1
#define STATE_FIN_WAIT1   4
#define STATE_FIN_WAIT2   5
#define STATE_CLOSE       7
#define STATE_CLOSE_WAIT  8

/* Ask the kernel about a connection. @return false: it is not TCP */
static bool ask(int fd, struct tcp_info *info)
{
    socklen_t size = sizeof *info;

    *info = (struct tcp_info){0};
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, &size) == 0;
}

/* Count the bytes that came and were not read (SIOCINQ), or that did not arrive yet (SIOCOUTQ). */
static unsigned queued(int fd, unsigned long request)
{
    int bytes = 0;

    return ioctl(fd, request, &bytes) == 0 && bytes > 0 ? (unsigned)bytes : 0;
}

/* The socket first: a stream that reads ahead may move bytes from there meanwhile, but not back. */
bool boundary_input(const struct stream *stream)
{
    return queued(stream->fd, SIOCINQ) > 0 || stream_has_pending(stream);
}

void boundary_cork(struct boundary *boundary, const struct stream *stream)
{
    int on = 1;

    boundary->corked = true;
    if (setsockopt(stream->fd, IPPROTO_TCP, TCP_CORK, &on, sizeof on) == 0)
        return;
    shutdown(stream->fd, SHUT_RD);
    boundary->corked = !boundary_input(stream); /* which came before the line above */
}

bool boundary_arrived(const struct stream *stream)
{
    struct tcp_info info;

    return !ask(stream->fd, &info) || info.tcpi_state == STATE_CLOSE ||
           queued(stream->fd, SIOCOUTQ) == 0;
}

void boundary_half_close(struct boundary *boundary, const struct stream *stream)
{
    struct tcp_info info;

    if (ask(stream->fd, &info)) {
        boundary->segments_seen = info.tcpi_data_segs_in;
        boundary->client_ended =
            info.tcpi_state == STATE_CLOSE_WAIT || info.tcpi_state == STATE_CLOSE;
    }
    boundary->half_closed = true;
    shutdown(stream->fd, SHUT_WR);
    boundary->until_ns = clock_now_ns() + LINGER_NS;
}

/* Note and discard messages that come through TLS. */
static void read_tls(struct boundary *boundary, struct stream *stream)
{
    unsigned char bytes[1024];
    bool nonblocking = stream->nonblocking;

    stream_set_nonblocking(stream);
    boundary->late |= stream_read(stream, bytes, sizeof bytes) > 0;
    stream->nonblocking = nonblocking;
}

bool boundary_lingers(struct boundary *boundary, struct stream *stream)
{
    struct tcp_info info;

    if (stream->tls != NULL)
        read_tls(boundary, stream);
    return ask(stream->fd, &info) && info.tcpi_state != STATE_CLOSE &&
           clock_now_ns() < boundary->until_ns;
}

/* The kernel counts the client's end of file as a byte. After a reset there may have been none: one too few. */
uint64_t boundary_received(int fd)
{
    struct tcp_info info;
    bool goes_on = ask(fd, &info) &&
                   (info.tcpi_state == STATE_ESTABLISHED || info.tcpi_state == STATE_FIN_WAIT1 ||
                    info.tcpi_state == STATE_FIN_WAIT2);

    return info.tcpi_bytes_received - (!goes_on && info.tcpi_bytes_received > 0 ? 1 : 0);
}

bool boundary_lost(const struct boundary *boundary, int fd, bool is_plain, bool reading_stopped)
{
    unsigned ours = boundary->half_closed ? 1 : 0; /* end of file counts as a byte that was sent */
    struct tcp_info info;

    if (boundary->late || (is_plain && queued(fd, SIOCINQ) > 0))
        return true;
    if (!ask(fd, &info))
        return boundary->unsent;
    if (is_plain && boundary->half_closed && reading_stopped &&
        info.tcpi_data_segs_in != boundary->segments_seen)
        return true;
    if (boundary->client_ended && info.tcpi_state == STATE_CLOSE)
        return false; /* a reset, and not ours: after its end of file no bytes came that we would answer so */
    return boundary->unsent || queued(fd, SIOCOUTQ) > ours;
}
