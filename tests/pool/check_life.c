/* SPDX-License-Identifier: MIT */
/* The life of an executor: pausing, waiting for idle, resizing, and how its workers come and go. */
#include "config.h"

#include "pool/echopool.h"
#include "tests/kit/kinds.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

CASE_FOR_KINDS("Pausing")

TEST(pause_holds_what_waits_and_leaves_what_runs)
{
    struct ep_executor *pool = executor_that(2, 8, EP_BLOCK);
    struct ep_executor *other = executor_that(1, 8, EP_BLOCK);
    struct ep_stats stats;

    stage_occupy(pool, 1);
    ck_assert_int_eq(ep_executor_pause(pool), 0);
    ck_assert_int_eq(ep_executor_pause(pool), 0);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(stage_submit(pool, NULL), 0);
    gate_open(&stage->gate, 1);
    /* Another executor is not paused; and by the time it has run this, we would have run, too. */
    ck_assert_int_eq(stage_submit(other, NULL), 0);
    ck_assert_int_eq(ep_executor_wait_idle(other, EP_FOREVER), 0);
    ck_assert_uint_eq(atomic_load(&stage->counter), 1);
    do
        ep_executor_stats(pool, &stats);
    while (stats.running > 0);
    ck_assert_uint_eq(stats.queued, 5);
    ck_assert_int_eq(ep_executor_wait_idle(pool, EP_MILLISECONDS(5)), -ETIMEDOUT);
    ck_assert_uint_eq(atomic_load(&stage->counter), 1);
    ck_assert_int_eq(ep_executor_resume(pool), 0);
    ck_assert_int_eq(ep_executor_wait_idle(pool, EP_FOREVER), 0);
    ck_assert_uint_eq(atomic_load(&stage->counter), 6);
    ep_executor_free(pool);
    ep_executor_free(other);
}

CASE_FOR_KINDS("Idle")

/* A task that is queued and not yet picked up counts: it was the classic mistake. */
TEST(wait_idle_waits_for_all)
{
    struct ep_executor *pool = executor_that(3, 64, EP_BLOCK);

    ck_assert_int_eq(ep_executor_wait_idle(pool, 0), 0);
    for (unsigned round = 1; round <= rounds_of(2000, 500); round++) {
        for (int i = 0; i < 5; i++)
            ck_assert_int_eq(stage_submit(pool, NULL), 0);
        ck_assert_int_eq(ep_executor_wait_idle(pool, EP_FOREVER), 0);
        ck_assert_uint_eq(atomic_load(&stage->counter), 5 * round);
    }
    ep_executor_free(pool);
}

static void *wait_idle_thread(void *pool)
{
    return (void *)(intptr_t)ep_executor_wait_idle(pool, EP_FOREVER);
}

TEST(every_waiter_for_idle_wakes)
{
    struct ep_executor *pool = executor_that(1, 8, EP_BLOCK);
    struct ep_future *future;
    pthread_t threads[4];

    stage_occupy(pool, 1);
    ck_assert_int_eq(stage_submit(pool, &future), 0);
    ck_assert_int_eq(ep_executor_wait_idle(pool, 0), -ETIMEDOUT);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, wait_idle_thread, pool), 0);
    ck_assert_int_eq(ep_future_cancel(future), 0); /* a cancel may be what makes it idle */
    gate_open(&stage->gate, 1);
    for (int i = 0; i < 4; i++) {
        void *rc;

        pthread_join(threads[i], &rc);
        ck_assert_int_eq((int)(intptr_t)rc, 0);
    }
    ep_future_unref(future);
    ep_executor_free(pool);
}

/** A callback that waits: it is in, it may go on, it is through. */
struct visit {
    sem_t in, go;
    atomic_bool over;
};

static void stay(struct ep_future *future, void *context)
{
    struct visit *visit = context;

    (void)future;
    sem_post(&visit->in);
    while (sem_wait(&visit->go) != 0)
        ;
    atomic_store(&visit->over, true);
}

