/* SPDX-License-Identifier: MIT */
/*
 * Tasks that wait for tasks of their own pool.
 *
 * The sum of an array is computed by halves: each task submits one half, adds up the other, and waits.
 * With one worker this would hang if the worker only slept until another began the submitted half. So
 * it runs that half itself. A worker process cannot use the executor that it works for.
 */
#include "examples/example.h"

#include <stdio.h>

#define NUMBERS 64
#define FEW     8

static struct ep_executor *pool;
static int numbers[NUMBERS];

struct range {
    int begin, end;
};

static int sum(struct ep_task *task)
{
    const struct range *range = ep_task_input(task, NULL);
    struct range half = {range->begin, (range->begin + range->end) / 2};
    struct ep_future *future = NULL;
    int rc, total = 0;

    if (range->end - range->begin <= FEW)
        half.end = half.begin;
    else if ((rc = ep_submit(pool, sum, &half, sizeof half, &future)) != 0)
        return ep_task_fail(task, rc, ep_strerror(rc));
    for (int i = half.end; i < range->end; i++)
        total += numbers[i];
    if (future != NULL)
        total += example_int(future);
    ep_future_unref(future);
    return ep_task_reply(task, &total, sizeof total);
}

int main(int argc, char **argv)
{
    struct range all = {0, NUMBERS};
    struct ep_future *future;

    example_begin(argc, argv, "Sum an array by tasks that wait for tasks.", EP_POOL_THREADS);
    if (example_kind() == EP_POOL_PROCESSES) {
        printf("a worker process cannot use the executor that it works for\n");
        return 0;
    }
    for (int i = 0; i < NUMBERS; i++)
        numbers[i] = i + 1;
    pool = example_executor(1);
    example_must(ep_submit(pool, sum, &all, sizeof all, &future), "submit");
    printf("%d\n", example_int(future));
    ep_future_unref(future);
    ep_executor_free(pool);
    return 0;
}
