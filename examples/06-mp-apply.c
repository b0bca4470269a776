/* SPDX-License-Identifier: MIT */
/*
 * multiprocessing.Pool, apply: call and wait.
 *
 * With three workers one task runs at a time, because apply returns only when its call is done.
 * Compare with 07-mp-apply-async.
 */
#include "examples/example.h"

#include <stdio.h>

struct result {
    int square;
    char name[EXAMPLE_NAME_MAX];
};

static int work(struct ep_task *task)
{
    int i = *(const int *)ep_task_input(task, NULL);
    struct result result = {.square = i * i};

    printf("%s runs task %d\n", example_name(result.name), i);
    example_sleep(1);
    return ep_task_reply(task, &result, sizeof result);
}

int main(int argc, char **argv)
{
    struct ep_pool *pool;

    example_begin(argc, argv, "20 calls in 3 workers, one after another.", EP_POOL_PROCESSES);
    pool = example_pool(3, NULL, NULL);
    for (int i = 0; i < 20; i++) {
        const struct result *result;
        struct ep_async *call;
        struct ep_bytes reply;

        example_must(ep_pool_apply(pool, work, &i, sizeof i, &reply, &call), "call");
        result = reply.data;
        printf("(%d, %s)\n", result->square, result->name);
        ep_async_free(call);
    }
    ep_pool_free(pool);
    return 0;
}
