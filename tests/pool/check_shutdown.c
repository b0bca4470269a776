/* SPDX-License-Identifier: MIT */
/* How executors end: shutting down in every way, alone and by several, and waiting for the end. */
#include "pool/echopool.h"
#include "tests/kit/kinds.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>

#define BLOCKED 6

CASE_FOR_KINDS("Shutdown")

TEST(wait_runs_what_was_accepted)
{
    struct ep_executor *pool = executor_that(2, 50, EP_BLOCK);

    stage_occupy(pool, 2);
    for (int i = 0; i < 50; i++)
        ck_assert_int_eq(stage_try(pool), 0);
    gate_open(&stage->gate, 2);
    ck_assert_int_eq(ep_executor_shutdown(pool, EP_WAIT), 0);
    ck_assert_uint_eq(atomic_load(&stage->counter), 50);
    ck_assert_int_eq(ep_executor_shutdown(pool, EP_WAIT), 0);
    ck_assert_int_eq(stage_try(pool), EP_ESHUTDOWN);
    ck_assert_uint_eq(ep_executor_room(pool), 0);
    ep_executor_free(pool);
}

TEST(nowait_returns_and_the_tasks_still_run)
{
    struct ep_executor *pool = executor_that(1, 10, EP_BLOCK);

    stage_occupy(pool, 1);
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(stage_try(pool), 0);
    ck_assert_int_eq(ep_executor_shutdown(pool, 0), 0);
    ck_assert_uint_eq(atomic_load(&stage->counter), 0);
    ck_assert_int_eq(stage_try(pool), EP_ESHUTDOWN);
    gate_open(&stage->gate, 1);
    ep_executor_free(pool);
    ck_assert_uint_eq(atomic_load(&stage->counter), 10);
}

static void count_cancelled_callback(struct ep_future *future, void *context)
{
    ck_assert(ep_future_cancelled(future));
    atomic_fetch_add((atomic_uint *)context, 1);
}

TEST(cancel_drops_what_has_not_begun)
{
    struct ep_executor *pool = executor_that(2, 40, EP_BLOCK);
    struct ep_future *futures[20];
    atomic_uint told = 0;
    struct ep_stats stats;

    stage_occupy(pool, 2);
    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(stage_submit_owned(pool, 0, &futures[i]), 0);
        ck_assert_int_eq(ep_future_add_done_callback(futures[i], count_cancelled_callback, &told),
                         0);
        ck_assert_int_eq(stage_submit_owned(pool, 0, NULL), 0);
    }
    ck_assert_int_eq(ep_future_cancel(futures[7]), 0);
    ck_assert_uint_eq(atomic_load(&stage->dropped), 1);
    ck_assert_int_eq(ep_executor_shutdown(pool, EP_CANCEL), 0);
    ck_assert_uint_eq(atomic_load(&stage->dropped), 40);
    ck_assert_uint_eq(atomic_load(&told), 20);
    gate_open(&stage->gate, 2);
    ck_assert_int_eq(ep_executor_shutdown(pool, EP_CANCEL | EP_WAIT), 0);
    ck_assert_uint_eq(atomic_load(&stage->counter), 0);
    ep_executor_stats(pool, &stats);
    ck_assert_uint_eq(stats.cancelled, 40);
    ck_assert_uint_eq(stats.finished, 2);
    ck_assert_uint_eq(stats.accepted, 42);
    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(ep_future_result(futures[i], EP_FOREVER, NULL), EP_ECANCELLED);
        ep_future_unref(futures[i]);
    }
    ep_executor_free(pool);
    ck_assert_uint_eq(atomic_load(&stage->dropped), 40);
}

/* The numbers of Python's own test: most are cancelled, some had begun, none is left between. */
TEST(shutting_down_leaves_nothing_between)
{
    struct ep_executor *pool = executor_that(5, 64, EP_BLOCK);
    struct ep_future *futures[50];
    unsigned states[4] = {0};

    for (int i = 0; i < 50; i++)
        futures[i] = submit_gate(pool, &stage->gate);
    gate_await(&stage->gate, 5);
    gate_open(&stage->gate, 50);
    ck_assert_int_eq(ep_executor_shutdown(pool, EP_WAIT | EP_CANCEL), 0);
    for (int i = 0; i < 50; i++) {
        states[ep_future_state(futures[i])]++;
        ep_future_unref(futures[i]);
    }
    ck_assert_uint_eq(states[EP_PENDING] + states[EP_RUNNING], 0);
    ck_assert_uint_ge(states[EP_FINISHED], 5);
    ck_assert_uint_eq(states[EP_FINISHED], atomic_load(&stage->gate.passed));
    ep_executor_free(pool);
}

TEST(shutdown_wakes_submitters_that_wait_for_room)
{
    struct ep_executor *pool = executor_that(1, 1, EP_BLOCK);
    pthread_t threads[BLOCKED];

    stage_occupy(pool, 1);
    ck_assert_int_eq(stage_try_gate(pool), 0);
    for (int i = 0; i < BLOCKED; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, stage_submit_one, pool), 0);
    stage_await_blocked(pool, BLOCKED);
    ck_assert_int_eq(ep_executor_shutdown(pool, 0), 0);
    for (int i = 0; i < BLOCKED; i++) {
        void *rc;

        pthread_join(threads[i], &rc);
        ck_assert_int_eq((int)(intptr_t)rc, EP_ESHUTDOWN);
    }
    gate_open(&stage->gate, 2);
    ep_executor_free(pool);
    ck_assert_uint_eq(atomic_load(&stage->counter), 0);
}

