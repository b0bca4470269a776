/* SPDX-License-Identifier: MIT */
/* Done callbacks: when they run, where, how often, and what they may do. */
#include "pool/echopool.h"
#include "tests/kit/kinds.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

/** One worker; made before each test. */
static struct ep_executor *pool;

static void setup(void)
{
    pool = executor_that(1, 64, EP_BLOCK);
}

static void teardown(void)
{
    ep_executor_free(pool);
}

static struct ep_future *submit(ep_task_fn fn, const void *input, size_t size)
{
    return submit_bytes(pool, fn, input, size);
}

static struct ep_future *submit_held(void)
{
    return submit_gate(pool, &stage->gate);
}

CASE_FOR_KINDS("Callbacks")
FIXTURE(setup, teardown)

/** What callbacks write down, in the order in which they run. */
struct record {
    char text[128];
    pthread_t thread;
    pthread_mutex_t mutex; /* guards text and thread */
};

static struct record record = {.mutex = PTHREAD_MUTEX_INITIALIZER};

struct note {
    const char *letter;
};

static void write_down(struct ep_future *future, void *context)
{
    struct note *note = context;

    ck_assert(ep_future_done(future));
    pthread_mutex_lock(&record.mutex);
    strcat(record.text, note->letter);
    record.thread = pthread_self();
    pthread_mutex_unlock(&record.mutex);
}

static struct note notes[] = {{"a"}, {"b"}, {"c"}, {"d"}};

TEST(callbacks_run_once_in_order_in_the_worker)
{
    struct ep_future *future = submit_held();

    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(ep_future_add_done_callback(future, write_down, &notes[i]), 0);
    ck_assert_str_eq(record.text, "");
    gate_open(&stage->gate, 1);
    ep_executor_shutdown(pool, EP_WAIT); /* promises that they have returned */
    ck_assert_str_eq(record.text, "abcd");
    ck_assert(!pthread_equal(record.thread, pthread_self()));
    /* On a future that is done: at once, here. */
    ck_assert_int_eq(ep_future_add_done_callback(future, write_down, &notes[0]), 0);
    ck_assert_str_eq(record.text, "abcda");
    ck_assert(pthread_equal(record.thread, pthread_self()));
    ep_future_unref(future);
}

TEST(cancel_runs_callbacks_before_it_returns)
{
    struct ep_future *running = submit_held();
    struct ep_future *future = submit_held();

    gate_await(&stage->gate, 1);
    ck_assert_int_eq(ep_future_add_done_callback(future, write_down, &notes[2]), 0);
    ck_assert_int_eq(ep_future_cancel(future), 0);
    ck_assert_str_eq(record.text, "c");
    ck_assert(pthread_equal(record.thread, pthread_self()));
    ck_assert_int_eq(ep_future_cancel(future), 0);
    ck_assert_str_eq(record.text, "c");
    gate_open(&stage->gate, 1);
    ep_future_unref(running);
    ep_future_unref(future);
}

TEST(a_callback_must_be_a_function)
{
    struct ep_future *future = submit_held();

    ck_assert_int_eq(ep_future_add_done_callback(future, NULL, NULL), -EINVAL);
    gate_open(&stage->gate, 1);
    ep_future_unref(future);
}

/** A chain in which every link is submitted by the callback of the one before. */
struct chain {
    unsigned left;
    sem_t end;
};

static void submit_next(struct ep_future *future, void *context)
{
    struct chain *chain = context;
    struct ep_future *next;

    /* Everything may be called from here; no lock is held. */
    ck_assert_int_eq(ep_future_result(future, EP_FOREVER, NULL), 0);
    ck_assert_int_eq(ep_future_cancel(future), -EALREADY);
    ck_assert_int_eq(ep_future_add_done_callback(future, write_down, &(struct note){""}), 0);
    if (chain->left-- == 0) {
        sem_post(&chain->end);
        return;
    }
    ck_assert_int_eq(ep_try_submit(pool, nothing_task, NULL, 0, &next), 0);
    ck_assert_int_eq(ep_future_add_done_callback(next, submit_next, chain), 0);
    ep_future_unref(next);
}

TEST(a_callback_may_submit)
{
    struct chain chain = {.left = 100};
    struct ep_future *future = submit_held();

    sem_init(&chain.end, 0, 0);
    ck_assert_int_eq(ep_future_add_done_callback(future, submit_next, &chain), 0);
    gate_open(&stage->gate, 1);
    ep_future_unref(future);
    while (sem_wait(&chain.end) != 0)
        ;
    sem_destroy(&chain.end);
}

