/* SPDX-License-Identifier: MIT */
/* The words of multiprocessing.Pool. */
#include "pool/echopool-mp.h"
#include "tests/kit/kinds.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

static struct ep_pool *pool_with(int which, const struct ep_options *options)
{
    struct ep_pool *pool = NULL;

    ck_assert_int_eq(
        ep_pool_new(which == PROCESSES ? EP_POOL_PROCESSES : EP_POOL_THREADS, options, &pool), 0);
    ck_assert_ptr_nonnull(pool);
    return pool;
}

static struct ep_pool *pool_of(int which, uint32_t workers)
{
    return pool_with(which, &(struct ep_options){.workers = workers});
}

static void end(struct ep_pool *pool)
{
    ep_pool_close(pool);
    ck_assert_int_eq(ep_pool_join(pool), 0);
    ep_pool_free(pool);
}

static struct ep_async *apply_gate(struct ep_pool *pool, struct gate *gate)
{
    struct ep_async *call = NULL;

    ck_assert_int_eq(ep_pool_apply_async(pool, gate_task, &gate, sizeof gate, NULL, &call), 0);
    ck_assert_ptr_nonnull(call);
    return call;
}

static void assert_item(const struct ep_async *call, size_t index, int expected)
{
    struct ep_bytes reply;
    struct ep_error error;

    ck_assert_int_eq(ep_async_item(call, index, &reply, &error), 0);
    ck_assert_int_eq(int_of(&reply), expected);
    ck_assert(!error.failed);
}

CASE("Calls")

LOOP_TEST(apply_waits_for_its_reply, KINDS)
{
    struct ep_pool *pool = pool_of(_i, 3);

    for (int n = 0; n < 20; n++) {
        struct ep_async *call;
        struct ep_bytes reply;

        ck_assert_int_eq(ep_pool_apply(pool, square_task, &n, sizeof n, &reply, &call), 0);
        ck_assert_int_eq(int_of(&reply), n * n);
        ck_assert(ep_async_ready(call));
        ck_assert_uint_eq(ep_async_count(call), 1);
        ck_assert_int_eq(ep_async_get(call, 0, &reply), 0);
        ck_assert_int_eq(int_of(&reply), n * n);
        assert_item(call, 0, n * n);
        ep_async_free(call);
    }
    end(pool);
}

LOOP_TEST(a_call_tells_how_far_it_is, KINDS)
{
    struct gate *gate = shared_gate();
    struct ep_pool *pool = pool_of(_i, 1);
    struct ep_async *call = apply_gate(pool, gate);
    struct ep_bytes reply = {.data = &reply};
    struct ep_error error;

    gate_await(gate, 1);
    ck_assert(!ep_async_ready(call));
    ck_assert_int_eq(ep_async_successful(call), EP_ENOTREADY);
    ck_assert_int_eq(ep_async_item(call, 0, &reply, &error), EP_ENOTREADY);
    ep_async_wait(call, 0); /* no error, whatever happens */
    ep_async_wait(call, EP_MILLISECONDS(2));
    ck_assert_int_eq(ep_async_get(call, 0, &reply), -ETIMEDOUT);
    ck_assert_int_eq(ep_async_get(call, -1, &reply), -ETIMEDOUT);
    ck_assert_int_eq(ep_async_get(call, EP_MILLISECONDS(2), &reply), -ETIMEDOUT);
    ck_assert_ptr_eq(reply.data, &reply);
    gate_open(gate, 1);
    ep_async_wait(call, EP_FOREVER);
    ck_assert(ep_async_ready(call));
    ck_assert_int_eq(ep_async_successful(call), 1);
    ck_assert_int_eq(ep_async_get(call, 0, &reply), 0);
    ck_assert_ptr_null(reply.data);
    ck_assert_int_eq(ep_async_item(call, 1, &reply, &error), -EINVAL);
    ep_async_free(call);
    end(pool);
}

LOOP_TEST(a_failed_call_says_how, KINDS)
{
    struct ep_pool *pool = pool_of(_i, 1);
    struct ep_async *call;
    struct ep_error error;

    ck_assert_int_eq(ep_pool_apply(pool, fail_task, NULL, 0, NULL, &call), EP_EFAILED);
    ck_assert_int_eq(ep_async_successful(call), 0);
    ck_assert_int_eq(ep_async_item(call, 0, NULL, &error), EP_EFAILED);
    ck_assert_int_eq(error.code, 7);
    ck_assert_str_eq(error.message, "seven");
    ep_async_free(call);
    end(pool);
}

CASE("Callbacks")

/** How often each was called, and what it saw. Written by completing threads. */
struct calls {
    atomic_uint succeeded, failed;
    atomic_int value;
    pid_t pid;
};

