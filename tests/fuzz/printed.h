/* SPDX-License-Identifier: MIT */
/**
 * @file printed.h
 * What a function prints on standard error, and whether it ends the program: caught, for a target to judge.
 *
 * The linker puts functions of printed.c in the place of write(), exit() and clock_gettime(): see local.mk. A
 * sanitizer still reports where it always does. The wall clock stands still, so that what says how long ago
 * something was says the same again.
 */
#ifndef TESTS_FUZZ_PRINTED_H
#define TESTS_FUZZ_PRINTED_H

#include <stdbool.h>
#include <stddef.h>

enum { PRINTED_MAX = 8192 };

struct printed {
    int status; /**< it has called exit() with this; -1: it has returned */
    size_t size;
    char text[PRINTED_MAX];
};

/** Call a function. */
void printed_by(struct printed *printed, void (*call)(void *argument), void *argument);

/** Whether that is one line, which ends, and is safe to print. */
bool printed_one_line(const struct printed *printed);

/** Whether bytes can be shown on a terminal and within a line: all of them are printable(). */
bool all_printable(const void *bytes, size_t size);

#endif /* TESTS_FUZZ_PRINTED_H */
