/* SPDX-License-Identifier: MIT */
/* What only executors of processes have: their zygote, their manager, their workers. How workers die
 * is in check_process_death.c, what travels in check_process_transport.c; what both kinds of executor
 * do is in the other files. */
#include "config.h"

#include "pool/echopool.h"
#include "pool/process/place-internal.h"
#include "tests/kit/gate.h"
#include "tests/kit/process.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

CASE_WITH_SHARED("Core")

TEST(results_come_back)
{
    struct ep_executor *pool = processes_of(2, EP_BREAK);
    struct ep_future *futures[200];
    struct ep_stats stats;

    for (int i = 0; i < 200; i++)
        futures[i] = submit(pool, square_of, &i, sizeof i);
    for (int i = 0; i < 200; i++)
        ck_assert_int_eq(int_result(futures[i]), i * i);
    ck_assert_int_eq(ep_executor_shutdown(pool, EP_WAIT), 0);
    ep_executor_stats(pool, &stats);
    ck_assert_uint_eq(stats.accepted, 200);
    ck_assert_uint_eq(stats.finished, 200);
    ck_assert_uint_eq(stats.running + stats.queued, 0);
    ep_executor_free(pool);
    ck_assert_int_eq(waitpid(-1, NULL, 0), -1); /* no child is left, not even a zombie */
    ck_assert_int_eq(errno, ECHILD);
}

static int count_seen(struct ep_task *task)
{
    (void)task;
    atomic_fetch_add(&shared->seen, 1);
    return 0;
}

/* Tasks without a future, small and large, and no reply: all run. */
TEST(tasks_without_a_future_run)
{
    struct ep_options options = {.workers = 2, .prefetch = 8};
    struct ep_executor *pool = processes(&options);
    static char large[1000];

    for (int i = 0; i < 3000; i++)
        ck_assert_int_eq(ep_submit(pool, count_seen, large, i % 3 ? 8 : sizeof large, NULL), 0);
    ck_assert_int_eq(ep_executor_wait_idle(pool, EP_FOREVER), 0);
    ck_assert_uint_eq(atomic_load(&shared->seen), 3000);
    ep_executor_free(pool);
}

TEST(a_worker_is_a_named_process_of_its_own)
{
    struct ep_options options = {.workers = 1, .name = "mill"};
    struct ep_executor *pool = processes(&options);
    char path[64], name[32] = "";
    int pid = int_result(submit(pool, pid_of, NULL, 0));
    FILE *file;

    ck_assert_int_ne(pid, getpid());
    snprintf(path, sizeof path, "/proc/%d/comm", pid);
    file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(fgets(name, sizeof name, file));
    fclose(file);
    ck_assert_str_eq(name, "mill-0\n");
    ep_executor_free(pool);
    ck_assert_int_eq(process_state(pid), 0);
}

/* B84: failures are reported, and cost no worker. */
TEST(twenty_failures_lose_no_worker)
{
    struct ep_executor *pool = processes_of(1, EP_BREAK);
    int pid = int_result(submit(pool, pid_of, NULL, 0));

    for (int i = 0; i < 20; i++) {
        struct ep_future *future = submit(pool, fail_with, &i, sizeof i);
        struct ep_error error = error_of(future);

        ck_assert_int_eq(error.kind, EP_EFAILED);
        ck_assert_int_eq(error.code, i);
        ck_assert_str_eq(error.message, "it was to fail");
        ep_future_unref(future);
    }
    ck_assert_int_eq(int_result(submit(pool, pid_of, NULL, 0)), pid);
    ep_executor_free(pool);
}

static atomic_uint drops;

static void count_drop(const void *input, size_t size)
{
    ck_assert_ptr_null(input);
    ck_assert_uint_eq(size, 0);
    atomic_fetch_add(&drops, 1);
}

