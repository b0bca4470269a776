/* SPDX-License-Identifier: MIT */
/**
 * @file child.h
 * Printing from processes that serve sessions. Each message is one line in one write, or it is
 * dropped and counted in memory that the processes share.
 *
 * Threads: any.
 */
#ifndef SERVER_OUTPUT_CHILD_H
#define SERVER_OUTPUT_CHILD_H

#include <stddef.h>
#include <stdint.h>

/** What the processes share. */
struct child_output {
    _Atomic uint64_t dropped; /**< messages */
};

/**
 * Prepare standard output for several processes. Call before the first of them is forked.
 *
 * @return 0 and *output, or a negated errno value
 */
int child_output_open(struct child_output **output);

/** Release it. NULL is fine. */
void child_output_close(struct child_output *output);

/**
 * Print a message in a process that serves. Takes no lock and does not wait.
 *
 * @param total  bytes of the message, of which `size` are shown
 */
void child_output_message(struct child_output *output, uint64_t session, const void *bytes,
                          size_t size, size_t total);

#endif /* SERVER_OUTPUT_CHILD_H */
