/* SPDX-License-Identifier: MIT */
/*
 * 100 tasks, 4 workers.
 *
 * The program submits all tasks at once, but at most four run at any time, one on each worker. Only
 * four different names appear at the beginning of a line.
 */
#include "examples/example.h"

#include <stdio.h>

static int func(struct ep_task *task)
{
    char name[EXAMPLE_NAME_MAX];

    printf("%s start\n", example_name(name));
    example_sleep(1 + ep_task_worker(task)); /* the article: 1 to 4 seconds, random */
    printf("%s ----> end\n", name);
    return 0;
}

int main(int argc, char **argv)
{
    struct ep_executor *pool;

    example_begin(argc, argv, "100 tasks on 4 workers.", EP_POOL_THREADS);
    pool = example_executor(4);
    for (int i = 0; i < 100; i++)
        example_must(ep_submit(pool, func, NULL, 0, NULL), "submit a task");
    ep_executor_free(pool); /* waits until all tasks are done */
    return 0;
}
