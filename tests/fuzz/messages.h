/* SPDX-License-Identifier: MIT */
/**
 * @file messages.h
 * The messages of an input as one side of the pool's wire receives them from the other. They are the same
 * for both directions.
 *
 * The number of a message says how many descriptors of /dev/null it brings, at most 17; with MESSAGE_MEMFD
 * the last of them is a file in memory of MEMFD_SIZE bytes.
 */
#ifndef TESTS_FUZZ_MESSAGES_H
#define TESTS_FUZZ_MESSAGES_H

#include "tests/fuzz/input.h"

/** The size of the memory that a message may bring. */
#define MEMFD_SIZE 70000u

/**
 * Send the next message of an input to a socket.
 *
 * @param at      where in the input, moved on
 * @param change  called with the bytes before they are sent; may be NULL
 * @return        false at the end of the input
 */
bool message_send(int socket, const uint8_t *input, size_t size, size_t *at,
                  void (*change)(uint8_t *bytes, size_t size));

/** Receive and discard what lies in a socket. */
void messages_discard(int socket);

#endif /* TESTS_FUZZ_MESSAGES_H */
