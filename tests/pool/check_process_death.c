/* SPDX-License-Identifier: MIT */
/*
 * How worker processes die, at every step of a task, and what becomes of the tasks then.
 */
#include "config.h"

#include "pool/echopool.h"
#include "pool/process/place-internal.h"
#include "tests/kit/gate.h"
#include "tests/kit/process.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static void assert_died(struct ep_future *future, int status, const char *words)
{
    struct ep_error error = error_of(future);

    ck_assert_int_eq(error.kind, EP_EDIED);
    ck_assert_int_eq(error.code, status);
    ck_assert_msg(strstr(error.message, words) != NULL, "%s", error.message);
    ep_future_unref(future);
}

CASE_WITH_SHARED("Break")

/* B81: all that is not done fails, what was cancelled stays so, and no more is accepted. */
TEST(a_death_breaks_the_executor)
{
    struct ep_executor *pool = processes_of(2, EP_BREAK);
    struct ep_future *held[2], *waiting[10], *cancelled;
    struct ep_stats stats;
    unsigned died = 0, broken = 0;
    struct ep_map *map;
    const char *why;
    int pid;

    pid = int_result(submit(pool, pid_of, NULL, 0));
    held[0] = submit(pool, hold, NULL, 0);
    held[1] = submit(pool, hold, NULL, 0);
    await_held(2);
    for (int i = 0; i < 10; i++)
        waiting[i] = submit(pool, hold, NULL, 0);
    cancelled = submit(pool, hold, NULL, 0);
    ck_assert_int_eq(ep_future_cancel(cancelled), 0);
    kill(pid, SIGKILL);
    for (int i = 0; i < 2; i++) {
        struct ep_error error = error_of(held[i]);

        died += error.kind == EP_EDIED;
        broken += error.kind == EP_EBROKEN;
        ck_assert_ptr_nonnull(strstr(error.message, "was killed by signal 9 (SIGKILL)"));
        ep_future_unref(held[i]);
    }
    ck_assert_uint_eq(died, 1);
    ck_assert_uint_eq(broken, 1);
    ck_assert(ep_executor_broken(pool, &why));
    ck_assert_ptr_nonnull(strstr(why, "was killed by signal 9 (SIGKILL)"));
    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(error_of(waiting[i]).kind, EP_EBROKEN);
        for (int k = 0; k < i; k++) /* each future has words of its own */
            ck_assert_ptr_ne(error_of(waiting[i]).message, error_of(waiting[k]).message);
    }
    for (int i = 0; i < 10; i++)
        ep_future_unref(waiting[i]);
    ck_assert(ep_future_cancelled(cancelled));
    ck_assert_int_eq(ep_submit(pool, pid_of, NULL, 0, NULL), EP_EBROKEN);
    ck_assert_int_eq(ep_map_columns(pool, pid_of, &(struct ep_column){&pid, 1}, 1, 4,
                                    &(struct ep_map_options){.chunk = EP_CHUNK_AUTO}, &map),
                     EP_EBROKEN);
    ep_future_unref(cancelled);
    ep_executor_terminate(pool); /* nothing to do */
    ck_assert_int_eq(ep_executor_shutdown(pool, EP_WAIT), 0);
    ep_executor_stats(pool, &stats);
    ck_assert_uint_eq(stats.accepted, 14);
    ck_assert_uint_eq(stats.finished + stats.failed + stats.cancelled + stats.broken, 14);
    ck_assert_uint_eq(stats.broken, 12);
    ep_executor_free(pool);
}

/** One bit for each input that was dropped, and how many were. */
static atomic_uint dropped_inputs, drops;

static void note_dropped(const void *input, size_t size)
{
    int number;

    ck_assert_uint_ge(size, sizeof number);
    memcpy(&number, input, sizeof number);
    atomic_fetch_or(&dropped_inputs, 1u << number);
    atomic_fetch_add(&drops, 1);
}

/* B23: with its worker goes one task that had begun, and some that had been sent ahead: what those
 * owned is released here, as that of the tasks that were still in the queue. */
