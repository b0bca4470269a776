/* SPDX-License-Identifier: MIT */
/**
 * @file machine-limits.h
 * Whether the machine has room for a load: descriptors, local ports, threads and their stacks.
 */
#ifndef CLIENT_LOAD_MACHINE_LIMITS_H
#define CLIENT_LOAD_MACHINE_LIMITS_H

#include "client/load/settings.h"
#include "client/report/summary.h"
#include "client/session/session.h"

#include <stdbool.h>
#include <stddef.h>

/** What libevent takes for each loop: epoll, a timer, and a pipe. */
enum { LOOP_DESCRIPTORS = 4 };

/**
 * Raise the soft limit on descriptors as far as the sessions need and the hard limit allows. Warn if
 * descriptors, local ports or threads will not suffice, in a sentence each that names what to raise.
 * The load can go on all the same: some sessions then fail, and the others work.
 */
void machine_limits_prepare(const struct load_settings *settings, const struct session_plan *plan);

/** Warn, after a load, if connections failed because all local ports were taken: what keeps them, what helps. */
void machine_limits_explain(const struct load_settings *settings, const struct session_plan *plan,
                            const struct summary *summary);

/** The bytes of stack to ask for a session's thread: 64 KiB if that will do, or 256 KiB with TLS. */
size_t machine_limits_thread_stack(bool tls);

#endif /* CLIENT_LOAD_MACHINE_LIMITS_H */
