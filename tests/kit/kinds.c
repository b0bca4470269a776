/* SPDX-License-Identifier: MIT */
/* One suite, two kinds of executor: see kinds.h. */
#include "tests/kit/kinds.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/** Where this test's workers are forked from. It ends with the test's process. */
static struct ep_zygote *zygote;

struct ep_executor *kind_executor_with(int which, const struct ep_options *options)
{
    struct ep_options with = *options;
    struct ep_executor *executor = NULL;

    if (which == THREADS) {
        ck_assert_int_eq(ep_thread_executor_new(options, &executor), 0);
    } else {
        if (zygote == NULL)
            ck_assert_int_eq(ep_zygote_new(&zygote), 0);
        if (with.zygote == NULL)
            with.zygote = zygote;
        ck_assert_int_eq(ep_process_executor_new(&with, &executor), 0);
    }
    ck_assert_ptr_nonnull(executor);
    return executor;
}

struct ep_executor *kind_executor(int which, uint32_t workers, uint32_t queue)
{
    return kind_executor_with(which, &(struct ep_options){.workers = workers, .queue = queue});
}

void *shared_memory(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    ck_assert_ptr_ne(memory, MAP_FAILED);
    ep_zygote_free(zygote); /* one that is there would fork workers without this memory */
    zygote = NULL;
    return memory;
}

struct gate *shared_gate(void)
{
    struct gate *gate = shared_memory(sizeof *gate);

    gate_init(gate);
    return gate;
}

struct ep_future *submit_bytes(struct ep_executor *executor, ep_task_fn fn, const void *input,
                               size_t size)
{
    struct ep_future *future = NULL;

    ck_assert_int_eq(ep_submit(executor, fn, input, size, &future), 0);
    return future;
}

struct ep_future *submit_gate(struct ep_executor *executor, struct gate *gate)
{
    return submit_bytes(executor, gate_task, &gate, sizeof gate);
}

struct ep_future *submit_int(struct ep_executor *executor, ep_task_fn fn, int n)
{
    return submit_bytes(executor, fn, &n, sizeof n);
}

unsigned entries_of(const char *path)
{
    DIR *folder = opendir(path);
    unsigned count = 0;

    ck_assert_ptr_nonnull(folder);
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}

int nothing_task(struct ep_task *task)
{
    (void)task;
    return 0;
}

int fail_task(struct ep_task *task)
{
    return ep_task_fail(task, 7, "seven");
}

int int_of(const struct ep_bytes *reply)
{
    int n;

    ck_assert_uint_eq(reply->size, sizeof n);
    memcpy(&n, reply->data, sizeof n);
    return n;
}

/* --- A stage ------------------------------------------------------------------------------- */

int kind;
struct stage *stage;

struct ep_executor *executor_with(const struct ep_options *options)
{
    return kind_executor_with(kind, options);
}

struct ep_executor *executor_that(uint32_t workers, uint32_t queue, enum ep_policy when_full)
{
    return executor_with(
        &(struct ep_options){.workers = workers, .queue = queue, .when_full = when_full});
}

int stage_submit(struct ep_executor *executor, struct ep_future **future)
{
    atomic_uint *counter = &stage->counter;

    return ep_submit(executor, count_task, &counter, sizeof counter, future);
}

void *stage_submit_one(void *executor)
{
    return (void *)(intptr_t)stage_submit(executor, NULL);
}

void stage_await_blocked(struct ep_executor *executor, unsigned submitters)
{
    struct ep_stats stats;

    do {
        sched_yield();
        ep_executor_stats(executor, &stats);
    } while (stats.blocked != submitters);
}

int stage_try(struct ep_executor *executor)
{
    atomic_uint *counter = &stage->counter;

    return ep_try_submit(executor, count_task, &counter, sizeof counter, NULL);
}

int stage_try_gate(struct ep_executor *executor)
{
    struct gate *gate = &stage->gate;

    return ep_try_submit(executor, gate_task, &gate, sizeof gate, NULL);
}

int stage_submit_owned(struct ep_executor *executor, int64_t deadline_ns, struct ep_future **future)
{
    atomic_uint *counter = &stage->counter;
    struct ep_submit_options options = {.dropped = stage_dropped, .deadline_ns = deadline_ns};

    return ep_submit_with(executor, count_task, &counter, sizeof counter, &options, future);
}

void stage_occupy(struct ep_executor *executor, unsigned tasks)
{
    gate_occupy(executor, &stage->gate, tasks);
}

void stage_dropped(const void *input, size_t size)
{
    ck_assert_uint_eq(size, sizeof(atomic_uint *));
    ck_assert_ptr_eq(*(atomic_uint *const *)input, &stage->counter);
    atomic_fetch_add(&stage->dropped, 1);
}

unsigned rounds_of(unsigned threads, unsigned processes)
{
    return kind == THREADS ? threads : processes;
}

static void stage_set(int which)
{
    kind = which;
    stage = shared_memory(sizeof *stage);
    gate_init(&stage->gate);
}

static void stage_for_threads(void)
{
    stage_set(THREADS);
}

static void stage_for_processes(void)
{
    stage_set(PROCESSES);
}

static void stage_clear(void)
{
    gate_clear(&stage->gate);
    ep_zygote_free(zygote);
    zygote = NULL;
    munmap(stage, sizeof *stage);
}

void case_for_threads(const char *name)
{
    case_begin(name);
    case_fixture(stage_for_threads, stage_clear);
}

void case_for_kinds(const char *name)
{
    static char names[64][64]; /* Check keeps the address */
    static size_t used;

    if (used + 2 > COUNT_OF(names))
        abort();
    snprintf(names[used], sizeof *names, "%s on threads", name);
    case_for_threads(names[used++]);
    snprintf(names[used], sizeof *names, "%s on processes", name);
    case_begin_too(names[used++], stage_for_processes, stage_clear);
}
