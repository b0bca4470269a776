/* SPDX-License-Identifier: MIT */
/* Maps: order, chunks, failures, time limits, looking ahead. */
#include "pool/echopool.h"
#include "pool/future-internal.h"
#include "pool/task-internal.h"
#include "tests/kit/kinds.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- Sources and tasks --------------------------------------------------------------------- */

/** Counts from 0 to `end`, or for ever where that is negative; then returns `ending`. */
struct counting {
    int next;
    int end;
    int ending;
};

static int count_up(void *context, struct ep_bytes *input)
{
    struct counting *counting = context;
    static int n; /* copied before the next call, as the header says */

    if (counting->next == counting->end)
        return counting->ending;
    n = counting->next++;
    *input = (struct ep_bytes){&n, sizeof n};
    return 1;
}

static struct ep_map *map_counting(struct ep_executor *pool, ep_task_fn fn,
                                   struct counting *counting, const struct ep_map_options *options)
{
    struct ep_map *map = NULL;

    ck_assert_int_eq(ep_map(pool, fn, count_up, counting, options, &map), 0);
    ck_assert_ptr_nonnull(map);
    return map;
}

static void assert_int(struct ep_map *map, int expected)
{
    struct ep_bytes reply;

    ck_assert_int_eq(ep_map_next(map, &reply), 0);
    ck_assert_int_eq(int_of(&reply), expected);
}

static void assert_end(struct ep_map *map)
{
    struct ep_bytes reply;
    struct ep_error error;

    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(ep_map_next(map, &reply), EP_END);
    ep_map_error(map, &error);
    ck_assert(!error.failed);
    ck_assert_str_eq(error.message, "");
}

/** Add one to a counter whose address is the input; the counter is shared. */
static struct ep_column column_of(atomic_uint *const *counter)
{
    return (struct ep_column){.elements = counter, .size = sizeof *counter};
}

/** Its input: a gate, or NULL to pass freely, and a number to reply with. */
struct gated {
    struct gate *gate;
    int n;
    atomic_uint *ran;
};

static int gated_task(struct ep_task *task)
{
    const struct gated *gated = ep_task_input(task, NULL);

    if (gated->gate != NULL) {
        sem_post(&gated->gate->arrived);
        while (sem_wait(&gated->gate->opened) != 0)
            ;
    }
    if (gated->ran != NULL)
        atomic_fetch_add(gated->ran, 1);
    return ep_task_reply(task, &gated->n, sizeof gated->n);
}

static struct ep_map *map_gated(struct ep_executor *pool, const struct gated *inputs, size_t count,
                                const struct ep_map_options *options)
{
    struct ep_column column = {.elements = inputs, .size = sizeof *inputs};
    struct ep_map *map = NULL;

    ck_assert_int_eq(ep_map_columns(pool, gated_task, &column, 1, count, options, &map), 0);
    return map;
}

CASE("Core")

LOOP_TEST(results_come_in_the_order_of_the_inputs, KINDS)
{
    static const size_t chunks[] = {0, 1, 3, 6, 20, 21, EP_CHUNK_AUTO, SIZE_MAX - 1};
    struct ep_executor *pool = kind_executor(_i, 3, 0);

    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
        struct ep_map_options options = {.chunk = chunks[i], .count = 20};
        struct counting counting = {.end = 20};
        struct ep_map *map = map_counting(pool, square_task, &counting, &options);

        for (int n = 0; n < 20; n++)
            assert_int(map, n * n);
        assert_end(map);
        ep_map_free(map);
    }
    ep_executor_free(pool);
}

/** "1 + 5 = 6", out of two ints that lie side by side. */
static int add_task(struct ep_task *task)
{
    const int *n = ep_task_input(task, NULL);
    char text[64];

    snprintf(text, sizeof text, "%d + %d = %d", n[0], n[1], n[0] + n[1]);
    return ep_task_reply(task, text, strlen(text) + 1);
}

