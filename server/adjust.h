/* SPDX-License-Identifier: MIT */
/**
 * @file adjust.h
 * What a person may adjust while the server runs, by a signal or, with --admin-control, on the admin
 * port.
 *
 * Threads: loop only.
 */
#ifndef SERVER_ADJUST_H
#define SERVER_ADJUST_H

#include "server/admin/host.h"

#include <stdbool.h>
#include <stdint.h>

/**
 * Have one more worker, or one fewer. A worker with a session serves it to its end first.
 *
 * @param more     false: one fewer
 * @param workers  set to how many there are now, also on failure
 * @return         0, or, with the reason in why,
 *                 -ENOTSUP  this model has no pool
 *                 -EINVAL   there would be none, or more than a pool can have
 *                 another negated errno value of the pool
 */
int adjust_workers(struct server *server, bool more, uint64_t *workers,
                   char why[static HOST_WHY_MAX]);

/**
 * Stop accepting until this is called with false, or accept again. Sessions are served on; new clients
 * wait in the kernel's backlog. Pausing twice is pausing once.
 *
 * @return 0, or -ESHUTDOWN and why: the server drains, and will not accept again
 */
int adjust_accepting(struct server *server, bool paused, char why[static HOST_WHY_MAX]);

/**
 * Send visitors: see admin/visitor.h.
 *
 * @return how many, or -ESHUTDOWN, or an error of visitors_send(), and why
 */
int adjust_visitors(struct server *server, unsigned count, bool silent,
                    char why[static HOST_WHY_MAX]);

#endif /* SERVER_ADJUST_H */
