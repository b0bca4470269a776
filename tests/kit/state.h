/* SPDX-License-Identifier: MIT */
/**
 * @file state.h
 * A filled-in state for the tests of what shows states: every number is another one.
 */
#ifndef TESTS_KIT_STATE_H
#define TESTS_KIT_STATE_H

#include "server/admin/state.h"

/**
 * A capped server with 4 workers, a queue of 16, 3 sessions that are served (by workers 0, 1 and
 * 3), 2 that wait, and something of every counter.
 */
void state_fill(struct state *state);

#endif /* TESTS_KIT_STATE_H */