TEST(what_had_not_begun_is_dropped)
{
    enum { TASKS = 20, AHEAD = 7 };

    for (int with_future = 0; with_future < 2; with_future++) {
        struct ep_options options = {.workers = 1, .prefetch = AHEAD};
        struct ep_submit_options with = {.dropped = note_dropped};
        struct ep_executor *pool = processes(&options);
        struct ep_future *futures[TASKS] = {NULL};
        int pid = int_result(submit(pool, pid_of, NULL, 0));

        atomic_store(&dropped_inputs, 0);
        atomic_store(&drops, 0);
        for (int i = 0; i < TASKS; i++)
            ck_assert_int_eq(
                ep_submit_with(pool, hold, &i, sizeof i, &with, with_future ? &futures[i] : NULL),
                0);
        await_held(1);
        release_held(1); /* with its first outcome the worker is sent several */
        await_held(1);
        kill(pid, SIGKILL);
        ck_assert_int_eq(ep_executor_wait_idle(pool, EP_FOREVER), 0);
        ck_assert_uint_eq(atomic_load(&drops), TASKS - 2);
        ck_assert_uint_eq(atomic_load(&dropped_inputs), (1u << TASKS) - 4); /* except 0 and 1 */
        for (int i = 0; i < TASKS && with_future; i++) {
            ck_assert_int_eq(ep_future_result(futures[i], 0, NULL), i == 0   ? 0
                                                                    : i == 1 ? EP_EDIED
                                                                             : EP_EBROKEN);
            ep_future_unref(futures[i]);
        }
        ep_executor_free(pool);
    }
}

/* Who sees that the executor is broken, or a task fail of it, finds the executor closed. */
TEST(it_is_not_broken_before_it_is_closed)
{
    enum { TASKS = 4 };

    struct ep_options options = {.workers = 1, .prefetch = TASKS};
    struct ep_executor *pool = processes(&options);
    struct ep_future *futures[TASKS];
    int pid = int_result(submit(pool, pid_of, NULL, 0));
    const char *why;

    for (int i = 0; i < TASKS; i++)
        futures[i] = submit(pool, hold, NULL, 0);
    await_held(1);
    lock_acquire(&pool->queue.tail_lock); /* here the manager stops, when it closes the queue */
    kill(pid, SIGKILL);
    AWAIT(atomic_load(&pool->broken));
    ck_assert(!ep_executor_broken(pool, &why));
    ck_assert_str_eq(why, "");
    for (int i = 0; i < TASKS; i++)
        ck_assert(!ep_future_done(futures[i]));
    lock_release(&pool->queue.tail_lock);
    AWAIT(ep_executor_broken(pool, NULL));
    ck_assert_int_eq(ep_submit(pool, pid_of, NULL, 0, NULL), EP_EBROKEN);
    ck_assert_int_eq(ep_executor_resize(pool, 2), EP_EBROKEN);
    for (int i = 0; i < TASKS; i++) {
        ck_assert_int_eq(error_of(futures[i]).kind, i == 0 ? EP_EDIED : EP_EBROKEN);
        ep_future_unref(futures[i]);
    }
    ep_executor_free(pool);
}

/* Nor has it lost its workers before. */
TEST(it_has_workers_until_it_is_closed)
{
    struct ep_executor *pool = processes_of(2, EP_BREAK);
    struct ep_stats stats;

    executor_note_broken(pool, "as it is a moment before it is closed");
    ep_executor_stats(pool, &stats);
    ck_assert_uint_eq(stats.workers, 2);
    ck_assert(!ep_executor_broken(pool, NULL));
    executor_close(pool, EP_EBROKEN);
    ep_executor_stats(pool, &stats);
    ck_assert_uint_eq(stats.workers, 0);
    ck_assert(ep_executor_broken(pool, NULL));
    ep_executor_free(pool);
}

