/* SPDX-License-Identifier: MIT */
/* What an observed executor tells of its tasks' times and of its workers. */
#include "pool/observer-internal.h"
#include "tests/kit/kinds.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>

static struct ep_executor *observed(struct ep_options options)
{
    options.observe = true;
    return executor_with(&options);
}

static struct ep_observation look(struct ep_executor *executor)
{
    struct ep_observation seen;

    ck_assert_int_eq(ep_executor_observe(executor, &seen, NULL, 0), 0);
    return seen;
}

static uint64_t sum_of(const struct ep_durations *durations)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < EP_DURATIONS; i++)
        sum += durations->counts[i];
    return sum;
}

CASE("Durations")

TEST(each_duration_has_its_bucket)
{
    static const struct {
        int64_t ns;
        unsigned bucket;
    } cases[] = {{-5, 0},
                 {0, 0},
                 {999, 0},
                 {1000, 1},
                 {1999, 1},
                 {2000, 2},
                 {EP_DURATION_BOUND_NS(30) - 1, 30},
                 {EP_DURATION_BOUND_NS(30), 31},
                 {INT64_MAX, 31}};

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct observer *observer = observer_new();
        struct ep_observation seen;

        observer_begun(observer, (unsigned)i, cases[i].ns);
        observer_ended(observer, 4095, cases[i].ns);
        observer_read(observer, &seen);
        ck_assert_uint_eq(seen.waits.count, 1);
        ck_assert_uint_eq(seen.waits.counts[cases[i].bucket], 1);
        ck_assert_uint_eq(seen.runs.counts[cases[i].bucket], 1);
        ck_assert_int_eq(seen.runs.longest_ns, cases[i].ns < 0 ? 0 : cases[i].ns);
        observer_free(observer);
    }
}

static void *count_milliseconds(void *observer)
{
    for (unsigned i = 0; i < 2000000; i++)
        observer_ended(observer, i, EP_MILLISECONDS(1));
    return NULL;
}

/* A mean of what was counted so far is not too small. */
TEST(what_is_counted_is_in_the_sum)
{
    struct observer *observer = observer_new();
    struct ep_observation seen;
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, count_milliseconds, observer), 0);
    while (pthread_tryjoin_np(thread, NULL) != 0) {
        observer_read(observer, &seen);
        ck_assert_uint_ge(seen.runs.sum_ns, seen.runs.count * EP_MILLISECONDS(1));
        ck_assert_uint_ge(seen.runs.sum_ns, (uint64_t)seen.runs.longest_ns);
    }
    observer_free(observer);
}

CASE_FOR_KINDS("Tasks")

TEST(every_task_is_counted)
{
    struct ep_executor *executor = observed((struct ep_options){.workers = 2});
    struct ep_observation seen;
    struct ep_future *future;

    for (unsigned i = 0; i < 10; i++) {
        ck_assert_int_eq(stage_submit(executor, NULL), 0);
        ck_assert_int_eq(stage_submit(executor, &future), 0);
        ep_future_unref(future);
    }
    for (unsigned i = 0; i < 3; i++)
        ck_assert_int_eq(ep_submit(executor, fail_task, NULL, 0, NULL), 0);
    ck_assert_int_eq(ep_executor_wait_idle(executor, EP_FOREVER), 0);
    seen = look(executor);
    ck_assert_uint_eq(seen.waits.count, 23);
    ck_assert_uint_eq(seen.runs.count, 23);
    ck_assert_uint_eq(sum_of(&seen.waits), 23);
    ck_assert_uint_eq(sum_of(&seen.runs), 23);
    ck_assert_uint_ge(seen.runs.sum_ns, (uint64_t)seen.runs.longest_ns);
    ep_executor_free(executor);
}

TEST(waits_and_runs_are_as_long_as_they_were)
{
    struct ep_executor *executor = observed((struct ep_options){.workers = 1});
    struct ep_observation seen;
    int64_t begun, ended;

    stage_occupy(executor, 1);
    ck_assert_int_eq(stage_submit(executor, NULL), 0);
    begun = ep_now_ns();
    while (ep_now_ns() < begun + EP_MILLISECONDS(2))
        sched_yield();
    ended = ep_now_ns();
    seen = look(executor);
    ck_assert_uint_eq(seen.waits.count, 1); /* the other one has not begun */
    ck_assert_uint_eq(seen.runs.count, 0);
    gate_open(&stage->gate, 1);
    ck_assert_int_eq(ep_executor_wait_idle(executor, EP_FOREVER), 0);
    seen = look(executor);
    ck_assert_int_ge(seen.waits.longest_ns, ended - begun);
    ck_assert_int_ge(seen.runs.longest_ns, ended - begun);
    ck_assert_uint_le(seen.runs.counts[0], 1);
    ep_executor_free(executor);
}

