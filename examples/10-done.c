/* SPDX-License-Identifier: MIT */
/*
 * done() checks, result() waits.
 *
 *     False
 *     True
 *     hello
 *     world
 */
#include "examples/example.h"

#include <stdio.h>
#include <string.h>

static int return_message(struct ep_task *task)
{
    size_t size;
    const char *message = ep_task_input(task, &size);

    example_sleep(2);
    return ep_task_reply(task, message, size);
}

static struct ep_future *submit(struct ep_executor *pool, const char *message)
{
    struct ep_future *future;

    example_must(ep_submit(pool, return_message, message, strlen(message) + 1, &future),
                 "submit a task");
    return future;
}

static void print_done(const struct ep_future *future)
{
    printf("%s\n", ep_future_done(future) ? "True" : "False");
}

static void print_message(struct ep_future *future)
{
    struct ep_bytes reply;

    example_must(ep_future_result(future, EP_FOREVER, &reply), "get a result");
    printf("%s\n", (const char *)reply.data);
}

int main(int argc, char **argv)
{
    struct ep_future *futures[2];
    struct ep_executor *pool;

    example_begin(argc, argv, "Two tasks of two seconds on two workers.", EP_POOL_THREADS);
    example_set_second(0.2); /* long enough for the first answer to be False */
    pool = example_executor(2);
    futures[0] = submit(pool, "hello");
    futures[1] = submit(pool, "world");
    print_done(futures[0]);
    example_sleep(3);
    /* Three seconds are enough for tasks of two, unless the machine is very busy: so wait. */
    example_must(ep_wait(futures, 2, EP_ALL_COMPLETED, EP_FOREVER, NULL), "wait");
    print_done(futures[1]);
    print_message(futures[0]);
    print_message(futures[1]);
    ep_future_unref(futures[0]);
    ep_future_unref(futures[1]);
    ep_executor_free(pool);
    return 0;
}
