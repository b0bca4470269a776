/* SPDX-License-Identifier: MIT */
/*
 * A group: tasks that are waited for together, and of which the first failure cancels the rest.
 *
 * Six parts of something are fetched by one worker. Part 2 of the second fetch is damaged, so its
 * parts 3 to 5 are not fetched at all. (A worker process may have part 3 before the failure is seen.)
 */
#include "examples/example.h"

#include <stdio.h>

#define PARTS 6

struct part {
    int number, damaged;
};

static int fetch(struct ep_task *task)
{
    const struct part *part = ep_task_input(task, NULL);

    example_sleep(1);
    if (part->number == part->damaged)
        return ep_task_fail(task, part->number, "the part is damaged");
    printf("part %d\n", part->number);
    return 0;
}

static void fetch_all(struct ep_executor *pool, int damaged)
{
    struct ep_group *group;
    struct ep_error error;
    int rc = 0;

    example_must(ep_group_new(pool, EP_GROUP_CANCEL_ON_FAILURE, &group), "make a group");
    for (int i = 0; i < PARTS && rc == 0; i++) {
        struct part part = {.number = i, .damaged = damaged};

        rc = ep_group_submit(group, fetch, &part, sizeof part, NULL, NULL);
    }
    if (rc != EP_ECANCELLED) /* it has failed before the last part was submitted */
        example_must(rc, "submit a part");
    rc = ep_group_wait(group, EP_FOREVER);
    ep_group_error(group, &error);
    if (rc == 0)
        printf("all parts are there\n");
    else
        printf("part %d: %s\n", error.code, error.message);
    ep_group_free(group);
}

int main(int argc, char **argv)
{
    struct ep_executor *pool;

    example_begin(argc, argv, "Fetch six parts; the first that fails cancels the rest.",
                  EP_POOL_THREADS);
    pool = example_executor(1);
    fetch_all(pool, -1);
    fetch_all(pool, 2);
    ep_executor_free(pool);
    return 0;
}
