/* SPDX-License-Identifier: MIT */
/* Levels of priority: which task begins next. */
#include "pool/echopool.h"
#include "tests/kit/kinds.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#define SOON EP_MILLISECONDS(10)

enum { MOST = 256 };

/** The numbers of tasks in the order in which they ran; worker processes write it. */
struct log {
    atomic_uint count;
    int numbers[MOST];
};

static struct log *ran;

struct job {
    struct log *log;
    int number;
};

static int note_task(struct ep_task *task)
{
    const struct job *job = ep_task_input(task, NULL);

    job->log->numbers[atomic_fetch_add(&job->log->count, 1)] = job->number;
    return 0;
}

static int submit_at(struct ep_executor *pool, enum ep_priority priority, int number,
                     struct ep_future **future)
{
    struct ep_submit_options options = {.priority = priority};
    struct job job = {ran, number};

    return ep_submit_with(pool, note_task, &job, sizeof job, &options, future);
}

static struct ep_executor *paused(const struct ep_options *options)
{
    struct ep_executor *pool;

    ran = shared_memory(sizeof *ran);
    pool = executor_with(options);
    ck_assert_int_eq(ep_executor_pause(pool), 0);
    return pool;
}

static struct ep_executor *paused_of(uint32_t queue)
{
    return paused(&(struct ep_options){.workers = 1, .queue = queue});
}

/** Resume, and wait until everything has run. */
static void run_all(struct ep_executor *pool)
{
    ck_assert_int_eq(ep_executor_resume(pool), 0);
    ck_assert_int_eq(ep_executor_wait_idle(pool, EP_FOREVER), 0);
}

static void expect_order(const int *numbers, unsigned count)
{
    ck_assert_uint_eq(atomic_load(&ran->count), count);
    for (unsigned i = 0; i < count; i++)
        ck_assert_int_eq(ran->numbers[i], numbers[i]);
}

CASE_FOR_KINDS("Order")

TEST(higher_levels_begin_first)
{
    static const enum ep_priority levels[] = {EP_PRIORITY_LOW, EP_PRIORITY_NORMAL,
                                              EP_PRIORITY_HIGH};
    static const int expected[] = {2, 5, 8, 1, 4, 7, 0, 3, 6};
    struct ep_executor *pool = paused_of(16);

    for (int i = 0; i < 9; i++)
        ck_assert_int_eq(submit_at(pool, levels[i % 3], i, NULL), 0);
    run_all(pool);
    expect_order(expected, 9);
    ep_executor_free(pool);
}

/* The level of a task: its number / 1000. In a level they run in the order of their numbers. */
static unsigned level_of(int number)
{
    return (unsigned)number / 1000;
}

/* All tasks wait at the beginning. Until a level is empty, at most 17 others begin between two of it. */
TEST(no_level_starves)
{
    static const unsigned tasks[EP_PRIORITIES] = {
        [EP_PRIORITY_HIGH] = 150, [EP_PRIORITY_NORMAL] = 60, [EP_PRIORITY_LOW] = 20};
    unsigned since[EP_PRIORITIES] = {0}, done[EP_PRIORITIES] = {0}, total = 0;
    struct ep_executor *pool = paused_of(MOST);

    for (unsigned level = 0; level < EP_PRIORITIES; level++)
        for (unsigned i = 0; i < tasks[level]; i++, total++)
            ck_assert_int_eq(
                submit_at(pool, (enum ep_priority)level, (int)(level * 1000 + i), NULL), 0);
    run_all(pool);
    ck_assert_uint_eq(atomic_load(&ran->count), total);
    for (unsigned i = 0; i < total; i++) {
        unsigned level = level_of(ran->numbers[i]);

        ck_assert(i >= 16 || level == EP_PRIORITY_HIGH);
        ck_assert_int_eq(ran->numbers[i], (int)(level * 1000 + done[level]++));
        for (unsigned other = 0; other < EP_PRIORITIES; other++) {
            since[other] = other == level || done[other] == tasks[other] ? 0 : since[other] + 1;
            ck_assert_uint_le(since[other], 17);
        }
    }
    /* Others had their turns, and no more than that: the highest level is done first. */
    ck_assert_uint_eq(level_of(ran->numbers[16]), EP_PRIORITY_LOW);
    ck_assert_uint_eq(level_of(ran->numbers[17]), EP_PRIORITY_NORMAL);
    ck_assert_uint_eq(level_of(ran->numbers[total - 1]), EP_PRIORITY_LOW);
    ep_executor_free(pool);
}

/** The input of submit_next(). */
struct chain {
    struct ep_executor *pool;
    int *length;
};

