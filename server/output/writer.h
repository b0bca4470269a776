/* SPDX-License-Identifier: MIT */
/**
 * @file writer.h
 * A bounded ring of messages, and the thread that writes them to standard output.
 */
#ifndef SERVER_OUTPUT_WRITER_H
#define SERVER_OUTPUT_WRITER_H

#include <stddef.h>
#include <stdint.h>

struct writer;

/**
 * Make the ring. Until writer_start() messages wait in it.
 *
 * @param message_bytes  the longest message there will be
 * @param also_dropped   messages that other processes have dropped, to be reported as well; NULL: none
 * @return               0 and *writer, or a negated errno value
 */
int writer_new(size_t message_bytes, _Atomic uint64_t *also_dropped, struct writer **writer);

/** Start the thread. @return 0 or a negated errno value */
int writer_start(struct writer *writer);

/** Write what is left, within a second, stop the thread and release. @return messages dropped */
uint64_t writer_free(struct writer *writer);

/**
 * Put a message into the ring, or drop and count it if there is no room. Never waits for standard output.
 *
 * @param session  0: print the bytes as they are
 * @param total    bytes of the message, of which `size` are shown
 *
 * Threads: any.
 */
void writer_put(struct writer *writer, uint64_t session, const void *bytes, size_t size,
                size_t total);

/** Count the messages dropped so far, by other processes too. Threads: any. */
uint64_t writer_dropped(struct writer *writer);

#endif /* SERVER_OUTPUT_WRITER_H */
