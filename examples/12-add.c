/* SPDX-License-Identifier: MIT */
/*
 * map with several iterables.
 *
 *     1 + 5 = 6
 *     2 + 6 = 8
 *     3 + 7 = 10
 */
#include "examples/example.h"

#include <stdio.h>
#include <string.h>

/** The input of a task: one element of each column, in order. */
struct arguments {
    int num1, num2;
};

static int test_function(struct ep_task *task)
{
    const struct arguments *call = ep_task_input(task, NULL);
    char text[64];

    snprintf(text, sizeof text, "%d + %d = %d", call->num1, call->num2, call->num1 + call->num2);
    return ep_task_reply(task, text, strlen(text) + 1);
}

int main(int argc, char **argv)
{
    static const int first[] = {1, 2, 3}, second[] = {5, 6, 7};
    static const struct ep_column columns[] = {{first, sizeof *first}, {second, sizeof *second}};
    struct ep_executor *pool;
    struct ep_bytes reply;
    struct ep_map *map;

    example_begin(argc, argv, "Map a function of two arguments over two arrays.", EP_POOL_THREADS);
    pool = example_executor(10);
    example_must(ep_map_columns(pool, test_function, columns, 2, 3, NULL, &map), "map");
    while (ep_map_next(map, &reply) == 0)
        printf("%s\n", (const char *)reply.data);
    ep_map_free(map);
    ep_executor_free(pool);
    return 0;
}
