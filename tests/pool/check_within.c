/* SPDX-License-Identifier: MIT */
/*
 * Every call within every function of the user: the library holds no lock there, so each call
 * returns. Where it would wait for its own thread, it returns -EDEADLK. What hangs runs into the
 * time limit.
 */
#include "pool/future-internal.h"
#include "tests/kit/kinds.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

static struct ep_executor *pool;
static int (*call)(void);
static atomic_bool armed;
/** The task that stands at the gate. */
static struct ep_future *held;
/** A task that is being cancelled, or the oldest that waits, or the one that runs here; NULL: none. */
static struct ep_future *first;

/* --- The calls ----------------------------------------------------------------------------- */

#define A_MOMENT EP_MILLISECONDS(1)

static int call_stats(void)
{
    struct ep_stats stats;

    ep_executor_stats(pool, &stats);
    return (int)ep_executor_room(pool);
}

static int call_submit(void)
{
    struct ep_submit_options options = {.deadline_ns = ep_now_ns() + A_MOMENT};

    return ep_try_submit(pool, nothing_task, NULL, 0, NULL) |
           ep_submit_with(pool, nothing_task, NULL, 0, &options, NULL);
}

static void see(struct ep_future *future, void *context)
{
    (void)context;
    (void)ep_future_cancel(future);
}

static int call_future(void)
{
    struct ep_future *future;
    int rc = ep_try_submit(pool, nothing_task, NULL, 0, &future);

    if (rc != 0)
        return rc;
    rc = ep_future_add_done_callback(future, see, NULL);
    rc |= ep_future_result(future, A_MOMENT, NULL);
    rc |= ep_wait(&future, 1, EP_ALL_COMPLETED, A_MOMENT, NULL);
    rc |= ep_future_cancel(future);
    ep_future_unref(future);
    return rc;
}

/* Without a limit: a thread that waited for itself would never return. */
static int call_first(void)
{
    if (first == NULL)
        return 0;
    return ep_future_result(first, EP_FOREVER, NULL) |
           ep_wait(&first, 1, EP_ALL_COMPLETED, EP_FOREVER, NULL) | ep_future_cancel(first);
}

static int call_pause(void)
{
    return ep_executor_pause(pool) | ep_executor_resume(pool);
}

static int call_resize(void)
{
    return ep_executor_resize(pool, 4) | ep_executor_resize(pool, 1);
}

static int call_wait(void)
{
    return ep_executor_wait_idle(pool, A_MOMENT) | ep_executor_join(pool, A_MOMENT);
}

static int call_shutdown(void)
{
    return ep_executor_shutdown(pool, 0) | ep_executor_join(pool, A_MOMENT);
}

static int call_cancel(void)
{
    return ep_executor_shutdown(pool, EP_CANCEL);
}

static int call_terminate(void)
{
    ep_executor_terminate(pool);
    return 0;
}

static int call_map(void)
{
    struct ep_column column = {.elements = "ab", .size = 1};
    struct ep_map_options options = {.timeout_ns = A_MOMENT};
    struct ep_map *map;
    int rc = ep_map_columns(pool, nothing_task, &column, 1, 2, &options, &map);

    if (rc != 0)
        return rc;
    rc = ep_map_next(map, NULL);
    ep_map_free(map);
    return rc;
}

static int (*const calls[])(void) = {call_stats,     call_submit, call_future,   call_pause,
                                     call_resize,    call_wait,   call_shutdown, call_cancel,
                                     call_terminate, call_map,    call_first};

/** Make the call that is tried, once. */
static void make_call(void)
{
    if (!atomic_exchange(&armed, false))
        return;
    call();
    atomic_fetch_add(&stage->counter, 1);
}

/* --- The functions ------------------------------------------------------------------------- */

static int initialize(void *context, unsigned worker)
{
    (void)context;
    if (worker > 0)
        make_call();
    return 0;
}

static void finalize(void *context, unsigned worker)
{
    initialize(context, worker);
}

static void on_room(void *context)
{
    (void)context;
    make_call();
}

static void dropped(const void *input, size_t size)
{
    (void)input;
    (void)size;
    make_call();
}

static void done(struct ep_future *future, void *context)
{
    (void)future;
    (void)context;
    make_call();
}

static int source(void *context, struct ep_bytes *input)
{
    int *left = context;

    make_call();
    *input = (struct ep_bytes){.data = left, .size = sizeof *left};
    return (*left)-- > 0;
}

CASE_FOR_KINDS("Where they run")

static struct ep_executor *make(struct ep_options options)
{
    first = NULL;
    gate_init(&stage->gate); /* a task that was killed there has not passed it */
    options.workers = 1;
    options.queue = 2;
    return executor_with(&options);
}

static struct ep_future *submit_dropped(void)
{
    struct ep_submit_options options = {.dropped = dropped};
    struct ep_future *future;

    ck_assert_int_eq(ep_submit_with(pool, nothing_task, NULL, 0, &options, &future), 0);
    return future;
}

static void within_initialize(void)
{
    pool = make((struct ep_options){.initialize = initialize});
    atomic_store(&armed, true);
    (void)!ep_executor_resize(pool, 3);
}