static void on_success(struct ep_async *call, void *context)
{
    struct calls *calls = context;
    struct ep_bytes reply;

    ck_assert_int_eq(ep_async_get(call, EP_FOREVER, &reply), 0); /* ready: this does not wait */
    ck_assert_int_eq(ep_async_successful(call), 1);
    ck_assert_int_eq(getpid(), calls->pid);
    if (reply.size > 0)
        atomic_store(&calls->value, int_of(&reply));
    atomic_fetch_add(&calls->succeeded, 1);
}

static void on_failure(struct ep_async *call, void *context)
{
    struct calls *calls = context;

    ck_assert_int_ne(ep_async_get(call, EP_FOREVER, NULL), 0);
    ck_assert_int_eq(ep_async_successful(call), 0);
    ck_assert_int_eq(getpid(), calls->pid);
    atomic_fetch_add(&calls->failed, 1);
}

static void assert_calls(struct calls *calls, unsigned succeeded, unsigned failed)
{
    ck_assert_uint_eq(atomic_load(&calls->succeeded), succeeded);
    ck_assert_uint_eq(atomic_load(&calls->failed), failed);
}

LOOP_TEST(exactly_one_callback_is_called, KINDS)
{
    struct calls calls = {.pid = getpid()};
    struct ep_callbacks callbacks = {on_success, on_failure, &calls};
    struct ep_pool *pool = pool_of(_i, 2);
    struct ep_async *call;
    int n = 6;

    /* With and without a caller that keeps the call. */
    ck_assert_int_eq(ep_pool_apply_async(pool, square_task, &n, sizeof n, &callbacks, &call), 0);
    ck_assert_int_eq(ep_async_get(call, EP_FOREVER, NULL), 0);
    ep_async_free(call);
    ck_assert_int_eq(ep_pool_apply_async(pool, square_task, &n, sizeof n, &callbacks, NULL), 0);
    ck_assert_int_eq(ep_pool_apply_async(pool, fail_task, NULL, 0, &callbacks, NULL), 0);
    callbacks = (struct ep_callbacks){0};
    ck_assert_int_eq(ep_pool_apply_async(pool, square_task, &n, sizeof n, &callbacks, NULL), 0);
    ck_assert_int_eq(ep_pool_apply_async(pool, fail_task, NULL, 0, &callbacks, NULL), 0);
    ep_pool_close(pool);
    ck_assert_int_eq(ep_pool_join(pool), 0); /* also for the callbacks */
    assert_calls(&calls, 2, 1);
    ck_assert_int_eq(atomic_load(&calls.value), 36);
    ep_pool_free(pool);
}

CASE("Maps")

LOOP_TEST(a_map_calls_back_once, KINDS)
{
    struct calls calls = {.pid = getpid()};
    struct ep_callbacks callbacks = {on_success, on_failure, &calls};
    struct ep_pool *pool = pool_of(_i, 2);
    int numbers[100];
    struct ep_async *call;

    for (int i = 0; i < 100; i++)
        numbers[i] = i + 5;
    ck_assert_int_eq(
        ep_pool_map_async(pool, square_task, numbers, sizeof *numbers, 100, 3, &callbacks, NULL),
        0);
    ck_assert_int_eq(
        ep_pool_map_async(pool, fail_task, numbers, sizeof *numbers, 100, 3, &callbacks, &call), 0);
    ck_assert_int_eq(ep_async_get(call, EP_FOREVER, NULL), EP_EFAILED);
    ep_async_free(call);
    ep_pool_close(pool);
    ck_assert_int_eq(ep_pool_join(pool), 0);
    assert_calls(&calls, 1, 1);
    ck_assert_int_eq(atomic_load(&calls.value), 25);
    ep_pool_free(pool);
}

/** Threads only: the pool it should submit to. */
struct from_callback {
    struct ep_pool *pool;
    int apply, apply_async, join;
    atomic_uint done;
};

static void submit_from_callback(struct ep_async *call, void *context)
{
    struct from_callback *from = context;
    struct ep_async *inner;

    from->apply = ep_pool_apply(from->pool, nothing_task, NULL, 0, NULL, &inner);
    from->apply_async = ep_pool_apply_async(from->pool, nothing_task, NULL, 0, NULL, NULL);
    ep_pool_terminate(from->pool); /* in Python this hangs */
    from->join = ep_pool_join(from->pool);
    ep_async_free(inner);
    ck_assert(ep_async_ready(call));
    atomic_store(&from->done, 1);
}

