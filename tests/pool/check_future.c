/* SPDX-License-Identifier: MIT */
/* Futures: states, waiting, errors, cancelling. */
#include "pool/echopool.h"
#include "tests/kit/kinds.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
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

CASE_FOR_KINDS("States")
FIXTURE(setup, teardown)

static void assert_state(struct ep_future *future, enum ep_future_state state)
{
    ck_assert_int_eq(ep_future_state(future), state);
    ck_assert_int_eq(ep_future_done(future), state == EP_FINISHED || state == EP_CANCELLED);
    ck_assert_int_eq(ep_future_running(future), state == EP_RUNNING);
    ck_assert_int_eq(ep_future_cancelled(future), state == EP_CANCELLED);
}

TEST(every_state_answers_every_question)
{
    struct ep_future *running = submit_held();
    struct ep_future *pending = submit_held();
    struct ep_future *cancelled = submit_held();

    gate_await(&stage->gate, 1);
    assert_state(running, EP_RUNNING);
    assert_state(pending, EP_PENDING);
    ck_assert_int_eq(ep_future_cancel(running), -EBUSY);
    assert_state(running, EP_RUNNING);
    ck_assert_int_eq(ep_future_cancel(cancelled), 0);
    assert_state(cancelled, EP_CANCELLED);
    ck_assert_int_eq(ep_future_cancel(cancelled), 0);
    ck_assert_int_eq(ep_future_result(cancelled, EP_FOREVER, NULL), EP_ECANCELLED);

    gate_open(&stage->gate, 2);
    ck_assert_int_eq(ep_future_result(running, EP_FOREVER, NULL), 0);
    assert_state(running, EP_FINISHED);
    ck_assert_int_eq(ep_future_cancel(running), -EALREADY);
    ck_assert_int_eq(ep_future_result(pending, EP_FOREVER, NULL), 0);
    assert_state(pending, EP_FINISHED);
    assert_state(cancelled, EP_CANCELLED);
    ep_executor_shutdown(pool, EP_WAIT);
    ck_assert_uint_eq(atomic_load(&stage->gate.passed), 2);
    ep_future_unref(running);
    ep_future_unref(pending);
    ep_future_unref(cancelled);
}

CASE_FOR_KINDS("Results")
FIXTURE(setup, teardown)

TEST(a_reply_comes_back)
{
    int n = -12;
    struct ep_future *future = submit(square_task, &n, sizeof n);
    struct ep_bytes reply;

    ck_assert_int_eq(ep_future_result(future, EP_FOREVER, &reply), 0);
    ck_assert_uint_eq(reply.size, sizeof n);
    ck_assert_int_eq(*(const int *)reply.data, 144);
    /* A second look gives the same. */
    ck_assert_int_eq(ep_future_result(future, 0, &reply), 0);
    ck_assert_int_eq(*(const int *)reply.data, 144);
    ep_future_unref(future);
}

static int mirror_task(struct ep_task *task)
{
    size_t size;
    const void *input = ep_task_input(task, &size);

    if ((uintptr_t)input % _Alignof(max_align_t) != 0)
        return -2;
    if (ep_task_reply(task, "replaced by the next call, and too long to be kept inside", 57) != 0)
        return -1;
    return ep_task_reply(task, input, size);
}

TEST(bytes_of_every_size_travel_both_ways)
{
    static const size_t sizes[] = {0, 1, 31, 32, 33, 63, 64, 65, 4096, 1 << 20};
    static unsigned char bytes[1 << 20];

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 7 + i / 251);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct ep_future *future = submit(mirror_task, sizes[i] > 0 ? bytes : NULL, sizes[i]);
        struct ep_bytes reply;

        ck_assert_int_eq(ep_future_result(future, EP_FOREVER, &reply), 0);
        ck_assert_uint_eq(reply.size, sizes[i]);
        if (sizes[i] > 0)
            ck_assert_mem_eq(reply.data, bytes, sizes[i]);
        else
            ck_assert_ptr_null(reply.data);
        ep_future_unref(future);
    }
}

