/* SPDX-License-Identifier: MIT */
/**
 * @file host.h
 * What the admin port asks of the server it belongs to. That is above this folder, so it hands down
 * these functions: see server/adjust.c.
 *
 * Threads: loop only.
 */
#ifndef SERVER_ADMIN_HOST_H
#define SERVER_ADMIN_HOST_H

#include <stdbool.h>
#include <stdint.h>

/** Room for why something stays as it is. */
#define HOST_WHY_MAX 128

struct server;
struct state;

struct admin_host {
    struct server *server; /**< for the functions */

    /** Fill in the state. */
    void (*look)(struct server *server, struct state *state);

    /** Have one more worker, or one fewer. @return 0 and their number, or an error and why */
    int (*resize)(struct server *server, bool more, uint64_t *workers,
                  char why[static HOST_WHY_MAX]);

    /** Pause accepting, or accept again. @return 0, or an error and why */
    int (*pause)(struct server *server, bool paused, char why[static HOST_WHY_MAX]);

    /** Send visitors: see visitor.h. @return how many, or an error and why */
    int (*visit)(struct server *server, unsigned count, bool silent, char why[static HOST_WHY_MAX]);
};

#endif /* SERVER_ADMIN_HOST_H */
