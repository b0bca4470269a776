/* SPDX-License-Identifier: MIT */
/*
 * Results: keep the futures, read them in a second loop.
 *
 * ep_submit() does not wait for the task, so the first loop ends before the first task does. Reading
 * a result waits for it: read in the first loop, it would make the tasks run one after another.
 */
#include "examples/example.h"

#include <stdio.h>

#define TASKS 20

struct arguments {
    int a, b;
};

static int func(struct ep_task *task)
{
    const struct arguments *call = ep_task_input(task, NULL);
    char name[EXAMPLE_NAME_MAX];
    int product = call->a * call->b;

    printf("%s start %d %d\n", example_name(name), call->a, call->b);
    example_sleep(1 + call->a % 4);
    printf("%s end\n", name);
    return ep_task_reply(task, &product, sizeof product);
}

int main(int argc, char **argv)
{
    struct ep_future *futures[TASKS];
    struct ep_executor *pool;

    example_begin(argc, argv, "Keep the futures of 20 tasks, then read their results.",
                  EP_POOL_PROCESSES);
    pool = example_executor(4);
    for (int i = 0; i < TASKS; i++) { /* does not wait */
        struct arguments call = {.a = i, .b = i + 1};

        example_must(ep_submit(pool, func, &call, sizeof call, &futures[i]), "submit a task");
    }
    for (int i = 0; i < TASKS; i++) { /* waits */
        printf("%d %d\n", i, example_int(futures[i]));
        ep_future_unref(futures[i]);
    }
    ep_executor_free(pool);
    return 0;
}