LOOP_TEST(several_inputs_travel_side_by_side, KINDS)
{
    static const int a[] = {1, 2, 3}, b[] = {5, 6, 7};
    static const struct ep_column columns[] = {{a, sizeof *a}, {b, sizeof *b}, {NULL, 0}};
    static const char *const expected[] = {"1 + 5 = 6", "2 + 6 = 8", "3 + 7 = 10"};
    struct ep_executor *pool = kind_executor(_i, 2, 0);

    for (size_t chunk = 1; chunk < 4; chunk++) {
        struct ep_map_options options = {.chunk = chunk};
        struct ep_bytes reply;
        struct ep_map *map;

        ck_assert_int_eq(ep_map_columns(pool, add_task, columns, 3, 3, &options, &map), 0);
        for (int i = 0; i < 3; i++) {
            ck_assert_int_eq(ep_map_next(map, &reply), 0);
            ck_assert_str_eq(reply.data, expected[i]);
        }
        assert_end(map);
        ep_map_free(map);
    }
    ep_executor_free(pool);
}

LOOP_TEST(nothing_in_nothing_out, KINDS)
{
    struct ep_executor *pool = kind_executor(_i, 1, 0);
    struct ep_map_options options = {.chunk = EP_CHUNK_AUTO};
    struct ep_column column = {.elements = NULL, .size = 4};
    struct counting counting = {.end = 0};
    struct ep_map *map = map_counting(pool, square_task, &counting, &options);

    assert_end(map);
    ep_map_free(map);
    ck_assert_int_eq(ep_map_columns(pool, square_task, &column, 1, 0, &options, &map), 0);
    assert_end(map);
    ep_map_free(map);
    ep_map_free(NULL);
    ep_executor_free(pool);
}

TEST(nonsense_is_refused)
{
    struct ep_executor *pool = executor_of(1, 1, EP_BLOCK);
    struct counting counting = {.end = 3};
    struct ep_column without = {.elements = NULL, .size = 4};
    struct ep_column huge[] = {{"", SIZE_MAX / 2}, {"", SIZE_MAX / 2}};
    struct ep_map *map = NULL;

    ck_assert_int_eq(ep_map(NULL, square_task, count_up, &counting, NULL, &map), -EINVAL);
    ck_assert_int_eq(ep_map(pool, NULL, count_up, &counting, NULL, &map), -EINVAL);
    ck_assert_int_eq(ep_map(pool, square_task, NULL, &counting, NULL, &map), -EINVAL);
    ck_assert_int_eq(ep_map(pool, square_task, count_up, &counting, NULL, NULL), -EINVAL);
    ck_assert_int_eq(ep_map_columns(pool, square_task, NULL, 1, 1, NULL, &map), -EINVAL);
    ck_assert_int_eq(ep_map_columns(pool, square_task, &without, 0, 1, NULL, &map), -EINVAL);
    ck_assert_int_eq(ep_map_columns(pool, square_task, &without, 1, 1, NULL, &map), -EINVAL);
    ck_assert_int_eq(ep_map_columns(pool, square_task, huge, 2, 1, NULL, &map), -EINVAL);
    ck_assert_ptr_null(map);
    ck_assert_int_eq(counting.next, 0);
    ep_executor_shutdown(pool, 0);
    ck_assert_int_eq(ep_map(pool, square_task, count_up, &counting, NULL, &map), EP_ESHUTDOWN);
    ck_assert_ptr_null(map);
    ep_executor_free(pool);
}

/* The seed that maps and never looks at the results: they must be computed all the same. */
LOOP_TEST(everything_is_submitted_at_the_call, KINDS)
{
    struct gate *gate = shared_gate();
    atomic_uint *counter = shared_memory(sizeof *counter);
    atomic_uint *counters[30];
    struct ep_executor *pool = kind_executor(_i, 1, 64);
    struct ep_column column = column_of(counters);
    struct ep_stats stats;
    struct ep_map *map;

    for (int i = 0; i < 30; i++)
        counters[i] = counter;
    gate_occupy(pool, gate, 1);
    ck_assert_int_eq(ep_map_columns(pool, count_task, &column, 1, 30, NULL, &map), 0);
    ep_executor_stats(pool, &stats);
    ck_assert_uint_eq(stats.accepted, 31);
    gate_open(gate, 1);
    ck_assert_int_eq(ep_executor_shutdown(pool, EP_WAIT), 0);
    ck_assert_uint_eq(atomic_load(counter), 30);
    for (int i = 0; i < 30; i++) { /* and are still there */
        struct ep_bytes reply = {.size = 1};

        ck_assert_int_eq(ep_map_next(map, &reply), 0);
        ck_assert_ptr_null(reply.data);
        ck_assert_uint_eq(reply.size, 0);
    }
    assert_end(map);
    ep_executor_free(pool);
    ep_map_free(map); /* also after its executor */
}

