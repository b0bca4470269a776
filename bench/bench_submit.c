/* SPDX-License-Identifier: MIT */
/*
 * Measure the cost of submitting a task: one producer, two workers, empty tasks.
 *
 * The result is the time from the first submission until every task has run, divided by the number
 * of tasks, without making the pool. It is a stream: the producer never waits for a single task, so
 * this is the throughput, not the latency of one task.
 *
 *   libechopool   ep_submit() to a queue of 1024 with EP_BLOCK, no future; the end is
 *                 ep_executor_shutdown(EP_WAIT). Again with a future that is released at once.
 *   GThreadPool   g_thread_pool_push() to 2 exclusive threads; its queue has no bound and grows
 *                 while the producer is faster. The end is g_thread_pool_free(wait).
 *   libuv         uv_queue_work() by the loop's thread with UV_THREADPOOL_SIZE=2; its queue has no
 *                 bound either, so requests are taken from a ring of 1024, and if none is free the
 *                 loop runs until one is. Each task includes its after-work callback in the loop:
 *                 libuv has no other way to submit a task. The end is the last of these callbacks.
 *   oneTBB        task_arena::enqueue() to an arena of 2 threads without a slot for the producer;
 *                 no bound. A separate process: peer_tbb.cpp.
 *   Python        ThreadPoolExecutor.submit() to 2 threads; no bound, and always a future. The end
 *                 is the last result. A separate process, with a twentieth of the tasks.
 *
 * Each task adds 1 to a counter of its thread, and the sum is checked.
 */
#include "bench/measure.h"
#include "bench/peer.h"
#include "common/clock.h"
#include "common/log.h"
#include "pool/echopool.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#if HAVE_GLIB
#    include <glib.h>
#endif
#if HAVE_LIBUV
#    include <uv.h>
#endif

#define WORKERS     2
#define QUEUE       1024
#define COUNTERS    1024
#define CACHE_BYTES 64

#define TARGET_NS        60
#define TARGET_FUTURE_NS 100
#define TARGET_TIMES     3 /* the speed of the best peer */

/* Python gets a part of the tasks: each takes a hundred times as long. */
#define PYTHON_PART 20

/* --- Tasks that count themselves ----------------------------------------------------------- */

static struct counter {
    _Alignas(CACHE_BYTES) _Atomic uint64_t ran;
} counters[COUNTERS];

static atomic_uint counters_used;
static _Thread_local struct counter *own;

