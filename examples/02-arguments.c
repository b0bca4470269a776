/* SPDX-License-Identifier: MIT */
/*
 * Tasks with arguments, on threads or on processes.
 *
 * A task has one input, an array of bytes; for two arguments the input is a struct. ep_submit() copies
 * the bytes, so `call` may be a variable of the loop. The same function runs on both kinds of
 * workers: the article has 100 tasks on threads and 20 on processes.
 */
#include "examples/example.h"

#include <stdio.h>

struct arguments {
    int a, b;
};

static int func(struct ep_task *task)
{
    const struct arguments *call = ep_task_input(task, NULL);
    char name[EXAMPLE_NAME_MAX];

    printf("%s start %d %d\n", example_name(name), call->a, call->b);
    example_sleep(1 + call->a % 4);
    printf("%s ----> end\n", name);
    return 0;
}

int main(int argc, char **argv)
{
    struct ep_executor *pool;
    int tasks;

    example_begin(argc, argv, "Tasks with two arguments: 100 on 4 threads, or 20 on 4 processes.",
                  EP_POOL_THREADS);
    pool = example_executor(4);
    tasks = example_kind() == EP_POOL_THREADS ? 100 : 20;
    for (int i = 0; i < tasks; i++) {
        struct arguments call = {.a = i, .b = i + 1};

        example_must(ep_submit(pool, func, &call, sizeof call, NULL), "submit a task");
    }
    ep_executor_free(pool);
    return 0;
}
