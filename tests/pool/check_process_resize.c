/* SPDX-License-Identifier: MIT */
/* Resizing an executor of processes: workers that come, that go, and that cannot come. */
#include "config.h"

#include "pool/echopool.h"
#include "pool/process/place-internal.h"
#include "tests/kit/gate.h"
#include "tests/kit/process.h"
#include "tests/kit/suite.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

CASE_WITH_SHARED("Resize")

static struct place *place_of(struct ep_executor *pool, unsigned worker)
{
    return ((struct process_executor *)pool)->places[worker];
}

TEST(resize_adds_and_removes_workers)
{
    struct ep_options options = {
        .workers = 1, .initialize = note_initialized, .finalize = note_finalized};
    struct ep_executor *pool = processes(&options);

    for (unsigned round = 1; round <= 5; round++) {
        ck_assert_int_eq(ep_executor_resize(pool, 4), 0);
        for (int i = 0; i < 4; i++)
            ck_assert_int_eq(ep_submit(pool, hold, NULL, 0, NULL), 0);
        await_held(4); /* all four at once */
        ck_assert_int_eq(ep_executor_resize(pool, 1), 0);
        release_held(4);
        AWAIT(atomic_load(&shared->finalized) == 3 * round);
        ck_assert_int_gt(int_result(submit(pool, pid_of, NULL, 0)), 0);
    }
    atomic_store(&shared->initialize_result, 1);
    ck_assert_int_eq(ep_executor_resize(pool, 3), EP_EBROKEN);
    ck_assert_int_gt(int_result(submit(pool, pid_of, NULL, 0)), 0); /* nothing has changed */
    ep_executor_free(pool);
}

/* A thread that has just read an outcome of a worker looks for its next task, while the worker becomes surplus. */
TEST(surplus_workers_take_nothing_more)
{
    enum { TASKS = 8 };

    struct ep_options options = {.workers = 1};
    struct ep_executor *pool = processes(&options);
    struct ep_future *futures[TASKS];
    int pid = int_result(submit(pool, pid_of, NULL, 0));

    for (int round = 0; round < 100; round++) {
        ck_assert_int_eq(ep_executor_resize(pool, 4), 0);
        for (int i = 0; i < TASKS; i++)
            ck_assert_int_eq(ep_submit(pool, pid_of, NULL, 0, NULL), 0);
        ck_assert_int_eq(ep_executor_wait_idle(pool, EP_FOREVER), 0);
        ck_assert_int_eq(ep_executor_resize(pool, 1), 0);
        for (int i = 0; i < TASKS; i++)
            futures[i] = submit(pool, pid_of, NULL, 0);
        for (int i = 0; i < TASKS; i++)
            ck_assert_int_eq(int_result(futures[i]), pid);
    }
    ep_executor_free(pool);
}

static void *submit_until_closed(void *pool)
{
    while (ep_submit(pool, pid_of, NULL, 0, NULL) == 0)
        ;
    return NULL;
}

/* The manager is busy with workers that come and go: no more than that it is late to look. */
TEST(resize_amid_replacements)
{
    struct ep_options options = {.workers = 1, .tasks_per_worker = 2, .queue = 4};
    struct ep_executor *pool = processes(&options);
    pthread_t submitter;

    ck_assert_int_eq(pthread_create(&submitter, NULL, submit_until_closed, pool), 0);
    for (int round = 0; round < 100; round++) {
        ck_assert_int_eq(ep_executor_resize(pool, 4), 0);
        ck_assert_int_eq(ep_executor_resize(pool, 1), 0);
    }
    ck_assert_int_eq(ep_executor_shutdown(pool, 0), 0);
    pthread_join(submitter, NULL);
    ep_executor_free(pool);
}

static void *resize_to_three(void *pool)
{
    return (void *)(intptr_t)ep_executor_resize(pool, 3);
}

