/* SPDX-License-Identifier: MIT */
/* What travels between a process executor and its workers: inputs, replies, descriptors. */
#include "config.h"

#include "pool/echopool.h"
#include "pool/process/place-internal.h"
#include "tests/kit/faults.h"
#include "tests/kit/process.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

CASE_WITH_SHARED("Payloads")

static void fill(unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(i * 7 + i / 251);
}

static void assert_echoed(struct ep_executor *pool, const void *bytes, size_t size)
{
    struct ep_future *future = submit(pool, echo_of, bytes, size);
    struct ep_bytes reply;

    ck_assert_int_eq(ep_future_result(future, EP_FOREVER, &reply), 0);
    ck_assert_uint_eq(reply.size, size);
    if (size > 0)
        ck_assert_int_eq(memcmp(reply.data, bytes, size), 0);
    ep_future_unref(future);
}

/* Around every border: inside the future, inside the message, beside it. */
TEST(payloads_of_every_size)
{
    static const size_t sizes[] = {0,     1,     31,    32,    33,     64,      65,      4096,
                                   65535, 65536, 65537, 70000, 212992, 1 << 20, 16 << 20};
    struct ep_executor *pool = processes_of(2, EP_BREAK);
    unsigned char *bytes = malloc(16 << 20);

    fill(bytes, 16 << 20);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        assert_echoed(pool, bytes, sizes[i]);
    free(bytes);
    ep_executor_free(pool);
}

/* B85: 100 MiB there and back. */
TEST(a_hundred_mebibytes)
{
    struct ep_executor *pool = processes_of(1, EP_BREAK);
    size_t size = 100 << 20;
    unsigned char *bytes = calloc(1, size);

    ck_assert_ptr_nonnull(bytes);
    for (size_t i = 0; i < size; i += 4093)
        bytes[i] = (unsigned char)(i / 4093);
    assert_echoed(pool, bytes, size);
    free(bytes);
    ep_executor_free(pool);
}

/* Sizes mixed in one stream, more than the sockets hold, with and without prefetch. */
TEST(mixed_sizes_keep_their_order)
{
    enum { TASKS = 300 };
    static const size_t sizes[] = {8, 60000, 70000, 200, 65536, 16, 100000};
    unsigned char *bytes = malloc(100000);

    fill(bytes, 100000);
    for (uint32_t prefetch = 0; prefetch <= 32; prefetch += 16) {
        struct ep_options options = {.workers = 2, .prefetch = prefetch};
        struct ep_executor *pool = processes(&options);
        struct ep_future *futures[TASKS];
        struct ep_bytes reply;

        for (int i = 0; i < TASKS; i++)
            futures[i] = submit(pool, echo_of, bytes, sizes[i % 7]);
        for (int i = 0; i < TASKS; i++) {
            ck_assert_int_eq(ep_future_result(futures[i], EP_FOREVER, &reply), 0);
            ck_assert_uint_eq(reply.size, sizes[i % 7]);
            ck_assert_int_eq(memcmp(reply.data, bytes, reply.size), 0);
            ep_future_unref(futures[i]);
        }
        ep_executor_free(pool);
    }
    free(bytes);
}

static int check_alignment(struct ep_task *task)
{
    size_t size;
    uintptr_t address = (uintptr_t)ep_task_input(task, &size);

    return size > 0 && address % _Alignof(max_align_t) == 0 ? 0 : -1;
}

TEST(inputs_are_aligned)
{
    struct ep_options options = {.workers = 1, .prefetch = 16};
    struct ep_executor *pool = processes(&options);
    struct ep_future *futures[40];
    static char bytes[40];

    for (size_t i = 0; i < 40; i++)
        futures[i] = submit(pool, check_alignment, bytes, i + 1);
    for (int i = 0; i < 40; i++) {
        ck_assert_int_eq(ep_future_result(futures[i], EP_FOREVER, NULL), 0);
        ep_future_unref(futures[i]);
    }
    ep_executor_free(pool);
}

CASE_WITH_SHARED("Large payloads")
FIXTURE(faults_setup, NULL)

static const struct place *place_of(struct ep_executor *pool)
{
    return ((struct process_executor *)pool)->places[0];
}

