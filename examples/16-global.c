/* SPDX-License-Identifier: MIT */
/*
 * A global variable that tasks change.
 *
 * Each worker process has its own copy, which keeps its value from task to task; the program's n
 * stays 1. With --pool thread all workers share one n, which is 191 at the end. That is why threads
 * need locks (or, as here, an atomic variable) and processes do not.
 */
#include "examples/example.h"

#include <stdatomic.h>
#include <stdio.h>

#define TASKS 20

static atomic_int n = 1;

static int work(struct ep_task *task)
{
    int i = *(const int *)ep_task_input(task, NULL);
    char name[EXAMPLE_NAME_MAX];
    int sum;

    printf("%s runs task %d\n", example_name(name), i);
    example_sleep(1);
    sum = atomic_fetch_add(&n, i) + i;
    return ep_task_reply(task, &sum, sizeof sum);
}

int main(int argc, char **argv)
{
    struct ep_future *futures[TASKS];
    struct ep_executor *pool;

    example_begin(argc, argv, "20 tasks add to a global variable.", EP_POOL_PROCESSES);
    pool = example_executor(4);
    for (int i = 0; i < TASKS; i++)
        example_must(ep_submit(pool, work, &i, sizeof i, &futures[i]), "submit a task");
    ep_executor_shutdown(pool, EP_WAIT);
    for (int i = 0; i < TASKS; i++) {
        printf("%d\n", example_int(futures[i]));
        ep_future_unref(futures[i]);
    }
    printf("n is %d\n", atomic_load(&n));
    ep_executor_free(pool);
    return 0;
}
