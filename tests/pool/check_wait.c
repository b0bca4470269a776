/* SPDX-License-Identifier: MIT */
/* Waiting for several futures: ep_wait(), and iterating over them as they complete. */
#include "pool/echopool.h"
#include "pool/future-internal.h"
#include "tests/kit/kinds.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

static void unref_all(struct ep_future **futures, size_t count)
{
    for (size_t i = 0; i < count; i++)
        ep_future_unref(futures[i]);
}

static void await_all(struct ep_future **futures, size_t count)
{
    ck_assert_int_eq(ep_wait(futures, count, EP_ALL_COMPLETED, EP_FOREVER, NULL), 0);
}

CASE("Wait")

TEST(nothing_is_waited_for_at_once)
{
    struct ep_future *futures[1] = {NULL};

    ck_assert_int_eq(ep_wait(NULL, 0, EP_ALL_COMPLETED, EP_FOREVER, NULL), 0);
    ck_assert_int_eq(ep_wait(NULL, 0, EP_FIRST_COMPLETED, EP_FOREVER, NULL), 0);
    ck_assert_int_eq(ep_wait(futures, 0, EP_FIRST_FAILED, EP_FOREVER, NULL), 0);
}

TEST(nonsense_is_refused)
{
    struct ep_completions *completions = NULL;

    ck_assert_int_eq(ep_wait(NULL, 1, EP_ALL_COMPLETED, 0, NULL), -EINVAL);
    ck_assert_int_eq(ep_wait(NULL, 0, (enum ep_wait_for)3, 0, NULL), -EINVAL);
    ck_assert_int_eq(ep_completions_new(NULL, 1, 0, &completions), -EINVAL);
    ck_assert_int_eq(ep_completions_new(NULL, 0, 0, NULL), -EINVAL);
    ck_assert_ptr_null(completions);
    ep_completions_free(NULL);
}

LOOP_TEST(first_completed_returns_where_one_is_done_already, KINDS)
{
    struct gate *gate = shared_gate();
    struct ep_executor *pool = kind_executor(_i, 2, 0);
    struct ep_future *futures[2] = {submit_gate(pool, gate), submit_int(pool, square_task, 3)};
    bool done[2];

    await_all(&futures[1], 1);
    ck_assert_int_eq(ep_wait(futures, 2, EP_FIRST_COMPLETED, EP_FOREVER, done), 0);
    ck_assert(!done[0] && done[1]);
    /* The same with a timeout that allows no waiting. */
    ck_assert_int_eq(ep_wait(futures, 2, EP_FIRST_COMPLETED, 0, NULL), 0);
    gate_open(gate, 1);
    unref_all(futures, 2);
    ep_executor_free(pool);
}

/** Lets the gate's tasks go, from a thread of its own. */
static void *open_gate(void *gate)
{
    gate_open(gate, 64);
    return NULL;
}

/* The gate opens while the main thread goes to sleep: every order of the two must end. */
LOOP_TEST(the_first_completion_ends_the_sleep, KINDS)
{
    struct gate *open = shared_gate(), *shut = shared_gate();
    struct ep_executor *pool = kind_executor(_i, 2, 0);

    for (int round = 0; round < 50; round++) {
        struct ep_future *futures[3] = {submit_gate(pool, shut), submit_gate(pool, open),
                                        submit_int(pool, square_task, round)};
        bool done[3];
        pthread_t opener;

        gate_await(open, 1);
        gate_await(shut, 1);
        ck_assert_int_eq(pthread_create(&opener, NULL, open_gate, open), 0);
        ck_assert_int_eq(ep_wait(futures, 3, EP_FIRST_COMPLETED, EP_FOREVER, done), 0);
        ck_assert(!done[0] && done[1]);
        pthread_join(opener, NULL);
        while (sem_trywait(&open->opened) == 0)
            ;
        gate_open(shut, 1);
        await_all(futures, 3);
        unref_all(futures, 3);
    }
    ep_executor_free(pool);
}