/* Nor does a task begin that was waiting, also not one that a pause had kept back. */
TEST(it_begins_nothing_when_it_breaks)
{
    struct ep_executor *pool = processes_of(2, EP_BREAK);
    int pid = int_result(submit(pool, pid_of, NULL, 0));
    struct queue_entry entry;
    struct ep_future *kept;

    ck_assert_int_eq(ep_executor_pause(pool), 0);
    kept = submit(pool, pid_of, NULL, 0);
    lock_acquire(&pool->queue.tail_lock);
    kill(pid, SIGKILL);
    AWAIT(atomic_load(&pool->broken));
    lock_acquire(&pool->why_lock); /* here the manager stops, when it drops what waits */
    lock_release(&pool->queue.tail_lock);
    AWAIT(ep_executor_broken(pool, NULL));
    lock_acquire(&pool->queue.tail_lock); /* until all is done that closing does */
    lock_release(&pool->queue.tail_lock);
    ck_assert(!queue_take(&pool->queue, 0, &entry));
    lock_release(&pool->why_lock);
    ck_assert_int_eq(error_of(kept).kind, EP_EBROKEN);
    ep_future_unref(kept);
    ep_executor_free(pool);
}

TEST(an_idle_death_breaks_it_too)
{
    struct ep_executor *pool = processes_of(2, EP_BREAK);
    int pid = int_result(submit(pool, pid_of, NULL, 0)), rc;

    kill(pid, SIGKILL);
    while ((rc = ep_submit(pool, pid_of, NULL, 0, NULL)) == 0)
        sched_yield();
    ck_assert_int_eq(rc, EP_EBROKEN);
    ep_executor_free(pool);
}

/* B87: it dies after shutdown began, with a backlog. */
TEST(shutdown_ends_though_workers_die)
{
    for (int on_death = EP_BREAK; on_death <= EP_REPLACE; on_death++) {
        struct ep_executor *pool = processes_of(1, (enum ep_on_death)on_death);
        struct ep_future *futures[20];
        int number = SIGKILL;

        futures[0] = submit(pool, hold, NULL, 0);
        for (int i = 1; i < 20; i++)
            futures[i] = submit(pool, i % 5 ? pid_of : kill_self, &number, sizeof number);
        ck_assert_int_eq(ep_executor_shutdown(pool, 0), 0);
        release_held(1);
        ck_assert_int_eq(ep_executor_join(pool, EP_FOREVER), 0);
        for (int i = 0; i < 20; i++) {
            ck_assert(ep_future_done(futures[i]));
            if (on_death == EP_REPLACE)
                ck_assert_int_eq(ep_future_result(futures[i], 0, NULL),
                                 i > 0 && i % 5 == 0 ? EP_EDIED : 0);
            ep_future_unref(futures[i]);
        }
        ep_executor_free(pool);
    }
}

CASE_WITH_SHARED("Replace")

/* B82, B83: only the task that died with its worker fails, whichever way it died. */
TEST(only_the_task_of_the_dead_fails)
{
    struct ep_executor *pool = processes_of(2, EP_REPLACE);
    struct ep_future *others[8], *future;
    int number;

    for (int i = 0; i < 8; i++)
        others[i] = submit(pool, square_of, &i, sizeof i);
    number = SIGKILL;
    assert_died(submit(pool, kill_self, &number, sizeof number), SIGKILL,
                "was killed by signal 9 (SIGKILL)");
    number = SIGTERM;
    assert_died(submit(pool, kill_self, &number, sizeof number), SIGTERM,
                "was killed by signal 15 (SIGTERM)");
    number = 0;
    assert_died(submit(pool, exit_with, &number, sizeof number), 0, "exited with status 0");
    number = 3;
    future = submit(pool, exit_with, &number, sizeof number);
    ck_assert_ptr_nonnull(strstr(error_of(future).message, "worker "));
    assert_died(future, 3 << 8, "exited with status 3");
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(int_result(others[i]), i * i);
    ep_executor_free(pool);
}

/** Ask whether one worker is idle. Who lists it there looks for a task before the lock is released. */
static bool one_is_idle(struct process_executor *inside)
{
    bool idle;

    lock_acquire(&inside->lock);
    idle = atomic_load(&inside->idle_count) == 1;
    lock_release(&inside->lock);
    return idle;
}

