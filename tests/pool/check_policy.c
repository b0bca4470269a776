/* SPDX-License-Identifier: MIT */
/* What submit does where the executor is full, and what becomes of inputs that are not needed. */
#include "pool/echopool.h"
#include "tests/kit/kinds.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

CASE_FOR_KINDS("Policies")

/** Where a task ran. */
struct place {
    pid_t process, thread;
    unsigned worker;
};

static int reply_place_task(struct ep_task *task)
{
    struct place place = {getpid(), gettid(), ep_task_worker(task)};

    return ep_task_reply(task, &place, sizeof place);
}

static struct place place_of(struct ep_future *future)
{
    struct ep_bytes reply;
    struct place place;

    ck_assert_int_eq(ep_future_result(future, EP_FOREVER, &reply), 0);
    ck_assert_uint_eq(reply.size, sizeof place);
    memcpy(&place, reply.data, sizeof place);
    ep_future_unref(future);
    return place;
}

TEST(caller_runs_in_the_submitting_thread)
{
    struct ep_executor *pool = executor_that(1, EP_NO_QUEUE, EP_CALLER_RUNS);
    struct ep_future *future;
    struct ep_stats stats;
    struct place place;

    place = place_of(submit_bytes(pool, reply_place_task, NULL, 0));
    ck_assert_int_eq(place.process == getpid(), kind == THREADS);
    ck_assert_int_ne(place.thread, gettid());
    ck_assert_uint_eq(place.worker, 0);
    ck_assert_int_eq(ep_executor_wait_idle(pool, EP_FOREVER), 0);
    stage_occupy(pool, 1);
    ck_assert_int_eq(ep_executor_pause(pool), 0); /* which is about workers */
    future = submit_bytes(pool, reply_place_task, NULL, 0);
    ck_assert(ep_future_done(future));
    ck_assert_int_eq(ep_executor_resume(pool), 0);
    place = place_of(future);
    ck_assert_int_eq(place.process, getpid());
    ck_assert_int_eq(place.thread, gettid());
    ck_assert_uint_eq(place.worker, UINT16_MAX);
    ck_assert_int_eq(stage_submit(pool, NULL), 0);
    ck_assert_uint_eq(atomic_load(&stage->counter), 1);
    ck_assert_int_eq(stage_try(pool), -EAGAIN); /* only trying has no policy */
    gate_open(&stage->gate, 1);
    ep_executor_shutdown(pool, EP_WAIT);
    ep_executor_stats(pool, &stats);
    ck_assert_uint_eq(stats.accepted, 4);
    ck_assert_uint_eq(stats.finished, 4);
    ck_assert_uint_eq(stats.rejected, 1);
    ep_executor_free(pool);
}

static struct ep_future *own_future;
static struct ep_group *own_group;

static int wait_for_itself_task(struct ep_task *task)
{
    (void)task;
    return own_group != NULL ? ep_group_wait(own_group, EP_FOREVER)
                             : ep_future_result(own_future, EP_FOREVER, NULL);
}

static void assert_refused_to_wait(struct ep_future *future)
{
    struct ep_error error;

    ck_assert_int_eq(ep_future_error(future, EP_FOREVER, &error), 0);
    ck_assert_int_eq(error.code, -EDEADLK);
    ep_future_unref(future);
}

TEST(a_task_does_not_wait_for_the_submitter_that_runs_it)
{
    struct ep_executor *pool = executor_that(1, EP_NO_QUEUE, EP_CALLER_RUNS);
    struct ep_future *future;

    stage_occupy(pool, 1);
    own_group = NULL;
    ck_assert_int_eq(ep_submit(pool, wait_for_itself_task, NULL, 0, &own_future), 0);
    assert_refused_to_wait(own_future);
    ck_assert_int_eq(ep_group_new(pool, 0, &own_group), 0);
    ck_assert_int_eq(ep_group_submit(own_group, wait_for_itself_task, NULL, 0, NULL, &future), 0);
    assert_refused_to_wait(future);
    ck_assert_int_eq(ep_group_wait(own_group, EP_FOREVER), EP_EFAILED);
    ep_group_free(own_group);
    gate_open(&stage->gate, 1);
    ep_executor_free(pool);
}