LOOP_TEST(chunks_are_as_large_as_python_makes_them, KINDS)
{
    static const struct {
        int count;
        unsigned tasks;
    } expected[] = {{100, 8}, {8, 8}, {9, 5}, {1, 1}};
    uint64_t before = 0;
    struct ep_executor *pool = kind_executor(_i, 2, 0);

    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        struct counting counting = {.end = expected[i].count};
        struct ep_map_options options = {.chunk = EP_CHUNK_AUTO, .count = (size_t)counting.end};
        struct ep_map *map = map_counting(pool, square_task, &counting, &options);
        struct ep_stats stats;

        ep_executor_stats(pool, &stats);
        ck_assert_uint_eq(stats.accepted - before, expected[i].tasks);
        before = stats.accepted;
        ep_map_free(map);
    }
    ep_executor_free(pool);
}

/* Inputs and replies of every size, each aligned for any type, alone and in chunks. */
static int mirror_task(struct ep_task *task)
{
    size_t size;
    const unsigned char *input = ep_task_input(task, &size);

    if ((uintptr_t)input % _Alignof(max_align_t) != 0 || (input == NULL) != (size == 0))
        return 1;
    return ep_task_reply(task, input, size);
}

struct growing {
    unsigned char *bytes;
    const size_t *sizes;
    size_t left;
};

static int grow(void *context, struct ep_bytes *input)
{
    struct growing *growing = context;

    if (growing->left == 0)
        return 0;
    growing->left--;
    *input = (struct ep_bytes){growing->bytes, *growing->sizes++};
    if (input->size == 0)
        input->data = NULL;
    return 1;
}

LOOP_TEST(bytes_of_every_size_travel_in_chunks, KINDS)
{
    static const size_t sizes[] = {0, 1, 15, 16, 17, 0, 64, 100000, 3, 1 << 20, 0, 33};
    enum { COUNT = sizeof sizes / sizeof *sizes };
    struct ep_executor *pool = kind_executor(_i, 2, 0);
    unsigned char *bytes = malloc(1 << 20);

    for (size_t i = 0; i < 1 << 20; i++)
        bytes[i] = (unsigned char)(i * 31 + i / 255);
    for (size_t chunk = 1; chunk <= COUNT; chunk += 3) {
        struct growing growing = {bytes, sizes, COUNT};
        struct ep_map_options options = {.chunk = chunk};
        struct ep_map *map;

        ck_assert_int_eq(ep_map(pool, mirror_task, grow, &growing, &options, &map), 0);
        for (int i = 0; i < COUNT; i++) {
            struct ep_bytes reply;

            ck_assert_int_eq(ep_map_next(map, &reply), 0);
            ck_assert_uint_eq(reply.size, sizes[i]);
            ck_assert_uint_eq((uintptr_t)reply.data % _Alignof(max_align_t), 0);
            if (sizes[i] == 0)
                ck_assert_ptr_null(reply.data);
            else
                ck_assert_mem_eq(reply.data, bytes, sizes[i]);
        }
        assert_end(map);
        ep_map_free(map);
    }
    free(bytes);
    ep_executor_free(pool);
}

CASE("Failures")

/** Fails for every third number, in three ways; else replies with it. */
static int some_fail_task(struct ep_task *task)
{
    int n = *(const int *)ep_task_input(task, NULL);
    char words[300];

    switch (n) {
    case 0: return -ETIMEDOUT;
    case 3:
        ep_task_reply(task, &n, sizeof n);
        memset(words, 'w', sizeof words - 1);
        words[sizeof words - 1] = '\0';
        return ep_task_fail(task, 3, words);
    case 6: ep_task_fail(task, 0, "a code of 0"); return 0;
    default: return ep_task_reply(task, &n, sizeof n);
    }
}