LOOP_TEST(a_failure_ends_the_wait_for_the_first_failure, KINDS)
{
    struct gate *gate = shared_gate();
    struct ep_executor *pool = kind_executor(_i, 2, 0);
    struct ep_future *futures[4] = {
        submit_gate(pool, gate),
        submit_int(pool, square_task, 2),
        submit_bytes(pool, nothing_task, NULL, 0),
        submit_bytes(pool, fail_task, NULL, 0),
    };
    bool done[4];

    ck_assert_int_eq(ep_wait(futures, 4, EP_FIRST_FAILED, EP_FOREVER, done), 0);
    ck_assert(!done[0] && done[3]);
    gate_open(gate, 1);
    unref_all(futures, 4);
    ep_executor_free(pool);
}

LOOP_TEST(a_cancelled_one_has_not_failed, KINDS)
{
    struct gate *gate = shared_gate();
    struct ep_executor *pool = kind_executor(_i, 1, 0);
    struct ep_future *futures[2] = {submit_gate(pool, gate), submit_int(pool, square_task, 2)};
    bool done[2];

    gate_await(gate, 1);
    ck_assert_int_eq(ep_future_cancel(futures[1]), 0);
    ck_assert_int_eq(ep_wait(futures, 2, EP_FIRST_FAILED, EP_MILLISECONDS(5), done), -ETIMEDOUT);
    ck_assert(!done[0] && done[1]);
    /* It is done, though, and once the other is too there is nothing to wait for. */
    ck_assert_int_eq(ep_wait(futures, 2, EP_FIRST_COMPLETED, EP_FOREVER, NULL), 0);
    gate_open(gate, 1);
    ck_assert_int_eq(ep_wait(futures, 2, EP_FIRST_FAILED, EP_FOREVER, done), 0);
    ck_assert(done[0] && done[1]);
    unref_all(futures, 2);
    ep_executor_free(pool);
}

LOOP_TEST(at_the_timeout_done_says_exactly_which, KINDS)
{
    static const int64_t timeouts[] = {0, -1, INT64_MIN, EP_MILLISECONDS(3)};
    struct gate *gate = shared_gate();
    struct ep_executor *pool = kind_executor(_i, 1, 0);
    struct ep_future *finished = submit_bytes(pool, fail_task, NULL, 0);
    struct ep_future *running = submit_gate(pool, gate);
    struct ep_future *cancelled = submit_int(pool, square_task, 1);
    struct ep_future *pending = submit_int(pool, square_task, 1);
    struct ep_future *futures[4] = {running, finished, pending, cancelled};

    gate_await(gate, 1);
    ck_assert_int_eq(ep_future_cancel(cancelled), 0);
    for (size_t i = 0; i < sizeof timeouts / sizeof *timeouts; i++) {
        bool done[4] = {true, false, true, false};

        ck_assert_int_eq(ep_wait(futures, 4, EP_ALL_COMPLETED, timeouts[i], done), -ETIMEDOUT);
        ck_assert(!done[0] && done[1] && !done[2] && done[3]);
    }
    /* No watch is left behind. */
    ck_assert_ptr_null(running->watches);
    ck_assert_ptr_null(pending->watches);
    gate_open(gate, 1);
    await_all(futures, 4);
    unref_all(futures, 4);
    ep_executor_free(pool);
}

LOOP_TEST(the_same_one_twice_counts_once, KINDS)
{
    struct gate *gate = shared_gate();
    struct ep_executor *pool = kind_executor(_i, 1, 0);
    struct ep_future *future = submit_gate(pool, gate);
    struct ep_future *futures[3] = {future, future, future};
    pthread_t opener;
    bool done[3];

    ck_assert_int_eq(pthread_create(&opener, NULL, open_gate, gate), 0);
    ck_assert_int_eq(ep_wait(futures, 3, EP_ALL_COMPLETED, EP_FOREVER, done), 0);
    ck_assert(done[0] && done[1] && done[2]);
    pthread_join(opener, NULL);
    ep_future_unref(future);
    ep_executor_free(pool);
}

LOOP_TEST(futures_of_several_executors_are_waited_for_together, KINDS)
{
    struct gate *gate = shared_gate();
    struct ep_executor *a = kind_executor(_i, 1, 0);
    struct ep_executor *b = kind_executor(THREADS, 1, 0);
    struct ep_future *futures[3] = {submit_gate(a, gate), submit_gate(b, gate),
                                    submit_int(b, square_task, 4)};
    bool done[3];

    gate_await(gate, 2);
    ck_assert_int_eq(ep_wait(futures, 3, EP_FIRST_COMPLETED, 0, NULL), -ETIMEDOUT);
    gate_open(gate, 2);
    ck_assert_int_eq(ep_wait(futures, 3, EP_ALL_COMPLETED, EP_FOREVER, done), 0);
    ck_assert(done[0] && done[1] && done[2]);
    unref_all(futures, 3);
    ep_executor_free(a);
    ep_executor_free(b);
}