/** A task of the high level that submits the next one, until a normal task has run. */
static int submit_next(struct ep_task *task)
{
    const struct chain *chain = ep_task_input(task, NULL);
    struct ep_submit_options options = {.priority = EP_PRIORITY_HIGH};

    if (atomic_load(&ran->count) > 0 || *chain->length == MOST)
        return 0;
    ++*chain->length;
    return ep_submit_with(chain->pool, submit_next, chain, sizeof *chain, &options, NULL);
}

CASE_FOR_THREADS("One after another")

/* One task of the high level waits whenever the worker looks, and never two. */
TEST(a_chain_of_high_tasks_lets_a_normal_one_begin)
{
    struct ep_submit_options options = {.priority = EP_PRIORITY_HIGH};
    struct ep_executor *pool = paused_of(16);
    int length = 0;
    struct chain chain = {pool, &length};

    ck_assert_int_eq(ep_submit_with(pool, submit_next, &chain, sizeof chain, &options, NULL), 0);
    ck_assert_int_eq(submit_at(pool, EP_PRIORITY_NORMAL, 0, NULL), 0);
    run_all(pool);
    ck_assert_int_eq(length, 16);
    ep_executor_free(pool);
}

/* What was passed over before a normal task began is forgotten, also if no lane had a task then. */
TEST(a_normal_task_that_has_begun_waits_for_its_next_turn)
{
    static const int expected[] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  100,
                                   10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 101};
    struct ep_executor *pool = paused_of(MOST);

    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(submit_at(pool, EP_PRIORITY_HIGH, i, NULL), 0);
    ck_assert_int_eq(submit_at(pool, EP_PRIORITY_NORMAL, 100, NULL), 0);
    run_all(pool);
    ck_assert_int_eq(ep_executor_pause(pool), 0);
    for (int i = 10; i < 20; i++)
        ck_assert_int_eq(submit_at(pool, EP_PRIORITY_HIGH, i, NULL), 0);
    ck_assert_int_eq(submit_at(pool, EP_PRIORITY_NORMAL, 101, NULL), 0);
    run_all(pool);
    expect_order(expected, 22);
    ep_executor_free(pool);
}

/* A level was passed over until its turn came; then its only task is cancelled. */
TEST(a_turn_does_not_outlive_the_task_that_waited_for_it)
{
    static const int expected[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 20, 21, 22};
    struct ep_submit_options high = {.priority = EP_PRIORITY_HIGH};
    struct ep_executor *pool = paused_of(MOST);
    struct gate *gate = &stage->gate;
    struct ep_future *waited;

    for (int i = 0; i < 15; i++)
        ck_assert_int_eq(submit_at(pool, EP_PRIORITY_HIGH, i, NULL), 0);
    ck_assert_int_eq(ep_submit_with(pool, gate_task, &gate, sizeof gate, &high, NULL), 0);
    ck_assert_int_eq(submit_at(pool, EP_PRIORITY_LOW, 100, &waited), 0);
    ck_assert_int_eq(ep_executor_resume(pool), 0);
    gate_await(gate, 1);
    ck_assert_int_eq(ep_executor_pause(pool), 0);
    ck_assert_int_eq(ep_future_cancel(waited), 0);
    gate_open(gate, 1);
    for (int i = 20; i < 23; i++)
        ck_assert_int_eq(submit_at(pool, i < 22 ? EP_PRIORITY_HIGH : EP_PRIORITY_LOW, i, NULL), 0);
    run_all(pool);
    expect_order(expected, 18);
    ep_future_unref(waited);
    ep_executor_free(pool);
}

CASE_FOR_KINDS("The bound")

TEST(all_levels_share_the_bound)
{
    struct ep_executor *pool =
        paused(&(struct ep_options){.workers = 1, .queue = 5, .when_full = EP_REJECT});
    struct ep_stats stats;

    for (int i = 0; i < 6; i++)
        ck_assert_int_eq(submit_at(pool, (enum ep_priority)(i % 3), i, NULL), 0);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(submit_at(pool, (enum ep_priority)i, i, NULL), -EAGAIN);
    ck_assert_uint_eq(ep_executor_room(pool), 0);
    ep_executor_stats(pool, &stats);
    ck_assert_uint_eq(stats.accepted, 6);
    ck_assert_uint_eq(stats.queued, 6);
    ck_assert_uint_eq(stats.queued_high, 2);
    ck_assert_uint_eq(stats.queued_low, 2);
    ck_assert_uint_eq(stats.running, 0);
    run_all(pool);
    ck_assert_uint_eq(ep_executor_room(pool), 6);
    ep_executor_stats(pool, &stats);
    ck_assert_uint_eq(stats.finished, 6);
    ck_assert_uint_eq(stats.queued + stats.queued_high + stats.queued_low, 0);
    ep_executor_free(pool);
}

