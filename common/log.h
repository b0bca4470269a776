/* SPDX-License-Identifier: MIT */
/**
 * @file log.h
 * Messages on standard error: whole sentences after the program's name, for people; or a JSON object on
 * each line, for programs.
 *
 * Each call is one write(2), so lines of several threads do not mix. Safe in any thread.
 *
 * Formats are literals, since po/extract looks for them, and are translated here. What their %s stand for
 * is not: see translate.h for _() and translate_error().
 *
 * A stopped terminal, or a pipe without a reader, does not block the program: a line that standard
 * error does not take at once is lost, and a note before the next line counts the lost ones.
 */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

/** Exit statuses that both programs share; the client has more of its own. */
enum { EXIT_OK = 0, EXIT_RUN = 1, EXIT_USAGE = 2 };

enum log_level { LOG_QUIET, LOG_NORMAL, LOG_VERBOSE };

/** The form of the lines. */
enum log_form {
    LOG_TEXT,
    LOG_JSON, /**< members: time, level (error, warning, info), event; of a sentence: message */
};

/** The option's words in the order of the enum, ended by NULL. */
extern const char *const log_form_words[];

/** Set the name and the level before any thread is made. Default: "echopool", LOG_NORMAL. */
void log_init(const char *program, enum log_level level);

/** Set the form, likewise. Default: LOG_TEXT. With LOG_JSON nothing is translated from then on. */
void log_set_form(enum log_form form);

/** Check whether lines of this level are written: what goes into one need not be found out otherwise. */
bool log_writes(enum log_level level);

/** Report an error as "echo-server: text". Waits for standard error, at most a second. */
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** Report what does not stop the program. Nothing with LOG_QUIET. */
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** Report only with LOG_VERBOSE. */
void log_verbose(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** What an event was about: members of its JSON object. Zero or NULL: there is no such member. */
struct log_facts {
    uint64_t session;
    const char *peer;
    const char *outcome; /**< with it the numbers below, which may be zero */
    const char *reason;
    uint64_t echoes;
    uint64_t bytes_received, bytes_sent;
    int64_t waited_ns;
    int64_t held_ns; /**< negative: null */
};

/**
 * Report an event: as a sentence in text form, in JSON form as an object with the facts.
 *
 * @param level  LOG_NORMAL for a warning, LOG_VERBOSE
 */
void log_event(enum log_level level, const char *event, const struct log_facts *facts,
               const char *format, ...) __attribute__((format(printf, 4, 5)));

/** Return how many lines have been lost. */
uint64_t log_lost(void);

/** log_error, then exit(EXIT_RUN). Only while the program starts. */
_Noreturn void log_fatal(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** log_error, then exit(EXIT_USAGE): the command line is wrong. */
_Noreturn void log_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

/**
 * A limit for repeated warnings: one a second. Ready when zeroed. Threads, and processes that share it, may use
 * it at the same time.
 */
struct log_gate {
    _Atomic int64_t last_ns;
    _Atomic unsigned held; /**< warnings dropped since the last one that passed */
};

/** @return 0: do not warn; or 1 + the number of warnings dropped since the last */
unsigned log_gate_pass(struct log_gate *gate);

#endif /* COMMON_LOG_H */
