/* SPDX-License-Identifier: MIT */
/* Tasks that run too long: limit_ns. */
#include "pool/echopool.h"
#include "tests/kit/kinds.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#define SHORT EP_MILLISECONDS(20)
#define LONG  EP_SECONDS(100000)

static struct ep_future *limited(struct ep_executor *pool, ep_task_fn fn, int64_t limit_ns)
{
    struct ep_submit_options options = {.limit_ns = limit_ns};
    struct ep_future *future;

    ck_assert_int_eq(ep_submit_with(pool, fn, NULL, 0, &options, &future), 0);
    return future;
}

CASE_FOR_KINDS("Core")

TEST(nonsense_is_refused)
{
    struct ep_executor *pool = executor_that(1, 1, EP_BLOCK);
    struct ep_submit_options options = {.limit_ns = -1};

    ck_assert_int_eq(ep_submit_with(pool, nothing_task, NULL, 0, &options, NULL), -EINVAL);
    ep_executor_free(pool);
}

TEST(a_task_in_time_is_left_alone)
{
    struct ep_executor *pool = executor_that(2, 8, EP_BLOCK);
    struct ep_stats stats;

    for (int i = 0; i < 100; i++) {
        struct ep_future *future = limited(pool, nothing_task, LONG);

        ck_assert_int_eq(ep_future_result(future, EP_FOREVER, NULL), 0);
        ep_future_unref(future);
    }
    ep_executor_shutdown(pool, EP_WAIT);
    ep_executor_stats(pool, &stats);
    ck_assert_uint_eq(stats.finished, 100);
    ck_assert_uint_eq(stats.limited, 0);
    ep_executor_free(pool);
}

CASE_FOR_THREADS("Threads")

/** Ends when it is asked to, as failed. */
static int until_stopped(struct ep_task *task)
{
    while (!ep_task_stopping(task))
        ;
    return 5;
}

static int is_stopping(struct ep_task *task)
{
    return ep_task_stopping(task);
}

TEST(a_task_on_a_thread_sees_its_limit)
{
    struct ep_executor *pool = executor_that(1, 8, EP_BLOCK);
    struct ep_future *futures[] = {limited(pool, until_stopped, SHORT),
                                   limited(pool, is_stopping, LONG),
                                   submit_bytes(pool, is_stopping, NULL, 0)};
    struct ep_error error;

    ck_assert_int_eq(ep_future_error(futures[0], EP_FOREVER, &error), 0);
    ck_assert_int_eq(error.kind, EP_EFAILED); /* what it returned */
    ck_assert_int_eq(error.code, 5);
    for (int i = 1; i < 3; i++)
        ck_assert_int_eq(ep_future_result(futures[i], EP_FOREVER, NULL), 0);
    for (int i = 0; i < 3; i++)
        ep_future_unref(futures[i]);
    ep_executor_free(pool);
}

CASE_FOR_KINDS("Submitter")

TEST(a_task_of_its_submitter_sees_its_limit)
{
    struct ep_executor *pool = executor_that(1, EP_NO_QUEUE, EP_CALLER_RUNS);
    struct ep_future *future;

    stage_occupy(pool, 1);
    future = limited(pool, until_stopped, SHORT);
    ck_assert_int_eq(ep_future_result(future, 0, NULL), EP_EFAILED);
    ep_future_unref(future);
    gate_open(&stage->gate, 1);
    ep_executor_free(pool);
}

CASE("Processes")

static int endless(struct ep_task *task)
{
    while (task != NULL)
        pause();
    return 0;
}

static int reply_pid(struct ep_task *task)
{
    int pid = getpid();

    return ep_task_reply(task, &pid, sizeof pid);
}

static int pid_of(struct ep_future *future)
{
    struct ep_bytes reply;
    int pid;

    ck_assert_int_eq(ep_future_result(future, EP_FOREVER, &reply), 0);
    pid = int_of(&reply);
    ep_future_unref(future);
    return pid;
}

static void expect_limit(struct ep_future *future)
{
    struct ep_error error;

    ck_assert_int_eq(ep_future_error(future, EP_FOREVER, &error), 0);
    ck_assert(error.failed);
    ck_assert_int_eq(error.kind, EP_ELIMIT);
    ck_assert_int_eq(error.code, 0);
    ck_assert_str_eq(error.message, "it ran longer than its limit_ns");
    ep_future_unref(future);
}

/** A process executor; on_death and prefetch by the test's number. */
static struct ep_executor *processes(int i, uint32_t workers)
{
    return kind_executor_with(PROCESSES,
                              &(struct ep_options){.workers = workers,
                                                   .on_death = i % 2 == 0 ? EP_BREAK : EP_REPLACE,
                                                   .prefetch = i < 2 ? 0 : 8});
}

