/* SPDX-License-Identifier: MIT */
/*
 * Measure how the cost of a task changes with the number of producers and of workers.
 *
 * As in bench_submit the tasks are empty and have no future, the queue holds 1024, producers wait
 * for room, and the time ends when all tasks have run. The tasks of a run are divided among the
 * producers, which begin together. Empty tasks cannot become cheaper with more threads: the threads
 * only contend for the queue. The curve shows that tasks do not become much more expensive either.
 */
#include "bench/measure.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/must.h"
#include "pool/echopool.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define QUEUE        1024
#define THREADS_MOST 8

/* Times the cost with one thread: above that, throughput has collapsed. */
#define COLLAPSE       2.0
#define COLLAPSE_POINT 4.0 /* for any point of the curve */

static const unsigned producers_of[] = {1, 2, 4, 8};
static const unsigned workers_of[] = {1, 2, 4};
#define ROWS    (sizeof producers_of / sizeof producers_of[0])
#define COLUMNS (sizeof workers_of / sizeof workers_of[0])

/* Indices into these lists for the targets. */
enum { ONE_PRODUCER = 0, FOUR_PRODUCERS = 2, ONE_WORKER = 0, TWO_WORKERS = 1 };

/* One run, set up before the producers begin. */
struct crowd {
    struct ep_executor *executor;
    pthread_barrier_t begin;
    uint64_t each;
};

static int do_nothing(struct ep_task *task)
{
    (void)task;
    return 0;
}

static void *produce(void *argument)
{
    struct crowd *crowd = argument;

    pthread_barrier_wait(&crowd->begin);
    for (uint64_t i = 0; i < crowd->each; i++)
        if (ep_submit(crowd->executor, do_nothing, NULL, 0, NULL) != 0)
            log_fatal("libechopool refused a task");
    return NULL;
}

/* @return nanoseconds per task */
static double run(unsigned producers, unsigned workers, uint64_t tasks)
{
    struct ep_options options = {.workers = workers, .queue = QUEUE, .when_full = EP_BLOCK};
    struct crowd crowd = {.each = tasks / producers};
    pthread_t threads[THREADS_MOST];
    struct ep_stats stats;
    int64_t start;
    int code = ep_thread_executor_new(&options, &crowd.executor);

    if (code != 0)
        log_fatal("cannot make a pool: %s", ep_strerror(code));
    MUST(pthread_barrier_init(&crowd.begin, NULL, producers + 1));
    for (unsigned i = 0; i < producers; i++)
        if (pthread_create(&threads[i], NULL, produce, &crowd) != 0)
            log_fatal("cannot make %u threads", producers);
    /* Before the barrier: on one CPU the producers may run long before this thread continues. */
    start = clock_now_ns();
    pthread_barrier_wait(&crowd.begin);
    for (unsigned i = 0; i < producers; i++)
        MUST(pthread_join(threads[i], NULL));
    ep_executor_shutdown(crowd.executor, EP_WAIT);
    start = clock_now_ns() - start;
    ep_executor_stats(crowd.executor, &stats);
    if (stats.finished != crowd.each * producers)
        log_fatal("%llu tasks ran of %llu", (unsigned long long)stats.finished,
                  (unsigned long long)crowd.each * producers);
    ep_executor_free(crowd.executor);
    MUST(pthread_barrier_destroy(&crowd.begin));
    return (double)start / (double)stats.finished;
}

/* The options of the command line. */
struct asked {
    uint64_t tasks;
    uint64_t rounds;
};

/* Find the point with the highest cost, relative to one producer and one worker. */
static void judge_points(struct series ns[ROWS][COLUMNS])
{
    size_t worst_row = 0, worst_column = 0;
    double most = 0;

    for (size_t row = 0; row < ROWS; row++)
        for (size_t column = 0; column < COLUMNS; column++) {
            struct series ratio = series_ratio(&ns[row][column], &ns[ONE_PRODUCER][ONE_WORKER]);
            if (series_median(&ratio) > most) {
                most = series_median(&ratio);
                worst_row = row;
                worst_column = column;
            }
        }
    verdict(most <= COLLAPSE_POINT,
            "every point <= %.1f of 1 producer and 1 worker (%u and %u: %.2f)", COLLAPSE_POINT,
            producers_of[worst_row], workers_of[worst_column], most);
}

static void print_curve(struct series ns[ROWS][COLUMNS])
{
    struct series ratio;

    printf("  %-12s", "");
    for (size_t column = 0; column < COLUMNS; column++)
        printf("  %8u worker%s          ", workers_of[column], workers_of[column] > 1 ? "s" : " ");
    puts("");
    for (size_t row = 0; row < ROWS; row++) {
        printf("  %u producer%s ", producers_of[row], producers_of[row] > 1 ? "s" : " ");
        for (size_t column = 0; column < COLUMNS; column++)
            printf("  %8.0f (%4.0f to %6.0f)", series_median(&ns[row][column]),
                   series_percentile(&ns[row][column], 0),
                   series_percentile(&ns[row][column], 100));
        puts("");
    }
    ratio = series_ratio(&ns[ONE_PRODUCER][TWO_WORKERS], &ns[ONE_PRODUCER][ONE_WORKER]);
    verdict(series_median(&ratio) <= COLLAPSE, "2 workers <= %.1f of 1 (%.2f)", COLLAPSE,
            series_median(&ratio));
    ratio = series_ratio(&ns[FOUR_PRODUCERS][TWO_WORKERS], &ns[ONE_PRODUCER][TWO_WORKERS]);
    verdict(series_median(&ratio) <= COLLAPSE, "4 producers <= %.1f of 1 (%.2f)", COLLAPSE,
            series_median(&ratio));
    judge_points(ns);
}

static void draw_curve(void *context)
{
    static struct series ns[ROWS][COLUMNS];
    const struct asked *asked = context;

    for (uint64_t round = 0; round < asked->rounds; round++)
        for (size_t row = 0; row < ROWS; row++)
            for (size_t column = 0; column < COLUMNS; column++)
                series_add(&ns[row][column],
                           run(producers_of[row], workers_of[column], asked->tasks));
    print_curve(ns);
}

int main(int argc, char *argv[])
{
    struct asked asked = {.tasks = 500000, .rounds = 7};
    const struct number_option options[] = {
        {"rounds", 1, ROUNDS_MAX, &asked.rounds, "runs of each; the median counts"},
        {"tasks", THREADS_MOST, UINT64_C(1) << 40, &asked.tasks, "tasks per run"},
        {.name = NULL},
    };

    if (read_numbers(argc, argv,
                     "bench_scale [OPTION]...\n"
                     "The cost of submitting a task with more producers and more workers.",
                     options) < argc)
        log_usage("unexpected argument; see --help");
    printf("Nanoseconds per task, median (least to most) of %u interleaved rounds of %llu tasks\n",
           (unsigned)asked.rounds, (unsigned long long)asked.tasks);
    return compare_placements(draw_curve, &asked) ? EXIT_OK : EXIT_RUN;
}