/* Idle includes callbacks, but the place of their task is free before they run. */
TEST(idle_waits_for_callbacks)
{
    struct ep_executor *pool = executor_that(1, EP_NO_QUEUE, EP_REJECT);
    struct ep_future *future, *next;
    struct ep_stats stats;
    struct visit visit;
    pthread_t idler;
    void *rc;

    sem_init(&visit.in, 0, 0);
    sem_init(&visit.go, 0, 0);
    atomic_init(&visit.over, false);
    future = submit_gate(pool, &stage->gate);
    ck_assert_int_eq(ep_future_add_done_callback(future, stay, &visit), 0);
    gate_open(&stage->gate, 1);
    while (sem_wait(&visit.in) != 0)
        ;
    ck_assert(ep_future_done(future));
    ck_assert_int_eq(ep_executor_wait_idle(pool, 0), -ETIMEDOUT);
    ep_executor_stats(pool, &stats);
    ck_assert_uint_eq(stats.running, 0);
    ck_assert_uint_eq(stats.finished, 1);
    ck_assert_int_eq(pthread_create(&idler, NULL, wait_idle_thread, pool), 0);
    ck_assert_int_eq(stage_submit(pool, &next), 0);
    sem_post(&visit.go);
    pthread_join(idler, &rc);
    ck_assert_int_eq((int)(intptr_t)rc, 0);
    ck_assert(atomic_load(&visit.over));
    ck_assert(ep_future_done(next));
    ep_future_unref(next);
    ep_future_unref(future);
    ep_executor_free(pool);
    sem_destroy(&visit.in);
    sem_destroy(&visit.go);
}

/** Where workers that are processes write their pids down. */
static struct {
    atomic_uint count;
    pid_t pids[16];
} * noted;

static int note_pid(void *context, unsigned worker)
{
    (void)context;
    (void)worker;
    noted->pids[atomic_fetch_add(&noted->count, 1)] = getpid();
    return 0;
}

/** CPU time of this process and, where they are others, of the workers. */
static int64_t cpu_ns_now(void)
{
    struct timespec used;
    int64_t sum;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    sum = EP_SECONDS(used.tv_sec) + used.tv_nsec;
    for (unsigned i = 0; kind == PROCESSES && i < atomic_load(&noted->count); i++) {
        clockid_t clock;

        ck_assert_int_eq(clock_getcpuclockid(noted->pids[i], &clock), 0);
        ck_assert_int_eq(clock_gettime(clock, &used), 0);
        sum += EP_SECONDS(used.tv_sec) + used.tv_nsec;
    }
    return sum;
}

#ifdef EP_SANITIZED
#    define IDLE_CPU_MS 50 /* ThreadSanitizer has a thread of its own that is never quite idle */
#else
#    define IDLE_CPU_MS 1
#endif

/** Let a second pass. @return the CPU time that was used meanwhile */
static int64_t cpu_ns_of_a_second(void)
{
    int64_t before = cpu_ns_now();
    struct timespec until;
    sem_t never;

    sem_init(&never, 0, 0);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec++;
    while (sem_timedwait(&never, &until) != 0 && errno == EINTR)
        ;
    sem_destroy(&never);
    return cpu_ns_now() - before;
}

TEST(idle_workers_use_no_cpu)
{
    struct ep_options options = {.workers = 16, .initialize = note_pid};
    struct ep_executor *pool;

    noted = shared_memory(sizeof *noted);
    pool = executor_with(&options);
    stage_occupy(pool, 16);
    gate_open(&stage->gate, 16);
    ck_assert_int_eq(ep_executor_wait_idle(pool, EP_FOREVER), 0);
    /* Those that have just been busy look once more, on a busy machine later; and what a hypervisor takes from a
     * thread counts as its CPU time. Workers that poll use some in each second, until the test's time is over. */
    while (cpu_ns_of_a_second() >= EP_MILLISECONDS(IDLE_CPU_MS))
        ;
    ep_executor_free(pool);
}

