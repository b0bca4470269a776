/* SPDX-License-Identifier: MIT */
/* Executors of processes when the system has nothing left to give: descriptors, memory, room in a
 * socket. What may pass is waited for. */
#include "config.h"

#include "pool/echopool.h"
#include "pool/process/place-internal.h"
#include "tests/kit/faults.h"
#include "tests/kit/gate.h"
#include "tests/kit/process.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int size_of(struct ep_task *task)
{
    size_t size;

    ep_task_input(task, &size);
    return ep_task_reply(task, &size, sizeof size);
}

/** Submit that many tasks with inputs of that size while paused, then let all of them run. */
static void run_at_once(struct ep_executor *pool, ep_task_fn fn, int tasks, size_t size)
{
    struct ep_future *futures[1000];
    char *bytes = calloc(1, size);
    struct ep_bytes reply;

    ck_assert_int_eq(ep_executor_pause(pool), 0);
    for (int i = 0; i < tasks; i++)
        futures[i] = submit(pool, fn, bytes, size);
    ck_assert_int_eq(ep_executor_resume(pool), 0);
    for (int i = 0; i < tasks; i++) {
        int rc = ep_future_result(futures[i], EP_FOREVER, &reply);

        ck_assert_msg(rc == 0, "task %d of %d: %s", i, tasks, ep_strerror(rc));
        ck_assert_uint_eq(reply.size, fn == size_of ? sizeof size : size);
        ep_future_unref(futures[i]);
    }
    free(bytes);
}

CASE_WITH_SHARED("What may pass")
FIXTURE(faults_setup, NULL)

static const int send_errors[] = {ENOBUFS, ENOMEM, ETOOMANYREFS};
static const int memfd_errors[] = {EMFILE, ENFILE, ENOMEM};

/* Alone, in a batch, and beside the message; each failure a few times in a row. */
LOOP_TEST(inputs_wait_for_what_may_pass, COUNT_OF(send_errors))
{
    struct ep_options options = {.workers = 2, .prefetch = 15};
    struct ep_executor *pool = processes(&options);

    faults_set(FAULT_SENDMSG, getpid(), send_errors[_i], 5);
    run_at_once(pool, size_of, 1, 100);
    ck_assert_uint_eq(faults_failed(FAULT_SENDMSG), 5);
    faults_set(FAULT_SENDMSG, getpid(), send_errors[_i], 5);
    run_at_once(pool, size_of, 100, 100);
    faults_set(FAULT_SENDMSG, getpid(), send_errors[_i], 5);
    run_at_once(pool, size_of, 10, 70000);
    ck_assert_uint_eq(faults_failed(FAULT_SENDMSG), 5);
    ep_executor_free(pool);
}

LOOP_TEST(large_inputs_wait_for_a_descriptor, COUNT_OF(memfd_errors))
{
    struct ep_options options = {.workers = 2, .prefetch = 3};
    struct ep_executor *pool = processes(&options);

    faults_set(FAULT_MEMFD, getpid(), memfd_errors[_i], 5);
    run_at_once(pool, size_of, 20, 70000);
    ck_assert_uint_eq(faults_failed(FAULT_MEMFD), 5);
    ep_executor_free(pool);
}

LOOP_TEST(replies_wait_for_what_may_pass, COUNT_OF(send_errors))
{
    struct ep_executor *pool = processes_of(1, EP_BREAK);
    pid_t worker = int_result(submit(pool, pid_of, NULL, 0));

    faults_set(FAULT_SENDMSG, worker, send_errors[_i], 3);
    run_at_once(pool, echo_of, 5, 100);
    ck_assert_uint_eq(faults_failed(FAULT_SENDMSG), 3);
    faults_set(FAULT_SENDMSG, worker, send_errors[_i], 3);
    run_at_once(pool, echo_of, 5, 70000);
    ck_assert_uint_eq(faults_failed(FAULT_SENDMSG), 3);
    ep_executor_free(pool);
}