LOOP_TEST(a_failed_element_fails_alone, KINDS)
{
    static const int codes[] = {-ETIMEDOUT, 3, 0};
    static const size_t words[] = {0, 127, 11};
    struct ep_executor *pool = kind_executor(_i, 2, 0);

    for (size_t chunk = 1; chunk < 10; chunk++) {
        struct ep_map_options options = {.chunk = chunk};
        struct counting counting = {.end = 8};
        struct ep_map *map = map_counting(pool, some_fail_task, &counting, &options);

        struct ep_error error;

        ep_map_error(map, &error); /* of no element yet */
        ck_assert(!error.failed);
        ck_assert_str_eq(error.message, "");
        for (int n = 0; n < 8; n++) {
            if (n % 3 != 0) {
                assert_int(map, n);
                ep_map_error(map, &error);
                ck_assert(!error.failed);
                ck_assert_int_eq(error.code, 0);
                ck_assert_str_eq(error.message, "");
                continue;
            }
            ck_assert_int_eq(ep_map_next(map, NULL), EP_EFAILED);
            ep_map_error(map, &error);
            ck_assert(error.failed);
            ck_assert_int_eq(error.kind, EP_EFAILED);
            ck_assert_int_eq(error.code, codes[n / 3]);
            ck_assert_uint_eq(strlen(error.message), words[n / 3]);
            ck_assert_uint_lt(error.worker, 2);
        }
        assert_end(map);
        ep_map_free(map);
    }
    ep_executor_free(pool);
}

LOOP_TEST(stopping_on_failure_hands_out_nothing_after_it, KINDS)
{
    struct gate *gate = shared_gate();
    atomic_uint *ran = shared_memory(sizeof *ran);
    struct ep_executor *pool = kind_executor(_i, 1, 0);

    for (size_t chunk = 1; chunk < 4; chunk++) {
        struct ep_map_options options = {.chunk = chunk, .stop_on_failure = true};
        struct counting counting = {.next = 4, .end = 100};
        struct ep_map *map = map_counting(pool, some_fail_task, &counting, &options);
        struct ep_error error;

        assert_int(map, 4);
        assert_int(map, 5);
        ck_assert_int_eq(ep_map_next(map, NULL), EP_EFAILED);
        ep_map_error(map, &error);
        ck_assert_str_eq(error.message, "a code of 0");
        assert_end(map);
        ep_map_free(map);
    }
    /* What has not begun when the failure is handed out never runs. */
    {
        struct ep_map_options options = {.stop_on_failure = true};
        struct gated inputs[3] = {{gate, 0, ran}, {NULL, 1, ran}, {NULL, 2, ran}};
        struct ep_map *map = map_gated(pool, inputs, 3, &options);

        gate_await(gate, 1);
        ep_map_free(map);
        gate_open(gate, 1);
        ck_assert_int_eq(ep_executor_shutdown(pool, EP_WAIT), 0);
        ck_assert_uint_eq(atomic_load(ran), 1);
    }
    ep_executor_free(pool);
}

LOOP_TEST(the_error_of_a_source_comes_after_the_results_before_it, KINDS)
{
    struct ep_executor *pool = kind_executor(_i, 2, 0);

    for (size_t ahead = 0; ahead < 10; ahead += 3) {
        struct ep_map_options options = {.chunk = 4, .ahead = ahead};
        struct counting counting = {.end = 7, .ending = -EIO};
        struct ep_map *map = map_counting(pool, square_task, &counting, &options);

        for (int n = 0; n < 7; n++)
            assert_int(map, n * n);
        ck_assert_int_eq(ep_map_next(map, NULL), -EIO);
        assert_end(map);
        ep_map_free(map);
    }
    /* The executor is none the worse for it. */
    ep_future_unref(submit_int(pool, square_task, 1));
    ep_executor_free(pool);
}

static int point_nowhere(void *context, struct ep_bytes *input)
{
    (void)context;
    *input = (struct ep_bytes){NULL, 4};
    return 1;
}

/** Say neither that there is an input nor that there is none. */
static int say_more(void *context, struct ep_bytes *input)
{
    *input = (struct ep_bytes){context, sizeof(int)};
    return 2;
}

TEST(a_source_must_keep_to_its_words)
{
    static const ep_source_fn sources[] = {point_nowhere, say_more};
    struct ep_executor *pool = executor_of(1, 1, EP_BLOCK);
    int n = 2;

    for (size_t i = 0; i < COUNT_OF(sources); i++) {
        struct ep_map *map;

        ck_assert_int_eq(ep_map(pool, square_task, sources[i], &n, NULL, &map), 0);
        ck_assert_int_eq(ep_map_next(map, NULL), -EINVAL);
        assert_end(map);
        ep_map_free(map);
    }
    ep_executor_free(pool);
}

