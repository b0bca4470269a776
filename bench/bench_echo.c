/* SPDX-License-Identifier: MIT */
/*
 * Measure the server's CPU time per echo: echo-server's models and the bare servers.
 *
 * In each round every server is started again and echoes the same messages, one server after
 * another, so that other activity of the machine affects all of them. The result is the median of
 * the ratios within each round: a disturbance that lasts longer than one run cancels out.
 *
 * The measured time is the CPU clock of the server's process, user and system, all threads, from
 * the first message to the last, without starting, connecting and closing. It does not depend on
 * where the scheduler puts the load, except for the cost of wake-ups: waking a thread on another
 * CPU needs an interrupt. So everything is measured twice: unpinned, and with both programs on one
 * CPU, where only the code matters.
 */
#include "bench/child.h"
#include "bench/load.h"
#include "bench/measure.h"
#include "common/clock.h"
#include "common/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SERVERS       5
#define JUDGED        3 /* the one that must meet the target */
#define ARGUMENTS_MAX 16
#define TARGET        1.05

struct candidate {
    const char *name;
    const char *arguments[ARGUMENTS_MAX]; /* "%" stands for the number of sessions */
};

/* The first is the floor; the others are divided by it. */
static const struct candidate candidates[SERVERS] = {
    {"floor_thread", {"bench/floor_thread"}},
    {"floor_epoll", {"bench/floor_epoll"}},
    {"--model thread", {"echo-server", "--port", "0", "--model", "thread"}},
    {"--model thread-pool",
     {"echo-server", "--port", "0", "--model", "thread-pool", "--workers", "%"}},
    /* The kernel sets a timer for each wait with a time limit: this line shows their cost. */
    {"... no time limits",
     {"echo-server", "--port", "0", "--model", "thread-pool", "--workers", "%", "--idle-timeout",
      "0", "--write-timeout", "0"}},
};

/* The results of one server, one value per round. */
struct result {
    struct series cpu_ns;  /* per echo */
    struct series sleeps;  /* per echo */
    struct series per_sec; /* echoes */
};

static void measure_once(const struct candidate *candidate, unsigned sessions, unsigned messages,
                         struct result *result)
{
    const char *arguments[ARGUMENTS_MAX + 1] = {NULL};
    char number[16];
    struct server server;
    struct load *load;
    double echoes = (double)sessions * messages;
    int64_t cpu, time;
    uint64_t sleeps;

    snprintf(number, sizeof number, "%u", sessions);
    for (size_t i = 0; i < ARGUMENTS_MAX && candidate->arguments[i] != NULL; i++)
        arguments[i] = candidate->arguments[i][0] == '%' ? number : candidate->arguments[i];
    server = server_start(arguments, NULL);
    load = load_open(
        &(struct load_options){.port = server.port, .sessions = sessions, .served = sessions});
    load_run(load, messages / 20 + 1); /* let caches fill and the scheduler settle */
    sleeps = process_sleeps(server.pid);
    cpu = process_cpu_ns(server.pid);
    time = clock_now_ns();
    load_run(load, messages);
    time = clock_now_ns() - time;
    cpu = process_cpu_ns(server.pid) - cpu;
    sleeps = process_sleeps(server.pid) - sleeps;
    load_close(load);
    server_stop(&server);
    series_add(&result->cpu_ns, (double)cpu / echoes);
    series_add(&result->sleeps, (double)sleeps / echoes);
    series_add(&result->per_sec, echoes / ((double)time / 1e9));
}

static void print_table(const struct result results[SERVERS], unsigned sessions, const char *where)
{
    struct series judged;

    printf("\n%u sessions, %s: CPU of the server per echo\n", sessions, where);
    printf("  %-20s %9s   %-19s %-8s %9s %10s\n", "", "median us", "quartiles", "ratio", "sleeps",
           "echoes/s");
    for (size_t i = 0; i < SERVERS; i++) {
        const struct result *result = &results[i];
        struct series ratio = series_ratio(&result->cpu_ns, &results[0].cpu_ns);
        printf("  %-20s %9.2f   %6.2f to %6.2f    %5.3f    %9.2f %10.0f\n", candidates[i].name,
               series_median(&result->cpu_ns) / 1e3, series_percentile(&result->cpu_ns, 25) / 1e3,
               series_percentile(&result->cpu_ns, 75) / 1e3, series_median(&ratio),
               series_median(&result->sleeps), series_median(&result->per_sec));
    }
    judged = series_ratio(&results[JUDGED].cpu_ns, &results[0].cpu_ns);
    printf("  thread-pool / floor_thread: %.3f (quartiles %.3f to %.3f); target <= %.2f: %s\n",
           series_median(&judged), series_percentile(&judged, 25), series_percentile(&judged, 75),
           TARGET, series_median(&judged) <= TARGET ? "met" : "MISSED");
    fflush(stdout);
}

static void compare(unsigned sessions, unsigned rounds, unsigned messages, const char *where)
{
    static struct result results[SERVERS];

    memset(results, 0, sizeof results);
    for (unsigned round = 0; round < rounds; round++)
        for (unsigned i = 0; i < SERVERS; i++) {
            /* Each round begins with another server. */
            unsigned which = (i + round) % SERVERS;
            measure_once(&candidates[which], sessions, messages / sessions, &results[which]);
        }
    print_table(results, sessions, where);
}

int main(int argc, char *argv[])
{
    static const unsigned usual[] = {4, 50};
    uint64_t rounds = 11, messages = 60000, only = 0;
    const struct number_option options[] = {
        {"rounds", 1, ROUNDS_MAX, &rounds, "runs of each server; the median counts"},
        {"messages", 1000, 1000000000, &messages, "echoes per run, over all sessions"},
        {"sessions", 0, 1000, &only, "only this number of sessions; 0: 4, then 50"},
        {.name = NULL},
    };

    if (read_numbers(argc, argv,
                     "bench_echo [OPTION]...\n"
                     "CPU time per echo of echo-server and two bare servers.",
                     options) < argc)
        log_usage("unexpected argument; see --help");
    printf("CPU per echo: closed loop, a client thread per session, messages of %d bytes, %u "
           "echoes per run,\nmedian of %u interleaved rounds, ratio to floor_thread within each "
           "round.\n",
           LOAD_MESSAGE_BYTES, (unsigned)messages, (unsigned)rounds);
    for (int pinned = 0; pinned < 2; pinned++) {
        if (pinned)
            pin_to_first_cpu();
        for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++)
            if (only == 0 || i == 0)
                compare(only != 0 ? (unsigned)only : usual[i], (unsigned)rounds, (unsigned)messages,
                        pinned ? "load and server on one CPU" : "unpinned");
    }
    return EXIT_OK;
}
