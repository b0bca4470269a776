/* SPDX-License-Identifier: MIT */
/* User data of a task, and the reason for which a task never runs. */
#include "pool/echopool.h"
#include "tests/kit/kinds.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

/** What on_drop has seen; it runs in this process. */
struct record {
    atomic_uint calls;
    atomic_int reason;
    int input;
};

static void note_drop(void *user, int reason, const void *input, size_t size)
{
    struct record *record = user;

    ck_assert_uint_eq(size, sizeof record->input);
    memcpy(&record->input, input, size);
    atomic_store(&record->reason, reason);
    atomic_fetch_add(&record->calls, 1);
}

static struct ep_submit_options recorded_by(struct record *record)
{
    return (struct ep_submit_options){.user = record, .on_drop = note_drop};
}

/** Submit fn with the input 42 and a record. `future` may be NULL. */
static void submit_recorded(struct ep_executor *pool, ep_task_fn fn, struct record *record,
                            struct ep_future **future)
{
    struct ep_submit_options options = recorded_by(record);
    int input = 42;

    ck_assert_int_eq(ep_submit_with(pool, fn, &input, sizeof input, &options, future), 0);
}

static void expect_drop(struct record *record, int reason)
{
    ck_assert_uint_eq(atomic_load(&record->calls), 1);
    ck_assert_int_eq(atomic_load(&record->reason), reason);
    ck_assert_int_eq(record->input, 42);
}

CASE_FOR_KINDS("User data")

static void expect_user(struct ep_future *future, void *context)
{
    ck_assert_ptr_eq(ep_future_user(future), context);
    atomic_fetch_add(&stage->counter, 1);
}

TEST(user_data_stays_with_the_future)
{
    struct ep_executor *pool = executor_that(1, 2, EP_BLOCK);
    struct gate *gate = &stage->gate;
    struct ep_submit_options options = {.user = &options};
    struct ep_future *future, *plain;

    plain = submit_bytes(pool, nothing_task, NULL, 0);
    ck_assert_ptr_null(ep_future_user(plain));
    ck_assert_int_eq(ep_future_result(plain, EP_FOREVER, NULL), 0);
    ep_future_unref(plain); /* the next future may have its memory */
    ck_assert_int_eq(ep_executor_pause(pool), 0);
    ck_assert_int_eq(ep_submit_with(pool, gate_task, &gate, sizeof gate, &options, &future), 0);
    ck_assert_ptr_eq(ep_future_user(future), &options);
    ck_assert_int_eq(ep_future_add_done_callback(future, expect_user, &options), 0);
    ck_assert_int_eq(ep_executor_resume(pool), 0);
    gate_await(gate, 1);
    ck_assert_ptr_eq(ep_future_user(future), &options);
    gate_open(gate, 1);
    ep_executor_free(pool);
    ck_assert_uint_eq(atomic_load(&stage->counter), 1);
    ck_assert_ptr_eq(ep_future_user(future), &options);
    ep_future_unref(future);
}

TEST(without_user_data_there_is_none)
{
    struct ep_executor *pool = executor_that(1, 2, EP_BLOCK);
    struct ep_submit_options options = {.user = &options};
    struct ep_future *future;

    for (int i = 0; i < 4; i++) { /* with one worker, each future has the memory of the last one */
        options.user = i % 2 == 0 ? &options : NULL;
        ck_assert_int_eq(ep_submit_with(pool, nothing_task, NULL, 0, &options, &future), 0);
        ck_assert_int_eq(ep_future_result(future, EP_FOREVER, NULL), 0);
        ck_assert_ptr_eq(ep_future_user(future), options.user);
        ep_future_unref(future);
        ck_assert_int_eq(ep_executor_wait_idle(pool, EP_FOREVER), 0);
    }
    ep_executor_free(pool);
}

CASE_FOR_KINDS("Reasons")

TEST(a_task_that_runs_is_not_dropped)
{
    struct ep_executor *pool = executor_that(1, 2, EP_BLOCK);
    struct record record = {0};

    submit_recorded(pool, square_task, &record, NULL);
    submit_recorded(pool, fail_task, &record, NULL);
    ep_executor_free(pool);
    ck_assert_uint_eq(atomic_load(&record.calls), 0);
}

/** The ends that a program brings about. */
enum end { CANCEL, SHUTDOWN, TERMINATE, DISCARD, DISCARD_OLDEST, ENDS };

static const struct {
    enum ep_policy policy;
    int reason;
} ends[ENDS] = {
    [CANCEL] = {EP_BLOCK, EP_ECANCELLED},
    [SHUTDOWN] = {EP_BLOCK, EP_ESHUTDOWN},
    [TERMINATE] = {EP_BLOCK, EP_ESHUTDOWN},
    [DISCARD] = {EP_DISCARD, -EAGAIN},
    [DISCARD_OLDEST] = {EP_DISCARD_OLDEST, -EAGAIN},
};