static unsigned open_fds(void)
{
    unsigned count = 0;

    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static int count_fds(struct ep_task *task)
{
    int count = (int)open_fds();

    return ep_task_reply(task, &count, sizeof count);
}

/* Each side makes one file, and needs no other. The largest is not kept. */
TEST(files_are_kept_for_the_next_payload)
{
    struct ep_options options = {.workers = 1, .prefetch = 3};
    struct ep_executor *pool = processes(&options);
    size_t most = WIRE_KEPT_MAX + 1;
    unsigned char *bytes = malloc(most);
    struct ep_future *future;

    fill(bytes, most);
    assert_echoed(pool, bytes, most);
    ck_assert_int_eq(place_of(pool)->file, -1);
    ck_assert_int_eq(int_result(submit(pool, count_fds, NULL, 0)), 4); /* 0, 1, 2, its socket */
    assert_echoed(pool, bytes, 70000);
    ck_assert_int_eq(int_result(submit(pool, count_fds, NULL, 0)), 5);
    faults_set(FAULT_MEMFD, 0, EPERM, UINT_MAX);
    for (size_t size = WIRE_INLINE_MAX; size <= WIRE_KEPT_MAX; size += size / 3)
        assert_echoed(pool, bytes + size % 256, size);
    assert_echoed(pool, bytes, WIRE_KEPT_MAX);
    assert_echoed(pool, bytes + 1, 70000);
    future = submit(pool, echo_of, bytes, most);
    ck_assert_int_eq(error_of(future).kind, EP_ESHIP);
    ep_future_unref(future);
    free(bytes);
    ep_executor_free(pool);
}

enum { AHEAD = 7, LARGE = 100000 };

/** Sees that its input is one letter, also after a while, and replies with it. */
static int echo_slowly(struct ep_task *task)
{
    const char *input = ep_task_input(task, NULL);
    char letter = input[0];
    int rc = 0;

    for (int look = 0; look < 100 && rc == 0; look++) {
        sched_yield();
        for (size_t i = 0; i < LARGE && rc == 0; i++)
            rc = input[i] != letter;
    }
    if (rc == 0)
        rc = ep_task_reply(task, input, LARGE);
    atomic_fetch_add(&shared->done, 1);
    return rc;
}

static void await_tasks(struct ep_future *future, void *unused)
{
    (void)future;
    (void)unused;
    AWAIT(atomic_load(&shared->done) == AHEAD);
}

/* With prefetch inputs are sent before a task has ended, and replies wait to be read. */
TEST(no_large_payload_is_written_over)
{
    struct ep_options options = {.workers = 1, .prefetch = AHEAD};
    struct ep_executor *pool = processes(&options);
    struct ep_future *first, *futures[AHEAD];
    static char bytes[LARGE];
    struct ep_bytes reply;

    ck_assert_int_eq(ep_executor_pause(pool), 0);
    first = submit(pool, pid_of, NULL, 0);
    ck_assert_int_eq(ep_future_add_done_callback(first, await_tasks, NULL), 0);
    for (int i = 0; i < AHEAD; i++) {
        memset(bytes, 'a' + i, sizeof bytes);
        futures[i] = submit(pool, echo_slowly, bytes, sizeof bytes);
    }
    ck_assert_int_eq(ep_executor_resume(pool), 0);
    AWAIT(atomic_load(&shared->done) == AHEAD); /* no thread receives until then */
    for (int i = 0; i < AHEAD; i++) {
        memset(bytes, 'a' + i, sizeof bytes);
        ck_assert_int_eq(ep_future_result(futures[i], EP_FOREVER, &reply), 0);
        ck_assert_uint_eq(reply.size, sizeof bytes);
        ck_assert_int_eq(memcmp(reply.data, bytes, sizeof bytes), 0);
        ep_future_unref(futures[i]);
    }
    ep_future_unref(first);
    ep_executor_free(pool);
}

static const size_t reply_sizes[] = {0, 10, 70000, 100000, WIRE_KEPT_MAX + 1};

/** Replies, or does not at first, and again; 0: fails instead. */
static int reply_twice(struct ep_task *task)
{
    const size_t *sizes = ep_task_input(task, NULL);
    int rc = 0;

    for (int i = 0; i < 2 && rc == 0; i++) {
        char *bytes = malloc(sizes[i] + 1);

        memset(bytes, 'a' + i, sizes[i]);
        if (sizes[i] > 0)
            rc = ep_task_reply(task, bytes, sizes[i]);
        else if (i == 1)
            rc = ep_task_fail(task, 5, NULL);
        free(bytes);
    }
    return rc;
}

/* The last one counts, whatever the way of each. */
LOOP_TEST(a_second_reply_replaces_the_first, COUNT_OF(reply_sizes))
{
    struct ep_executor *pool = processes_of(1, EP_BREAK);

    for (size_t second = 0; second < COUNT_OF(reply_sizes); second++) {
        size_t sizes[] = {reply_sizes[_i], reply_sizes[second]};
        struct ep_future *future = submit(pool, reply_twice, sizes, sizeof sizes);
        struct ep_bytes reply;
        int rc = ep_future_result(future, EP_FOREVER, &reply);

        ck_assert_int_eq(rc, sizes[1] > 0 ? 0 : EP_EFAILED);
        if (rc == 0) {
            ck_assert_uint_eq(reply.size, sizes[1]);
            ck_assert_int_eq(((const char *)reply.data)[0], 'b');
            ck_assert_int_eq(((const char *)reply.data)[sizes[1] - 1], 'b');
        }
        ep_future_unref(future);
    }
    ck_assert_int_le(int_result(submit(pool, count_fds, NULL, 0)), 5); /* at most the kept file */
    ep_executor_free(pool);
}

/* A task within a task has a reply of its own, however large. */
TEST(large_replies_of_a_chunk)
{
    struct ep_executor *pool = processes_of(1, EP_BREAK);
    static char rows[3][LARGE];
    struct ep_column column = {.elements = rows, .size = LARGE};
    struct ep_map_options options = {.chunk = 3};
    struct ep_bytes reply;
    struct ep_map *map;

    for (int i = 0; i < 3; i++)
        memset(rows[i], 'a' + i, LARGE);
    ck_assert_int_eq(ep_map_columns(pool, echo_of, &column, 1, 3, &options, &map), 0);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(ep_map_next(map, &reply), 0);
        ck_assert_uint_eq(reply.size, LARGE);
        ck_assert_int_eq(memcmp(reply.data, rows[i], LARGE), 0);
    }
    ep_map_free(map);
    ep_executor_free(pool);
}