static void *wait_for_all_three(void *futures)
{
    return (void *)(intptr_t)ep_wait(futures, 3, EP_ALL_COMPLETED, EP_FOREVER, NULL);
}

/* In Python a cancelled future is not done until a worker has come by. Each kind in both ways. */
LOOP_TEST(cancelling_ends_the_wait_at_once, 2 * KINDS)
{
    struct gate *gate = shared_gate();
    struct ep_executor *pool = kind_executor(_i % KINDS, 1, 0);
    struct ep_future *running = submit_gate(pool, gate);
    struct ep_future *futures[3];
    pthread_t waiter;
    void *rc;

    gate_await(gate, 1);
    for (int i = 0; i < 3; i++)
        futures[i] = submit_int(pool, square_task, i);
    ck_assert_int_eq(pthread_create(&waiter, NULL, wait_for_all_three, futures), 0);
    if (_i < KINDS) {
        for (int i = 0; i < 3; i++)
            ck_assert_int_eq(ep_future_cancel(futures[i]), 0);
    } else {
        ck_assert_int_eq(ep_executor_shutdown(pool, EP_CANCEL), 0);
    }
    pthread_join(waiter, &rc);
    ck_assert_int_eq((int)(intptr_t)rc, 0);
    ck_assert(ep_future_running(running));
    gate_open(gate, 1);
    ep_future_unref(running);
    unref_all(futures, 3);
    ep_executor_free(pool);
}

/* They complete while the watches are being put on: one that is missed hangs the test. */
LOOP_TEST(completions_during_the_call_are_not_missed, KINDS)
{
    struct ep_executor *pool = kind_executor(_i, 2, 0);

    for (int round = 0; round < 300; round++) {
        struct ep_future *futures[100];

        for (int i = 0; i < 100; i++)
            futures[i] = submit_int(pool, square_task, i);
        ck_assert_int_eq(ep_wait(futures, 100, (enum ep_wait_for)(round % 3), EP_FOREVER, NULL), 0);
        await_all(futures, 100);
        unref_all(futures, 100);
    }
    ep_executor_free(pool);
}

/** What a task got that waits on its own executor. Threads only: it travels by pointer. */
struct own_wait {
    struct ep_future *futures[2];
    int all, first, first_of_both, look, next, next_of_both;
};

static int wait_on_own_task(struct ep_task *task)
{
    struct own_wait *own = *(struct own_wait *const *)ep_task_input(task, NULL);
    struct ep_completions *completions;
    struct ep_future *future;

    own->all = ep_wait(own->futures, 2, EP_ALL_COMPLETED, EP_MILLISECONDS(1), NULL);
    own->first = ep_wait(own->futures, 1, EP_FIRST_COMPLETED, EP_FOREVER, NULL);
    own->first_of_both = ep_wait(own->futures, 2, EP_FIRST_COMPLETED, EP_MILLISECONDS(1), NULL);
    own->look = ep_wait(own->futures, 2, EP_ALL_COMPLETED, 0, NULL);
    if (ep_completions_new(own->futures, 1, EP_FOREVER, &completions) != 0)
        return -1;
    own->next = ep_completions_next(completions, &future);
    ep_future_unref(own->next == 0 ? future : NULL);
    ep_completions_free(completions);
    if (ep_completions_new(own->futures, 2, EP_MILLISECONDS(1), &completions) != 0)
        return -1;
    own->next_of_both = ep_completions_next(completions, &future);
    ep_future_unref(own->next_of_both == 0 ? future : NULL);
    ep_completions_free(completions);
    return 0;
}

