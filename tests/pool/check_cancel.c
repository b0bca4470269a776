/* SPDX-License-Identifier: MIT */
/* Threads that pthread_cancel() ends: no call of the library is a cancellation point. */
#include "config.h"

#include "pool/echopool.h"
#include "pool/process/place-internal.h"
#include "tests/kit/process.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

CASE_WITH_SHARED("Every call with a request pending")

static void cancelled_inside(void *where)
{
    const char *const *call = where;

    fprintf(stderr, "cancelled in %s\n", *call);
    abort();
}

static const char *call_now;
static char large[100000];
static int failures;

/* Check's own macros are cancellation points. */
#define EXPECT(call, wanted) (call_now = #call, failures += (call) != (wanted))

static void nothing_done(struct ep_future *future, void *context)
{
    (void)future;
    (void)context;
}

static int ten(void *context, struct ep_bytes *input)
{
    int *count = context;

    *input = (struct ep_bytes){.data = count, .size = sizeof *count};
    return ++*count <= 10;
}

static void use_futures(struct ep_executor *pool, int fd)
{
    struct ep_submit_options with = {.fds = &fd, .fd_count = 1};
    struct ep_future *futures[4], *next;
    struct ep_completions *completions;
    struct ep_mailbox *mailbox;
    struct ep_map *map;
    int count = 0;

    EXPECT(ep_executor_pause(pool), 0);
    EXPECT(ep_submit(pool, echo_of, large, sizeof large, &futures[0]), 0);
    EXPECT(ep_submit(pool, echo_of, large, 100, &futures[1]), 0);
    EXPECT(ep_submit_with(pool, pid_of, NULL, 0, &with, &futures[2]), 0);
    EXPECT(ep_submit(pool, pid_of, NULL, 0, &futures[3]), 0);
    EXPECT(ep_future_cancel(futures[3]), 0);
    EXPECT(ep_mailbox_new(&mailbox), 0);
    EXPECT(ep_mailbox_add(mailbox, futures[0], nothing_done, NULL), 0);
    EXPECT(ep_executor_resume(pool), 0);
    EXPECT(ep_future_result(futures[1], EP_SECONDS(1000), NULL), 0);
    EXPECT(ep_future_result(futures[0], EP_FOREVER, NULL), 0);
    EXPECT(ep_wait(futures, 4, EP_ALL_COMPLETED, EP_FOREVER, NULL), 0);
    EXPECT(ep_completions_new(futures, 4, EP_FOREVER, &completions), 0);
    for (int i = 0; i < 4; i++) {
        EXPECT(ep_completions_next(completions, &next), 0);
        ep_future_unref(next);
    }
    ep_completions_free(completions);
    EXPECT(ep_mailbox_dispatch(mailbox) <= 1, 1);
    call_now = "ep_mailbox_free";
    ep_mailbox_free(mailbox);
    EXPECT(ep_map(pool, echo_of, ten, &count, NULL, &map), 0);
    for (int i = 0; i < 10; i++)
        EXPECT(ep_map_next(map, NULL), 0);
    ep_map_free(map);
    call_now = "ep_future_unref";
    for (int i = 0; i < 4; i++)
        ep_future_unref(futures[i]);
}

static void use_executor(struct ep_executor *pool)
{
    int fd = dup(STDOUT_FILENO);

    use_futures(pool, fd);
    EXPECT(ep_executor_resize(pool, 3), 0);
    EXPECT(ep_executor_resize(pool, 1), 0);
    EXPECT(ep_executor_wait_idle(pool, EP_FOREVER), 0);
    EXPECT(ep_executor_shutdown(pool, EP_WAIT), 0);
    EXPECT(ep_executor_join(pool, EP_FOREVER), 0);
    call_now = "ep_executor_free";
    ep_executor_free(pool);
}

TEST(no_call_is_a_cancellation_point)
{
    struct ep_executor *pool = NULL;
    struct ep_zygote *zygote = NULL;
    struct ep_options options = {.workers = 2};

    pthread_cleanup_push(cancelled_inside, &call_now);
    pthread_cancel(pthread_self());
    EXPECT(ep_zygote_new(&zygote), 0);
    EXPECT(ep_thread_executor_new(&options, &pool), 0);
    use_executor(pool);
    options.zygote = zygote;
    EXPECT(ep_process_executor_new(&options, &pool), 0);
    use_executor(pool);
    call_now = "ep_zygote_free";
    ep_zygote_free(zygote);
    options = (struct ep_options){.workers = 0};
    EXPECT(ep_process_executor_new(&options, &pool), 0);
    call_now = "ep_executor_terminate";
    ep_executor_terminate(pool);
    ep_executor_free(pool);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    pthread_cleanup_pop(0);
    ck_assert_int_eq(failures, 0);
}

CASE_WITH_SHARED("A waiter that receives for all")

static bool receives(struct ep_executor *pool)
{
    struct process_executor *executor = (struct process_executor *)pool;
    bool receiving;

    lock_acquire(&executor->lock);
    receiving = executor->places[0]->receiving;
    lock_release(&executor->lock);
    return receiving;
}

/** Ask whether a thread waits that has found the manager receiving, which it does for a moment. */
static bool sleeps(const struct ep_future *future)
{
    return (atomic_load(&future->state) & STATE_HAS_SLEEPERS) != 0;
}

struct waiting {
    struct ep_future *future;
    int64_t timeout_ns;
    int rc;
};

static void *wait_for_result(void *argument)
{
    struct waiting *waiter = argument;

    waiter->rc = ep_future_result(waiter->future, waiter->timeout_ns, NULL);
    return NULL;
}

/* With and without a timeout, it waits in another system call. */
LOOP_TEST(a_cancelled_waiter_keeps_no_result_back, 2)
{
    struct ep_executor *pool = processes_of(1, EP_BREAK);

    for (int round = 0; round < 3; round++) {
        struct waiting waiter = {.future = submit(pool, hold, NULL, 0),
                                 .timeout_ns = _i == 0 ? EP_FOREVER : EP_SECONDS(1000)};
        pthread_t thread;

        await_held(1);
        ck_assert_int_eq(pthread_create(&thread, NULL, wait_for_result, &waiter), 0);
        AWAIT(receives(pool) || sleeps(waiter.future));
        pthread_cancel(thread);
        release_held(1);
        pthread_join(thread, NULL);
        ck_assert_int_eq(waiter.rc, 0);
        ck_assert_int_gt(int_result(waiter.future), 0);
        ck_assert_int_eq(int_result(submit(pool, square_of, &round, sizeof round)), round * round);
    }
    ep_executor_free(pool);
}
