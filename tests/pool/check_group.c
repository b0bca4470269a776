/* SPDX-License-Identifier: MIT */
/* Groups: tasks that are waited for, and cancelled, as a whole. */
#include "pool/echopool.h"
#include "tests/kit/kinds.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>

static struct ep_group *group_of(struct ep_executor *executor, unsigned how)
{
    struct ep_group *group = NULL;

    ck_assert_int_eq(ep_group_new(executor, how, &group), 0);
    return group;
}

static void group_add(struct ep_group *group, ep_task_fn fn)
{
    ck_assert_int_eq(ep_group_submit(group, fn, NULL, 0, NULL, NULL), 0);
}

/** Submit counting tasks whose input has an owner. */
static int group_count(struct ep_group *group, struct ep_future **future)
{
    struct ep_submit_options options = {.dropped = stage_dropped};
    atomic_uint *counter = &stage->counter;

    return ep_group_submit(group, count_task, &counter, sizeof counter, &options, future);
}

static void group_gate(struct ep_group *group)
{
    struct gate *gate = &stage->gate;

    ck_assert_int_eq(ep_group_submit(group, gate_task, &gate, sizeof gate, NULL, NULL), 0);
    gate_await(gate, 1);
}

CASE_FOR_KINDS("Waiting")

TEST(a_group_waits_for_all_of_it)
{
    struct ep_executor *executor = executor_that(2, 100, EP_BLOCK);
    struct ep_group *group = group_of(executor, 0);
    struct ep_future *future;

    ck_assert_int_eq(ep_group_wait(group, EP_FOREVER), 0); /* of nothing */
    for (unsigned round = 1; round <= 2; round++) {
        for (unsigned i = 0; i < 50; i++)
            ck_assert_int_eq(group_count(group, i == 49 ? &future : NULL), 0);
        ck_assert_int_eq(ep_group_wait(group, EP_FOREVER), 0);
        ck_assert_uint_eq(atomic_load(&stage->counter), round * 50);
        ck_assert_uint_eq(ep_group_left(group), 0);
        ck_assert(ep_future_done(future));
        ep_future_unref(future);
    }
    ep_group_free(group);
    ep_executor_free(executor);
}

TEST(a_timeout_leaves_the_group_alone)
{
    struct ep_executor *executor = executor_that(1, 10, EP_BLOCK);
    struct ep_group *group = group_of(executor, 0);

    group_gate(group);
    ck_assert_int_eq(group_count(group, NULL), 0);
    ck_assert_int_eq(ep_group_wait(group, 0), -ETIMEDOUT);
    ck_assert_int_eq(ep_group_wait(group, EP_MILLISECONDS(1)), -ETIMEDOUT);
    ck_assert_uint_eq(ep_group_left(group), 2);
    gate_open(&stage->gate, 1);
    ck_assert_int_eq(ep_group_wait(group, EP_FOREVER), 0);
    ck_assert_uint_eq(atomic_load(&stage->counter), 1);
    ep_group_free(group);
    ep_executor_free(executor);
}

TEST(the_first_failure_is_reported)
{
    struct ep_executor *executor = executor_that(1, 10, EP_BLOCK);
    struct ep_group *group = group_of(executor, 0);
    struct ep_error error;

    ep_group_error(group, &error);
    ck_assert(!error.failed);
    ck_assert_str_eq(error.message, "");
    ck_assert_int_eq(group_count(group, NULL), 0);
    group_add(group, fail_task);
    ck_assert_int_eq(group_count(group, NULL), 0);
    ck_assert_int_eq(ep_group_wait(group, EP_FOREVER), EP_EFAILED);
    ck_assert_uint_eq(atomic_load(&stage->counter), 2); /* the others were not cancelled */
    ep_group_error(group, &error);
    ck_assert(error.failed);
    ck_assert_int_eq(error.kind, EP_EFAILED);
    ck_assert_int_eq(error.code, 7);
    ck_assert_str_eq(error.message, "seven");
    ep_group_free(group);
    ep_executor_free(executor);
}