/* Processes that a worker has made may still have the file of its inputs: its successor gets another. */
TEST(a_successor_gets_another_file)
{
    unsigned fds = open_fds();
    struct ep_executor *pool = processes_of(1, EP_REPLACE);
    static char bytes[70000];
    struct ep_future *future;
    struct stat before, after;

    assert_echoed(pool, bytes, sizeof bytes);
    ck_assert_int_eq(fstat(place_of(pool)->file, &before), 0);
    future = submit(pool, kill_self, &(int){SIGKILL}, sizeof(int));
    ck_assert_int_eq(error_of(future).kind, EP_EDIED);
    ep_future_unref(future);
    ck_assert_int_gt(int_result(submit(pool, pid_of, NULL, 0)), 0);
    ck_assert_int_eq(place_of(pool)->file, -1);
    assert_echoed(pool, bytes, sizeof bytes);
    ck_assert_int_eq(fstat(place_of(pool)->file, &after), 0);
    ck_assert_uint_ne(before.st_ino, after.st_ino);
    ep_executor_free(pool);
    ck_assert_uint_eq(open_fds(), fds);
}

CASE_WITH_SHARED("What a worker has")

static int fd_is_open(struct ep_task *task)
{
    int fd, open;

    memcpy(&fd, ep_task_input(task, NULL), sizeof fd);
    open = fcntl(fd, F_GETFD) >= 0;
    return ep_task_reply(task, &open, sizeof open);
}

/* B92, R58: descriptors of the parent's are not there; 0, 1, 2 and one socket are. */
TEST(workers_inherit_nothing_foreign)
{
    struct ep_executor *pool;
    int fd = 60, early = open("/dev/null", O_RDONLY), client[2];
    char path[64], byte;

    ck_assert_int_eq(dup2(early, fd), fd);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, client), 0);
    pool = processes_of(3, EP_REPLACE);
    close(client[0]); /* the other end sees it at once: no worker has a copy */
    ck_assert_int_eq(recv(client[1], &byte, 1, MSG_DONTWAIT), 0);
    close(client[1]);
    ck_assert_int_eq(int_result(submit(pool, fd_is_open, &fd, sizeof fd)), 0);
    ck_assert_int_eq(int_result(submit(pool, fd_is_open, &(int){1}, sizeof(int))), 1);
    ck_assert_int_eq(int_result(submit(pool, count_fds, NULL, 0)), 4);
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)zygote_pid(), fd);
    ck_assert_int_ne(access(path, F_OK), 0); /* nor has the zygote what it does not need */
    ep_executor_free(pool);
    close(fd);
    close(early);
}

