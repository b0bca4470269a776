/* SPDX-License-Identifier: MIT */
/*
 * CPU that an echo costs the server: echo-server's models against the bare servers.
 *
 * In each round every server is started afresh and echoes the same messages, one server after the
 * other, so that whatever else the machine does meanwhile falls on all of them. A ratio is taken
 * within each round, and of the ratios the median: a disturbance that lasts longer than one run
 * cancels out.
 *
 * Measured is the CPU clock of the server's process, user and system, all threads, from the first
 * message to the last; starting, connecting and closing lie outside. This holds wherever the
 * scheduler puts the load, but not how much a wake-up costs: waking a thread on another CPU costs
 * the waker an interrupt. So it is done twice: with everything free to run anywhere, and with both
 * programs on one CPU, where only the code counts.
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
#define JUDGED        3 /* the one that has to meet the target */
#define ARGUMENTS_MAX 16
#define TARGET        1.05

struct candidate {
    const char *name;
    const char *arguments[ARGUMENTS_MAX]; /* "%" stands for the number of sessions */
};

/* The first is the floor that the others are divided by. */
static const struct candidate candidates[SERVERS] = {
    {"floor_thread", {"bench/floor_thread"}},
    {"floor_epoll", {"bench/floor_epoll"}},
    {"--model thread", {"echo-server", "--port", "0", "--model", "thread"}},
    {"--model thread-pool",
     {"echo-server", "--port", "0", "--model", "thread-pool", "--workers", "%"}},
    /* Each wait with a time limit sets a kernel timer: what do the timers cost? */
    {"... no time limits",
     {"echo-server", "--port", "0", "--model", "thread-pool", "--workers", "%", "--idle-timeout",
      "0", "--write-timeout", "0"}},
};

/* What came out for one server, one figure a round. */
struct result {
    struct series cpu_ns;  /* an echo */
    struct series sleeps;  /* an echo */
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
    load_run(load, messages / 20 + 1); /* let caches fill and threads find their places */
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

    printf("\n%u sessions, %s: CPU of the server, of each echo\n", sessions, where);
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
            /* Another one begins each round: being first or last must not matter. */
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
        {"rounds", 1, ROUNDS_MAX, &rounds, "runs of each server, of which the median counts"},
        {"messages", 1000, 1000000000, &messages, "echoes of a run, over all its sessions"},
        {"sessions", 0, 1000, &only, "only this number of sessions; 0: 4, then 50"},
        {.name = NULL},
    };

    if (read_numbers(argc, argv,
                     "bench_echo [OPTION]...\n"
                     "CPU that an echo costs echo-server and two bare servers, side by side.",
                     options) < argc)
        log_usage("there are no arguments but options; see --help");
    printf("CPU per echo: closed loop, a client thread per session, messages of %d bytes, %u "
           "echoes a run,\nmedian of %u interleaved rounds, ratio to floor_thread within each "
           "round.\n",
           LOAD_MESSAGE_BYTES, (unsigned)messages, (unsigned)rounds);
    for (int pinned = 0; pinned < 2; pinned++) {
        if (pinned)
            pin_to_first_cpu();
        for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++)
            if (only == 0 || i == 0)
                compare(only != 0 ? (unsigned)only : usual[i], (unsigned)rounds, (unsigned)messages,
                        pinned ? "load and server on one CPU" : "nothing pinned");
    }
    return EXIT_OK;
}
