/* SPDX-License-Identifier: MIT */
/* Executors whose number of workers follows the work. */
#include "pool/echopool.h"
#include "tests/kit/kinds.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>

/** What initialize and finalize count; shared with worker processes. */
static struct {
    atomic_uint begun, ended;
    atomic_int begin_code; /* of workers other than number 0 */
} * lives;

static int initialize(void *context, unsigned worker)
{
    (void)context;
    atomic_fetch_add(&lives->begun, 1);
    return worker == 0 ? 0 : atomic_load(&lives->begin_code);
}

static void finalize(void *context, unsigned worker)
{
    (void)context;
    (void)worker;
    atomic_fetch_add(&lives->ended, 1);
}

static struct ep_executor *elastic(uint32_t least, uint32_t most, int64_t idle_timeout_ns)
{
    lives = shared_memory(sizeof *lives);
    return executor_with(&(struct ep_options){.workers = least,
                                              .workers_max = most,
                                              .queue = 8,
                                              .when_full = EP_REJECT,
                                              .idle_timeout_ns = idle_timeout_ns,
                                              .initialize = initialize,
                                              .finalize = finalize});
}

static struct ep_stats stats_of(struct ep_executor *executor)
{
    struct ep_stats stats;

    ep_executor_stats(executor, &stats);
    return stats;
}

/** Wait until it has that many workers. */
static void await_size(struct ep_executor *executor, uint32_t workers)
{
    while (stats_of(executor).workers != workers)
        sched_yield();
}

CASE_FOR_KINDS("Growing")

TEST(it_grows_up_to_the_most)
{
    struct ep_executor *executor = elastic(1, 4, 0);
    struct ep_stats stats = stats_of(executor);
    unsigned accepted = 0;

    ck_assert_uint_eq(stats.workers, 1);
    ck_assert_uint_eq(stats.workers_max, 4);
    ck_assert_uint_eq(atomic_load(&lives->begun), 1);
    for (unsigned tasks = 1; tasks <= 4; tasks++) { /* each is begun, whatever the others do */
        stage_occupy(executor, 1);
        ck_assert_uint_ge(stats_of(executor).workers, tasks);
    }
    while (stage_try_gate(executor) == 0)
        accepted++;
    ck_assert_uint_eq(accepted, 8); /* the bound is that of the most workers */
    stats = stats_of(executor);
    ck_assert_uint_eq(stats.running, 4);
    ck_assert_uint_eq(stats.workers_most, 4);
    gate_open(&stage->gate, 12);
    ep_executor_free(executor);
    ck_assert_uint_eq(atomic_load(&lives->begun), 4);
    ck_assert_uint_eq(atomic_load(&lives->ended), 4);
}

TEST(a_burst_gets_all_workers)
{
    struct ep_executor *executor = elastic(1, 8, 0);

    stage_occupy(executor, 8);
    gate_open(&stage->gate, 8);
    ep_executor_free(executor);
    ck_assert_uint_eq(atomic_load(&lives->ended), 8);
}

/* Tasks that wait for one another need all workers also when no more are accepted. */
TEST(it_grows_while_it_ends)
{
    struct ep_executor *executor = elastic(1, 4, 0);

    ck_assert_int_eq(ep_executor_pause(executor), 0);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(stage_try_gate(executor), 0);
    ck_assert_uint_eq(stats_of(executor).workers, 1); /* none is added for what must not begin */
    ck_assert_int_eq(ep_executor_shutdown(executor, 0), 0);
    gate_await(&stage->gate, 4);
    gate_open(&stage->gate, 4);
    ep_executor_free(executor);
}

TEST(a_resume_wakes_it)
{
    struct ep_executor *executor = elastic(1, 4, 0);

    ck_assert_int_eq(ep_executor_pause(executor), 0);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(stage_try_gate(executor), 0);
    ck_assert_int_eq(ep_executor_resume(executor), 0);
    gate_await(&stage->gate, 4);
    gate_open(&stage->gate, 4);
    ep_executor_free(executor);
}

TEST(nothing_is_sent_ahead_while_a_worker_can_be_added)
{
    struct ep_options options = {.workers = 1, .workers_max = 4, .prefetch = 8};
    struct ep_executor *executor = executor_with(&options);

    stage_occupy(executor, 4);
    gate_open(&stage->gate, 4);
    ep_executor_free(executor);
}