TEST(the_oldest_of_the_lowest_level_is_discarded)
{
    struct ep_executor *pool =
        paused(&(struct ep_options){.workers = 1, .queue = 3, .when_full = EP_DISCARD_OLDEST});
    static const int expected[] = {0, 5, 6, 4};

    ck_assert_int_eq(submit_at(pool, EP_PRIORITY_HIGH, 0, NULL), 0);
    ck_assert_int_eq(submit_at(pool, EP_PRIORITY_NORMAL, 1, NULL), 0);
    ck_assert_int_eq(submit_at(pool, EP_PRIORITY_LOW, 2, NULL), 0);
    ck_assert_int_eq(submit_at(pool, EP_PRIORITY_LOW, 3, NULL), 0);
    ck_assert_int_eq(submit_at(pool, EP_PRIORITY_NORMAL, 4, NULL), 0); /* discards 2 */
    ck_assert_int_eq(submit_at(pool, EP_PRIORITY_HIGH, 5, NULL), 0);   /* discards 3 */
    ck_assert_int_eq(submit_at(pool, EP_PRIORITY_LOW, 9, NULL), -EAGAIN);
    ck_assert_int_eq(submit_at(pool, EP_PRIORITY_HIGH, 6, NULL), 0); /* discards 1 */
    run_all(pool);
    expect_order(expected, 4);
    ep_executor_free(pool);
}

CASE_FOR_KINDS("What leaves its lane")

TEST(cancelled_and_expired_ones_leave_their_lane)
{
    static const int expected[] = {3, 1, 2};
    struct ep_executor *pool = paused_of(16);
    struct job job = {ran, 7};
    struct ep_submit_options options = {.priority = EP_PRIORITY_HIGH};
    struct ep_future *cancelled[3], *late[2], *kept;
    struct ep_stats stats;

    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(submit_at(pool, (enum ep_priority)i, 4, &cancelled[i]), 0);
    for (int i = 0; i < 2; i++) {
        options.expires_ns = i == 0 ? 1 : ep_now_ns() + SOON;
        ck_assert_int_eq(ep_submit_with(pool, note_task, &job, sizeof job, &options, &late[i]), 0);
    }
    ck_assert_int_eq(submit_at(pool, EP_PRIORITY_NORMAL, 1, NULL), 0);
    ck_assert_int_eq(submit_at(pool, EP_PRIORITY_LOW, 2, NULL), 0);
    ck_assert_int_eq(submit_at(pool, EP_PRIORITY_HIGH, 3, &kept), 0);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(ep_future_cancel(cancelled[i]), 0);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(ep_future_result(late[i], EP_FOREVER, NULL), EP_EXPIRED);
    ep_executor_stats(pool, &stats);
    ck_assert_uint_eq(stats.queued, 3);
    ck_assert_uint_eq(stats.queued_high, 1);
    ck_assert_uint_eq(stats.queued_low, 1);
    ck_assert_uint_eq(stats.cancelled, 3);
    ck_assert_uint_eq(stats.expired, 2);
    run_all(pool);
    expect_order(expected, 3);
    for (int i = 0; i < 3; i++)
        ep_future_unref(cancelled[i]);
    for (int i = 0; i < 2; i++)
        ep_future_unref(late[i]);
    ep_future_unref(kept);
    ep_executor_free(pool);
}

TEST(cancelling_at_the_end_reaches_all_levels)
{
    struct ep_executor *pool = paused_of(16);
    struct ep_future *futures[9];
    struct ep_stats stats;

    for (int i = 0; i < 9; i++)
        ck_assert_int_eq(submit_at(pool, (enum ep_priority)(i % 3), i, &futures[i]), 0);
    ck_assert_int_eq(ep_executor_shutdown(pool, EP_WAIT | EP_CANCEL), 0);
    for (int i = 0; i < 9; i++) {
        ck_assert(ep_future_cancelled(futures[i]));
        ep_future_unref(futures[i]);
    }
    ep_executor_stats(pool, &stats);
    ck_assert_uint_eq(stats.cancelled, 9);
    ck_assert_uint_eq(stats.queued + stats.running, 0);
    ck_assert_uint_eq(atomic_load(&ran->count), 0);
    ep_executor_free(pool);
}

CASE_FOR_KINDS("Races")

enum { RACERS = 3, EACH = 60 };

struct racer {
    struct ep_executor *pool;
    unsigned number, finished, expired, cancelled, refused, wrong;
};

