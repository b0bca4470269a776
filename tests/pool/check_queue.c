/* SPDX-License-Identifier: MIT */
/* pool/queue: the exact bound, the order, and the husks that cancelled tasks leave. */
#include "pool/future-internal.h"
#include "pool/queue-drop-internal.h"
#include "tests/kit/faults.h"
#include "tests/kit/suite.h"

#include "pool/executor-internal.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#define LIMIT 4

/** An executor of nothing but a queue, so that futures can be cancelled. */
static const struct executor_ops no_workers = {
    .host = {.cancelled = executor_task_cancelled, .place_left = executor_place_left}};

static struct ep_executor fixture;

static void setup(void)
{
    struct ep_options options = {.queue = LIMIT - 1};

    memset(&fixture, 0, sizeof fixture);
    ck_assert_int_eq(executor_init(&fixture, &no_workers, &options, 1, 1), 0);
}

static void teardown(void)
{
    ck_assert(!queue_has_entries(&fixture.queue));
    executor_clear(&fixture);
}

/** Push the number without a future. */
static int push(int n)
{
    struct queue_entry entry = {.size = sizeof n};

    memcpy(entry.input.inside, &n, sizeof n);
    return queue_push(&fixture.queue, &entry);
}

/** Push the number with a future, of which the caller gets a reference. */
static struct ep_future *push_future(int n)
{
    struct queue_entry entry = {
        .future = future_new(fixture.futures, &fixture, NULL, &n, sizeof n, NULL)};
    struct ep_future *future = ep_future_ref(entry.future);

    ck_assert_int_eq(queue_push(&fixture.queue, &entry), 0);
    return future;
}

/** Take the next number, or -1. The task counts as still running. */
static int take(void)
{
    struct queue_entry entry;
    int n;

    if (!queue_take(&fixture.queue, 0, &entry))
        return -1;
    if (entry.future == NULL) {
        size_t size;

        memcpy(&n, entry_input(&entry, &size), sizeof n);
        return n;
    }
    memcpy(&n, future_input(entry.future), sizeof n);
    future_finish(entry.future, 0);
    ep_future_unref(entry.future);
    return n;
}

CASE_WITH("Core", setup, teardown)

TEST(first_in_first_out)
{
    for (int round = 0; round < 100; round++) {
        for (int n = 0; n < LIMIT; n++)
            ck_assert_int_eq(push(round * LIMIT + n), 0);
        for (int n = 0; n < LIMIT; n++) {
            ck_assert_int_eq(take(), round * LIMIT + n);
            queue_task_done(&fixture.queue);
        }
        ck_assert_int_eq(take(), -1);
    }
}

TEST(the_limit_counts_tasks_that_run)
{
    for (int n = 0; n < LIMIT; n++)
        ck_assert_int_eq(push(n), 0);
    ck_assert_int_eq(push(99), -EAGAIN);
    ck_assert_int_eq(take(), 0);
    /* Taken is not done: the executor still holds it. */
    ck_assert_int_eq(push(99), -EAGAIN);
    ck_assert_uint_eq(queue_room(&fixture.queue), 0);
    queue_task_done(&fixture.queue);
    ck_assert_uint_eq(queue_room(&fixture.queue), 1);
    ck_assert_int_eq(push(4), 0);
    ck_assert_int_eq(push(99), -EAGAIN);
    for (int n = 1; n <= LIMIT; n++)
        ck_assert_int_eq(take(), n);
}

TEST(a_cancelled_task_gives_its_place_back_at_once)
{
    struct ep_future *future = push_future(0);
    struct ep_stats stats = {0};

    for (int n = 1; n < LIMIT; n++)
        ck_assert_int_eq(push(n), 0);
    ck_assert_int_eq(push(99), -EAGAIN);
    ck_assert_int_eq(ep_future_cancel(future), 0);
    queue_stats(&fixture.queue, &stats);
    ck_assert_uint_eq(stats.queued, LIMIT - 1);
    ck_assert_uint_eq(stats.cancelled, 1);
    ck_assert_uint_eq(stats.running, 0);
    ck_assert_int_eq(push(4), 0);
    ck_assert_int_eq(push(99), -EAGAIN);
    for (int n = 1; n <= LIMIT; n++)
        ck_assert_int_eq(take(), n);
    ck_assert_int_eq(take(), -1);
    ep_future_unref(future);
}

