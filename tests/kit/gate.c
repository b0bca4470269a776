/* SPDX-License-Identifier: MIT */
/* Tasks that stand still when told: see gate.h. */
#include "tests/kit/gate.h"

#include <check.h>
#include <errno.h>

static void semaphore_take(sem_t *semaphore)
{
    while (sem_wait(semaphore) != 0)
        ck_assert_int_eq(errno, EINTR);
}

void gate_init(struct gate *gate)
{
    sem_init(&gate->arrived, 1, 0); /* also across processes, where it lies in shared memory */
    sem_init(&gate->opened, 1, 0);
    atomic_init(&gate->passed, 0);
}

void gate_clear(struct gate *gate)
{
    sem_destroy(&gate->arrived);
    sem_destroy(&gate->opened);
}

void gate_await(struct gate *gate, unsigned tasks)
{
    while (tasks-- > 0)
        semaphore_take(&gate->arrived);
}

void gate_open(struct gate *gate, unsigned tasks)
{
    while (tasks-- > 0)
        sem_post(&gate->opened);
}

static void pass(struct gate *gate)
{
    sem_post(&gate->arrived);
    semaphore_take(&gate->opened);
    atomic_fetch_add(&gate->passed, 1);
}

int gate_task(struct ep_task *task)
{
    pass(*(struct gate *const *)ep_task_input(task, NULL));
    return 0;
}

void gate_callback(struct ep_future *future, void *gate)
{
    (void)future;
    pass(gate);
}

void gate_occupy(struct ep_executor *executor, struct gate *gate, unsigned tasks)
{
    for (unsigned i = 0; i < tasks; i++)
        ck_assert_int_eq(ep_submit(executor, gate_task, &gate, sizeof gate, NULL), 0);
    gate_await(gate, tasks);
}

int count_task(struct ep_task *task)
{
    atomic_fetch_add(*(atomic_uint *const *)ep_task_input(task, NULL), 1);
    return 0;
}

int square_task(struct ep_task *task)
{
    int n = *(const int *)ep_task_input(task, NULL);
    int squared = n * n;

    return ep_task_reply(task, &squared, sizeof squared);
}

struct ep_executor *executor_of(uint32_t workers, uint32_t queue, enum ep_policy when_full)
{
    struct ep_options options = {.workers = workers, .queue = queue, .when_full = when_full};
    struct ep_executor *executor = NULL;

    ck_assert_int_eq(ep_thread_executor_new(&options, &executor), 0);
    ck_assert_ptr_nonnull(executor);
    return executor;
}