static const int write_errors[] = {ENOMEM, ENOSPC};

/* Without memory for a payload, and without a file for it. */
LOOP_TEST(large_payloads_wait_for_memory, COUNT_OF(write_errors))
{
    struct ep_executor *pool = processes_of(1, EP_BREAK);
    pid_t worker = int_result(submit(pool, pid_of, NULL, 0));

    faults_set(FAULT_MEMFD, worker, write_errors[_i], 3);
    run_at_once(pool, echo_of, 5, 70000);
    ck_assert_uint_eq(faults_failed(FAULT_MEMFD), 3);
    faults_set(FAULT_PWRITE, worker, write_errors[_i], 3);
    run_at_once(pool, echo_of, 5, 70000);
    ck_assert_uint_eq(faults_failed(FAULT_PWRITE), 3);
    faults_set(FAULT_PWRITE, getpid(), write_errors[_i], 3);
    run_at_once(pool, echo_of, 5, 70000);
    ck_assert_uint_eq(faults_failed(FAULT_PWRITE), 3);
    ep_executor_free(pool);
}

/* As the kernel does it: an ordinary user may have RLIMIT_NOFILE descriptors on their way. */
TEST(an_ordinary_user_loses_no_task)
{
    struct rlimit few = {.rlim_cur = 64, .rlim_max = 64};
    struct ep_options options = {.workers = 4, .prefetch = 60};
    struct ep_executor *pool;

    if (getuid() == 0 && setresuid(65534, 65534, 65534) != 0)
        return; /* there is no such user in this namespace */
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    pool = processes(&options);
    run_at_once(pool, size_of, 1000, 70000);
    ep_executor_free(pool);
}

/** Make a worker's socket as small as the kernel allows; a task has shown that it is there. */
static void narrow(struct ep_executor *pool, uint32_t worker)
{
    int socket = ((struct process_executor *)pool)->places[worker]->socket;

    ck_assert_int_eq(setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &(int){1}, sizeof(int)), 0);
}

/* Each task alone fits into the socket's buffer, or goes beside the message. */
TEST(a_batch_too_large_is_divided)
{
    struct ep_options options = {.workers = 1, .prefetch = 63};
    struct ep_executor *pool = processes(&options);
    int fd = open("/dev/null", O_WRONLY);
    struct ep_submit_options with = {.fds = &fd, .fd_count = 1};
    struct ep_future *future;
    static char bytes[20000];

    narrow(pool, 0);
    run_at_once(pool, size_of, 200, 1000);
    run_at_once(pool, size_of, 200, 0);
    run_at_once(pool, size_of, 50, 20000);
    ck_assert_int_eq(ep_submit_with(pool, size_of, bytes, sizeof bytes, &with, &future), 0);
    ck_assert_int_eq(ep_future_result(future, EP_FOREVER, NULL), 0);
    ep_future_unref(future);
    ep_executor_free(pool);
}

static atomic_uint drops;

static void count_drop(const void *input, size_t size)
{
    (void)input;
    ck_assert_uint_eq(size, 70000);
    atomic_fetch_add(&drops, 1);
}

/* What waits for ever ends with its executor, and what it owned is released. */
TEST(terminate_ends_what_waits)
{
    struct ep_executor *pool = processes_of(1, EP_BREAK);
    struct ep_submit_options with = {.dropped = count_drop};
    static char bytes[70000];
    struct ep_future *future;

    faults_set(FAULT_MEMFD, getpid(), EMFILE, UINT_MAX);
    ck_assert_int_eq(ep_submit_with(pool, size_of, bytes, sizeof bytes, &with, &future), 0);
    AWAIT(faults_failed(FAULT_MEMFD) > 3);
    ck_assert_int_eq(ep_future_result(future, 0, NULL), -ETIMEDOUT);
    ep_executor_terminate(pool);
    ck_assert_int_eq(error_of(future).kind, EP_EBROKEN);
    ck_assert_uint_eq(atomic_load(&drops), 1);
    ep_future_unref(future);
    ep_executor_free(pool);
}

