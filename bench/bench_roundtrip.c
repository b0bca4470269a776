/* SPDX-License-Identifier: MIT */
/*
 * Measure the time of one task, from before ep_submit() until its result is available, and the cost
 * of an idle pool.
 *
 *   futex ping-pong  two threads that wake one another by futex(2), the minimum for two threads
 *                    that sleep. The base of the ratios.
 *   ep_future_result submit a task, then wait for its result; a pool of 1 worker, and one of 4
 *   ep_future_done   the same with a caller that does not sleep but polls. With a worker that
 *                    searches before it parks (thread/worker.c) there is no system call: this is
 *                    the best case of "hot". Needs two CPUs.
 *
 * Each is measured with everything on one CPU, with caller and workers on one CPU each, and
 * unpinned. The pool is warm: its workers exist and have run tasks. Each trip is measured
 * separately; the values of a round are the percentiles of its trips.
 */
#include "bench/measure.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/must.h"
#include "pool/echopool.h"

#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define TARGET_RATIO   1.2
#define TARGET_HOT_US  2.0
#define TARGET_IDLE_NS 1000000
#define IDLE_WORKERS   16
#define TRIPS_MAX      1000000
#define WARM_TRIPS     100

/* The CPUs of the threads. */
enum placement { ONE_CPU, TWO_CPUS, ANYWHERE };
static const char *const placement_names[] = {
    "All on one CPU:", "Caller and workers on one CPU each:", "Unpinned:"};

/* --- The base: two threads and a word ------------------------------------------------------ */

enum { CALLER, PARTNER, OVER };

static struct {
    _Atomic uint32_t turn; /* the thread that may go on */
    pthread_t thread;
    enum placement placement;
} partner;