TEST(a_callback_may_submit_and_terminate)
{
    struct gate *gate = shared_gate();
    struct from_callback from = {.pool = pool_of(THREADS, 1)};
    struct ep_callbacks callbacks = {submit_from_callback, submit_from_callback, &from};

    ck_assert_int_eq(
        ep_pool_apply_async(from.pool, gate_task, &gate, sizeof gate, &callbacks, NULL), 0);
    gate_open(gate, 1); /* the callback was there before: it runs in the worker */
    while (ep_pool_join(from.pool) == -EINVAL)
        sched_yield(); /* until the callback has terminated the pool */
    ck_assert_uint_eq(atomic_load(&from.done), 1);
    ck_assert_int_eq(from.apply, 0); /* the worker has run it */
    ck_assert_int_eq(from.apply_async, 0);
    ck_assert_int_eq(from.join, -EDEADLK);
    ep_pool_free(from.pool);
}

static void wait_from_callback(struct ep_async *call, void *context)
{
    struct from_callback *from = context;
    struct ep_async *inner;

    (void)call;
    from->apply = ep_pool_apply(from->pool, nothing_task, NULL, 0, NULL, &inner);
    from->apply_async = ep_pool_apply_async(from->pool, nothing_task, NULL, 0, NULL, &inner);
    ep_async_wait(inner, EP_FOREVER); /* returns */
    from->join = ep_async_get(inner, EP_FOREVER, NULL);
    ep_async_free(inner);
    atomic_store(&from->done, 1);
}

/* Of a pool of processes it is the manager who would make the inner call ready. */
TEST(a_callback_on_the_manager_does_not_wait)
{
    struct gate *gate = shared_gate();
    struct from_callback from = {.pool = pool_of(PROCESSES, 1)};
    struct ep_callbacks callbacks = {wait_from_callback, wait_from_callback, &from};

    ck_assert_int_eq(
        ep_pool_apply_async(from.pool, gate_task, &gate, sizeof gate, &callbacks, NULL), 0);
    gate_open(gate, 1);
    while (atomic_load(&from.done) == 0)
        sched_yield();
    end(from.pool);
    ck_assert_int_eq(from.apply, -EDEADLK);
    ck_assert_int_eq(from.apply_async, 0);
    ck_assert_int_eq(from.join, -EDEADLK);
}

/** Two calls of which the second is done, and a third that says so by having begun. */
struct from_first {
    atomic_uint *begun;
    struct ep_async *second;
    int get;
    atomic_uint done;
};

static void await_three_begun(struct ep_async *call, void *context)
{
    struct from_first *from = context;

    (void)call;
    while (atomic_load(from->begun) < 3)
        sched_yield();
}

static void get_second(struct ep_async *call, void *context)
{
    struct from_first *from = context;

    (void)call;
    from->get = ep_async_get(from->second, EP_FOREVER, NULL);
    atomic_store(&from->done, 1);
}

TEST(a_callback_on_the_manager_does_not_wait_for_what_is_done)
{
    struct gate *gate = shared_gate();
    struct from_first from = {.begun = shared_memory(sizeof *from.begun)};
    struct ep_options options = {.workers = 1, .prefetch = 3};
    struct ep_pool *pool = pool_with(PROCESSES, &options);
    struct ep_callbacks hold = {await_three_begun, NULL, &from}, get = {get_second, NULL, &from};

    ck_assert_int_eq(ep_pool_apply_async(pool, gate_task, &gate, sizeof gate, &hold, NULL), 0);
    gate_await(gate, 1);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(ep_pool_apply_async(pool, count_task, &from.begun, sizeof from.begun,
                                             i == 0 ? &get : NULL, i == 1 ? &from.second : NULL),
                         0);
    gate_open(gate, 1);
    while (atomic_load(&from.done) == 0)
        sched_yield();
    ck_assert_int_eq(from.get, -EDEADLK);
    end(pool);
    ep_async_free(from.second);
}

LOOP_TEST(map_keeps_the_order, KINDS)
{
    struct ep_pool *pool = pool_of(_i, 3);
    int numbers[20];

    for (int i = 0; i < 20; i++)
        numbers[i] = i;
    for (size_t chunk = 0; chunk < 23; chunk++) {
        struct ep_async *call;
        struct ep_bytes reply;

        ck_assert_int_eq(ep_pool_map(pool, square_task, numbers, sizeof *numbers, 20, chunk, &call),
                         0);
        ck_assert_uint_eq(ep_async_count(call), 20);
        for (int i = 0; i < 20; i++)
            assert_item(call, (size_t)i, i * i);
        ck_assert_int_eq(ep_async_item(call, 20, &reply, NULL), -EINVAL);
        ep_async_free(call);
    }
    end(pool);
}

