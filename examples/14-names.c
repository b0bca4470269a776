/* SPDX-License-Identifier: MIT */
/*
 * Workers have names: four workers run twenty tasks.
 */
#include "examples/example.h"

#include <stdio.h>

static int work(struct ep_task *task)
{
    char name[EXAMPLE_NAME_MAX];

    printf("%s runs task %d\n", example_name(name), *(const int *)ep_task_input(task, NULL));
    example_sleep(1);
    return 0;
}

int main(int argc, char **argv)
{
    struct ep_executor *pool;

    example_begin(argc, argv, "20 tasks on 4 named workers.", EP_POOL_THREADS);
    pool = example_executor(4);
    for (int i = 0; i < 20; i++)
        example_must(ep_submit(pool, work, &i, sizeof i, NULL), "submit a task");
    ep_executor_free(pool);
    return 0;
}
