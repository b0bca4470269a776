/* SPDX-License-Identifier: MIT */
/**
 * @file limits.h
 * The machine's limits, seen before they bite.
 */
#ifndef CLIENT_LOAD_LIMITS_H
#define CLIENT_LOAD_LIMITS_H

#include "client/load/load.h"

#include <stdbool.h>
#include <stddef.h>

/**
 * Raise the soft limit on descriptors as far as the sessions need and the hard limit allows, and
 * warn in one sentence each where descriptors, local ports or threads will not suffice, with what
 * is to be raised. Whoever goes on then sees some sessions fail and the others work.
 */
void limits_prepare(const struct load_settings *settings, const struct session_plan *plan);

/**
 * The smallest stack, in bytes, that is asked for a session's thread: 64 KiB where that will do, or
 * 256 KiB with TLS.
 */
size_t limits_thread_stack(bool tls);

#endif /* CLIENT_LOAD_LIMITS_H */
