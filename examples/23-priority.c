/* SPDX-License-Identifier: MIT */
/*
 * Priorities: what waits begins in the order of its level.
 *
 * The pool is paused, as if its one worker were busy, and then has many urgent letters, a few ordinary
 * ones and an old bill. The urgent ones go first, but not for ever: the bill has its turn after sixteen,
 * and so has the ordinary letter.
 */
#include "examples/example.h"

#include <stdio.h>

static const char *const names[EP_PRIORITIES] = {
    [EP_PRIORITY_HIGH] = "urgent", [EP_PRIORITY_NORMAL] = "ordinary", [EP_PRIORITY_LOW] = "bill"};

static int answer(struct ep_task *task)
{
    const enum ep_priority *priority = ep_task_input(task, NULL);

    printf("%s\n", names[*priority]);
    return 0;
}

static void submit(struct ep_executor *pool, enum ep_priority priority, int letters)
{
    struct ep_submit_options options = {.priority = priority};

    for (int i = 0; i < letters; i++)
        example_must(ep_submit_with(pool, answer, &priority, sizeof priority, &options, NULL),
                     "submit a task");
}

int main(int argc, char **argv)
{
    struct ep_executor *pool;
    struct ep_stats stats;

    example_begin(argc, argv, "Levels of priority.", EP_POOL_THREADS);
    pool = example_executor(1);
    example_must(ep_executor_pause(pool), "pause the pool");
    submit(pool, EP_PRIORITY_LOW, 1);
    submit(pool, EP_PRIORITY_NORMAL, 2);
    submit(pool, EP_PRIORITY_HIGH, 20);
    ep_executor_stats(pool, &stats);
    printf("%u wait, %u of them urgent\n", stats.queued, stats.queued_high);
    fflush(stdout); /* a worker process has an output of its own */
    example_must(ep_executor_resume(pool), "resume the pool");
    ep_executor_free(pool);
    return 0;
}