/** Set how many descriptors the worker may have. */
static int limit_nofile(struct ep_task *task)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return errno;
    limit.rlim_cur = *(const rlim_t *)ep_task_input(task, NULL);
    return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? 0 : errno;
}

/* If no worker can receive its descriptors the task waits, and holds up no other. */
TEST(descriptors_wait_for_a_worker_that_can_receive_them)
{
    struct ep_executor *pool = processes_of(1, EP_BREAK);
    rlim_t few = 3, many = 100;
    int fd = open("/dev/null", O_WRONLY);
    struct ep_submit_options with = {.fds = &fd, .fd_count = 1};
    struct process_executor *inside = (struct process_executor *)pool;
    struct ep_future *future, *limited = submit(pool, limit_nofile, &few, sizeof few);
    struct returned *postponed;

    ck_assert_int_eq(ep_future_result(limited, EP_FOREVER, NULL), 0);
    ep_future_unref(limited);
    ck_assert_int_eq(ep_submit_with(pool, pid_of, NULL, 0, &with, &future), 0);
    do { /* far beyond the times that it is tried at once */
        lock_acquire(&inside->lock);
        postponed = inside->postponed;
        if (postponed != NULL && postponed->nacks < 5)
            postponed = NULL;
        lock_release(&inside->lock);
        sched_yield();
    } while (postponed == NULL);
    ck_assert_int_eq(int_result(submit(pool, square_of, &(int){3}, sizeof(int))), 9);
    ck_assert_int_eq(ep_future_result(future, 0, NULL), -ETIMEDOUT);
    limited = submit(pool, limit_nofile, &many, sizeof many);
    ck_assert_int_eq(ep_future_result(limited, EP_FOREVER, NULL), 0);
    ep_future_unref(limited);
    ck_assert_int_gt(int_result(future), 0);
    ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
    ep_executor_free(pool);
}

/** Give a worker its last three of four tasks: two that hold it, and one with a descriptor that will not arrive. */
static void starve(struct ep_executor *pool, ep_task_fn fn, struct ep_future *futures[static 3])
{
    const struct place *place = ((struct process_executor *)pool)->places[0];
    int fd = open("/dev/null", O_WRONLY);
    struct ep_submit_options with = {.fds = &fd, .fd_count = 1};
    rlim_t few = 3;

    futures[0] = submit(pool, limit_nofile, &few, sizeof few);
    ck_assert_int_eq(ep_future_result(futures[0], EP_FOREVER, NULL), 0);
    ep_future_unref(futures[0]);
    futures[0] = submit(pool, fn, NULL, 0);
    await_held(1);
    futures[1] = submit(pool, fn, NULL, 0);
    ck_assert_int_eq(ep_submit_with(pool, pid_of, NULL, 0, &with, &futures[2]), 0);
    ck_assert_int_eq(ep_executor_resize(pool, 1), 0); /* the manager looks, and sends ahead */
    AWAIT(place_load(place) == 3 && atomic_load(&place->sent) == atomic_load(&place->tail));
}