/* A function that the worker cannot have: it lies in memory that was mapped after the zygote. */
TEST(unknown_functions_are_refused)
{
    struct ep_executor *pool = processes_of(1, EP_BREAK);
    void *page = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct ep_submit_options with = {.dropped = count_drop};
    struct ep_future *future;
    ep_task_fn fn;

    ck_assert_ptr_ne(page, MAP_FAILED);
    memcpy(&fn, &page, sizeof fn);
    ck_assert_int_eq(ep_submit_with(pool, fn, NULL, 0, &with, &future), 0);
    ck_assert_int_eq(error_of(future).kind, EP_EUNKNOWN);
    ck_assert_uint_eq(atomic_load(&drops), 1); /* it has not run */
    ep_future_unref(future);
    fn = (ep_task_fn)(uintptr_t)&shared; /* known to be mapped, but it is data */
    future = submit(pool, fn, NULL, 0);
    ck_assert_int_eq(error_of(future).kind, EP_EUNKNOWN);
    ep_future_unref(future);
    ck_assert_int_gt(int_result(submit(pool, pid_of, NULL, 0)), 0);
    munmap(page, 4096);
    ep_executor_free(pool);
}

TEST(bad_options_are_refused)
{
    struct ep_executor *pool;
    const struct ep_options bad[] = {
        {.workers = EP_WORKERS_MAX + 1},
        {.queue = EP_QUEUE_MAX + 1},
        {.prefetch = EP_PREFETCH_MAX + 1},
        {.on_death = (enum ep_on_death)7},
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_int_eq(ep_process_executor_new(&bad[i], &pool), -EINVAL);
    ck_assert_int_eq(ep_process_executor_new(NULL, NULL), -EINVAL);
}

/* B46: callbacks run here, on a thread that the executor owns. */
static atomic_int callback_pid;
static atomic_uint callbacks;

static void note_callback(struct ep_future *future, void *context)
{
    ck_assert(ep_future_done(future));
    ck_assert_ptr_eq(context, &callbacks);
    atomic_store(&callback_pid, getpid());
    atomic_fetch_add(&callbacks, 1);
}

TEST(callbacks_run_in_the_parent)
{
    struct ep_executor *pool = processes_of(2, EP_BREAK);
    struct ep_future *futures[100];

    for (int i = 0; i < 100; i++) {
        futures[i] = submit(pool, square_of, &i, sizeof i);
        ck_assert_int_eq(ep_future_add_done_callback(futures[i], note_callback, &callbacks), 0);
    }
    for (int i = 99; i >= 0; i--) /* the waiting thread receives some of them itself */
        ck_assert_int_eq(int_result(futures[i]), i * i);
    ck_assert_int_eq(ep_executor_shutdown(pool, EP_WAIT), 0);
    ck_assert_uint_eq(atomic_load(&callbacks), 100);
    ck_assert_int_eq(atomic_load(&callback_pid), getpid());
    ep_executor_free(pool);
}

/* B22, B43: a callback may submit, look, cancel, and shut down without waiting. */
static struct ep_executor *callback_pool;

static void submit_more(struct ep_future *future, void *context)
{
    unsigned left = (unsigned)(uintptr_t)context;
    struct ep_future *next;

    (void)future;
    ck_assert_int_eq(ep_executor_wait_idle(callback_pool, EP_FOREVER), -EDEADLK);
    ck_assert_int_eq(ep_executor_shutdown(callback_pool, EP_WAIT), -EDEADLK);
    if (left == 0) {
        sem_post(&shared->arrived);
        return;
    }
    next = submit(callback_pool, square_of, &(int){2}, sizeof(int));
    ck_assert_int_eq(ep_future_add_done_callback(next, submit_more, (void *)(uintptr_t)(left - 1)),
                     0);
    if (left % 2) {
        int rc = ep_future_result(next, EP_FOREVER, NULL);

        ck_assert(rc == 0 || rc == -EDEADLK); /* the worker may have been faster */
    }
    ep_future_unref(next);
}

TEST(callbacks_may_use_the_executor)
{
    struct ep_future *future;

    callback_pool = processes_of(1, EP_BREAK);
    future = submit(callback_pool, hold, NULL, 0); /* or it may be called here, at once */
    ck_assert_int_eq(ep_future_add_done_callback(future, submit_more, (void *)(uintptr_t)100), 0);
    ep_future_unref(future);
    await_held(1);
    release_held(1);
    await_held(1);
    ep_executor_free(callback_pool);
}

static void free_it(struct ep_future *future, void *pool)
{
    (void)future;
    ep_executor_free(pool);
}

static void free_callback_pool(const void *input, size_t size)
{
    (void)input;
    (void)size;
    ep_executor_free(callback_pool);
}

/* It would wait for itself: in a callback on the manager, and for a task that is dropped. */
LOOP_TEST(free_in_a_callback_aborts, 2)
{
    int status;
    pid_t child = fork();

    ck_assert_int_ge(child, 0);
    if (child == 0) {
        struct ep_submit_options with = {.dropped = free_callback_pool};
        struct ep_future *future;

        signal(SIGABRT, SIG_DFL);
        prctl(PR_SET_DUMPABLE, 0);
        callback_pool = processes_of(1, EP_BREAK);
        if (_i == 0) {
            future = submit(callback_pool, hold, NULL, 0);
            if (ep_future_add_done_callback(future, free_it, callback_pool) != 0)
                _exit(1);
            release_held(1);
        } else if (ep_executor_pause(callback_pool) != 0 ||
                   ep_submit_with(callback_pool, hold, NULL, 0, &with, &future) != 0 ||
                   ep_executor_shutdown(callback_pool, EP_CANCEL) != 0) {
            _exit(1);
        }
        for (;;)
            pause();
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(WTERMSIG(status), SIGABRT);
}

/** What a callback on the manager got for an answer, one bit for each that was wrong; and its end. */
static atomic_uint wrong_answers;
static sem_t answered;

static int one_source(void *context, struct ep_bytes *input)
{
    unsigned *left = context;

    *input = (struct ep_bytes){0};
    return (*left)-- > 0;
}

static int next_of_map(struct ep_executor *pool, bool unordered)
{
    struct ep_map_options options = {.unordered = unordered};
    struct ep_map *map;
    unsigned inputs = 1;
    int rc;

    ck_assert_int_eq(ep_map(pool, hold, one_source, &inputs, &options, &map), 0);
    rc = ep_map_next(map, NULL);
    ep_map_free(map);
    return rc;
}

static void wait_on_manager(struct ep_future *future, void *context)
{
    struct ep_future *running = context, *done, *set[2] = {running, future};
    struct ep_completions *completions;
    struct ep_error error;
    unsigned wrong = 0;

    wrong |= ep_future_result(running, EP_FOREVER, NULL) != -EDEADLK ? 1 : 0;
    wrong |= ep_future_error(running, EP_FOREVER, &error) != -EDEADLK ? 2 : 0;
    wrong |= ep_wait(set, 2, EP_ALL_COMPLETED, EP_FOREVER, NULL) != -EDEADLK ? 4 : 0;
    wrong |= ep_wait(set, 1, EP_FIRST_COMPLETED, EP_FOREVER, NULL) != -EDEADLK ? 8 : 0;
    wrong |= next_of_map(callback_pool, false) != -EDEADLK ? 16 : 0;
    wrong |= next_of_map(callback_pool, true) != -EDEADLK ? 32 : 0;
    ck_assert_int_eq(ep_completions_new(set, 2, EP_FOREVER, &completions), 0);
    wrong |= ep_completions_next(completions, &done) != 0 || done != future ? 64 : 0;
    ep_future_unref(done);
    wrong |= ep_completions_next(completions, &done) != -EDEADLK ? 128 : 0;
    ep_completions_free(completions);
    wrong |= ep_future_result(running, 0, NULL) != -ETIMEDOUT ? 256 : 0; /* to look is allowed */
    wrong |= ep_executor_resize(callback_pool, 3) != -EDEADLK ? 512 : 0;
    atomic_store(&wrong_answers, wrong);
    sem_post(&answered);
}

/* The manager is who would bring the outcome, or see that there will be none. */
TEST(a_callback_does_not_wait_for_what_runs)
{
    struct ep_future *first, *running;

    sem_init(&answered, 0, 0);
    callback_pool = processes_of(2, EP_BREAK);
    running = submit(callback_pool, hold, NULL, 0);
    await_held(1);
    ck_assert_int_eq(ep_executor_pause(callback_pool), 0); /* or it may be called here, at once */
    first = submit(callback_pool, square_of, &(int){2}, sizeof(int));
    ck_assert_int_eq(ep_future_add_done_callback(first, wait_on_manager, running), 0);
    ck_assert_int_eq(ep_executor_resume(callback_pool), 0);
    while (sem_wait(&answered) != 0)
        ;
    ck_assert_uint_eq(atomic_load(&wrong_answers), 0);
    release_held(3); /* what it mapped may have begun as well */
    ep_future_unref(first);
    ep_future_unref(running);
    ep_executor_free(callback_pool);
}

static void await_three_begun(struct ep_future *future, void *context)
{
    (void)future;
    (void)context;
    AWAIT(atomic_load(&shared->seen) == 3); /* the third has begun: two outcomes are there */
}

static void await_second(struct ep_future *future, void *context)
{
    struct ep_future *second;

    (void)future;
    atomic_store(&wrong_answers, ep_completions_next(context, &second) != 0);
    ep_future_unref(second);
    sem_post(&shared->arrived);
}

/* It is done, but has not arrived, which is up to the manager as well: it is found. */
TEST(a_callback_does_not_wait_for_what_is_done)
{
    struct ep_options options = {.workers = 1, .prefetch = 3};
    struct ep_executor *pool = processes(&options);
    struct ep_future *first = submit(pool, hold, NULL, 0), *futures[3];
    struct ep_completions *completions;

    await_held(1);
    for (int i = 0; i < 3; i++)
        futures[i] = submit(pool, count_seen, NULL, 0);
    ck_assert_int_eq(ep_future_add_done_callback(first, await_three_begun, NULL), 0);
    ck_assert_int_eq(ep_completions_new(&futures[1], 1, EP_FOREVER, &completions), 0);
    ck_assert_int_eq(ep_future_add_done_callback(futures[0], await_second, completions), 0);
    release_held(1);
    await_held(1); /* the callback is done */
    ck_assert_uint_eq(atomic_load(&wrong_answers), 0);
    ep_executor_free(pool);
    ep_completions_free(completions);
    ep_future_unref(first);
    for (int i = 0; i < 3; i++)
        ep_future_unref(futures[i]);
}

/* Several threads wait for the same futures: one of them receives, all of them wake. */
struct waiting {
    struct ep_future *future;
    int result;
};

static void *wait_for_result(void *argument)
{
    struct waiting *waiting = argument;

    waiting->result = ep_future_result(waiting->future, EP_FOREVER, NULL);
    return NULL;
}

TEST(many_wait_for_one)
{
    struct ep_executor *pool = processes_of(1, EP_BREAK);
    struct waiting waiting[4];
    pthread_t threads[4];

    for (int round = 0; round < 50; round++) {
        struct ep_future *future = submit(pool, hold, NULL, 0);

        await_held(1);
        for (int i = 0; i < 4; i++) {
            waiting[i] = (struct waiting){.future = future, .result = -1};
            pthread_create(&threads[i], NULL, wait_for_result, &waiting[i]);
        }
        ck_assert_int_eq(ep_future_result(future, 1000, NULL), -ETIMEDOUT);
        release_held(1);
        for (int i = 0; i < 4; i++) {
            pthread_join(threads[i], NULL);
            ck_assert_int_eq(waiting[i].result, 0);
        }
        ep_future_unref(future);
    }
    ep_executor_free(pool);
}

/* Two submitters and one worker: a task that comes just as the worker falls idle is not left lying. */
static void *go_back_and_forth(void *pool)
{
    for (int i = 0; i < 5000; i++)
        ck_assert_int_eq(int_result(submit(pool, square_of, &i, sizeof i)), i * i);
    return NULL;
}

TEST(no_task_is_left_lying)
{
    struct ep_executor *pool = processes_of(1, EP_BREAK);
    pthread_t thread;

    pthread_create(&thread, NULL, go_back_and_forth, pool);
    go_back_and_forth(pool);
    pthread_join(thread, NULL);
    ep_executor_free(pool);
}

CASE_WITH_SHARED("Limits")

/* B93: what is with a worker cannot be cancelled, and that is 1 + prefetch at most. */
TEST(prefetch_bounds_what_runs)
{
    for (uint32_t prefetch = 0; prefetch <= 3; prefetch += 3) {
        struct ep_options options = {.workers = 1, .prefetch = prefetch};
        struct ep_executor *pool = processes(&options);
        struct ep_future *futures[20];
        unsigned running = 0, cancelled = 0;

        for (int i = 0; i < 20; i++)
            futures[i] = submit(pool, hold, NULL, 0);
        await_held(1);
        release_held(1); /* the first reply is when the worker is sent more */
        await_held(1);
        ck_assert_int_eq(ep_executor_pause(pool), 0); /* or more begin while they are counted */
        for (int i = 0; i < 20; i++)
            running += ep_future_running(futures[i]);
        ck_assert_uint_ge(running, 1);
        ck_assert_uint_le(running, 1 + prefetch);
        for (int i = 0; i < 20; i++)
            cancelled += ep_future_cancel(futures[i]) == 0;
        ck_assert_uint_ge(cancelled, 19 - 1 - prefetch);
        release_held(20);
        ep_executor_free(pool);
        for (int i = 0; i < 20; i++)
            ep_future_unref(futures[i]);
        while (sem_trywait(&shared->opened) == 0 || sem_trywait(&shared->arrived) == 0)
            ;
    }
}

/* B86: the wake-up channel is not read, and yet no submit blocks. */
TEST(submit_never_blocks_on_the_manager)
{
    struct ep_options options = {.workers = 2, .queue = 100000, .when_full = EP_REJECT};
    struct ep_executor *pool = processes(&options);
    struct ep_future *future, *futures[1000];
    struct gate manager;

    gate_init(&manager);
    future = submit(pool, hold, NULL, 0);
    ck_assert_int_eq(ep_future_add_done_callback(future, gate_callback, &manager), 0);
    release_held(1);
    gate_await(&manager, 1);
    for (int i = 0; i < 100000; i++)
        ck_assert_int_eq(ep_submit(pool, count_seen, NULL, 0, NULL), 0);
    for (int i = 0; i < 1000; i++) { /* cancelling pokes it, too */
        if (ep_submit(pool, count_seen, NULL, 0, &futures[i]) != 0)
            continue;
        ep_future_cancel(futures[i]);
        ep_future_unref(futures[i]);
    }
    gate_open(&manager, 1);
    ck_assert_int_eq(ep_executor_wait_idle(pool, EP_FOREVER), 0);
    ck_assert_uint_ge(atomic_load(&shared->seen), 100000);
    ep_future_unref(future);
    ep_executor_free(pool);
}

CASE_WITH_SHARED("Life")

static unsigned open_fds(void)
{
    unsigned count = 0;

    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* Descriptors run out at a worker in the middle: those before it end, and nothing is left. */
TEST(workers_that_cannot_be_made_leave_nothing_behind)
{
    struct ep_options options = {.workers = 32, .finalize = note_finalized};
    unsigned before = open_fds();
    struct ep_executor *pool = NULL;
    struct rlimit usual, few;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &usual), 0);
    few = usual;
    few.rlim_cur = before + 20;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    ck_assert_int_eq(ep_process_executor_new(&options, &pool), -EMFILE);
    ck_assert_ptr_null(pool);
    ck_assert_int_eq(waitpid(-1, NULL, 0), -1);
    ck_assert_int_eq(errno, ECHILD);
    ck_assert_uint_eq(open_fds(), before);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &usual), 0);
    pool = processes_of(2, EP_BREAK); /* the program is none the worse for it */
    ck_assert_int_eq(int_result(submit(pool, square_of, &(int){3}, sizeof(int))), 9);
    ep_executor_free(pool);
}