/* It is dead before it has read the task: stopped, given a task, killed. */
TEST(death_before_the_task_is_read)
{
    struct ep_executor *pool = processes_of(1, EP_REPLACE);
    struct process_executor *inside = (struct process_executor *)pool;
    struct ep_future *future;
    int pid = int_result(submit(pool, pid_of, NULL, 0)), status;

    AWAIT(one_is_idle(inside)); /* so that submit itself sends the task */
    kill(pid, SIGSTOP);
    AWAIT(process_state(pid) == 'T');
    future = submit(pool, pid_of, NULL, 0);
    ck_assert(ep_future_running(future));
    status = SIGKILL;
    kill(pid, SIGKILL);
    assert_died(future, status, "SIGKILL");
    ck_assert_int_ne(int_result(submit(pool, pid_of, NULL, 0)), pid);
    ep_executor_free(pool);
}

static void close_all(void)
{
    for (int fd = 3; fd < 1024; fd++)
        close(fd);
}

static int close_socket_and_stay(struct ep_task *task)
{
    (void)task;
    close_all();
    while (pause() != 0)
        ;
    return 0;
}

static int exec_task(struct ep_task *task)
{
    (void)task;
    return execlp("sleep", "sleep", "1000", (char *)NULL);
}

static int fork_and_die(struct ep_task *task)
{
    (void)task;
    if (fork() == 0) { /* it keeps the worker's socket open: only the pidfd tells of the death */
        atomic_store(&shared->pids[0], getpid());
        for (;;)
            pause();
    }
    AWAIT(atomic_load(&shared->pids[0]) != 0);
    _exit(9);
}

/* The socket ends and the process does not; the process ends and the socket does not. */
TEST(either_sign_of_death_is_enough)
{
    struct ep_executor *pool = processes_of(1, EP_REPLACE);

    assert_died(submit(pool, close_socket_and_stay, NULL, 0), SIGKILL, "closed its socket");
    assert_died(submit(pool, exec_task, NULL, 0), SIGKILL, "closed its socket, as exec does");
    assert_died(submit(pool, fork_and_die, NULL, 0), 9 << 8, "exited with status 9");
    kill(atomic_load(&shared->pids[0]), SIGKILL);
    ck_assert_int_gt(int_result(submit(pool, pid_of, NULL, 0)), 0);
    ep_executor_free(pool);
}

/* What was sent ahead and not begun is run by the next worker. */
TEST(prefetched_tasks_survive_a_death)
{
    struct ep_options options = {.workers = 1, .prefetch = 15, .on_death = EP_REPLACE};
    struct ep_executor *pool = processes(&options);
    struct ep_future *first = submit(pool, hold, NULL, 0), *futures[60];
    int number = SIGKILL;

    await_held(1);
    for (int i = 0; i < 60; i++)
        futures[i] = i % 10 == 5 ? submit(pool, kill_self, &number, sizeof number)
                                 : submit(pool, square_of, &i, sizeof i);
    release_held(1);
    for (int i = 0; i < 60; i++) {
        if (i % 10 == 5)
            assert_died(futures[i], SIGKILL, "SIGKILL");
        else
            ck_assert_int_eq(int_result(futures[i]), i * i);
    }
    ep_future_unref(first);
    ep_executor_free(pool);
}

/* It is killed while it sends a reply that does not fit into the socket, earlier ones lying there. */
TEST(death_while_the_reply_is_sent)
{
    enum { TASKS = 12 };
    struct ep_options options = {.workers = 1, .prefetch = TASKS, .on_death = EP_REPLACE};
    struct ep_executor *pool = processes(&options);
    struct ep_future *futures[TASKS], *first;
    int pid = int_result(submit(pool, pid_of, NULL, 0));
    unsigned died = 0;
    size_t size = 60000;
    struct gate manager;

    gate_init(&manager);
    first = submit(pool, hold, NULL, 0);
    ck_assert_int_eq(ep_future_add_done_callback(first, gate_callback, &manager), 0);
    await_held(1);
    for (int i = 0; i < TASKS; i++)
        futures[i] = submit(pool, reply_of_size, &size, sizeof size);
    release_held(1); /* the worker gets the rest, and then the manager stands still */
    gate_await(&manager, 1);
    AWAIT(atomic_load(&shared->begun) > 0 && process_state(pid) == 'S');
    ck_assert_uint_lt(atomic_load(&shared->begun), TASKS);
    kill(pid, SIGKILL);
    gate_open(&manager, 1);
    for (int i = 0; i < TASKS; i++) {
        struct ep_bytes reply;
        int rc = ep_future_result(futures[i], EP_FOREVER, &reply);

        died += rc == EP_EDIED;
        if (rc == 0) {
            ck_assert_uint_eq(reply.size, size);
            ck_assert_int_eq(((const char *)reply.data)[size - 1], 'r');
        }
        ep_future_unref(futures[i]);
    }
    ck_assert_uint_eq(died, 1);
    ep_future_unref(first);
    ep_executor_free(pool);
}

