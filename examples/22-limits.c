/* SPDX-License-Identifier: MIT */
/*
 * Time limits: a task that is not worth beginning any more, and one that does not end.
 *
 * The first pool is paused, as if its workers were busy: the hasty customer leaves after a second, and
 * the place in the queue is free at once. The endless task is asked to end on a thread, and looks for
 * that; in a process its worker is killed and replaced, so that it need not.
 */
#include "examples/example.h"

#include <stdio.h>

static int serve(struct ep_task *task)
{
    (void)task;
    return 0;
}

static int search_for_ever(struct ep_task *task)
{
    while (!ep_task_stopping(task))
        example_sleep(0.1);
    return ep_task_fail(task, 1, "nothing found in time");
}

static struct ep_future *submit(struct ep_executor *pool, ep_task_fn fn, int64_t expires_ns,
                                int64_t limit_ns)
{
    struct ep_submit_options options = {.expires_ns = expires_ns, .limit_ns = limit_ns};
    struct ep_future *future;

    example_must(ep_submit_with(pool, fn, NULL, 0, &options, &future), "submit a task");
    return future;
}

static void report(const char *name, struct ep_future *future)
{
    printf("%s: %s\n", name, ep_strerror(ep_future_result(future, EP_FOREVER, NULL)));
    ep_future_unref(future);
}

int main(int argc, char **argv)
{
    struct ep_executor *pool;
    struct ep_future *patient, *hasty;

    example_begin(argc, argv, "Tasks that wait or run for too long.", EP_POOL_THREADS);
    pool = example_executor(1);
    example_must(ep_executor_pause(pool), "pause the pool");
    patient = submit(pool, serve, 0, 0);
    hasty = submit(pool, serve, ep_now_ns() + EP_MILLISECONDS(10), 0);
    report("hasty", hasty);
    example_must(ep_executor_resume(pool), "resume the pool");
    report("patient", patient);
    report("endless", submit(pool, search_for_ever, 0, EP_MILLISECONDS(10)));
    report("the next", submit(pool, serve, 0, 0));
    ep_executor_free(pool);
    return 0;
}
