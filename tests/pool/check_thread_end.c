/* SPDX-License-Identifier: MIT */
/* Tasks, callbacks, initialize and finalize that end the thread they run on. */
#include "pool/echopool.h"
#include "tests/kit/kinds.h"
#include "tests/kit/suite.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

struct counts {
    atomic_uint *began, *ended;
};

static int count_begin(void *counts, unsigned worker)
{
    (void)worker;
    atomic_fetch_add(((struct counts *)counts)->began, 1);
    return 0;
}

static void count_end(void *counts, unsigned worker)
{
    (void)worker;
    atomic_fetch_add(((struct counts *)counts)->ended, 1);
}

static int exit_task(struct ep_task *task)
{
    (void)task;
    pthread_exit(NULL);
}

/** Cancel the worker, and come to a cancellation point; or leave that to whatever comes next. */
static int cancel_task(struct ep_task *task)
{
    const int *waits = ep_task_input(task, NULL);

    pthread_cancel(pthread_self());
    if (*waits)
        pthread_testcancel();
    return 0;
}

static void exit_callback(struct ep_future *future, void *count)
{
    (void)future;
    atomic_fetch_add((atomic_uint *)count, 1);
    pthread_exit(NULL);
}

/** Come to a cancellation point, as most tasks do. */
static int innocent_task(struct ep_task *task)
{
    (void)task;
    pthread_testcancel();
    return 0;
}

/** The tasks that were counted, in the end. */
static void assert_counts(struct ep_executor *pool, unsigned finished, unsigned failed)
{
    struct ep_stats stats;

    ck_assert_int_eq(ep_executor_wait_idle(pool, EP_FOREVER), 0);
    ep_executor_stats(pool, &stats);
    ck_assert_uint_eq(stats.finished, finished);
    ck_assert_uint_eq(stats.failed, failed);
}

CASE("Threads")

/* A cancellation that a task has left pending ends its thread, and no other task. */
TEST(a_cancellation_left_behind_ends_no_other_task)
{
    struct ep_executor *pool = executor_of(1, 0, EP_BLOCK);
    struct ep_future *futures[20];
    int waits = 0;

    ck_assert_int_eq(ep_executor_pause(pool), 0); /* so that each follows at once */
    for (int i = 0; i < 20; i++) {
        futures[i] = i % 4 < 2 ? submit_bytes(pool, cancel_task, &waits, sizeof waits)
                               : submit_bytes(pool, innocent_task, NULL, 0);
        ck_assert_int_eq(ep_submit(pool, innocent_task, NULL, 0, NULL), 0);
    }
    ck_assert_int_eq(ep_executor_resume(pool), 0);
    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(ep_future_result(futures[i], EP_FOREVER, NULL), 0);
        ep_future_unref(futures[i]);
    }
    assert_counts(pool, 40, 0);
    ep_executor_free(pool);
}

/* Each has failed, each worker is replaced, and the executor ends. */
TEST(a_task_that_ends_its_thread_has_failed)
{
    atomic_uint began = 0, ended = 0;
    struct counts counts = {&began, &ended};
    struct ep_options options = {
        .workers = 2, .initialize = count_begin, .finalize = count_end, .context = &counts};
    struct ep_executor *pool;
    struct ep_error error;

    ck_assert_int_eq(ep_thread_executor_new(&options, &pool), 0);
    for (int i = 0; i < 20; i++) {
        int waits = 1;
        struct ep_future *future = i % 2 ? submit_bytes(pool, exit_task, NULL, 0)
                                         : submit_bytes(pool, cancel_task, &waits, sizeof waits);

        ck_assert_int_eq(ep_submit(pool, exit_task, NULL, 0, NULL), 0);
        ck_assert_int_eq(ep_future_result(future, EP_FOREVER, NULL), EP_EFAILED);
        ck_assert_int_eq(ep_future_error(future, 0, &error), 0);
        ck_assert_str_eq(error.message, "its thread ended before its function returned");
        ep_future_unref(future);
        future = submit_int(pool, square_task, i);
        ck_assert_int_eq(ep_future_result(future, EP_FOREVER, NULL), 0);
        ep_future_unref(future);
    }
    assert_counts(pool, 20, 40);
    ep_executor_free(pool);
    ck_assert_uint_eq(atomic_load(&began), 42);
    ck_assert_uint_eq(atomic_load(&ended), 42);
}

/** Leave a reply that needs memory, and then end the thread at one of the inputs. */
static int reply_and_exit_task(struct ep_task *task)
{
    static const char large[1000];
    const int *n = ep_task_input(task, NULL);

    if (ep_task_reply(task, large, sizeof large) == 0 && *n == 4)
        pthread_exit(NULL);
    return 0;
}

/* Under AddressSanitizer: the replies of the calls before it are released. */
TEST(a_call_that_ends_the_thread_fails_its_chunk)
{
    struct ep_executor *pool = executor_of(1, 10, EP_BLOCK);
    int inputs[] = {0, 1, 2, 3, 4, 5};
    struct ep_column column = {.elements = inputs, .size = sizeof inputs[0]};
    struct ep_map_options options = {.chunk = 3};
    struct ep_map *map;

    ck_assert_int_eq(ep_map_columns(pool, reply_and_exit_task, &column, 1, 6, &options, &map), 0);
    for (int i = 0; i < 6; i++)
        ck_assert_int_eq(ep_map_next(map, NULL), i < 3 ? 0 : EP_EFAILED);
    ck_assert_int_eq(ep_map_next(map, NULL), EP_END);
    ep_map_free(map);
    assert_counts(pool, 1, 1);
    ep_executor_free(pool);
}

