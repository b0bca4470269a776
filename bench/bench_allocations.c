/* SPDX-License-Identifier: MIT */
/*
 * Count whether submitting to a warm pool allocates memory.
 *
 * The program executes itself again with a preloaded library that counts calls of malloc and
 * related functions (libcount.c), and reads the counter before and after 100 000 tasks of each
 * kind.
 *
 * Warm means that as many futures exist as can be needed at once: those of a full executor, kept by
 * their owner, and those of a second fill. Nothing depends on timing, so the target is exactly
 * none.
 */
#include "bench/child.h"
#include "bench/counted.h"
#include "bench/measure.h"
#include "common/log.h"
#include "pool/echopool.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define WORKERS 2
#define QUEUE   1024
#define FILL    (WORKERS + QUEUE)
#define TASKS   100000
#define LIBRARY "bench/.libs/libcount.so"

/* The largest input that is copied without allocating, see ep_submit(). */
#define BYTES_PLAIN  32
#define BYTES_FUTURE 64
#define BYTES_REPLY  32

static const unsigned char input[BYTES_FUTURE] = "bytes";

/* Reply with as much as fits into a future. */
static int echo_some(struct ep_task *task)
{
    return ep_task_reply(task, ep_task_input(task, NULL), BYTES_REPLY);
}

/* Reply with more than fits into a future. */
static int echo_all(struct ep_task *task)
{
    return ep_task_reply(task, ep_task_input(task, NULL), BYTES_FUTURE);
}

static void must_take(int code)
{
    if (code != 0)
        log_fatal("libechopool refused a task: %s", ep_strerror(code));
}

/* --- Kinds of submission ------------------------------------------------------------------- */

static void submit_plain(struct ep_executor *executor)
{
    must_take(ep_submit(executor, echo_some, input, BYTES_PLAIN, NULL));
}

static void submit_and_release(struct ep_executor *executor)
{
    struct ep_future *future;

    must_take(ep_submit(executor, echo_some, input, BYTES_FUTURE, &future));
    ep_future_unref(future);
}

static void wait_for(struct ep_executor *executor, ep_task_fn fn, size_t size)
{
    struct ep_future *future;
    struct ep_bytes reply;

    must_take(ep_submit(executor, fn, input, BYTES_FUTURE, &future));
    if (ep_future_result(future, EP_FOREVER, &reply) != 0 || reply.size != size)
        log_fatal("a task did not return its input");
    ep_future_unref(future);
}

static void submit_and_wait(struct ep_executor *executor)
{
    wait_for(executor, echo_some, BYTES_REPLY);
}

static void submit_for_more(struct ep_executor *executor)
{
    wait_for(executor, echo_all, BYTES_FUTURE);
}

static void ignore(struct ep_future *future, void *context)
{
    (void)future;
    (void)context;
}

static void submit_and_be_called(struct ep_executor *executor)
{
    struct ep_future *future;

    must_take(ep_submit(executor, echo_some, input, BYTES_FUTURE, &future));
    must_take(ep_future_add_done_callback(future, ignore, NULL));
    ep_future_unref(future);
}

static const struct {
    const char *name;
    void (*submit)(struct ep_executor *executor);
    bool judged;
} kinds[] = {
    {"32 bytes, no future", submit_plain, true},
    {"64 bytes, future released", submit_and_release, true},
    {"64 bytes, waited for", submit_and_wait, true},
    {"64 bytes, callback", submit_and_be_called, true},
    {"64 bytes, reply of 64", submit_for_more, false},
};
#define KINDS (sizeof kinds / sizeof kinds[0])

/* --- Counting ------------------------------------------------------------------------------ */

static void wait_idle(struct ep_executor *executor)
{
    must_take(ep_executor_wait_idle(executor, EP_FOREVER));
}

/* Make as many futures as can be needed at once. */
static void warm(struct ep_executor *executor)
{
    static struct ep_future *futures[2 * FILL];

    for (size_t i = 0; i < 2 * FILL; i++) {
        if (i % FILL == 0)
            wait_idle(executor);
        must_take(ep_submit(executor, echo_some, input, BYTES_FUTURE, &futures[i]));
    }
    wait_idle(executor);
    for (size_t i = 0; i < 2 * FILL; i++)
        ep_future_unref(futures[i]);
}

static void count_executor(const char *name, struct ep_executor *executor,
                           const struct counted *counted)
{
    uint64_t sum = 0;

    warm(executor);
    for (size_t i = 0; i < KINDS; i++) {
        uint64_t before = counted->allocations, made;

        for (unsigned task = 0; task < TASKS; task++)
            kinds[i].submit(executor);
        wait_idle(executor);
        made = counted->allocations - before;
        printf("  %-10s %-24s %6llu%s\n", name, kinds[i].name, (unsigned long long)made,
               kinds[i].judged ? "" : "   (by the task, for its reply)");
        sum += kinds[i].judged ? made : 0;
    }
    verdict(sum == 0, "for %s: no allocation", name);
}

/* Count, after executing again: the counter is in a memfd that the first execution left open. */
static int count(const char *descriptor)
{
    struct ep_options options = {.workers = WORKERS, .queue = QUEUE, .prefetch = 16};
    struct counted *counted =
        mmap(NULL, sizeof *counted, PROT_READ | PROT_WRITE, MAP_SHARED, atoi(descriptor), 0);
    struct ep_executor *processes, *threads;

    if (counted == MAP_FAILED)
        log_fatal("mmap: %s", strerror(errno));
    /* The zygote is forked first, while there is one thread. Allocations of workers count too. */
    must_take(ep_process_executor_new(&options, &processes));
    must_take(ep_thread_executor_new(&options, &threads));
    if (counted->allocations == 0)
        log_fatal("%s counts nothing; is this program linked statically?", LIBRARY);
    count_executor("threads", threads, counted);
    count_executor("processes", processes, counted);
    ep_executor_free(threads);
    ep_executor_free(processes);
    return EXIT_OK;
}

int main(int argc, char *argv[])
{
    const char *descriptor = getenv(COUNTED_VARIABLE);
    char number[16], library[4096];
    int fd;

    log_init("bench_allocations", LOG_NORMAL);
    if (argc > 1)
        log_usage("there are no options: it runs %d tasks of each kind", TASKS);
    if (descriptor != NULL)
        return count(descriptor);
    printf("Calls of malloc, calloc, realloc and related functions during %d tasks, %d workers\n",
           TASKS, WORKERS);
    fflush(stdout);
    fd = memfd_create("counted", 0); /* left open for the second execution */
    if (fd < 0 || ftruncate(fd, sizeof(struct counted)) != 0)
        log_fatal("cannot make a memfd: %s", strerror(errno));
    snprintf(number, sizeof number, "%d", fd);
    setenv(COUNTED_VARIABLE, number, 1);
    setenv("LD_PRELOAD", build_path(LIBRARY, library, sizeof library), 1);
    execv("/proc/self/exe", argv);
    log_fatal("cannot execute this program again: %s", strerror(errno));
}