static int fail_somehow_task(struct ep_task *task)
{
    const int *how = ep_task_input(task, NULL);

    switch (*how) {
    case 0: return -ETIMEDOUT;
    case 1: ep_task_fail(task, 0, "a code of 0 is still a failure"); return 0;
    case 2: return ep_task_fail(task, 7, NULL);
    case 3: ep_task_fail(task, 1, "replaced as well"); return ep_task_fail(task, 2, NULL);
    default: {
        char words[300];

        memset(words, 'w', sizeof words - 1);
        words[sizeof words - 1] = '\0';
        ep_task_fail(task, 1, "replaced");
        return ep_task_fail(task, 8, words);
    }
    }
}

TEST(a_failure_differs_from_every_other_end)
{
    static const struct {
        int code;
        size_t words;
    } expected[] = {{-ETIMEDOUT, 0}, {0, 30}, {7, 0}, {2, 0}, {8, 127}};

    for (int how = 0; how < (int)COUNT_OF(expected); how++) {
        struct ep_future *future = submit(fail_somehow_task, &how, sizeof how);
        struct ep_error error;

        ck_assert_int_eq(ep_future_result(future, EP_FOREVER, NULL), EP_EFAILED);
        ck_assert_int_eq(ep_future_error(future, 0, &error), 0);
        ck_assert(error.failed);
        ck_assert_int_eq(error.code, expected[how].code);
        ck_assert_uint_eq(strlen(error.message), expected[how].words);
        ck_assert_uint_eq(error.worker, 0);
        ep_future_unref(future);
    }
}

TEST(success_has_no_error)
{
    int n = 3;
    struct ep_future *future = submit(square_task, &n, sizeof n);
    struct ep_error error;

    ck_assert_int_eq(ep_future_error(future, EP_FOREVER, &error), 0);
    ck_assert(!error.failed);
    ck_assert_int_eq(error.code, 0);
    ck_assert_str_eq(error.message, "");
    ep_future_unref(future);
}

TEST(a_timeout_leaves_the_task_alone)
{
    static const int64_t timeouts[] = {0, -1, INT64_MIN, EP_MILLISECONDS(2)};
    struct ep_future *future = submit_held();
    struct ep_error error;

    for (size_t i = 0; i < sizeof timeouts / sizeof *timeouts; i++) {
        ck_assert_int_eq(ep_future_result(future, timeouts[i], NULL), -ETIMEDOUT);
        ck_assert_int_eq(ep_future_error(future, timeouts[i], &error), -ETIMEDOUT);
    }
    gate_open(&stage->gate, 1);
    ck_assert_int_eq(ep_future_result(future, EP_FOREVER - 1, NULL), 0);
    ep_future_unref(future);
}

/* What each state answers to a look, and to a wait that needs not wait. */
TEST(a_look_never_waits)
{
    static const int64_t timeouts[] = {0, -1, INT64_MIN, EP_FOREVER};
    struct ep_future *finished = submit(nothing_task, NULL, 0);
    struct ep_future *failed = submit(fail_task, NULL, 0);
    struct ep_future *running = submit_held();
    struct ep_future *cancelled = submit(nothing_task, NULL, 0);
    struct ep_error error;

    gate_await(&stage->gate, 1);
    ck_assert_int_eq(ep_future_cancel(cancelled), 0);
    for (size_t i = 0; i < sizeof timeouts / sizeof *timeouts; i++) {
        ck_assert_int_eq(ep_future_result(finished, timeouts[i], NULL), 0);
        ck_assert_int_eq(ep_future_result(failed, timeouts[i], NULL), EP_EFAILED);
        ck_assert_int_eq(ep_future_error(failed, timeouts[i], &error), 0);
        ck_assert_int_eq(error.code, 7);
        ck_assert_str_eq(error.message, "seven");
        ck_assert_int_eq(ep_future_result(cancelled, timeouts[i], NULL), EP_ECANCELLED);
        ck_assert_int_eq(ep_future_error(cancelled, timeouts[i], &error), EP_ECANCELLED);
        if (timeouts[i] <= 0)
            ck_assert_int_eq(ep_future_result(running, timeouts[i], NULL), -ETIMEDOUT);
    }
    gate_open(&stage->gate, 1);
    ep_future_unref(finished);
    ep_future_unref(failed);
    ep_future_unref(running);
    ep_future_unref(cancelled);
}

