/* SPDX-License-Identifier: MIT */
/*
 * Which thread runs a callback? The thread that completed the task: the worker, or, if the workers
 * are processes, a thread of the executor in the program.
 */
#include "examples/example.h"

#include <stdio.h>

static int work(struct ep_task *task)
{
    int i = *(const int *)ep_task_input(task, NULL);
    int square = i * i;
    char name[EXAMPLE_NAME_MAX];

    printf("%s runs %d\n", example_name(name), i);
    example_sleep(1);
    return ep_task_reply(task, &square, sizeof square);
}

static void parse(struct ep_future *future, void *context)
{
    char name[EXAMPLE_NAME_MAX];

    (void)context;
    printf("%s has ended the task: %d\n", example_name(name), example_int(future));
}

int main(int argc, char **argv)
{
    struct ep_executor *pool;

    example_begin(argc, argv, "Callbacks print the name of the thread they run in.",
                  EP_POOL_THREADS);
    pool = example_executor(4);
    for (int i = 0; i < 20; i++) {
        struct ep_future *future;

        example_must(ep_submit(pool, work, &i, sizeof i, &future), "submit a task");
        example_must(ep_future_add_done_callback(future, parse, NULL), "add a callback");
        ep_future_unref(future);
    }
    ep_executor_free(pool);
    return 0;
}