CASE("Time")

/* A map that is over: what began is finished, what did not never runs. Also where the deadline has
 * passed long before anybody asks. */
LOOP_TEST(at_the_timeout_the_rest_is_cancelled, KINDS)
{
    static const int64_t timeouts[] = {EP_MILLISECONDS(2), -1};
    struct gate *gate = shared_gate();
    atomic_uint *ran = shared_memory(sizeof *ran);
    struct ep_executor *pool = kind_executor(_i, 1, 0);

    for (int unordered = 0; unordered < 2; unordered++) {
        for (int i = 0; i < 2; i++) {
            struct gated inputs[4] = {
                {NULL, 0, ran}, {gate, 1, ran}, {NULL, 2, ran}, {NULL, 3, ran}};
            struct ep_map_options options = {.timeout_ns = timeouts[i], .unordered = unordered};
            struct ep_map *map = map_gated(pool, inputs, 4, &options);

            atomic_store(ran, 0);
            gate_await(gate, 1);
            assert_int(map, 0); /* it is done: being late is no reason to withhold it */
            ck_assert_int_eq(ep_map_next(map, NULL), -ETIMEDOUT);
            assert_end(map);
            gate_open(gate, 1);
            ck_assert_int_eq(ep_executor_wait_idle(pool, EP_FOREVER), 0);
            ck_assert_uint_le(atomic_load(ran), 2);
            ep_map_free(map);
        }
    }
    ep_executor_free(pool);
}

LOOP_TEST(time_runs_from_the_call, KINDS)
{
    struct gate *gate = shared_gate();
    struct ep_executor *pool = kind_executor(_i, 1, 2);
    struct gated inputs[10] = {{gate, 0, NULL}};
    struct ep_map_options options = {.timeout_ns = EP_MILLISECONDS(3)};
    struct ep_map *map;

    /* Submitting them all would take for ever: the executor is full. */
    map = map_gated(pool, inputs, 10, &options);
    ck_assert_int_eq(ep_map_next(map, NULL), -ETIMEDOUT);
    assert_end(map);
    gate_open(gate, 1);
    ep_map_free(map);
    ep_executor_free(pool);
}

LOOP_TEST(a_map_that_ends_in_time_knows_no_timeout, KINDS)
{
    struct ep_executor *pool = kind_executor(_i, 2, 0);
    struct ep_map_options options = {.timeout_ns = EP_FOREVER, .chunk = 3};
    struct counting counting = {.end = 10};
    struct ep_map *map = map_counting(pool, square_task, &counting, &options);

    for (int n = 0; n < 10; n++)
        assert_int(map, n * n);
    assert_end(map);
    ep_map_free(map);
    ep_executor_free(pool);
}

CASE("Bounds")

LOOP_TEST(no_more_than_ahead_is_under_way, KINDS)
{
    struct ep_executor *pool = kind_executor(_i, 2, 0);

    for (size_t ahead = 1; ahead < 9; ahead++) {
        for (size_t chunk = 1; chunk < 5; chunk++) {
            struct ep_map_options options = {.ahead = ahead, .chunk = chunk};
            struct counting endless = {.end = -1};
            struct ep_map *map = map_counting(pool, square_task, &endless, &options);

            for (int n = 0; n < 50; n++) {
                /* Except for one chunk, all that is allowed is under way, and nothing beyond. */
                ck_assert_int_le(endless.next, n + (int)ahead);
                ck_assert_int_gt(endless.next + (int)chunk, n + (int)ahead);
                ck_assert_int_gt(endless.next, n);
                assert_int(map, n * n);
            }
            ep_map_free(map);
        }
    }
    ep_executor_free(pool);
}

LOOP_TEST(ahead_bounds_unordered_maps_as_well, KINDS)
{
    struct ep_executor *pool = kind_executor(_i, 3, 0);
    struct ep_map_options options = {.ahead = 7, .chunk = 2, .unordered = true};
    struct counting endless = {.end = -1};
    struct ep_map *map = map_counting(pool, square_task, &endless, &options);
    struct ep_bytes reply;

    for (int n = 0; n < 500; n++) {
        ck_assert_int_le(endless.next, n + 7);
        ck_assert_int_eq(ep_map_next(map, &reply), 0);
    }
    ep_map_free(map);
    ep_executor_free(pool);
}

