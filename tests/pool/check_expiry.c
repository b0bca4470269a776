/* SPDX-License-Identifier: MIT */
/* Tasks that wait too long: expires_ns. */
#include "pool/echopool.h"
#include "tests/kit/kinds.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#define SOON EP_MILLISECONDS(10)
#define LATE EP_SECONDS(100000)

static atomic_int reasons[3]; /* by on_drop: as expected, another, with a wrong call inside */

static void note_reason(void *user, int reason, const void *input, size_t size)
{
    (void)user;
    (void)input;
    (void)size;
    atomic_fetch_add(&reasons[reason == EP_EXPIRED ? 0 : 1], 1);
}

/** Submit a counting task that expires then. `future` may be NULL. */
static int submit_expiring(struct ep_executor *pool, int64_t expires_ns, struct ep_future **future)
{
    struct ep_submit_options options = {.expires_ns = expires_ns, .on_drop = note_reason};
    atomic_uint *counter = &stage->counter;

    return ep_submit_with(pool, count_task, &counter, sizeof counter, &options, future);
}

static struct ep_future *expiring(struct ep_executor *pool, int64_t expires_ns)
{
    struct ep_future *future;

    ck_assert_int_eq(submit_expiring(pool, expires_ns, &future), 0);
    return future;
}

static void expect_expired(struct ep_future *future)
{
    struct ep_error error;

    ck_assert_int_eq(ep_future_result(future, EP_FOREVER, NULL), EP_EXPIRED);
    ck_assert_int_eq(ep_future_state(future), EP_FINISHED);
    ck_assert(!ep_future_cancelled(future));
    ck_assert_int_eq(ep_future_cancel(future), -EALREADY);
    ck_assert_int_eq(ep_future_error(future, 0, &error), 0);
    ck_assert(error.failed);
    ck_assert_int_eq(error.kind, EP_EXPIRED);
    ep_future_unref(future);
}

CASE_FOR_KINDS("What expires")

TEST(a_task_that_waits_too_long_expires)
{
    struct ep_executor *pool = executor_that(1, 3, EP_REJECT);
    struct ep_future *future;
    struct ep_stats stats;

    stage_occupy(pool, 1);
    future = expiring(pool, ep_now_ns() + SOON);
    ck_assert_int_eq(submit_expiring(pool, ep_now_ns() + SOON, NULL), 0);
    ck_assert_int_eq(submit_expiring(pool, ep_now_ns() + LATE, NULL), 0);
    expect_expired(future); /* the worker is still busy */
    while (ep_executor_stats(pool, &stats), stats.expired < 2)
        sched_yield();
    ck_assert_uint_eq(stats.queued, 1);
    ck_assert_uint_eq(stats.running, 1);
    ck_assert_uint_eq(ep_executor_room(pool), 2); /* their places are free */
    ck_assert_int_eq(stage_try(pool), 0);
    gate_open(&stage->gate, 1);
    ck_assert_int_eq(ep_executor_wait_idle(pool, EP_FOREVER), 0);
    ep_executor_shutdown(pool, EP_WAIT);
    ep_executor_stats(pool, &stats);
    ck_assert_uint_eq(stats.accepted, 5);
    ck_assert_uint_eq(stats.finished, 3);
    ck_assert_uint_eq(stats.failed, 2);
    ck_assert_uint_eq(stats.expired, 2);
    ck_assert_uint_eq(stats.queued + stats.running, 0);
    ck_assert_uint_eq(atomic_load(&stage->counter), 2);
    ck_assert_int_eq(atomic_load(&reasons[0]), 2);
    ck_assert_int_eq(atomic_load(&reasons[1]), 0);
    ep_executor_free(pool);
}

static void stand_at_gate(void *gate, int reason, const void *input, size_t size)
{
    note_reason(NULL, reason, input, size);
    gate_callback(NULL, gate);
}

