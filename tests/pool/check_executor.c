/* SPDX-License-Identifier: MIT */
/* Executors of either kind: running tasks, and the bound. */
#include "config.h"

#include "pool/echopool.h"
#include "tests/kit/faults.h"
#include "tests/kit/kinds.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

CASE_FOR_KINDS("Core")

TEST(every_accepted_task_runs)
{
    struct ep_executor *pool = executor_that(3, 16, EP_BLOCK);
    struct ep_stats stats;

    for (int i = 0; i < 10000; i++)
        ck_assert_int_eq(stage_submit(pool, NULL), 0);
    ep_executor_stats(pool, &stats);
    ck_assert_uint_eq(stats.workers, 3);
    ck_assert_int_eq(ep_executor_shutdown(pool, EP_WAIT), 0);
    ck_assert_uint_eq(atomic_load(&stage->counter), 10000);
    ep_executor_stats(pool, &stats);
    ck_assert_uint_eq(stats.accepted, 10000);
    ck_assert_uint_eq(stats.finished, 10000);
    ck_assert_uint_eq(stats.failed + stats.cancelled + stats.rejected, 0);
    ck_assert_uint_eq(stats.queued + stats.running, 0);
    ep_executor_free(pool);
}

/** Compare the input with the bytes 0, 1, 2, ... and count them if all is well. */
static int check_input_task(struct ep_task *task)
{
    size_t size;
    const unsigned char *input = ep_task_input(task, &size);

    if ((uintptr_t)input % _Alignof(max_align_t) != 0 || (input == NULL) != (size == 0))
        return -1;
    for (size_t i = 0; i < size; i++)
        if (input[i] != i % 256)
            return -1;
    /* No future is kept: replies and failures are taken without complaint. */
    if (ep_task_reply(task, input, size) == 0)
        atomic_fetch_add(&stage->counter, (unsigned)size);
    return 0;
}

TEST(inputs_of_every_size_arrive_without_a_future)
{
    struct ep_executor *pool = executor_that(2, 16, EP_BLOCK);
    unsigned char bytes[5000];
    unsigned total = 0;

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)i;
    for (size_t size = 0; size <= sizeof bytes; size += size < 70 ? 1 : 493) {
        ck_assert_int_eq(ep_submit(pool, check_input_task, size ? bytes : NULL, size, NULL), 0);
        total += (unsigned)size;
    }
    ep_executor_free(pool);
    ck_assert_uint_eq(atomic_load(&stage->counter), total);
}

/** In shared memory. One worker writes it: no race. */
static struct {
    int length;
    int numbers[200];
} * order;

static int note_order_task(struct ep_task *task)
{
    order->numbers[order->length++] = *(const int *)ep_task_input(task, NULL);
    return 0;
}

TEST(one_worker_keeps_the_order)
{
    struct ep_executor *pool;

    order = shared_memory(sizeof *order);
    pool = executor_that(1, 8, EP_BLOCK);
    for (int i = 0; i < 200; i++)
        ck_assert_int_eq(ep_submit(pool, note_order_task, &i, sizeof i, NULL), 0);
    ep_executor_free(pool);
    ck_assert_int_eq(order->length, 200);
    for (int i = 0; i < 200; i++)
        ck_assert_int_eq(order->numbers[i], i);
}

/* Tasks that wait for one another only all pass if every worker got one. */
TEST(a_burst_reaches_every_worker)
{
    struct ep_executor *pool = executor_that(4, 8, EP_BLOCK);

    for (int round = 0; round < 300; round++) {
        for (int i = 0; i < round % 7; i++)
            ck_assert_int_eq(stage_try(pool), 0);
        stage_occupy(pool, 4);
        gate_open(&stage->gate, 4);
        while (ep_executor_room(pool) < 12)
            sched_yield();
    }
    ep_executor_free(pool);
    ck_assert_uint_eq(atomic_load(&stage->gate.passed), 4 * 300);
}

static int reply_worker_task(struct ep_task *task)
{
    unsigned worker = ep_task_worker(task);

    return ep_task_reply(task, &worker, sizeof worker);
}

TEST(tasks_know_their_worker)
{
    struct ep_executor *pool = executor_that(3, 0, EP_BLOCK);

    for (int i = 0; i < 100; i++) {
        struct ep_future *future;
        struct ep_bytes reply;

        ck_assert_int_eq(ep_submit(pool, reply_worker_task, NULL, 0, &future), 0);
        ck_assert_int_eq(ep_future_result(future, EP_FOREVER, &reply), 0);
        ck_assert_uint_lt(*(const unsigned *)reply.data, 3);
        ep_future_unref(future);
    }
    ep_executor_free(pool);
}

