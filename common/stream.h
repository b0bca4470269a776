/* SPDX-License-Identifier: MIT */
/**
 * @file stream.h
 * A connected socket, read and written through a table of functions.
 *
 * Plain TCP is one table; TLS will be a second with the same entries, so that neither the server's
 * communicate() nor the client's session knows which it has.
 *
 * The socket is blocking. A time limit is the socket's own (SO_RCVTIMEO, SO_SNDTIMEO): one system
 * call at the start of a session instead of one per message. One thread uses a stream at a time;
 * only stream_stop_reading() may be called by another.
 */
#ifndef COMMON_STREAM_H
#define COMMON_STREAM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct stream;

struct stream_ops {
    ssize_t (*read)(struct stream *stream, void *bytes, size_t size);
    ssize_t (*write)(struct stream *stream, const void *bytes, size_t size);
};

/** The owner keeps this where it likes; it holds nothing to be released but the descriptor. */
struct stream {
    const struct stream_ops *ops;
    int fd;
};

/** A plain TCP stream on a connected, blocking descriptor. Takes the descriptor over. */
void stream_init_plain(struct stream *stream, int fd);

/**
 * Read what there is, waiting for at least one byte.
 *
 * @return  > 0         bytes read
 *          0           end of file: the peer has closed its sending half
 *          -ETIMEDOUT  nothing came within the read time limit
 *          other < 0   a negated errno value, -ECONNRESET for one. EINTR is retried, never seen
 */
static inline ssize_t stream_read(struct stream *stream, void *bytes, size_t size)
{
    return stream->ops->read(stream, bytes, size);
}

/**
 * Write all of it, however many sends that takes. Never raises SIGPIPE.
 *
 * @return  size        all is written
 *          -ETIMEDOUT  the peer took nothing for the write time limit
 *          other < 0   a negated errno value: -EPIPE, -ECONNRESET, ...
 */
static inline ssize_t stream_write(struct stream *stream, const void *bytes, size_t size)
{
    return stream->ops->write(stream, bytes, size);
}

/** Limit each wait in read and in write. 0: no limit, and no system call. @return 0 or -errno */
int stream_set_timeouts(struct stream *stream, int64_t read_ns, int64_t write_ns);

/** TCP_NODELAY: small writes leave at once. Failure only costs speed and is ignored. */
void stream_set_nodelay(struct stream *stream);

/**
 * Make a reader that is blocked return: shutdown(SHUT_RD). What has arrived is still read first,
 * and so is what arrives later (Linux keeps it readable), so the reader also needs a flag to look at.
 *
 * Threads: any, while the descriptor is open.
 */
void stream_stop_reading(struct stream *stream);

/** End our sending half: the peer reads all that was written, then end of file. */
void stream_finish_writing(struct stream *stream);

/** Close the descriptor. */
void stream_close(struct stream *stream);

#endif /* COMMON_STREAM_H */
