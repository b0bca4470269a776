/* SPDX-License-Identifier: MIT */
/* Processes that fork while they have an executor, and processes that exit without freeing it. */
#include "pool/echopool.h"
#include "tests/kit/kinds.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/** Wait for a child. @return its exit status, or -1 where it was killed */
static int status_of(pid_t child)
{
    int status;

    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

CASE_FOR_KINDS("fork()")

static void never(struct ep_future *future, void *context)
{
    (void)future;
    (void)context;
    _exit(77);
}

/** What was made before the fork, by a parent that has threads. */
struct before {
    struct ep_completions *completions; /**< of one that is finished, and one that is not */
    struct ep_map *map;                 /**< unordered; its only result has not come */
    struct ep_mailbox *mailbox;
};

/** In the child: nothing that waits for several waits. @return the exit status */
static int wait_in_child(struct ep_executor *pool, const struct before *before,
                         struct ep_future *pending, struct ep_future *finished)
{
    struct ep_map *map;
    struct ep_future *both[2] = {pending, finished}, *future;
    struct ep_completions *completions;
    bool done[2];

    if (ep_wait(both, 2, EP_ALL_COMPLETED, EP_FOREVER, done) != EP_EFORKED || done[0] || !done[1] ||
        ep_wait(both, 1, EP_FIRST_COMPLETED, EP_FOREVER, NULL) != EP_EFORKED ||
        ep_wait(both, 1, EP_ALL_COMPLETED, 0, NULL) != EP_EFORKED ||
        ep_wait(both, 2, EP_FIRST_COMPLETED, EP_FOREVER, NULL) != 0)
        return 11;
    if (ep_completions_next(before->completions, &future) != 0 || future != finished ||
        ep_completions_next(before->completions, &future) != EP_EFORKED)
        return 12;
    ep_completions_free(before->completions);
    if (ep_completions_new(both, 2, EP_FOREVER, &completions) != 0 ||
        ep_completions_next(completions, &future) != 0 || future != finished ||
        ep_completions_next(completions, &future) != EP_EFORKED)
        return 13;
    ep_completions_free(completions);
    if (ep_map_next(before->map, NULL) != EP_EFORKED)
        return 14;
    ep_map_free(before->map);
    /* As large as four chunks for each worker; in the child there is none. */
    if (ep_map_columns(pool, nothing_task, &(struct ep_column){&done, 1}, 1, 2,
                       &(struct ep_map_options){.chunk = EP_CHUNK_AUTO}, &map) != EP_EFORKED)
        return 16;
    if (ep_future_add_done_callback(pending, never, NULL) != EP_EFORKED ||
        ep_mailbox_add(before->mailbox, pending, never, NULL) != EP_EFORKED)
        return 15;
    return 0;
}

/** In the child: every call says so, none waits. @return the exit status */
static int use_in_child(struct ep_executor *pool, struct ep_future *pending,
                        struct ep_future *finished)
{
    struct ep_stats stats;
    struct ep_future *future;
    struct ep_error error;

    if (stage_submit(pool, &future) != EP_EFORKED || future != NULL ||
        stage_try(pool) != EP_EFORKED)
        return 1;
    if (ep_executor_shutdown(pool, EP_WAIT) != EP_EFORKED ||
        ep_executor_join(pool, EP_FOREVER) != EP_EFORKED ||
        ep_executor_wait_idle(pool, EP_FOREVER) != EP_EFORKED ||
        ep_executor_resize(pool, 7) != EP_EFORKED || ep_executor_pause(pool) != EP_EFORKED ||
        ep_executor_resume(pool) != EP_EFORKED || ep_executor_room(pool) != 0)
        return 2;
    ep_executor_stats(pool, &stats);
    if (ep_future_result(pending, EP_FOREVER, NULL) != EP_EFORKED ||
        ep_future_error(pending, EP_FOREVER, &error) != EP_EFORKED ||
        ep_future_cancel(pending) != EP_EFORKED)
        return 3;
    /* What was done before the fork can be read. */
    if (ep_future_result(finished, EP_FOREVER, NULL) != 0)
        return 4;
    ep_executor_terminate(pool);
    ep_executor_free(pool);
    return 0;
}

static int one_source(void *context, struct ep_bytes *input)
{
    bool *given = context;
    bool more = !*given;

    *input = (struct ep_bytes){0};
    *given = true;
    return more;
}

static void make_before(struct before *before, struct ep_executor *pool, struct ep_future *pending,
                        struct ep_future *finished)
{
    struct ep_future *both[2] = {pending, finished};
    struct ep_map_options options = {.unordered = true};
    bool given = false;

    ck_assert_int_eq(ep_completions_new(both, 2, EP_FOREVER, &before->completions), 0);
    ck_assert_int_eq(ep_map(pool, nothing_task, one_source, &given, &options, &before->map), 0);
    ck_assert_int_eq(ep_mailbox_new(&before->mailbox), 0);
}

static void free_before(struct before *before)
{
    ep_completions_free(before->completions);
    ep_map_free(before->map);
    ep_mailbox_free(before->mailbox);
}

/** Keeps the executor busy until it is shut down. */
static void *produce(void *pool)
{
    while (stage_submit(pool, NULL) == 0)
        ;
    return NULL;
}

TEST(calls_in_a_forked_child_fail_and_never_hang)
{
    struct ep_executor *pool = executor_that(2, 8, EP_BLOCK);
    struct ep_executor *busy = executor_that(2, 8, EP_BLOCK);
    struct ep_future *finished, *pending;
    struct before before;
    pthread_t producer;

    ck_assert_int_eq(stage_submit(pool, &finished), 0);
    ck_assert_int_eq(ep_future_result(finished, EP_FOREVER, NULL), 0);
    stage_occupy(pool, 2);
    ck_assert_int_eq(stage_submit(pool, &pending), 0);
    make_before(&before, pool, pending, finished);
    ck_assert_int_eq(pthread_create(&producer, NULL, produce, busy), 0);
    for (int i = 0; i < 50; i++) { /* in the midst of whatever locks are held just now */
        pid_t child = fork();

        ck_assert_int_ge(child, 0);
        if (child == 0) {
            int rc = wait_in_child(pool, &before, pending, finished);

            if (rc == 0)
                rc = use_in_child(pool, pending, finished);
            if (rc == 0 && stage_submit(busy, NULL) != EP_EFORKED)
                rc = 5;
            ep_executor_free(busy);
            _exit(rc);
        }
        ck_assert_int_eq(status_of(child), 0);
    }
    ck_assert_int_eq(ep_executor_shutdown(busy, EP_WAIT), 0);
    pthread_join(producer, NULL);
    ep_executor_free(busy);
    gate_open(&stage->gate, 2);
    ck_assert_int_eq(ep_future_result(pending, EP_FOREVER, NULL), 0);
    free_before(&before);
    ep_future_unref(finished);
    ep_future_unref(pending);
    ep_executor_free(pool);
}

/* The child has its own as soon as it makes them; of threads, for it has one again. */
TEST(a_forked_child_may_make_its_own)
{
#if defined(__SANITIZE_THREAD__)
    return; /* ThreadSanitizer ends a child that starts threads after its parent had some */
#endif
    struct ep_executor *pool = executor_that(1, 8, EP_BLOCK), *own;
    pid_t child = fork();

    ck_assert_int_ge(child, 0);
    if (child == 0) {
        struct ep_future *future;
        struct ep_bytes reply;
        int n = 12;

        ep_executor_free(pool);
        if (ep_thread_executor_new(NULL, &own) != 0 ||
            ep_submit(own, square_task, &n, sizeof n, &future) != 0 ||
            ep_future_result(future, EP_FOREVER, &reply) != 0 || *(const int *)reply.data != 144)
            _exit(1);
        ep_future_unref(future);
        ep_executor_free(own);
        if (ep_process_executor_new(&(struct ep_options){.workers = 1}, &own) != 0 ||
            ep_submit(own, square_task, &n, sizeof n, &future) != 0 ||
            ep_future_result(future, EP_FOREVER, &reply) != 0 || *(const int *)reply.data != 144)
            _exit(2);
        ep_future_unref(future);
        ep_executor_free(own);
        _exit(0);
    }
    ck_assert_int_eq(status_of(child), 0);
    ck_assert_int_eq(stage_submit(pool, NULL), 0);
    ep_executor_free(pool);
    ck_assert_uint_eq(atomic_load(&stage->counter), 1);
}

static int reply_pid_task(struct ep_task *task)
{
    int pid = getpid();

    return ep_task_reply(task, &pid, sizeof pid);
}

/** Whether a process runs; a zombie does not, and who waits for it is init. */
static bool is_alive(pid_t pid)
{
    char path[64], state = 0;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    file = fopen(path, "r");
    if (file == NULL)
        return false;
    if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
        state = 0;
    fclose(file);
    return state != 0 && state != 'Z' && state != 'X';
}

/* A child that lives on must not keep the workers of a killed parent alive. */
TEST(workers_follow_the_parent_though_a_child_lives)
{
    atomic_int *pids = shared_memory(2 * sizeof *pids);
    pid_t parent = fork();

    if (parent == 0) {
        struct ep_executor *pool = executor_that(1, 8, EP_BLOCK);
        struct ep_future *future;
        struct ep_bytes reply;
        pid_t child;

        future = submit_bytes(pool, reply_pid_task, NULL, 0);
        ck_assert_int_eq(ep_future_result(future, EP_FOREVER, &reply), 0);
        stage_occupy(pool, 1);
        child = fork();
        if (child > 0) {
            atomic_store(&pids[1], child);
            atomic_store(&pids[0], int_of(&reply));
        }
        for (;;)
            pause();
    }
    while (atomic_load(&pids[0]) == 0)
        sched_yield();
    kill(parent, SIGKILL);
    ck_assert_int_eq(status_of(parent), -1);
    while (kind == PROCESSES && is_alive(atomic_load(&pids[0])))
        sched_yield();
    kill(atomic_load(&pids[1]), SIGKILL);
}

CASE_FOR_KINDS("exit()")

static struct ep_executor *left_behind;

static void free_at_exit(void)
{
    ep_executor_free(left_behind);
}

static void submit_at_exit(void)
{
    if (stage_submit(left_behind, NULL) != 0)
        _exit(99);
}

/** In a child: leave by exit() with one task running, three waiting, and handlers registered. */
static pid_t leave(void (*first)(void), void (*second)(void), bool open, unsigned how)
{
    pid_t child = fork();

    ck_assert_int_ge(child, 0);
    if (child != 0)
        return child;
    left_behind = executor_that(1, 8, EP_BLOCK);
    if (second != NULL)
        atexit(second); /* the last that is registered is called first */
    if (first != NULL)
        atexit(first);
    stage_occupy(left_behind, 1);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(stage_submit(left_behind, NULL), 0);
    if (open)
        gate_open(&stage->gate, 1);
    if (how != 0)
        ck_assert_int_eq(ep_executor_shutdown(left_behind, how & EP_CANCEL), 0);
    exit(7);
}

/* Nothing is registered with atexit(): what runs is cut off, what waits is not run, and no exit
 * hangs, not even on a task that never ends. */
TEST(exit_does_not_wait_for_tasks)
{
    ck_assert_int_eq(status_of(leave(NULL, NULL, false, 0)), 7);
    ck_assert_int_eq(status_of(leave(NULL, NULL, false, EP_WAIT)),
                     7); /* EP_WAIT: shut down, no wait */
    ck_assert_int_eq(status_of(leave(NULL, NULL, false, EP_CANCEL)), 7);
    ck_assert_uint_eq(atomic_load(&stage->counter), 0);
}

/* Who wants everything run at exit says so. */
TEST(a_handler_that_frees_runs_everything)
{
    ck_assert_int_eq(status_of(leave(free_at_exit, NULL, true, 0)), 7);
    ck_assert_uint_eq(atomic_load(&stage->counter), 3);
}

/* Handlers may use the executor until it is freed. */
TEST(a_handler_may_submit)
{
    ck_assert_int_eq(status_of(leave(submit_at_exit, free_at_exit, true, 0)), 7);
    ck_assert_uint_eq(atomic_load(&stage->counter), 4);
}

CASE_FOR_KINDS("Signals")

/* The library installs no handler, blocks nothing here, and owns no signal, SIGCHLD included. */
TEST(signals_are_left_alone)
{
    struct sigaction before[NSIG], after;
    sigset_t mask_before, mask_after;
    struct ep_executor *pool;
    pid_t child;

    sigprocmask(SIG_SETMASK, NULL, &mask_before);
    for (int number = 1; number < NSIG; number++)
        if (sigaction(number, NULL, &before[number]) != 0)
            before[number].sa_handler = SIG_ERR; /* the C library's own */
    pool = executor_that(2, 8, EP_BLOCK);
    child = fork();
    if (child == 0)
        _exit(3);
    ck_assert_int_eq(stage_submit(pool, NULL), 0);
    ck_assert_int_eq(ep_executor_resize(pool, 4), 0);
    ck_assert_int_eq(ep_executor_resize(pool, 1), 0);
    ck_assert_int_eq(status_of(child), 3); /* the handler has not waited for our child */
    for (int number = 1; number < NSIG; number++)
        if (before[number].sa_handler != SIG_ERR) {
            ck_assert_int_eq(sigaction(number, NULL, &after), 0);
            ck_assert(after.sa_handler == before[number].sa_handler);
        }
    ep_executor_free(pool);
    sigprocmask(SIG_SETMASK, NULL, &mask_after);
    for (int number = 1; number < NSIG; number++)
        ck_assert_int_eq(sigismember(&mask_before, number), sigismember(&mask_after, number));
}