CASE_FOR_KINDS("Shrinking")

TEST(idle_workers_end_down_to_the_least)
{
    struct ep_executor *executor = elastic(2, 5, EP_MILLISECONDS(1));
    unsigned threads = entries_of("/proc/self/task");

    for (unsigned round = 0; round < 3; round++) {
        stage_occupy(executor, 5);
        ck_assert_uint_eq(stats_of(executor).workers, 5);
        gate_open(&stage->gate, 5);
        await_size(executor, 2);
        while (atomic_load(&lives->begun) - atomic_load(&lives->ended) != 2)
            sched_yield();
        while (kind == THREADS && entries_of("/proc/self/task") != threads)
            sched_yield();
    }
    /* A worker may also have been added, and have ended, before the task that it was for. */
    ck_assert_uint_ge(atomic_load(&lives->begun), 2 + 3 * 3);
    ck_assert_uint_eq(stats_of(executor).workers_most, 5);
    ep_executor_free(executor);
    ck_assert_uint_eq(atomic_load(&lives->ended), atomic_load(&lives->begun));
}

/* The end of that time is beyond every clock: UBSan sees a sum that is too large. */
TEST(idle_workers_may_stay_for_ever)
{
    struct ep_executor *executor = elastic(1, 3, INT64_MAX);

    for (unsigned round = 0; round < 3; round++) {
        stage_occupy(executor, 3);
        gate_open(&stage->gate, 3);
        ck_assert_int_eq(ep_executor_wait_idle(executor, EP_FOREVER), 0);
    }
    ck_assert_uint_eq(stats_of(executor).workers, 3);
    ck_assert_uint_eq(atomic_load(&lives->begun), 3);
    ep_executor_free(executor);
}

TEST(no_task_is_lost_to_a_worker_that_ends)
{
    struct ep_executor *executor = elastic(1, 3, 1);
    unsigned rounds = rounds_of(3000, 150);
    struct ep_stats stats;

    for (unsigned round = 0; round < rounds; round++) {
        struct ep_future *futures[3];

        for (int i = 0; i < 3; i++)
            ck_assert_int_eq(stage_submit(executor, &futures[i]), 0);
        for (int i = 0; i < 3; i++) {
            ck_assert_int_eq(ep_future_result(futures[i], EP_FOREVER, NULL), 0);
            ep_future_unref(futures[i]);
        }
        if (round % 16 == 0) { /* all three must be there at a time */
            stage_occupy(executor, 3);
            gate_open(&stage->gate, 3);
            ck_assert_int_eq(ep_executor_wait_idle(executor, EP_FOREVER), 0);
        }
    }
    ep_executor_shutdown(executor, EP_WAIT);
    stats = stats_of(executor);
    ck_assert_uint_eq(atomic_load(&stage->counter), 3 * rounds);
    ck_assert_uint_eq(stats.accepted, stats.finished);
    ck_assert_uint_le(stats.workers_most, 3);
    ep_executor_free(executor);
    ck_assert_uint_eq(atomic_load(&lives->begun), atomic_load(&lives->ended));
}

TEST(it_ends_while_workers_come_and_go)
{
    unsigned rounds = rounds_of(200, 10);

    for (unsigned round = 0; round < rounds; round++) {
        struct ep_executor *executor = elastic(1, 4, 1);
        unsigned tasks = 1 + round % 8;

        for (unsigned i = 0; i < tasks; i++)
            ck_assert_int_eq(stage_submit(executor, NULL), 0);
        ep_executor_free(executor);
        ck_assert_uint_eq(atomic_exchange(&stage->counter, 0), tasks);
        ck_assert_uint_eq(atomic_load(&lives->begun), atomic_load(&lives->ended));
    }
}

CASE_FOR_KINDS("Resizing")

TEST(a_resize_sets_the_most)
{
    struct ep_executor *executor = elastic(2, 4, EP_MILLISECONDS(1));
    unsigned accepted = 0;

    ck_assert_int_eq(ep_executor_resize(executor, 3), 0);
    ck_assert_uint_eq(stats_of(executor).workers_max, 3);
    stage_occupy(executor, 3);
    while (stage_try_gate(executor) == 0)
        accepted++;
    ck_assert_uint_eq(accepted, 8);
    ck_assert_uint_eq(stats_of(executor).running, 3);
    ck_assert_int_eq(ep_executor_resize(executor, 6), 0); /* of those that wait, 3 more begin */
    gate_await(&stage->gate, 3);
    ck_assert_uint_eq(stats_of(executor).workers, 6);
    gate_open(&stage->gate, 11);
    ck_assert_int_eq(ep_executor_wait_idle(executor, EP_FOREVER), 0);
    await_size(executor, 2);
    ep_executor_free(executor);
    ck_assert_uint_eq(atomic_load(&lives->begun), atomic_load(&lives->ended));
}