TEST(a_worker_does_its_part)
{
    struct gate *gate = shared_gate(), *shut = shared_gate();
    struct ep_executor *pool = executor_of(1, 8, EP_BLOCK);
    struct ep_executor *other = executor_of(1, 8, EP_BLOCK);
    struct own_wait own = {.all = 1}, *address = &own;
    struct ep_future *held = submit_gate(pool, gate);
    struct ep_future *asking = submit_bytes(pool, wait_on_own_task, &address, sizeof address);

    own.futures[0] = submit_int(pool, square_task, 1); /* behind the one that waits for it */
    own.futures[1] = submit_gate(other, shut);
    gate_open(gate, 1);
    ck_assert_int_eq(ep_future_result(asking, EP_FOREVER, NULL), 0);
    /* It has run the first itself, and waited for the other. */
    ck_assert_int_eq(own.all, -ETIMEDOUT);
    ck_assert_int_eq(own.first, 0);
    ck_assert_int_eq(own.look, -ETIMEDOUT);
    ck_assert_int_eq(own.next, 0);
    ck_assert_int_eq(own.first_of_both, 0);
    ck_assert_int_eq(own.next_of_both, 0);
    gate_open(shut, 1);
    ep_future_unref(held);
    ep_future_unref(asking);
    unref_all(own.futures, 2);
    ep_executor_free(pool);
    ep_executor_free(other);
}

CASE("Completions")

static struct ep_completions *completions_of(struct ep_future **futures, size_t count,
                                             int64_t timeout_ns)
{
    struct ep_completions *completions = NULL;

    ck_assert_int_eq(ep_completions_new(futures, count, timeout_ns, &completions), 0);
    ck_assert_ptr_nonnull(completions);
    return completions;
}

static void assert_next(struct ep_completions *completions, const struct ep_future *expected)
{
    struct ep_future *future = NULL;

    ck_assert_int_eq(ep_completions_next(completions, &future), 0);
    ck_assert_ptr_eq(future, expected);
    ck_assert(ep_future_done(future));
    ep_future_unref(future);
}

TEST(the_end_comes_again_and_again)
{
    struct ep_completions *completions = completions_of(NULL, 0, EP_FOREVER);
    struct ep_future *future = NULL;

    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(ep_completions_next(completions, &future), EP_END);
    ck_assert_ptr_null(future);
    ck_assert_uint_eq(ep_completions_left(completions), 0);
    ep_completions_free(completions);
}

static void note_handed_over(struct ep_future *future, void *handed_over)
{
    (void)future;
    atomic_store((atomic_bool *)handed_over, true);
}

/* A thread hands a future over a moment after that is done, and before it runs the callbacks. */
LOOP_TEST(done_futures_come_first_and_then_the_order_of_completion, KINDS)
{
    struct gate *gates[3] = {shared_gate(), shared_gate(), shared_gate()};
    struct ep_executor *pool = kind_executor(_i, 4, 0);
    struct ep_future *futures[4];
    struct ep_completions *completions;

    for (int i = 0; i < 3; i++)
        futures[i] = submit_gate(pool, gates[i]);
    futures[3] = submit_int(pool, square_task, 5);
    await_all(&futures[3], 1);
    completions = completions_of(futures, 4, EP_FOREVER);
    for (int i = 2; i >= 0; i--) { /* the last first */
        atomic_bool handed_over = false;

        ck_assert_int_eq(ep_future_add_done_callback(futures[i], note_handed_over, &handed_over),
                         0);
        gate_open(gates[i], 1);
        while (!atomic_load(&handed_over))
            sched_yield();
    }
    assert_next(completions, futures[3]);
    for (int i = 2; i >= 0; i--) {
        ck_assert_uint_eq(ep_completions_left(completions), (size_t)i + 1);
        assert_next(completions, futures[i]);
    }
    ck_assert_int_eq(ep_completions_next(completions, &futures[0]), EP_END);
    ep_completions_free(completions);
    unref_all(futures, 4);
    ep_executor_free(pool);
}

