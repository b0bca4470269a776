/* SPDX-License-Identifier: MIT */
/*
 * multiprocessing.Pool, apply_async with a callback: call without waiting.
 *
 * The article closes the pool inside the loop. A closed pool accepts no more calls, so the second
 * apply_async fails; the first part of this program shows that. In the second part close and join
 * are after the loop, which is correct.
 */
#include "examples/example.h"

#include <stdio.h>

#define TASKS 20

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

/** The callback. It runs in this program, also if a worker process did the work. */
static void print_result(struct ep_async *call, void *context)
{
    const struct result *result;
    struct ep_bytes reply;

    (void)context;
    example_must(ep_async_get(call, 0, &reply), "get a result");
    result = reply.data;
    printf("(%d, %s)\n", result->square, result->name);
}

static const struct ep_callbacks callbacks = {.callback = print_result};

static void close_in_the_loop(void)
{
    struct ep_pool *pool = example_pool(3, NULL, NULL);

    printf("close inside the loop:\n");
    for (int i = 0; i < TASKS; i++) {
        int rc = ep_pool_apply_async(pool, work, &i, sizeof i, &callbacks, NULL);

        if (rc != 0) {
            printf("call %d: %s\n", i, ep_strerror(rc));
            break;
        }
        ep_pool_close(pool);
        example_must(ep_pool_join(pool), "join");
    }
    ep_pool_free(pool);
}

static void close_behind_the_loop(void)
{
    struct ep_pool *pool = example_pool(3, NULL, NULL);

    printf("close behind the loop:\n");
    for (int i = 0; i < TASKS; i++)
        example_must(ep_pool_apply_async(pool, work, &i, sizeof i, &callbacks, NULL), "call");
    ep_pool_close(pool);
    example_must(ep_pool_join(pool), "join");
    ep_pool_free(pool);
}

int main(int argc, char **argv)
{
    example_begin(argc, argv, "20 calls in 3 workers at once, each with a callback.",
                  EP_POOL_PROCESSES);
    close_in_the_loop();
    close_behind_the_loop();
    return 0;
}