static int signal_state(struct ep_task *task)
{
    struct sigaction action;
    sigset_t mask;
    int state = 0;

    sigprocmask(SIG_SETMASK, NULL, &mask);
    for (int number = 1; number < 32; number++)
        state |= sigismember(&mask, number) == 1;
    sigaction(SIGUSR1, NULL, &action);
    state |= action.sa_handler == SIG_DFL ? 0 : 2;
    sigaction(SIGINT, NULL, &action);
    state |= action.sa_handler == SIG_IGN ? 0 : 4;
    sigaction(SIGTERM, NULL, &action);
    state |= action.sa_handler == SIG_DFL ? 0 : 8;
    sigaction(SIGPIPE, NULL, &action);
    state |= action.sa_handler == SIG_IGN ? 0 : 16;
    return ep_task_reply(task, &state, sizeof state);
}

static void handler(int number)
{
    (void)number;
}

TEST(workers_have_signals_as_after_exec)
{
    struct ep_executor *pool;

    signal(SIGUSR1, handler);
    signal(SIGTERM, handler);
    signal(SIGPIPE, SIG_IGN);
    pool = processes_of(1, EP_BREAK);
    ck_assert_int_eq(int_result(submit(pool, signal_state, NULL, 0)), 0);
    ep_executor_free(pool);
}

static int print_line(struct ep_task *task)
{
    (void)task;
    printf("worker\n");
    return 0;
}

/* What a task prints is seen when it is done, once, also what the parent had not written yet. */
TEST(what_workers_print_appears_once)
{
    char *path = suite_template(), text[256] = "";
    int fd = mkstemp(path), saved = dup(STDOUT_FILENO);
    struct ep_executor *pool;
    struct ep_future *future;

    ck_assert_int_ge(fd, 0);
    unlink(path);
    fflush(stdout);
    dup2(fd, STDOUT_FILENO);
    printf("parent\n");
    pool = processes_of(2, EP_BREAK);
    future = submit(pool, print_line, NULL, 0);
    ck_assert_int_eq(ep_future_result(future, EP_FOREVER, NULL), 0);
    ck_assert_int_gt(pread(fd, text, sizeof text - 1, 0), 0);
    ep_executor_free(pool);
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    close(fd);
    ck_assert_str_eq(text, "parent\nworker\n");
    ep_future_unref(future);
}

CASE_WITH_SHARED("Descriptors")

/** Writes its number to each descriptor of the task, and takes the first away. */
static int write_to_fds(struct ep_task *task)
{
    unsigned count = 0;
    int fd;

    while ((fd = ep_task_fd(task, count)) >= 0) {
        char letter = (char)('a' + count++);

        if (write(fd, &letter, 1) != 1)
            return errno;
    }
    fd = ep_task_take_fd(task, 0);
    if (fd < 0 || ep_task_fd(task, 0) != -1)
        return -1;
    close(fd);
    return ep_task_reply(task, &count, sizeof count);
}

static void descriptors_travel_on(struct ep_executor *pool)
{
    int ends[3][2], fds[3];
    struct ep_submit_options with = {.fds = fds, .fd_count = 3};
    struct ep_future *future;
    char letter;

    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(pipe(ends[i]), 0);
        fds[i] = ends[i][1];
    }
    ck_assert_int_eq(ep_submit_with(pool, write_to_fds, NULL, 0, &with, &future), 0);
    ck_assert_int_eq(int_result(future), 3);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(read(ends[i][0], &letter, 1), 1);
        ck_assert_int_eq(letter, 'a' + i);
        ck_assert_int_eq(read(ends[i][0], &letter, 1), 0); /* closed, here and there */
        ck_assert_int_eq(fcntl(fds[i], F_GETFD), -1);
        close(ends[i][0]);
    }
}

TEST(descriptors_travel)
{
    struct ep_options options = {.workers = 2};
    struct ep_executor *pool = processes_of(2, EP_BREAK), *threads;

    for (int i = 0; i < 20; i++)
        descriptors_travel_on(pool);
    ck_assert_int_eq(ep_thread_executor_new(&options, &threads), 0);
    for (int i = 0; i < 20; i++)
        descriptors_travel_on(threads);
    ep_executor_free(threads);
    ep_executor_free(pool);
}