/** Replies with "first", then with nothing at all. */
static int reply_nothing_task(struct ep_task *task)
{
    return ep_task_reply(task, "first", 6) != 0 || ep_task_reply(task, NULL, 0) != 0;
}

/* No reply is a success too, and unlike one that failed, or is late. */
TEST(an_empty_reply_is_a_success)
{
    ep_task_fn tasks[] = {nothing_task, reply_nothing_task};

    for (int i = 0; i < 2; i++) {
        struct ep_future *future = submit(tasks[i], NULL, 0);
        struct ep_bytes reply = {.data = stage, .size = 9};

        ck_assert_int_eq(ep_future_result(future, EP_FOREVER, &reply), 0);
        ck_assert_ptr_null(reply.data);
        ck_assert_uint_eq(reply.size, 0);
        ep_future_unref(future);
    }
}

CASE_FOR_KINDS("Waiting")
FIXTURE(setup, teardown)

#define WAITERS 5

static void *wait_for_result(void *future)
{
    return (void *)(intptr_t)ep_future_result(future, EP_FOREVER, NULL);
}

/** Start threads that wait for the future. Some may come after the event, and must not sleep then. */
static void start_waiters(pthread_t threads[WAITERS], struct ep_future *future)
{
    for (int i = 0; i < WAITERS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, wait_for_result, future), 0);
}

static void assert_waiters_got(pthread_t threads[WAITERS], int expected)
{
    for (int i = 0; i < WAITERS; i++) {
        void *got;

        pthread_join(threads[i], &got);
        ck_assert_int_eq((int)(intptr_t)got, expected);
    }
}

TEST(all_waiters_wake_on_a_value)
{
    struct ep_future *future = submit_held();
    pthread_t threads[WAITERS];

    start_waiters(threads, future);
    gate_open(&stage->gate, 1);
    assert_waiters_got(threads, 0);
    ep_future_unref(future);
}

TEST(all_waiters_wake_on_a_cancel)
{
    struct ep_future *running = submit_held();
    struct ep_future *future = submit_held();
    pthread_t threads[WAITERS];

    gate_await(&stage->gate, 1);
    start_waiters(threads, future);
    ck_assert_int_eq(ep_future_cancel(future), 0);
    assert_waiters_got(threads, EP_ECANCELLED);
    gate_open(&stage->gate, 1);
    ep_future_unref(running);
    ep_future_unref(future);
}

TEST(all_waiters_wake_on_a_failure)
{
    struct ep_future *running = submit_held();
    struct ep_future *future = submit(fail_task, NULL, 0);
    pthread_t threads[WAITERS];

    gate_await(&stage->gate, 1);
    start_waiters(threads, future);
    gate_open(&stage->gate, 1);
    assert_waiters_got(threads, EP_EFAILED);
    ep_future_unref(running);
    ep_future_unref(future);
}

static void take_signal(int number)
{
    (void)number;
}

/** Says when it is about to wait, so that it can be shot at. */
struct shot {
    struct ep_future *future;
    sem_t waits;
    int64_t timeout_ns;
};

static void *wait_under_fire(void *argument)
{
    struct shot *shot = argument;
    int64_t deadline_ns = ep_now_ns() + shot->timeout_ns;
    int rc;

    sem_post(&shot->waits);
    rc = ep_future_result(shot->future, shot->timeout_ns, NULL);
    if (rc == -ETIMEDOUT && ep_now_ns() < deadline_ns)
        return (void *)1; /* too early */
    return (void *)(intptr_t)rc;
}