TEST(resize_meets_the_end)
{
    struct ep_zygote *zygote;

    ck_assert_int_eq(ep_zygote_new(&zygote), 0);
    for (int round = 0; round < 100; round++) {
        struct ep_options options = {.workers = 1, .zygote = zygote};
        struct ep_executor *pool = processes(&options);
        pthread_t resizer;
        void *rc;

        ck_assert_int_eq(pthread_create(&resizer, NULL, resize_to_three, pool), 0);
        for (int i = 0; i < round; i++)
            sched_yield(); /* each round at another moment */
        if (round % 2)
            ep_executor_terminate(pool);
        ck_assert_int_eq(ep_executor_shutdown(pool, EP_WAIT), 0);
        pthread_join(resizer, &rc);
        ck_assert(rc == NULL || (int)(intptr_t)rc == EP_ESHUTDOWN);
        ep_executor_free(pool);
    }
    ep_zygote_free(zygote);
}

/* What a failure breaks, and what it only refuses, must not depend on when the manager looks. */
TEST(a_resize_that_fails_changes_nothing)
{
    struct ep_options options = {.workers = 1, .initialize = note_initialized};
    struct ep_executor *pool = processes(&options);

    for (int round = 0; round < 30; round++) {
        atomic_store(&shared->initialize_result, 0);
        ck_assert_int_eq(ep_executor_resize(pool, 3), 0);
        ck_assert_int_eq(ep_executor_resize(pool, 1), 0);
        for (unsigned worker = 1; worker < 3; worker++)
            AWAIT(atomic_load(&place_of(pool, worker)->life) == LIFE_NONE);
        atomic_store(&shared->initialize_result, 1);
        ck_assert_int_eq(ep_executor_resize(pool, 3), EP_EBROKEN);
        ck_assert_int_gt(int_result(submit(pool, pid_of, NULL, 0)), 0);
    }
    ep_executor_free(pool);
}

static atomic_int resizer_tid;

static void *note_tid_and_resize_to_one(void *pool)
{
    atomic_store(&resizer_tid, gettid());
    return (void *)(intptr_t)ep_executor_resize(pool, 1);
}

/* A resize waits for another one, and meanwhile the executor breaks, or is shut down. */
LOOP_TEST(a_resize_that_waited_looks_again, 2)
{
    struct ep_executor *pool = processes_of(2, EP_BREAK);
    pthread_mutex_t *life_mutex = &((struct process_executor *)pool)->life_mutex;
    pthread_t resizer;
    void *rc;

    ck_assert_int_eq(pthread_mutex_lock(life_mutex), 0);
    ck_assert_int_eq(pthread_create(&resizer, NULL, note_tid_and_resize_to_one, pool), 0);
    AWAIT(atomic_load(&resizer_tid) != 0 && process_state(atomic_load(&resizer_tid)) == 'S');
    if (_i == 0)
        ep_future_unref(submit(pool, kill_self, &(int){SIGKILL}, sizeof(int)));
    else
        ck_assert_int_eq(ep_executor_shutdown(pool, 0), 0);
    AWAIT(_i == 1 || ep_executor_broken(pool, NULL));
    ck_assert_int_eq(pthread_mutex_unlock(life_mutex), 0);
    pthread_join(resizer, &rc);
    ck_assert_int_eq((int)(intptr_t)rc, _i == 0 ? EP_EBROKEN : EP_ESHUTDOWN);
    ep_executor_free(pool);
}

CASE_WITH_SHARED("Given up")

/** `initialize`: notes the worker's process in `pids`, and ends it if its bit in `seen` is set. */
static int begin_or_die(void *context, unsigned worker)
{
    (void)context;
    atomic_store(&shared->pids[worker], getpid());
    if (atomic_load(&shared->seen) >> worker & 1)
        raise(SIGKILL);
    return atomic_load(&shared->initialize_result);
}

static uint32_t workers_of(struct ep_executor *pool)
{
    struct ep_stats stats;

    ep_executor_stats(pool, &stats);
    return stats.workers;
}

/** Let a worker, and each that replaces it, die until its place is given up. */
static void give_up(struct ep_executor *pool, unsigned worker)
{
    atomic_store(&shared->seen, 1u << worker);
    kill(atomic_load(&shared->pids[worker]), SIGKILL);
    AWAIT(atomic_load(&place_of(pool, worker)->given_up));
}

