/* SPDX-License-Identifier: MIT */
/**
 * @file control.h
 * What a person may change of a running server, whichever way it is asked for: by a signal, or on
 * the admin port under --admin-control.
 *
 * Threads: the loop's only.
 */
#ifndef SERVER_CONTROL_H
#define SERVER_CONTROL_H

#include "server/admin/host.h"

#include <stdbool.h>
#include <stdint.h>

/**
 * A worker more, or one fewer. One that has a session gives it to its end first.
 *
 * @param more     false: one fewer
 * @param workers  how many there are now, also on failure
 * @return         0. Otherwise why says so in a few words, and
 *                 -ENOTSUP  this model has no pool
 *                 -EINVAL   there would be none, or more than a pool may have
 *                 another negated errno value of the pool
 */
int control_resize(struct server *server, bool more, uint64_t *workers,
                   char why[static HOST_WHY_MAX]);

/**
 * Accept nobody until told otherwise, or accept again. Who is here already is served on; those who
 * come wait in the kernel's backlog. What is so already stays so.
 *
 * @return 0, or -ESHUTDOWN and why: the server drains, and accepts nobody ever again
 */
int control_pause(struct server *server, bool paused, char why[static HOST_WHY_MAX]);

#endif /* SERVER_CONTROL_H */