LOOP_TEST(a_full_executor_is_waited_for, KINDS)
{
    struct ep_executor *pool = kind_executor(_i, 2, 1);

    for (size_t chunk = 1; chunk < 5; chunk++) {
        struct ep_map_options options = {.chunk = chunk};
        struct counting counting = {.end = 300};
        struct ep_map *map = map_counting(pool, square_task, &counting, &options);

        for (int n = 0; n < 300; n++)
            assert_int(map, n * n);
        assert_end(map);
        ep_map_free(map);
    }
    ep_executor_free(pool);
}

LOOP_TEST(where_full_is_refused_the_map_is_too, KINDS)
{
    struct gate *gate = shared_gate();
    struct ep_options options = {.workers = 1, .queue = 3, .when_full = EP_REJECT};
    struct ep_executor *pool = kind_executor_with(_i, &options);
    struct counting counting = {.end = 10};
    struct ep_map *map = NULL;
    struct ep_stats stats;

    gate_occupy(pool, gate, 1);
    ck_assert_int_eq(ep_map(pool, square_task, count_up, &counting, NULL, &map), -EAGAIN);
    ck_assert_ptr_null(map);
    ep_executor_stats(pool, &stats);
    ck_assert_uint_eq(stats.cancelled, 3);
    ck_assert_uint_eq(ep_executor_room(pool), 3);
    gate_open(gate, 1);
    ep_executor_free(pool);
}

LOOP_TEST(what_is_discarded_is_an_element_that_was_cancelled, KINDS)
{
    struct gate *gate = shared_gate();
    struct ep_options options = {.workers = 1, .queue = 2, .when_full = EP_DISCARD};
    struct ep_executor *pool = kind_executor_with(_i, &options);
    struct counting counting = {.end = 4};
    struct ep_error error;
    struct ep_map *map;

    gate_occupy(pool, gate, 1);
    map = map_counting(pool, square_task, &counting, NULL);
    gate_open(gate, 1);
    assert_int(map, 0);
    assert_int(map, 1);
    ck_assert_int_eq(ep_map_next(map, NULL), EP_ECANCELLED);
    ep_map_error(map, &error);
    ck_assert(error.failed);
    ck_assert_int_eq(error.kind, EP_ECANCELLED);
    ck_assert_int_eq(ep_map_next(map, NULL), EP_ECANCELLED);
    assert_end(map);
    ep_map_free(map);
    ep_executor_free(pool);
}

/* A submission that fails after the call ends the map in its turn. */
LOOP_TEST(a_shutdown_midway_comes_after_what_was_submitted, KINDS)
{
    struct ep_executor *pool = kind_executor(_i, 1, 0);
    struct ep_map_options options = {.ahead = 3};
    struct counting endless = {.end = -1};
    struct ep_map *map = map_counting(pool, square_task, &endless, &options);

    assert_int(map, 0);
    ck_assert_int_eq(ep_executor_shutdown(pool, EP_WAIT), 0);
    for (int n = 1; n < 4; n++)
        assert_int(map, n * n);
    ck_assert_int_eq(ep_map_next(map, NULL), EP_ESHUTDOWN);
    assert_end(map);
    ep_map_free(map);
    ep_executor_free(pool);
}

CASE("Letting go")

LOOP_TEST(letting_go_cancels_what_has_not_begun, KINDS)
{
    struct gate *gate = shared_gate();
    atomic_uint *ran = shared_memory(sizeof *ran);
    struct ep_executor *pool = kind_executor(_i, 1, 0);
    struct gated inputs[10];

    for (int unordered = 0; unordered < 2; unordered++) {
        struct ep_map_options options = {.chunk = 2, .unordered = unordered};
        struct ep_map *map;

        for (int i = 0; i < 10; i++)
            inputs[i] = (struct gated){i == 4 ? gate : NULL, i, ran};
        atomic_store(ran, 0);
        map = map_gated(pool, inputs, 10, &options);
        gate_await(gate, 1);
        for (int i = 0; i < 3; i++) /* midway in a chunk */
            assert_int(map, i);
        ep_map_free(map);
        gate_open(gate, 1);
        ck_assert_int_eq(ep_executor_wait_idle(pool, EP_FOREVER), 0);
        ck_assert_uint_eq(atomic_load(ran), 6); /* the chunk that had begun goes on */
    }
    ep_executor_free(pool);
}

