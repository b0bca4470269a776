/* SPDX-License-Identifier: MIT */
/**
 * @file driven.h
 * Sessions on an event loop: each is served until it would block, and then the loop waits for what it
 * needs.
 *
 *     struct driven *driven = driven_new(driver, session);    // any thread
 *     driven_start(driven);                                   // the loop's thread, from here on
 *     ... ended(context) is called when the session has ended and is released ...
 *
 * There is one driver per loop. It has one buffer, since a session needs it only while it is served; an
 * idle session costs its struct and an event, half a kilobyte.
 */
#ifndef SERVER_MODELS_DRIVEN_H
#define SERVER_MODELS_DRIVEN_H

#include "server/session/session.h"

#include <event2/event.h>

struct driver;
struct driven;

/**
 * @param base    the loop; only its own thread may touch it
 * @param worker  the worker that its sessions show
 * @param ended   called on the loop's thread after each session; may start the next
 * @return        NULL: out of memory
 */
struct driver *driver_new(struct event_base *base, struct shared *shared, unsigned worker,
                          void (*ended)(void *context), void *context);

/** Release it; it must have no session. NULL is fine. */
void driver_free(struct driver *driver);

/**
 * Make what the loop needs for a session. It begins with a struct arrival (loops.h), for use until
 * driven_start().
 *
 * @return NULL: out of memory
 *
 * Threads: any
 */
struct driven *driven_new(struct driver *driver, struct session *session);

/** Serve it from now to its end, which may come before this returns; then it is released. */
void driven_start(struct driven *driven);

#endif /* SERVER_MODELS_DRIVEN_H */