TEST(nonsense_is_refused)
{
    struct ep_executor *executor = executor_that(1, 1, EP_REJECT);
    struct ep_group *group = NULL;
    struct ep_future *future = (struct ep_future *)&group;

    ck_assert_int_eq(ep_group_new(NULL, 0, &group), -EINVAL);
    ck_assert_int_eq(ep_group_new(executor, 0, NULL), -EINVAL);
    ck_assert_int_eq(ep_group_new(executor, 2, &group), -EINVAL);
    ck_assert_ptr_null(group);
    ep_group_free(NULL);
    ck_assert_int_eq(ep_group_submit(NULL, nothing_task, NULL, 0, NULL, &future), -EINVAL);
    ck_assert_ptr_null(future);
    group = group_of(executor, 0);
    ck_assert_int_eq(ep_group_submit(group, NULL, NULL, 0, NULL, NULL), -EINVAL);
    stage_occupy(executor, 1);
    ck_assert_int_eq(group_count(group, NULL), 0);
    ck_assert_int_eq(group_count(group, &future), -EAGAIN); /* as any submission */
    ck_assert_ptr_null(future);
    ck_assert_uint_eq(ep_group_left(group), 1);
    gate_open(&stage->gate, 1);
    ck_assert_int_eq(ep_group_wait(group, EP_FOREVER), 0);
    ep_group_free(group);
    ep_executor_free(executor);
}

CASE_FOR_KINDS("Cancelling")

TEST(a_failure_cancels_the_rest)
{
    struct ep_executor *executor = executor_that(1, 20, EP_BLOCK);
    struct ep_group *group = group_of(executor, EP_GROUP_CANCEL_ON_FAILURE);
    struct ep_future *other, *member;

    group_gate(group);
    group_add(group, fail_task);
    for (unsigned i = 0; i < 10; i++)
        ck_assert_int_eq(group_count(group, i == 9 ? &member : NULL), 0);
    ck_assert_int_eq(stage_submit(executor, &other), 0);
    gate_open(&stage->gate, 1);
    ck_assert_int_eq(ep_group_wait(group, EP_FOREVER), EP_EFAILED);
    /* A worker process may have begun the next one before the manager sees the failure. */
    ck_assert_uint_ge(atomic_load(&stage->dropped), kind == THREADS ? 10 : 9);
    ck_assert(ep_future_cancelled(member));
    ck_assert_int_eq(group_count(group, NULL), EP_ECANCELLED);
    ck_assert_int_eq(ep_future_result(other, EP_FOREVER, NULL), 0); /* it is not of the group */
    ck_assert_uint_eq(atomic_load(&stage->counter), 11 - atomic_load(&stage->dropped));
    ep_future_unref(member);
    ep_future_unref(other);
    ep_group_free(group);
    ep_executor_free(executor);
}

/* Others' tasks go on while a callback of the failed one takes its time, whichever thread calls it. */
TEST(a_callback_of_a_failure_holds_up_no_worker)
{
    struct ep_executor *executor = executor_that(kind == THREADS ? 2 : 1, 20, EP_BLOCK);
    struct ep_group *group = group_of(executor, EP_GROUP_CANCEL_ON_FAILURE);
    struct ep_future *failing, *other;
    struct gate callback;

    gate_init(&callback);
    ck_assert_int_eq(ep_executor_pause(executor), 0);
    ck_assert_int_eq(ep_group_submit(group, fail_task, NULL, 0, NULL, &failing), 0);
    ck_assert_int_eq(ep_future_add_done_callback(failing, gate_callback, &callback), 0);
    ck_assert_int_eq(ep_executor_resume(executor), 0);
    gate_await(&callback, 1);
    ck_assert_int_eq(stage_submit(executor, &other), 0);
    ck_assert_int_eq(ep_future_result(other, EP_FOREVER, NULL), 0);
    gate_open(&callback, 1);
    ck_assert_int_eq(ep_group_wait(group, EP_FOREVER), EP_EFAILED);
    ep_future_unref(failing);
    ep_future_unref(other);
    ep_group_free(group);
    ep_executor_free(executor);
    gate_clear(&callback);
}