/* Far more cancels than the ring is long, while a living task holds the head in its place. */
TEST(husks_never_make_the_queue_full)
{
    ck_assert_int_eq(push(-7), 0);
    for (int n = 0; n < 1000; n++) {
        struct ep_future *kept = push_future(n);
        struct ep_future *dropped = push_future(1000 + n);

        ck_assert_int_eq(ep_future_cancel(dropped), 0);
        if (n < 998)
            ck_assert_int_eq(ep_future_cancel(kept), 0);
        ep_future_unref(dropped);
        ep_future_unref(kept);
    }
    /* The order of the living is kept. */
    ck_assert_int_eq(take(), -7);
    ck_assert_int_eq(take(), 998);
    ck_assert_int_eq(take(), 999);
    ck_assert_int_eq(take(), -1);
}

/** Push that many numbers behind `held` others and take as many, so that `held` are left. */
static void walk_round(int tasks, int held)
{
    for (int n = 0; n < tasks + held; n++) {
        if (n < tasks)
            ck_assert_int_eq(push(n), 0);
        if (n >= held) {
            ck_assert_int_eq(take(), n - held);
            queue_task_done(&fixture.queue);
        }
    }
}

/* A bound of a million tasks costs nothing until they are held; what pushes touch is the ring. */
TEST(the_ring_grows_with_what_is_held)
{
    uint64_t first = fixture.queue.mask, grown;

    queue_set_limit(&fixture.queue, EP_QUEUE_MAX);
    walk_round(10000, 20);
    ck_assert_uint_eq(fixture.queue.mask, first);
    for (int n = 0; n < 10000; n++) {
        struct ep_future *future = push_future(n);

        ck_assert_int_eq(ep_future_cancel(future), 0);
        ep_future_unref(future);
    }
    ck_assert_int_eq(take(), -1);
    ck_assert_uint_eq(fixture.queue.mask, first);
    walk_round(20000, 5000);
    grown = fixture.queue.mask + 1;
    ck_assert_uint_ge(grown, 5000);
    ck_assert_uint_lt(grown, 4 * 5000);
    walk_round(20000, 5000);
    ck_assert_uint_eq(fixture.queue.mask + 1, grown);
}

/** Push a number with a future that waits in the lane of high priority, and take it at once. */
static void pass_beside_the_ring(int n)
{
    struct queue_entry entry = {
        .future = future_new(fixture.futures, &fixture, NULL, &n, sizeof n, NULL)};

    future_set_extras(entry.future, &(struct extras){.priority = EP_PRIORITY_HIGH});
    ck_assert_int_ge(queue_push(&fixture.queue, &entry), 0);
    ck_assert_int_eq(take(), n);
    queue_task_done(&fixture.queue);
}

/* Those that had a priority count neither for nor against it. */
TEST(the_ring_does_not_grow_for_tasks_beside_it)
{
    uint64_t first = fixture.queue.mask;

    for (int n = 0; n < 1000; n++)
        pass_beside_the_ring(n);
    ck_assert_int_eq(push(-7), 0);
    for (int n = 0; n < 1000; n++) {
        struct ep_future *future = push_future(n);

        ck_assert_int_eq(ep_future_cancel(future), 0);
        ep_future_unref(future);
    }
    ck_assert_uint_eq(fixture.queue.mask, first);
    ck_assert_int_eq(take(), -7);
    ck_assert_int_eq(take(), -1);
}

/* Without memory for a longer ring a push fails, until there is a place in the ring. */
TEST(a_ring_that_cannot_grow_loses_nothing)
{
    int pushed = 0;

    if (WITH_SANITIZER)
        return; /* it has an aligned_alloc() of its own */
    faults_setup();
    faults_set(FAULT_ALIGNED, 0, ENOMEM, UINT_MAX);
    queue_set_limit(&fixture.queue, EP_QUEUE_MAX);
    while (push(pushed) == 0)
        pushed++;
    ck_assert_int_gt(pushed, LIMIT);
    ck_assert_int_eq(push(-7), -ENOMEM);
    ck_assert_uint_eq(queue_held(&fixture.queue), (unsigned)pushed);
    ck_assert_int_eq(take(), 0);
    queue_task_done(&fixture.queue);
    ck_assert_int_eq(push(pushed), 0);
    faults_set(FAULT_ALIGNED, 0, ENOMEM, 0);
    ck_assert_int_eq(push(pushed + 1), 0);
    for (int n = 1; n <= pushed + 1; n++)
        ck_assert_int_eq(take(), n);
}

TEST(nothing_enters_after_close)
{
    ck_assert_int_eq(push(1), 0);
    queue_close(&fixture.queue, EP_ESHUTDOWN, false);
    ck_assert_int_eq(push(2), EP_ESHUTDOWN);
    ck_assert_uint_eq(queue_room(&fixture.queue), 0);
    ck_assert_int_eq(queue_refusal(&fixture.queue), EP_ESHUTDOWN);
    ck_assert_int_eq(take(), 1);
}