/* The result stands, and the callbacks after the one that ended the thread run. */
TEST(a_callback_may_end_the_thread)
{
    atomic_uint calls = 0;
    struct gate gate;
    struct ep_executor *pool = executor_of(1, 8, EP_BLOCK);
    struct ep_future *future;

    gate_init(&gate);
    future = submit_gate(pool, &gate);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(ep_future_add_done_callback(future, exit_callback, &calls), 0);
    gate_open(&gate, 1);
    ck_assert_int_eq(ep_future_result(future, EP_FOREVER, NULL), 0);
    assert_counts(pool, 1, 0);
    ck_assert_uint_eq(atomic_load(&calls), 3);
    ep_future_unref(future);
    ep_executor_free(pool);
    gate_clear(&gate);
}

static int exit_initialize(void *threads, unsigned worker)
{
    (void)worker;
    if (atomic_fetch_add((atomic_uint *)threads, 1) > 0)
        pthread_exit(NULL);
    return 0;
}

TEST(a_worker_that_ends_while_it_begins_cannot_begin)
{
    atomic_uint threads = 0;
    struct ep_options options = {.workers = 2, .initialize = exit_initialize, .context = &threads};
    struct ep_executor *pool = NULL;
    struct ep_future *future;
    int rc;

    ck_assert_int_eq(ep_thread_executor_new(&options, &pool), EP_EBROKEN);
    atomic_store(&threads, 0);
    options.workers = 1;
    ck_assert_int_eq(ep_thread_executor_new(&options, &pool), 0);
    ck_assert_int_eq(ep_submit(pool, exit_task, NULL, 0, &future), 0); /* its successor fails */
    ck_assert_int_eq(ep_future_result(future, EP_FOREVER, NULL), EP_EFAILED);
    ep_future_unref(future);
    while ((rc = ep_submit(pool, nothing_task, NULL, 0, NULL)) == 0)
        sched_yield();
    ck_assert_int_eq(rc, EP_EBROKEN);
    ep_executor_free(pool);
}

static void exit_finalize(void *context, unsigned worker)
{
    (void)context;
    (void)worker;
    pthread_exit(NULL);
}

TEST(a_finalize_may_end_the_thread)
{
    struct ep_options options = {.workers = 2, .finalize = exit_finalize, .tasks_per_worker = 3};
    struct ep_executor *pool;

    ck_assert_int_eq(ep_thread_executor_new(&options, &pool), 0);
    for (int i = 0; i < 20; i++)
        ck_assert_int_eq(ep_submit(pool, nothing_task, NULL, 0, NULL), 0);
    assert_counts(pool, 20, 0);
    ep_executor_free(pool);
}

struct submission {
    struct ep_executor *pool;
    struct ep_group *group; /* NULL: none */
    struct ep_future *future;
};

static void *submit_exit(void *context)
{
    struct submission *submission = context;

    if (submission->group != NULL)
        (void)!ep_group_submit(submission->group, exit_task, NULL, 0, NULL, NULL);
    else if (ep_submit(submission->pool, exit_task, NULL, 0, &submission->future) != 0)
        submission->future = NULL;
    return context;
}

/** Have a submitter run the task itself, and end with it. */
static void assert_submitter_ends(struct submission *submission)
{
    pthread_t thread;
    void *returned;

    ck_assert_int_eq(pthread_create(&thread, NULL, submit_exit, submission), 0);
    ck_assert_int_eq(pthread_join(thread, &returned), 0);
    ck_assert_ptr_null(returned); /* it did not come back */
}

/* The future is done then, and a group has no task left. */
TEST(a_submitter_may_end_with_its_task)
{
    struct gate gate;
    struct ep_executor *pool = executor_of(1, EP_NO_QUEUE, EP_CALLER_RUNS);
    struct submission submission = {.pool = pool};

    gate_init(&gate);
    gate_occupy(pool, &gate, 1);
    assert_submitter_ends(&submission);
    ck_assert_int_eq(ep_future_result(submission.future, EP_FOREVER, NULL), EP_EFAILED);
    ep_future_unref(submission.future);
    ck_assert_int_eq(ep_group_new(pool, 0, &submission.group), 0);
    assert_submitter_ends(&submission);
    ck_assert_int_eq(ep_group_wait(submission.group, EP_FOREVER), EP_EFAILED);
    ep_group_free(submission.group);
    gate_open(&gate, 1);
    assert_counts(pool, 1, 2);
    ep_executor_free(pool);
    gate_clear(&gate);
}

/** Leave another thread behind, which never ends. */
_Noreturn static void *stay(void *unused)
{
    (void)unused;
    for (;;)
        pause();
}

static int exit_and_leave_task(struct ep_task *task)
{
    pthread_t thread;

    (void)task;
    pthread_create(&thread, NULL, stay, NULL);
    pthread_exit(NULL);
}

CASE("Processes")

TEST(a_worker_process_ends_with_its_thread)
{
    struct ep_options options = {.workers = 1, .on_death = EP_REPLACE};
    struct ep_executor *pool = kind_executor_with(PROCESSES, &options);
    struct ep_future *future = submit_bytes(pool, exit_and_leave_task, NULL, 0);

    ck_assert_int_eq(ep_future_result(future, EP_FOREVER, NULL), EP_EDIED);
    ep_future_unref(future);
    future = submit_int(pool, square_task, 2);
    ck_assert_int_eq(ep_future_result(future, EP_FOREVER, NULL), 0);
    ep_future_unref(future);
    ep_executor_free(pool);
}
