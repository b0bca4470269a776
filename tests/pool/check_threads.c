/* SPDX-License-Identifier: MIT */
/* What only executors of threads have: threads' names, signals, stacks, and tasks that know the
 * executor they run on. */
#include "config.h"

#include "pool/echopool.h"
#include "pool/executor-internal.h"
#include "tests/kit/kinds.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

CASE_FOR_THREADS("Threads")

static int look_at_thread_task(struct ep_task *task)
{
    sigset_t blocked;
    char name[16];

    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    for (int number = 1; number < 32; number++) {
        bool fault = number == SIGILL || number == SIGFPE || number == SIGSEGV || number == SIGBUS;

        if (number != SIGKILL && number != SIGSTOP && sigismember(&blocked, number) == fault)
            return number;
    }
    prctl(PR_GET_NAME, name);
    return ep_task_reply(task, name, strlen(name) + 1);
}

TEST(workers_are_named_and_deaf_to_signals)
{
    struct ep_options options = {.workers = 1, .name = "my-workers-have-long-names"};
    static const char *const expected[] = {"my-workers-have", "short-0"};
    sigset_t before, after;

    pthread_sigmask(SIG_BLOCK, NULL, &before);
    for (int i = 0; i < 2; i++) {
        struct ep_executor *pool;
        struct ep_future *future;
        struct ep_bytes reply;

        pool = executor_with(&options);
        ck_assert_int_eq(ep_submit(pool, look_at_thread_task, NULL, 0, &future), 0);
        ck_assert_int_eq(ep_future_result(future, EP_FOREVER, &reply), 0);
        ck_assert_str_eq(reply.data, expected[i]);
        ep_future_unref(future);
        ep_executor_free(pool);
        options.name = "short";
    }
    pthread_sigmask(SIG_BLOCK, NULL, &after);
    for (int number = 1; number < 32; number++)
        ck_assert_int_eq(sigismember(&before, number), sigismember(&after, number));
}

static int reply_name_task(struct ep_task *task)
{
    char name[16];

    prctl(PR_GET_NAME, name);
    return ep_task_reply(task, name, sizeof name);
}

/* Without a name: the executors still differ in top and gdb. */
TEST(names_by_default_differ)
{
    struct ep_executor *pools[8];
    char names[8][16];

    for (int i = 0; i < 8; i++) {
        struct ep_future *future;
        struct ep_bytes reply;

        pools[i] = executor_that(1, 1, EP_BLOCK);
        future = submit_bytes(pools[i], reply_name_task, NULL, 0);
        ck_assert_int_eq(ep_future_result(future, EP_FOREVER, &reply), 0);
        memcpy(names[i], reply.data, sizeof names[i]);
        ck_assert_str_eq(strrchr(names[i], '-'), "-0");
        for (int k = 0; k < i; k++)
            ck_assert_str_ne(names[i], names[k]);
        ep_future_unref(future);
    }
    for (int i = 0; i < 8; i++)
        ep_executor_free(pools[i]);
}

/* Certainly, not likely: however far apart they lie. */
TEST(names_by_default_are_their_addresses)
{
    const uintptr_t size = sizeof(struct ep_executor);
#if UINTPTR_MAX > UINT32_MAX
    const uintptr_t places[] = {0x55d0c0de0ac0, 0x7f0000000040, 0x7fffffffe000 - 8 * size};
#else
    const uintptr_t places[] = {0x565d0ac0, 0xf7000040, 0xffffe000 - 8 * size};
#endif
    char name[EXECUTOR_NAME_SIZE], other[EXECUTOR_NAME_SIZE];

    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        executor_name((const void *)places[i], name);
        ck_assert_uint_le(strlen(name) + strlen("-4095"), 15);
        for (uint64_t apart = size; apart < places[i]; apart *= 2) {
            executor_name((const void *)(places[i] - (uintptr_t)apart), other);
            ck_assert_str_ne(name, other);
        }
    }
}

static int use_stack_task(struct ep_task *task)
{
    volatile char bytes[6 << 20]; /* more than the default of 2 or 8 MiB leaves to a third call */

    (void)task;
    for (size_t i = 0; i < sizeof bytes; i += 4096)
        bytes[i] = 1;
    return 0;
}

TEST(workers_have_the_stack_they_were_given)
{
    struct ep_options options = {.workers = 1, .stack_bytes = 16 << 20};
    struct ep_options wrong = {.workers = 1, .stack_bytes = 1};
    struct ep_executor *pool = NULL;
    pthread_attr_t attributes;
    struct ep_future *future;

    ck_assert_int_eq(ep_thread_executor_new(&wrong, &pool), -EINVAL);
    ck_assert_ptr_null(pool);
    ck_assert_int_eq(pthread_attr_init(&attributes), 0);
    ck_assert_int_eq(pthread_attr_setstacksize(&attributes, 1 << 20), 0);
    ck_assert_int_eq(pthread_setattr_default_np(&attributes), 0); /* less than the task takes */
    pool = executor_with(&options);
    future = submit_bytes(pool, use_stack_task, NULL, 0);
    ck_assert_int_eq(ep_future_result(future, EP_FOREVER, NULL), 0);
    ep_future_unref(future);
    ep_executor_free(pool);
    pthread_attr_destroy(&attributes);
}