/** Succeeds once. */
static int begin_once(void *context, unsigned worker)
{
    (void)worker;
    return (int)atomic_fetch_add((atomic_uint *)context, 1);
}

/* One is freed, one paused, one broken: a fourth does not notice. */
TEST(executors_are_independent)
{
    atomic_uint *begun = shared_memory(sizeof *begun);
    struct ep_options breaking = {
        .workers = 1, .tasks_per_worker = 1, .initialize = begin_once, .context = begun};
    struct ep_executor *pool = executor_that(2, 8, EP_BLOCK);
    struct ep_executor *freed = executor_that(2, 8, EP_BLOCK);
    struct ep_executor *paused = executor_that(2, 8, EP_BLOCK);
    struct ep_executor *broken = executor_with(&breaking);
    int rc;

    stage_occupy(pool, 2);
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(stage_try(pool), 0);
    ep_executor_free(freed);
    ck_assert_int_eq(ep_executor_pause(paused), 0);
    while ((rc = stage_submit(broken, NULL)) == 0)
        sched_yield(); /* the first runs, and then none can begin */
    ck_assert_int_eq(rc, EP_EBROKEN);
    gate_open(&stage->gate, 2);
    ep_executor_free(pool);
    ck_assert_uint_eq(atomic_load(&stage->counter), 1 + 8);
    ep_executor_free(paused);
    ep_executor_free(broken);
}

/** Fails in one of the two ways: 0 by what it returns, 1 by what it says. */
static int fail_either_way_task(struct ep_task *task)
{
    if (*(const int *)ep_task_input(task, NULL) == 0)
        return -1;
    ep_task_fail(task, 0, "failed, though the function returns 0");
    return 0;
}

TEST(failures_are_counted)
{
    struct ep_executor *pool = executor_that(2, 0, EP_BLOCK);
    struct ep_stats stats;

    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(ep_submit(pool, fail_either_way_task, &(int){i % 2}, sizeof i, NULL), 0);
    stage_occupy(pool, 2);
    ep_executor_stats(pool, &stats);
    ck_assert_uint_eq(stats.running, 2);
    ck_assert_uint_eq(stats.queued, 0);
    ck_assert_int_eq(stage_try_gate(pool), 0);
    ep_executor_stats(pool, &stats);
    ck_assert_uint_eq(stats.queued, 1);
    gate_open(&stage->gate, 3);
    ep_executor_shutdown(pool, EP_WAIT);
    ep_executor_stats(pool, &stats);
    ck_assert_uint_eq(stats.accepted, 13);
    ck_assert_uint_eq(stats.finished, 3);
    ck_assert_uint_eq(stats.failed, 10);
    ep_executor_free(pool);
}

/* The memory of an input goes with its task, that of a reply with its future: not when a worker
 * takes something else in hand. So large a block is a mapping of its own, and they are counted (but
 * by a sanitizer, to which before and after are the same). */
static int reply_as_much_task(struct ep_task *task)
{
    size_t size;
    const void *input = ep_task_input(task, &size);

    return ep_task_reply(task, input, size);
}