/* B85: workers are killed from outside all the while large inputs and replies travel. */
TEST(killing_amid_large_payloads)
{
    enum { ROUNDS = 30, SIZE = 1 << 20 };
    struct ep_options options = {
        .workers = 2, .on_death = EP_REPLACE, .initialize = note_initialized};
    struct ep_executor *pool = processes(&options);
    struct process_executor *inside = (struct process_executor *)pool;
    char *bytes = malloc(SIZE);
    unsigned good = 0, died = 0;

    memset(bytes, 'x', SIZE);
    for (int i = 0; i < ROUNDS; i++) {
        struct ep_future *futures[6];
        unsigned last = atomic_load(&shared->initialized) - 1;

        for (int k = 0; k < 6; k++)
            futures[k] = submit(pool, echo_of, bytes, SIZE);
        for (int k = 0; k < i * 20; k++)
            sched_yield(); /* each round at another moment */
        kill(atomic_load(&shared->pids[last % SHARED_PIDS]), SIGKILL);
        for (int k = 0; k < 6; k++) {
            struct ep_bytes reply;
            int rc = ep_future_result(futures[k], EP_FOREVER, &reply);

            if (rc == 0) {
                good++;
                ck_assert_uint_eq(reply.size, SIZE);
                ck_assert_int_eq(memcmp(reply.data, bytes, SIZE), 0);
            } else {
                died++;
                ck_assert_int_eq(rc, EP_EDIED);
            }
            ep_future_unref(futures[k]);
        }
        AWAIT(atomic_load(&shared->initialized) > last + 1 && atomic_load(&inside->alive) == 2);
    }
    ck_assert_uint_eq(good + died, ROUNDS * 6);
    ck_assert_uint_le(died, ROUNDS);
    free(bytes);
    ep_executor_free(pool);
}

CASE_WITH_SHARED("Replacements")

/* B88: the same process for three tasks, then another; and none is left as a zombie. */
TEST(workers_retire)
{
    struct ep_options options = {.workers = 1, .tasks_per_worker = 3, .prefetch = 5};
    struct ep_executor *pool = processes(&options);
    int pids[9];

    for (int i = 0; i < 9; i++)
        pids[i] = int_result(submit(pool, pid_of, NULL, 0));
    for (int i = 1; i < 9; i++) {
        if (i % 3)
            ck_assert_int_eq(pids[i], pids[i - 1]);
        else
            ck_assert_int_ne(pids[i], pids[i - 1]);
    }
    ck_assert_int_eq(process_state(pids[0]), 0);
    for (int i = 0; i < 100; i++) /* a backlog completes */
        ck_assert_int_eq(ep_submit(pool, pid_of, NULL, 0, NULL), 0);
    ep_executor_free(pool);
    for (int i = 0; i < 9; i++)
        ck_assert_int_eq(process_state(pids[i]), 0);
}

static int die_at_second(void *context, unsigned worker)
{
    note_initialized(context, worker);
    if (atomic_load(&shared->initialized) > 1)
        raise(SIGKILL);
    return 0;
}