static void assert_that_many_run(struct ep_executor *pool, unsigned workers)
{
    for (unsigned i = 0; i < workers; i++)
        ck_assert_int_eq(ep_submit(pool, hold, NULL, 0, NULL), 0);
    await_held(workers);
    release_held(workers);
}

/* It returns 0 when there are that many workers, not when there were that many places before. */
LOOP_TEST(a_resize_tries_given_up_places_again, 2)
{
    struct ep_options options = {.workers = 2, .on_death = EP_REPLACE, .initialize = begin_or_die};
    struct ep_executor *pool = processes(&options);
    uint32_t workers = 2 + (uint32_t)_i;

    give_up(pool, 1);
    ck_assert_uint_eq(workers_of(pool), 1);
    ck_assert_int_eq(ep_executor_resize(pool, workers), EP_EBROKEN);
    ck_assert_uint_eq(workers_of(pool), 1);
    atomic_store(&shared->seen, 0);
    ck_assert_int_eq(ep_executor_resize(pool, workers), 0);
    ck_assert_uint_eq(workers_of(pool), workers);
    assert_that_many_run(pool, workers);
    ep_executor_free(pool);
}

/* The only worker that would stay is the one that there is not. */
TEST(a_resize_leaves_no_executor_without_workers)
{
    struct ep_options options = {.workers = 2, .on_death = EP_REPLACE, .initialize = begin_or_die};
    struct ep_executor *pool = processes(&options);
    int second = atomic_load(&shared->pids[1]);

    give_up(pool, 0);
    ck_assert_int_eq(ep_executor_resize(pool, 1), EP_EBROKEN);
    for (int i = 0; i < 10; i++) /* it goes on, with the same worker */
        ck_assert_int_eq(int_result(submit(pool, pid_of, NULL, 0)), second);
    atomic_store(&shared->seen, 0);
    ck_assert_int_eq(ep_executor_resize(pool, 1), 0);
    ck_assert_int_eq(int_result(submit(pool, pid_of, NULL, 0)), atomic_load(&shared->pids[0]));
    ep_executor_free(pool);
}

/** `initialize`: worker 1 dies when it is let go. */
static int die_when_released(void *context, unsigned worker)
{
    int rc = begin_or_die(context, worker);

    if (worker == 1) {
        sem_wait(&shared->opened);
        raise(SIGKILL);
    }
    return rc;
}

static void *resize_to_two(void *pool)
{
    return (void *)(intptr_t)ep_executor_resize(pool, 2);
}

/* The last worker is lost while there is hope for the one that a resize waits for, and that one fails. */
TEST(no_worker_is_left_by_a_resize_that_fails)
{
    struct ep_options options = {
        .workers = 1, .on_death = EP_REPLACE, .initialize = die_when_released};
    struct ep_executor *pool = processes(&options);
    pthread_t resizer;
    void *rc;

    ck_assert_int_eq(pthread_create(&resizer, NULL, resize_to_two, pool), 0);
    AWAIT(atomic_load(&shared->pids[1]) != 0);
    give_up(pool, 0);
    ck_assert(!ep_executor_broken(pool, NULL));
    release_held(1);
    pthread_join(resizer, &rc);
    ck_assert_int_eq((int)(intptr_t)rc, EP_EBROKEN);
    AWAIT(ep_executor_broken(pool, NULL));
    ck_assert_int_eq(ep_submit(pool, pid_of, NULL, 0, NULL), EP_EBROKEN);
    ep_executor_free(pool);
}

/** An executor of one worker, and of another by need. */
static struct ep_executor *elastic(int64_t idle_timeout_ns)
{
    struct ep_options options = {.workers = 1,
                                 .workers_max = 2,
                                 .idle_timeout_ns = idle_timeout_ns,
                                 .on_death = EP_REPLACE,
                                 .initialize = begin_or_die};

    return processes(&options);
}

/** One that has two held tasks, and has given up the place of the second worker. */
static struct ep_executor *elastic_with_one(void)
{
    struct ep_executor *pool = elastic(EP_SECONDS(1000));