/** Count the bytes of this process that are in memory. */
static size_t bytes_in_memory(void)
{
    unsigned long mapped, resident;
    FILE *file = fopen("/proc/self/statm", "r");

    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%lu %lu", &mapped, &resident), 2);
    fclose(file);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

TEST(memory_is_given_back_at_once)
{
    /* Each C library gives a block of this size back to the kernel when it is freed; sanitizers keep
     * it. The executor may use a little more than before, but not as much as one input. */
    size_t size = (size_t)33 << 20, most;
    struct ep_executor *pool;
    void *input;
    struct ep_future *future;
    struct ep_bytes reply;

    if (WITH_SANITIZER)
        return;
    pool = executor_that(1, 4, EP_BLOCK);
    input = calloc(1, size);
    ck_assert_ptr_nonnull(input);
    memset(input, 1, size);
    most = bytes_in_memory() + size / 2;
    ck_assert_int_eq(ep_submit(pool, nothing_task, input, size, NULL), 0);
    ck_assert_int_eq(ep_executor_wait_idle(pool, EP_FOREVER), 0);
    ck_assert_uint_lt(bytes_in_memory(), most);
    ck_assert_int_eq(ep_submit(pool, nothing_task, input, size, &future), 0);
    ck_assert_int_eq(ep_future_result(future, EP_FOREVER, NULL), 0);
    ck_assert_uint_lt(bytes_in_memory(), most); /* though we keep the future */
    ep_future_unref(future);
    ck_assert_int_eq(ep_submit(pool, reply_as_much_task, input, size, &future), 0);
    ck_assert_int_eq(ep_future_result(future, EP_FOREVER, &reply), 0);
    ck_assert_uint_eq(reply.size, size);
    ck_assert_int_eq(ep_executor_wait_idle(pool, EP_FOREVER), 0);
    ep_future_unref(future);
    ck_assert_uint_lt(bytes_in_memory(), most);
    free(input);
    ep_executor_free(pool);
}

CASE_FOR_KINDS("Limits")

TEST(exactly_the_queue_may_wait)
{
    struct ep_executor *pool = executor_that(2, 5, EP_REJECT);
    struct ep_future *future = (struct ep_future *)stage;
    struct ep_stats stats;

    stage_occupy(pool, 2);
    for (int i = 0; i < 5; i++) {
        ck_assert_uint_eq(ep_executor_room(pool), 5 - (unsigned)i);
        ck_assert_int_eq(stage_try(pool), 0);
    }
    ck_assert_uint_eq(ep_executor_room(pool), 0);
    ck_assert_int_eq(stage_try(pool), -EAGAIN);
    ck_assert_int_eq(stage_submit(pool, &future), -EAGAIN);
    ck_assert_ptr_null(future);
    ep_executor_stats(pool, &stats);
    ck_assert_uint_eq(stats.rejected, 2);
    ck_assert_uint_eq(stats.queued, 5);
    gate_open(&stage->gate, 2);
    ep_executor_free(pool);
    ck_assert_uint_eq(atomic_load(&stage->counter), 5);
}

/* Whether or not the workers have come for their tasks yet, workers + queue are taken. */
TEST(an_idle_executor_takes_workers_and_queue)
{
    for (int round = 0; round < (int)rounds_of(200, 20); round++) {
        struct ep_executor *pool = executor_that(3, 4, EP_REJECT);

        for (int i = 0; i < 7; i++)
            ck_assert_int_eq(stage_try_gate(pool), 0);
        ck_assert_int_eq(stage_try_gate(pool), -EAGAIN);
        gate_open(&stage->gate, 7);
        ep_executor_free(pool);
    }
}

TEST(without_a_queue_only_idle_workers_count)
{
    struct ep_executor *pool = executor_that(2, EP_NO_QUEUE, EP_REJECT);

    stage_occupy(pool, 2);
    ck_assert_int_eq(stage_try(pool), -EAGAIN);
    gate_open(&stage->gate, 2);
    ep_executor_free(pool);
}

TEST(a_cancel_makes_room)
{
    struct ep_executor *pool = executor_that(1, 1, EP_REJECT);
    struct ep_future *future;

    stage_occupy(pool, 1);
    ck_assert_int_eq(stage_submit(pool, &future), 0);
    ck_assert_int_eq(stage_try(pool), -EAGAIN);
    ck_assert_int_eq(ep_future_cancel(future), 0);
    ck_assert_int_eq(stage_try(pool), 0);
    ck_assert_int_eq(stage_try(pool), -EAGAIN);
    gate_open(&stage->gate, 1);
    ep_executor_free(pool);
    ck_assert_uint_eq(atomic_load(&stage->counter), 1);
    ep_future_unref(future);
}

static int make(const struct ep_options *options, struct ep_executor **pool)
{
    return kind == PROCESSES ? ep_process_executor_new(options, pool)
                             : ep_thread_executor_new(options, pool);
}

TEST(wrong_options_are_refused)
{
    struct ep_options wrong[] = {
        {.workers = EP_WORKERS_MAX + 1},
        {.workers = UINT32_MAX}, /* -1, as the caller may have thought */
        {.workers = 1, .queue = EP_QUEUE_MAX + 1},
        {.workers = 1, .when_full = (enum ep_policy)77},
        {.workers = 1, .when_full = (enum ep_policy) - 1},
        {.workers = 1, .on_death = (enum ep_on_death)2},
    };
    unsigned fds = entries_of("/proc/self/fd"), threads = entries_of("/proc/self/task");
    struct ep_executor *pool = NULL;

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ck_assert_int_eq(make(&wrong[i], &pool), -EINVAL);
        ck_assert_ptr_null(pool);
    }
    ck_assert_int_eq(make(NULL, NULL), -EINVAL);
    ck_assert_uint_eq(entries_of("/proc/self/fd"), fds);
    ck_assert_uint_eq(entries_of("/proc/self/task"), threads);
}