/* Only one thread writes each counter, so the addition need not be atomic. */
static inline void count_task(void)
{
    if (own == NULL) {
        unsigned number = atomic_fetch_add(&counters_used, 1);
        if (number >= COUNTERS)
            log_fatal("too many rounds: each makes threads, and there are %d counters", COUNTERS);
        own = &counters[number];
    }
    atomic_store_explicit(&own->ran, atomic_load_explicit(&own->ran, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

static uint64_t tasks_run(void)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < COUNTERS; i++)
        sum += atomic_load(&counters[i].ran);
    return sum;
}

/* --- libechopool --------------------------------------------------------------------------- */

static int echopool_task(struct ep_task *task)
{
    (void)task;
    count_task();
    return 0;
}

static struct ep_executor *echopool_new(void)
{
    struct ep_options options = {.workers = WORKERS, .queue = QUEUE, .when_full = EP_BLOCK};
    struct ep_executor *executor;
    int code = ep_thread_executor_new(&options, &executor);

    if (code != 0)
        log_fatal("cannot make a pool: %s", ep_strerror(code));
    return executor;
}

static int64_t run_echopool(uint64_t tasks)
{
    struct ep_executor *executor = echopool_new();
    int64_t start = clock_now_ns();

    for (uint64_t i = 0; i < tasks; i++)
        if (ep_submit(executor, echopool_task, NULL, 0, NULL) != 0)
            log_fatal("libechopool refused a task");
    ep_executor_shutdown(executor, EP_WAIT);
    start = clock_now_ns() - start;
    ep_executor_free(executor);
    return start;
}

static int64_t run_echopool_futures(uint64_t tasks)
{
    struct ep_executor *executor = echopool_new();
    int64_t start = clock_now_ns();

    for (uint64_t i = 0; i < tasks; i++) {
        struct ep_future *future;
        if (ep_submit(executor, echopool_task, NULL, 0, &future) != 0)
            log_fatal("libechopool refused a task");
        ep_future_unref(future);
    }
    ep_executor_shutdown(executor, EP_WAIT);
    start = clock_now_ns() - start;
    ep_executor_free(executor);
    return start;
}

/* --- GLib ---------------------------------------------------------------------------------- */

#if HAVE_GLIB
static void glib_task(gpointer data, gpointer context)
{
    (void)data;
    (void)context;
    count_task();
}

static int64_t run_glib(uint64_t tasks)
{
    GThreadPool *pool = g_thread_pool_new(glib_task, NULL, WORKERS, TRUE, NULL);
    int64_t start = clock_now_ns();

    for (uint64_t i = 0; i < tasks; i++)
        if (!g_thread_pool_push(pool, GINT_TO_POINTER(1), NULL))
            log_fatal("GThreadPool refused a task");
    g_thread_pool_free(pool, FALSE, TRUE);
    return clock_now_ns() - start;
}
#else
#    define run_glib NULL
#endif

/* --- libuv --------------------------------------------------------------------------------- */

#if HAVE_LIBUV
/* The free requests; loop-only. */
static struct {
    uv_work_t *request[QUEUE];
    unsigned count;
} spare;

static void uv_task(uv_work_t *request)
{
    (void)request;
    count_task();
}

static void uv_task_done(uv_work_t *request, int status)
{
    (void)status;
    spare.request[spare.count++] = request;
}

static int64_t run_libuv(uint64_t tasks)
{
    static uv_work_t requests[QUEUE];
    uv_loop_t *loop = uv_default_loop();
    int64_t start;

    for (spare.count = 0; spare.count < QUEUE; spare.count++)
        spare.request[spare.count] = &requests[spare.count];
    start = clock_now_ns();
    for (uint64_t i = 0; i < tasks; i++) {
        while (spare.count == 0)
            uv_run(loop, UV_RUN_ONCE);
        if (uv_queue_work(loop, spare.request[--spare.count], uv_task, uv_task_done) != 0)
            log_fatal("libuv refused a task");
    }
    uv_run(loop, UV_RUN_DEFAULT);
    return clock_now_ns() - start;
}
#else
#    define run_libuv NULL
#endif

/* --- Peers in separate processes ----------------------------------------------------------- */

#if HAVE_TBB
static struct peer_result run_tbb(uint64_t tasks)
{
    return peer_run_tbb(tasks, WORKERS);
}
#else
#    define run_tbb NULL
#endif

static struct peer_result run_python(uint64_t tasks)
{
    return peer_run_python("thread", tasks / PYTHON_PART + 1, WORKERS, 0);
}

/* --- Comparing ----------------------------------------------------------------------------- */

static struct candidate {
    const char *name;
    const char *absent;             /* why it is left out if both functions are NULL */
    int64_t (*run)(uint64_t tasks); /* nanoseconds for all */
    struct peer_result (*run_peer)(uint64_t tasks);
    bool ours;
} candidates[] = {
    {"libechopool", NULL, run_echopool, NULL, true},
    {"libechopool, future", NULL, run_echopool_futures, NULL, true},
    {"GThreadPool", "GLib was not found by configure (Debian: libglib2.0-dev)", run_glib, NULL,
     false},
    {"libuv", "libuv was not found by configure (Debian: libuv1-dev)", run_libuv, NULL, false},
    {"oneTBB", "oneTBB was not found by configure (Debian: libtbb-dev, g++)", NULL, run_tbb, false},
    {"Python threads", "python3 was not found (Debian: python3)", NULL, run_python, false},
};
#define CANDIDATES (sizeof candidates / sizeof candidates[0])
#define PYTHON     (CANDIDATES - 1)

static bool is_there(const struct candidate *candidate)
{
    return candidate->run != NULL || candidate->run_peer != NULL;
}

/* The results of one pool, one value per round. */
struct result {
    struct series ns;     /* per task */
    struct series cpu_ns; /* per task, producer and workers together */
    struct series sleeps; /* per thousand tasks: a producer or worker had to wait */
};

static int64_t own_cpu_ns(void)
{
    struct timespec used;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}

static uint64_t own_sleeps(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)usage.ru_nvcsw;
}

/* Run a pool in this process. */
static struct peer_result run_here(const struct candidate *candidate, uint64_t tasks)
{
    uint64_t before = tasks_run();
    struct peer_result result = {.cpu_ns = own_cpu_ns(), .sleeps = own_sleeps()};