/* A worker gives a task back, and is killed before the manager reads that, because the executor breaks. */
TEST(what_is_given_back_to_a_broken_executor_fails)
{
    struct ep_options options = {
        .workers = 1, .prefetch = 2, .on_death = EP_BREAK, .initialize = note_initialized};
    struct ep_executor *pool = processes(&options);
    struct process_executor *inside = (struct process_executor *)pool;
    struct ep_future *futures[3], *last;
    struct gate first, second;
    int starved, other;

    gate_init(&first);
    gate_init(&second);
    starve(pool, hold, futures);
    ck_assert_int_eq(ep_executor_resize(pool, 2), 0);
    starved = atomic_load(&shared->pids[0]);
    other = atomic_load(&shared->pids[1]);
    ck_assert_int_eq(ep_future_add_done_callback(futures[0], gate_callback, &first), 0);
    release_held(1);
    gate_await(&first, 1); /* it has the manager, which will then find all of this at once: */
    await_held(1);
    last = submit(pool, pid_of, NULL, 0);
    ck_assert_int_eq(ep_future_add_done_callback(last, gate_callback, &second), 0);
    await_readable(inside->places[1]->socket);
    kill(other, SIGKILL);
    await_readable(inside->line);
    gate_open(&first, 1);
    gate_await(&second, 1); /* it knows of the death, and has not acted yet */
    release_held(1);
    await_readable(inside->places[0]->socket);
    AWAIT(process_state(starved) == 'S'); /* both notes were sent */
    gate_open(&second, 1);
    AWAIT(ep_executor_broken(pool, NULL) && atomic_load(&inside->places[0]->life) == LIFE_NONE);
    ck_assert_int_eq(error_of(futures[2]).kind, EP_EBROKEN);
    for (int i = 0; i < 3; i++)
        ep_future_unref(futures[i]);
    ep_future_unref(last);
    ep_executor_free(pool);
    gate_clear(&first);
    gate_clear(&second);
}

/** Arrives, outlives SIGTERM, and returns when the executor terminates. */
static int hold_until_stopping(struct ep_task *task)
{
    signal(SIGTERM, SIG_IGN);
    sem_post(&shared->arrived);
    AWAIT(ep_task_stopping(task));
    return 0;
}

/* Its worker ends then: no one waits for the time at which it would be killed. */
TEST(what_is_given_back_to_a_terminated_executor_fails)
{
    struct ep_options options = {
        .workers = 1, .prefetch = 2, .tasks_per_worker = 4, .grace_ns = EP_SECONDS(1000000)};
    struct ep_executor *pool = processes(&options);
    struct ep_future *futures[3];

    starve(pool, hold_until_stopping, futures);
    ep_executor_terminate(pool);
    ck_assert_int_eq(ep_executor_join(pool, EP_FOREVER), 0);
    ck_assert_int_eq(error_of(futures[2]).kind, EP_EBROKEN);
    for (int i = 0; i < 3; i++)
        ep_future_unref(futures[i]);
    ep_executor_free(pool);
}

/* What a dead worker had not begun needs no memory to be given back. */
TEST(without_memory_tasks_are_given_back)
{
    struct ep_options options = {
        .workers = 1, .prefetch = 15, .on_death = EP_REPLACE, .initialize = note_initialized};
    struct ep_executor *pool = processes(&options);
    struct ep_future *first = submit(pool, hold, NULL, 0), *futures[15];

    await_held(1);
    for (int i = 0; i < 15; i++)
        futures[i] = submit(pool, square_of, &i, sizeof i);
    faults_set(FAULT_ALIGNED, getpid(), ENOMEM, UINT_MAX);
    ck_assert_int_eq(kill(atomic_load(&shared->pids[0]), SIGKILL), 0);
    ck_assert_int_eq(error_of(first).kind, EP_EDIED);
    faults_set(FAULT_ALIGNED, 0, 0, 0);
    for (int i = 0; i < 15; i++)
        ck_assert_int_eq(int_result(futures[i]), i * i);
    ep_future_unref(first);
    ep_executor_free(pool);
}

