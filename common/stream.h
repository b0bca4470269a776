/* SPDX-License-Identifier: MIT */
/**
 * @file stream.h
 * A connected socket, read and written through a table of functions.
 *
 * Plain sockets (TCP or unix) are one table, TLS is a second with the same entries (tls.h), so that
 * the server's communicate() and the client's session are the same for both. A third one, of plain
 * sockets whose bytes a ring of the kernel moves, is in server/models/io-uring.c.
 *
 * A new stream is blocking. Its time limits are those of the socket (SO_RCVTIMEO, SO_SNDTIMEO): one
 * system call at the start of a session instead of one per message. For an event loop,
 * stream_set_nonblocking() makes calls return -EAGAIN instead of waiting. The descriptor itself
 * stays blocking, since other processes may share it.
 *
 * TLS reads ahead of its caller. So before waiting with poll() or epoll for a descriptor to be
 * readable, either read until -EAGAIN or call stream_has_pending().
 *
 * Threads: one at a time uses a stream. Another thread may only call shutdown() on the descriptor,
 * which wakes the thread that is blocked in it. The struct may be copied and the copy used.
 */
#ifndef COMMON_STREAM_H
#define COMMON_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct stream;

/** The implementation of the functions of the same names below. */
struct stream_ops {
    int (*handshake)(struct stream *stream);
    ssize_t (*read)(struct stream *stream, void *bytes, size_t size);
    ssize_t (*write_some)(struct stream *stream, const void *bytes, size_t size);
    ssize_t (*write_parts)(struct stream *stream, struct iovec *parts, unsigned count);
    int (*finish_writing)(struct stream *stream);
    bool (*has_pending)(const struct stream *stream);
    void (*release)(struct stream *stream); /* everything except the descriptor */
};

struct stream {
    const struct stream_ops *ops;
    int fd;
    bool nonblocking; /**< -EAGAIN means "not now", not that a time limit has passed */
    /** After -EAGAIN: wait until the descriptor is writable. Otherwise: until it is readable. */
    bool wants_write;
    void *tls; /**< of tls.c; NULL for a plain stream */
    void *own; /**< of another table, such as that of server/models/io-uring.c */
};

/** Make a plain stream of a connected, blocking descriptor. Takes the descriptor over. */
void stream_init_plain(struct stream *stream, int fd);

/** From now on return -EAGAIN, and set wants_write, instead of waiting. */
static inline void stream_set_nonblocking(struct stream *stream)
{
    stream->nonblocking = true;
}

/** From now on wait again. */
static inline void stream_set_blocking(struct stream *stream)
{
    stream->nonblocking = false;
}

/**
 * Agree on keys with the peer. Nothing to do for a plain stream.
 *
 * In a blocking stream the read time limit applies to the whole handshake: a peer cannot extend it
 * by sending a byte now and then. In a non-blocking stream the caller keeps the time. There the
 * first call of a client only sends, so that the caller sees when the server's first byte comes,
 * before TLS reads it.
 *
 * @return  0           agreed
 *          -EAGAIN     not yet, in a non-blocking stream: call again when the descriptor is ready
 *          -ETIMEDOUT  it was not done within the time limit
 *          -EPROTO     the peer does not speak TLS, or no version or cipher is common, or a
 *                      certificate is missing or not trusted, or the peer closed; see
 *                      stream_error_text(). An alert was sent, which a close() at once may destroy
 *          other < 0   a negated errno value
 */
static inline int stream_handshake(struct stream *stream)
{
    return stream->ops->handshake(stream);
}

/**
 * Read the bytes that have come, waiting for at least one.
 *
 * @return  > 0         bytes read
 *          0           end of file: the peer has ended its sending half in order
 *          -EAGAIN     no byte has come, in a non-blocking stream
 *          -ETIMEDOUT  no byte came within the read time limit
 *          -EPROTO     the peer violated TLS, or ended without close_notify; also after our own
 *                      shutdown() of the descriptor
 *          other < 0   a negated errno value such as -ECONNRESET; never -EINTR
 */
static inline ssize_t stream_read(struct stream *stream, void *bytes, size_t size)
{
    return stream->ops->read(stream, bytes, size);
}

/**
 * Tell if the stream holds bytes that poll() does not see. Always false for a plain stream, and
 * with TLS after a read that returned -EAGAIN.
 */
static inline bool stream_has_pending(const struct stream *stream)
{
    return stream->ops->has_pending(stream);
}

/**
 * Write what can be written at once, at least one byte. Never raises SIGPIPE.
 *
 * After -EAGAIN or -ETIMEDOUT the next write must begin with the same bytes, since TLS has begun to
 * send them; more may follow.
 *
 * @return  > 0         bytes written
 *          -EAGAIN     none can be written now, in a non-blocking stream
 *          -ETIMEDOUT  the peer read nothing within the write time limit
 *          other < 0   a negated errno value: -EPIPE, -ECONNRESET, ...
 */
static inline ssize_t stream_write_some(struct stream *stream, const void *bytes, size_t size)
{
    return stream->ops->write_some(stream, bytes, size);
}

/**
 * The same for bytes in several places: write as many as one call takes, from the first on. TLS
 * writes at most the first part.
 *
 * @param parts  not changed; at least one, and none of them empty
 */
static inline ssize_t stream_write_parts(struct stream *stream, struct iovec *parts, unsigned count)
{
    return stream->ops->write_parts(stream, parts, count);
}

/**
 * Write all bytes, in as many sends as that takes.
 *
 * @return  0           all bytes are written
 *          < 0         as stream_write_some(); in a non-blocking stream *written of them have been
 *                      written
 * @param written       may be NULL in a blocking stream
 */
int stream_write(struct stream *stream, const void *bytes, size_t size, size_t *written);

/** Limit each wait in read and in write. 0: no limit, and no system call. @return 0 or -errno */
int stream_set_timeouts(struct stream *stream, int64_t read_ns, int64_t write_ns);

/** Return the read time limit in nanoseconds; INT64_MAX: there is none. */
int64_t stream_read_limit_ns(const struct stream *stream);

/** Set TCP_NODELAY: small writes leave at once. Failure only costs speed and is ignored. */
void stream_set_nodelay(struct stream *stream);

/**
 * End our sending half: the peer reads all that was written, then end of file. Reading goes on as
 * before. TLS sends a close_notify, which needs room in the socket's buffer: a blocking stream
 * waits for it as in a write. A second call does nothing.
 *
 * @return  0        ended; or the connection was lost, which the next read reports
 *          -EAGAIN  no room for the close_notify yet, in a non-blocking stream: call again when the
 *                   descriptor is writable, or the peer will report a truncation. Plain streams
 *                   never return it
 */
static inline int stream_finish_writing(struct stream *stream)
{
    return stream->ops->finish_writing(stream);
}

/** Release everything except the descriptor, which the caller owns again. */
void stream_release(struct stream *stream);

/** Release, and close the descriptor. */
void stream_close(struct stream *stream);

#endif /* COMMON_STREAM_H */