/* While the task runs its descriptors are in the worker alone: a peer sees the end when it closes. */
TEST(descriptors_leave_the_parent)
{
    struct ep_executor *pool = processes_of(1, EP_BREAK);
    int fd = open("/dev/null", O_WRONLY);
    struct ep_submit_options with = {.fds = &fd, .fd_count = 1};

    ck_assert_int_eq(ep_submit_with(pool, hold, NULL, 0, &with, NULL), 0);
    await_held(1);
    AWAIT(fcntl(fd, F_GETFD) == -1);
    release_held(1);
    ep_executor_free(pool);
}

/* They are the task's only if it was accepted; a dropped task closes them. */
TEST(descriptors_have_one_owner)
{
    struct ep_options options = {.workers = 1, .queue = 1, .when_full = EP_REJECT};
    struct ep_executor *pool = processes(&options);
    int fds[EP_FDS_MAX + 1], pipe_ends[2];
    struct ep_submit_options with = {.fds = fds, .fd_count = 1};
    struct ep_future *future;

    ck_assert_int_eq(pipe(pipe_ends), 0);
    for (unsigned i = 0; i <= EP_FDS_MAX; i++)
        fds[i] = pipe_ends[1];
    with.fd_count = EP_FDS_MAX + 1;
    ck_assert_int_eq(ep_submit_with(pool, hold, NULL, 0, &with, NULL), -EINVAL);
    with.fd_count = 1;
    ck_assert_int_eq(ep_submit(pool, hold, NULL, 0, NULL), 0);
    ck_assert_int_eq(ep_submit(pool, hold, NULL, 0, NULL), 0);
    ck_assert_int_eq(ep_submit_with(pool, hold, NULL, 0, &with, &future), -EAGAIN);
    ck_assert_int_ge(fcntl(fds[0], F_GETFD), 0); /* still ours */
    release_held(2);
    ck_assert_int_eq(ep_executor_wait_idle(pool, EP_FOREVER), 0);
    ck_assert_int_eq(ep_executor_pause(pool), 0);
    ck_assert_int_eq(ep_submit_with(pool, hold, NULL, 0, &with, &future), 0);
    ck_assert_int_eq(ep_future_cancel(future), 0);
    ck_assert_int_eq(fcntl(fds[0], F_GETFD), -1); /* dropped */
    ep_future_unref(future);
    close(pipe_ends[0]);
    ep_executor_free(pool);
}

static int lower_nofile(struct ep_task *task)
{
    struct rlimit limit = {.rlim_cur = 3, .rlim_max = 3};

    (void)task;
    return setrlimit(RLIMIT_NOFILE, &limit);
}

/* R54: a worker without descriptors says so; the task goes to another. */
TEST(a_worker_out_of_descriptors_refuses)
{
    struct ep_options options = {.workers = 2};
    struct ep_executor *pool = processes(&options);
    struct ep_future *future;
    int fd, rich;

    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(ep_submit(pool, hold, NULL, 0, NULL), 0);
    await_held(2);
    future = submit(pool, lower_nofile, NULL, 0);
    release_held(1); /* one of them is left poor, and both are free then */
    ck_assert_int_eq(ep_future_result(future, EP_FOREVER, NULL), 0);
    ep_future_unref(future);
    release_held(1);
    ck_assert_int_eq(ep_executor_wait_idle(pool, EP_FOREVER), 0);
    for (int i = 0; i < 10; i++) {
        struct ep_submit_options with = {.fds = &fd, .fd_count = 1};

        fd = open("/dev/null", O_WRONLY);
        ck_assert_int_eq(ep_submit_with(pool, write_to_fds, NULL, 0, &with, &future), 0);
        ck_assert_int_eq(ep_future_result(future, EP_FOREVER, NULL), 0);
        ep_future_unref(future);
    }
    rich = int_result(submit(pool, square_of, &(int){4}, sizeof(int)));
    ck_assert_int_eq(rich, 16);
    ep_executor_free(pool);
}

static atomic_int drops;

static void count_drop(const void *input, size_t size)
{
    ck_assert_uint_gt(size, 65536);
    ck_assert_int_eq(((const char *)input)[size - 1], 'x');
    atomic_fetch_add(&drops, 1);
}