LOOP_TEST(map_makes_chunks_as_python_does, KINDS)
{
    static const int numbers[100] = {0};
    struct ep_pool *pool = pool_of(_i, 2);
    struct ep_async *call;
    struct ep_stats stats;

    ck_assert_int_eq(ep_pool_map(pool, square_task, numbers, sizeof *numbers, 100, 0, &call), 0);
    ep_async_free(call);
    ep_executor_stats(ep_pool_executor(pool), &stats);
    ck_assert_uint_eq(stats.accepted, 8); /* ceil(100 / (4 * 2)) = 13 a chunk */
    end(pool);
}

LOOP_TEST(an_empty_map_is_ready_at_once, KINDS)
{
    struct calls calls = {.pid = getpid()};
    struct ep_callbacks callbacks = {on_success, on_failure, &calls};
    struct ep_pool *pool = pool_of(_i, 1);
    struct ep_async *call;
    struct ep_bytes reply = {.size = 1};

    ck_assert_int_eq(ep_pool_map_async(pool, square_task, NULL, 4, 0, 0, &callbacks, &call), 0);
    ck_assert(ep_async_ready(call));
    ck_assert_int_eq(ep_async_successful(call), 1);
    ck_assert_int_eq(ep_async_get(call, 0, &reply), 0);
    ck_assert_uint_eq(reply.size, 0);
    ck_assert_uint_eq(ep_async_count(call), 0);
    ck_assert_int_eq(ep_async_item(call, 0, NULL, NULL), -EINVAL);
    assert_calls(&calls, 1, 0);
    ep_async_free(call);
    end(pool);
}

/** Fails for 1 and for 3, and says the number; counts every call. */
struct counted {
    int n;
    struct gate *gate; /* NULL: pass */
    atomic_uint *ran;
};

static int fail_odd_task(struct ep_task *task)
{
    const struct counted *counted = ep_task_input(task, NULL);

    if (counted->gate != NULL)
        while (sem_wait(&counted->gate->opened) != 0)
            ;
    atomic_fetch_add(counted->ran, 1);
    if (counted->n % 2 == 1)
        return ep_task_fail(task, counted->n, "odd");
    return ep_task_reply(task, &counted->n, sizeof counted->n);
}

/* It waits for all, though the first to fail is long done, and tells of the earliest. */
LOOP_TEST(a_failing_element_does_not_hurry_the_map, KINDS)
{
    struct gate *gate = shared_gate();
    atomic_uint *ran = shared_memory(sizeof *ran);
    struct ep_pool *pool = pool_of(_i, 2);
    struct counted inputs[5] = {
        {0, NULL, ran}, {1, gate, ran}, {2, NULL, ran}, {3, NULL, ran}, {4, NULL, ran}};
    struct ep_async *call;
    struct ep_error error;

    ck_assert_int_eq(
        ep_pool_map_async(pool, fail_odd_task, inputs, sizeof *inputs, 5, 1, NULL, &call), 0);
    ck_assert_int_eq(ep_async_get(call, EP_MILLISECONDS(20), NULL), -ETIMEDOUT);
    gate_open(gate, 1);
    ck_assert_int_eq(ep_async_get(call, EP_FOREVER, NULL), EP_EFAILED);
    ck_assert_uint_eq(atomic_load(ran), 5);
    for (int i = 0; i < 5; i++) {
        if (i % 2 == 0) {
            assert_item(call, (size_t)i, i);
            continue;
        }
        ck_assert_int_eq(ep_async_item(call, (size_t)i, NULL, &error), EP_EFAILED);
        ck_assert_int_eq(error.code, i);
        ck_assert_str_eq(error.message, "odd");
    }
    ep_async_free(call);
    end(pool);
}

static int add_task(struct ep_task *task)
{
    const int *n = ep_task_input(task, NULL);
    int sum = n[0] + n[1];

    return ep_task_reply(task, &sum, sizeof sum);
}

LOOP_TEST(starmap_unpacks_its_columns, KINDS)
{
    static const int a[] = {1, 2, 3}, b[] = {5, 6, 7};
    static const struct ep_column columns[] = {{a, sizeof *a}, {b, sizeof *b}};
    struct ep_pool *pool = pool_of(_i, 2);
    struct ep_async *calls[2];

    ck_assert_int_eq(ep_pool_starmap(pool, add_task, columns, 2, 3, 0, &calls[0]), 0);
    ck_assert_int_eq(ep_pool_starmap_async(pool, add_task, columns, 2, 3, 2, NULL, &calls[1]), 0);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(ep_async_get(calls[i], EP_FOREVER, NULL), 0);
        assert_item(calls[i], 0, 6);
        assert_item(calls[i], 1, 8);
        assert_item(calls[i], 2, 10);
        ep_async_free(calls[i]);
    }
    end(pool);
}

CASE("Iterators")

/** Counts from 0 to `end`, or for ever where that is negative; then returns `ending`. */
struct counting {
    int next, end, ending, current;
};

