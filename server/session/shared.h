/* SPDX-License-Identifier: MIT */
/**
 * @file shared.h
 * What all sessions share: the options, and whether the server is full or drains.
 *
 * A worker process has a copy from the moment of its fork, and uses nothing in it except the options,
 * the printer, the credentials, the counts of --per-source, and what all processes share.
 */
#ifndef SERVER_SESSION_SHARED_H
#define SERVER_SESSION_SHARED_H

#include "common/transform.h"
#include "server/output/printer.h"
#include "server/session/service-time.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct accounting;
struct lingerer;
struct store;
struct credentials;
struct per_source;
struct trace;

struct shared {
    /* set before the first session, then read-only */
    struct accounting *accounting;
    struct store *store;
    struct lingerer *lingerer;
    struct per_source *per_source; /**< NULL: --per-source sets no limit */
    struct printer *printer;
    struct credentials *credentials; /**< NULL: plain */
    struct trace *trace;             /**< NULL: none */
    enum print_mode print;
    enum transform transform;
    size_t buffer_bytes;
    struct service_time delay; /**< asleep before each echo */
    struct service_time burn;  /**< on the CPU before each echo */
    bool proxy_protocol;
    int wake_fd; /**< an eventfd of the loop; see shared_wake() */

    /* in memory that all processes share */
    _Atomic uint64_t *numbers; /**< how many sessions have got a number */
    atomic_bool *draining;     /**< set by the loop: the server waits for the last session to end */

    /* set by the loop, read by all */
    atomic_bool full; /**< the listener waits until there is room */
};

/** @return all zero, except `numbers` and `draining`. NULL: out of memory */
struct shared *shared_new(void);
void shared_free(struct shared *shared);

/** Make the loop call tend(). Threads: any of the main process. */
void shared_wake(const struct shared *shared);

#endif /* SERVER_SESSION_SHARED_H */
