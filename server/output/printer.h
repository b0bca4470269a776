/* SPDX-License-Identifier: MIT */
/**
 * @file printer.h
 * The one place that writes to standard output.
 *
 * A terminal that somebody has stopped with Ctrl-S, or a pipe that nobody reads, must not stop an
 * echo. So with --print line or full the workers leave copies of their messages in a bounded ring
 * and one thread of its own writes them; when the ring is full, messages are dropped and counted.
 * The thread exists only then. With --print none the server's own few lines are written by the
 * calling thread, if standard output takes them at once.
 *
 * A process that serves has neither the thread nor, for sure, an unlocked ring: it writes its
 * messages itself, each whole and at once or not at all. What is not written is counted in memory
 * that the processes share.
 *
 * Threads: any may print. Free it from the thread that made it, when nobody prints any more.
 */
#ifndef SERVER_OUTPUT_PRINTER_H
#define SERVER_OUTPUT_PRINTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum print_mode {
    PRINT_NONE, /**< messages are not printed */
    PRINT_LINE, /**< one line for each message, with at most its first 64 bytes */
    PRINT_FULL, /**< one line for each message, with all of it */
};

/** The option's words in the order of the enum, ended by NULL. */
extern const char *const print_words[];

struct printer;

/**
 * @param message_bytes  the longest message there will be
 * @param processes      other processes will print: see printer_enter_child()
 * @return 0 and *printer, or a negated errno value
 */
int printer_new(enum print_mode mode, size_t message_bytes, bool processes,
                struct printer **printer);

/**
 * Start the thread that writes, if this mode has one. Until then what is printed waits in the ring.
 * Its place is after the fork of whatever has to be forked while there is one thread.
 *
 * @return 0 or a negated errno value
 */
int printer_start(struct printer *printer);

/** Write what is left, within a second, and release. NULL is fine. @return messages dropped */
uint64_t printer_free(struct printer *printer);

/** How many messages were not printed so far. Threads: any. */
uint64_t printer_dropped(struct printer *printer);

/** Print a message of a session. Never blocks; not to be called in PRINT_NONE. */
void printer_message(struct printer *printer, uint64_t session, const void *bytes, size_t size);

/**
 * This process was forked from the one that made the printer, and serves sessions. From now on
 * printer_message() writes to standard output itself: one line in one write, of PIPE_BUF bytes at
 * most, so that lines of several processes do not mix; a longer one is cut and ends in "...". It
 * takes no lock and does not wait. printer_line() is not to be called here.
 */
void printer_enter_child(struct printer *printer);

/** Print a line of our own, without escaping. Never blocks; dropped where there is no room. */
void printer_line(struct printer *printer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif /* SERVER_OUTPUT_PRINTER_H */