static void shut_down(struct ep_future *future, void *context)
{
    int *outcomes = context;

    (void)future;
    outcomes[0] = ep_executor_shutdown(pool, EP_WAIT);
    outcomes[1] = ep_executor_shutdown(pool, EP_CANCEL);
}

TEST(a_callback_may_shut_down_but_not_wait)
{
    int outcomes[2] = {1, 1}, outcome;
    struct ep_future *running = submit_held();
    struct ep_future *waiting = submit_held();

    ck_assert_int_eq(ep_future_add_done_callback(running, shut_down, outcomes), 0);
    gate_open(&stage->gate, 2); /* a process may have the second before the callback is called */
    outcome = ep_future_result(waiting, EP_FOREVER, NULL);
    ck_assert(outcome == EP_ECANCELLED || (kind == PROCESSES && outcome == 0));
    ck_assert_int_eq(ep_executor_shutdown(pool, EP_WAIT), 0);
    ck_assert_int_eq(outcomes[0], -EDEADLK);
    ck_assert_int_eq(outcomes[1], 0);
    ep_future_unref(running);
    ep_future_unref(waiting);
}

/** What a callback saw, and how often it was called. */
struct seen {
    atomic_uint calls;
    int result;
};

static void see(struct ep_future *future, void *context)
{
    struct seen *seen = context;

    seen->result = ep_future_result(future, EP_FOREVER, NULL); /* done: this does not wait */
    atomic_fetch_add(&seen->calls, 1);
}

TEST(callbacks_tell_of_every_end)
{
    static const int results[] = {0, EP_EFAILED, EP_ECANCELLED};
    struct ep_future *gated = submit_held();
    struct ep_future *futures[] = {submit(nothing_task, NULL, 0), submit(fail_task, NULL, 0),
                                   submit(nothing_task, NULL, 0)};
    struct seen seen[3] = {{.result = 1}, {.result = 1}, {.result = 1}};

    gate_await(&stage->gate, 1);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(ep_future_add_done_callback(futures[i], see, &seen[i]), 0);
    ck_assert_int_eq(ep_future_cancel(futures[2]), 0);
    gate_open(&stage->gate, 1);
    ep_executor_shutdown(pool, EP_WAIT);
    for (int i = 0; i < 3; i++) {
        ck_assert_uint_eq(atomic_load(&seen[i].calls), 1);
        ck_assert_int_eq(seen[i].result, results[i]);
        ep_future_unref(futures[i]);
    }
    ep_future_unref(gated);
}

static void wait_at_semaphore(struct ep_future *future, void *semaphore)
{
    (void)future;
    while (sem_wait(semaphore) != 0)
        ;
    atomic_fetch_add(&stage->counter, 1);
}

static void *shut_down_and_wait(void *executor)
{
    ep_executor_shutdown(executor, EP_WAIT);
    return (void *)(uintptr_t)atomic_load(&stage->counter);
}

/* The outcome is published first. Shutting down is what waits for callbacks. */
TEST(a_result_does_not_wait_for_callbacks_but_shutting_down_does)
{
    struct ep_future *future = submit_held();
    pthread_t thread;
    void *called;
    sem_t go;

    sem_init(&go, 0, 0);
    ck_assert_int_eq(ep_future_add_done_callback(future, wait_at_semaphore, &go), 0);
    gate_open(&stage->gate, 1);
    ck_assert_int_eq(ep_future_result(future, EP_FOREVER, NULL), 0);
    ck_assert_uint_eq(atomic_load(&stage->counter), 0);
    ck_assert_int_eq(ep_executor_shutdown(pool, 0), 0);
    ck_assert_int_eq(ep_executor_join(pool, EP_MILLISECONDS(5)), -ETIMEDOUT);
    ck_assert_int_eq(pthread_create(&thread, NULL, shut_down_and_wait, pool), 0);
    sem_post(&go);
    pthread_join(thread, &called);
    ck_assert_uint_eq((uintptr_t)called, 1);
    ep_future_unref(future);
    sem_destroy(&go);
}

static void terminate(struct ep_future *future, void *context)
{
    (void)future;
    (void)context;
    ep_executor_terminate(pool);
}

TEST(a_callback_may_terminate)
{
    struct ep_future *future = submit_held();

    ck_assert_int_eq(ep_future_add_done_callback(future, terminate, NULL), 0);
    for (int i = 0; i < 20; i++)
        ck_assert_int_eq(stage_submit(pool, NULL), 0);
    gate_open(&stage->gate, 1);
    while (ep_executor_join(pool, EP_FOREVER) == -EINVAL)
        sched_yield(); /* until the callback has come to it */
    ck_assert_int_eq(stage_submit(pool, NULL), EP_ESHUTDOWN);
    ep_future_unref(future);
}