/* Looked at in turn: a thread that slept for the result, and one that only looks. */
TEST(a_result_is_out_after_the_bookkeeping)
{
    struct ep_executor *pool = executor_that(1, EP_NO_QUEUE, EP_REJECT);

    for (unsigned round = 1; round <= rounds_of(1000, 200); round++) {
        struct ep_future *future;
        struct ep_stats stats;

        ck_assert_int_eq(stage_submit(pool, &future), 0);
        while (round % 2 && !ep_future_done(future))
            ;
        ck_assert_int_eq(ep_future_result(future, EP_FOREVER, NULL), 0);
        ep_executor_stats(pool, &stats);
        ck_assert_uint_eq(stats.finished, round);
        ck_assert_uint_eq(stats.running, 0);
        ep_future_unref(future);
    }
    ep_executor_free(pool);
}

TEST(discard_cancels_the_new_one)
{
    struct ep_executor *pool = executor_that(1, 1, EP_DISCARD);
    struct ep_future *kept, *future;
    struct ep_stats stats;

    stage_occupy(pool, 1);
    ck_assert_int_eq(stage_submit(pool, &kept), 0);
    ck_assert_int_eq(stage_submit_owned(pool, 0, &future), 0);
    ck_assert(ep_future_cancelled(future));
    ck_assert_uint_eq(atomic_load(&stage->dropped), 1);
    ck_assert_int_eq(stage_submit_owned(pool, 0, NULL), 0);
    ck_assert_uint_eq(atomic_load(&stage->dropped), 2);
    gate_open(&stage->gate, 1);
    ep_executor_shutdown(pool, EP_WAIT);
    ck_assert_int_eq(ep_future_result(kept, 0, NULL), 0);
    ck_assert_uint_eq(atomic_load(&stage->counter), 1);
    ep_executor_stats(pool, &stats);
    ck_assert_uint_eq(stats.accepted, 4);
    ck_assert_uint_eq(stats.cancelled, 2);
    ck_assert_uint_eq(stats.finished, 2);
    ck_assert_int_eq(stage_submit(pool, NULL), EP_ESHUTDOWN);
    ep_future_unref(future);
    ep_future_unref(kept);
    ep_executor_free(pool);
}

TEST(discard_oldest_cancels_the_one_that_waited_longest)
{
    struct ep_executor *pool = executor_that(1, 2, EP_DISCARD_OLDEST);
    struct ep_future *futures[4];
    struct ep_stats stats;

    stage_occupy(pool, 1);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(stage_submit(pool, &futures[i]), 0);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(ep_future_state(futures[i]), i < 2 ? EP_CANCELLED : EP_PENDING);
    gate_open(&stage->gate, 1);
    ep_executor_shutdown(pool, EP_WAIT);
    ck_assert_uint_eq(atomic_load(&stage->counter), 2);
    ep_executor_stats(pool, &stats);
    ck_assert_uint_eq(stats.cancelled, 2);
    ck_assert_int_eq(stage_submit(pool, NULL), EP_ESHUTDOWN);
    for (int i = 0; i < 4; i++)
        ep_future_unref(futures[i]);
    ep_executor_free(pool);
}

/** What the executor counts when a done callback runs. */
struct seen {
    struct ep_executor *pool;
    struct ep_stats stats;
};

static void look(struct ep_future *future, void *context)
{
    struct seen *seen = context;

    (void)future;
    ep_executor_stats(seen->pool, &seen->stats);
}

/* As for a task that ran: its place is free, and it is counted, before it is done. */
TEST(what_is_dropped_is_counted_before_its_callbacks)
{
    struct ep_executor *pool = executor_that(1, 1, EP_DISCARD_OLDEST);
    struct seen discarded = {.pool = pool}, cancelled = {.pool = pool};
    struct ep_future *first, *second;

    stage_occupy(pool, 1);
    ck_assert_int_eq(stage_submit(pool, &first), 0);
    ck_assert_int_eq(ep_future_add_done_callback(first, look, &discarded), 0);
    ck_assert_int_eq(stage_submit(pool, &second), 0);
    ck_assert_uint_eq(discarded.stats.cancelled, 1);
    ck_assert_uint_eq(discarded.stats.queued, 1); /* the second has its place already */
    ck_assert_int_eq(ep_future_add_done_callback(second, look, &cancelled), 0);
    ck_assert_int_eq(ep_executor_shutdown(pool, EP_CANCEL), 0);
    ck_assert_uint_eq(cancelled.stats.cancelled, 2);
    ck_assert_uint_eq(cancelled.stats.queued, 0);
    gate_open(&stage->gate, 1);
    ep_future_unref(first);
    ep_future_unref(second);
    ep_executor_free(pool);
}

