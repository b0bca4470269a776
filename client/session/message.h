/* SPDX-License-Identifier: MIT */
/**
 * @file message.h
 * What the sessions send, and what they expect back.
 *
 * A message is a short list of parts: a stamp of its own, a body that lies in memory shared by all
 * sessions, and a newline. Making one therefore copies and allocates nothing but some 20 bytes,
 * and a thousand sessions with messages of a megabyte need no more memory than one. Beside each
 * part stands what the server is expected to make of it.
 *
 * There are two sources. Generated messages begin with "s000007 m000000012 " (session and
 * message, both from 0) and go on with printable text; a message that is too short for the stamp
 * (less than MESSAGE_STAMP + 2 bytes) is text only. From a file, messages are its lines, each with its
 * newline. Lines above MESSAGE_LINE_MAX are cut. Session k begins k/sessions of the way into the file,
 * so that sessions send different lines, which shows when a server mixes sessions up.
 *
 *     struct messages *messages = messages_generated(64, 64, TRANSFORM_UPPER);
 *     struct message message;
 *     message_make(messages, 7, 12, &message);
 *     ... message.size bytes to be sent ...
 *     messages_free(messages);
 *
 * Threads: a source is read-only once made and may be used by any number of threads.
 */
#ifndef CLIENT_SESSION_MESSAGE_H
#define CLIENT_SESSION_MESSAGE_H

#include "common/transform.h"

#include <stddef.h>
#include <stdint.h>

/** The largest generated message: 16 MiB. */
#define MESSAGE_SIZE_MAX (16u << 20)
/** Longer lines of a file are cut into messages of this size: 1 MiB. */
#define MESSAGE_LINE_MAX (1u << 20)
/** The largest file of messages: 1 GiB; it is held in memory. */
#define MESSAGE_FILE_MAX (1u << 30)

enum { MESSAGE_PARTS = 3, MESSAGE_STAMP = 19 };

struct message_part {
    const unsigned char *sent;
    const unsigned char *expected;
    size_t size; /**< bytes, of both */
};

/** In the caller's memory. Parts may point into it, so it must not be copied. */
struct message {
    struct message_part part[MESSAGE_PARTS];
    unsigned parts;
    size_t size; /**< bytes, of all parts */
    unsigned char stamp[MESSAGE_STAMP];
    unsigned char stamp_expected[MESSAGE_STAMP];
};

struct messages;

/**
 * Make a source of stamped messages.
 *
 * @param size_min,size_max  bytes, from 1 to MESSAGE_SIZE_MAX; sizes are spread evenly between
 * @return                   NULL: no memory
 */
struct messages *messages_generated(size_t size_min, size_t size_max, enum transform transform);

/**
 * Make a source of the lines of a file, which is read whole, once.
 *
 * @param sessions  how many will use it, at least 1; decides in which line each begins
 * @param cause     set on failure to a constant text
 * @return          NULL: it cannot be read, is a directory, is empty or too large
 */
struct messages *messages_from_file(const char *path, unsigned sessions, enum transform transform,
                                    const char **cause);

void messages_free(struct messages *messages);

/** The size of the largest message that the source can make. */
size_t messages_largest(const struct messages *messages);

/** Make the message with a sequence number of a session, both from 0. */
void message_make(const struct messages *messages, unsigned session, uint64_t sequence,
                  struct message *message);

/** Make a message of bytes that the caller keeps while the message is in use. */
void message_single(struct message *message, const unsigned char *sent,
                    const unsigned char *expected, size_t size);

/** The byte expected at an offset of the reply, less than message->size. */
unsigned char message_expected_at(const struct message *message, size_t offset);

/**
 * The bytes to send, in one piece.
 *
 * @param buffer  room for message->size bytes; used only if the message has several parts
 * @return        message->size bytes, in the buffer or in the message's only part
 */
const unsigned char *message_flat(const struct message *message, unsigned char *buffer);

#endif /* CLIENT_SESSION_MESSAGE_H */