/* B89, R52: it dies again and again while it initializes: some attempts, then broken. */
TEST(hopeless_replacement_breaks)
{
    struct ep_options options = {.workers = 1, .on_death = EP_REPLACE, .initialize = die_at_second};
    struct ep_executor *pool = processes(&options);
    struct ep_future *future;
    int number = SIGKILL;

    future = submit(pool, kill_self, &number, sizeof number);
    assert_died(future, SIGKILL, "SIGKILL");
    future = submit(pool, pid_of, NULL, 0);
    ck_assert_int_eq(error_of(future).kind, EP_EBROKEN);
    ep_future_unref(future);
    ck_assert_uint_eq(atomic_load(&shared->initialized), 1 + 5);
    ep_executor_free(pool);
}

static int worker_0_dies_again(void *context, unsigned worker)
{
    note_initialized(context, worker);
    if (worker == 0 && atomic_fetch_add(&shared->seen, 1) > 0)
        raise(SIGKILL);
    return 0;
}

/* B89: one place is given up; the executor goes on with the others. */
TEST(a_place_that_is_given_up_costs_capacity_only)
{
    struct ep_options options = {
        .workers = 2, .on_death = EP_REPLACE, .initialize = worker_0_dies_again};
    struct ep_executor *pool = processes(&options);
    struct ep_future *held[2];
    struct ep_stats stats;
    int first;

    for (int i = 0; i < 2; i++)
        held[i] = submit(pool, hold, NULL, 0);
    await_held(2);
    first = atomic_load(&shared->pids[0]);
    kill(first, SIGKILL); /* whichever number it has: one of the two is lost */
    AWAIT(ep_future_done(held[0]) || ep_future_done(held[1]));
    if (ep_future_done(held[0]) ? error_of(held[0]).worker == 0 : error_of(held[1]).worker == 0)
        AWAIT(atomic_load(&shared->seen) == 1 + 5); /* all attempts have been made */
    release_held(2);
    for (int i = 0; i < 50; i++)
        ck_assert_int_eq(int_result(submit(pool, square_of, &i, sizeof i)), i * i);
    ep_executor_stats(pool, &stats);
    ck_assert_uint_ge(stats.workers, 1);
    for (int i = 0; i < 2; i++)
        ep_future_unref(held[i]);
    ep_executor_free(pool);
}

TEST(a_later_initialize_that_fails_breaks)
{
    struct ep_options options = {
        .workers = 2, .on_death = EP_REPLACE, .initialize = note_initialized};
    struct ep_executor *pool = processes(&options);
    int number = SIGKILL, rc;

    atomic_store(&shared->initialize_result, 4);
    assert_died(submit(pool, kill_self, &number, sizeof number), SIGKILL, "SIGKILL");
    while ((rc = ep_submit(pool, pid_of, NULL, 0, NULL)) == 0)
        sched_yield();
    ck_assert_int_eq(rc, EP_EBROKEN);
    ep_executor_free(pool);
}

/* The zygote goes, and with it every worker: nothing hangs. */
TEST(the_end_of_the_zygote_is_survived)
{
    for (int on_death = EP_BREAK; on_death <= EP_REPLACE; on_death++) {
        struct ep_executor *pool = processes_of(2, (enum ep_on_death)on_death);
        struct ep_future *futures[6];

        for (int i = 0; i < 6; i++)
            futures[i] = submit(pool, hold, NULL, 0);
        await_held(2);
        kill(zygote_pid(), SIGKILL);
        for (int i = 0; i < 6; i++) {
            int kind = error_of(futures[i]).kind;

            ck_assert(kind == EP_EDIED || kind == EP_EBROKEN);
            ep_future_unref(futures[i]);
        }
        ck_assert_int_eq(ep_submit(pool, pid_of, NULL, 0, NULL), EP_EBROKEN);
        ep_executor_free(pool);
    }
}

/** Two workers: with the second one the manager is held before it can hear of its beginning. */
static void *resize_to_two(void *pool)
{
    return (void *)(intptr_t)ep_executor_resize(pool, 2);
}

