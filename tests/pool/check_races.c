/* SPDX-License-Identifier: MIT */
/*
 * Races, driven and not hoped for: each round two threads meet at the same point, and the sums must
 * be right at the end. A wake-up that is lost hangs the test, and its time limit says so.
 *
 * EP_ROUNDS in the environment multiplies the rounds: `make check-soak` takes 25 times as many,
 * which is a million cancels against starts, 100000 executors made and freed, ten million tasks
 * handed over (of threads; processes get a tenth or less).
 */
#include "pool/echopool.h"
#include "tests/kit/kinds.h"
#include "tests/kit/suite.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

/** By how much rounds and time limits are multiplied. */
static unsigned soak(void)
{
    const char *rounds = getenv("EP_ROUNDS");
    unsigned long factor = rounds != NULL ? strtoul(rounds, NULL, 10) : 1;

    return factor > 0 && factor <= 1000 ? (unsigned)factor : 1;
}

static unsigned long_rounds(unsigned threads, unsigned processes)
{
    return rounds_of(threads, processes) * soak();
}

CASE_FOR_KINDS("Cancelling")
TIME_LIMIT(60 * soak())

/** A thread that cancels futures as they are handed to it. */
struct canceller {
    _Atomic(struct ep_future *) next;
    atomic_uint won;
};

/** In the place of a future: no more come. */
#define NO_MORE ((struct ep_future *)(void *)stage)

static void *cancel_all(void *argument)
{
    struct canceller *canceller = argument;

    for (;;) {
        struct ep_future *future = atomic_exchange(&canceller->next, NULL);

        if (future == NO_MORE)
            return NULL;
        if (future == NULL) {
            sched_yield();
            continue;
        }
        if (ep_future_cancel(future) == 0)
            atomic_fetch_add(&canceller->won, 1);
        ep_future_unref(future);
    }
}

static void hand_over(struct canceller *canceller, struct ep_future *future)
{
    struct ep_future *none = NULL;

    while (!atomic_compare_exchange_weak(&canceller->next, &none, future)) {
        none = NULL;
        sched_yield();
    }
}

/* Workers take from the front while the canceller comes from the back: they meet in the middle. */
#define BURST 5

/* Cancelled or run, never both and never neither; dropped exactly where cancelled. */
TEST(cancel_races_start)
{
    const unsigned rounds = long_rounds(40000, 4000);
    struct ep_executor *pool = executor_that(2, 4, EP_BLOCK);
    struct canceller canceller = {.next = NULL};
    pthread_t thread;
    struct ep_stats stats;

    ck_assert_int_eq(pthread_create(&thread, NULL, cancel_all, &canceller), 0);
    for (unsigned i = 0; i < rounds; i += BURST) {
        struct ep_future *futures[BURST];

        for (int k = 0; k < BURST; k++)
            ck_assert_int_eq(stage_submit_owned(pool, 0, &futures[k]), 0);
        for (int k = BURST - 1; k >= 0; k--)
            hand_over(&canceller, futures[k]);
    }
    hand_over(&canceller, NO_MORE);
    pthread_join(thread, NULL);
    ep_executor_shutdown(pool, EP_WAIT);
    ep_executor_stats(pool, &stats);
    /* How often each side wins is the scheduler's business: on a busy machine it may be never. */
    ck_assert_uint_eq(atomic_load(&stage->counter) + atomic_load(&canceller.won), rounds);
    ck_assert_uint_eq(atomic_load(&stage->dropped), atomic_load(&canceller.won));
    ck_assert_uint_eq(stats.cancelled, atomic_load(&canceller.won));
    ck_assert_uint_eq(stats.finished, atomic_load(&stage->counter));
    ck_assert_uint_eq(stats.accepted, rounds);
    ep_executor_free(pool);
}

/** A thread that submits tasks which never begin, in each of the ways in which one may end so. */
static void *submit_what_never_runs(void *argument)
{
    struct ep_executor *pool = argument;
    const unsigned rounds = long_rounds(3000, 3000);

    for (unsigned i = 0; i < rounds; i++) {
        struct ep_submit_options options = {
            .priority = i % 2 == 0 ? EP_PRIORITY_NORMAL : EP_PRIORITY_LOW,
            .expires_ns = i % 3 == 0 ? 1 : 0,
        };
        struct ep_future *future;

        if (ep_submit_with(pool, nothing_task, NULL, 0, &options, &future) != 0)
            continue; /* those that wait are above it */
        if (i % 3 == 1)
            ep_future_cancel(future);
        else if (i % 3 == 0 && ep_future_result(future, EP_FOREVER, NULL) != EP_EXPIRED)
            return argument;
        /* else it is discarded when another one needs its place */
        ep_future_unref(future);
    }
    return NULL;
}

/* A task that ends is counted in one step: no reader finds it both ended and there, or neither. */
TEST(counts_agree_at_every_moment)
{
    struct ep_executor *pool = executor_that(1, 2, EP_DISCARD_OLDEST);
    struct ep_stats stats;
    pthread_t thread;
    void *failed = NULL;

    stage_occupy(pool, 1);
    ck_assert_int_eq(pthread_create(&thread, NULL, submit_what_never_runs, pool), 0);
    while (pthread_tryjoin_np(thread, &failed) != 0) {
        ep_executor_stats(pool, &stats);
        ck_assert_uint_eq(stats.running, 1);
        ck_assert_uint_le(stats.queued, 2);
        ck_assert_uint_eq(stats.accepted,
                          stats.cancelled + stats.expired + stats.queued + stats.running);
    }
    ck_assert_ptr_null(failed);
    gate_open(&stage->gate, 1);
    ep_executor_free(pool);
}