TEST(tasks_without_a_beginning_are_not_counted)
{
    struct ep_executor *executor = observed((struct ep_options){.workers = 1});
    struct ep_observation seen;
    struct ep_future *future;

    stage_occupy(executor, 1);
    ck_assert_int_eq(stage_submit(executor, &future), 0);
    ck_assert_int_eq(ep_future_cancel(future), 0);
    ep_future_unref(future);
    gate_open(&stage->gate, 1);
    ck_assert_int_eq(ep_executor_wait_idle(executor, EP_FOREVER), 0);
    seen = look(executor);
    ck_assert_uint_eq(seen.waits.count, 1);
    ck_assert_uint_eq(seen.runs.count, 1);
    ep_executor_free(executor);
}

TEST(nothing_is_seen_unless_it_was_asked_for)
{
    struct ep_executor *executor = executor_that(1, 8, EP_BLOCK);
    struct ep_observation seen;

    ck_assert_int_eq(ep_executor_observe(executor, &seen, NULL, 0), -EINVAL);
    ep_executor_free(executor);
    executor = observed((struct ep_options){.workers = 1});
    ck_assert_int_eq(ep_executor_observe(executor, NULL, NULL, 1), -EINVAL);
    ck_assert_int_eq(ep_executor_observe(executor, NULL, NULL, 0), 0);
    ep_executor_free(executor);
}

CASE_FOR_KINDS("Workers")

TEST(each_worker_says_what_it_does_since_when)
{
    struct ep_executor *executor = observed((struct ep_options){.workers = 2});
    struct ep_worker_state states[3];
    int64_t before = ep_now_ns(), held;
    unsigned busy;

    stage_occupy(executor, 1);
    held = ep_now_ns();
    do
        ck_assert_int_eq(ep_executor_observe(executor, NULL, states, 3), 0);
    while (states[0].does == EP_WORKER_STARTING || states[1].does == EP_WORKER_STARTING);
    busy = states[0].does == EP_WORKER_BUSY ? 0 : 1;
    ck_assert_int_eq(states[busy].does, EP_WORKER_BUSY);
    ck_assert_int_ge(states[busy].since_ns, before);
    ck_assert_int_le(states[busy].since_ns, held);
    ck_assert_int_eq(states[1 - busy].does, EP_WORKER_IDLE);
    ck_assert_int_gt(states[1 - busy].since_ns, 0);
    ck_assert_int_eq(states[2].does, EP_WORKER_NONE);
    for (int i = 0; i < 2; i++)
        ck_assert(kind == PROCESSES ? states[i].pid > 0 : states[i].pid == 0);
    gate_open(&stage->gate, 1);
    do
        ck_assert_int_eq(ep_executor_observe(executor, NULL, states, 2), 0);
    while (states[busy].does == EP_WORKER_BUSY);
    ck_assert_int_eq(states[busy].does, EP_WORKER_IDLE);
    ck_assert_int_ge(states[busy].since_ns, held);
    ep_executor_free(executor);
}

/* Shared with worker processes: the last task that was submitted when none was left, and the last that ran. */
static struct {
    _Atomic int64_t submitted_ns, ran_ns;
} * moments;

static int note_run(struct ep_task *task)
{
    (void)task;
    atomic_store(&moments->ran_ns, ep_now_ns());
    return 0;
}

static void *run_one_by_one(void *executor)
{
    for (unsigned i = 0, rounds = rounds_of(20000, 10000); i < rounds; i++) {
        atomic_store(&moments->submitted_ns, ep_now_ns());
        ck_assert_int_eq(ep_submit(executor, note_run, NULL, 0, NULL), 0);
        ck_assert_int_eq(ep_executor_wait_idle(executor, EP_FOREVER), 0);
    }
    return NULL;
}

/* No reader finds a worker busy since it was idle, or idle since it was busy, nor a run without its wait. */
TEST(what_is_seen_agrees_at_every_moment)
{
    struct ep_observation seen;
    struct ep_worker_state state;
    struct ep_executor *executor;
    pthread_t thread;

    moments = shared_memory(sizeof *moments);
    executor = observed((struct ep_options){.workers = 1});
    ck_assert_int_eq(pthread_create(&thread, NULL, run_one_by_one, executor), 0);
    while (pthread_tryjoin_np(thread, NULL) != 0) {
        int64_t submitted_ns = atomic_load(&moments->submitted_ns);
        int64_t ran_ns = atomic_load(&moments->ran_ns);

        ck_assert_int_eq(ep_executor_observe(executor, &seen, &state, 1), 0);
        ck_assert(state.does == EP_WORKER_BUSY || state.does == EP_WORKER_IDLE);
        ck_assert_int_ge(state.since_ns, state.does == EP_WORKER_BUSY ? submitted_ns : ran_ns);
        ck_assert_uint_le(seen.runs.count, seen.waits.count);
        sched_yield(); /* or on a busy machine each round takes as long as this thread may run */
    }
    ep_executor_free(executor);
}