static void *race(void *argument)
{
    struct racer *racer = argument;
    atomic_uint *counter = &stage->counter;
    struct ep_future *futures[EACH];

    for (unsigned i = 0; i < EACH; i++) {
        struct ep_submit_options options = {
            .priority = (enum ep_priority)((i + racer->number) % EP_PRIORITIES),
            .expires_ns = i % 4 == 0 ? ep_now_ns() + (int64_t)(i * 500) : 0};

        int rc = ep_submit_with(racer->pool, count_task, &counter, sizeof counter, &options,
                                &futures[i]);

        racer->refused += rc == -ETIMEDOUT; /* there was no room before it expired */
        racer->wrong += rc != 0 && rc != -ETIMEDOUT;
        if (i % 3 == 0 && futures[i / 2] != NULL)
            ep_future_cancel(futures[i / 2]);
    }
    for (unsigned i = 0; i < EACH; i++) {
        int rc = futures[i] != NULL ? ep_future_result(futures[i], EP_FOREVER, NULL) : 1;

        racer->finished += rc == 0;
        racer->expired += rc == EP_EXPIRED;
        racer->cancelled += rc == EP_ECANCELLED;
        ep_future_unref(futures[i]);
    }
    return NULL;
}

/* Every accepted task ends in one way, whatever its level, and the counts add up. */
TEST(no_task_of_any_level_is_lost)
{
    for (unsigned round = 0; round < rounds_of(100, 20); round++) {
        struct ep_executor *pool = executor_that(2, 20, EP_BLOCK);
        struct racer racers[RACERS], sum = {0};
        unsigned before = atomic_load(&stage->counter);
        pthread_t threads[RACERS];
        struct ep_stats stats;

        for (unsigned i = 0; i < RACERS; i++) {
            racers[i] = (struct racer){.pool = pool, .number = i};
            ck_assert_int_eq(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
        }
        for (unsigned i = 0; i < RACERS; i++) {
            pthread_join(threads[i], NULL);
            sum.finished += racers[i].finished;
            sum.expired += racers[i].expired;
            sum.cancelled += racers[i].cancelled;
            sum.refused += racers[i].refused;
            sum.wrong += racers[i].wrong;
        }
        ep_executor_shutdown(pool, EP_WAIT);
        ep_executor_stats(pool, &stats);
        ck_assert_uint_eq(sum.wrong, 0);
        ck_assert_uint_eq(stats.accepted, RACERS * EACH - sum.refused);
        ck_assert_uint_eq(sum.finished + sum.expired + sum.cancelled, stats.accepted);
        ck_assert_uint_eq(stats.finished, sum.finished);
        ck_assert_uint_eq(stats.expired, sum.expired);
        ck_assert_uint_eq(stats.cancelled, sum.cancelled);
        ck_assert_uint_eq(stats.queued + stats.running, 0);
        ck_assert_uint_eq(atomic_load(&stage->counter) - before, sum.finished);
        ep_executor_free(pool);
    }
}

CASE_FOR_THREADS("Others")

static struct ep_executor *own_pool;

/** A reply that fills all the memory which the queue uses while a task waits. */
static int reply_full(struct ep_task *task)
{
    unsigned char full[64];

    memset(full, 0xff, sizeof full);
    return ep_task_reply(task, full, sizeof full);
}

static int await_inner(struct ep_task *task)
{
    struct ep_submit_options options = {.priority =
                                            *(const enum ep_priority *)ep_task_input(task, NULL)};
    struct ep_future *future;
    struct ep_bytes reply;
    int rc;

    rc = ep_submit_with(own_pool, reply_full, NULL, 0, &options, &future);
    if (rc == 0)
        rc = ep_future_result(future, EP_FOREVER, &reply);
    if (rc == 0)
        rc = ep_task_reply(task, reply.data, reply.size);
    ep_future_unref(future);
    return rc;
}

/* A worker that waits for a task of its executor begins it, on whatever level it waits. */
TEST(an_awaited_task_may_have_any_level)
{
    struct ep_future *futures[EP_PRIORITIES];
    struct ep_bytes reply;

    own_pool = executor_that(1, 8, EP_BLOCK);
    for (enum ep_priority i = 0; i < EP_PRIORITIES; i++)
        futures[i] = submit_bytes(own_pool, await_inner, &i, sizeof i);
    for (int i = 0; i < EP_PRIORITIES; i++) {
        ck_assert_int_eq(ep_future_result(futures[i], EP_FOREVER, &reply), 0);
        ck_assert_uint_eq(reply.size, 64);
        for (size_t byte = 0; byte < reply.size; byte++)
            ck_assert_uint_eq(((const unsigned char *)reply.data)[byte], 0xff);
        ep_future_unref(futures[i]);
    }
    ep_executor_free(own_pool);
}

CASE_FOR_KINDS("Levels")

TEST(an_unknown_level_is_refused)
{
    struct ep_executor *pool = paused_of(1);

    ck_assert_int_eq(submit_at(pool, EP_PRIORITIES, 0, NULL), -EINVAL);
    ck_assert_int_eq(submit_at(pool, (enum ep_priority) - 1, 0, NULL), -EINVAL);
    ep_executor_free(pool);
}