static void give_turn(uint32_t whose)
{
    atomic_store(&partner.turn, whose);
    syscall(SYS_futex, &partner.turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* Sleep while it is the turn of the other thread. */
static void await_turn(uint32_t other)
{
    while (atomic_load(&partner.turn) == other)
        syscall(SYS_futex, &partner.turn, FUTEX_WAIT_PRIVATE, other, NULL, NULL, 0);
}

static void *partner_main(void *unused)
{
    if (partner.placement == TWO_CPUS)
        pin_to_cpu(1);
    for (;;) {
        await_turn(CALLER);
        if (atomic_load(&partner.turn) == OVER)
            return unused;
        give_turn(CALLER);
    }
}

static void partner_start(enum placement placement)
{
    partner.placement = placement;
    MUST(pthread_create(&partner.thread, NULL, partner_main, NULL));
}

static void partner_end(void)
{
    give_turn(OVER);
    MUST(pthread_join(partner.thread, NULL));
}

static void trip_futex(struct ep_executor *unused)
{
    (void)unused;
    give_turn(PARTNER);
    await_turn(PARTNER);
}

/* --- libechopool --------------------------------------------------------------------------- */

static int answer(struct ep_task *task)
{
    return ep_task_reply(task, ep_task_input(task, NULL), sizeof(int));
}

static struct ep_future *submit(struct ep_executor *executor)
{
    struct ep_future *future;
    int question = 42;
    int code = ep_submit(executor, answer, &question, sizeof question, &future);

    if (code != 0)
        log_fatal("libechopool refused a task: %s", ep_strerror(code));
    return future;
}

static void take(struct ep_future *future)
{
    struct ep_bytes reply;

    if (ep_future_result(future, EP_FOREVER, &reply) != 0 || *(const int *)reply.data != 42)
        log_fatal("a task returned a wrong result");
    ep_future_unref(future);
}

static void trip_result(struct ep_executor *executor)
{
    take(submit(executor));
}

static void trip_looking(struct ep_executor *executor)
{
    struct ep_future *future = submit(executor);

    while (!ep_future_done(future))
        continue;
    take(future);
}

static int pin_worker(void *placement, unsigned worker)
{
    (void)worker;
    if (*(enum placement *)placement == TWO_CPUS)
        pin_to_cpu(1);
    return 0;
}

static struct ep_executor *pool_new(unsigned workers, enum placement *placement)
{
    struct ep_options options = {
        .workers = workers, .initialize = pin_worker, .context = placement};
    struct ep_executor *executor;
    int code = ep_thread_executor_new(&options, &executor);

    if (code != 0)
        log_fatal("cannot make a pool of %u workers: %s", workers, ep_strerror(code));
    return executor;
}

/* --- Round trips --------------------------------------------------------------------------- */

static const struct candidate {
    const char *name;
    unsigned workers;
    void (*trip)(struct ep_executor *executor);
    bool spins; /* not useful on one CPU */
} candidates[] = {
    {"futex ping-pong", 0, trip_futex, false},
    {"ep_future_result, 1 worker", 1, trip_result, false},
    {"ep_future_result, 4 workers", 4, trip_result, false},
    {"ep_future_done, 1 worker", 1, trip_looking, true},
};
#define CANDIDATES (sizeof candidates / sizeof candidates[0])
enum { BASE, RESULT, RESULT_OF_FOUR, LOOKING };

/* Microseconds, one value per round. */
struct result {
    struct series p50;
    struct series p99;
};

/* The options of the command line. */
struct asked {
    uint64_t trips;
    uint64_t rounds;
    enum placement placement;
};

static void measure_once(const struct candidate *candidate, struct ep_executor *executor,
                         size_t trips, struct result *result)
{
    static double times_ns[TRIPS_MAX];

    for (size_t i = 0; i < WARM_TRIPS; i++)
        candidate->trip(executor);
    for (size_t i = 0; i < trips; i++) {
        int64_t start = clock_now_ns();
        candidate->trip(executor);
        times_ns[i] = (double)(clock_now_ns() - start);
    }
    series_add(&result->p50, times_percentile(times_ns, trips, 50) / 1000);
    series_add(&result->p99, times_percentile(times_ns, trips, 99) / 1000);
}

static bool is_wanted(const struct candidate *candidate, enum placement placement)
{
    return !candidate->spins || placement == TWO_CPUS;
}

static void print_table(const struct result results[CANDIDATES], enum placement placement)
{
    struct series ratio = series_ratio(&results[RESULT].p50, &results[BASE].p50);

    printf("  %-28s %9s %9s   %-18s %s\n", "microseconds", "p50", "p99", "p50, least to most",
           "ratio");
    for (size_t i = 0; i < CANDIDATES; i++) {
        const struct series *p50 = &results[i].p50;
        struct series to_base = series_ratio(p50, &results[BASE].p50);
        if (p50->count > 0)
            printf("  %-28s %9.1f %9.1f   %6.1f to %6.1f   %8.2f\n", candidates[i].name,
                   series_median(p50), series_median(&results[i].p99), series_percentile(p50, 0),
                   series_percentile(p50, 100), series_median(&to_base));
    }
    verdict(series_median(&ratio) <= TARGET_RATIO, "for 1 worker <= %.1f of the ping-pong (%.2f)",
            TARGET_RATIO, series_median(&ratio));
    if (placement != TWO_CPUS)
        return;
    verdict(series_median(&results[LOOKING].p50) <= TARGET_HOT_US,
            "while hot, a caller that polls: <= %.0f us", TARGET_HOT_US);
    verdict(series_median(&results[RESULT].p50) <= TARGET_HOT_US,
            "while hot, ep_future_result(): <= %.0f us", TARGET_HOT_US);
}

static void compare(void *context)
{
    static struct result results[CANDIDATES];
    struct ep_executor *executors[CANDIDATES] = {NULL};
    struct asked *asked = context;

    printf("\n%s\n", placement_names[asked->placement]);
    if (asked->placement == ONE_CPU) /* before the pools are made: they read the number of CPUs */
        pin_to_cpu(0);
    partner_start(asked->placement);
    for (size_t i = 0; i < CANDIDATES; i++)
        if (candidates[i].workers > 0)
            executors[i] = pool_new(candidates[i].workers, &asked->placement);
    if (asked->placement == TWO_CPUS) /* after that: threads inherit the CPUs of their creator */
        pin_to_cpu(0);
    for (uint64_t round = 0; round < asked->rounds; round++)
        for (size_t i = 0; i < CANDIDATES; i++)
            if (is_wanted(&candidates[i], asked->placement))
                measure_once(&candidates[i], executors[i], asked->trips, &results[i]);
    print_table(results, asked->placement);
    for (size_t i = 0; i < CANDIDATES; i++)
        ep_executor_free(executors[i]);
    partner_end();
}

/* --- Idle ---------------------------------------------------------------------------------- */

static int64_t own_cpu_ns(void)
{
    struct timespec used;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}

/* The second begins at the end of the last task, so it includes the search before parking. */
static void rest_once(void *context)
{
    enum placement placement = ANYWHERE;
    struct ep_executor *executor = pool_new(IDLE_WORKERS, &placement);
    const struct timespec second = {.tv_sec = 1};
    int64_t used;

    (void)context;
    for (unsigned i = 0; i < WARM_TRIPS * IDLE_WORKERS; i++)
        ep_future_unref(submit(executor));
    if (ep_executor_wait_idle(executor, EP_FOREVER) != 0)
        log_fatal("a pool does not become idle");
    used = own_cpu_ns();
    nanosleep(&second, NULL);
    used = own_cpu_ns() - used;
    printf("\nAn idle pool of %d workers, 1 s: %.3f ms of CPU time\n", IDLE_WORKERS,
           (double)used / 1e6);
    verdict(used < TARGET_IDLE_NS, "< %.0f ms", TARGET_IDLE_NS / 1e6);
    ep_executor_free(executor);
}

/* --- The program --------------------------------------------------------------------------- */

int main(int argc, char *argv[])
{
    struct asked asked = {.trips = 5000, .rounds = 7};
    const struct number_option options[] = {
        {"rounds", 1, ROUNDS_MAX, &asked.rounds, "runs of each; the median counts"},
        {"trips", 1, TRIPS_MAX, &asked.trips, "round trips per run"},
        {.name = NULL},
    };
    bool good = true;

    if (read_numbers(argc, argv,
                     "bench_roundtrip [OPTION]...\n"
                     "From the submission of a task to its result, compared with a bare futex\n"
                     "ping-pong; and the cost of an idle pool.",
                     options) < argc)
        log_usage("unexpected argument; see --help");
    printf("From submission to result: the median of %u interleaved rounds of %u trips\n",
           (unsigned)asked.rounds, (unsigned)asked.trips);
    for (asked.placement = ONE_CPU; asked.placement <= ANYWHERE; asked.placement++)
        if (asked.placement != TWO_CPUS || cpus_allowed() > 1)
            good = in_child(compare, &asked) && good;
    good = in_child(rest_once, NULL) && good;
    return good ? EXIT_OK : EXIT_RUN;
}