/* CPU time of one thread; some 10 ms is what 500 joins take. */
#ifdef EP_SANITIZED
enum { ENDING_CPU_MS = 1000 };
#else
enum { ENDING_CPU_MS = 200 };
#endif

/* However many they are: they are woken and end, and none of them polls. */
TEST(ending_many_idle_workers_is_cheap)
{
    long least = sysconf(_SC_THREAD_STACK_MIN); /* 64 KiB is too little on arm64 */
    struct ep_options options = {.workers = rounds_of(500, 16),
                                 .stack_bytes = least > 65536 ? (size_t)least : 65536};
    struct ep_executor *pool = executor_with(&options);
    struct timespec begin, end;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
    ep_executor_free(pool);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
    ck_assert_int_lt(EP_SECONDS(end.tv_sec - begin.tv_sec) + end.tv_nsec - begin.tv_nsec,
                     EP_MILLISECONDS(ENDING_CPU_MS));
}

CASE_FOR_KINDS("Size")

/* As Python: for processes the CPUs that may be used, for threads four more, up to 32. */
TEST(workers_by_default_follow_the_usable_cpus)
{
    cpu_set_t all, some;
    unsigned usable = 0;

    ck_assert_int_eq(sched_getaffinity(0, sizeof all, &all), 0);
    CPU_ZERO(&some);
    for (size_t cpu = 0; cpu < CPU_SETSIZE && usable < 4; cpu++) {
        struct ep_executor *pool;
        struct ep_stats stats;

        if (!CPU_ISSET(cpu, &all))
            continue;
        CPU_SET(cpu, &some);
        usable++;
        ck_assert_int_eq(sched_setaffinity(0, sizeof some, &some), 0);
        pool = executor_with(&(struct ep_options){0});
        ep_executor_stats(pool, &stats);
        ck_assert_uint_eq(stats.workers, kind == PROCESSES ? usable : usable + 4);
        ck_assert_uint_eq(ep_executor_room(pool), stats.workers + 1024);
        ep_executor_free(pool);
    }
}

/** Workers that are not wanted any more leave in their own time. */
static void await_workers(struct ep_executor *pool, uint32_t workers)
{
    struct ep_stats stats;

    for (;;) {
        ep_executor_stats(pool, &stats);
        if (stats.workers == workers)
            return;
        ck_assert_int_eq(kind, PROCESSES);
        ck_assert_uint_gt(stats.workers, workers); /* those that are come first */
        sched_yield();
    }
}

TEST(resize_up_and_down)
{
    static const uint32_t sizes[] = {5, 1, 3, 3, 8, 2};
    struct ep_executor *pool = executor_that(2, 4, EP_REJECT);
    struct ep_stats stats;

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        ck_assert_int_eq(ep_executor_resize(pool, sizes[i]), 0);
        await_workers(pool, sizes[i]);
        ck_assert_uint_eq(ep_executor_room(pool), sizes[i] + 4);
        /* All of them are there, and no more: */
        stage_occupy(pool, sizes[i]);
        for (int k = 0; k < 4; k++)
            ck_assert_int_eq(stage_try_gate(pool), 0);
        ck_assert_int_eq(stage_try_gate(pool), -EAGAIN);
        ep_executor_stats(pool, &stats);
        ck_assert_uint_eq(stats.running, sizes[i]);
        ck_assert_uint_eq(stats.queued, 4);
        gate_open(&stage->gate, sizes[i] + 4);
        gate_await(&stage->gate, 4);
        ck_assert_int_eq(ep_executor_wait_idle(pool, EP_FOREVER), 0);
    }
    ck_assert_int_eq(ep_executor_resize(pool, 0), -EINVAL);
    ck_assert_int_eq(ep_executor_resize(pool, EP_WORKERS_MAX + 1), -EINVAL);
    ep_executor_shutdown(pool, 0);
    ck_assert_int_eq(ep_executor_resize(pool, 3), EP_ESHUTDOWN);
    ep_executor_free(pool);
}

