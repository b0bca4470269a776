/* SPDX-License-Identifier: MIT */
/**
 * @file outlet.h
 * A file, a pipe or standard output that is written while a load runs, and never delays it.
 *
 * What a slow reader does not take yet is kept in memory until it does, so that nothing is lost and
 * the load waits for no reader. After the first error all further text is dropped, and
 * outlet_close() returns that error.
 *
 *     struct outlet *outlet = outlet_open("sessions.csv");      or "-": standard output
 *     outlet_print(outlet, "%u,%s\r\n", 7, "ok");
 *     outlet_offer(outlet);                                     now and then
 *     code = outlet_close(outlet, "the sessions", 0);           0, or the first error
 *
 * Threads: one outlet belongs to one thread.
 */
#ifndef CLIENT_VIEWS_OUTLET_H
#define CLIENT_VIEWS_OUTLET_H

#include <stddef.h>

struct outlet;

/**
 * Open a file for writing, emptied if it exists.
 *
 * @param path  "-": standard output, which stays open
 * @return      NULL with errno set on failure
 */
struct outlet *outlet_open(const char *path);

void outlet_put(struct outlet *outlet, const char *text, size_t size);
void outlet_print(struct outlet *outlet, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** Write as much as possible without waiting. */
void outlet_offer(struct outlet *outlet);

/**
 * Write the rest, however long the reader takes, and free the outlet. Logs what could not be written:
 * "cannot write the sessions to FILE: No space left on device". A reader that has closed its end is
 * not logged.
 *
 * @param what   "the sessions", or "": the sentence names the file alone
 * @param error  a negated errno value if the text is not complete; 0: it is
 * @return       0, or the negated errno of what failed first, in writing or else that error
 */
int outlet_close(struct outlet *outlet, const char *what, int error);

#endif /* CLIENT_VIEWS_OUTLET_H */