TEST(the_least_is_at_most_the_most)
{
    struct ep_executor *executor = elastic(3, 5, EP_MILLISECONDS(1));

    stage_occupy(executor, 5);
    ck_assert_int_eq(ep_executor_resize(executor, 1), 0); /* what runs is left alone */
    ck_assert_uint_eq(stats_of(executor).running, 5);
    gate_open(&stage->gate, 5);
    await_size(executor, 1);
    ck_assert_int_eq(ep_executor_resize(executor, 4), 0);
    await_size(executor, 3);
    stage_occupy(executor, 4);
    gate_open(&stage->gate, 4);
    ep_executor_free(executor);
    executor = elastic(0, 1, 0); /* also by default */
    ck_assert_uint_eq(stats_of(executor).workers, 1);
    ck_assert_uint_eq(ep_executor_room(executor), 1 + 8);
    ep_executor_free(executor);
}

/** A door for each worker. */
struct doors {
    atomic_uint begun;
    sem_t of[2];
};

static int wait_at_door(struct ep_task *task)
{
    struct doors *doors = *(struct doors *const *)ep_task_input(task, NULL);

    atomic_fetch_add(&doors->begun, 1);
    while (sem_wait(&doors->of[ep_task_worker(task)]) != 0)
        continue;
    return 0;
}

/* After a resize to fewer a surplus worker is still busy: the others stay, and take all tasks. */
TEST(a_surplus_worker_is_not_counted)
{
    struct doors *doors = shared_memory(sizeof *doors);
    struct ep_executor *executor = elastic(1, 2, 1);
    struct ep_future *future;
    int number = 3;

    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(sem_init(&doors->of[i], 1, 0), 0);
    for (unsigned i = 1; i <= 2; i++) {
        ck_assert_int_eq(ep_submit(executor, wait_at_door, &doors, sizeof doors, NULL), 0);
        while (atomic_load(&doors->begun) < i)
            sched_yield();
    }
    ck_assert_int_eq(ep_executor_resize(executor, 1), 0);
    sem_post(&doors->of[0]);
    await_size(executor, 1);
    ck_assert_int_eq(ep_submit(executor, square_task, &number, sizeof number, &future), 0);
    ck_assert_int_eq(ep_future_result(future, EP_FOREVER, NULL), 0);
    ep_future_unref(future);
    sem_post(&doors->of[1]);
    ck_assert_int_eq(ep_executor_wait_idle(executor, EP_FOREVER), 0);
    await_size(executor, 1);
    ep_executor_free(executor);
    ck_assert_uint_eq(atomic_load(&lives->begun), atomic_load(&lives->ended));
}

static atomic_uint resizers;

static void *resize_often(void *context)
{
    struct ep_executor *executor = context;

    for (uint32_t i = 0, rounds = rounds_of(3000, 200); i < rounds; i++)
        ck_assert_int_eq(ep_executor_resize(executor, 2 + i * 7 % 5), 0);
    atomic_fetch_sub(&resizers, 1);
    return NULL;
}

TEST(resizing_races_workers_that_come_and_go)
{
    struct ep_executor *executor = elastic(2, 4, 1);
    pthread_t threads[2];
    struct ep_stats stats;

    atomic_store(&resizers, 2);
    for (unsigned i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, resize_often, executor), 0);
    while (atomic_load(&resizers) > 0) {
        stage_occupy(executor, 2); /* two must be there at a time, whatever the size */
        gate_open(&stage->gate, 2);
        ck_assert_int_eq(ep_executor_wait_idle(executor, EP_FOREVER), 0);
    }
    for (unsigned i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    ck_assert_int_eq(ep_executor_resize(executor, 3), 0);
    stage_occupy(executor, 3);
    gate_open(&stage->gate, 3);
    await_size(executor, 2);
    ep_executor_shutdown(executor, EP_WAIT);
    stats = stats_of(executor);
    ck_assert_uint_eq(stats.accepted, stats.finished);
    ck_assert_uint_le(stats.workers_most, 6);
    ep_executor_free(executor);
    ck_assert_uint_eq(atomic_load(&lives->begun), atomic_load(&lives->ended));
}

