/* SPDX-License-Identifier: MIT */
/*
 * Waiting within a task: the worker runs what it waits for, on its own stack. Threads only: a worker
 * process cannot use the executor that it works for.
 */
#include "pool/echopool-mp.h"
#include "tests/kit/kinds.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

static struct ep_executor *pool;

static int code_of(struct ep_future *future)
{
    struct ep_bytes reply;
    int n;

    ck_assert_int_eq(ep_future_result(future, EP_FOREVER, &reply), 0);
    n = int_of(&reply);
    ep_future_unref(future);
    return n;
}

/** Run a task that replies with an int on the executor, and free the executor. */
static int ask(ep_task_fn fn, const void *input, size_t size)
{
    int n = code_of(submit_bytes(pool, fn, input, size));

    ep_executor_free(pool);
    return n;
}

CASE_FOR_THREADS("Every way to wait")

static int submit_squares(struct ep_future *futures[static 3])
{
    for (int i = 0; i < 3; i++)
        if (ep_submit(pool, square_task, &i, sizeof i, &futures[i]) != 0)
            return -1;
    return 0;
}

static int by_result(void)
{
    struct ep_future *futures[3];
    struct ep_bytes reply;
    int sum = submit_squares(futures);

    for (int i = 2; i >= 0; i--) {
        if (ep_future_result(futures[i], EP_FOREVER, &reply) == 0)
            sum += int_of(&reply);
        ep_future_unref(futures[i]);
    }
    return sum;
}

static int by_wait(enum ep_wait_for wait_for)
{
    struct ep_future *futures[3];
    bool done[3];
    int sum = submit_squares(futures);

    if (ep_wait(futures, 3, wait_for, EP_FOREVER, done) != 0)
        return -1;
    if (wait_for == EP_FIRST_COMPLETED && !done[0] && !done[1] && !done[2])
        return -2;
    for (int i = 0; i < 3; i++) {
        struct ep_bytes reply;

        if (wait_for == EP_FIRST_COMPLETED && !done[i] &&
            ep_future_result(futures[i], EP_FOREVER, &reply) != 0)
            return -3;
        if (ep_future_result(futures[i], 0, &reply) == 0)
            sum += int_of(&reply);
        ep_future_unref(futures[i]);
    }
    return sum;
}

static int by_all(void)
{
    return by_wait(EP_ALL_COMPLETED);
}

static int by_first(void)
{
    return by_wait(EP_FIRST_COMPLETED);
}

static int by_failure(void)
{
    return by_wait(EP_FIRST_FAILED);
}

static int by_completions(void)
{
    struct ep_completions *completions;
    struct ep_future *futures[3], *future;
    struct ep_bytes reply;
    int sum = submit_squares(futures);

    if (ep_completions_new(futures, 3, EP_FOREVER, &completions) != 0)
        return -1;
    while (ep_completions_next(completions, &future) == 0) {
        if (ep_future_result(future, 0, &reply) == 0)
            sum += int_of(&reply);
        ep_future_unref(future);
    }
    ep_completions_free(completions);
    for (int i = 0; i < 3; i++)
        ep_future_unref(futures[i]);
    return sum;
}

static int by_map_that(bool unordered)
{
    static const int numbers[] = {0, 1, 2};
    struct ep_column column = {numbers, sizeof numbers[0]};
    struct ep_map_options options = {.unordered = unordered, .chunk = 2};
    struct ep_bytes reply;
    struct ep_map *map;
    int sum = 0;

    if (ep_map_columns(pool, square_task, &column, 1, 3, &options, &map) != 0)
        return -1;
    while (ep_map_next(map, &reply) == 0)
        sum += int_of(&reply);
    ep_map_free(map);
    return sum;
}

static int by_map(void)
{
    return by_map_that(false);
}

static int by_unordered_map(void)
{
    return by_map_that(true);
}

static int by_group(void)
{
    struct ep_future *futures[3];
    struct ep_group *group;
    struct ep_bytes reply;
    int sum = 0;

    if (ep_group_new(pool, 0, &group) != 0)
        return -1;
    for (int i = 0; i < 3; i++)
        if (ep_group_submit(group, square_task, &i, sizeof i, NULL, &futures[i]) != 0)
            return -2;
    if (ep_group_wait(group, EP_FOREVER) != 0)
        return -3;
    for (int i = 0; i < 3; i++) {
        if (ep_future_result(futures[i], 0, &reply) == 0)
            sum += int_of(&reply);
        ep_future_unref(futures[i]);
    }
    ep_group_free(group);
    return sum;
}