/* With REPLACE a task that could not be sent yet goes to the successor of a dead worker. */
TEST(what_waits_outlives_its_worker)
{
    struct ep_executor *pool = processes_of(1, EP_REPLACE);
    pid_t worker = int_result(submit(pool, pid_of, NULL, 0));
    static char bytes[70000];
    struct ep_future *future;

    faults_set(FAULT_MEMFD, getpid(), EMFILE, UINT_MAX);
    future = submit(pool, pid_of, bytes, sizeof bytes);
    AWAIT(faults_failed(FAULT_MEMFD) > 0);
    ck_assert_int_eq(kill(worker, SIGKILL), 0);
    AWAIT(process_state(worker) == 0);
    faults_set(FAULT_MEMFD, 0, 0, 0);
    ck_assert_int_ne(int_result(future), worker);
    ep_executor_free(pool);
}

CASE_WITH_SHARED("Starting")
FIXTURE(faults_setup, NULL)

/** Make a zygote and two executors of it, one after the other; each must work or say why not. */
static int start_and_run(void)
{
    struct ep_zygote *zygote;
    struct ep_options options = {.workers = 3};
    struct ep_executor *pool;
    int rc = ep_zygote_new(&zygote);

    if (rc != 0)
        return rc;
    options.zygote = zygote;
    for (int i = 0; i < 2 && rc == 0; i++) {
        rc = ep_process_executor_new(&options, &pool);
        if (rc != 0)
            break;
        for (int task = 0; task < 6; task++)
            ck_assert_int_eq(int_result(submit(pool, square_of, &task, sizeof task)), task * task);
        ep_executor_free(pool);
    }
    ep_zygote_free(zygote);
    return rc;
}

/* Each call of realloc() fails in turn, those of the zygote too: it is reported, and nothing hangs. */
TEST(memory_that_is_missing_at_the_start_is_reported)
{
    unsigned skipped = 0;

    ck_assert_int_eq(start_and_run(), 0);
    for (;; skipped++) {
        int rc;

        faults_set_one(FAULT_REALLOC, skipped, ENOMEM);
        rc = start_and_run();
        if (faults_failed(FAULT_REALLOC) == 0)
            break;
        ck_assert_msg(rc == -ENOMEM, "realloc %u failed: %s", skipped, ep_strerror(rc));
    }
    ck_assert_int_eq(waitpid(-1, NULL, 0), -1); /* no child is left, not even a zombie */
    ck_assert(skipped > 3 || WITH_SANITIZER);
}

static int zygote_of(struct ep_task *task)
{
    int pid = getppid();

    return ep_task_reply(task, &pid, sizeof pid);
}

/* A zygote that has no memory, not even to say so, refuses that worker; the others go on, and executors come. */
LOOP_TEST(what_a_zygote_lacks_costs_no_worker, COUNT_OF(send_errors))
{
    struct ep_options options = {.workers = 1};
    struct ep_executor *pool, *other;
    struct ep_future *future;
    pid_t zygote;

    ck_assert_int_eq(ep_zygote_new(&options.zygote), 0);
    pool = processes(&options);
    zygote = int_result(submit(pool, zygote_of, NULL, 0));
    future = submit(pool, hold, NULL, 0);
    await_held(1);
    faults_set(FAULT_REALLOC, zygote, ENOMEM, 1);
    faults_set(FAULT_SENDMSG, zygote, send_errors[_i], 3);
    ck_assert_int_eq(ep_executor_resize(pool, 2), WITH_SANITIZER ? 0 : -ENOMEM);
    faults_set(FAULT_SENDMSG, zygote, send_errors[_i], 3);
    ck_assert_int_eq(ep_process_executor_new(&options, &other), 0);
    ck_assert_int_eq(int_result(submit(other, zygote_of, NULL, 0)), zygote);
    ep_executor_free(other);
    release_held(1);
    ck_assert_int_eq(ep_future_result(future, EP_FOREVER, NULL), 0);
    ep_future_unref(future);
    ep_executor_free(pool);
    ep_zygote_free(options.zygote);
}

