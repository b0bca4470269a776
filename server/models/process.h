/* SPDX-License-Identifier: MIT */
/**
 * @file process.h
 * What the models share that serve sessions in other processes.
 *
 * A session lies in memory that all processes share, at the same address in each. The main process
 * keeps its own descriptor of the connection until the session has ended, so that the loop can shut it
 * down, and counts the session before it closes.
 *
 * A process that serves must not use what another thread of the main process may have held locked at
 * the fork: the accounting and the ring of the printer.
 */
#ifndef SERVER_MODELS_PROCESS_H
#define SERVER_MODELS_PROCESS_H

#include "common/clock.h"
#include "server/session/session.h"

#include <sys/types.h>

/** How long a process may take to follow a verdict before it is killed. */
#define PROCESS_PATIENCE_NS SECOND_NS

/* --- in the process that serves ------------------------------------------------------------ */

/**
 * Become a process that serves: print directly, be killed before the main process when memory runs out, and
 * ignore the signals that the server handles. If they were sent to the whole group (^C on a terminal, a supervisor),
 * the main process has them, too, and sets the verdict of each session.
 */
void process_enter(struct shared *shared);

/**
 * The same for a process that was forked from the loop, with all signals blocked: reset what it has of the
 * loop's signals, and unblock them. It ends with the main process.
 *
 * @param parent  the main process
 */
void process_begin(struct shared *shared, pid_t parent);

/**
 * Serve a session as session_serve() does.
 *
 * @param fd  this process's descriptor of the connection; the caller closes it
 */
enum need process_serve(struct session *session, int fd, unsigned char *buffer, unsigned worker);

/* --- in the main process ------------------------------------------------------------------- */

#define PROCESS_HOW_MAX 96

/** Wait for a process that has ended, or is about to. Write how it ended, in words. */
void process_wait(int pidfd, char how[static PROCESS_HOW_MAX]);

/** Kill a child and wait for it, which no one else has waited for. */
void process_kill(pid_t pid);

/**
 * Count a session whose process has ended: under its outcome or its verdict, or else as failed, which
 * is logged. Threads: as session_end().
 *
 * @param how  how the process ended, in words
 */
void process_session_over(struct session *session, const char *how);

#endif /* SERVER_MODELS_PROCESS_H */