static int (*const ways[])(void) = {by_result,      by_all, by_first,         by_failure,
                                    by_completions, by_map, by_unordered_map, by_group};

static int way_task(struct ep_task *task)
{
    int sum = (*(int (*const *)(void))ep_task_input(task, NULL))();

    return ep_task_reply(task, &sum, sizeof sum);
}

/* One worker, so no other could begin what is waited for; or some that are mostly idle. */
TEST(every_wait_does_its_part)
{
    for (uint32_t workers = 1; workers <= 4; workers += 3) {
        for (size_t i = 0; i < COUNT_OF(ways); i++) {
            unsigned rounds = workers == 1 ? 1 : 100;

            pool = executor_that(workers, 100, EP_BLOCK);
            mark_point();
            for (unsigned round = 0; round < rounds; round++)
                ck_assert_int_eq(code_of(submit_bytes(pool, way_task, &ways[i], sizeof ways[i])),
                                 5);
            ep_executor_free(pool);
        }
    }
}

/** Tasks of a pool may call the pool. */
static int call_task(struct ep_task *task)
{
    struct ep_pool *own = *(struct ep_pool *const *)ep_task_input(task, NULL);
    static const int numbers[] = {1, 2, 3};
    struct ep_async *one, *three, *later;
    struct ep_bytes reply;
    int sum = 0;

    if (ep_pool_apply_async(own, square_task, numbers, sizeof numbers[0], NULL, &later) != 0 ||
        ep_pool_apply(own, square_task, &numbers[1], sizeof numbers[1], &reply, &one) != 0)
        return 1;
    sum += int_of(&reply);
    if (ep_pool_map(own, square_task, numbers, sizeof numbers[0], 3, 1, &three) != 0)
        return 2;
    for (size_t i = 0; i < 3; i++)
        if (ep_async_item(three, i, &reply, NULL) == 0)
            sum += int_of(&reply);
    if (ep_async_get(later, EP_FOREVER, &reply) != 0)
        return 3;
    sum += int_of(&reply);
    ep_async_free(one);
    ep_async_free(three);
    ep_async_free(later);
    return ep_task_reply(task, &sum, sizeof sum);
}

TEST(a_task_may_call_its_own_pool)
{
    struct ep_options options = {.workers = 1};
    struct ep_async *call;
    struct ep_bytes reply;
    struct ep_pool *own;

    ck_assert_int_eq(ep_pool_new(EP_POOL_THREADS, &options, &own), 0);
    ck_assert_int_eq(ep_pool_apply(own, call_task, &own, sizeof own, &reply, &call), 0);
    ck_assert_int_eq(int_of(&reply), 4 + 1 + 4 + 9 + 1);
    ep_async_free(call);
    ep_pool_close(own);
    ck_assert_int_eq(ep_pool_join(own), 0);
    ep_pool_free(own);
}

CASE_FOR_THREADS("Depth")

/** Wait for a task that does the same with one less. Replies with how deep it went, or a code. */
static int chain_task(struct ep_task *task)
{
    int left = *(const int *)ep_task_input(task, NULL), below = 0;
    struct ep_future *future;
    struct ep_bytes reply;
    int rc = 0;

    if (left > 0) {
        left--;
        rc = ep_submit(pool, chain_task, &left, sizeof left, &future);
        if (rc == 0)
            rc = ep_future_result(future, EP_FOREVER, &reply);
        if (rc == 0)
            memcpy(&below, reply.data, sizeof below);
        ep_future_unref(future);
    }
    below = rc != 0 ? rc : below < 0 ? below : below + 1;
    return ep_task_reply(task, &below, sizeof below);
}

TEST(waits_nest_up_to_the_bound)
{
    int most = EP_NESTED_MAX, beyond = EP_NESTED_MAX + 1;

    pool = executor_that(1, 1000, EP_BLOCK);
    ck_assert_int_eq(code_of(submit_bytes(pool, chain_task, &most, sizeof most)), most + 1);
    ck_assert_int_eq(code_of(submit_bytes(pool, chain_task, &beyond, sizeof beyond)), -EDEADLK);
    ep_executor_free(pool);
    pool = executor_that(3, 1000, EP_BLOCK);
    for (int round = 0; round < 50; round++)
        ck_assert_int_eq(code_of(submit_bytes(pool, chain_task, &most, sizeof most)), most + 1);
    ep_executor_free(pool);
}