static void *grow_and_shrink(void *executor)
{
    for (unsigned i = 0, rounds = rounds_of(2000, 60); i < rounds; i++) {
        stage_occupy(executor, 4);
        ck_assert_int_eq(ep_executor_resize(executor, 1), 0);
        gate_open(&stage->gate, 4);
        ck_assert_int_eq(ep_executor_wait_idle(executor, EP_FOREVER), 0);
        ck_assert_int_eq(ep_executor_resize(executor, 4), 0);
    }
    return NULL;
}

/* No reader finds more workers than there may be, or misses a task. */
TEST(counts_agree_at_every_moment)
{
    struct ep_executor *executor = elastic(kind == THREADS ? 1 : 4, 4, 0);
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, grow_and_shrink, executor), 0);
    while (pthread_tryjoin_np(thread, NULL) != 0) {
        struct ep_stats stats = stats_of(executor);

        ck_assert_uint_le(stats.workers, stats.workers_max);
        ck_assert_uint_le(stats.accepted, stats.finished + stats.queued + stats.running);
    }
    ep_executor_free(executor);
}

CASE_FOR_KINDS("Limits")

TEST(odd_sizes_are_refused)
{
    struct ep_options odd[] = {{.workers = 2, .workers_max = 1},
                               {.workers_max = EP_WORKERS_MAX + 1},
                               {.idle_timeout_ns = -1}};
    struct ep_executor *executor = NULL;

    for (size_t i = 0; i < COUNT_OF(odd); i++) {
        ck_assert_int_eq(ep_thread_executor_new(&odd[i], &executor), -EINVAL);
        ck_assert_int_eq(ep_process_executor_new(&odd[i], &executor), -EINVAL);
    }
    executor = elastic(2, 2, 0); /* not elastic */
    ck_assert_int_eq(ep_executor_resize(executor, 3), 0);
    ck_assert_uint_eq(stats_of(executor).workers_max, 3);
    ck_assert_uint_eq(stats_of(executor).workers_most, 3);
    ep_executor_free(executor);
}

TEST(an_added_worker_that_cannot_begin_breaks_it)
{
    struct ep_executor *executor = elastic(1, 2, 0);
    struct gate *gate = &stage->gate;
    int rc;

    atomic_store(&lives->begin_code, 9);
    /* It may not begin: if the first worker has not looked for it yet, one is added for this task already. */
    rc = ep_submit(executor, gate_task, &gate, sizeof gate, NULL);
    while (rc == 0 || rc == -EAGAIN) {
        rc = stage_submit(executor, NULL);
        sched_yield();
    }
    ck_assert_int_eq(rc, EP_EBROKEN);
    gate_open(gate, 1);
    ep_executor_free(executor);
}

CASE_FOR_THREADS("Ending")

static void *resize_to_the_end(void *executor)
{
    uint32_t workers = 2;

    while (ep_executor_resize(executor, workers) == 0)
        workers = 5 - workers;
    return NULL;
}

/* A thread that resizes may be about to make one, or the thread that adds workers for a task that the last
 * one takes. */
TEST(no_worker_begins_after_the_end)
{
    for (unsigned round = 0; round < 1000; round++) {
        struct ep_executor *executor = elastic(1 + round % 2, 2, 1); /* elastic or not */
        pthread_t others[3];
        unsigned begun;

        for (unsigned i = 0; i < 3; i++)
            ck_assert_int_eq(pthread_create(&others[i], NULL, resize_to_the_end, executor), 0);
        for (unsigned i = 0; i < 2 + round % 3; i++)
            ck_assert_int_eq(stage_submit(executor, NULL), 0);
        ck_assert_int_eq(ep_executor_shutdown(executor, EP_WAIT), 0);
        begun = atomic_load(&lives->begun);
        ck_assert_uint_eq(begun, atomic_load(&lives->ended));
        for (unsigned i = 0; i < 3; i++)
            pthread_join(others[i], NULL);
        ck_assert_uint_eq(atomic_load(&lives->begun), begun);
        ep_executor_free(executor);
    }
}
