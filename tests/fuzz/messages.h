/* SPDX-License-Identifier: MIT */
/**
 * @file messages.h
 * An input of the fuzzers: messages that one side of the wire receives from the other. It is the same
 * for both directions.
 *
 * In bytes, for the fuzzer, a message is: one byte for its descriptors, two for its size, the
 * low one first, and its bytes. In text, as the seeds are written, each line is one of these:
 *
 *     # a comment
 *     message N          N descriptors of /dev/null, at most 17; `N memfd`: the last one is sealed
 *                        memory of MEMFD_SIZE bytes
 *     u32 N, u64 N       a number in this machine's order, also negative
 *     text WORDS         the bytes of the words
 *     zeros N            N bytes of zero
 *     hex 00FF           these bytes
 */
#ifndef TESTS_FUZZ_MESSAGES_H
#define TESTS_FUZZ_MESSAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/** The size of the memory that a message may bring. */
#define MEMFD_SIZE 70000u

/** The longest input. */
#define INPUT_MAX 300000u

/** Read a text. @return the size of the input, or 0 with a line on standard error: it is no text */
size_t input_of_text(FILE *text, uint8_t input[static INPUT_MAX]);

/** Write an input as text. */
void text_of_input(const uint8_t *input, size_t size);

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

/** Return the lowest number that is free for a descriptor: it grows if one stays open. */
int lowest_free_fd(void);

/** The target: as libFuzzer calls it. Aborts if something is wrong. */
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

#endif /* TESTS_FUZZ_MESSAGES_H */