static void *leave_late(void *argument)
{
    struct process_executor *executor = argument;

    /* The test's first thread waits for it, asleep. */
    AWAIT(atomic_load(&executor->helpers) != 1 && process_state(getpid()) == 'S');
    executor->base.ops->host.helper_leaves(&executor->base);
    return NULL;
}

/* A thread that received an outcome is still inside the library: freeing waits for it, and wakes. */
TEST(free_waits_for_helping_threads)
{
    struct ep_executor *pool = processes_of(1, EP_BREAK);
    pthread_t thread;

    pool->ops->host.helper_stays(pool); /* as if this thread's task were done */
    ck_assert_int_eq(pthread_create(&thread, NULL, leave_late, pool), 0);
    ep_executor_free(pool);
    pthread_join(thread, NULL);
}

static int print_and_square(struct ep_task *task)
{
    struct stat status;

    for (int fd = 0; fd < 3; fd++)
        if (fstat(fd, &status) != 0 || !S_ISCHR(status.st_mode))
            return -EBADF;
    printf("this goes to no socket\n");
    return square_of(task);
}

/* A program that has closed its standard descriptors: sockets get their numbers. */
TEST(standard_descriptors_may_be_closed)
{
    for (int opened = 0; opened < 8; opened++) {
        pid_t child = fork();
        int status;

        if (child == 0) {
            struct ep_options options = {.workers = 2};
            struct ep_executor *pool;
            struct ep_future *future;
            struct ep_bytes reply;
            int n = 5, null = open("/dev/null", O_RDWR);

            for (int fd = 0; fd < 3; fd++)
                if (opened & 1 << fd)
                    dup2(null, fd);
                else
                    close(fd);
            if (ep_process_executor_new(&options, &pool) != 0)
                _exit(1);
            for (int i = 0; i < 10; i++) {
                if (ep_submit(pool, print_and_square, &n, sizeof n, &future) != 0 ||
                    ep_future_result(future, EP_FOREVER, &reply) != 0 ||
                    memcmp(reply.data, &(int){25}, sizeof n) != 0)
                    _exit(2);
                ep_future_unref(future);
            }
            ep_executor_free(pool);
            _exit(0);
        }
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_msg(status == 0, "with %d open: status %d", opened, status);
    }
}