TEST(shrinking_leaves_running_tasks_alone)
{
    struct ep_executor *pool = executor_that(4, 8, EP_BLOCK);

    stage_occupy(pool, 4);
    for (int i = 0; i < 6; i++)
        ck_assert_int_eq(stage_submit(pool, NULL), 0);
    ck_assert_int_eq(ep_executor_resize(pool, 1), 0);
    ck_assert_uint_eq(ep_executor_room(pool), 0); /* 10 are held, 9 are the most now */
    gate_open(&stage->gate, 4);
    ck_assert_int_eq(ep_executor_wait_idle(pool, EP_FOREVER), 0);
    ck_assert_uint_eq(atomic_load(&stage->counter), 6);
    ck_assert_int_eq(ep_executor_resize(pool, 4), 0);
    stage_occupy(pool, 4);
    gate_open(&stage->gate, 4);
    ep_executor_free(pool);
}

static void *submit_gate_task(void *pool)
{
    struct gate *gate = &stage->gate;

    return (void *)(intptr_t)ep_submit(pool, gate_task, &gate, sizeof gate, NULL);
}

/* No task ends meanwhile: what a worker makes room for would hide a wake-up that is missing. */
TEST(a_resize_lets_as_many_in_as_it_makes_places)
{
    enum { BLOCKED = 5 };
    struct ep_options options = {.workers = 1, .queue = EP_NO_QUEUE};
    struct ep_executor *pool = executor_with(&options);
    struct ep_stats stats;
    pthread_t threads[BLOCKED];
    void *rc;

    stage_occupy(pool, 1);
    for (int i = 0; i < BLOCKED; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, submit_gate_task, pool), 0);
    do {
        ep_executor_stats(pool, &stats);
        sched_yield();
    } while (stats.blocked < BLOCKED);
    ck_assert_int_eq(ep_executor_resize(pool, 3), 0);
    gate_await(&stage->gate, 2);
    ck_assert_int_eq(ep_executor_resize(pool, 1 + BLOCKED), 0);
    gate_await(&stage->gate, BLOCKED - 2);
    for (int i = 0; i < BLOCKED; i++) {
        pthread_join(threads[i], &rc);
        ck_assert_ptr_null(rc);
    }
    gate_open(&stage->gate, 1 + BLOCKED);
    ep_executor_free(pool);
}

static void *resize_often(void *pool)
{
    for (uint32_t i = 0; i < rounds_of(300, 40); i++)
        if (ep_executor_resize(pool, 1 + i * 7 % 5) != 0)
            return (void *)1;
    return NULL;
}

TEST(nothing_is_lost_while_workers_come_and_go)
{
    struct ep_executor *pool = executor_that(2, 8, EP_BLOCK);
    pthread_t thread;
    void *failed;

    ck_assert_int_eq(pthread_create(&thread, NULL, resize_often, pool), 0);
    for (int i = 0; i < (int)rounds_of(20000, 3000); i++)
        ck_assert_int_eq(stage_submit(pool, NULL), 0);
    pthread_join(thread, &failed);
    ck_assert_ptr_null(failed);
    ep_executor_free(pool);
    ck_assert_uint_eq(atomic_load(&stage->counter), rounds_of(20000, 3000));
}

/* What a thread needs is address space, and a process descriptors. The type of the constants is not the
   same in all C libraries. */
static int get_limit(struct rlimit *limit)
{
    return kind == THREADS ? getrlimit(RLIMIT_AS, limit) : getrlimit(RLIMIT_NOFILE, limit);
}

static int set_limit(const struct rlimit *limit)
{
    return kind == THREADS ? setrlimit(RLIMIT_AS, limit) : setrlimit(RLIMIT_NOFILE, limit);
}

