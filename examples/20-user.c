/* SPDX-License-Identifier: MIT */
/*
 * User data: what the program knows of a task stays with its future.
 *
 * The input of a task travels to its worker. What only the program needs, here the name of an order, it
 * keeps: a done callback gets it by ep_future_user(), and on_drop gets it with the reason if the task
 * never runs. No table is needed that finds the order of a future.
 */
#include "examples/example.h"

#include <stdio.h>

static int brew(struct ep_task *task)
{
    (void)task;
    example_sleep(1);
    return 0;
}

static void serve_order(struct ep_future *future, void *context)
{
    (void)context;
    if (ep_future_result(future, 0, NULL) == 0)
        printf("%s: here it is\n", (const char *)ep_future_user(future));
}

static void give_up(void *user, int reason, const void *input, size_t size)
{
    (void)input;
    (void)size;
    printf("%s: %s\n", (const char *)user, ep_strerror(reason));
}

static struct ep_future *take_order(struct ep_executor *pool, char *name)
{
    struct ep_submit_options options = {.user = name, .on_drop = give_up};
    struct ep_future *future;

    example_must(ep_submit_with(pool, brew, NULL, 0, &options, &future), "submit a task");
    example_must(ep_future_add_done_callback(future, serve_order, NULL), "add a callback");
    return future;
}

int main(int argc, char **argv)
{
    static char *names[] = {"tea", "coffee", "cocoa", "milk"};
    enum { ORDERS = sizeof names / sizeof *names };
    struct ep_future *orders[ORDERS];
    struct ep_executor *pool;

    example_begin(argc, argv, "Find what the program knows of a task.", EP_POOL_THREADS);
    pool = example_executor(1);
    example_must(ep_executor_pause(pool), "pause the pool");
    for (int i = 0; i < ORDERS - 1; i++)
        orders[i] = take_order(pool, names[i]);
    example_must(ep_future_cancel(orders[1]), "cancel an order");
    example_must(ep_executor_resume(pool), "resume the pool");
    example_must(ep_executor_wait_idle(pool, EP_FOREVER), "wait for the orders");
    example_must(ep_executor_pause(pool), "pause the pool");
    orders[ORDERS - 1] = take_order(pool, names[ORDERS - 1]);
    example_must(ep_executor_shutdown(pool, EP_WAIT | EP_CANCEL), "close");
    for (int i = 0; i < ORDERS; i++)
        ep_future_unref(orders[i]);
    ep_executor_free(pool);
    return 0;
}
