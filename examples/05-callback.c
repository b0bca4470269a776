/* SPDX-License-Identifier: MIT */
/*
 * Callbacks: use each result as soon as it is there.
 *
 * The program does not wait for results: the callback of a task runs as soon as the task has ended, so
 * the results come in the order of completion. (A thread that waits for the same future may continue
 * before the callback has returned.)
 */
#include "examples/example.h"

#include <stdio.h>

struct arguments {
    int a, b;
};

struct result {
    int a, product;
};

static int func(struct ep_task *task)
{
    const struct arguments *call = ep_task_input(task, NULL);
    struct result result = {.a = call->a, .product = call->a * call->b};
    char name[EXAMPLE_NAME_MAX];

    printf("%s start %d %d\n", example_name(name), call->a, call->b);
    example_sleep(1 + call->a % 4);
    printf("%s end %d\n", name, call->a);
    return ep_task_reply(task, &result, sizeof result);
}

static void print_func(struct ep_future *future, void *context)
{
    const struct result *result;
    struct ep_bytes reply;

    (void)context;
    example_must(ep_future_result(future, 0, &reply), "get a result");
    result = reply.data;
    printf("(%d, %d)\n", result->a, result->product);
}

int main(int argc, char **argv)
{
    struct ep_executor *pool;

    example_begin(argc, argv, "Print each result as soon as it is there.", EP_POOL_THREADS);
    pool = example_executor(4);
    for (int i = 0; i < 20; i++) {
        struct arguments call = {.a = i, .b = i + 1};
        struct ep_future *future;

        example_must(ep_submit(pool, func, &call, sizeof call, &future), "submit a task");
        example_must(ep_future_add_done_callback(future, print_func, NULL), "add a callback");
        ep_future_unref(future); /* the task still runs, and so does its callback */
    }
    ep_executor_free(pool);
    return 0;
}