/** Compute a Fibonacci number, with a task for each call. */
static int fibonacci_task(struct ep_task *task)
{
    int n = *(const int *)ep_task_input(task, NULL), sum = n, parts[2];
    struct ep_future *futures[2];
    struct ep_bytes reply;

    if (n >= 2) {
        sum = 0;
        for (int i = 0; i < 2; i++) {
            parts[i] = n - 1 - i;
            if (ep_submit(pool, fibonacci_task, &parts[i], sizeof parts[i], &futures[i]) != 0)
                return ep_task_fail(task, 1, "submit");
        }
        for (int i = 0; i < 2; i++) {
            int rc = ep_future_result(futures[i], EP_FOREVER, &reply);

            if (rc != 0)
                return ep_task_fail(task, rc, "wait");
            sum += int_of(&reply);
            ep_future_unref(futures[i]);
        }
    }
    return ep_task_reply(task, &sum, sizeof sum);
}

TEST(a_tree_of_tasks_is_computed)
{
    int n = 15;

    for (uint32_t workers = 1; workers <= 4; workers++) {
        struct ep_stats stats;

        pool = executor_that(workers, 100000, EP_BLOCK);
        ck_assert_int_eq(code_of(submit_bytes(pool, fibonacci_task, &n, sizeof n)), 610);
        ck_assert_int_eq(ep_executor_wait_idle(pool, EP_FOREVER), 0);
        ep_executor_stats(pool, &stats);
        ck_assert_uint_eq(stats.accepted, 1973);
        ck_assert_uint_eq(stats.finished, 1973);
        ck_assert_uint_eq(stats.running + stats.queued, 0);
        ep_executor_free(pool);
    }
}

CASE_FOR_THREADS("What a worker must not wait for")

static struct ep_future *own_future;

static int wait_for_own_task(struct ep_task *task)
{
    int rc;

    gate_await(&stage->gate, 1);                /* until own_future is set */
    rc = ep_future_result(own_future, 0, NULL); /* a look is no wait */
    if (rc == -ETIMEDOUT)
        rc = ep_future_result(own_future, EP_FOREVER, NULL);
    else
        rc = -1;
    return ep_task_reply(task, &rc, sizeof rc);
}

/** Wait for a task that waits for this one, which lies below it. */
static int wait_for_waiter_task(struct ep_task *task)
{
    struct ep_future *future;
    struct ep_bytes reply;
    int rc;

    gate_await(&stage->gate, 1);
    sem_post(&stage->gate.arrived);
    rc = ep_submit(pool, wait_for_own_task, NULL, 0, &future);
    if (rc == 0)
        rc = ep_future_result(future, EP_FOREVER, &reply);
    if (rc == 0)
        rc = int_of(&reply);
    ep_future_unref(future);
    return ep_task_reply(task, &rc, sizeof rc);
}

TEST(a_task_on_the_same_stack_is_not_waited_for)
{
    ep_task_fn tasks[] = {wait_for_own_task, wait_for_waiter_task};

    for (int i = 0; i < 2; i++) {
        pool = executor_that(1, 10, EP_BLOCK);
        own_future = submit_bytes(pool, tasks[i], NULL, 0);
        sem_post(&stage->gate.arrived);
        ck_assert_int_eq(code_of(own_future), -EDEADLK);
        ep_executor_free(pool);
    }
}

static int wait_in_a_pause_task(struct ep_task *task)
{
    struct ep_future *future;
    int rc = ep_executor_pause(pool) | ep_submit(pool, nothing_task, NULL, 0, &future);

    if (rc == 0)
        rc = ep_future_result(future, EP_FOREVER, NULL);
    if (ep_future_running(future) || ep_future_done(future))
        rc = -1; /* a pause holds */
    ep_executor_resume(pool);
    if (rc == -EDEADLK && ep_future_result(future, EP_FOREVER, NULL) != 0)
        rc = -2;
    ep_future_unref(future);
    return ep_task_reply(task, &rc, sizeof rc);
}

TEST(nothing_begins_within_a_task_in_a_pause)
{
    pool = executor_that(1, 10, EP_BLOCK);
    ck_assert_int_eq(ask(wait_in_a_pause_task, NULL, 0), -EDEADLK);
}

