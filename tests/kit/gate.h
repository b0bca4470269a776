/* SPDX-License-Identifier: MIT */
/**
 * @file gate.h
 * A gate holds tasks at a known place: a test can wait until they have begun, look at the executor
 * while they stand there, and then let them go. It also has the small tasks that many tests use.
 */
#ifndef TESTS_KIT_GATE_H
#define TESTS_KIT_GATE_H

#include "pool/echopool.h"

#include <semaphore.h>
#include <stdatomic.h>

struct gate {
    sem_t arrived; /**< posted by each task when it reaches the gate */
    sem_t opened;  /**< each task takes one to pass */
    atomic_uint passed;
};

void gate_init(struct gate *gate);
void gate_clear(struct gate *gate);

/** Wait until that many further tasks stand at the gate. */
void gate_await(struct gate *gate, unsigned tasks);

/** Let that many tasks pass. */
void gate_open(struct gate *gate, unsigned tasks);

/** The task: its input is a `struct gate *`. Arrives, waits, passes. Replies with nothing. */
int gate_task(struct ep_task *task);

/** The done callback: its context is a `struct gate *`. Holds the thread that calls it, such as the manager. */
void gate_callback(struct ep_future *future, void *gate);

/** Submit `tasks` gate tasks without a future and wait until they all run. */
void gate_occupy(struct ep_executor *executor, struct gate *gate, unsigned tasks);

/** A task whose input is an `atomic_uint *`: adds one. */
int count_task(struct ep_task *task);

/** A task that replies with the square of the int it was given. */
int square_task(struct ep_task *task);

/** A thread executor or a failed test. */
struct ep_executor *executor_of(uint32_t workers, uint32_t queue, enum ep_policy when_full);

#endif /* TESTS_KIT_GATE_H */
