/* SPDX-License-Identifier: MIT */
/**
 * @file outlet.h
 * A file, a pipe or standard output that is written while a load runs, and never holds it up.
 *
 * What a slow reader does not take yet is kept in memory until it does, so that nothing is lost and
 * nobody waits before the end. After the first error all that comes is dropped, and outlet_close()
 * tells which it was.
 *
 *     struct outlet *outlet = outlet_open("sessions.csv");      or "-": standard output
 *     outlet_print(outlet, "%u,%s\r\n", 7, "ok");
 *     outlet_offer(outlet);                                     now and then
 *     code = outlet_close(outlet);                              0, or the first error
 *
 * Threads: one outlet belongs to one thread.
 */
#ifndef CLIENT_VIEWS_OUTLET_H
#define CLIENT_VIEWS_OUTLET_H

#include <stddef.h>

struct outlet;

/**
 * Open a file to be written, emptied if it exists.
 *
 * @param path  "-": standard output, which stays open
 * @return      NULL with errno set where that fails
 */
struct outlet *outlet_open(const char *path);

void outlet_put(struct outlet *outlet, const char *text, size_t size);
void outlet_print(struct outlet *outlet, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** Write as much as goes without waiting. */
void outlet_offer(struct outlet *outlet);

/** @return 0, or the negated errno of the first thing that failed, -ENOMEM among them */
int outlet_error(const struct outlet *outlet);

/** Write the rest, however long its reader takes, and free it. @return as outlet_error() */
int outlet_close(struct outlet *outlet);

/**
 * The same, and say on standard error what could not be written: "cannot write the sessions to FILE:
 * No space left on device". Of a reader who has left, nothing: he wanted no more.
 *
 * @param what   "the sessions", or "": the sentence names the file alone
 * @param error  a negated errno value of the caller's own, for a text that is not whole; 0: it is
 * @return       as outlet_error(), or else that error
 */
int outlet_finish(struct outlet *outlet, const char *what, int error);

#endif /* CLIENT_VIEWS_OUTLET_H */