/** Squares, by an executor of its own. */
static int square_deeper(struct ep_task *task)
{
    struct ep_options options = {.workers = 2};
    int n = *(const int *)ep_task_input(task, NULL);
    struct ep_executor *own;
    int rc = ep_thread_executor_new(&options, &own);

    if (rc != 0)
        return rc;
    n = int_result(submit(own, square_of, &n, sizeof n));
    ep_executor_free(own);
    return ep_task_reply(task, &n, sizeof n);
}

/* A worker is a program like any other. */
TEST(a_task_may_have_an_executor_of_its_own)
{
    struct ep_executor *pool = processes_of(2, EP_BREAK);

    for (int n = 1; n < 9; n++)
        ck_assert_int_eq(int_result(submit(pool, square_deeper, &n, sizeof n)), n * n);
    ep_executor_free(pool);
}

/** More than fits into a message. */
enum { LARGE = 100000 };

/** Replies with the last byte of its input. */
static int last_byte_of(struct ep_task *task)
{
    size_t size;
    const char *input = ep_task_input(task, &size);

    return ep_task_reply(task, &input[size - 1], 1);
}

/**
 * Does the same to a large input, by worker processes of its own. Without Check, which in a worker would write to
 * whatever has the number of its pipe.
 */
static int last_byte_deeper(struct ep_task *task)
{
    static char bytes[LARGE];
    struct ep_options options = {.workers = 1};
    struct ep_executor *own;
    struct ep_future *future;
    struct ep_bytes reply;
    int rc = ep_process_executor_new(&options, &own);

    if (rc != 0)
        return rc;
    memset(bytes, 'i', sizeof bytes);
    rc = ep_submit(own, last_byte_of, bytes, sizeof bytes, &future);
    if (rc != 0)
        return rc;
    rc = ep_future_result(future, EP_FOREVER, &reply);
    if (rc == 0)
        rc = ep_task_reply(task, reply.data, reply.size);
    ep_future_unref(future);
    ep_executor_free(own);
    return rc;
}