/* Its place is free before the function runs, but the executor is not idle before that has returned. */
TEST(idle_comes_after_the_functions_of_what_expired)
{
    struct ep_executor *pool = executor_that(1, 2, EP_BLOCK);
    struct gate gate;
    struct ep_submit_options options = {.expires_ns = 1, .on_drop = stand_at_gate, .user = &gate};

    gate_init(&gate);
    ck_assert_int_eq(ep_submit_with(pool, nothing_task, NULL, 0, &options, NULL), 0);
    gate_await(&gate, 1);
    ck_assert_uint_eq(ep_executor_room(pool), 3);
    ck_assert_int_eq(ep_executor_wait_idle(pool, 0), -ETIMEDOUT);
    gate_open(&gate, 1);
    ck_assert_int_eq(ep_executor_wait_idle(pool, EP_FOREVER), 0);
    ck_assert_int_eq(atomic_load(&reasons[0]), 1);
    ep_executor_free(pool);
    gate_clear(&gate);
}

TEST(what_is_late_at_submission_never_runs)
{
    struct ep_executor *pool = executor_that(2, 4, EP_BLOCK);

    for (int i = 0; i < 200; i++) {
        struct ep_future *future = expiring(pool, i % 2 == 0 ? 1 : ep_now_ns());

        expect_expired(future);
        ck_assert_int_eq(ep_executor_wait_idle(pool, EP_FOREVER), 0);
    }
    ck_assert_uint_eq(atomic_load(&stage->counter), 0);
    ck_assert_int_eq(atomic_load(&reasons[0]), 200);
    ep_executor_free(pool);
}

TEST(a_task_that_begins_in_time_does_not_expire)
{
    enum { TASKS = 500 };
    struct ep_executor *pool = executor_that(2, 8, EP_BLOCK);
    struct ep_stats stats;

    for (int i = 0; i < TASKS; i++)
        ck_assert_int_eq(submit_expiring(pool, ep_now_ns() + LATE - i, NULL), 0);
    ep_executor_shutdown(pool, EP_WAIT);
    ep_executor_stats(pool, &stats);
    ck_assert_uint_eq(stats.finished, TASKS);
    ck_assert_uint_eq(stats.expired, 0);
    ck_assert_uint_eq(atomic_load(&stage->counter), TASKS);
    ep_executor_free(pool);
}

TEST(a_sooner_one_is_not_overlooked)
{
    struct ep_executor *pool = executor_that(1, 8, EP_BLOCK);
    struct ep_future *late, *soon;

    ck_assert_int_eq(ep_executor_pause(pool), 0);
    late = expiring(pool, ep_now_ns() + LATE);
    for (int i = 0; i < 5; i++) {
        soon = expiring(pool, ep_now_ns() + SOON / 10);
        expect_expired(soon);
        ck_assert_int_eq(ep_future_state(late), EP_PENDING);
    }
    ck_assert_int_eq(ep_executor_resume(pool), 0);
    ck_assert_int_eq(ep_future_result(late, EP_FOREVER, NULL), 0);
    ep_future_unref(late);
    ep_executor_free(pool);
}

CASE_FOR_KINDS("When it is full")

TEST(a_submission_waits_for_room_no_longer)
{
    struct ep_executor *pool = executor_that(1, EP_NO_QUEUE, EP_BLOCK);
    struct ep_future *future;
    struct ep_stats stats;

    stage_occupy(pool, 1);
    ck_assert_int_eq(submit_expiring(pool, ep_now_ns() + SOON, &future), -ETIMEDOUT);
    ck_assert_ptr_null(future);
    ck_assert_int_eq(submit_expiring(pool, 1, NULL), -ETIMEDOUT);
    gate_open(&stage->gate, 1);
    ep_executor_shutdown(pool, EP_WAIT);
    ep_executor_stats(pool, &stats);
    ck_assert_uint_eq(stats.accepted, 1);
    ck_assert_uint_eq(stats.rejected, 2);
    ck_assert_int_eq(atomic_load(&reasons[0]), 0); /* they were not accepted */
    ep_executor_free(pool);
}

TEST(a_place_that_expiry_frees_goes_to_a_submitter)
{
    struct ep_executor *pool = executor_that(1, 1, EP_BLOCK);
    struct ep_future *future;

    stage_occupy(pool, 1);
    ck_assert_int_eq(submit_expiring(pool, ep_now_ns() + SOON, NULL), 0);
    ck_assert_int_eq(stage_submit(pool, &future), 0); /* waits until then */
    ck_assert_int_eq(atomic_load(&reasons[0]) + atomic_load(&reasons[1]) <= 1, 1);
    gate_open(&stage->gate, 1);
    ck_assert_int_eq(ep_future_result(future, EP_FOREVER, NULL), 0);
    ep_future_unref(future);
    ep_executor_free(pool);
    ck_assert_int_eq(atomic_load(&reasons[0]), 1);
}