LOOP_TEST(a_worker_over_the_limit_is_replaced, 4)
{
    struct ep_executor *pool = processes(_i, 1);
    struct ep_future *before[10], *over, *after[10];
    struct ep_stats stats;
    int first, last = 0;

    ck_assert_int_eq(ep_executor_pause(pool), 0);
    for (int i = 0; i < 10; i++)
        before[i] = submit_bytes(pool, reply_pid, NULL, 0);
    over = limited(pool, endless, SHORT);
    for (int i = 0; i < 10; i++)
        after[i] =
            i % 2 == 0 ? submit_bytes(pool, reply_pid, NULL, 0) : limited(pool, reply_pid, LONG);
    ck_assert_int_eq(ep_executor_resume(pool), 0);
    first = pid_of(before[0]);
    for (int i = 1; i < 10; i++)
        ck_assert_int_eq(pid_of(before[i]), first);
    expect_limit(over);
    for (int i = 0; i < 10; i++) {
        int pid = pid_of(after[i]);

        ck_assert_int_ne(pid, first);
        ck_assert(i == 0 || pid == last);
        last = pid;
    }
    ck_assert_int_eq(ep_executor_wait_idle(pool, EP_FOREVER), 0);
    ep_executor_stats(pool, &stats);
    ck_assert_uint_eq(stats.workers, 1);
    ck_assert_uint_eq(stats.finished, 20);
    ck_assert_uint_eq(stats.failed, 1);
    ck_assert_uint_eq(stats.limited, 1);
    ck_assert_uint_eq(stats.broken, 0);
    ep_executor_free(pool);
}

/* The time of a task that is done ends no other. */
LOOP_TEST(a_limit_is_that_of_its_task, 4)
{
    struct gate *gate = shared_gate();
    struct ep_executor *pool = processes(_i, 2);
    struct ep_future *held[2], *over;

    for (int i = 0; i < 2; i++) {
        struct ep_future *done = limited(pool, reply_pid, SHORT);
        int rc = ep_future_result(done, EP_FOREVER, NULL);

        ck_assert(rc == 0 || rc == EP_ELIMIT); /* a machine may stall for as long */
        ep_future_unref(done);
    }
    /* First: it could be sent ahead behind one that is held. */
    over = limited(pool, endless, 3 * SHORT);
    for (int i = 0; i < 2; i++)
        held[i] = submit_gate(pool, gate);
    gate_await(gate, 1);
    expect_limit(over); /* the time of the others has passed as well */
    gate_open(gate, 2);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(ep_future_result(held[i], EP_FOREVER, NULL), 0);
        ep_future_unref(held[i]);
    }
    ep_executor_free(pool);
}

/* Tasks end at about the time of their limit: done or over, and nothing else is lost. */
LOOP_TEST(a_limit_races_the_end, 4)
{
    enum { ROUNDS = 60 };
    struct ep_executor *pool = processes(_i, 2);
    unsigned over = 0;
    struct ep_stats stats;

    for (int i = 0; i < ROUNDS; i++) {
        struct ep_future *future = limited(pool, reply_pid, 1 + i % 6 * 20000);
        struct ep_future *other = submit_bytes(pool, reply_pid, NULL, 0);
        int rc = ep_future_result(future, EP_FOREVER, NULL);

        ck_assert(rc == 0 || rc == EP_ELIMIT);
        over += rc == EP_ELIMIT;
        ck_assert_int_gt(pid_of(other), 0);
        ep_future_unref(future);
    }
    ck_assert_int_eq(ep_executor_wait_idle(pool, EP_FOREVER), 0);
    ep_executor_stats(pool, &stats);
    ck_assert_uint_eq(stats.limited, over);
    ck_assert_uint_eq(stats.failed, over);
    ck_assert_uint_eq(stats.broken, 0);
    ck_assert_uint_eq(stats.finished, 2 * ROUNDS - over);
    ep_executor_free(pool);
}

static void *exceed_limits(void *pool)
{
    for (int i = 0; i < 100; i++)
        expect_limit(limited(pool, endless, 1));
    return NULL;
}

/* Such a task is counted in one step: no reader finds it among those over their limit, and not failed. */
TEST(counts_agree_at_every_moment)
{
    struct ep_executor *pool = processes(0, 1);
    struct ep_stats stats;
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, exceed_limits, pool), 0);
    while (pthread_tryjoin_np(thread, NULL) != 0) {
        ep_executor_stats(pool, &stats);
        ck_assert_uint_eq(stats.limited, stats.failed);
    }
    ep_executor_free(pool);
}

/* The end of the executor does not wait for a limit, nor does a limit need the executor open. */
LOOP_TEST(an_executor_that_ends_keeps_limits, 4)
{
    struct ep_executor *pool = processes(_i, 1);
    struct ep_future *over = limited(pool, endless, SHORT), *last;

    last = submit_bytes(pool, reply_pid, NULL, 0);
    ck_assert_int_eq(ep_executor_shutdown(pool, EP_WAIT), 0);
    expect_limit(over);
    ck_assert_int_gt(pid_of(last), 0);
    ep_executor_free(pool);
}