static void within_finalize(void)
{
    pool = make((struct ep_options){.finalize = finalize});
    ck_assert_int_eq(ep_executor_resize(pool, 2), 0);
    atomic_store(&armed, true);
    ck_assert_int_eq(ep_executor_resize(pool, 1), 0);
    (void)!ep_executor_resize(pool, 2); /* joins the surplus worker if it is ending */
    ep_executor_shutdown(pool, EP_WAIT);
}

static void hold(void)
{
    held = submit_gate(pool, &stage->gate);
    gate_await(&stage->gate, 1);
}

/** Fill the executor: one task stands at the gate, two wait. The futures are those that wait. */
static void fill(struct ep_options options, struct ep_future *futures[static 2])
{
    pool = make(options);
    hold();
    futures[0] = submit_dropped();
    futures[1] = submit_dropped();
    first = futures[0];
}

static void release(struct ep_future *futures[static 2])
{
    gate_open(&stage->gate, 1);
    ep_executor_shutdown(pool, EP_WAIT);
    ep_future_unref(held);
    ep_future_unref(futures[0]);
    ep_future_unref(futures[1]);
}

static void within_on_room(bool cancel)
{
    struct ep_future *futures[2];

    fill((struct ep_options){.on_room = on_room}, futures);
    ck_assert_uint_eq(ep_executor_room(pool), 0);
    if (!cancel)
        first = held; /* its place is free a moment before it is done */
    atomic_store(&armed, true);
    if (cancel)
        ck_assert_int_eq(ep_future_cancel(futures[0]), 0);
    release(futures);
}

static void within_on_room_of_a_worker(void)
{
    within_on_room(false);
}

static void within_on_room_of_a_canceller(void)
{
    within_on_room(true);
}

/* Of those that are cancelled together, on_room may ask for each. */
static void within_on_room_of_a_cancelled_group(void)
{
    struct ep_future *futures[2];
    struct ep_group *group;

    pool = make((struct ep_options){.on_room = on_room});
    hold();
    ck_assert_int_eq(ep_group_new(pool, 0, &group), 0);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(ep_group_submit(group, nothing_task, NULL, 0, NULL, &futures[i]), 0);
    first = futures[1];
    ck_assert_uint_eq(ep_executor_room(pool), 0);
    atomic_store(&armed, true);
    ep_group_cancel(group);
    release(futures);
    ep_group_free(group);
}

static void within_dropped_by_cancel(void)
{
    struct ep_future *futures[2];

    fill((struct ep_options){0}, futures);
    atomic_store(&armed, true);
    ck_assert_int_eq(ep_future_cancel(futures[0]), 0);
    release(futures);
}

static void within_dropped_at_the_end(void)
{
    struct ep_future *futures[2];

    fill((struct ep_options){0}, futures);
    atomic_store(&armed, true);
    ck_assert_int_eq(ep_executor_shutdown(pool, EP_CANCEL), 0);
    release(futures);
}

static void within_dropped_for_another(void)
{
    struct ep_future *futures[2];

    fill((struct ep_options){.when_full = EP_DISCARD_OLDEST}, futures);
    atomic_store(&armed, true);
    (void)!ep_submit(pool, nothing_task, NULL, 0, NULL);
    release(futures);
}

static void within_done(void)
{
    struct ep_future *futures[2];

    fill((struct ep_options){0}, futures);
    ck_assert_int_eq(ep_future_add_done_callback(futures[0], done, NULL), 0);
    atomic_store(&armed, true);
    release(futures);
}

static void within_done_by_cancel(void)
{
    struct ep_future *futures[2];

    fill((struct ep_options){0}, futures);
    ck_assert_int_eq(ep_future_add_done_callback(futures[0], done, NULL), 0);
    atomic_store(&armed, true);
    ck_assert_int_eq(ep_future_cancel(futures[0]), 0);
    release(futures);
}

static void within_done_at_once(void)
{
    struct ep_future *futures[2];

    fill((struct ep_options){0}, futures);
    ck_assert_int_eq(ep_future_cancel(futures[0]), 0);
    atomic_store(&armed, true);
    ck_assert_int_eq(ep_future_add_done_callback(futures[0], done, NULL), 0);
    release(futures);
}

static void within_a_source(void)
{
    struct ep_map *map;
    int left = 3;

    pool = make((struct ep_options){0});
    atomic_store(&armed, true);
    if (ep_map(pool, nothing_task, source, &left, NULL, &map) == 0)
        ep_map_free(map);
}

static void within_dispatch(void)
{
    struct ep_future *futures[2];
    struct ep_mailbox *mailbox;

    fill((struct ep_options){0}, futures);
    ck_assert_int_eq(ep_mailbox_new(&mailbox), 0);
    ck_assert_int_eq(ep_future_cancel(futures[0]), 0);
    ck_assert_int_eq(ep_mailbox_add(mailbox, futures[0], done, NULL), 0);
    atomic_store(&armed, true);
    ck_assert_uint_eq(ep_mailbox_dispatch(mailbox), 1);
    ep_mailbox_free(mailbox);
    release(futures);
}

