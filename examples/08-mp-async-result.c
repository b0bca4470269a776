/* SPDX-License-Identifier: MIT */
/*
 * multiprocessing.Pool: initializer and its argument; ready, successful, wait, get with a timeout;
 * terminate.
 */
#include "examples/example.h"

#include <stdio.h>

static int greet(void *context, unsigned worker)
{
    printf("worker %u: %s\n", worker, (const char *)context);
    return 0;
}

static int take_seconds(struct ep_task *task)
{
    int seconds = *(const int *)ep_task_input(task, NULL);

    if (seconds < 0)
        return ep_task_fail(task, 1, "time does not run backwards");
    /* terminate can kill a process but not a thread, so the task asks whether it should stop. */
    for (int i = 0; i < seconds && !ep_task_stopping(task); i++)
        example_sleep(1);
    return ep_task_reply(task, &seconds, sizeof seconds);
}

static struct ep_async *call(struct ep_pool *pool, int seconds)
{
    struct ep_async *made;

    example_must(ep_pool_apply_async(pool, take_seconds, &seconds, sizeof seconds, NULL, &made),
                 "call");
    return made;
}

static const char *yes_or_no(int answer)
{
    if (answer < 0)
        return ep_strerror(answer);
    return answer ? "True" : "False";
}

int main(int argc, char **argv)
{
    static char greeting[] = "hello from the initializer";
    struct ep_pool *pool;
    struct ep_async *fine, *failing, *endless;
    struct ep_error error;

    example_begin(argc, argv, "The methods of an AsyncResult.", EP_POOL_PROCESSES);
    pool = example_pool(3, greet, greeting);
    endless = call(pool, 1000000);
    printf("ready: %s\n", yes_or_no(ep_async_ready(endless)));
    printf("successful: %s\n", yes_or_no(ep_async_successful(endless)));
    printf("get with a timeout: %s\n",
           ep_strerror(ep_async_get(endless, EP_MILLISECONDS(10), NULL)));

    fine = call(pool, 1);
    ep_async_wait(fine, EP_FOREVER);
    printf("after wait, ready: %s, successful: %s\n", yes_or_no(ep_async_ready(fine)),
           yes_or_no(ep_async_successful(fine)));

    failing = call(pool, -1);
    printf("get of one that fails: %s\n", ep_strerror(ep_async_get(failing, EP_FOREVER, NULL)));
    ep_async_item(failing, 0, NULL, &error);
    printf("it says: %s\n", error.message);

    ep_pool_terminate(pool);
    example_must(ep_pool_join(pool), "join");
    printf("after terminate, ready: %s\n", yes_or_no(ep_async_ready(endless)));
    ep_async_free(fine);
    ep_async_free(failing);
    ep_async_free(endless);
    ep_pool_free(pool);
    return 0;
}
