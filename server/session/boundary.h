/* SPDX-License-Identifier: MIT */
/**
 * @file boundary.h
 * The end of a connection that the server ends because it stops: at a boundary between two messages, so
 * that all bytes that have come are echoed and all echoes arrive. What echo.c and ending.c do, in this order:
 *
 *     boundary_input()        has more come? Then the echo that is about to be sent is not the last
 *     boundary_cork()         it is: hold its last segment until end of file can go with it
 *     boundary_arrived()      or there is no echo to send: have the earlier ones arrived?
 *     boundary_half_close()   send end of file
 *     boundary_lingers()      wait for the client's, for a second at most
 *     boundary_lost()         were bytes lost?
 *
 * Threads: the serving side, except boundary_lost().
 */
#ifndef SERVER_SESSION_BOUNDARY_H
#define SERVER_SESSION_BOUNDARY_H

#include "common/stream.h"

#include <stdbool.h>
#include <stdint.h>

/** Zeroed: the connection goes on. */
struct boundary {
    bool corked;            /**< end of file goes with the last echo */
    bool half_closed;       /**< it was sent */
    bool late;              /**< a message came after that, through TLS */
    bool client_ended;      /**< the client's end of file, or its reset, had come by then */
    bool unsent;            /**< an echo was counted as sent that was not: see echo_take_back() */
    uint32_t segments_seen; /**< segments with data that had come until then */
    int64_t until_ns;       /**< how long to wait for the client's */
};

/** Check whether bytes have come that were not read, and may still be echoed. */
bool boundary_input(const struct stream *stream);

/**
 * Let end of file arrive together with the echo that is written next: boundary->corked. On a unix socket
 * this shuts reading, and fails if bytes have come until then.
 */
void boundary_cork(struct boundary *boundary, const struct stream *stream);

/** Check whether the client's kernel has acknowledged every echo, or never will. On a unix socket it always has. */
bool boundary_arrived(const struct stream *stream);

/** Send end of file, and remember what is needed to see whether bytes come after that. */
void boundary_half_close(struct boundary *boundary, const struct stream *stream);

/** Check whether to wait: the client has not ended its half yet, and its time is not over. */
bool boundary_lingers(struct boundary *boundary, struct stream *stream);

/** Count the bytes that have come, also those that were not read. 0: the kernel does not say, as of a unix socket. */
uint64_t boundary_received(int fd);

/**
 * Check whether bytes came that were not read, or were sent and have not arrived. Those do not count that a
 * client threw away, by closing before it had its echo: it would have done so without a stop.
 *
 * @param fd               the connection, in this process
 * @param is_plain         it is no TLS, whose own bytes may be left
 * @param reading_stopped  shutdown(SHUT_RD) was called
 *
 * Threads: the serving side; or any, once that has finished.
 */
bool boundary_lost(const struct boundary *boundary, int fd, bool is_plain, bool reading_stopped);

#endif /* SERVER_SESSION_BOUNDARY_H */
