/* SPDX-License-Identifier: MIT */
/**
 * @file log.h
 * Messages for people, on standard error: whole sentences after the program's name.
 *
 * Each call is one write(2), so lines of several threads do not mix. Safe in any thread.
 *
 * A stopped terminal, or a pipe without a reader, does not block the program: a line that standard
 * error does not take at once is lost, and a note before the next line counts the lost ones.
 */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include <stdarg.h>
#include <stdint.h>

/** Exit statuses that both programs share; the client has more of its own. */
enum { EXIT_OK = 0, EXIT_RUN = 1, EXIT_USAGE = 2 };

enum log_level { LOG_QUIET, LOG_NORMAL, LOG_VERBOSE };

/** Set the name and the level before any thread is made. Default: "echopool", LOG_NORMAL. */
void log_init(const char *program, enum log_level level);

/** Report an error as "echo-server: text". Waits for standard error, at most a second. */
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** Report what does not stop the program. Nothing with LOG_QUIET. */
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** Report only with LOG_VERBOSE. */
void log_verbose(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Return how many lines have been lost. */
uint64_t log_lost(void);

/** log_error, then exit(EXIT_RUN). Only while the program starts. */
_Noreturn void log_fatal(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** log_error, then exit(EXIT_USAGE): the command line is wrong. */
_Noreturn void log_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

/**
 * A limit for repeated warnings: one a second. Ready when zeroed. One thread only.
 */
struct log_gate {
    int64_t last_ns;
    unsigned held; /**< warnings dropped since the last one that passed */
};

/** @return 0: do not warn; or 1 + the number of warnings dropped since the last */
unsigned log_gate_pass(struct log_gate *gate);

#endif /* COMMON_LOG_H */