static struct ep_executor *refilled;

static void try_again(void *user, int reason, const void *input, size_t size)
{
    (void)input;
    (void)size;
    if (reason == -EAGAIN)
        *(int *)user = ep_try_submit(refilled, nothing_task, NULL, 0, NULL);
}

/* Otherwise tasks that submit themselves again could keep a submitter for ever. */
TEST(on_drop_cannot_take_the_place_for_which_its_task_was_discarded)
{
    struct ep_executor *pool = refilled = executor_that(1, 1, EP_DISCARD_OLDEST);
    int tried = 0;
    struct ep_submit_options options = {.on_drop = try_again, .user = &tried};

    stage_occupy(pool, 1);
    ck_assert_int_eq(ep_submit_with(pool, nothing_task, NULL, 0, &options, NULL), 0);
    ck_assert_int_eq(stage_submit(pool, NULL), 0);
    ck_assert_int_eq(tried, -EAGAIN);
    gate_open(&stage->gate, 1);
    ep_executor_free(pool);
    ck_assert_uint_eq(atomic_load(&stage->counter), 1);
}

/* A deadline that is over is one; not to wait at all is another thing. */
TEST(a_deadline_may_be_over)
{
    struct ep_executor *pool = executor_that(1, EP_NO_QUEUE, EP_BLOCK);
    struct ep_future *future = (struct ep_future *)stage;
    struct ep_stats stats;

    stage_occupy(pool, 1);
    ck_assert_int_eq(stage_submit_owned(pool, 1, &future), -ETIMEDOUT);
    ck_assert_ptr_null(future);
    ck_assert_int_eq(stage_submit_owned(pool, -1, NULL), -ETIMEDOUT);
    ck_assert_int_eq(stage_submit_owned(pool, INT64_MIN, NULL), -EAGAIN);
    ck_assert_int_eq(stage_try(pool), -EAGAIN);
    ep_executor_stats(pool, &stats);
    ck_assert_uint_eq(stats.rejected, 4);
    ck_assert_uint_eq(atomic_load(&stage->dropped), 0);
    gate_open(&stage->gate, 1);
    ck_assert_int_eq(ep_executor_wait_idle(pool, EP_FOREVER), 0);
    ck_assert_int_eq(stage_submit_owned(pool, 1, NULL), 0); /* it is for waiting only */
    ep_executor_free(pool);
    ck_assert_uint_eq(atomic_load(&stage->counter), 1);
}

static struct ep_executor *executor_to_end;

static void end_it(const void *input, size_t size)
{
    stage_dropped(input, size);
    ck_assert_int_eq(ep_executor_shutdown(executor_to_end, 0), 0);
}

/* The new task has its place by then, and runs. */
TEST(dropped_may_shut_down_the_executor_that_discards)
{
    struct ep_executor *pool = executor_that(1, 1, EP_DISCARD_OLDEST);
    struct ep_submit_options with = {.dropped = end_it};
    atomic_uint *counter = &stage->counter;
    struct ep_future *old, *new;

    executor_to_end = pool;
    stage_occupy(pool, 1);
    ck_assert_int_eq(ep_submit_with(pool, count_task, &counter, sizeof counter, &with, &old), 0);
    ck_assert_int_eq(stage_submit(pool, &new), 0);
    ck_assert_int_eq(stage_submit(pool, NULL), EP_ESHUTDOWN);
    ck_assert(ep_future_cancelled(old));
    ck_assert_uint_eq(atomic_load(&stage->dropped), 1);
    gate_open(&stage->gate, 1);
    ck_assert_int_eq(ep_future_result(new, EP_FOREVER, NULL), 0);
    ep_future_unref(old);
    ep_future_unref(new);
    ep_executor_free(pool);
}

/* Nothing waits that could be dropped: then it is as if the policy were to reject. */
TEST(discard_oldest_never_drops_what_runs)
{
    struct ep_executor *pool = executor_that(2, EP_NO_QUEUE, EP_DISCARD_OLDEST);

    stage_occupy(pool, 2);
    ck_assert_int_eq(stage_submit(pool, NULL), -EAGAIN);
    gate_open(&stage->gate, 2);
    ep_executor_free(pool);
    ck_assert_uint_eq(atomic_load(&stage->gate.passed), 2);
}