    atomic_store(&shared->seen, 1u << 1);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(ep_submit(pool, hold, NULL, 0, NULL), 0);
    AWAIT(atomic_load(&place_of(pool, 1)->given_up));
    return pool;
}

/* Workers come by need; but the place is counted as one that could have one. */
TEST(a_resize_tries_given_up_places_of_an_elastic_executor)
{
    struct ep_executor *pool = elastic_with_one();

    atomic_store(&shared->seen, 0);
    ck_assert_int_eq(ep_executor_resize(pool, 2), 0);
    await_held(2);
    ck_assert_uint_eq(workers_of(pool), 2);
    release_held(2);
    ep_executor_free(pool);
}

/* A place that is given up is none of the least, so another one gets a worker; when all are, it is broken. */
LOOP_TEST(an_elastic_executor_keeps_its_least_or_is_broken, 2)
{
    struct ep_executor *pool = elastic(EP_MILLISECONDS(1));

    atomic_store(&shared->seen, _i == 0 ? 1 : 3);
    kill(atomic_load(&shared->pids[0]), SIGKILL);
    AWAIT(_i == 0 ? atomic_load(&place_of(pool, 1)->life) == LIFE_READY
                  : ep_executor_broken(pool, NULL));
    ck_assert_uint_eq(workers_of(pool), _i == 0 ? 1 : 0);
    ck_assert(ep_executor_broken(pool, NULL) == (_i == 1));
    ep_executor_free(pool);
}

/* After a resize there is hope for a place that was given up, before a task needs it. */
TEST(a_resize_brings_hope_to_an_elastic_executor)
{
    struct ep_executor *pool = elastic_with_one();

    await_held(1);
    release_held(2);
    ck_assert_int_eq(ep_executor_wait_idle(pool, EP_FOREVER), 0);
    ck_assert_int_eq(ep_executor_resize(pool, 2), 0);
    AWAIT(atomic_load(&place_of(pool, 1)->dormant));
    give_up(pool, 0);
    AWAIT(atomic_load(&place_of(pool, 1)->life) == LIFE_READY || ep_executor_broken(pool, NULL));
    ck_assert(!ep_executor_broken(pool, NULL));
    ep_executor_free(pool);
}

/** `initialize`: a second worker 1 fails when it is let go. */
static int fail_the_second_time(void *context, unsigned worker)
{
    bool again = worker == 1 && atomic_load(&shared->pids[1]) != 0;
    int rc = begin_or_die(context, worker);

    if (again)
        sem_wait(&shared->opened);
    return again ? 1 : rc;
}

/* A replacement that fails breaks the executor, but not one that is not needed any more. */
TEST(a_replacement_that_no_one_needs_may_fail)
{
    struct ep_options options = {
        .workers = 2, .on_death = EP_REPLACE, .initialize = fail_the_second_time};
    struct ep_executor *pool = processes(&options);
    int first = atomic_load(&shared->pids[1]), second;
    struct ep_future *future;
    struct gate manager;

    gate_init(&manager);
    kill(first, SIGKILL);
    AWAIT((second = atomic_load(&shared->pids[1])) != first && process_state(second) == 'S');
    ck_assert_int_eq(ep_executor_pause(pool), 0); /* or it may be called here, at once */
    future = submit(pool, pid_of, NULL, 0);
    ck_assert_int_eq(ep_future_add_done_callback(future, gate_callback, &manager), 0);
    ck_assert_int_eq(ep_executor_resume(pool), 0);
    gate_await(&manager, 1);
    release_held(1);
    AWAIT(process_state(second) == 0);
    ck_assert_int_eq(ep_executor_resize(pool, 1), 0);
    gate_open(&manager, 1);
    AWAIT(atomic_load(&place_of(pool, 1)->life) == LIFE_NONE);
    ck_assert(!ep_executor_broken(pool, NULL));
    ck_assert_int_gt(int_result(submit(pool, pid_of, NULL, 0)), 0);
    ep_future_unref(future);
    ep_executor_free(pool);
}
