/* SPDX-License-Identifier: MIT */
/**
 * @file log.h
 * What the programs say to people on standard error: whole sentences after the program's name.
 *
 * Each call is one write(2), so lines of several threads do not mix. Safe in any thread.
 *
 * Nobody is held up by a terminal that somebody has stopped, or a pipe that nobody reads: a line that
 * standard error does not take is lost, and the next one that it takes is preceded by how many were.
 */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include <stdarg.h>
#include <stdint.h>

/** Exit statuses that both programs share; the client has more of its own. */
enum { EXIT_OK = 0, EXIT_RUN = 1, EXIT_USAGE = 2 };

enum log_level { LOG_QUIET, LOG_NORMAL, LOG_VERBOSE };

/** Set the name and the level, once, before any thread is made. Default: "echopool", LOG_NORMAL. */
void log_init(const char *program, enum log_level level);

/** "echo-server: text". For errors; waits for standard error, but not longer than a second. */
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** For what a person should know but the program can live with; not with LOG_QUIET. */
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** Only with LOG_VERBOSE. */
void log_verbose(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** How many lines were lost so far. */
uint64_t log_lost(void);

/** log_error, then exit(EXIT_RUN). Only while the program starts. */
_Noreturn void log_fatal(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** log_error, then exit(EXIT_USAGE): the command line is wrong. */
_Noreturn void log_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

/**
 * A gate for warnings that may come in floods: open once a second.
 *
 * Zero-initialised it is ready. One thread only.
 */
struct log_gate {
    int64_t last_ns;
    unsigned held; /**< warnings swallowed since the last one that passed */
};

/** @return 0 to stay silent, or 1 + the number of warnings held back since the last */
unsigned log_gate_pass(struct log_gate *gate);

#endif /* COMMON_LOG_H */