TEST(a_cancelled_group_begins_nothing)
{
    struct ep_executor *executor = executor_that(1, 20, EP_BLOCK);
    struct ep_group *group = group_of(executor, 0);
    struct ep_stats stats;

    stage_occupy(executor, 1);
    for (unsigned i = 0; i < 10; i++)
        ck_assert_int_eq(group_count(group, NULL), 0);
    ep_group_cancel(group);
    ck_assert_uint_eq(atomic_load(&stage->dropped), 10);
    ck_assert_uint_eq(ep_executor_room(executor), 20); /* their places are free */
    ck_assert_int_eq(ep_group_wait(group, 0), EP_ECANCELLED);
    ck_assert_int_eq(group_count(group, NULL), EP_ECANCELLED);
    ep_group_cancel(group);
    ep_group_free(group);
    gate_open(&stage->gate, 1);
    ep_executor_shutdown(executor, EP_WAIT);
    ck_assert_uint_eq(atomic_load(&stage->counter), 0);
    ep_executor_stats(executor, &stats);
    ck_assert_uint_eq(stats.cancelled, 10);
    ep_executor_free(executor);
}

TEST(a_member_that_is_cancelled_leaves_the_group_incomplete)
{
    struct ep_executor *executor = executor_that(1, 20, EP_BLOCK);
    struct ep_group *group = group_of(executor, EP_GROUP_CANCEL_ON_FAILURE);
    struct ep_future *future;

    stage_occupy(executor, 1);
    ck_assert_int_eq(group_count(group, &future), 0);
    ck_assert_int_eq(group_count(group, NULL), 0);
    ck_assert_int_eq(ep_future_cancel(future), 0);
    ck_assert_uint_eq(ep_group_left(group), 1);
    gate_open(&stage->gate, 1);
    ck_assert_int_eq(ep_group_wait(group, EP_FOREVER), EP_ECANCELLED);
    ck_assert_uint_eq(atomic_load(&stage->counter), 1); /* the other has run: nothing has failed */
    ep_future_unref(future);
    ep_group_free(group);
    ep_executor_free(executor);
}

TEST(a_group_may_go_before_its_tasks)
{
    struct ep_executor *executor = executor_that(1, 20, EP_BLOCK);
    struct ep_group *group = group_of(executor, 0);

    group_gate(group);
    ck_assert_int_eq(group_count(group, NULL), 0);
    ep_group_free(group);
    ck_assert_uint_eq(atomic_load(&stage->dropped), 1);
    gate_open(&stage->gate, 1);
    ep_executor_free(executor);
}

TEST(a_group_may_outlive_its_executor)
{
    struct ep_executor *executor = executor_that(1, 20, EP_BLOCK);
    struct ep_group *group = group_of(executor, 0);
    struct ep_error error;

    group_add(group, fail_task);
    ep_executor_free(executor);
    ck_assert_int_eq(ep_group_wait(group, EP_FOREVER), EP_EFAILED);
    ep_group_error(group, &error);
    ck_assert_int_eq(error.code, 7);
    ep_group_free(group);
}

static int die_task(struct ep_task *task)
{
    (void)task;
    raise(SIGKILL);
    return 0;
}

CASE("Processes")

TEST(a_member_that_is_lost_cancels_the_rest)
{
    struct ep_executor *executor =
        kind_executor_with(PROCESSES, &(struct ep_options){.workers = 1, .on_death = EP_REPLACE});
    struct ep_group *group = group_of(executor, EP_GROUP_CANCEL_ON_FAILURE);
    struct ep_error error;

    ck_assert_int_eq(ep_executor_pause(executor), 0);
    group_add(group, die_task);
    for (unsigned i = 0; i < 10; i++)
        group_add(group, nothing_task);
    ck_assert_int_eq(ep_executor_resume(executor), 0);
    ck_assert_int_eq(ep_group_wait(group, EP_FOREVER), EP_EDIED);
    ep_group_error(group, &error);
    ck_assert_int_eq(error.kind, EP_EDIED);
    ep_group_free(group);
    ep_executor_free(executor);
}

/** Run until the task is asked to stop. */
static int endless_task(struct ep_task *task)
{
    gate_open(&stage->gate, 1);
    while (!ep_task_stopping(task))
        sched_yield();
    return 0;
}