static int count_up(void *context, struct ep_bytes *input)
{
    struct counting *counting = context;

    if (counting->next == counting->end)
        return counting->ending;
    counting->current = counting->next++;
    *input = (struct ep_bytes){&counting->current, sizeof counting->current};
    return 1;
}

LOOP_TEST(imap_keeps_the_order_and_ends_again_and_again, KINDS)
{
    struct ep_pool *pool = pool_of(_i, 3);

    for (size_t chunk = 0; chunk < 9; chunk += 4) {
        struct counting counting = {.end = 30};
        struct ep_map *map;
        struct ep_bytes reply;

        ck_assert_int_eq(ep_pool_imap(pool, square_task, count_up, &counting, chunk, 0, &map), 0);
        for (int n = 0; n < 30; n++) {
            ck_assert_int_eq(ep_imap_next(map, EP_FOREVER, &reply), 0);
            ck_assert_int_eq(int_of(&reply), n * n);
        }
        for (int i = 0; i < 3; i++)
            ck_assert_int_eq(ep_imap_next(map, EP_FOREVER, &reply), EP_END);
        ep_map_free(map);
    }
    end(pool);
}

LOOP_TEST(imap_unordered_is_a_permutation, KINDS)
{
    struct ep_pool *pool = pool_of(_i, 3);
    struct counting counting = {.end = 200};
    bool seen[200] = {false};
    struct ep_map *map;
    struct ep_bytes reply;

    ck_assert_int_eq(ep_pool_imap_unordered(pool, square_task, count_up, &counting, 7, 21, &map),
                     0);
    for (int i = 0; i < 200; i++) {
        int n = 0, square;

        ck_assert_int_eq(ep_imap_next(map, EP_FOREVER, &reply), 0);
        square = int_of(&reply);
        while (n * n < square)
            n++;
        ck_assert_int_lt(n, 200);
        ck_assert(!seen[n]);
        seen[n] = true;
    }
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(ep_imap_next(map, EP_FOREVER, &reply), EP_END);
    ep_map_free(map);
    end(pool);
}

LOOP_TEST(a_next_that_times_out_can_be_asked_again, KINDS)
{
    struct gate *gate = shared_gate();
    struct ep_pool *pool = pool_of(_i, 1);

    for (int unordered = 0; unordered < 2; unordered++) {
        struct ep_async *held = apply_gate(pool, gate);
        struct counting counting = {.end = 3};
        struct ep_map *map;
        struct ep_bytes reply;

        ck_assert_int_eq((unordered ? ep_pool_imap_unordered : ep_pool_imap)(
                             pool, square_task, count_up, &counting, 0, 0, &map),
                         0);
        ck_assert_int_eq(ep_imap_next(map, 0, &reply), -ETIMEDOUT);
        ck_assert_int_eq(ep_imap_next(map, EP_MILLISECONDS(2), &reply), -ETIMEDOUT);
        gate_open(gate, 1);
        for (int n = 0; n < 3; n++) {
            ck_assert_int_eq(ep_imap_next(map, EP_FOREVER, &reply), 0);
            ck_assert_int_eq(int_of(&reply), n * n);
        }
        ck_assert_int_eq(ep_imap_next(map, 0, &reply), EP_END);
        ep_map_free(map);
        ck_assert_int_eq(ep_async_get(held, EP_FOREVER, NULL), 0);
        ep_async_free(held);
    }
    end(pool);
}

/* The result is there, but the next input finds no room: that is no reason to wait for the room. */
LOOP_TEST(a_result_does_not_wait_for_room, KINDS)
{
    struct gate *gate = shared_gate();
    struct ep_pool *pool = pool_with(_i, &(struct ep_options){.workers = 1, .queue = 1});
    struct ep_executor *executor = ep_pool_executor(pool);

    for (int unordered = 0; unordered < 2; unordered++) {
        struct counting counting = {.end = 5};
        struct ep_async *held[2];
        struct ep_map *map;
        struct ep_bytes reply;

        ck_assert_int_eq((unordered ? ep_pool_imap_unordered : ep_pool_imap)(
                             pool, square_task, count_up, &counting, 1, 1, &map),
                         0);
        ck_assert_int_eq(ep_executor_wait_idle(executor, EP_FOREVER), 0);
        held[0] = apply_gate(pool, gate);
        held[1] = apply_gate(pool, gate);
        ck_assert_int_eq(ep_imap_next(map, EP_MILLISECONDS(1), &reply), 0);
        ck_assert_int_eq(int_of(&reply), 0);
        ck_assert_int_eq(ep_imap_next(map, 0, &reply), -ETIMEDOUT);
        ck_assert_int_eq(ep_imap_next(map, EP_MILLISECONDS(1), &reply), -ETIMEDOUT);
        gate_open(gate, 2);
        for (int n = 1; n < 5; n++) { /* an input that found no room is not lost */
            ck_assert_int_eq(ep_imap_next(map, n % 2 ? EP_FOREVER : EP_SECONDS(50), &reply), 0);
            ck_assert_int_eq(int_of(&reply), n * n);
        }
        ck_assert_int_eq(ep_imap_next(map, 0, &reply), EP_END);
        ep_map_free(map);
        for (int i = 0; i < 2; i++) {
            ck_assert_int_eq(ep_async_get(held[i], EP_FOREVER, NULL), 0);
            ep_async_free(held[i]);
        }
    }
    end(pool);
}