TEST(the_caller_does_not_run_what_is_late)
{
    struct ep_executor *pool = executor_that(1, EP_NO_QUEUE, EP_CALLER_RUNS);
    struct ep_stats stats;

    stage_occupy(pool, 1);
    expect_expired(expiring(pool, 1));
    ck_assert_int_eq(submit_expiring(pool, ep_now_ns() + LATE, NULL), 0);
    ck_assert_uint_eq(atomic_load(&stage->counter), 1);
    gate_open(&stage->gate, 1);
    ep_executor_shutdown(pool, EP_WAIT);
    ep_executor_stats(pool, &stats);
    ck_assert_uint_eq(stats.accepted, 3);
    ck_assert_uint_eq(stats.finished, 2);
    ck_assert_uint_eq(stats.failed, 1);
    ck_assert_uint_eq(stats.expired, 1);
    ep_executor_free(pool);
}

CASE_FOR_THREADS("Awaited by a task")

/** A reply that fills all the memory which the queue may use while a task waits. */
struct full {
    unsigned char bytes[64];
};

static struct ep_executor *own_pool;

static int reply_full(struct ep_task *task)
{
    struct full full;

    memset(&full, 0xff, sizeof full);
    return ep_task_reply(task, &full, sizeof full);
}

/** Wait for a task of the own executor that expires then. @return what the wait returned */
static int await_inner(struct ep_task *task)
{
    struct ep_submit_options options = {.expires_ns = *(const int64_t *)ep_task_input(task, NULL)};
    struct ep_future *future;
    struct ep_bytes reply;
    struct full full;
    int rc = ep_submit_with(own_pool, reply_full, NULL, 0, &options, &future);

    if (rc != 0)
        return rc;
    rc = ep_future_result(future, EP_FOREVER, &reply);
    memset(&full, 0xff, sizeof full);
    if (rc == 0 && (reply.size != sizeof full || memcmp(reply.data, &full, sizeof full) != 0))
        rc = 1;
    ep_future_unref(future);
    return rc;
}

/* A worker that waits for such a task begins it in time, and otherwise lets it expire. */
TEST(an_awaited_task_begins_in_time_or_expires)
{
    int64_t times[] = {ep_now_ns() + LATE, 1, ep_now_ns() + LATE, 1};
    struct ep_future *futures[4];
    struct ep_error error;

    own_pool = executor_that(1, 8, EP_BLOCK);
    ck_assert_int_eq(ep_executor_pause(own_pool), 0);
    for (int i = 0; i < 4; i++)
        futures[i] = submit_bytes(own_pool, await_inner, &times[i], sizeof times[i]);
    ck_assert_int_eq(ep_executor_resume(own_pool), 0);
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(ep_future_error(futures[i], EP_FOREVER, &error), 0);
        ck_assert_int_eq(error.code, i % 2 == 0 ? 0 : EP_EXPIRED);
        ep_future_unref(futures[i]);
    }
    ep_executor_shutdown(own_pool, EP_WAIT | EP_CANCEL); /* what is in the ring has run */
    ep_executor_free(own_pool);
}

CASE_FOR_KINDS("Ends")

/* A call that would wait for the executor's own thread returns; it may shut down without waiting. */
static pthread_t outside;
static atomic_bool ran_outside;

/* Runs in the thread that has ended the task, or, if that was earlier, in the one that adds it. */
static void wait_inside(struct ep_future *future, void *context)
{
    struct ep_executor *pool = context;

    if (pthread_equal(pthread_self(), outside)) {
        atomic_store(&ran_outside, true);
        return;
    }

    if (ep_future_result(future, 0, NULL) != EP_EXPIRED ||
        ep_executor_wait_idle(pool, EP_FOREVER) != -EDEADLK ||
        ep_executor_shutdown(pool, EP_WAIT) != -EDEADLK || ep_executor_shutdown(pool, 0) != 0)
        atomic_fetch_add(&reasons[2], 1);
    atomic_fetch_add(&stage->dropped, 1);
}