/* The last ones cannot be made: for threads address space is wanting, for processes descriptors. */
TEST(a_failed_resize_changes_nothing)
{
    struct ep_options options = {
        .workers = 2, .queue = 1, .when_full = EP_REJECT, .stack_bytes = 64 << 20};
    struct rlimit few = {.rlim_cur = 1024ul << 20, .rlim_max = RLIM_INFINITY};
    struct rlimit before;
    struct ep_executor *pool;
    struct ep_stats stats;

#ifdef EP_SANITIZED
    if (kind == THREADS)
        return; /* sanitizers reserve terabytes: RLIMIT_AS cannot be used */
#endif
    pool = executor_with(&options);
    ck_assert_int_eq(get_limit(&before), 0);
    if (kind == PROCESSES)
        few = (struct rlimit){.rlim_cur = 40, .rlim_max = before.rlim_max};
    ck_assert_int_eq(set_limit(&few), 0);
    ck_assert_int_eq(ep_executor_resize(pool, 64), kind == THREADS ? -EAGAIN : -EMFILE);
    await_workers(pool, 2);
    ep_executor_stats(pool, &stats);
    ck_assert_uint_eq(ep_executor_room(pool), 3);
    stage_occupy(pool, 2);
    ck_assert_int_eq(stage_try(pool), 0);
    ck_assert_int_eq(stage_try(pool), -EAGAIN);
    gate_open(&stage->gate, 2);
    ck_assert_int_eq(ep_executor_wait_idle(pool, EP_FOREVER), 0);
    if (kind == PROCESSES) /* those of the failed attempt may not all have left yet */
        ck_assert_int_eq(set_limit(&before), 0);
    ck_assert_int_eq(ep_executor_resize(pool, 4), 0);
    stage_occupy(pool, 4);
    gate_open(&stage->gate, 4);
    ep_executor_free(pool);
}

CASE_FOR_KINDS("Worker life")

/** What initialize and finalize write down, in shared memory. */
struct lives {
    atomic_uint begun, ended;
    atomic_uint strange; /**< calls with a worker's number that cannot be */
    unsigned fail_at;    /**< the life that cannot begin, counted from 1; 0: none */
};

static struct lives *lives_new(unsigned fail_at)
{
    struct lives *lives = shared_memory(sizeof *lives);

    lives->fail_at = fail_at;
    return lives;
}

static int begin_life(void *context, unsigned worker)
{
    struct lives *lives = context;

    if (worker >= 8)
        atomic_fetch_add(&lives->strange, 1);
    return atomic_fetch_add(&lives->begun, 1) + 1 == lives->fail_at ? -1 : 0;
}

static void end_life(void *context, unsigned worker)
{
    struct lives *lives = context;

    if (worker >= 8)
        atomic_fetch_add(&lives->strange, 1);
    atomic_fetch_add(&lives->ended, 1);
}

/** Workers whose lives are written down. */
static struct ep_options living(struct lives *lives, uint32_t workers)
{
    return (struct ep_options){
        .workers = workers, .initialize = begin_life, .finalize = end_life, .context = lives};
}

static int look_at_lives_task(struct ep_task *task)
{
    struct lives *lives = *(struct lives *const *)ep_task_input(task, NULL);

    return atomic_load(&lives->begun) == 3 && atomic_load(&lives->ended) == 0 ? 0 : -1;
}

TEST(each_worker_begins_and_ends_once)
{
    struct lives *lives = lives_new(0);
    struct ep_options options = living(lives, 3);
    struct ep_executor *pool = executor_with(&options);
    struct ep_future *future;

    ck_assert_uint_eq(atomic_load(&lives->begun), 3); /* before the first task */
    future = submit_bytes(pool, look_at_lives_task, &lives, sizeof lives);
    ck_assert_int_eq(ep_future_result(future, EP_FOREVER, NULL), 0);
    ep_future_unref(future);
    ck_assert_int_eq(ep_executor_resize(pool, 5), 0);
    ck_assert_uint_eq(atomic_load(&lives->begun), 5);
    ep_executor_free(pool);
    ck_assert_uint_eq(atomic_load(&lives->ended), 5);
    ck_assert_uint_eq(atomic_load(&lives->strange), 0);
}