/* EINTR, hundreds of times: neither the wait nor its deadline is lost. */
TEST(signals_do_not_end_a_wait)
{
    static const int64_t timeouts[] = {EP_FOREVER - 1, EP_MILLISECONDS(20)};
    struct sigaction action = {.sa_handler = take_signal}; /* no SA_RESTART */
    struct ep_future *future = submit_held();

    ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
    for (int i = 1; i >= 0; i--) {
        struct shot shot = {.future = future, .timeout_ns = timeouts[i]};
        pthread_t thread;
        void *rc;

        sem_init(&shot.waits, 0, 0);
        ck_assert_int_eq(pthread_create(&thread, NULL, wait_under_fire, &shot), 0);
        while (sem_wait(&shot.waits) != 0)
            ;
        for (int k = 0; k < 300; k++) {
            pthread_kill(thread, SIGUSR1);
            sched_yield();
        }
        if (i == 0)
            gate_open(&stage->gate, 1);
        pthread_join(thread, &rc);
        ck_assert_int_eq((int)(intptr_t)rc, i == 0 ? 0 : -ETIMEDOUT);
        sem_destroy(&shot.waits);
    }
    ep_future_unref(future);
}

CASE_FOR_KINDS("Life")
FIXTURE(setup, teardown)

TEST(a_future_outlives_its_executor)
{
    int n = 5;
    struct ep_executor *other = executor_that(2, 4, EP_BLOCK);
    struct ep_future *future;
    struct ep_bytes reply;

    ck_assert_int_eq(ep_submit(other, square_task, &n, sizeof n, &future), 0);
    ep_executor_free(other);
    ck_assert_int_eq(ep_future_result(future, 0, &reply), 0);
    ck_assert_int_eq(*(const int *)reply.data, 25);
    ck_assert_int_eq(ep_future_cancel(future), -EALREADY);
    ep_future_unref(future);
}

TEST(a_task_goes_on_without_its_future)
{
    atomic_uint *address = &stage->counter;
    struct ep_future *gated = submit_held();

    for (int i = 0; i < 20; i++)
        ep_future_unref(submit(count_task, &address, sizeof address));
    ep_future_unref(gated);
    gate_open(&stage->gate, 1);
    ep_executor_shutdown(pool, EP_WAIT);
    ck_assert_uint_eq(atomic_load(&stage->counter), 20);
}

TEST(no_future_is_nothing_to_release)
{
    ep_future_unref(NULL);
}

CASE_FOR_THREADS("Errors")

TEST(every_code_has_words)
{
    static const int codes[] = {0,        EP_ESHUTDOWN, EP_ECANCELLED, EP_EFAILED, EP_EBROKEN,
                                EP_EDIED, EP_EUNKNOWN,  EP_ESHIP,      EP_EFORKED, EP_ETHREADS,
                                EP_END,   EP_ENOTREADY, -EINVAL,       -EAGAIN};

    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        for (size_t k = 0; k < i; k++) {
            const char *first = suite_text("%s", ep_strerror(codes[k]));

            ck_assert_str_ne(first, ep_strerror(codes[i]));
        }
    ck_assert_str_eq(ep_strerror(-EINVAL), strerror(EINVAL));
    ck_assert_uint_gt(strlen(ep_strerror(INT_MIN)),
                      0); /* has no negation: a sanitizer would see it */
}

TEST(a_duration_may_have_a_fraction)
{
    unsigned many = 4000000000u;

    ck_assert_int_eq(EP_SECONDS(0.5), 500000000);
    ck_assert_int_eq(EP_MILLISECONDS(1.5), 1500000);
    ck_assert_int_eq(EP_SECONDS(-3), INT64_C(-3000000000));
    ck_assert_int_eq(EP_SECONDS(many), INT64_C(4000000000000000000));
    ck_assert_int_eq(EP_MILLISECONDS(1 + 1), 2000000);
}
