/* SPDX-License-Identifier: MIT */
/**
 * @file input.h
 * A target of the fuzzers, and its inputs as text, in which seeds and findings are written.
 *
 * Each line of a text adds bytes to the input:
 *
 *     # a comment
 *     text WORDS         the bytes of the words
 *     line WORDS         the same and a newline
 *     crlf WORDS         the same and a carriage return and a newline
 *     hex 00FF           these bytes
 *     zeros N            N bytes of zero
 *     u32 N, u64 N       a number in this machine's order, also negative
 *     message N          a message begins; what follows are its bytes. `N memfd`: N plus MESSAGE_MEMFD
 *
 * Only some targets take messages. In bytes a message is: one for N, two for the size of what follows, the
 * low one first, and what follows.
 */
#ifndef TESTS_FUZZ_INPUT_H
#define TESTS_FUZZ_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/** The longest input. */
#define INPUT_MAX 300000u

/** In the number of a message to the pool: its last descriptor is a file in memory. */
#define MESSAGE_MEMFD 0x20u

/** The target: as libFuzzer calls it. Aborts if something is wrong. */
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

/** Whether it takes messages, so that its inputs are shown as such. */
extern const bool target_takes_messages;

/** Read a text. @return the size of the input, or 0 with a line on standard error: it is no text */
size_t input_of_text(FILE *text, uint8_t input[static INPUT_MAX]);

/** Write an input as text. */
void text_of_input(const uint8_t *input, size_t size);

/**
 * Find the next message.
 *
 * @param at      where in the input: at the message, then at its bytes. The caller adds their number
 * @param number  N
 * @return        how many bytes it has; -1: there is no further message
 */
ssize_t input_message(const uint8_t *input, size_t size, size_t *at, unsigned *number);

/** Return the lowest number that is free for a descriptor: it grows if one stays open. */
int lowest_free_fd(void);

/** Abort with a line if something does not hold. */
#define HOLDS(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            input_broken(__FILE__, __LINE__, #condition);                                          \
    } while (0)
_Noreturn void input_broken(const char *file, int line, const char *condition);

#endif /* TESTS_FUZZ_INPUT_H */
