/* SPDX-License-Identifier: MIT */
/**
 * @file server.h
 * The server's life: start, serve, drain, end.
 */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include "server/options.h"

/**
 * Open /dev/null in place of each of the descriptors 0 to 2 that is closed, so that no socket can get
 * such a number and be written to as standard output; and ignore SIGXFSZ. Call first.
 */
void server_settle_output(void);

/**
 * Serve until a signal stops the server. Errors at the start exit with a sentence.
 *
 * @return the exit status: EXIT_OK if every session ended by itself, EXIT_RUN if some had to be cut
 */
int server_run(const struct options *options);

#endif /* SERVER_SERVER_H */