    result.took_ns = candidate->run(tasks);
    result.cpu_ns = own_cpu_ns() - result.cpu_ns;
    result.sleeps = own_sleeps() - result.sleeps;
    result.tasks = tasks_run() - before;
    if (result.tasks != tasks)
        log_fatal("%s ran %llu tasks of %llu", candidate->name, (unsigned long long)result.tasks,
                  (unsigned long long)tasks);
    return result;
}

static void measure_once(const struct candidate *candidate, uint64_t tasks, struct result *result)
{
    struct peer_result came =
        candidate->run != NULL ? run_here(candidate, tasks) : candidate->run_peer(tasks);
    double count = (double)came.tasks;

    series_add(&result->ns, (double)came.took_ns / count);
    series_add(&result->cpu_ns, (double)came.cpu_ns / count);
    series_add(&result->sleeps, (double)came.sleeps * 1000 / count);
}

static void print_line(const struct candidate *candidate, const struct result *result,
                       const struct result *base)
{
    struct series ratio = series_ratio(&result->ns, &base->ns);

    if (is_there(candidate))
        printf("  %-20s %9.0f   %6.0f to %6.0f   %13.2f   %6.0f   %14.1f\n", candidate->name,
               series_median(&result->ns), series_percentile(&result->ns, 0),
               series_percentile(&result->ns, 100), series_median(&ratio),
               series_median(&result->cpu_ns), series_median(&result->sleeps));
    else
        printf("  %-20s left out: %s\n", candidate->name, candidate->absent);
}

static void print_table(const struct result results[CANDIDATES])
{
    const struct candidate *best = NULL;
    double least = 0;

    printf("  %-20s %9s   %-18s %-13s   %6s   %s\n", "", "median ns", "least to most",
           "ratio to ours", "CPU ns", "sleeps per 1000");
    for (size_t i = 0; i < CANDIDATES; i++) {
        struct series ratio = series_ratio(&results[i].ns, &results[0].ns);

        print_line(&candidates[i], &results[i], &results[0]);
        if (!candidates[i].ours && is_there(&candidates[i]) &&
            (best == NULL || series_median(&ratio) < least)) {
            best = &candidates[i];
            least = series_median(&ratio);
        }
    }
    verdict(series_median(&results[0].ns) <= TARGET_NS, "for libechopool <= %d ns", TARGET_NS);
    verdict(series_median(&results[1].ns) <= TARGET_FUTURE_NS,
            "for libechopool with a future <= %d ns", TARGET_FUTURE_NS);
    if (best != NULL)
        verdict(least >= TARGET_TIMES,
                "for libechopool >= %d x as fast as the best peer (%s, %.2f)", TARGET_TIMES,
                best->name, least);
}

/* The options of the command line. */
struct asked {
    uint64_t tasks;
    uint64_t rounds;
};

/* Compare in a separate process: libuv never ends its threads, and they stay pinned. */
static void compare(void *context)
{
    static struct result results[CANDIDATES];
    const struct asked *asked = context;

    for (uint64_t round = 0; round < asked->rounds; round++)
        for (size_t i = 0; i < CANDIDATES; i++)
            if (is_there(&candidates[i]))
                measure_once(&candidates[i], asked->tasks, &results[i]);
    print_table(results);
}

int main(int argc, char *argv[])
{
    struct asked asked = {.tasks = 1000000, .rounds = 7};
    const struct number_option options[] = {
        {"rounds", 1, ROUNDS_MAX, &asked.rounds, "runs of each; the median counts"},
        {"tasks", 1, UINT64_C(1) << 40, &asked.tasks, "tasks per run"},
        {.name = NULL},
    };

    if (read_numbers(argc, argv,
                     "bench_submit [OPTION]...\n"
                     "The cost of submitting a task: libechopool, GThreadPool, libuv, oneTBB and\n"
                     "Python's threads.",
                     options) < argc)
        log_usage("unexpected argument; see --help");
    setenv("UV_THREADPOOL_SIZE", "2", 1); /* libuv reads it at its first task */
    if (!peer_has_python())
        candidates[PYTHON].run_peer = NULL;
    printf("Submitting a stream of tasks: 1 producer, %d workers, %llu empty tasks,\n"
           "nanoseconds until all have run, each; median of %u interleaved rounds\n",
           WORKERS, (unsigned long long)asked.tasks, (unsigned)asked.rounds);
    return compare_placements(compare, &asked) ? EXIT_OK : EXIT_RUN;
}
