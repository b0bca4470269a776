/* SPDX-License-Identifier: MIT */
/*
 * As many workers as tasks, and two ways to get the results: read a list after the shutdown, or use
 * callbacks. It also prints the default number of workers.
 */
#include "examples/example.h"

#include <stdio.h>

#define WORKERS 20

static int work(struct ep_task *task)
{
    int i = *(const int *)ep_task_input(task, NULL);

    example_sleep(1);
    return ep_task_reply(task, &i, sizeof i);
}

static struct ep_future *submit(struct ep_executor *pool, int i)
{
    struct ep_future *future;

    example_must(ep_submit(pool, work, &i, sizeof i, &future), "submit a task");
    return future;
}

static void print_result(struct ep_future *future, void *how)
{
    printf("%s: %d\n", (const char *)how, example_int(future));
}

static void collect(void)
{
    struct ep_executor *pool = example_executor(WORKERS);
    struct ep_future *futures[WORKERS];
    static char how[] = "list";

    for (int i = 0; i < WORKERS; i++)
        futures[i] = submit(pool, i);
    ep_executor_shutdown(pool, EP_WAIT);
    for (int i = 0; i < WORKERS; i++) {
        print_result(futures[i], how);
        ep_future_unref(futures[i]);
    }
    ep_executor_free(pool);
}

static void call_back(void)
{
    struct ep_executor *pool = example_executor(WORKERS);
    static char how[] = "callback";

    for (int i = 0; i < WORKERS; i++) {
        struct ep_future *future = submit(pool, i);

        example_must(ep_future_add_done_callback(future, print_result, how), "add a callback");
        ep_future_unref(future);
    }
    ep_executor_free(pool);
}

/** Print the default. The article says CPUs * 5 for threads, as in Python up to 3.7. */
static void print_default(void)
{
    struct ep_executor *pool = example_executor(0);
    struct ep_stats stats;

    ep_executor_stats(pool, &stats);
    printf("workers by default: %u\n", stats.workers);
    ep_executor_free(pool);
}

int main(int argc, char **argv)
{
    example_begin(argc, argv, "20 tasks on 20 workers: a list of results, or callbacks.",
                  EP_POOL_THREADS);
    collect();
    call_back();
    print_default();
    return 0;
}