CASE_FOR_THREADS("Threads")

TEST(running_tasks_are_asked_to_stop)
{
    struct ep_executor *executor = executor_that(2, 20, EP_BLOCK);
    struct ep_group *group = group_of(executor, 0);

    group_add(group, endless_task);
    group_add(group, endless_task);
    ep_group_cancel(group);
    ck_assert_int_eq(ep_group_wait(group, EP_FOREVER), EP_ECANCELLED);
    ep_group_free(group);
    group = group_of(executor, EP_GROUP_CANCEL_ON_FAILURE);
    group_add(group, endless_task);
    group_add(group, fail_task);
    ck_assert_int_eq(ep_group_wait(group, EP_FOREVER), EP_EFAILED);
    ep_group_free(group);
    ep_executor_free(executor);
}

CASE_FOR_THREADS("Functions of the user")

static sem_t has_run;

static int signal_task(struct ep_task *task)
{
    (void)task;
    sem_post(&has_run);
    return 0;
}

/** Wait, by means that the library does not see, for a task behind the cancelled ones. */
static void dropped_waits(const void *input, size_t size)
{
    (void)input;
    (void)size;
    gate_open(&stage->gate, 1);
    while (sem_wait(&has_run) != 0)
        ;
    sem_post(&has_run);
}

TEST(cancelled_members_hold_no_worker_back)
{
    struct ep_executor *executor = executor_that(1, 20, EP_BLOCK);
    struct ep_group *group = group_of(executor, 0);
    struct ep_submit_options options = {.dropped = dropped_waits};

    sem_init(&has_run, 0, 0);
    stage_occupy(executor, 1);
    for (unsigned i = 0; i < 3; i++)
        ck_assert_int_eq(ep_group_submit(group, nothing_task, NULL, 0, &options, NULL), 0);
    ck_assert_int_eq(ep_submit(executor, signal_task, NULL, 0, NULL), 0);
    ep_group_cancel(group);
    ep_group_free(group);
    ep_executor_free(executor);
    sem_destroy(&has_run);
}

static struct ep_group *tried;

/** Wait for the group where it would be waiting for itself. */
static void dropped_tries(const void *input, size_t size)
{
    (void)input;
    (void)size;
    if (ep_group_wait(tried, EP_FOREVER) == -EDEADLK)
        atomic_fetch_add(&stage->counter, 1);
}

CASE_FOR_KINDS("Cancelling")

TEST(a_dropped_input_does_not_wait_for_its_group)
{
    struct ep_executor *executor = executor_that(1, 20, EP_BLOCK);
    struct ep_submit_options options = {.dropped = dropped_tries};
    struct ep_future *future;

    tried = group_of(executor, 0);
    stage_occupy(executor, 1);
    ck_assert_int_eq(ep_group_submit(tried, nothing_task, NULL, 0, &options, &future), 0);
    ck_assert_int_eq(ep_group_submit(tried, nothing_task, NULL, 0, &options, NULL), 0);
    ck_assert_int_eq(ep_group_submit(tried, nothing_task, NULL, 0, &options, NULL), 0);
    ck_assert_int_eq(ep_future_cancel(future), 0);
    ck_assert_uint_eq(atomic_load(&stage->counter), 1);
    ep_group_cancel(tried);
    ck_assert_uint_eq(atomic_load(&stage->counter), 3);
    gate_open(&stage->gate, 1);
    ep_future_unref(future);
    ep_group_free(tried);
    ep_executor_free(executor);
}

static void done_tries(struct ep_future *future, void *context)
{
    int rc = ep_group_wait(context, EP_FOREVER);

    (void)future;
    if (rc == (kind == THREADS ? 0 : -EDEADLK))
        atomic_fetch_add(&stage->counter, 1);
}

CASE_FOR_KINDS("Callbacks")