/** A reply of as many bytes as the input, an int, says. */
static int bytes_task(struct ep_task *task)
{
    const int *size = ep_task_input(task, NULL);
    void *bytes = calloc(1, (size_t)*size);
    int rc = bytes == NULL ? -1 : ep_task_reply(task, bytes, (size_t)*size);

    free(bytes);
    return rc;
}

static const int reply_sizes[] = {1, 3, 8, 64, 65, 100, 4096, 65536, 65537, 200000};

static int next_size(void *context, struct ep_bytes *input)
{
    unsigned *at = context;

    *input = (struct ep_bytes){&reply_sizes[*at], sizeof(int)};
    return (*at)++ < COUNT_OF(reply_sizes);
}

static void assert_aligned(const struct ep_bytes *reply, int size)
{
    ck_assert_uint_eq(reply->size, (unsigned)size);
    ck_assert_uint_eq((uintptr_t)reply->data % _Alignof(max_align_t), 0);
}

/* Whatever the way of a reply: within the future, on the heap, in a memfd, in a chunk. */
TEST(replies_are_aligned_for_any_type)
{
    struct ep_executor *pool = executor_that(1, 64, EP_BLOCK);
    struct ep_map_options options = {.chunk = 4};
    struct ep_bytes reply;
    struct ep_map *map;
    unsigned at = 0;

    for (unsigned i = 0; i < COUNT_OF(reply_sizes); i++) {
        struct ep_future *future = submit_int(pool, bytes_task, reply_sizes[i]);

        ck_assert_int_eq(ep_future_result(future, EP_FOREVER, &reply), 0);
        assert_aligned(&reply, reply_sizes[i]);
        ep_future_unref(future);
    }
    ck_assert_int_eq(ep_map(pool, bytes_task, next_size, &at, &options, &map), 0);
    for (unsigned i = 0; i < COUNT_OF(reply_sizes); i++) {
        ck_assert_int_eq(ep_map_next(map, &reply), 0);
        assert_aligned(&reply, reply_sizes[i]);
    }
    ep_map_free(map);
    ep_executor_free(pool);
}

static int format_task(struct ep_task *task)
{
    return ep_task_failf(task, 12, "row %d of %s: %s", 7, "table",
                         (const char *)ep_task_input(task, NULL));
}

TEST(a_message_may_be_formatted)
{
    struct ep_executor *pool = executor_that(1, 4, EP_BLOCK);
    char words[300] = "too short";

    for (int i = 0; i < 2; i++) {
        struct ep_future *future = submit_bytes(pool, format_task, words, sizeof words);
        struct ep_error error;

        ck_assert_int_eq(ep_future_error(future, EP_FOREVER, &error), 0);
        ck_assert_int_eq(error.kind, EP_EFAILED);
        ck_assert_int_eq(error.code, 12);
        if (i == 0)
            ck_assert_str_eq(error.message, "row 7 of table: too short");
        else
            ck_assert_uint_eq(strlen(error.message), 127);
        ep_future_unref(future);
        memset(words, 'x', sizeof words - 1);
    }
    ep_executor_free(pool);
}

TEST(bytes_are_read_as_a_type)
{
    struct ep_executor *pool = executor_that(1, 4, EP_BLOCK);
    struct ep_future *future = submit_int(pool, square_task, 5);
    struct ep_bytes reply, nothing = {NULL, 0};

    ck_assert_int_eq(ep_future_result(future, EP_FOREVER, &reply), 0);
    ck_assert_int_eq(*EP_AS(int, reply), 25);
    ck_assert_ptr_eq(EP_AS(int, reply), reply.data);
    ck_assert_ptr_null(EP_AS(char, reply));
    ck_assert_ptr_null(EP_AS(struct ep_stats, reply));
    ck_assert_ptr_null(EP_AS(int, nothing));
    ep_future_unref(future);
    ep_executor_free(pool);
}

