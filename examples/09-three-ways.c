/* SPDX-License-Identifier: MIT */
/*
 * One interface, two kinds of workers, three ways to get results:
 *
 *  1. submit all, keep the futures, shut down, then read: the tasks run at the same time;
 *  2. read each result at once: the tasks run one after another, for any number of workers;
 *  3. a callback for each: at the same time, and each result as soon as it is there.
 *
 * Compare the times, then run it again with the other --pool.
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

static void print_result(struct ep_future *future)
{
    const struct result *result;
    struct ep_bytes reply;

    example_must(ep_future_result(future, EP_FOREVER, &reply), "get a result");
    result = reply.data;
    printf("(%d, %s)\n", result->square, result->name);
}

static void parse(struct ep_future *future, void *context)
{
    (void)context;
    print_result(future);
}

static struct ep_future *submit(struct ep_executor *pool, int i)
{
    struct ep_future *future;

    example_must(ep_submit(pool, work, &i, sizeof i, &future), "submit a task");
    return future;
}

static void collect_then_read(struct ep_executor *pool)
{
    struct ep_future *futures[TASKS];

    for (int i = 0; i < TASKS; i++)
        futures[i] = submit(pool, i);
    ep_executor_shutdown(pool, EP_WAIT);
    for (int i = 0; i < TASKS; i++) {
        print_result(futures[i]);
        ep_future_unref(futures[i]);
    }
}

static void read_at_once(struct ep_executor *pool)
{
    for (int i = 0; i < TASKS; i++) {
        struct ep_future *future = submit(pool, i);

        print_result(future);
        ep_future_unref(future);
    }
    ep_executor_shutdown(pool, EP_WAIT);
}

static void call_back(struct ep_executor *pool)
{
    for (int i = 0; i < TASKS; i++) {
        struct ep_future *future = submit(pool, i);

        example_must(ep_future_add_done_callback(future, parse, NULL), "add a callback");
        ep_future_unref(future);
    }
    ep_executor_shutdown(pool, EP_WAIT); /* waits for the callbacks too */
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(struct ep_executor *pool);
    } ways[] = {{"collect, then read", collect_then_read},
                {"read at once", read_at_once},
                {"callback", call_back}};
    double seconds[3];

    example_begin(argc, argv, "20 tasks of a second on 3 workers, their results in three ways.",
                  EP_POOL_THREADS);
    for (int i = 0; i < 3; i++) {
        struct ep_executor *pool = example_executor(3);
        int64_t start_ns = ep_now_ns();

        printf("--- %s\n", ways[i].name);
        ways[i].run(pool);
        seconds[i] = example_seconds(start_ns);
        ep_executor_free(pool);
    }
    for (int i = 0; i < 3; i++)
        printf("%-18s %5.1f seconds of the article\n", ways[i].name, seconds[i]);
    return 0;
}