/* It has said that it is ready, and is dead before anybody has read that: it was ready, and died. */
TEST(ready_and_dead_at_once)
{
    struct ep_options options = {.workers = 1, .initialize = note_initialized};
    struct ep_executor *pool = processes(&options);
    struct process_executor *inside = (struct process_executor *)pool;
    struct ep_future *future;
    pid_t zygote = zygote_pid();
    struct gate manager;
    pthread_t resizer;
    void *rc;
    int pid;

    gate_init(&manager);
    kill(zygote, SIGSTOP);
    AWAIT(process_state(zygote) == 'T');
    ck_assert_int_eq(pthread_create(&resizer, NULL, resize_to_two, pool), 0);
    AWAIT(atomic_load(&inside->place_count) == 2 &&
          atomic_load(&inside->places[1]->life) == LIFE_ORDERED);
    ck_assert_int_eq(ep_executor_pause(pool), 0); /* or it may be called here, at once */
    future = submit(pool, pid_of, NULL, 0);
    ck_assert_int_eq(ep_future_add_done_callback(future, gate_callback, &manager), 0);
    ck_assert_int_eq(ep_executor_resume(pool), 0);
    gate_await(&manager, 1);
    kill(zygote, SIGCONT);
    await_readable(inside->places[1]->socket);
    pid = atomic_load(&shared->pids[1]);
    kill(pid, SIGKILL);
    AWAIT(process_state(pid) == 0);
    gate_open(&manager, 1);
    pthread_join(resizer, &rc);
    ck_assert_int_eq((int)(intptr_t)rc, 0);
    AWAIT(ep_submit(pool, pid_of, NULL, 0, NULL) == EP_EBROKEN); /* as by any other death */
    ep_future_unref(future);
    ep_executor_free(pool);
}

CASE_WITH_SHARED("Terminate")

/* It has to report the ends of the workers. */
LOOP_TEST(a_stopped_zygote_holds_up_no_end, 2)
{
    struct ep_options options = {.workers = 2};
    struct ep_executor *pool = processes(&options);
    pid_t zygote = zygote_pid();

    kill(zygote, SIGSTOP);
    AWAIT(process_state(zygote) == 'T');
    if (_i == 0)
        ep_executor_terminate(pool);
    ep_executor_free(pool);
    ck_assert_int_eq(waitpid(-1, NULL, 0), -1);
}

/* A tracer holds it as a frozen cgroup does: SIGCONT has no effect. How its workers have ended is unknown. */
TEST(a_frozen_zygote_holds_up_no_termination)
{
    struct ep_options options = {.workers = 2, .grace_ns = EP_MILLISECONDS(1)};
    struct ep_executor *pool = processes(&options);
    struct ep_future *held = submit(pool, hold, NULL, 0);
    pid_t zygote = zygote_pid();

    await_held(1);
    if (ptrace(PTRACE_SEIZE, zygote, NULL, NULL) == 0) {
        ck_assert_int_eq(ptrace(PTRACE_INTERRUPT, zygote, NULL, NULL), 0);
        AWAIT(process_state(zygote) == 't');
    } /* else it is forbidden here */
    ep_executor_terminate(pool);
    ck_assert_int_eq(ep_executor_join(pool, EP_FOREVER), 0);
    ck_assert_int_eq(error_of(held).kind, EP_EDIED);
    ep_future_unref(held);
    ep_executor_free(pool);
    ck_assert_int_eq(waitpid(-1, NULL, 0), -1);
}

static int deaf_hold(struct ep_task *task)
{
    signal(SIGTERM, SIG_IGN);
    return hold(task);
}

/* B90: SIGTERM ends workers that do not block it, SIGKILL the others, and none is replaced. */
TEST(terminate_ends_the_deaf_too)
{
    struct ep_options options = {
        .workers = 2, .on_death = EP_REPLACE, .initialize = note_initialized};
    struct ep_executor *pool = processes(&options);
    struct ep_future *deaf = submit(pool, deaf_hold, NULL, 0), *hearing, *waiting[5];

    await_held(1);
    hearing = submit(pool, hold, NULL, 0);
    await_held(1);
    for (int i = 0; i < 5; i++)
        waiting[i] = submit(pool, hold, NULL, 0);
    ep_executor_terminate(pool);
    ck_assert_int_eq(ep_executor_join(pool, EP_FOREVER), 0);
    assert_died(hearing, SIGTERM, "SIGTERM");
    assert_died(deaf, SIGKILL, "SIGKILL");
    for (int i = 0; i < 5; i++) {
        ck_assert(ep_future_cancelled(waiting[i]));
        ep_future_unref(waiting[i]);
    }
    ck_assert_uint_eq(atomic_load(&shared->initialized), 2);
    ep_executor_terminate(pool); /* once more: nothing to do */
    ep_executor_free(pool);
}