TEST(no_policy_survives_the_end)
{
    for (int policy = EP_BLOCK; policy <= EP_DISCARD_OLDEST; policy++) {
        struct ep_executor *pool = executor_that(1, 1, (enum ep_policy)policy);
        struct ep_future *future = (struct ep_future *)stage;
        struct ep_stats stats;

        stage_occupy(pool, 1);
        ck_assert_int_eq(stage_submit(pool, NULL), 0); /* full: the policy would have its say */
        ck_assert_int_eq(ep_executor_shutdown(pool, 0), 0);
        ck_assert_int_eq(stage_submit(pool, &future), EP_ESHUTDOWN);
        ck_assert_ptr_null(future);
        ck_assert_int_eq(stage_submit_owned(pool, 0, NULL), EP_ESHUTDOWN);
        ck_assert_int_eq(stage_try(pool), EP_ESHUTDOWN);
        gate_open(&stage->gate, 1);
        ck_assert_int_eq(ep_executor_join(pool, EP_FOREVER), 0);
        ck_assert_int_eq(stage_submit(pool, NULL), EP_ESHUTDOWN);
        ep_executor_stats(pool, &stats);
        ck_assert_uint_eq(stats.accepted, 2);
        ck_assert_uint_eq(stats.finished, 2);
        ep_executor_free(pool);
        ck_assert_uint_eq(atomic_load(&stage->counter), (unsigned)policy + 1);
    }
    ck_assert_uint_eq(atomic_load(&stage->dropped), 0); /* refused is not dropped */
}

CASE_FOR_KINDS("What inputs own")

/** The ways in which a task that waits can come to nothing. */
enum ending { BY_CANCEL, BY_DISCARD, BY_DISCARD_OLDEST, BY_SHUTDOWN, BY_TERMINATE, ENDINGS };

static enum ep_policy policy_for(enum ending ending)
{
    return ending == BY_DISCARD          ? EP_DISCARD
           : ending == BY_DISCARD_OLDEST ? EP_DISCARD_OLDEST
                                         : EP_BLOCK;
}

static void come_to_nothing(enum ending ending, struct ep_executor *pool, struct ep_future *future)
{
    struct ep_future *other;

    switch (ending) {
    case BY_CANCEL: ck_assert_int_eq(ep_future_cancel(future), 0); break;
    case BY_DISCARD: /* it was discarded when it came; the one before still waits */ break;
    case BY_DISCARD_OLDEST:
        ck_assert_int_eq(stage_submit(pool, &other), 0);
        ep_future_unref(other);
        break;
    case BY_SHUTDOWN: ck_assert_int_eq(ep_executor_shutdown(pool, EP_CANCEL), 0); break;
    default: ep_executor_terminate(pool);
    }
}

TEST(what_an_input_owned_is_released_once)
{
    for (enum ending ending = 0; ending < ENDINGS; ending++) {
        struct ep_executor *pool = executor_that(1, 1, policy_for(ending));
        struct ep_future *future;
        unsigned before = atomic_load(&stage->dropped);

        stage_occupy(pool, 1);
        if (ending == BY_DISCARD)
            ck_assert_int_eq(stage_submit(pool, NULL), 0);
        ck_assert_int_eq(stage_submit_owned(pool, 0, &future), 0);
        come_to_nothing(ending, pool, future);
        ck_assert_msg(atomic_load(&stage->dropped) == before + 1, "ending %d", (int)ending);
        ck_assert(ep_future_cancelled(future));
        ck_assert_int_eq(ep_future_cancel(future), 0); /* again: nothing to do */
        gate_open(&stage->gate, 1);
        ep_executor_free(pool);
        ck_assert_uint_eq(atomic_load(&stage->dropped), before + 1);
        ep_future_unref(future);
        while (sem_trywait(&stage->gate.opened) == 0)
            ; /* a task that was killed has not passed */
    }
}

TEST(a_task_that_runs_keeps_what_its_input_owned)
{
    struct ep_executor *pool = executor_that(2, 4, EP_BLOCK);
    struct ep_future *future;

    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(stage_submit_owned(pool, 0, NULL), 0);
        ck_assert_int_eq(stage_submit_owned(pool, 0, &future), 0);
        ck_assert_int_eq(ep_future_result(future, EP_FOREVER, NULL), 0);
        ck_assert_int_eq(ep_future_cancel(future), -EALREADY);
        ep_future_unref(future);
    }
    ep_executor_free(pool);
    ck_assert_uint_eq(atomic_load(&stage->counter), 200);
    ck_assert_uint_eq(atomic_load(&stage->dropped), 0);
}