TEST(wrong_arguments_are_refused)
{
    struct ep_executor *pool = executor_that(1, 4, EP_BLOCK);
    struct ep_future *future = (struct ep_future *)stage;
    struct ep_submit_options fds = {.fd_count = 1};
    struct ep_stats stats;

    ck_assert_int_eq(ep_submit(pool, NULL, NULL, 0, &future), -EINVAL);
    ck_assert_ptr_null(future);
    ck_assert_int_eq(ep_submit(pool, count_task, NULL, 8, NULL), -EINVAL);
    ck_assert_int_eq(ep_submit(NULL, count_task, NULL, 0, NULL), -EINVAL);
    ck_assert_int_eq(ep_submit_with(pool, nothing_task, NULL, 0, &fds, NULL), -EINVAL);
    fds.fds = (int[]){-1};
    ck_assert_int_eq(ep_submit_with(pool, nothing_task, NULL, 0, &fds, NULL), -EINVAL);
    fds.fd_count = EP_FDS_MAX + 1;
    ck_assert_int_eq(ep_submit_with(pool, nothing_task, NULL, 0, &fds, NULL), -EINVAL);
    fds = (struct ep_submit_options){.fds = (int[]){0, 1000},
                                     .fd_count = 2}; /* none of that number */
    ck_assert_int_eq(ep_submit_with(pool, nothing_task, NULL, 0, &fds, &future), -EBADF);
    ck_assert_ptr_null(future);
    fds.fds = (int[]){0, 0}; /* an accepted task would close it twice */
    ck_assert_int_eq(ep_submit_with(pool, nothing_task, NULL, 0, &fds, &future), -EINVAL);
    ck_assert_int_ge(fcntl(0, F_GETFD), 0);
    ck_assert_int_eq(ep_executor_shutdown(pool, 64), -EINVAL);
    ck_assert_int_eq(ep_executor_shutdown(NULL, 0), -EINVAL);
    ck_assert_int_eq(ep_executor_join(pool, 0), -EINVAL);
    ck_assert_int_eq(ep_executor_resize(pool, 0), -EINVAL);
    ck_assert_int_eq(ep_executor_resize(pool, EP_WORKERS_MAX + 1), -EINVAL);
    /* It is the worse for nothing. */
    ep_executor_stats(pool, &stats);
    ck_assert_uint_eq(stats.accepted + stats.rejected, 0);
    ck_assert_int_eq(stage_submit(pool, NULL), 0);
    ep_executor_free(pool);
    ck_assert_uint_eq(atomic_load(&stage->counter), 1);
    ep_executor_free(NULL);
}

#define BLOCKED 6

static void *await_idle(void *pool)
{
    return (void *)(intptr_t)ep_executor_wait_idle(pool, EP_FOREVER);
}

static void assert_all_return(pthread_t *threads, int count, int expected)
{
    for (int i = 0; i < count; i++) {
        void *rc;

        pthread_join(threads[i], &rc);
        ck_assert_int_eq((int)(intptr_t)rc, expected);
    }
}

/* Others wait for something else meanwhile: they must not eat a wake-up. */
TEST(every_blocked_submitter_gets_its_place)
{
    struct ep_executor *pool = executor_that(1, 1, EP_BLOCK);
    pthread_t submitters[BLOCKED], idlers[BLOCKED];

    stage_occupy(pool, 1);
    ck_assert_int_eq(stage_try_gate(pool), 0);
    for (int i = 0; i < BLOCKED; i++) {
        ck_assert_int_eq(pthread_create(&idlers[i], NULL, await_idle, pool), 0);
        ck_assert_int_eq(pthread_create(&submitters[i], NULL, stage_submit_one, pool), 0);
    }
    stage_await_blocked(pool, BLOCKED);
    gate_open(&stage->gate, 1); /* one place, one submitter; the other task still runs */
    stage_await_blocked(pool, BLOCKED - 1);
    ck_assert_uint_eq(atomic_load(&stage->counter), 0);
    gate_open(&stage->gate, 1);
    assert_all_return(submitters, BLOCKED, 0);
    assert_all_return(idlers, BLOCKED, 0);
    ep_executor_free(pool);
    ck_assert_uint_eq(atomic_load(&stage->counter), BLOCKED);
}

static void take_signal(int number)
{
    (void)number;
}

static void *submit_within_an_hour(void *pool)
{
    int64_t deadline_ns = ep_now_ns() + EP_SECONDS(3600);

    return (void *)(intptr_t)stage_submit_owned(pool, deadline_ns, NULL);
}

