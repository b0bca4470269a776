/* SPDX-License-Identifier: MIT */
/**
 * @file stream.h
 * A connected socket, read and written through a table of functions.
 *
 * Plain sockets (TCP or unix) are one table, TLS is a second with the same entries (tls.h), so that
 * neither the server's communicate() nor the client's session knows which it has.
 *
 * A stream is blocking, and then a time limit is the socket's own (SO_RCVTIMEO, SO_SNDTIMEO): one
 * system call at the start of a session instead of one per message. Or it is made non-blocking by
 * stream_set_nonblocking(), for an event loop: then what would wait returns -EAGAIN. The descriptor
 * itself stays as it is, since other processes may share it.
 *
 * TLS takes bytes off the socket before anybody reads them. So before waiting with poll() or epoll
 * for a descriptor to be readable, either read until -EAGAIN or ask stream_has_pending().
 *
 * Threads: one uses a stream at a time. Another may only call shutdown() on the descriptor, which
 * wakes the one that is blocked in it. The struct may be copied to another place and used there.
 */
#ifndef COMMON_STREAM_H
#define COMMON_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct stream;

/** What stands behind the functions of the same names below. */
struct stream_ops {
    int (*handshake)(struct stream *stream);
    ssize_t (*read)(struct stream *stream, void *bytes, size_t size);
    ssize_t (*write_some)(struct stream *stream, const void *bytes, size_t size);
    ssize_t (*write_parts)(struct stream *stream, struct iovec *parts, unsigned count);
    int (*finish_writing)(struct stream *stream);
    bool (*has_pending)(const struct stream *stream);
    void (*release)(struct stream *stream); /* all but the descriptor */
};

struct stream {
    const struct stream_ops *ops;
    int fd;
    bool nonblocking; /**< -EAGAIN is "not now", not a time limit that has passed */
    /** After -EAGAIN: wait until the descriptor is writable. Otherwise: until it is readable. */
    bool wants_write;
    void *tls; /**< of tls.c; NULL for a plain stream */
};

/** A plain stream on a connected, blocking descriptor. Takes the descriptor over. */
void stream_init_plain(struct stream *stream, int fd);

/** From now on nothing waits: what would have waited returns -EAGAIN, and sets wants_write. */
static inline void stream_set_nonblocking(struct stream *stream)
{
    stream->nonblocking = true;
}

/** From now on calls wait again. */
static inline void stream_set_blocking(struct stream *stream)
{
    stream->nonblocking = false;
}

/**
 * Agree on keys with the peer. Nothing to do for a plain stream.
 *
 * In a blocking stream the read time limit holds for all of it together: a peer that sends a byte
 * now and then does not stretch it. In a non-blocking stream the caller keeps the time. The first
 * call there of a client only sends: whoever waits then sees when the server's first byte comes,
 * and that byte before TLS takes it.
 *
 * @return  0           agreed
 *          -EAGAIN     not yet, in a non-blocking stream: call again when the descriptor is ready
 *          -ETIMEDOUT  it was not done within the time limit
 *          -EPROTO     what came is not TLS, or no version or cipher is common, or a certificate is
 *                      missing or not trusted, or the peer closed; stream_error_text() has words.
 *                      The peer has been sent an alert, which an immediate close() may destroy
 *          other < 0   a negated errno value
 */
static inline int stream_handshake(struct stream *stream)
{
    return stream->ops->handshake(stream);
}

/**
 * Read what there is, waiting for at least one byte.
 *
 * @return  > 0         bytes read
 *          0           end of file: the peer has closed its sending half, and has said so
 *          -EAGAIN     nothing is there, in a non-blocking stream
 *          -ETIMEDOUT  nothing came within the read time limit
 *          -EPROTO     the peer broke the protocol of TLS, or ended without its close_notify; so
 *                      does a shutdown() of our own, whose caller knows better what it means
 *          other < 0   a negated errno value, -ECONNRESET for one. EINTR is retried, never seen
 */
static inline ssize_t stream_read(struct stream *stream, void *bytes, size_t size)
{
    return stream->ops->read(stream, bytes, size);
}

/**
 * Whether bytes that have come are held by the stream, where poll() does not see them. Always false
 * for a plain stream, and after a read that returned -EAGAIN.
 */
static inline bool stream_has_pending(const struct stream *stream)
{
    return stream->ops->has_pending(stream);
}

/**
 * Write what can be written at once, at least one byte. Never raises SIGPIPE.
 *
 * After -EAGAIN or -ETIMEDOUT nothing else can be written than the same bytes, and more of them
 * behind: TLS has begun with them.
 *
 * @return  > 0         bytes written
 *          -EAGAIN     none can be written now, in a non-blocking stream
 *          -ETIMEDOUT  the peer took nothing for the write time limit
 *          other < 0   a negated errno value: -EPIPE, -ECONNRESET, ...
 */
static inline ssize_t stream_write_some(struct stream *stream, const void *bytes, size_t size)
{
    return stream->ops->write_some(stream, bytes, size);
}

/**
 * The same for bytes that lie in several places: as much of them as goes in one call, from the
 * first byte on. TLS writes no more than the first part.
 *
 * @param parts  not changed; at least one, and none of them empty
 */
static inline ssize_t stream_write_parts(struct stream *stream, struct iovec *parts, unsigned count)
{
    return stream->ops->write_parts(stream, parts, count);
}

/**
 * Write all of it, however many sends that takes.
 *
 * @return  0           all is written
 *          < 0         as stream_write_some(); in a non-blocking stream some may have been written,
 *                      and *written says how much
 * @param written       may be NULL in a blocking stream
 */
int stream_write(struct stream *stream, const void *bytes, size_t size, size_t *written);

/** Limit each wait in read and in write. 0: no limit, and no system call. @return 0 or -errno */
int stream_set_timeouts(struct stream *stream, int64_t read_ns, int64_t write_ns);

/** The read limit that is set, in nanoseconds; INT64_MAX where there is none. */
int64_t stream_read_limit_ns(const struct stream *stream);

/** TCP_NODELAY: small writes leave at once. Failure only costs speed and is ignored. */
void stream_set_nodelay(struct stream *stream);

/**
 * End our sending half: the peer reads all that was written, then end of file. Reading goes on as
 * before. TLS says so by its close_notify, which takes room in the socket's buffer: a blocking
 * stream waits for that as a write does. A second call does nothing.
 *
 * @return  0        ended; or the connection was lost, which the next read tells better
 *          -EAGAIN  no room for the close_notify yet, in a non-blocking stream: call again when the
 *                   descriptor is writable, or else the peer takes the end for a truncation. Never
 *                   of a plain stream
 */
static inline int stream_finish_writing(struct stream *stream)
{
    return stream->ops->finish_writing(stream);
}

/** Release all but the descriptor, which is the caller's again. */
void stream_release(struct stream *stream);

/** Release, and close the descriptor. */
void stream_close(struct stream *stream);

#endif /* COMMON_STREAM_H */