/* The inner worker is forked from an image in which the outer one has an input. */
TEST(large_inputs_of_two_levels_are_two)
{
    static char bytes[LARGE];
    struct ep_executor *pool = processes_of(1, EP_BREAK);

    memset(bytes, 'o', sizeof bytes);
    for (int i = 0; i < 2; i++) {
        struct ep_future *future = submit(pool, last_byte_deeper, bytes, sizeof bytes);
        struct ep_bytes reply;
        struct ep_error error;

        ck_assert_int_eq(ep_future_error(future, EP_FOREVER, &error), 0);
        ck_assert_msg(!error.failed, "failed with %d: %s", error.code, error.message);
        ck_assert_int_eq(ep_future_result(future, EP_FOREVER, &reply), 0);
        ck_assert_uint_eq(reply.size, 1);
        ck_assert_int_eq(*(const char *)reply.data, 'i');
        ep_future_unref(future);
    }
    ep_executor_free(pool);
}

static int last_cannot(void *context, unsigned worker)
{
    (void)context;
    if (worker < 2)
        return note_initialized(NULL, worker);
    AWAIT(atomic_load(&shared->initialized) == 2);
    return 7;
}

/* B7: the others are asked to leave, not killed. */
TEST(workers_that_could_begin_end_in_order)
{
    struct ep_options options = {
        .workers = 3, .initialize = last_cannot, .finalize = note_finalized};
    struct ep_executor *pool;

    ck_assert_int_eq(ep_process_executor_new(&options, &pool), EP_EBROKEN);
    ck_assert_uint_eq(atomic_load(&shared->finalized), 2);
}