/* Each thread that drops has a hold of its own; nothing that another thread calls ends it. */
TEST(what_is_being_dropped_is_not_taken)
{
    ck_assert_int_eq(push(1), 0);
    ck_assert_int_eq(queue_pause(&fixture.queue, true), 0);
    queue_close(&fixture.queue, EP_ESHUTDOWN, true);
    queue_close(&fixture.queue, EP_EBROKEN, true);
    ck_assert_int_eq(take(), -1);
    ck_assert_int_eq(queue_pause(&fixture.queue, false), EP_ESHUTDOWN);
    queue_close(&fixture.queue, EP_ESHUTDOWN, false);
    queue_release(&fixture.queue);
    ck_assert_int_eq(take(), -1);
    queue_release(&fixture.queue);
    ck_assert_int_eq(queue_pause(&fixture.queue, true), EP_ESHUTDOWN);
    ck_assert_int_eq(take(), 1);
}

static void *take_in_thread(void *taken)
{
    *(int *)taken = take();
    return NULL;
}

/* A worker that waits for the canceller of the oldest task must look again before it takes another. */
TEST(a_pause_holds_also_a_worker_that_passes_a_husk)
{
    struct ep_future *husk = push_future(1);
    pthread_t taker;
    uint32_t notes;
    int taken = 0;

    for (int n = 2; n <= LIMIT; n++)
        ck_assert_int_eq(push(n), 0);
    ck_assert(future_begin_cancel(husk));
    ck_assert_int_eq(pthread_create(&taker, NULL, take_in_thread, &taken), 0);
    while ((atomic_load(&husk->state) & STATE_HAS_SLEEPERS) == 0)
        sched_yield();
    ck_assert_int_eq(queue_pause(&fixture.queue, true), 0);
    notes = future_leave_queue(husk);
    pthread_join(taker,
                 NULL); /* before functions of the user run, which may wait for that worker */
    future_offer_place(husk);
    future_end_unrun(husk, EP_ECANCELLED, notes);
    ck_assert_int_eq(taken, -1);
    ck_assert_int_eq(queue_pause(&fixture.queue, false), 0);
    for (int n = 2; n <= LIMIT; n++)
        ck_assert_int_eq(take(), n);
    ck_assert_int_eq(take(), -1);
    ep_future_unref(husk);
}

static bool drop_oldest(void)
{
    struct queue_dropped dropped;

    if (!queue_drop_oldest(&fixture.queue, EP_PRIORITY_HIGH, false, &dropped))
        return false;
    queue_end_dropped(&dropped, EP_ESHUTDOWN, NULL);
    return true;
}

TEST(drop_oldest_cancels)
{
    struct ep_future *future = push_future(1);
    struct ep_future *cancelled = push_future(2);

    ck_assert_int_eq(ep_future_cancel(cancelled), 0);
    ck_assert_int_eq(push(3), 0);
    ck_assert(drop_oldest());
    ck_assert(ep_future_cancelled(future));
    ck_assert(drop_oldest()); /* the husk */
    ck_assert_int_eq(take(), 3);
    ck_assert(!drop_oldest());
    ck_assert_uint_eq(queue_room(&fixture.queue), LIMIT - 1);
    ep_future_unref(future);
    ep_future_unref(cancelled);
}

/* Positions are 64 bits wide: at a task a nanosecond they last 584 years. What 32 bits would make
 * of them is nothing to the queue. */
TEST(positions_pass_32_bits)
{
    uint64_t start = UINT32_MAX - 5;

    for (int n = 0; n < 2; n++, start = (uint64_t)INT32_MAX - 5) {
        atomic_store(&fixture.queue.tail, start);
        atomic_store(&fixture.queue.head, start);
        atomic_store(&fixture.queue.done, start);
        atomic_store(&fixture.queue.cancelled, 0);
        fixture.queue.head_seen = fixture.queue.tail_seen = fixture.queue.freed_seen = start;
        for (int i = 0; i < 20; i++) {
            struct ep_future *future = push_future(1000 + i);

            ck_assert_int_eq(push(i), 0);
            ck_assert_uint_eq(queue_held(&fixture.queue), 2);
            ck_assert_uint_eq(queue_room(&fixture.queue), LIMIT - 2);
            ck_assert_int_eq(ep_future_cancel(future), 0);
            ck_assert_int_eq(take(), i);
            queue_task_done(&fixture.queue);
            ck_assert_uint_eq(queue_room(&fixture.queue), LIMIT);
            ep_future_unref(future);
        }
        for (int i = 0; i < LIMIT; i++)
            ck_assert_int_eq(push(i), 0);
        ck_assert_int_eq(push(99), -EAGAIN);
        for (int i = 0; i < LIMIT; i++) {
            ck_assert_int_eq(take(), i);
            queue_task_done(&fixture.queue);
        }
        ck_assert_int_eq(take(), -1);
    }
}