/* On threads the worker runs the rest of the group within the callback. */
TEST(a_callback_waits_for_its_group_on_threads_only)
{
    struct ep_executor *executor = executor_that(1, 20, EP_BLOCK);
    struct ep_group *group = group_of(executor, 0);
    struct gate *gate = &stage->gate;
    struct ep_future *future;

    stage_occupy(executor, 1);
    ck_assert_int_eq(ep_group_submit(group, nothing_task, NULL, 0, NULL, &future), 0);
    ck_assert_int_eq(ep_group_submit(group, gate_task, &gate, sizeof gate, NULL, NULL), 0);
    ck_assert_int_eq(ep_future_add_done_callback(future, done_tries, group), 0);
    gate_open(gate, kind == THREADS ? 2 : 1);
    while (atomic_load(&stage->counter) == 0)
        sched_yield();
    if (kind == PROCESSES)
        gate_open(gate, 1);
    ck_assert_int_eq(ep_group_wait(group, EP_FOREVER), 0);
    ep_future_unref(future);
    ep_group_free(group);
    ep_executor_free(executor);
}

CASE_FOR_KINDS("Races")

#define RACERS 3
#define EACH   20

static struct {
    struct ep_group *group;
    struct ep_future *futures[RACERS * EACH];
    atomic_uint submitted, refused;
} race;

static int third_fails_task(struct ep_task *task)
{
    unsigned n = *(const unsigned *)ep_task_input(task, NULL);

    atomic_fetch_add(&stage->counter, 1);
    return n % 3 == 0 ? ep_task_fail(task, 3, "third") : 0;
}

static void *race_submits(void *argument)
{
    unsigned first = *(const unsigned *)argument;
    atomic_uint *counter = &stage->counter;
    struct ep_submit_options options = {.dropped = stage_dropped};

    for (unsigned i = first; i < first + EACH; i++) {
        int rc = i % 7 == 6 ? ep_group_submit(race.group, third_fails_task, &i, sizeof i, NULL,
                                              &race.futures[i])
                            : ep_group_submit(race.group, count_task, &counter, sizeof counter,
                                              &options, &race.futures[i]);

        ck_assert(rc == 0 || rc == EP_ECANCELLED);
        atomic_fetch_add(rc == 0 ? &race.submitted : &race.refused, 1);
    }
    return NULL;
}

/** Check that every task was refused, or is done in one way. */
static void race_adds_up(void)
{
    unsigned cancelled = 0, finished = 0, failed = 0;

    for (unsigned i = 0; i < RACERS * EACH; i++) {
        struct ep_future *future = race.futures[i];
        int rc;

        if (future == NULL)
            continue;
        rc = ep_future_result(future, 0, NULL);
        cancelled += rc == EP_ECANCELLED;
        finished += rc == 0;
        failed += rc == EP_EFAILED;
        ep_future_unref(future);
    }
    ck_assert_uint_eq(cancelled + finished + failed, atomic_load(&race.submitted));
    ck_assert_uint_eq(finished + failed, atomic_load(&stage->counter));
    ck_assert_uint_eq(atomic_load(&race.submitted) + atomic_load(&race.refused), RACERS * EACH);
}

TEST(submitting_cancelling_and_failing_race)
{
    struct ep_executor *executor = executor_that(2, 8, EP_BLOCK);
    unsigned rounds = rounds_of(200, 30);

    for (unsigned round = 0; round < rounds; round++) {
        unsigned firsts[RACERS];
        pthread_t threads[RACERS];
        int rc;

        race.group = group_of(executor, EP_GROUP_CANCEL_ON_FAILURE);
        atomic_store(&race.submitted, 0);
        atomic_store(&race.refused, 0);
        atomic_store(&stage->counter, 0);
        for (unsigned i = 0; i < RACERS; i++) {
            firsts[i] = i * EACH;
            ck_assert_int_eq(pthread_create(&threads[i], NULL, race_submits, &firsts[i]), 0);
        }
        if (round % 2 == 0) /* in the other rounds a failure cancels the rest */
            ep_group_cancel(race.group);
        for (unsigned i = 0; i < RACERS; i++)
            pthread_join(threads[i], NULL);
        rc = ep_group_wait(race.group, EP_FOREVER);
        ck_assert(rc == EP_ECANCELLED || rc == EP_EFAILED);
        race_adds_up();
        ep_group_free(race.group);
    }
    ep_executor_free(executor);
}