/* B23, B84: an input that cannot be sent fails its task, and nothing else; what it owned is released. */
TEST(an_input_that_cannot_travel)
{
    struct ep_executor *pool = processes_of(1, EP_BREAK);
    struct ep_submit_options with = {.dropped = count_drop};
    size_t size = 1 << 20;
    char *bytes = malloc(size);
    int pid = int_result(submit(pool, pid_of, NULL, 0));

    memset(bytes, 'x', size);
    faults_setup();
    faults_set(FAULT_MEMFD, getpid(), EPERM, UINT_MAX); /* as a security module may refuse it */
    for (int i = 0; i < 20; i++) {
        struct ep_future *future;

        ck_assert_int_eq(ep_submit_with(pool, echo_of, bytes, size, &with, &future), 0);
        ck_assert_int_eq(error_of(future).kind, EP_ESHIP);
        ck_assert_int_eq(atomic_load(&drops), i + 1); /* before the outcome was published */
        ep_future_unref(future);
    }
    ck_assert_int_eq(int_result(submit(pool, pid_of, NULL, 0)), pid);
    free(bytes);
    ep_executor_free(pool);
}

/** Uses up the descriptors of its worker, so that no memfd can be made for its large reply. */
static int reply_too_much(struct ep_task *task)
{
    struct rlimit few = {.rlim_cur = 3, .rlim_max = 3};
    size_t size = 1 << 20;
    char *bytes = calloc(1, size);
    int rc = setrlimit(RLIMIT_NOFILE, &few);

    if (rc == 0)
        rc = ep_task_reply(task, bytes, size);
    free(bytes);
    return rc;
}

/* B84: likewise a reply, twenty times in a row, and the worker lives on. */
TEST(a_reply_that_cannot_travel)
{
    struct ep_executor *pool = processes_of(1, EP_BREAK);
    int pid = int_result(submit(pool, pid_of, NULL, 0));

    for (int i = 0; i < 20; i++) {
        struct ep_future *future = submit(pool, reply_too_much, NULL, 0);
        struct ep_error error = error_of(future);

        ck_assert_int_eq(error.kind, EP_ESHIP);
        ck_assert_int_eq(error.code, EMFILE);
        ck_assert_ptr_nonnull(strstr(error.message, "cannot leave the worker"));
        ep_future_unref(future);
    }
    ck_assert_int_eq(int_result(submit(pool, pid_of, NULL, 0)), pid);
    ep_executor_free(pool);
}

CASE_WITH_SHARED("The wire")

/* R59: what does not fit is thrown away with its descriptors; what was lost is said. */
TEST(odd_messages_are_refused)
{
    int ends[2], spare = open("/dev/null", O_RDONLY), next;
    char bytes[64] = "";
    struct iovec part = {.iov_base = bytes, .iov_len = sizeof bytes};
    struct wire_message message;
    struct rlimit before, few;

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    ck_assert_int_eq(wire_send(ends[0], &part, 1, &spare, 1, 0), 0);
    next = dup(spare);
    close(next);
    ck_assert_int_eq(wire_receive(ends[1], bytes, 8, 0, &message), -EMSGSIZE);
    ck_assert_int_eq(dup(spare), next); /* none leaked */
    ck_assert_int_eq(wire_send(ends[0], &part, 1, &spare, 1, 0), 0);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = before;
    few.rlim_cur = (rlim_t)next + 1;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    ck_assert_int_eq(wire_receive(ends[1], bytes, sizeof bytes, 0, &message), 0);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    ck_assert(message.fds_lost);
    ck_assert_uint_eq(message.fd_count, 0);
    close(ends[0]);
    ck_assert_int_eq(wire_receive(ends[1], bytes, sizeof bytes, 0, &message), -EPIPE);
    close(ends[1]);
    close(next);
    close(spare);
}

/* Send a message with descriptors past wire_send(), which has a bound. */
static void send_fds(int socket, const void *bytes, size_t size, unsigned count)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(64 * sizeof(int))];
    } room;
    struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = &room,
                            .msg_controllen = (socklen_t)CMSG_SPACE(count * sizeof(int))};

    memset(&room, 0, sizeof room);
    room.header = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
                                   .cmsg_type = SCM_RIGHTS,
                                   .cmsg_len = (socklen_t)CMSG_LEN(count * sizeof(int))};
    for (unsigned i = 0; i < count; i++)
        memcpy(CMSG_DATA(&room.header) + i * sizeof(int), &(int){1}, sizeof(int));
    while (sendmsg(socket, &header, MSG_NOSIGNAL) < 0 && errno == EINTR)
        ;
}