static void terminate_here(struct ep_future *future, void *pool)
{
    (void)future;
    ep_executor_terminate(pool);
}

TEST(terminate_in_a_callback)
{
    struct ep_executor *pool = processes_of(2, EP_BREAK);
    struct ep_future *future;

    ck_assert_int_eq(ep_submit(pool, hold, NULL, 0, NULL), 0);
    future = submit(pool, square_of, &(int){1}, sizeof(int));
    ck_assert_int_eq(ep_future_add_done_callback(future, terminate_here, pool), 0);
    ck_assert_int_eq(ep_future_result(future, EP_FOREVER, NULL), 0);
    ep_future_unref(future);
    ep_executor_free(pool);
}

static int ignore_sigterm(void *context, unsigned worker)
{
    (void)context;
    (void)worker;
    signal(SIGTERM, SIG_IGN);
    return 0;
}

static int until_told(struct ep_task *task)
{
    int stopping = ep_task_stopping(task);

    sem_post(&shared->arrived);
    while (!ep_task_stopping(task))
        sched_yield();
    while (sem_wait(&shared->opened) != 0)
        ;
    return ep_task_reply(task, &stopping, sizeof stopping);
}

/* B90: who has SIGTERM ignored gives its tasks time to see the end and to return; and here all of
 * the time that there is. */
TEST(terminate_tells_a_worker_that_outlives_sigterm)
{
    struct ep_options options = {.workers = 2,
                                 .grace_ns = EP_FOREVER,
                                 .initialize = ignore_sigterm,
                                 .finalize = note_finalized};
    struct ep_executor *pool = processes(&options);
    struct ep_future *told = submit(pool, until_told, NULL, 0), *waiting;

    await_held(1);
    ck_assert_int_eq(ep_submit(pool, until_told, NULL, 0, NULL), 0);
    await_held(1);
    waiting = submit(pool, until_told, NULL, 0);
    ep_executor_terminate(pool);
    ck_assert_int_eq(ep_executor_join(pool, EP_MILLISECONDS(20)), -ETIMEDOUT);
    release_held(2);
    ck_assert_int_eq(ep_executor_join(pool, EP_FOREVER), 0);
    ck_assert_int_eq(int_result(told), 0); /* it was not stopping before */
    ck_assert(ep_future_cancelled(waiting));
    ck_assert_uint_eq(atomic_load(&shared->finalized), 2);
    ep_future_unref(waiting);
    ep_executor_free(pool);
}

CASE_WITH_SHARED("The parent's death")

static void parent_of_workers(void)
{
    struct ep_options options = {.workers = 2, .initialize = note_initialized};
    struct ep_executor *pool = processes(&options);

    atomic_store(&shared->pids[2], zygote_pid());
    ck_assert_int_eq(ep_submit(pool, deaf_hold, NULL, 0, NULL), 0); /* one is deep in a task */
    await_held(1);
    atomic_store(&shared->seen, 1);
    for (;;)
        pause();
}

/* B91, R56: the parent is killed: workers and zygote end. */
TEST(no_process_survives_the_parent)
{
    pid_t parent = fork();

    if (parent == 0)
        parent_of_workers();
    AWAIT(atomic_load(&shared->seen) == 1);
    kill(parent, SIGKILL);
    ck_assert_int_eq(waitpid(parent, NULL, 0), parent);
    for (int i = 0; i < 3; i++) {
        int pid = atomic_load(&shared->pids[i]);
        char state;

        ck_assert_int_gt(pid, 0);
        /* A zombie has ended: init waits for it, and nothing of ours. */
        AWAIT((state = process_state(pid)) == 0 || state == 'Z');
    }
}