static void *shutdown_and_wait(void *pool)
{
    return (void *)(intptr_t)ep_executor_shutdown(pool, EP_WAIT);
}

TEST(several_may_shut_down_at_once)
{
    struct ep_executor *pool = executor_that(3, 10, EP_BLOCK);
    pthread_t threads[4];

    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(stage_try(pool), 0);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, shutdown_and_wait, pool), 0);
    for (int i = 0; i < 4; i++) {
        void *rc;

        pthread_join(threads[i], &rc);
        ck_assert_int_eq((int)(intptr_t)rc, 0);
    }
    ck_assert_uint_eq(atomic_load(&stage->counter), 10);
    ep_executor_free(pool);
}

/* A worker that searches gives its CPU away several times: each round takes long on a busy machine. */
TEST(cancel_at_once_then_wait)
{
    for (int i = 0; i < (int)rounds_of(100, 20); i++) {
        struct ep_executor *pool = executor_that(1, 4, EP_BLOCK);
        struct ep_future *future;

        ck_assert_int_eq(stage_submit(pool, &future), 0);
        ep_future_cancel(future);
        ep_executor_free(pool);
        ck_assert(ep_future_done(future));
        ep_future_unref(future);
    }
}

TEST(a_paused_executor_can_be_ended)
{
    struct ep_executor *pool = executor_that(2, 8, EP_BLOCK);

    ck_assert_int_eq(ep_executor_pause(pool), 0);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(stage_submit(pool, NULL), 0);
    ck_assert_int_eq(ep_executor_shutdown(pool, EP_WAIT), 0);
    ck_assert_uint_eq(atomic_load(&stage->counter), 5);
    ck_assert_int_eq(ep_executor_pause(pool), EP_ESHUTDOWN);
    ep_executor_free(pool);
}

static struct ep_executor *dropped_pool;
static int (*meanwhile)(struct ep_executor *executor);

static int shut_down(struct ep_executor *executor)
{
    return ep_executor_shutdown(executor, 0) != 0 ? 0 : EP_ESHUTDOWN;
}

static int terminate(struct ep_executor *executor)
{
    ep_executor_terminate(executor);
    return EP_ESHUTDOWN;
}

static int grow(struct ep_executor *executor)
{
    return ep_executor_resize(executor, 2);
}

/** As `dropped`: at the first task, call something, and let a worker look for its next task. */
static void dropped_meanwhile(const void *input, size_t size)
{
    struct ep_stats stats;

    (void)input;
    (void)size;
    if (atomic_fetch_add(&stage->dropped, 1) > 0)
        return;
    ck_assert_int_eq(meanwhile(dropped_pool), EP_ESHUTDOWN);
    gate_open(&stage->gate, 1);
    do {
        sched_yield();
        ep_executor_stats(dropped_pool, &stats);
    } while (stats.queued + stats.running > 10); /* the worker has looked, if it is a thread */
}

/* A call that fails changes nothing, and one that succeeds does not undo what another has begun. */
TEST(no_call_ends_a_cancel_half_way)
{
    static int (*const calls[])(struct ep_executor *) = {ep_executor_resume, ep_executor_pause,
                                                         grow, shut_down, terminate};
    struct ep_submit_options options = {.dropped = dropped_meanwhile};
    atomic_uint *counter = &stage->counter;

    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        struct ep_executor *pool = dropped_pool = executor_that(1, 16, EP_BLOCK);

        meanwhile = calls[i];
        atomic_store(&stage->dropped, 0);
        stage_occupy(pool, 1);
        for (int n = 0; n < 10; n++)
            ck_assert_int_eq(
                ep_submit_with(pool, count_task, &counter, sizeof counter, &options, NULL), 0);
        ck_assert_int_eq(ep_executor_shutdown(pool, EP_CANCEL | EP_WAIT), 0);
        ck_assert_uint_eq(atomic_load(&stage->counter), 0);
        ck_assert_uint_eq(atomic_load(&stage->dropped), 10);
        ep_executor_free(pool);
    }
}

TEST(join_has_a_deadline)
{
    struct ep_executor *pool = executor_that(2, 8, EP_BLOCK);

    stage_occupy(pool, 1);
    ck_assert_int_eq(ep_executor_join(pool, EP_FOREVER), -EINVAL);
    ck_assert_int_eq(ep_executor_shutdown(pool, 0), 0);
    ck_assert_int_eq(ep_executor_join(pool, 0), -ETIMEDOUT);
    ck_assert_int_eq(ep_executor_join(pool, EP_MILLISECONDS(5)), -ETIMEDOUT);
    gate_open(&stage->gate, 1);
    ck_assert_int_eq(ep_executor_join(pool, EP_FOREVER), 0);
    ck_assert_int_eq(ep_executor_join(pool, 0), 0);
    ep_executor_free(pool);
}