TEST(workers_that_cannot_be_made_leave_nothing_behind)
{
#ifdef EP_SANITIZED
    return; /* sanitizers reserve terabytes: RLIMIT_AS cannot be used */
#else
    struct ep_options options = {.workers = 64, .stack_bytes = 64 << 20};
    struct rlimit limit = {.rlim_cur = 1024ul << 20, .rlim_max = RLIM_INFINITY};
    struct ep_executor *pool = NULL;

    /* 1 GiB holds fewer than 16 stacks of 64 MiB: the failure comes at a worker in the middle. */
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
    ck_assert_int_eq(ep_thread_executor_new(&options, &pool), -EAGAIN);
    ck_assert_ptr_null(pool);
    options.workers = 4;
    pool = executor_with(&options); /* room again: they have ended */
    stage_occupy(pool, 4);
    gate_open(&stage->gate, 4);
    ep_executor_free(pool);
#endif
}

CASE_FOR_THREADS("Tasks that use their own executor")

static int submit_to_own_pool_task(struct ep_task *task)
{
    struct ep_executor *pool = *(struct ep_executor *const *)ep_task_input(task, NULL);
    int rc = 0;

    while (rc == 0)
        rc = stage_submit(pool, NULL);
    return ep_task_reply(task, &rc, sizeof rc);
}

TEST(a_worker_does_not_wait_for_room)
{
    struct ep_executor *pool = executor_that(1, 3, EP_BLOCK);
    struct ep_future *future;
    struct ep_bytes reply;

    ck_assert_int_eq(ep_submit(pool, submit_to_own_pool_task, &pool, sizeof pool, &future), 0);
    ck_assert_int_eq(ep_future_result(future, EP_FOREVER, &reply), 0);
    ck_assert_int_eq(*(const int *)reply.data, -EDEADLK);
    ep_future_unref(future);
    ep_executor_free(pool);
    ck_assert_uint_eq(atomic_load(&stage->counter), 3);
}

static int use_own_pool_task(struct ep_task *task)
{
    struct ep_executor *pool = *(struct ep_executor *const *)ep_task_input(task, NULL);
    struct ep_future *future;
    int result;

    if (ep_executor_wait_idle(pool, EP_FOREVER) != -EDEADLK ||
        ep_executor_shutdown(pool, EP_WAIT) != -EDEADLK ||
        ep_executor_join(pool, EP_FOREVER) != -EINVAL || stage_submit(pool, &future) != 0)
        return -1;
    /* To look is allowed; for a task, check_nested.c has the rest. */
    result = ep_future_result(future, 0, NULL);
    ep_future_unref(future);
    return result == -ETIMEDOUT ? 0 : -2;
}

TEST(a_worker_does_not_wait_for_its_own_executor)
{
    struct ep_executor *pool = executor_that(1, 8, EP_BLOCK);
    struct ep_future *future;

    ck_assert_int_eq(ep_submit(pool, use_own_pool_task, &pool, sizeof pool, &future), 0);
    ck_assert_int_eq(ep_future_result(future, EP_FOREVER, NULL), 0);
    ep_future_unref(future);
    ep_executor_free(pool);
}

static int until_told_task(struct ep_task *task)
{
    struct gate *told = *(struct gate *const *)ep_task_input(task, NULL);

    sem_post(&told->arrived);
    while (!ep_task_stopping(task))
        sched_yield();
    return 0;
}

TEST(terminate_tells_running_tasks_and_cancels_the_rest)
{
    struct ep_executor *pool = executor_that(2, 1000, EP_BLOCK);
    struct gate *gate = &stage->gate;
    struct ep_future *running;

    ck_assert_int_eq(ep_submit(pool, until_told_task, &gate, sizeof gate, &running), 0);
    ck_assert_int_eq(ep_submit(pool, until_told_task, &gate, sizeof gate, NULL), 0);
    gate_await(&stage->gate, 2);
    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(stage_submit(pool, NULL), 0);
    ep_executor_terminate(pool);
    ck_assert_int_eq(stage_submit(pool, NULL), EP_ESHUTDOWN);
    ck_assert_int_eq(ep_executor_join(pool, EP_FOREVER), 0);
    ck_assert_int_eq(ep_future_result(running, 0, NULL), 0);
    ck_assert_uint_eq(atomic_load(&stage->counter), 0);
    ep_executor_terminate(pool);
    ep_future_unref(running);
    ep_executor_free(pool);
}

static void *terminate_thread(void *pool)
{
    ep_executor_terminate(pool);
    return NULL;
}

/* A task that ends on request lets its worker come for the next one. By then there must
 * be none to take: whichever lock of the queue terminating has to wait for, no task learns of it before. */
TEST(no_task_is_asked_to_end_before_the_queue_is_halted)
{
    for (int round = 0; round < 2; round++) {
        struct ep_executor *pool = executor_that(1, 8, EP_BLOCK);
        struct lock *lock = round == 0 ? &pool->queue.tail_lock : &pool->queue.head_lock;
        struct gate *gate = &stage->gate;
        pthread_t terminator;

        ck_assert_int_eq(ep_submit(pool, until_told_task, &gate, sizeof gate, NULL), 0);
        gate_await(gate, 1);
        for (int i = 0; i < 8; i++)
            ck_assert_int_eq(stage_submit(pool, NULL), 0);
        lock_acquire(lock);
        ck_assert_int_eq(pthread_create(&terminator, NULL, terminate_thread, pool), 0);
        while (atomic_load(&lock->word) != 2) /* 2: a thread sleeps, or is about to */
            sched_yield();
        ck_assert(!atomic_load(&pool->terminating));
        lock_release(lock);
        pthread_join(terminator, NULL);
        ep_executor_free(pool);
        ck_assert_uint_eq(atomic_load(&stage->counter), 0);
    }
}