LOOP_TEST(large_results_can_be_left_behind, KINDS)
{
    struct ep_executor *pool = kind_executor(_i, 2, 0);
    static const size_t sizes[] = {70000, 70000, 70000, 70000, 70000, 70000, 70000, 70000};
    unsigned char *bytes = calloc(1, 70000);

    for (int taken = 0; taken < 8; taken++) {
        struct ep_map_options options = {.chunk = 3, .unordered = taken % 2 == 1};
        struct growing growing = {bytes, sizes, 8};
        struct ep_map *map;

        ck_assert_int_eq(ep_map(pool, mirror_task, grow, &growing, &options, &map), 0);
        for (int i = 0; i < taken; i++)
            ck_assert_int_eq(ep_map_next(map, NULL), 0);
        ep_map_free(map);
    }
    free(bytes);
    ep_executor_free(pool);
}

CASE("Order")

LOOP_TEST(unordered_results_come_as_they_complete, KINDS)
{
    struct gate *gates[2] = {shared_gate(), shared_gate()};
    struct ep_executor *pool = kind_executor(_i, 3, 0);
    struct gated inputs[5] = {{gates[0], 0, NULL},
                              {gates[1], 1, NULL},
                              {NULL, 2, NULL},
                              {NULL, 3, NULL},
                              {NULL, 4, NULL}};
    struct ep_map_options options = {.unordered = true};
    struct ep_map *map = map_gated(pool, inputs, 5, &options);

    for (int n = 2; n < 5; n++) /* one worker is left for them: it keeps their order */
        assert_int(map, n);
    gate_open(gates[1], 1);
    assert_int(map, 1);
    gate_open(gates[0], 1);
    assert_int(map, 0);
    assert_end(map);
    ep_map_free(map);
    ep_executor_free(pool);
}

LOOP_TEST(unordered_results_are_a_permutation, KINDS)
{
    enum { COUNT = 1000 };
    struct ep_executor *pool = kind_executor(_i, 3, 0);

    for (size_t chunk = 1; chunk < 20; chunk += 6) {
        struct ep_map_options options = {.unordered = true, .chunk = chunk};
        struct counting counting = {.end = COUNT};
        struct ep_map *map = map_counting(pool, square_task, &counting, &options);
        bool seen[COUNT] = {false};

        for (int i = 0; i < COUNT; i++) {
            struct ep_bytes reply;
            int n = 0, square;

            ck_assert_int_eq(ep_map_next(map, &reply), 0);
            square = int_of(&reply);
            while (n * n < square)
                n++;
            ck_assert_int_lt(n, COUNT);
            ck_assert(!seen[n]);
            seen[n] = true;
        }
        assert_end(map);
        ep_map_free(map);
    }
    ep_executor_free(pool);
}

CASE("Workers that map")

/** What a task got that maps over its own executor. Threads only: it travels by pointer. */
struct own_map {
    struct ep_executor *pool;
    int full, next, next_unordered;
};

static int map_on_own_task(struct ep_task *task)
{
    struct own_map *own = *(struct own_map *const *)ep_task_input(task, NULL);
    struct ep_map_options unordered = {.unordered = true};
    struct counting many = {.end = 100}, few = {.end = 2};
    struct ep_map *map;

    own->full = ep_map(own->pool, square_task, count_up, &many, NULL, &map);
    if (ep_map(own->pool, square_task, count_up, &few, NULL, &map) != 0)
        return 1;
    own->next = ep_map_next(map, NULL);
    ep_map_free(map);
    few.next = 0;
    if (ep_map(own->pool, square_task, count_up, &few, &unordered, &map) != 0)
        return 2;
    own->next_unordered = ep_map_next(map, NULL);
    ep_map_free(map);
    return 0;
}

TEST(a_worker_does_its_part)
{
    struct own_map own = {.pool = executor_of(1, 4, EP_BLOCK)}, *address = &own;
    struct ep_future *future = submit_bytes(own.pool, map_on_own_task, &address, sizeof address);

    ck_assert_int_eq(ep_future_result(future, EP_FOREVER, NULL), 0);
    ck_assert_int_eq(own.full, -EDEADLK);
    ck_assert_int_eq(own.next, 0); /* it runs the call itself */
    ck_assert_int_eq(own.next_unordered, 0);
    ep_future_unref(future);
    ep_executor_free(own.pool);
}

