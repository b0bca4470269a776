/* SPDX-License-Identifier: MIT */
/**
 * @file driven.h
 * Sessions that an event loop drives: each is served as far as it goes, and then the loop waits for
 * what it needs.
 *
 *     struct driven *driven = driven_new(driver, session);    // any thread
 *     driven_start(driven);                                   // the loop's thread, from here on
 *     ... ended(context) is called when the session has ended and is released ...
 *
 * A driver is one per loop. It has one buffer, for a session needs it only while it is served: an
 * idle one is its struct and an event, half a kilobyte.
 */
#ifndef SERVER_MODELS_DRIVEN_H
#define SERVER_MODELS_DRIVEN_H

#include "server/session/session.h"

#include <event2/event.h>

struct driver;
struct driven;

/**
 * @param base    the loop; only its own thread may touch it
 * @param worker  what sessions are told to be served by
 * @param ended   called on the loop's thread after each session; it may start the next
 * @return        NULL for want of memory
 */
struct driver *driver_new(struct event_base *base, struct shared *shared, unsigned worker,
                          void (*ended)(void *context), void *context);

/** No session may be left. NULL is fine. */
void driver_free(struct driver *driver);

/**
 * Make what the loop needs for a session, without touching the loop.
 *
 * @return NULL for want of memory
 *
 * Threads: any.
 */
struct driven *driven_new(struct driver *driver, struct session *session);

/**
 * Serve it from now on, beginning at once. It releases itself at its end, which may come before this
 * returns.
 */
void driven_start(struct driven *driven);

/** Its link in a list, for whoever has it between driven_new() and driven_start(). */
struct driven **driven_next(struct driven *driven);

#endif /* SERVER_MODELS_DRIVEN_H */
