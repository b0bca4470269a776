/* SPDX-License-Identifier: MIT */
/*
 * map instead of a loop of submits, without reading the results.
 *
 * All tasks run anyway: ep_map_columns() submits them itself, before any result is read.
 */
#include "examples/example.h"

#include <stdio.h>

static int work(struct ep_task *task)
{
    int n = *(const int *)ep_task_input(task, NULL);
    int square = n * n;
    char name[EXAMPLE_NAME_MAX];

    printf("%s is running\n", example_name(name));
    example_sleep(1 + n % 3);
    return ep_task_reply(task, &square, sizeof square);
}

int main(int argc, char **argv)
{
    int numbers[20];
    struct ep_column column = {.elements = numbers, .size = sizeof numbers[0]};
    struct ep_executor *pool;
    struct ep_map *map;

    example_begin(argc, argv, "Map over 20 numbers and leave the results unread.", EP_POOL_THREADS);
    for (int i = 0; i < 20; i++)
        numbers[i] = i + 1;
    pool = example_executor(3);
    example_must(ep_map_columns(pool, work, &column, 1, 20, NULL, &map), "map");
    ep_executor_shutdown(pool, EP_WAIT);
    ep_map_free(map); /* before the shutdown it would cancel tasks that have not begun */
    ep_executor_free(pool);
    return 0;
}