TEST(a_worker_that_cannot_begin_breaks_the_making)
{
    for (unsigned at = 1; at <= 3; at++) {
        struct lives *lives = lives_new(at);
        struct ep_options options = living(lives, 3);
        struct ep_executor *pool = NULL;

        if (kind == PROCESSES) {
            ck_assert_int_eq(ep_process_executor_new(&options, &pool), EP_EBROKEN);
            ck_assert_uint_le(atomic_load(&lives->begun), 3); /* they begin side by side */
            ck_assert_int_eq(waitpid(-1, NULL, 0), -1);       /* none of them is left */
            ck_assert_int_eq(errno, ECHILD);
        } else {
            ck_assert_int_eq(ep_thread_executor_new(&options, &pool), EP_EBROKEN);
            ck_assert_uint_eq(atomic_load(&lives->begun), at); /* and is not tried for ever */
            ck_assert_uint_eq(atomic_load(&lives->ended), at - 1);
        }
        ck_assert_ptr_null(pool);
    }
}

static int reply_tid_task(struct ep_task *task)
{
    pid_t tid = gettid();

    return ep_task_reply(task, &tid, sizeof tid);
}

TEST(a_worker_ends_after_its_tasks)
{
    struct lives *lives = lives_new(0);
    struct ep_options options = living(lives, 1);
    struct ep_executor *pool;
    struct ep_stats stats;
    pid_t tids[10];

    options.tasks_per_worker = 3;
    pool = executor_with(&options);
    for (int i = 0; i < 10; i++) {
        struct ep_future *future = submit_bytes(pool, reply_tid_task, NULL, 0);
        struct ep_bytes reply;

        ck_assert_int_eq(ep_future_result(future, EP_FOREVER, &reply), 0);
        tids[i] = int_of(&reply);
        ck_assert_int_eq(tids[i], tids[i / 3 * 3]);
        ep_future_unref(future);
    }
    ck_assert_int_ne(tids[0], tids[3]);
    ck_assert_int_ne(tids[3], tids[6]);
    ep_executor_shutdown(pool, EP_WAIT);
    ep_executor_stats(pool, &stats);
    ck_assert_uint_eq(stats.finished, 10);
    ck_assert_uint_eq(atomic_load(&lives->begun), 4);
    ck_assert_uint_eq(atomic_load(&lives->ended), 4);
    ep_executor_free(pool);
}

TEST(a_backlog_outlives_many_workers)
{
    struct ep_options options = {.workers = 3, .queue = 64, .tasks_per_worker = 1};
    struct ep_executor *pool = executor_with(&options);

    for (int i = 0; i < (int)rounds_of(3000, 200); i++)
        ck_assert_int_eq(stage_submit(pool, NULL), 0);
    ep_executor_free(pool);
    ck_assert_uint_eq(atomic_load(&stage->counter), rounds_of(3000, 200));
}

/* It retires after a task or two, while the executor is shut down: all tasks run. */
TEST(workers_retire_while_the_executor_ends)
{
    for (int round = 0; round < (int)rounds_of(100, 10); round++) {
        struct ep_options options = {.workers = 2, .queue = 64, .tasks_per_worker = 2};
        struct ep_executor *pool = executor_with(&options);

        atomic_store(&stage->counter, 0);
        for (int i = 0; i < 20; i++)
            ck_assert_int_eq(stage_submit(pool, NULL), 0);
        ck_assert_int_eq(ep_executor_shutdown(pool, 0), 0);
        ck_assert_int_eq(ep_executor_join(pool, EP_FOREVER), 0);
        ck_assert_uint_eq(atomic_load(&stage->counter), 20);
        ep_executor_free(pool);
    }
}