/* In worker processes the former two run where the executor is not. */
static void (*const functions[])(void) = {
    within_initialize,
    within_finalize,
    within_on_room_of_a_worker,
    within_on_room_of_a_canceller,
    within_on_room_of_a_cancelled_group,
    within_dropped_by_cancel,
    within_dropped_at_the_end,
    within_dropped_for_another,
    within_done,
    within_done_by_cancel,
    within_done_at_once,
    within_a_source,
    within_dispatch,
};

TEST(every_call_returns)
{
    for (size_t i = kind == PROCESSES ? 2 : 0; i < COUNT_OF(functions); i++)
        for (size_t k = 0; k < COUNT_OF(calls); k++) {
            mark_point();
            call = calls[k];
            functions[i]();
            ep_executor_free(pool);
            ck_assert_msg(atomic_exchange(&stage->counter, 0) == 1,
                          "function %zu did not run for call %zu", i, k);
        }
}

/* --- A thread that receives ---------------------------------------------------------------- */

static int waited;

static void wait_in_on_room(void *context)
{
    (void)context;
    waited = ep_future_result(first, EP_FOREVER, NULL);
}

/* Wait until a thread waits for that future. It sleeps if it could not have the right to receive at that moment. */
static void await_waiter(struct ep_future *future)
{
    while ((atomic_load(&future->state) & (STATE_HAS_HELPER | STATE_HAS_SLEEPERS)) == 0)
        sched_yield();
}

static void *open_for_a_helper(void *unused)
{
    await_waiter(held);
    gate_open(&stage->gate, 1);
    return unused;
}

/* A thread that receives for itself calls on_room, in which it may wait for the next task of that worker. */
TEST(on_room_may_wait_for_a_task_sent_ahead)
{
    struct ep_options options = {
        .workers = 1, .queue = 1, .prefetch = 1, .on_room = wait_in_on_room};
    pthread_t opener;

    if (kind == THREADS)
        return; /* none is sent ahead */
    pool = executor_with(&options);
    ck_assert_int_eq(ep_executor_pause(pool), 0);
    held = submit_gate(pool, &stage->gate);
    first = submit_bytes(pool, nothing_task, NULL, 0);
    ck_assert_uint_eq(ep_executor_room(pool), 0);
    ck_assert_int_eq(ep_executor_resume(pool), 0);
    gate_await(&stage->gate, 1);
    ck_assert_int_eq(pthread_create(&opener, NULL, open_for_a_helper, NULL), 0);
    ck_assert_int_eq(ep_future_result(held, EP_FOREVER, NULL), 0);
    pthread_join(opener, NULL);
    ck_assert_int_eq(ep_future_result(first, EP_FOREVER, NULL), 0);
    ep_executor_shutdown(pool, EP_WAIT);
    ck_assert(waited == 0 || waited == -EDEADLK); /* the latter if the manager was faster */
    ep_future_unref(held);
    ep_future_unref(first);
    ep_executor_free(pool);
}
static int pid_task(struct ep_task *task)
{
    pid_t pid = getpid();

    return ep_task_reply(task, &pid, sizeof pid);
}

static void *continue_for_a_helper(void *pid)
{
    await_waiter(held);
    kill(*(const pid_t *)pid, SIGCONT);
    return NULL;
}

/* The same for the place of a task that its worker does not know. */
TEST(on_room_after_an_unknown_function)
{
    struct ep_options options = {
        .workers = 1, .queue = 1, .prefetch = 1, .on_room = wait_in_on_room};
    ep_task_fn data = (ep_task_fn)(uintptr_t)&waited;
    struct ep_bytes reply;
    pthread_t helper;
    pid_t pid;

    if (kind == THREADS)
        return;
    pool = executor_with(&options);
    first = submit_bytes(pool, pid_task, NULL, 0);
    ck_assert_int_eq(ep_future_result(first, EP_FOREVER, &reply), 0);
    memcpy(&pid, reply.data, sizeof pid);
    ep_future_unref(first);
    while (ep_executor_room(pool) != 2)
        sched_yield();
    ck_assert_int_eq(ep_executor_pause(pool), 0);
    held = submit_bytes(pool, data, NULL, 0);
    first = submit_bytes(pool, nothing_task, NULL, 0);
    ck_assert_uint_eq(ep_executor_room(pool), 0);
    ck_assert_int_eq(kill(pid, SIGSTOP), 0);
    ck_assert_int_eq(ep_executor_resume(pool), 0);
    while (ep_future_state(first) != EP_RUNNING)
        sched_yield(); /* it is sent ahead */
    ck_assert_int_eq(pthread_create(&helper, NULL, continue_for_a_helper, &pid), 0);
    ck_assert_int_eq(ep_future_result(held, EP_FOREVER, NULL), EP_EUNKNOWN);
    pthread_join(helper, NULL);
    ck_assert_int_eq(ep_future_result(first, EP_FOREVER, NULL), 0);
    ep_executor_shutdown(pool, EP_WAIT);
    ck_assert(waited == 0 || waited == -EDEADLK);
    ep_future_unref(held);
    ep_future_unref(first);
    ep_executor_free(pool);
}