/* A program of one thread without descriptors is not one that has threads. */
LOOP_TEST(descriptors_that_are_missing_at_the_start_are_reported, 2)
{
    struct rlimit before, few;
    int rc;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    if (_i > 0)
        faults_set(FAULT_UNSHARE, 0, EPERM, UINT_MAX);
    few = before;
    for (few.rlim_cur = 0;; few.rlim_cur++) {
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
        rc = start_and_run();
        if (rc == 0)
            break;
        ck_assert_msg(rc == -EMFILE, "%d descriptors: %s", (int)few.rlim_cur, ep_strerror(rc));
    }
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    ck_assert_int_eq(waitpid(-1, NULL, 0), -1);
}

/** In `shared`: the process whose calls of poll() are counted, in `seen`, if no event came. */
#define POLLER (SHARED_PIDS - 1)

int poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    struct timespec timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000000L};
    int rc =
        faults_fail(FAULT_POLL) ? -1 : ppoll(fds, count, timeout_ms < 0 ? NULL : &timeout, NULL);

    if (rc == 0 && shared != NULL && atomic_load(&shared->pids[POLLER]) == getpid())
        atomic_fetch_add(&shared->seen, 1);
    return rc;
}

/* What _FORTIFY_SOURCE makes of poll() with a number of entries that is no constant, in glibc 2.35. */
int __poll_chk(struct pollfd *fds, nfds_t count, int timeout_ms, size_t size);
int __poll_chk(struct pollfd *fds, nfds_t count, int timeout_ms, size_t size)
{
    (void)size;
    return poll(fds, count, timeout_ms);
}

/* Its socket has room all the time: it must not ask for that, again and again. */
LOOP_TEST(a_zygote_that_cannot_report_sleeps_meanwhile, COUNT_OF(send_errors))
{
    struct ep_executor *pool = processes_of(1, EP_BREAK);

    atomic_store(&shared->pids[POLLER], zygote_pid());
    faults_set(FAULT_SENDMSG, zygote_pid(), send_errors[_i], 6);
    ck_assert_int_eq(ep_executor_resize(pool, 2), 0);
    ck_assert_uint_eq(faults_failed(FAULT_SENDMSG), 6);
    ck_assert_uint_ge(atomic_load(&shared->seen), 6);
    ep_executor_free(pool);
}

static int count_fds(struct ep_task *task)
{
    int count = 0;

    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return ep_task_reply(task, &count, sizeof count);
}

static void *wait_for_gate(void *gate)
{
    while (sem_wait(gate) != 0)
        ;
    return NULL;
}

/* Where the C library cannot tell (musl), a zygote needs one of the first two. */
#if __has_include(<sys/single_threaded.h>)
#    define LIBC_COUNTS_THREADS true
#else
#    define LIBC_COUNTS_THREADS false
#endif

/* Each bit: no /proc, unshare() is forbidden, no close_range(). */
LOOP_TEST(neither_proc_nor_new_calls_are_needed, 8)
{
    struct ep_executor *pool;
    struct ep_zygote *zygote;
    pthread_t thread;
    int low = open("/dev/null", O_RDONLY), high = fcntl(low, F_DUPFD, 900);

    ck_assert_int_ge(high, 900);
    /* ThreadSanitizer has a thread, which only /proc tells from those of the program. */
    faults_set(FAULT_OPENDIR, 0, ENOENT, _i & 1 && !WITH_TSAN ? UINT_MAX : 0);
    faults_set(FAULT_UNSHARE, 0, EPERM, _i & 2 ? UINT_MAX : 0);
    faults_set(FAULT_CLOSE_RANGE, 0, _i & 2 ? EPERM : ENOSYS, _i & 4 ? UINT_MAX : 0);
    if (!LIBC_COUNTS_THREADS && (_i & 3) == 3) {
        ck_assert_int_eq(ep_zygote_new(&zygote), EP_ETHREADS);
        return;
    }
    pool = processes_of(1, EP_BREAK);
    ck_assert_int_eq(int_result(submit(pool, count_fds, NULL, 0)), 4); /* 0, 1, 2, its socket */
    ep_executor_free(pool);
    pthread_create(&thread, NULL, wait_for_gate, &shared->opened);
    ck_assert_int_eq(ep_zygote_new(&zygote), EP_ETHREADS);
    sem_post(&shared->opened);
    pthread_join(thread, NULL);
    close(low);
    close(high);
}