static atomic_int begin_rc;

static int wait_in_initialize(void *context, unsigned worker)
{
    struct ep_future *future;

    (void)context;
    if (worker == 0)
        return 0;
    if (ep_submit(pool, gate_task, &(struct gate *){&stage->gate}, sizeof(struct gate *),
                  &future) != 0)
        return 1;
    gate_await(&stage->gate, 1); /* it runs on the other worker: the answer is the same */
    atomic_store(&begin_rc, ep_future_result(future, EP_FOREVER, NULL));
    gate_open(&stage->gate, 1);
    ep_future_unref(future);
    return 0;
}

TEST(a_worker_that_begins_does_not_wait)
{
    pool = executor_with(&(struct ep_options){.workers = 1, .initialize = wait_in_initialize});
    ck_assert_int_eq(ep_executor_resize(pool, 2), 0);
    ck_assert_int_eq(atomic_load(&begin_rc), -EDEADLK);
    ep_executor_free(pool);
}

static struct ep_future *running;

static int wait_for_what_runs(void *context, unsigned worker)
{
    (void)context;
    if (worker == 1)
        atomic_store(&begin_rc, ep_future_result(running, EP_FOREVER, NULL));
    return 0;
}

static void wait_at_the_end(void *context, unsigned worker)
{
    wait_for_what_runs(context, worker);
}

/* Nor for a task that has begun elsewhere. */
TEST(a_worker_that_begins_or_ends_waits_for_no_task)
{
    pool = executor_with(&(struct ep_options){
        .workers = 1, .initialize = wait_for_what_runs, .finalize = wait_at_the_end});
    running = submit_gate(pool, &stage->gate);
    gate_await(&stage->gate, 1);
    ck_assert_int_eq(ep_executor_resize(pool, 2), 0);
    ck_assert_int_eq(atomic_exchange(&begin_rc, 0), -EDEADLK);
    ck_assert_int_eq(ep_executor_resize(pool, 1), 0);
    while (atomic_load(&begin_rc) == 0)
        sched_yield();
    ck_assert_int_eq(atomic_load(&begin_rc), -EDEADLK);
    gate_open(&stage->gate, 1);
    ep_executor_free(pool);
    ep_future_unref(running);
}

static void wait_in_on_room(void *context)
{
    struct ep_future *future;

    (void)context;
    if (ep_try_submit(pool, nothing_task, NULL, 0, &future) != 0)
        return;
    atomic_store(&begin_rc, ep_future_result(future, EP_FOREVER, NULL));
    ep_future_unref(future);
}

TEST(on_room_does_not_wait)
{
    atomic_store(&begin_rc, 0); /* the test before it may have run in this process */
    pool = executor_with(
        &(struct ep_options){.workers = 1, .queue = EP_NO_QUEUE, .on_room = wait_in_on_room});
    stage_occupy(pool, 1);
    ck_assert_uint_eq(ep_executor_room(pool), 0);
    gate_open(&stage->gate, 1);
    while (atomic_load(&begin_rc) == 0)
        sched_yield(); /* the executor is idle a moment before it calls on_room */
    ep_executor_free(pool);
    ck_assert_int_eq(atomic_load(&begin_rc), -EDEADLK);
}

CASE_FOR_THREADS("The queue")

/** Wait for tasks that are queued before others, so that husks lie in the ring. */
static int leave_husks_task(struct ep_task *task)
{
    struct ep_future *futures[20];
    int n = 3;

    for (int i = 0; i < 20; i++)
        if (ep_submit(pool, square_task, &n, sizeof n, &futures[i]) != 0)
            return 1;
    for (int i = 0; i < 20; i += 2)
        if (ep_future_result(futures[i], EP_FOREVER, NULL) != 0)
            return 2;
    for (int i = 0; i < 20; i++) {
        if (i % 4 == 1 && ep_future_cancel(futures[i]) != 0)
            return 3;
        ep_future_unref(futures[i]);
    }
    return ep_task_reply(task, &n, sizeof n);
}