TEST(a_successor_that_cannot_begin_breaks_the_executor)
{
    struct lives *lives = lives_new(2);
    struct ep_options options = {.workers = 1,
                                 .queue = 8,
                                 .tasks_per_worker = 1,
                                 .initialize = begin_life,
                                 .context = lives};
    struct ep_executor *pool = executor_with(&options);
    struct ep_future *futures[3];
    struct ep_error error, second;
    struct ep_stats stats;
    const char *why;

    ck_assert(!ep_executor_broken(pool, &why));
    ck_assert_str_eq(why, "");
    stage_occupy(pool, 1);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(stage_submit_owned(pool, 0, &futures[i]), 0);
    ck_assert_int_eq(ep_future_cancel(futures[1]), 0);
    gate_open(&stage->gate, 1);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(ep_future_result(futures[i], EP_FOREVER, NULL),
                         i == 1 ? EP_ECANCELLED : EP_EBROKEN);
    ck_assert_int_eq(ep_future_error(futures[0], 0, &error), 0);
    ck_assert(error.failed);
    ck_assert_int_eq(error.kind, EP_EBROKEN);
    ck_assert_str_ne(error.message, "");
    ck_assert_int_eq(ep_future_error(futures[2], 0, &second), 0);
    ck_assert_ptr_ne(error.message, second.message); /* each future has its own */
    ck_assert_str_eq(error.message, second.message);
    ck_assert(ep_executor_broken(pool, &why));
    ck_assert_str_eq(why, error.message);
    ck_assert(ep_executor_broken(pool, NULL));
    ep_executor_terminate(pool); /* nothing to do */
    ck_assert_int_eq(stage_submit(pool, NULL), EP_EBROKEN);
    ck_assert_int_eq(ep_executor_join(pool, EP_FOREVER), 0);
    ck_assert_uint_eq(atomic_load(&lives->begun), 2);
    ck_assert_uint_eq(atomic_load(&stage->dropped), 3);
    ck_assert_uint_eq(atomic_load(&stage->counter), 0);
    ep_executor_stats(pool, &stats);
    ck_assert_uint_eq(stats.broken, 2);
    ck_assert_uint_eq(stats.accepted,
                      stats.finished + stats.failed + stats.cancelled + stats.broken);
    for (int i = 0; i < 3; i++)
        ep_future_unref(futures[i]);
    ep_executor_free(pool);
}

static void wait_at_the_gate(void *user, int reason, const void *input, size_t size)
{
    struct gate *gate = user;

    (void)reason;
    (void)input;
    (void)size;
    sem_post(&gate->arrived);
    while (sem_wait(&gate->opened) != 0)
        ck_assert_int_eq(errno, EINTR);
}

/* The place of such a task is free before its outcome is known. */
TEST(a_broken_executor_is_not_idle_while_it_drops_tasks)
{
    struct ep_options options = {.workers = 1,
                                 .queue = 8,
                                 .tasks_per_worker = 1,
                                 .initialize = begin_life,
                                 .context = lives_new(2)};
    struct ep_executor *pool = executor_with(&options);
    struct ep_submit_options with = {.on_drop = wait_at_the_gate, .user = &stage->gate};
    struct ep_future *future;

    stage_occupy(pool, 1);
    ck_assert_int_eq(ep_submit_with(pool, nothing_task, NULL, 0, &with, &future), 0);
    gate_open(&stage->gate, 1);
    gate_await(&stage->gate, 1);
    ck_assert_int_eq(ep_executor_wait_idle(pool, 0), -ETIMEDOUT);
    gate_open(&stage->gate, 1);
    ck_assert_int_eq(ep_executor_wait_idle(pool, EP_FOREVER), 0);
    ck_assert_int_eq(ep_future_result(future, 0, NULL), EP_EBROKEN);
    ep_future_unref(future);
    ep_executor_free(pool);
}
