/* SPDX-License-Identifier: MIT */
/**
 * @file process.h
 * What the designs have in common that serve sessions in other processes.
 *
 * A session lies in memory that all processes share, at the same address in each. The main process
 * keeps its own descriptor of the connection until the session has ended: by it the loop can still
 * reach the connection, and counts the session before it closes.
 *
 * In a process that serves nothing may be used that another thread of the main process could have
 * held locked at the fork: not the accounting, not the ring of the printer.
 */
#ifndef SERVER_MODELS_PROCESS_H
#define SERVER_MODELS_PROCESS_H

#include "server/session/session.h"

/* --- in the process that serves ------------------------------------------------------------ */

/**
 * Become a process that serves: print directly, and ignore the signals that ask something of the
 * server. The main process has them too, where they were sent to the whole group (^C on a terminal, a
 * supervisor that stops a service), and knows what they mean; its word reaches us through the session.
 */
void process_enter(struct shared *shared);

/**
 * Serve it as far as it goes.
 *
 * @param fd  of this process, for the same connection; stays the caller's
 */
enum need process_serve(struct session *session, int fd, unsigned char *buffer, unsigned worker);

/* --- in the main process ------------------------------------------------------------------- */

/**
 * Whoever served it has ended, or has died in the middle: count it as what it came to, or what it
 * was judged to be, or as failed, and then log says so. Threads: as session_end().
 *
 * @param how  in words, for one that died
 */
void process_session_over(struct session *session, const char *how);

#endif /* SERVER_MODELS_PROCESS_H */