LOOP_TEST(a_failing_source_ends_imap_and_spares_the_pool, KINDS)
{
    struct ep_pool *pool = pool_of(_i, 2);
    struct counting counting = {.end = 7, .ending = -EIO};
    struct ep_map *map;
    struct ep_bytes reply;
    struct ep_async *call;

    ck_assert_int_eq(ep_pool_imap(pool, square_task, count_up, &counting, 4, 0, &map), 0);
    for (int n = 0; n < 7; n++)
        ck_assert_int_eq(ep_imap_next(map, EP_FOREVER, &reply), 0);
    ck_assert_int_eq(ep_imap_next(map, EP_FOREVER, &reply), -EIO);
    ck_assert_int_eq(ep_imap_next(map, EP_FOREVER, &reply), EP_END);
    ep_map_free(map);
    ck_assert_int_eq(ep_pool_apply(pool, nothing_task, NULL, 0, NULL, &call), 0);
    ep_async_free(call);
    end(pool);
}

LOOP_TEST(imap_serves_an_endless_source, KINDS)
{
    struct ep_pool *pool = pool_of(_i, 2);
    struct counting endless = {.end = -1};
    struct ep_map *map;
    struct ep_bytes reply;

    ck_assert_int_eq(ep_pool_imap(pool, square_task, count_up, &endless, 2, 6, &map), 0);
    for (int n = 0; n < 100; n++) {
        ck_assert_int_le(endless.next, n + 6);
        ck_assert_int_eq(ep_imap_next(map, EP_FOREVER, &reply), 0);
        ck_assert_int_eq(int_of(&reply), n * n);
    }
    ep_map_free(map);
    end(pool);
}

CASE("Ending")

LOOP_TEST(join_wants_an_end_first, 2 * KINDS)
{
    struct ep_pool *pool = pool_of(_i % KINDS, 1);

    ck_assert_int_eq(ep_pool_join(pool), -EINVAL);
    if (_i < KINDS)
        ep_pool_close(pool);
    else
        ep_pool_terminate(pool);
    ck_assert_int_eq(ep_pool_join(pool), 0);
    ck_assert_int_eq(ep_pool_join(pool), 0);
    ep_pool_free(pool);
    ep_pool_free(NULL);
}

/* The seed closes the pool in its loop: the second submission must say so. */
LOOP_TEST(a_closed_pool_takes_no_more, KINDS)
{
    struct calls calls = {.pid = getpid()};
    struct ep_callbacks callbacks = {on_success, on_failure, &calls};
    struct ep_pool *pool = pool_of(_i, 3);
    struct counting none = {.end = 0};
    struct ep_async *call;
    struct ep_map *map = NULL;
    int n = 0;

    ck_assert_int_eq(ep_pool_apply_async(pool, square_task, &n, sizeof n, &callbacks, NULL), 0);
    ep_pool_close(pool);
    ep_pool_close(pool);
    call = (struct ep_async *)&calls;
    ck_assert_int_eq(ep_pool_apply_async(pool, square_task, &n, sizeof n, &callbacks, &call),
                     EP_ESHUTDOWN);
    ck_assert_ptr_null(call);
    ck_assert_int_eq(ep_pool_apply(pool, square_task, &n, sizeof n, NULL, &call), EP_ESHUTDOWN);
    ck_assert_int_eq(ep_pool_map(pool, square_task, &n, sizeof n, 1, 0, &call), EP_ESHUTDOWN);
    ck_assert_int_eq(ep_pool_map(pool, square_task, &n, sizeof n, 0, 0, &call), EP_ESHUTDOWN);
    ck_assert_int_eq(ep_pool_imap(pool, square_task, count_up, &none, 0, 0, &map), EP_ESHUTDOWN);
    ck_assert_ptr_null(map);
    ck_assert_int_eq(ep_pool_join(pool), 0);
    assert_calls(&calls, 1, 0);
    ep_pool_free(pool);
}