TEST(an_added_worker_is_seen)
{
    struct ep_executor *executor = observed((struct ep_options){.workers = 1, .workers_max = 3});
    struct ep_worker_state states[3];

    ck_assert_int_eq(ep_executor_observe(executor, NULL, states, 3), 0);
    ck_assert_int_eq(states[1].does, EP_WORKER_NONE);
    ck_assert_int_eq(states[2].does, EP_WORKER_NONE);
    stage_occupy(executor, 3);
    ck_assert_int_eq(ep_executor_observe(executor, NULL, states, 3), 0);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(states[i].does, EP_WORKER_BUSY);
    gate_open(&stage->gate, 3);
    ep_executor_free(executor);
}

/* Shared with worker processes: those that are added wait in initialize. */
static struct gate *entrance;

static int enter(void *context, unsigned worker)
{
    (void)context;
    while (worker > 0 && sem_wait(&entrance->opened) != 0)
        continue;
    return 0;
}

TEST(a_worker_that_initializes_is_starting)
{
    struct ep_executor *executor;
    struct ep_worker_state states[2];

    entrance = shared_memory(sizeof *entrance);
    ck_assert_int_eq(sem_init(&entrance->opened, 1, 0), 0);
    executor = observed((struct ep_options){.workers = 1, .workers_max = 2, .initialize = enter});
    stage_occupy(executor, 1);
    ck_assert_int_eq(stage_try_gate(executor), 0); /* another worker is made for it */
    do
        ck_assert_int_eq(ep_executor_observe(executor, NULL, states, 2), 0);
    while (states[1].does == EP_WORKER_NONE);
    ck_assert_int_eq(states[1].does, EP_WORKER_STARTING);
    sem_post(&entrance->opened);
    gate_await(&stage->gate, 1);
    gate_open(&stage->gate, 2);
    ep_executor_free(executor);
}

CASE("Processes")

/* Tasks that are sent ahead begin one after the other, so their times do not overlap. */
TEST(tasks_sent_ahead_run_one_after_the_other)
{
    struct ep_options options = {.workers = 1, .prefetch = 8, .observe = true};
    struct ep_executor *executor = kind_executor_with(PROCESSES, &options);
    struct ep_observation seen;
    int64_t before = ep_now_ns();

    for (int i = 0; i < 50; i++)
        ck_assert_int_eq(ep_submit(executor, nothing_task, NULL, 0, NULL), 0);
    ck_assert_int_eq(ep_executor_wait_idle(executor, EP_FOREVER), 0);
    seen = look(executor);
    ck_assert_uint_eq(seen.runs.count, 50);
    ck_assert_uint_le(seen.runs.sum_ns, (uint64_t)(ep_now_ns() - before));
    ep_executor_free(executor);
}

CASE_FOR_THREADS("Threads")

static struct ep_executor *nesting;

static int nesting_task(struct ep_task *task)
{
    struct ep_future *future;

    (void)task;
    if (ep_submit(nesting, nothing_task, NULL, 0, &future) != 0 ||
        ep_future_result(future, EP_FOREVER, NULL) != 0)
        return 1;
    ep_future_unref(future);
    return 0;
}

TEST(tasks_that_do_not_begin_in_turn_are_counted)
{
    struct ep_observation seen;

    nesting = observed((struct ep_options){.workers = 1, .queue = 2, .when_full = EP_CALLER_RUNS});
    ck_assert_int_eq(ep_submit(nesting, nesting_task, NULL, 0, NULL), 0);
    ck_assert_int_eq(ep_executor_wait_idle(nesting, EP_FOREVER), 0);
    stage_occupy(nesting, 1);
    for (int i = 0; i < 3; i++) /* this thread runs the last one */
        ck_assert_int_eq(ep_submit(nesting, nothing_task, NULL, 0, NULL), 0);
    gate_open(&stage->gate, 1);
    ck_assert_int_eq(ep_executor_wait_idle(nesting, EP_FOREVER), 0);
    seen = look(nesting);
    ck_assert_uint_eq(seen.waits.count, 6);
    ck_assert_uint_eq(seen.runs.count, 6);
    ep_executor_free(nesting);
}

/** Tasks begin and end while others look. */
TEST(looking_races_working)
{
    struct ep_executor *executor =
        observed((struct ep_options){.workers = 3, .workers_max = 6, .idle_timeout_ns = 1});
    struct ep_worker_state states[8];
    struct ep_observation seen;

    for (unsigned i = 0; i < 5000; i++) {
        ck_assert_int_eq(stage_submit(executor, NULL), 0);
        if (i % 16 == 0) {
            ck_assert_int_eq(ep_executor_observe(executor, &seen, states, 8), 0);
            ck_assert_uint_le(seen.runs.count, i + 1);
        }
    }
    ep_executor_shutdown(executor, EP_WAIT);
    ck_assert_uint_eq(look(executor).runs.count, 5000);
    ep_executor_free(executor);
}
