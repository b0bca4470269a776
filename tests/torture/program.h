/* SPDX-License-Identifier: MIT */
/**
 * @file program.h
 * A program under test: started, heard, and judged by how it ends. Nothing here fails a test: the campaign
 * wants to know what has happened.
 */
#ifndef TESTS_TORTURE_PROGRAM_H
#define TESTS_TORTURE_PROGRAM_H

#include "tests/kit/shim.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    LIMIT_MS = 60000,   /* of everything that must happen: a busy machine is no failure */
    SHORTAGE_MS = 2000, /* how long a shortage lasts, from the first call that fails */
    SAID_MAX = 1 << 18,
};

struct program {
    const char *name;
    pid_t pid;
    int out, err; /* -1: closed */
    bool hangs;   /* a limit has passed */
    int status;   /* of waitpid() */
    size_t out_size, err_size;
    char out_said[SAID_MAX], err_said[SAID_MAX]; /* ended by a zero */
};

/** What the programs are preloaded with: a descriptor, because LD_PRELOAD cannot have a path with a blank. */
extern int program_shim;

/** Report why the campaign cannot go on, and end it. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/**
 * Start a program of the build tree.
 *
 * @param input   its standard input
 * @param orders  a descriptor of the shim's orders; -1: the program is not preloaded
 */
void program_start(struct program *program, const char *const arguments[], int input, int orders);

/**
 * Wait until it has said something on standard output.
 *
 * @param text  NULL: wait for its end
 * @return      false: it has not, and will not; or it hangs
 */
bool program_says(struct program *program, const char *text, int limit_ms);

/* How long a program is waited for: zero before the first time. */
struct program_wait {
    int64_t end_ns;
    int64_t shortage_end_ns; /* 0: no call has failed yet */
};

/**
 * Wait for a moment. A program may wait until a shortage has passed: SHORTAGE_MS after the first call that
 * fails, none does any more.
 *
 * @return  false: it has ended, or it hangs
 */
bool program_goes_on(struct program *program, struct orders *orders, struct program_wait *waited);

/** Wait for its end, or make one if it hangs. */
void program_finish(struct program *program, struct orders *orders);

/** Find the number behind some text; 0: not there. */
unsigned number_behind(const char *said, const char *text);

/* --- Verdicts: NULL, or what is wrong, valid until the next one ---------------------------- */

const char *wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Judge what holds for each end: no signal, no hang, nothing that is never said. */
const char *judge_end(const struct program *program);

/** Judge a program that has given up: it did so with status 1 and a sentence on standard error. */
const char *judge_refusal(const struct program *program);

#endif /* TESTS_TORTURE_PROGRAM_H */