TEST(terminating_leaves_ten_thousand_undone)
{
    struct gate *gate = shared_gate();
    atomic_uint *counter = shared_memory(sizeof *counter);
    struct ep_pool *pool = pool_of(THREADS, 2);
    struct ep_async *held[2] = {apply_gate(pool, gate), apply_gate(pool, gate)};
    struct ep_async *last = NULL;

    gate_await(gate, 2);
    for (int i = 0; i < 10000; i++) {
        ep_async_free(last);
        ck_assert_int_eq(
            ep_pool_apply_async(pool, count_task, &counter, sizeof counter, NULL, &last), 0);
    }
    ep_pool_terminate(pool);
    gate_open(gate, 2);
    ck_assert_int_eq(ep_pool_join(pool), 0);
    ck_assert_uint_eq(atomic_load(counter), 0);
    ck_assert_int_eq(ep_async_get(last, 0, NULL), EP_ECANCELLED);
    ck_assert_int_eq(ep_async_get(held[0], 0, NULL), 0);
    ep_async_free(held[0]);
    ep_async_free(held[1]);
    ep_pool_free(pool);
    ck_assert(ep_async_ready(last)); /* calls outlive their pool */
    ep_async_free(last);
}

/** A call that waits behind a gate, which opens when that call is ready. */
struct stuck {
    struct gate *gate;
    struct ep_async *call;
};

static void *open_when_ready(void *context)
{
    struct stuck *stuck = context;

    ep_async_wait(stuck->call, EP_FOREVER);
    gate_open(stuck->gate, 1);
    return NULL;
}

/* If it waited for what it has accepted, it would wait for ever. */
TEST(leaving_a_pool_terminates_it)
{
    struct calls calls = {.pid = getpid()};
    struct ep_callbacks callbacks = {on_success, on_failure, &calls};
    struct stuck stuck = {.gate = shared_gate()};
    struct ep_pool *pool = pool_of(THREADS, 1);
    struct ep_async *held = apply_gate(pool, stuck.gate);
    pthread_t opener;
    int n = 1;

    gate_await(stuck.gate, 1);
    ck_assert_int_eq(ep_pool_apply_async(pool, square_task, &n, sizeof n, &callbacks, &stuck.call),
                     0);
    ck_assert_int_eq(pthread_create(&opener, NULL, open_when_ready, &stuck), 0);
    ep_pool_free(pool);
    pthread_join(opener, NULL);
    assert_calls(&calls, 0, 1);
    ck_assert_int_eq(ep_async_get(stuck.call, 0, NULL), EP_ECANCELLED);
    ck_assert_int_eq(ep_async_get(held, 0, NULL), 0);
    ep_async_free(stuck.call);
    ep_async_free(held);
}

static int count_initializations(void *context, unsigned worker)
{
    (void)worker;
    atomic_fetch_add((atomic_uint *)context, 1);
    return 0;
}

LOOP_TEST(the_initializer_runs_once_in_each_worker, KINDS)
{
    atomic_uint *counter = shared_memory(sizeof *counter);
    struct ep_options options = {
        .workers = 3, .initialize = count_initializations, .context = counter};
    struct ep_pool *pool = pool_with(_i, &options);

    for (int n = 0; n < 50; n++)
        ck_assert_int_eq(ep_pool_apply_async(pool, square_task, &n, sizeof n, NULL, NULL), 0);
    end(pool);
    ck_assert_uint_eq(atomic_load(counter), 3);
}

TEST(nonsense_is_refused)
{
    struct ep_options options = {.workers = 1, .when_full = EP_REJECT};
    struct ep_pool *pool = NULL;
    struct ep_async *call;
    struct ep_map *map;
    int n = 1;

    ck_assert_int_eq(ep_pool_new(EP_POOL_THREADS, &options, &pool), -EINVAL);
    ck_assert_int_eq(ep_pool_new((enum ep_pool_kind)2, NULL, &pool), -EINVAL);
    ck_assert_int_eq(ep_pool_new(EP_POOL_THREADS, NULL, NULL), -EINVAL);
    ck_assert_ptr_null(pool);
    pool = pool_of(THREADS, 1);
    ck_assert_int_eq(ep_pool_apply(NULL, nothing_task, NULL, 0, NULL, &call), -EINVAL);
    ck_assert_int_eq(ep_pool_apply(pool, nothing_task, NULL, 0, NULL, NULL), -EINVAL);
    ck_assert_int_eq(ep_pool_apply(pool, NULL, NULL, 0, NULL, &call), -EINVAL);
    ck_assert_int_eq(ep_pool_apply_async(pool, nothing_task, NULL, 1, NULL, &call), -EINVAL);
    ck_assert_int_eq(ep_pool_map(pool, NULL, &n, sizeof n, 1, 0, &call), -EINVAL);
    ck_assert_int_eq(ep_pool_map(pool, square_task, NULL, 1, 1, 0, &call), -EINVAL);
    ck_assert_int_eq(ep_pool_imap(NULL, square_task, count_up, &n, 0, 0, &map), -EINVAL);
    ck_assert_int_eq(ep_pool_imap(pool, square_task, NULL, &n, 0, 0, &map), -EINVAL);
    ck_assert_ptr_null(call);
    ep_async_free(NULL);
    end(pool);
}