static const enum fault necessities[] = {
    FAULT_PIDFD_OPEN, FAULT_PIDFD_SEND_SIGNAL, FAULT_EPOLL_WAIT, FAULT_POLL, FAULT_WAITPID,
};

/* What cannot be done without is asked for at the start. */
LOOP_TEST(a_sandbox_is_noticed_at_the_start, COUNT_OF(necessities))
{
    faults_set(necessities[_i], 0, EPERM, UINT_MAX);
    ck_assert_int_eq(start_and_run(), -EPERM);
    faults_set(necessities[_i], 0, 0, 0);
    while (waitpid(-1, NULL, 0) > 0) /* a zygote that could not be waited for */
        ck_assert_int_eq(necessities[_i], FAULT_WAITPID);
}

static int defy(struct ep_task *task)
{
    sem_post(&shared->arrived);
    for (;;)
        pause();
    return ep_task_reply(task, NULL, 0);
}

/* One that comes later stops no executor from ending, and no worker outlives it. */
TEST(a_later_sandbox_cannot_prevent_the_end)
{
    struct ep_options options = {.workers = 2, .grace_ns = 1};
    struct ep_executor *pool = processes(&options);
    struct ep_future *future = submit(pool, defy, NULL, 0);

    await_held(1);
    faults_set(FAULT_PIDFD_SEND_SIGNAL, 0, EPERM, UINT_MAX);
    ep_executor_terminate(pool);
    ck_assert_int_eq(ep_executor_join(pool, EP_FOREVER), 0);
    ck_assert_int_eq(error_of(future).kind, EP_EDIED);
    ep_future_unref(future);
    ep_executor_free(pool);
    ck_assert_int_eq(waitpid(-1, NULL, 0), -1);
}

static int close_sockets_and_stay(struct ep_task *task)
{
    for (int fd = 3; fd < 64; fd++)
        close(fd);
    return defy(task);
}

/* After setuid() the program may not signal its workers. The zygote may, at once or when its line has room. */
LOOP_TEST(the_zygote_signals_for_the_program, 6)
{
    struct ep_executor *pool = processes(
        &(struct ep_options){.workers = 1, .on_death = EP_REPLACE, .grace_ns = EP_SECONDS(100000)});
    struct ep_submit_options limit = {.limit_ns = _i % 3 == 0};
    static const int codes[] = {0, SIGKILL, SIGTERM};
    struct ep_future *future;
    struct ep_error error;

    faults_set(FAULT_PIDFD_SEND_SIGNAL, getpid(), EPERM, UINT_MAX);
    ck_assert_int_eq(
        ep_submit_with(pool, _i % 3 == 1 ? close_sockets_and_stay : defy, NULL, 0, &limit, &future),
        0);
    if (_i % 3 == 2) {
        await_held(1);
        faults_set(FAULT_SENDMSG, getpid(), EAGAIN, _i < 3 ? 0 : 3);
        ep_executor_terminate(pool);
    } else {
        faults_set(FAULT_SENDMSG, getpid(), EAGAIN, _i < 3 ? 0 : 3);
    }
    error = error_of(future);
    ck_assert_int_eq(error.kind, _i % 3 == 0 ? EP_ELIMIT : EP_EDIED);
    ck_assert_int_eq(error.code, codes[_i % 3]);
    ep_future_unref(future);
    if (_i % 3 != 2)
        ck_assert_int_eq(int_result(submit(pool, count_fds, NULL, 0)), 4);
    ep_executor_free(pool);
    ck_assert_int_eq(waitpid(-1, NULL, 0), -1);
}