TEST(husks_of_both_kinds_leave_the_queue)
{
    struct ep_stats stats;
    unsigned rounds = 20; /* the ring is swept, and walked round several times */

    pool = executor_that(1, 20, EP_BLOCK);
    for (unsigned round = 1; round <= rounds; round++) {
        ck_assert_int_eq(code_of(submit_bytes(pool, leave_husks_task, NULL, 0)), 3);
        ck_assert_int_eq(ep_executor_wait_idle(pool, EP_FOREVER), 0);
        ep_executor_stats(pool, &stats);
        ck_assert_uint_eq(stats.accepted, round * 21);
        ck_assert_uint_eq(stats.cancelled, round * 5);
        ck_assert_uint_eq(stats.finished, round * 16);
        ck_assert_uint_eq(stats.queued, 0);
        ck_assert_uint_eq(stats.running, 0);
        ck_assert_uint_eq(ep_executor_room(pool), 21);
    }
    ep_executor_free(pool);
}

/** With a task that runs on top of this one, shut down: its husk does not hold the shutdown up. */
static int shut_down_task(struct ep_task *task)
{
    int rc = ep_executor_shutdown(pool, EP_CANCEL);

    return ep_task_reply(task, &rc, sizeof rc);
}

static int shut_down_within_task(struct ep_task *task)
{
    struct ep_future *future, *other;
    struct ep_bytes reply;
    int rc = ep_submit(pool, shut_down_task, NULL, 0, &future);

    rc |= ep_submit(pool, nothing_task, NULL, 0, &other);
    if (rc == 0)
        rc = ep_future_result(future, EP_FOREVER, &reply);
    if (rc == 0)
        rc = int_of(&reply);
    if (rc == 0 && ep_future_result(other, EP_FOREVER, NULL) != EP_ECANCELLED)
        rc = 1;
    ep_future_unref(future);
    ep_future_unref(other);
    return ep_task_reply(task, &rc, sizeof rc);
}

TEST(a_nested_task_may_shut_down)
{
    pool = executor_that(1, 10, EP_BLOCK);
    ck_assert_int_eq(ask(shut_down_within_task, NULL, 0), 0);
}

CASE_FOR_THREADS("Ends of threads")

static int exit_task(struct ep_task *task)
{
    (void)task;
    pthread_exit(NULL);
}

static int wait_for_exit_task(struct ep_task *task)
{
    (void)task;
    if (ep_submit(pool, exit_task, NULL, 0, &own_future) != 0)
        return 1;
    return ep_future_result(own_future, EP_FOREVER, NULL);
}

TEST(a_nested_task_that_ends_the_thread_fails_those_below)
{
    struct ep_future *below;
    struct ep_stats stats;
    int n = 3;

    pool = executor_that(1, 10, EP_BLOCK);
    below = submit_bytes(pool, wait_for_exit_task, NULL, 0);
    ck_assert_int_eq(ep_future_result(below, EP_FOREVER, NULL), EP_EFAILED);
    ck_assert_int_eq(ep_future_result(own_future, EP_FOREVER, NULL), EP_EFAILED);
    ep_future_unref(below);
    ep_future_unref(own_future);
    /* The worker has a new thread, which waits within tasks as the old one did. */
    ck_assert_int_eq(code_of(submit_bytes(pool, chain_task, &n, sizeof n)), n + 1);
    ck_assert_int_eq(ep_executor_wait_idle(pool, EP_FOREVER), 0);
    ep_executor_stats(pool, &stats);
    ck_assert_uint_eq(stats.failed, 2);
    ck_assert_uint_eq(stats.running, 0);
    ep_executor_free(pool);
}

CASE_FOR_THREADS("Races")

#define LAYERS 6
#define WIDTH  5

static struct ep_future *layers[LAYERS][WIDTH];

/** Wait for the whole layer below: several tasks wait for each, and one of them may run it. */
static int layer_task(struct ep_task *task)
{
    int layer = *(const int *)ep_task_input(task, NULL), sum = 1;
    struct ep_bytes reply;

    atomic_fetch_add(&stage->counter, 1);
    for (int i = 0; layer > 0 && i < WIDTH; i++) {
        if (ep_future_result(layers[layer - 1][i], EP_FOREVER, &reply) != 0)
            return 1;
        sum += int_of(&reply);
    }
    return ep_task_reply(task, &sum, sizeof sum);
}