LOOP_TEST(at_the_timeout_left_says_how_many, KINDS)
{
    struct gate *gate = shared_gate();
    struct ep_executor *pool = kind_executor(_i, 1, 0);
    struct ep_future *futures[4];
    struct ep_completions *completions;
    struct ep_future *none = NULL;

    futures[1] = submit_int(pool, square_task, 1);
    futures[3] = submit_int(pool, square_task, 2);
    futures[0] = submit_gate(pool, gate);
    futures[2] = submit_int(pool, square_task, 3);
    gate_await(gate, 1);
    completions = completions_of(futures, 4, EP_MILLISECONDS(2));
    assert_next(completions, futures[1]);
    assert_next(completions, futures[3]);
    ck_assert_int_eq(ep_completions_next(completions, &none), -ETIMEDOUT);
    ck_assert_int_eq(ep_completions_next(completions, &none), -ETIMEDOUT);
    ck_assert_ptr_null(none);
    ck_assert_uint_eq(ep_completions_left(completions), 2);
    /* What completes after all is still handed out. */
    gate_open(gate, 1);
    await_all(futures, 4);
    assert_next(completions, futures[0]);
    assert_next(completions, futures[2]);
    ep_completions_free(completions);
    unref_all(futures, 4);
    ep_executor_free(pool);
}

LOOP_TEST(the_same_one_twice_is_handed_out_once, KINDS)
{
    struct gate *gate = shared_gate();
    struct ep_executor *pool = kind_executor(_i, 1, 0);
    struct ep_future *a = submit_gate(pool, gate), *b = submit_int(pool, square_task, 1);
    struct ep_future *futures[6] = {b, a, b, a, a, b};
    struct ep_completions *completions = completions_of(futures, 6, EP_FOREVER);

    ck_assert_uint_eq(ep_completions_left(completions), 2);
    gate_open(gate, 1);
    assert_next(completions, a);
    assert_next(completions, b);
    ck_assert_int_eq(ep_completions_next(completions, &a), EP_END);
    ep_completions_free(completions);
    ep_future_unref(futures[0]);
    ep_future_unref(futures[1]);
    ep_executor_free(pool);
}

LOOP_TEST(letting_go_midway_leaves_no_trace, KINDS)
{
    struct gate *gate = shared_gate();
    struct ep_executor *pool = kind_executor(_i, 1, 0);
    struct ep_future *futures[3] = {submit_int(pool, square_task, 1), submit_gate(pool, gate),
                                    submit_int(pool, square_task, 2)};
    struct ep_completions *completions = completions_of(futures, 3, EP_FOREVER);

    assert_next(completions, futures[0]);
    gate_await(gate, 1);
    ck_assert_ptr_nonnull(futures[1]->watches);
    ck_assert_ptr_nonnull(futures[2]->watches);
    ep_completions_free(completions);
    ck_assert_ptr_null(futures[1]->watches);
    ck_assert_ptr_null(futures[2]->watches);
    for (int i = 0; i < 3; i++)
        ck_assert_uint_eq(atomic_load(&futures[i]->references) >= 1, 1);
    gate_open(gate, 1);
    await_all(futures, 3);
    unref_all(futures, 3);
    ep_executor_free(pool);
}

LOOP_TEST(cancelled_ones_are_completed, KINDS)
{
    struct gate *gate = shared_gate();
    struct ep_executor *pool = kind_executor(_i, 1, 0);
    struct ep_future *futures[3] = {submit_gate(pool, gate), submit_int(pool, square_task, 1),
                                    submit_int(pool, square_task, 2)};
    struct ep_completions *completions = completions_of(futures, 3, EP_FOREVER);

    gate_await(gate, 1);
    ck_assert_int_eq(ep_future_cancel(futures[2]), 0);
    assert_next(completions, futures[2]);
    ck_assert_int_eq(ep_executor_shutdown(pool, EP_CANCEL), 0);
    assert_next(completions, futures[1]);
    gate_open(gate, 1);
    assert_next(completions, futures[0]);
    ep_completions_free(completions);
    unref_all(futures, 3);
    ep_executor_free(pool);
}

/* The iterator alone keeps them, and each comes once. A wake-up that is lost hangs the test. */
LOOP_TEST(every_completion_is_handed_out_once, KINDS)
{
    enum { COUNT = 500 };
    struct ep_executor *pool = kind_executor(_i, 2, 0);

    for (int round = 0; round < 40; round++) {
        struct ep_future *futures[COUNT], *future;
        struct ep_completions *completions;
        bool seen[COUNT] = {false};
        int n = 0;

        for (int i = 0; i < COUNT; i++)
            futures[i] = submit_int(pool, square_task, i);
        completions = completions_of(futures, COUNT, EP_FOREVER);
        unref_all(futures, COUNT);
        for (; ep_completions_next(completions, &future) == 0; n++) {
            int i = 0;

            while (i < COUNT && futures[i] != future)
                i++;
            ck_assert_int_lt(i, COUNT);
            ck_assert(!seen[i]);
            seen[i] = true;
            ep_future_unref(future);
            futures[i] = NULL; /* its memory may serve another one soon */
        }
        ck_assert_int_eq(n, COUNT);
        ep_completions_free(completions);
    }
    ep_executor_free(pool);
}

