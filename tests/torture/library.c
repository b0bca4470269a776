/* SPDX-License-Identifier: MIT */
/*
 * The library under the campaign: what a program does with it, on threads or on processes. It ends with
 * status 1 and a sentence if a call has returned an error, and with 3 if a result is wrong: an error is
 * lawful here, a wrong result never.
 */
#include "pool/echopool.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TASKS = 6, INPUTS = 9, LONG = 5000 };

static int square(struct ep_task *task)
{
    const int *n = ep_task_input(task, NULL);
    int squared = *n * *n;

    return ep_task_reply(task, &squared, sizeof squared);
}

/* Reply with more bytes than fit into a message. */
static int fill(struct ep_task *task)
{
    char bytes[LONG];

    memset(bytes, 'x', sizeof bytes);
    return ep_task_reply(task, bytes, sizeof bytes);
}

static void check(int code, const char *what)
{
    if (code == 0)
        return;
    fprintf(stderr, "library: %s: %s\n", what, ep_strerror(code));
    exit(1);
}

static void expect(bool right, const char *what)
{
    if (right)
        return;
    fprintf(stderr, "library: %s is wrong\n", what);
    exit(3);
}

static void use_futures(struct ep_executor *pool)
{
    struct ep_future *futures[TASKS];
    struct ep_bytes reply;

    for (int i = 0; i < TASKS; i++)
        check(ep_submit(pool, square, &i, sizeof i, &futures[i]), "a task cannot be submitted");
    check(ep_wait(futures, TASKS, EP_ALL_COMPLETED, EP_FOREVER, NULL), "waiting for all");
    for (int i = 0; i < TASKS; i++) {
        check(ep_future_result(futures[i], EP_FOREVER, &reply), "a task has failed");
        expect(EP_AS(int, reply) != NULL && *EP_AS(int, reply) == i * i, "a square");
        ep_future_unref(futures[i]);
    }
    check(ep_submit(pool, fill, NULL, 0, &futures[0]), "a task cannot be submitted");
    check(ep_future_result(futures[0], EP_FOREVER, &reply), "a task with a long reply has failed");
    expect(reply.size == LONG && ((const char *)reply.data)[LONG - 1] == 'x', "a long reply");
    ep_future_unref(futures[0]);
}

static void use_map(struct ep_executor *pool)
{
    static const int numbers[INPUTS] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    struct ep_column column = {numbers, sizeof numbers[0]};
    struct ep_map *map;
    struct ep_bytes reply;
    int code;

    check(ep_map_columns(pool, square, &column, 1, INPUTS, &(struct ep_map_options){.chunk = 2},
                         &map),
          "a map cannot be made");
    for (int i = 0; i < INPUTS; i++) {
        check(ep_map_next(map, &reply), "an element has failed");
        expect(EP_AS(int, reply) != NULL && *EP_AS(int, reply) == numbers[i] * numbers[i],
               "an element");
    }
    code = ep_map_next(map, &reply);
    expect(code == EP_END, "the end of a map");
    ep_map_free(map);
}

static void use_group(struct ep_executor *pool)
{
    struct ep_group *group;

    check(ep_group_new(pool, 0, &group), "a group cannot be made");
    for (int i = 0; i < TASKS; i++)
        check(ep_group_submit(group, square, &i, sizeof i, NULL, NULL),
              "a task cannot be submitted to a group");
    check(ep_group_wait(group, EP_FOREVER), "a task of a group has failed");
    ep_group_free(group);
}

int main(int argc, char **argv)
{
    struct ep_options options = {
        .workers = 2, .workers_max = 3, .observe = true, .on_death = EP_REPLACE};
    struct ep_executor *pool;
    bool processes = argc > 1 && strcmp(argv[1], "processes") == 0;

    check(processes ? ep_process_executor_new(&options, &pool)
                    : ep_thread_executor_new(&options, &pool),
          "an executor cannot be made");
    use_futures(pool);
    use_map(pool);
    use_group(pool);
    check(ep_executor_wait_idle(pool, EP_FOREVER), "waiting for an idle executor");
    ep_executor_free(pool);
    puts("done");
    return 0;
}