TEST(a_callback_of_an_expired_task_may_shut_down)
{
    struct ep_executor *pool = executor_that(1, 2, EP_BLOCK);
    struct ep_future *future;
    int64_t soon = SOON;

    outside = pthread_self();
    ck_assert_int_eq(ep_executor_pause(pool), 0);
    for (;; soon *= 2) {
        future = expiring(pool, ep_now_ns() + soon);
        atomic_store(&ran_outside, false);
        ck_assert_int_eq(ep_future_add_done_callback(future, wait_inside, pool), 0);
        if (!atomic_load(&ran_outside))
            break;
        ep_future_unref(future);
    }
    ck_assert_int_eq(ep_future_result(future, EP_FOREVER, NULL), EP_EXPIRED);
    while (atomic_load(&stage->dropped) == 0)
        sched_yield();
    ep_executor_free(pool);
    ck_assert_int_eq(atomic_load(&reasons[2]), 0);
    ep_future_unref(future);
}

TEST(the_end_does_not_wait_for_a_late_expiry)
{
    for (int round = 0; round < 4; round++) {
        struct ep_executor *pool = executor_that(1, 4, EP_BLOCK);
        struct ep_future *future;

        stage_occupy(pool, 1);
        future = expiring(pool, ep_now_ns() + LATE);
        if (round % 2 == 0)
            ck_assert_int_eq(submit_expiring(pool, 1, NULL), 0);
        if (round < 2)
            ck_assert_int_eq(ep_executor_shutdown(pool, EP_CANCEL), 0);
        gate_open(&stage->gate, 1);
        ep_executor_free(pool);
        ck_assert_int_eq(ep_future_result(future, 0, NULL), round < 2 ? EP_ECANCELLED : 0);
        ep_future_unref(future);
    }
}

CASE_FOR_KINDS("Races")

static void *cancel_all(void *argument)
{
    struct ep_future **futures = argument;

    for (; *futures != NULL; futures++) {
        int rc = ep_future_cancel(*futures);

        if (rc != 0 && rc != -EALREADY && rc != -EBUSY)
            atomic_fetch_add(&reasons[2], 1);
    }
    return NULL;
}

/* Each task runs, expires, or is cancelled: one of the three, and its place is free afterwards. */
TEST(expiry_races_start_and_cancel)
{
    enum { TASKS = 40 };

    for (unsigned round = 0; round < rounds_of(100, 20); round++) {
        struct ep_executor *pool = executor_that(2, TASKS, EP_BLOCK);
        struct ep_future *futures[TASKS + 1] = {NULL};
        unsigned ran = atomic_load(&stage->counter), finished = 0, expired = 0, cancelled = 0;
        struct ep_stats stats;
        pthread_t thread;

        for (unsigned i = 0; i < TASKS; i++)
            futures[i] = expiring(pool, ep_now_ns() + (int64_t)(i * 1000));
        ck_assert_int_eq(pthread_create(&thread, NULL, cancel_all, futures), 0);
        for (unsigned i = 0; i < TASKS; i++) {
            int rc = ep_future_result(futures[i], EP_FOREVER, NULL);

            finished += rc == 0;
            expired += rc == EP_EXPIRED;
            cancelled += rc == EP_ECANCELLED;
        }
        pthread_join(thread, NULL);
        ep_executor_shutdown(pool, EP_WAIT);
        ep_executor_stats(pool, &stats);
        ck_assert_uint_eq(finished + expired + cancelled, TASKS);
        ck_assert_uint_eq(atomic_load(&stage->counter) - ran, finished);
        ck_assert_uint_eq(stats.finished, finished);
        ck_assert_uint_eq(stats.expired, expired);
        ck_assert_uint_eq(stats.failed, expired);
        ck_assert_uint_eq(stats.cancelled, cancelled);
        ck_assert_uint_eq(stats.queued + stats.running, 0);
        for (unsigned i = 0; i < TASKS; i++)
            ep_future_unref(futures[i]);
        ep_executor_free(pool);
    }
    ck_assert_int_eq(atomic_load(&reasons[2]), 0);
}