/** A watch that fires before those of the library, and keeps its future from going further. */
struct slow_watch {
    struct watch watch; /* first, so that the two addresses are one */
    atomic_bool fired, released;
};

/** Until the test goes on, or waits for this thread: it has run into the future's lock. */
static void fire_slowly(struct watch *watch, struct ep_future *future)
{
    struct slow_watch *slow = (struct slow_watch *)watch;

    atomic_store(&slow->fired, true);
    while (!atomic_load(&slow->released) && atomic_load(&future->lock.word) != 2)
        sched_yield();
}

/* A future is done before the thread that completed it has come to the iterator. */
LOOP_TEST(what_is_done_is_found_though_it_has_not_arrived, KINDS)
{
    struct gate *gate = shared_gate();
    struct ep_executor *pool = kind_executor(_i, 1, 0);

    for (int64_t timeout_ns = 0; timeout_ns <= 1; timeout_ns++) {
        struct slow_watch slow = {.watch = {.fire = fire_slowly}};
        struct ep_future *future = submit_gate(pool, gate);
        struct ep_completions *completions = completions_of(&future, 1, timeout_ns);

        ck_assert(future_watch(future, &slow.watch));
        gate_open(gate, 1);
        while (!atomic_load(&slow.fired))
            sched_yield();
        ck_assert(ep_future_done(future));
        assert_next(completions, future);
        atomic_store(&slow.released, true);
        ck_assert(!future_unwatch(future, &slow.watch)); /* and it no longer fires */
        ep_completions_free(completions);
        ep_future_unref(future);
    }
    ep_executor_free(pool);
}

/** What a callback on the manager finds there. */
struct on_the_manager {
    struct gate held;
    struct ep_future *future;
    struct ep_completions *completions;
    int rc, rc_of_pending;
};

static void look_on_the_manager(struct ep_future *future, void *context)
{
    struct on_the_manager *it = context;
    struct ep_future *got = NULL;

    (void)future;
    sem_post(&it->held.arrived);
    while (sem_wait(&it->held.opened) != 0)
        ;
    it->rc = ep_completions_next(it->completions, &got);
    if (it->rc == 0 && got != it->future)
        it->rc = -1;
    ep_future_unref(got);
    it->rc_of_pending = ep_completions_next(it->completions, &got);
    sem_post(&it->held.arrived);
}

/* The manager is busy with a callback. What another thread has received meanwhile is done: the
 * callback finds it, although it may wait for nothing. */
TEST(what_is_done_is_found_though_the_manager_is_busy)
{
    struct gate *gate = shared_gate(), *second = shared_gate();
    struct ep_executor *pool = kind_executor(PROCESSES, 3, 0);
    struct on_the_manager it = {.rc = 1};
    struct ep_future *first = submit_gate(pool, gate), *futures[2];

    gate_init(&it.held);
    ck_assert_int_eq(ep_future_add_done_callback(first, look_on_the_manager, &it), 0);
    gate_open(gate, 1);
    gate_await(&it.held, 1);
    futures[0] = it.future = submit_int(pool, square_task, 2);
    futures[1] = submit_gate(pool, second);
    it.completions = completions_of(futures, 2, EP_FOREVER);
    ck_assert_int_eq(ep_future_result(it.future, EP_FOREVER, NULL), 0);
    gate_open(&it.held, 1);
    gate_await(&it.held, 1);
    ck_assert_int_eq(it.rc, 0);
    ck_assert_int_eq(it.rc_of_pending, -EDEADLK);
    gate_open(second, 1);
    ep_completions_free(it.completions);
    ep_future_unref(first);
    unref_all(futures, 2);
    ep_executor_free(pool);
    gate_clear(&it.held);
}
