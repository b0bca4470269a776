/* SPDX-License-Identifier: MIT */
/**
 * @file observer-internal.h
 * How long the tasks of an observed executor wait and run. Threads: any.
 */
#ifndef POOL_OBSERVER_INTERNAL_H
#define POOL_OBSERVER_INTERNAL_H

#include "pool/echopool.h"

struct observer;

/** @return NULL if there is no memory */
struct observer *observer_new(void);
void observer_free(struct observer *observer);

/**
 * Count a task that has begun.
 * @param worker  any number; different ones disturb one another less
 */
void observer_begun(struct observer *observer, unsigned worker, int64_t waited_ns);

/** Count a task whose function has returned. */
void observer_ended(struct observer *observer, unsigned worker, int64_t ran_ns);

void observer_read(struct observer *observer, struct ep_observation *observation);

#endif /* POOL_OBSERVER_INTERNAL_H */