/* However many descriptors come, and with however few bytes, none stays open unknown. */
TEST(no_descriptor_stays_open_unknown)
{
    char bytes[8] = "";
    struct wire_message message;
    int ends[2];
    unsigned before;

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    before = open_fds();
    for (unsigned count = 1; count <= 64; count++)
        for (size_t size = 0; size <= 1; size++) {
            int rc;

            send_fds(ends[0], bytes, size, count);
            rc = wire_receive(ends[1], bytes, sizeof bytes, 0, &message);
            ck_assert_int_eq(rc, size > 0 ? 0 : -EPIPE);
            if (rc == 0) {
                ck_assert(message.fds_lost == (count > WIRE_FDS_MAX));
                ck_assert_uint_eq(open_fds(), before + message.fd_count);
                wire_close_fds(&message, 0);
            }
            ck_assert_uint_eq(open_fds(), before);
        }
    close(ends[0]);
    close(ends[1]);
}

/** A message that no worker sends, from a task that does. */
struct hostile {
    struct wire_note note;
    size_t size; /* bytes of the message; those after the note are zero */
    unsigned fds;
};

static const struct hostile hostile[] = {
    {{.id = 1, .kind = WIRE_REPLY, .words = 100, .size = UINT64_MAX - 99},
     sizeof(struct wire_note),
     0},
    {{.id = 1, .kind = WIRE_REPLY, .words = 100, .size = UINT64_MAX - 49, .verdict = EP_EFAILED},
     sizeof(struct wire_note) + 50,
     0},
    {{.id = 1, .kind = WIRE_REPLY, .words = UINT32_MAX}, sizeof(struct wire_note), 0},
    {{.id = 1, .kind = WIRE_REPLY, .verdict = EP_ECANCELLED}, sizeof(struct wire_note), 0},
    {{.id = 1, .kind = WIRE_REPLY, .verdict = 1}, sizeof(struct wire_note), 0},
    {{.id = 2, .kind = WIRE_REPLY}, sizeof(struct wire_note), 0},
    {{.id = 1, .kind = WIRE_GOT_FDS}, sizeof(struct wire_note), 0},
    {{.id = 1, .kind = WIRE_NACK, .code = -1}, sizeof(struct wire_note), 0},
    {{.id = 1, .kind = 77}, sizeof(struct wire_note), 0},
    {{.kind = WIRE_READY}, sizeof(struct wire_note), 0},
    {{.kind = WIRE_NOT_READY}, sizeof(struct wire_note), 0},
    {{.id = 1, .kind = WIRE_REPLY}, sizeof(struct wire_note) - 1, 0},
    {{.id = 1, .kind = WIRE_REPLY}, 2 * WIRE_MESSAGE_MAX, 0},
    {{.id = 1, .kind = WIRE_REPLY}, 0, 20},
    {{.id = 1, .kind = 77}, sizeof(struct wire_note), 20},
};

static int write_to_executor(struct ep_task *task)
{
    const struct hostile *message = ep_task_input(task, NULL);
    static char bytes[2 * WIRE_MESSAGE_MAX];
    int socket = 3;

    while (fcntl(socket, F_GETFD) < 0)
        socket++;
    memcpy(bytes, &message->note, sizeof message->note);
    send_fds(socket, bytes, message->size, message->fds);
    for (;;)
        pause();
    return ep_task_reply(task, NULL, 0);
}

/* A task can write anything to its worker's socket. It harms itself only. */
LOOP_TEST(a_hostile_worker_is_replaced, COUNT_OF(hostile))
{
    struct ep_executor *pool = processes_of(1, EP_REPLACE);
    struct ep_future *future;
    unsigned before = open_fds();

    future = submit(pool, write_to_executor, &hostile[_i], sizeof hostile[_i]);
    ck_assert_int_eq(error_of(future).kind, EP_EDIED);
    ep_future_unref(future);
    ck_assert_int_eq(int_result(submit(pool, square_of, &(int){3}, sizeof(int))), 9);
    ck_assert_int_eq(ep_submit(pool, write_to_executor, &hostile[_i], sizeof hostile[_i], NULL), 0);
    ck_assert_int_eq(int_result(submit(pool, square_of, &(int){4}, sizeof(int))), 16);
    ck_assert_uint_eq(open_fds(), before);
    ep_executor_free(pool);
}