/* EINTR, hundreds of times: neither the wait nor its deadline is lost. */
TEST(signals_do_not_end_the_wait_for_room)
{
    struct sigaction action = {.sa_handler = take_signal}; /* no SA_RESTART */
    struct ep_executor *pool;
    struct ep_stats stats;
    pthread_t thread;

    ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
    pool = executor_that(1, 1, EP_BLOCK);
    stage_occupy(pool, 1);
    ck_assert_int_eq(stage_try_gate(pool), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, submit_within_an_hour, pool), 0);
    stage_await_blocked(pool, 1);
    for (int i = 0; i < 300; i++) {
        pthread_kill(thread, SIGUSR1);
        sched_yield();
    }
    stage_await_blocked(pool, 1);
    ep_executor_stats(pool, &stats);
    ck_assert_uint_eq(stats.rejected, 0);
    gate_open(&stage->gate, 2);
    assert_all_return(&thread, 1, 0);
    ep_executor_free(pool);
    ck_assert_uint_eq(atomic_load(&stage->counter), 1);
}

TEST(a_deadline_ends_the_wait_for_room)
{
    struct ep_executor *pool = executor_that(1, 1, EP_BLOCK);
    int64_t deadline_ns = ep_now_ns() + EP_MILLISECONDS(5);
    struct ep_stats stats;

    stage_occupy(pool, 1);
    ck_assert_int_eq(stage_try_gate(pool), 0);
    ck_assert_int_eq(stage_submit_owned(pool, deadline_ns, NULL), -ETIMEDOUT);
    ck_assert_int_ge(ep_now_ns(), deadline_ns);
    ck_assert_int_eq(stage_submit_owned(pool, 1, NULL), -ETIMEDOUT); /* long ago */
    ck_assert_int_eq(stage_submit_owned(pool, INT64_MIN, NULL), -EAGAIN);
    ep_executor_stats(pool, &stats);
    ck_assert_uint_eq(stats.rejected, 3);
    /* What was never accepted is never dropped: it stays the caller's. */
    ck_assert_uint_eq(atomic_load(&stage->dropped), 0);
    gate_open(&stage->gate, 2);
    ck_assert_int_eq(stage_submit(pool, NULL), 0);
    ep_executor_free(pool);
    ck_assert_uint_eq(atomic_load(&stage->counter), 1);
}

/** Where a callback submits until it may not. */
struct filling {
    struct ep_executor *pool;
    int rc;
    sem_t over;
};

static void fill_up(struct ep_future *future, void *context)
{
    struct filling *filling = context;

    (void)future;
    while ((filling->rc = stage_submit(filling->pool, NULL)) == 0)
        ;
    sem_post(&filling->over);
}

/* Callbacks run where outcomes are taken in: if one waited for room, none would be made. */
TEST(a_callback_does_not_wait_for_room)
{
    struct filling filling = {.pool = executor_that(1, 3, EP_BLOCK)};
    struct ep_future *future = submit_gate(filling.pool, &stage->gate);

    sem_init(&filling.over, 0, 0);
    ck_assert_int_eq(ep_future_add_done_callback(future, fill_up, &filling), 0);
    gate_open(&stage->gate, 1);
    while (sem_wait(&filling.over) != 0)
        ;
    ck_assert_int_eq(filling.rc, -EDEADLK);
    ep_executor_free(filling.pool);
    ck_assert_uint_ge(atomic_load(&stage->counter), 3);
    ep_future_unref(future);
    sem_destroy(&filling.over);
}

static void post_semaphore(void *semaphore)
{
    sem_post(semaphore);
}

TEST(on_room_tells_an_event_loop_to_go_on)
{
    sem_t told;
    struct ep_options options = {.workers = 1,
                                 .queue = 1,
                                 .when_full = EP_REJECT,
                                 .on_room = post_semaphore,
                                 .context = &told};
    struct ep_executor *pool;
    unsigned accepted = 0;

    sem_init(&told, 0, 0);
    pool = executor_with(&options);
    /* The loop of a server that pauses when full. A missed call hangs it. */
    while (accepted < 5000) {
        if (ep_executor_room(pool) == 0) {
            while (sem_wait(&told) != 0)
                ;
            continue;
        }
        ck_assert_int_eq(stage_try(pool), 0); /* there was room and no other thread submits */
        accepted++;
    }
    ep_executor_free(pool);
    ck_assert_uint_eq(atomic_load(&stage->counter), 5000);
    sem_destroy(&told);
}