/* B80: nothing is left, and no thread retries for ever. */
TEST(a_failing_initialize_leaves_nothing)
{
    struct ep_options options = {.workers = 3, .initialize = note_initialized};
    struct ep_executor *pool;

    atomic_store(&shared->initialize_result, 7);
    ck_assert_int_eq(ep_process_executor_new(&options, &pool), EP_EBROKEN);
    ck_assert_uint_le(atomic_load(&shared->initialized), 3);
    ck_assert_int_eq(waitpid(-1, NULL, 0), -1);
    ck_assert_int_eq(errno, ECHILD);
    for (unsigned i = 0; i < 3; i++)
        if (atomic_load(&shared->pids[i]) != 0)
            ck_assert_int_eq(process_state(atomic_load(&shared->pids[i])), 0);
}

/* Who asks how many there are is not told of one less because one is being replaced. */
TEST(a_worker_that_is_replaced_counts)
{
    struct ep_options options = {.workers = 2, .tasks_per_worker = 1};
    struct ep_executor *pool = processes(&options);
    struct ep_stats stats;

    for (int i = 0; i < 40; i++) {
        ck_assert_int_gt(int_result(submit(pool, pid_of, NULL, 0)), 0);
        ep_executor_stats(pool, &stats);
        ck_assert_uint_eq(stats.workers, 2);
    }
    ck_assert_int_eq(ep_executor_shutdown(pool, EP_WAIT), 0);
    ep_executor_stats(pool, &stats);
    ck_assert_uint_eq(stats.workers, 0);
    ep_executor_free(pool);
}

/* A hundred beginnings and ends, with tasks under way. */
TEST(create_and_free_again_and_again)
{
    struct ep_zygote *zygote;

    ck_assert_int_eq(ep_zygote_new(&zygote), 0);
    for (int i = 0; i < 100; i++) {
        struct ep_options options = {.workers = 2, .zygote = zygote, .prefetch = (uint32_t)i % 4};
        struct ep_executor *pool = processes(&options);

        for (int k = 0; k < 10; k++)
            ck_assert_int_eq(ep_submit(pool, count_seen, NULL, 0, NULL), 0);
        ep_executor_free(pool);
    }
    ck_assert_uint_eq(atomic_load(&shared->seen), 1000);
    ep_zygote_free(zygote);
}