static void drop_by(enum end end, struct ep_executor *pool, struct ep_future *future)
{
    switch (end) {
    case CANCEL: ck_assert_int_eq(ep_future_cancel(future), 0); break;
    case SHUTDOWN: ck_assert_int_eq(ep_executor_shutdown(pool, EP_CANCEL), 0); break;
    case TERMINATE: ep_executor_terminate(pool); break;
    case DISCARD_OLDEST: ck_assert_int_eq(stage_submit(pool, NULL), 0); break;
    default: break; /* by its submission */
    }
}

static void check_end(enum end end, bool with_future)
{
    struct ep_executor *pool = executor_that(1, 1, ends[end].policy);
    struct record record = {0};
    struct ep_future *future = NULL;

    stage_occupy(pool, 1);
    if (end == DISCARD)
        ck_assert_int_eq(stage_submit(pool, NULL), 0);
    submit_recorded(pool, square_task, &record, with_future ? &future : NULL);
    drop_by(end, pool, future);
    expect_drop(&record, ends[end].reason); /* in this thread, before the call returned */
    if (with_future) {
        ck_assert(ep_future_cancelled(future));
        ck_assert_ptr_eq(ep_future_user(future), &record);
    }
    gate_open(&stage->gate, 1);
    ep_executor_free(pool);
    ck_assert_uint_eq(atomic_load(&record.calls), 1);
    ep_future_unref(future);
    gate_clear(&stage->gate); /* a worker process that was terminated has not passed it */
    gate_init(&stage->gate);
}

TEST(on_drop_gets_the_reason)
{
    for (enum end end = CANCEL; end < ENDS; end++) {
        check_end(end, true);
        if (end != CANCEL)
            check_end(end, false);
    }
}

static int fail_later(void *context, unsigned worker)
{
    (void)worker;
    return (int)atomic_fetch_add((atomic_uint *)context, 1);
}

/* The second initialize fails, and what waits will never run. */
TEST(a_broken_executor_is_a_reason)
{
    struct ep_options options = {
        .workers = 1, .tasks_per_worker = 1, .initialize = fail_later, .context = &stage->counter};
    struct ep_executor *pool = executor_with(&options);
    struct record record = {0};
    struct ep_future *future;

    stage_occupy(pool, 1);
    submit_recorded(pool, square_task, &record, &future);
    gate_open(&stage->gate, 1);
    ck_assert_int_eq(ep_future_result(future, EP_FOREVER, NULL), EP_EBROKEN);
    expect_drop(&record, EP_EBROKEN); /* before the outcome is there */
    ep_future_unref(future);
    ep_executor_free(pool);
}

CASE("Reasons of processes")

/* A function that the worker cannot have: it lies in memory that was mapped after the zygote. */
TEST(an_unknown_function_is_a_reason)
{
    struct ep_executor *pool = kind_executor(PROCESSES, 1, 1);
    void *page = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct record record = {0};
    ep_task_fn fn;

    ck_assert_ptr_ne(page, MAP_FAILED);
    memcpy(&fn, &page, sizeof fn);
    submit_recorded(pool, fn, &record, NULL);
    ck_assert_int_eq(ep_executor_wait_idle(pool, EP_FOREVER), 0);
    expect_drop(&record, EP_EUNKNOWN);
    munmap(page, 4096);
    ep_executor_free(pool);
}

CASE_FOR_KINDS("Reasons")

TEST(a_submit_that_fails_drops_nothing)
{
    struct ep_executor *pool = executor_that(1, EP_NO_QUEUE, EP_REJECT);
    struct record record = {0};
    struct ep_submit_options options = recorded_by(&record);
    struct ep_future *future = (struct ep_future *)&record;
    int input = 42;

    stage_occupy(pool, 1);
    ck_assert_int_eq(ep_submit_with(pool, square_task, &input, sizeof input, &options, &future),
                     -EAGAIN);
    ck_assert_ptr_null(future);
    gate_open(&stage->gate, 1);
    ck_assert_int_eq(ep_executor_wait_idle(pool, EP_FOREVER), 0);
    options.dropped = stage_dropped; /* which of the two? */
    ck_assert_int_eq(ep_submit_with(pool, square_task, &input, sizeof input, &options, &future),
                     -EINVAL);
    ck_assert_uint_eq(atomic_load(&record.calls), 0);
    ck_assert_uint_eq(atomic_load(&stage->dropped), 0);
    ep_executor_free(pool);
}
