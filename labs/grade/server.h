/* SPDX-License-Identifier: MIT */
/**
 * @file server.h
 * The student's server, as a child process, and clients of it.
 *
 * Every function that returns false has said why in `why`, as wrong() does. All waits have a limit.
 */
#ifndef LABS_GRADE_SERVER_H
#define LABS_GRADE_SERVER_H

#include "grade.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct server {
    pid_t pid;
    uint16_t port;
    unsigned workers, queue; /**< for {workers} and {queue}; set before server_start() */
    unsigned descriptors;    /**< its limit; 0: as it is */
    bool twin;               /**< the one that LAB_TWIN names, with the thread sanitizer */
    int status;              /**< how it has ended, for waitpid(); once server_runs() is false */
};

/** Start it, with a variable in its environment or NULL, and wait until it accepts connections. */
bool server_start(struct server *server, const char *variable, char why[static WHY_MAX]);

/** Check whether it still runs. */
bool server_runs(struct server *server);

/** Check whether it has ended, or is about to: its connections close before its process has ended. */
bool server_ended(struct server *server);

/** Stop and continue the process, so that what clients do meanwhile has happened when it looks. */
void server_freeze(const struct server *server);
void server_thaw(const struct server *server);

/** Send SIGTERM. @return its exit status; -1: it did not end; -2: a signal killed it */
int server_terminate(struct server *server);

/** Count its threads. */
unsigned server_threads(const struct server *server);

/**
 * Count the pieces of its memory, of which each thread's stack is one or two. Stacks that lie side by side are one
 * mapping since glibc 2.42, whose guards are no mappings of their own.
 */
unsigned server_pieces(const struct server *server);

/** Return the CPU time that it has used, in milliseconds. */
long server_cpu_ms(const struct server *server);

/** Check whether all its threads sleep: none of several looks in a row finds one that runs or could. */
bool server_sleeps(const struct server *server);

/** Connect. @return a descriptor, or -1 */
int client_connect(struct server *server, char why[static WHY_MAX]);

/** Send and compare what comes back. The order of sending and receiving does not matter to the server. */
bool client_exchange(int fd, size_t size, char why[static WHY_MAX]);

/** What client_exchange() does, then end the sending half at once, and wait for the end behind the last byte. */
bool client_finish(int fd, size_t size, char why[static WHY_MAX]);

/**
 * Send, without reading, until the server takes no more.
 *
 * @return how many bytes its side has taken, up to `most`
 */
size_t client_flood(const struct server *server, int fd, size_t most);

/** Read and compare `size` bytes of what client_flood() has sent, and then the end of file, if asked for. */
bool client_drain(int fd, size_t size, bool to_the_end, char why[static WHY_MAX]);

/** Wait for end of file or a reset. @return false: the connection stays open */
bool client_sees_end(int fd);

/** Break the connection, so that the server's next write fails. */
void client_reset(int fd);

/** Run echo-client against it. */
bool echo_client(const struct server *server, const char *options, char why[static WHY_MAX]);

#endif /* LABS_GRADE_SERVER_H */