TEST(a_chunk_that_is_terminated_cancels_its_rest)
{
    struct gate *gate = shared_gate();
    atomic_uint *ran = shared_memory(sizeof *ran);
    struct ep_executor *pool = executor_of(1, 4, EP_BLOCK);
    struct gated inputs[3] = {{gate, 5, ran}, {NULL, 6, ran}, {NULL, 7, ran}};
    struct ep_map_options options = {.chunk = 3};
    struct ep_map *map = map_gated(pool, inputs, 3, &options);

    gate_await(gate, 1);
    ep_executor_terminate(pool);
    gate_open(gate, 1);
    assert_int(map, 5);
    ck_assert_int_eq(ep_map_next(map, NULL), EP_ECANCELLED);
    ck_assert_int_eq(ep_map_next(map, NULL), EP_ECANCELLED);
    assert_end(map);
    ck_assert_uint_eq(atomic_load(ran), 1);
    ep_map_free(map);
    ep_executor_free(pool);
}

CASE("Worker processes")

/** Ends its process when it comes to 5. */
static int die_task(struct ep_task *task)
{
    int n = *(const int *)ep_task_input(task, NULL);

    if (n == 5)
        _exit(3);
    return ep_task_reply(task, &n, sizeof n);
}

TEST(a_worker_that_dies_takes_its_chunk_along)
{
    struct ep_options pool_options = {.workers = 2, .on_death = EP_REPLACE};
    struct ep_executor *pool = kind_executor_with(PROCESSES, &pool_options);
    struct ep_map_options options = {.chunk = 4};
    struct counting counting = {.end = 12};
    struct ep_map *map = map_counting(pool, die_task, &counting, &options);
    struct ep_error error;

    for (int n = 0; n < 12; n++) {
        if (n / 4 != 1) {
            assert_int(map, n);
            continue;
        }
        ck_assert_int_eq(ep_map_next(map, NULL), EP_EDIED);
        ep_map_error(map, &error);
        ck_assert(error.failed);
        ck_assert_int_eq(WEXITSTATUS(error.code), 3);
    }
    assert_end(map);
    ep_map_free(map);
    ep_executor_free(pool);
}

TEST(an_unknown_function_is_refused_in_chunks_as_well)
{
    struct ep_executor *pool = kind_executor(PROCESSES, 1, 0);
    void *page = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    union {
        void *data;
        ep_task_fn fn;
    } nowhere = {.data = page};

    ck_assert_ptr_ne(page, MAP_FAILED);
    for (size_t chunk = 1; chunk < 4; chunk++) {
        struct ep_map_options options = {.chunk = chunk};
        struct counting counting = {.end = 3};
        struct ep_map *map = map_counting(pool, nowhere.fn, &counting, &options);

        for (int n = 0; n < 3; n++)
            ck_assert_int_eq(ep_map_next(map, NULL), EP_EUNKNOWN);
        assert_end(map);
        ep_map_free(map);
    }
    munmap(page, 4096);
    ep_executor_free(pool);
}

static struct ep_future *shown;

/** Show its future, and then stand at the gate. */
static int show_task(struct ep_task *task)
{
    shown = task->future;
    return gate_task(task);
}

/** A watch that fires before the map's, and keeps the future from going further. */
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

TEST(what_is_done_is_found_though_it_has_not_arrived)
{
    struct ep_map_options options = {.unordered = true, .timeout_ns = -1};
    struct slow_watch slow = {.watch = {.fire = fire_slowly}};
    struct gate *gate = shared_gate();
    struct ep_executor *pool = kind_executor(THREADS, 1, 0);
    struct ep_column column = {&gate, sizeof gate};
    struct ep_map *map;

    ck_assert_int_eq(ep_map_columns(pool, show_task, &column, 1, 1, &options, &map), 0);
    gate_await(gate, 1);
    ck_assert(future_watch(shown, &slow.watch));
    gate_open(gate, 1);
    while (!atomic_load(&slow.fired))
        sched_yield();
    ck_assert_int_eq(ep_map_next(map, NULL), 0);
    atomic_store(&slow.released, true);
    assert_end(map);
    ep_executor_free(pool); /* before `slow` goes: the worker has left it */
    ep_map_free(map);
}