/** Threads only: what a task got that calls its own pool. */
struct own_call {
    struct ep_pool *pool;
    struct ep_async *pending; /* behind the task in the queue */
    int get, apply, map;
};

static int call_own_pool(struct ep_task *task)
{
    struct own_call *own = *(struct own_call *const *)ep_task_input(task, NULL);
    struct ep_async *call;
    int n = 1;

    own->get = ep_async_get(own->pending, EP_FOREVER, NULL);
    own->apply = ep_pool_apply(own->pool, square_task, &n, sizeof n, NULL, &call);
    ep_async_free(call);
    own->map = ep_pool_map(own->pool, square_task, &n, sizeof n, 1, 0, &call);
    ep_async_free(call);
    return 0;
}

TEST(a_worker_does_its_part)
{
    struct gate *gate = shared_gate();
    struct own_call own = {.pool = pool_of(THREADS, 1)}, *address = &own;
    struct ep_async *held = apply_gate(own.pool, gate), *asking;
    struct ep_stats stats;

    ck_assert_int_eq(
        ep_pool_apply_async(own.pool, call_own_pool, &address, sizeof address, NULL, &asking), 0);
    ck_assert_int_eq(ep_pool_apply_async(own.pool, nothing_task, NULL, 0, NULL, &own.pending), 0);
    gate_open(gate, 1);
    ck_assert_int_eq(ep_async_get(asking, EP_FOREVER, NULL), 0);
    ck_assert_int_eq(own.get, 0);
    ck_assert_int_eq(own.apply, 0);
    ck_assert_int_eq(own.map, 0);
    ck_assert_int_eq(ep_async_get(own.pending, EP_FOREVER, NULL), 0);
    ep_executor_stats(ep_pool_executor(own.pool), &stats);
    ck_assert_uint_eq(stats.accepted, 5);
    ep_async_free(held);
    ep_async_free(asking);
    ep_async_free(own.pending);
    end(own.pool);
}

/** Threads only: pass the gate, then fail. */
static int gate_and_fail_task(struct ep_task *task)
{
    gate_task(task);
    return ep_task_fail(task, 1, "the first");
}

TEST(the_earliest_failure_is_that_of_the_map)
{
    struct gate *gate = shared_gate(), *gates[3] = {gate, gate, gate};
    struct ep_pool *pool = pool_of(THREADS, 1);
    struct ep_async *call;

    ck_assert_int_eq(
        ep_pool_map_async(pool, gate_and_fail_task, gates, sizeof *gates, 3, 3, NULL, &call), 0);
    gate_await(gate, 1);
    ep_pool_terminate(pool);
    gate_open(gate, 1);
    ck_assert_int_eq(ep_async_get(call, EP_FOREVER, NULL), EP_EFAILED);
    ck_assert_int_eq(ep_async_item(call, 0, NULL, NULL), EP_EFAILED);
    ck_assert_int_eq(ep_async_item(call, 2, NULL, NULL), EP_ECANCELLED);
    ep_async_free(call);
    ep_pool_free(pool);
}

/* A pool that is closed while a map is being submitted: all of it, or an error and no callback. */

static void *close_pool(void *pool)
{
    ep_pool_close(pool);
    return NULL;
}

TEST(a_map_that_meets_the_end_is_whole_or_refused)
{
    static const int numbers[200] = {0};

    for (int round = 0; round < 100; round++) {
        struct calls calls = {.pid = getpid()};
        struct ep_callbacks callbacks = {on_success, on_failure, &calls};
        struct ep_pool *pool = pool_of(THREADS, 2);
        pthread_t closer;
        struct ep_async *call;
        int rc;

        ck_assert_int_eq(pthread_create(&closer, NULL, close_pool, pool), 0);
        rc = ep_pool_map_async(pool, square_task, numbers, sizeof *numbers, 200, 1, &callbacks,
                               &call);
        pthread_join(closer, NULL);
        ck_assert_int_eq(ep_pool_join(pool), 0);
        if (rc == 0) {
            ck_assert_int_eq(ep_async_get(call, 0, NULL), 0);
        } else {
            ck_assert_int_eq(rc, EP_ESHUTDOWN);
            ck_assert_ptr_null(call);
        }
        assert_calls(&calls, rc == 0, 0);
        ep_async_free(call);
        ep_pool_free(pool);
    }
}