static void count_call(struct ep_future *future, void *context)
{
    ck_assert(ep_future_done(future));
    atomic_fetch_add((atomic_uint *)context, 1);
}

/* Adding races finishing: every callback runs, and runs once. */
TEST(no_callback_is_missed)
{
    const unsigned rounds = long_rounds(20000, 3000);
    struct ep_executor *pool = executor_that(1, 64, EP_BLOCK);
    atomic_uint calls = 0;

    for (unsigned i = 0; i < rounds; i++) {
        struct ep_future *future = submit_bytes(pool, nothing_task, NULL, 0);

        ck_assert_int_eq(ep_future_add_done_callback(future, count_call, &calls), 0);
        ck_assert_int_eq(ep_future_add_done_callback(future, count_call, &calls), 0);
        ep_future_unref(future);
    }
    ep_executor_shutdown(pool, EP_WAIT);
    ck_assert_uint_eq(atomic_load(&calls), 2 * rounds);
    ep_executor_free(pool);
}

/* Each round a waiter goes to sleep while the task is being finished, and drops the last reference
 * as soon as it wakes: the finisher must not look at the future any more. */
TEST(no_result_is_missed)
{
    const unsigned rounds = long_rounds(20000, 3000);
    struct ep_executor *pool = executor_that(1, 64, EP_BLOCK);

    for (unsigned i = 0; i < rounds; i++) {
        int n = (int)(i % 10000);
        struct ep_future *future = submit_int(pool, square_task, n);
        struct ep_bytes reply;

        ck_assert_int_eq(ep_future_result(future, EP_FOREVER, &reply), 0);
        ck_assert_int_eq(int_of(&reply), n * n);
        ep_future_unref(future);
    }
    ep_executor_free(pool);
}

CASE_FOR_KINDS("Handing over")
TIME_LIMIT(60 * soak())

struct producer {
    struct ep_executor *pool;
    unsigned tasks;
    bool failed;
};

static void *produce(void *argument)
{
    struct producer *producer = argument;

    for (unsigned i = 0; i < producer->tasks; i++)
        if (stage_submit(producer->pool, NULL) != 0)
            producer->failed = true;
    return NULL;
}

/* From one producer and one worker to eight of each, in queues of every length. */
TEST(many_producers_lose_nothing)
{
    static const struct {
        unsigned producers, workers;
        uint32_t queue;
    } shapes[] = {{1, 1, EP_NO_QUEUE}, {1, 1, 1}, {1, 1, 64}, {1, 8, 8},  {8, 1, EP_NO_QUEUE},
                  {8, 1, 1},           {8, 2, 3}, {8, 4, 64}, {8, 8, 16}, {8, 8, 1024}};
    const unsigned each = long_rounds(40000, 1600);

    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        struct ep_executor *pool = executor_that(shapes[s].workers, shapes[s].queue, EP_BLOCK);
        unsigned count = shapes[s].producers;
        struct producer producers[8];
        pthread_t threads[8];

        atomic_store(&stage->counter, 0);
        for (unsigned i = 0; i < count; i++) {
            producers[i] = (struct producer){.pool = pool, .tasks = each / count};
            ck_assert_int_eq(pthread_create(&threads[i], NULL, produce, &producers[i]), 0);
        }
        for (unsigned i = 0; i < count; i++) {
            pthread_join(threads[i], NULL);
            ck_assert(!producers[i].failed);
        }
        ep_executor_free(pool);
        ck_assert_uint_eq(atomic_load(&stage->counter), each / count * count);
    }
}

CASE_FOR_KINDS("Coming and going")
TIME_LIMIT(60 * soak())

static void *produce_until_shutdown(void *pool)
{
    uintptr_t accepted = 0;
    int rc;

    while ((rc = stage_submit(pool, NULL)) == 0)
        accepted++;
    return rc == EP_ESHUTDOWN ? (void *)accepted : (void *)UINTPTR_MAX;
}

TEST(submit_races_shutdown)
{
    for (unsigned round = 0; round < long_rounds(200, 30); round++) {
        struct ep_executor *pool = executor_that(2, 4, EP_BLOCK);
        pthread_t threads[3];
        uintptr_t accepted = 0;

        atomic_store(&stage->counter, 0);
        for (int i = 0; i < 3; i++)
            ck_assert_int_eq(pthread_create(&threads[i], NULL, produce_until_shutdown, pool), 0);
        while (atomic_load(&stage->counter) < round % 200)
            sched_yield();
        ck_assert_int_eq(ep_executor_shutdown(pool, EP_WAIT), 0);
        for (int i = 0; i < 3; i++) {
            void *count;

            pthread_join(threads[i], &count);
            ck_assert_uint_ne((uintptr_t)count, UINTPTR_MAX);
            accepted += (uintptr_t)count;
        }
        ck_assert_uint_eq(atomic_load(&stage->counter), accepted);
        ep_executor_free(pool);
    }
}

TEST(executors_come_and_go)
{
    const unsigned rounds = long_rounds(1000, 100);

    for (unsigned i = 0; i < rounds; i++) {
        struct ep_executor *pool = executor_that(1 + i % 3, 2, EP_BLOCK);

        if (i % 2 == 0)
            ck_assert_int_eq(stage_try(pool), 0);
        ep_executor_free(pool);
    }
    ck_assert_uint_eq(atomic_load(&stage->counter), rounds / 2);
}
