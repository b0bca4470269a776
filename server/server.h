/* SPDX-License-Identifier: MIT */
/**
 * @file server.h
 * The server's life: start, serve, drain, end.
 */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include "server/options.h"

/**
 * Open /dev/null in the place of descriptors 0 to 2 where they are closed, so that no socket can
 * land there and be written to as standard output. Call first.
 */
void server_open_standard_descriptors(void);

/**
 * Serve until a signal ends it.
 *
 * @return the exit status: EXIT_OK when every session ended by itself, EXIT_RUN when some had to
 *         be cut. What goes wrong at the start exits with a sentence
 */
int server_run(const struct options *options);

#endif /* SERVER_SERVER_H */
