/* SPDX-License-Identifier: MIT */
/*
 * map: one function, many inputs, results in the order of the inputs.
 *
 * ep_map() calls a function for each next input, as Python's map does with a generator. The products
 * come as 0, 2, 6, 12, ..., in whichever order the tasks end.
 */
#include "examples/example.h"

#include <stdio.h>
#include <string.h>

struct pair {
    int a, b;
};

/** Make the next pair: (i, i + 1) for i in range(20). */
static int next_pair(void *context, struct ep_bytes *input)
{
    struct pair *pair = context;

    if (pair->b == 20)
        return 0;
    *pair = (struct pair){.a = pair->b, .b = pair->b + 1};
    *input = (struct ep_bytes){.data = pair, .size = sizeof *pair};
    return 1;
}

static int func(struct ep_task *task)
{
    const struct pair *pair = ep_task_input(task, NULL);
    char name[EXAMPLE_NAME_MAX];
    int product = pair->a * pair->b;

    printf("%s start %d %d\n", example_name(name), pair->a, pair->b);
    example_sleep(1 + pair->a % 4);
    printf("%s end\n", name);
    return ep_task_reply(task, &product, sizeof product);
}

int main(int argc, char **argv)
{
    struct pair pair = {0};
    struct ep_executor *pool;
    struct ep_bytes reply;
    struct ep_map *map;
    int rc;

    example_begin(argc, argv, "Map a function over 20 pairs; the results keep their order.",
                  EP_POOL_PROCESSES);
    pool = example_executor(4);
    example_must(ep_map(pool, func, next_pair, &pair, NULL, &map), "map");
    while ((rc = ep_map_next(map, &reply)) == 0) {
        int product;

        memcpy(&product, reply.data, sizeof product);
        printf("%d\n", product);
    }
    if (rc != EP_END)
        example_must(rc, "get a result");
    ep_map_free(map);
    ep_executor_free(pool);
    return 0;
}
