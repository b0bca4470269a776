/* SPDX-License-Identifier: MIT */
/* What the tests of the process executor share: see process.h. */
#include "tests/kit/process.h"

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct shared *shared;

static void setup(void)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(shared, MAP_FAILED);
    sem_init(&shared->arrived, 1, 0);
    sem_init(&shared->opened, 1, 0);
}

static void teardown(void)
{
    munmap(shared, sizeof *shared);
}

void case_with_shared(const char *name)
{
    case_begin(name);
    case_fixture(setup, teardown);
    case_time_limit(60);
}

struct ep_executor *processes(const struct ep_options *options)
{
    struct ep_executor *pool;
    int rc = ep_process_executor_new(options, &pool);

    ck_assert_msg(rc == 0, "ep_process_executor_new: %s", ep_strerror(rc));
    return pool;
}

struct ep_executor *processes_of(uint32_t workers, enum ep_on_death on_death)
{
    struct ep_options options = {.workers = workers, .on_death = on_death};

    return processes(&options);
}

static void take(sem_t *semaphore)
{
    while (sem_wait(semaphore) != 0)
        ck_assert_int_eq(errno, EINTR);
}

void await_held(unsigned tasks)
{
    while (tasks-- > 0)
        take(&shared->arrived);
}

void release_held(unsigned tasks)
{
    while (tasks-- > 0)
        sem_post(&shared->opened);
}

char process_state(pid_t pid)
{
    char path[64], line[512], *after;
    FILE *file;
    char state = 0;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    file = fopen(path, "r");
    if (file == NULL)
        return 0;
    if (fgets(line, sizeof line, file) != NULL && (after = strrchr(line, ')')) != NULL)
        state = after[2];
    fclose(file);
    return state;
}

pid_t zygote_pid(void)
{
    char path[64];
    int pid = 0;
    FILE *file;

    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%d", &pid), 1);
    fclose(file);
    return pid;
}

void await_readable(int fd)
{
    struct pollfd readable = {.fd = fd, .events = POLLIN};

    ck_assert_int_eq(poll(&readable, 1, -1), 1);
}

struct ep_future *submit(struct ep_executor *pool, ep_task_fn fn, const void *input, size_t size)
{
    struct ep_future *future;

    ck_assert_int_eq(ep_submit(pool, fn, input, size, &future), 0);
    return future;
}

int int_result(struct ep_future *future)
{
    struct ep_bytes reply;
    int rc = ep_future_result(future, EP_FOREVER, &reply);
    int value;

    ck_assert_msg(rc == 0, "ep_future_result: %s", ep_strerror(rc));
    ck_assert_uint_eq(reply.size, sizeof value);
    memcpy(&value, reply.data, sizeof value);
    ep_future_unref(future);
    return value;
}

struct ep_error error_of(struct ep_future *future)
{
    struct ep_error error;

    ck_assert_int_eq(ep_future_error(future, EP_FOREVER, &error), 0);
    ck_assert(error.failed);
    ck_assert_int_eq(ep_future_result(future, 0, NULL), error.kind);
    return error;
}

/* --- tasks --------------------------------------------------------------------------------- */

static int int_input(struct ep_task *task)
{
    int value;

    memcpy(&value, ep_task_input(task, NULL), sizeof value);
    return value;
}

int square_of(struct ep_task *task)
{
    int value = int_input(task);

    value *= value;
    return ep_task_reply(task, &value, sizeof value);
}

int echo_of(struct ep_task *task)
{
    size_t size;
    const void *input = ep_task_input(task, &size);

    return ep_task_reply(task, input, size);
}

int pid_of(struct ep_task *task)
{
    int pid = getpid();

    return ep_task_reply(task, &pid, sizeof pid);
}

int hold(struct ep_task *task)
{
    sem_post(&shared->arrived);
    while (sem_wait(&shared->opened) != 0)
        ;
    return pid_of(task);
}

int kill_self(struct ep_task *task)
{
    raise(int_input(task));
    return 0;
}

int exit_with(struct ep_task *task)
{
    _exit(int_input(task));
}

int fail_with(struct ep_task *task)
{
    return ep_task_fail(task, int_input(task), "it was to fail");
}

int reply_of_size(struct ep_task *task)
{
    size_t size;
    char *bytes;
    int rc;

    memcpy(&size, ep_task_input(task, NULL), sizeof size);
    atomic_fetch_add(&shared->begun, 1);
    bytes = malloc(size);
    if (bytes == NULL)
        return -ENOMEM;
    memset(bytes, 'r', size);
    rc = ep_task_reply(task, bytes, size);
    free(bytes);
    return rc;
}

int note_initialized(void *context, unsigned worker)
{
    unsigned at = atomic_fetch_add(&shared->initialized, 1);

    (void)context;
    (void)worker;
    if (at < SHARED_PIDS)
        atomic_store(&shared->pids[at], getpid());
    return atomic_load(&shared->initialize_result);
}

void note_finalized(void *context, unsigned worker)
{
    (void)context;
    (void)worker;
    atomic_fetch_add(&shared->finalized, 1);
}