TEST(tasks_that_wait_in_no_circle_all_end)
{
    for (unsigned round = 0; round < 100; round++) {
        int sum = 1;

        pool = executor_that(1 + round % 4, 100, EP_BLOCK);
        atomic_store(&stage->counter, 0);
        ck_assert_int_eq(ep_executor_pause(pool), 0);
        for (int layer = LAYERS - 1; layer >= 0; layer--) /* those that wait come first */
            for (int i = 0; i < WIDTH; i++)
                layers[layer][i] = submit_int(pool, layer_task, layer);
        ck_assert_int_eq(ep_executor_resume(pool), 0);
        for (int layer = 0; layer < LAYERS; layer++, sum = 1 + WIDTH * sum)
            for (int i = 0; i < WIDTH; i++)
                ck_assert_int_eq(code_of(ep_future_ref(layers[layer][i])), sum);
        ck_assert_int_eq(ep_executor_wait_idle(pool, EP_FOREVER), 0);
        ck_assert_uint_eq(atomic_load(&stage->counter), LAYERS * WIDTH); /* each ran once */
        for (int i = 0; i < LAYERS * WIDTH; i++)
            ep_future_unref(layers[i / WIDTH][i % WIDTH]);
        ep_executor_free(pool);
    }
}

static struct ep_group *shared_group;
static sem_t late_has_run;

static int late_task(struct ep_task *task)
{
    (void)task;
    sem_post(&late_has_run);
    return 0;
}

/** Submit a member while another worker waits for the group, and wait, unseen, until it has run. */
static int late_member_task(struct ep_task *task)
{
    (void)task;
    gate_await(&stage->gate, 1);
    for (int i = 0; i < 1000; i++) /* the other one should sleep by now */
        sched_yield();
    if (ep_group_submit(shared_group, late_task, NULL, 0, NULL, NULL) != 0)
        return 1;
    while (sem_wait(&late_has_run) != 0)
        ;
    return 0;
}

static int wait_for_group_task(struct ep_task *task)
{
    int rc;

    sem_post(&stage->gate.arrived);
    rc = ep_group_wait(shared_group, EP_FOREVER);
    return ep_task_reply(task, &rc, sizeof rc);
}

TEST(a_worker_that_waits_for_a_group_runs_late_members)
{
    sem_init(&late_has_run, 0, 0);
    for (unsigned round = 0; round < 20; round++) {
        struct ep_future *waiter;

        pool = executor_that(2, 100, EP_BLOCK);
        ck_assert_int_eq(ep_group_new(pool, 0, &shared_group), 0);
        ck_assert_int_eq(ep_group_submit(shared_group, late_member_task, NULL, 0, NULL, NULL), 0);
        waiter = submit_bytes(pool, wait_for_group_task, NULL, 0);
        ck_assert_int_eq(ep_group_wait(shared_group, EP_FOREVER), 0);
        ck_assert_int_eq(code_of(waiter), 0);
        ep_group_free(shared_group);
        ep_executor_free(pool);
    }
    sem_destroy(&late_has_run);
}

/** Cancel, from a thread of the program, what tasks are about to run themselves. */
static void *cancel_layers(void *argument)
{
    (void)argument;
    for (int layer = 0; layer < LAYERS; layer++)
        for (int i = 0; i < WIDTH; i++)
            ep_future_cancel(layers[layer][i]);
    return NULL;
}

TEST(claiming_races_cancelling)
{
    for (unsigned round = 0; round < 200; round++) {
        struct ep_stats stats;
        pthread_t canceller;

        pool = executor_that(1 + round % 4, 100, EP_BLOCK);
        ck_assert_int_eq(ep_executor_pause(pool), 0);
        for (int layer = LAYERS - 1; layer >= 0; layer--)
            for (int i = 0; i < WIDTH; i++)
                layers[layer][i] = submit_int(pool, layer_task, layer);
        ck_assert_int_eq(pthread_create(&canceller, NULL, cancel_layers, NULL), 0);
        ck_assert_int_eq(ep_executor_resume(pool), 0);
        ck_assert_int_eq(ep_executor_wait_idle(pool, EP_FOREVER), 0);
        pthread_join(canceller, NULL);
        ep_executor_shutdown(pool, EP_WAIT);
        ep_executor_stats(pool, &stats);
        ck_assert_uint_eq(stats.finished + stats.failed + stats.cancelled, LAYERS * WIDTH);
        for (int i = 0; i < LAYERS * WIDTH; i++)
            ep_future_unref(layers[i / WIDTH][i % WIDTH]);
        ep_executor_free(pool);
    }
}