/* A file that is no memory could block its reader, and one with holes makes it write what no one has. */
TEST(only_what_lies_in_memory_is_read)
{
    int fd = -1, ends[2];
    char bytes[16];

    ck_assert_int_eq(wire_file_write(&fd, "0123456789", 10), 0);
    ck_assert_int_eq(wire_file_write(&fd, "abc", 3), 0);
    ck_assert_int_eq(wire_file_check(fd, 0), -EPROTO);
    ck_assert_int_eq(wire_file_check(fd, 11), -EPROTO);
    ck_assert_int_eq(wire_file_check(fd, 10), 0);
    ck_assert_int_eq(wire_file_read(fd, bytes, 10), 0);
    ck_assert_int_eq(memcmp(bytes, "abc3456789", 10), 0);
    ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1); /* a worker could end its use */
    ck_assert_int_eq(ftruncate(fd, 5), 0); /* after the check: an error, and no signal */
    ck_assert_int_eq(wire_file_read(fd, bytes, 10), -EPROTO);
    ck_assert_int_eq(ftruncate(fd, 1 << 30), 0);
    ck_assert_int_eq(wire_file_check(fd, 1 << 30), -EPROTO);
    close(fd);
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(wire_file_check(ends[0], 10), -EPROTO);
    close(ends[0]);
    close(ends[1]);
    fd = open("/proc/self/exe", O_RDONLY);
    if (fcntl(fd, F_GET_SEALS) < 0) /* otherwise the tests run in memory */
        ck_assert_int_eq(wire_file_check(fd, 10), -EPROTO);
    close(fd);
}

#ifndef EP_SANITIZED
/** Replies with 'a's, and then with more than there is memory for. */
static int reply_with_too_much(struct ep_task *task)
{
    static char bytes[100000];

    memset(bytes, 'a', sizeof bytes);
    if (ep_task_reply(task, bytes, sizeof bytes) != 0)
        return 1;
    return ep_task_reply(task, bytes, SIZE_MAX / 2) == -ENOMEM ? 0 : 2;
}

TEST(an_earlier_reply_is_kept)
{
    struct ep_executor *pool = processes_of(1, EP_BREAK);
    struct ep_future *future;
    struct ep_bytes reply;

    for (int i = 0; i < 2; i++) {
        future = submit(pool, reply_with_too_much, NULL, 0);
        ck_assert_int_eq(ep_future_result(future, EP_FOREVER, &reply), 0);
        ck_assert_uint_eq(reply.size, 100000);
        ck_assert_int_eq(((const char *)reply.data)[99999], 'a');
        ep_future_unref(future);
    }
    ep_executor_free(pool);
}
#endif

/* The kernels before 6.3 do not know the flag by which a memfd cannot be executed. */
TEST(an_old_kernel_has_files_in_memory_too)
{
    struct ep_executor *pool;
    static char bytes[100000];

    faults_setup();
    pool = processes_of(1, EP_BREAK);
    faults_set(FAULT_MEMFD, 0, EINVAL, 1);
    assert_echoed(pool, bytes, sizeof bytes);
    ck_assert_uint_eq(faults_failed(FAULT_MEMFD), 1);
    ep_executor_free(pool);
}

/* Where files may not grow beyond a size, SIGXFSZ would kill the program or the worker. */
TEST(a_limit_of_file_sizes_kills_nothing)
{
    struct rlimit small = {.rlim_cur = 150000, .rlim_max = RLIM_INFINITY};
    struct ep_executor *pool;
    struct ep_future *future;
    struct ep_error error;
    static char bytes[200000];
    int pid;

    signal(SIGXFSZ, SIG_DFL);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    pool = processes_of(1, EP_BREAK);
    pid = int_result(submit(pool, pid_of, NULL, 0));
    future = submit(pool, echo_of, bytes, sizeof bytes);
    error = error_of(future);
    ck_assert_int_eq(error.kind, EP_ESHIP);
    ck_assert_int_eq(error.code, EFBIG);
    ep_future_unref(future);
    future = submit(pool, reply_of_size, &(size_t){sizeof bytes}, sizeof(size_t));
    error = error_of(future);
    ck_assert_int_eq(error.kind, EP_ESHIP);
    ck_assert_int_eq(error.code, EFBIG);
    ep_future_unref(future);
    assert_echoed(pool, bytes, 150000);
    ck_assert_int_eq(int_result(submit(pool, pid_of, NULL, 0)), pid);
    ep_executor_free(pool);
}
