/* SPDX-License-Identifier: MIT */
/**
 * @file printer.h
 * The only module that writes to standard output.
 *
 * A terminal stopped with Ctrl-S, or a pipe without a reader, must not stop an echo. So with --print
 * line or full the workers copy their messages into a bounded ring, and a thread writes them
 * (writer.h); messages that find the ring full are dropped and counted. With --print none there is no
 * thread: the calling thread writes the server's few own lines, if standard output takes them at once.
 *
 * A process that serves sessions has no such thread, and its copy of the ring may be locked. So it
 * writes its messages itself (child.h).
 *
 * Threads: any may print. Free it from the thread that made it, when no other thread prints.
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
 * @return               0 and *printer, or a negated errno value
 */
int printer_new(enum print_mode mode, size_t message_bytes, bool processes,
                struct printer **printer);

/**
 * Start the thread that writes, if this mode has one. Until then messages wait in the ring. Call after
 * the forks that need a process with one thread.
 *
 * @return 0 or a negated errno value
 */
int printer_start(struct printer *printer);

/** Write what is left, within a second, and release. NULL is fine. @return messages dropped */
uint64_t printer_free(struct printer *printer);

/** Count the messages that were not printed so far. Threads: any. */
uint64_t printer_dropped(struct printer *printer);

/** Print a message of a session. Never blocks. Do not call in PRINT_NONE. */
void printer_message(struct printer *printer, uint64_t session, const void *bytes, size_t size);

/**
 * Print differently from now on, because this process was forked from the one that made the printer:
 * printer_message() writes one line of at most PIPE_BUF bytes in one write, so that lines of several
 * processes do not mix; a longer one is cut and ends in "...". Do not call printer_line() here.
 */
void printer_enter_child(struct printer *printer);

/** Print a line of the server itself, without escaping. Never blocks; dropped if there is no room. */
void printer_line(struct printer *printer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif /* SERVER_OUTPUT_PRINTER_H */
