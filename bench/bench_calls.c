/* SPDX-License-Identifier: MIT */
/*
 * Count the system calls, allocations and locks of the servers for each echo. Counts are the same
 * on every machine.
 *
 * strace counts the system calls (trace.h). A library that is preloaded in front of the C library
 * counts allocations and locks (libcount.c); its counters are read before and after the messages.
 */
#include "bench/child.h"
#include "bench/counted.h"
#include "bench/load.h"
#include "bench/measure.h"
#include "bench/trace.h"
#include "common/log.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SESSIONS      4
#define ECHOES        (SESSIONS * TRACE_MESSAGES)
#define ARGUMENTS_MAX 16
#define LIBRARY       "bench/.libs/libcount.so"

struct candidate {
    const char *name;
    const char *arguments[ARGUMENTS_MAX];
    bool judged; /* must meet the targets */
};

/* The echo-servers come last: only their allocations and locks are counted. */
static const struct candidate candidates[] = {
    {"floor_thread", {"bench/floor_thread"}, false},
    {"floor_epoll", {"bench/floor_epoll"}, false},
    {"--model thread", {"echo-server", "--port", "0", "--model", "thread"}, false},
    {"--model thread-pool", {"echo-server", "--port", "0", "--model", "thread-pool"}, true},
};
#define CANDIDATES (sizeof candidates / sizeof candidates[0])

static void count_system_calls(const struct candidate *candidate)
{
    struct trace trace = trace_echoes(candidate->arguments, SESSIONS);

    printf("  %-20s %stogether %.2f   (strays: %ld in %d echoes)\n", candidate->name, trace.text,
           trace.each, trace.strays, ECHOES);
    if (candidate->judged)
        verdict(trace.each > 1.995 && trace.each < 2.005,
                "for thread-pool: 2.00 system calls per echo");
    fflush(stdout);
}

/* --- Allocations and locks ----------------------------------------------------------------- */

static void count_inside(const struct candidate *candidate)
{
    int fd = memfd_create("counted", 0); /* left open for the server */
    struct counted *counted;
    struct counted before;
    struct server server;
    struct load *load;
    char number[16];

    if (fd < 0 || ftruncate(fd, sizeof *counted) != 0)
        log_fatal("cannot make a memfd: %s", strerror(errno));
    counted = mmap(NULL, sizeof *counted, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (counted == MAP_FAILED)
        log_fatal("mmap: %s", strerror(errno));
    snprintf(number, sizeof number, "%d", fd);
    setenv(COUNTED_VARIABLE, number, 1);
    server = server_start(candidate->arguments, LIBRARY);
    load = load_open(
        &(struct load_options){.port = server.port, .sessions = SESSIONS, .served = SESSIONS});
    memcpy(&before, counted, sizeof before);
    if (before.allocations == 0)
        log_fatal("%s counts nothing; is the server linked statically?", LIBRARY);
    load_run(load, TRACE_MESSAGES);
    printf("  %-20s allocations %llu, frees %llu, locks %llu (before, to start and connect: %llu, "
           "%llu, %llu)\n",
           candidate->name, (unsigned long long)(counted->allocations - before.allocations),
           (unsigned long long)(counted->frees - before.frees),
           (unsigned long long)(counted->locks - before.locks),
           (unsigned long long)before.allocations, (unsigned long long)before.frees,
           (unsigned long long)before.locks);
    if (candidate->judged) {
        verdict(counted->allocations == before.allocations, "for thread-pool: no allocation");
        verdict(counted->locks == before.locks, "for thread-pool: no lock");
    }
    fflush(stdout);
    load_close(load);
    server_stop(&server);
    munmap(counted, sizeof *counted);
    close(fd);
}

int main(int argc, char *argv[])
{
    (void)argv;
    log_init("bench_calls", LOG_NORMAL);
    if (argc > 1)
        log_usage("there are no options: it runs %d sessions", SESSIONS);
    printf("System calls per echo, by strace, %d sessions\n", SESSIONS);
    fflush(stdout);
    if (!trace_is_possible())
        puts("  left out: strace is not installed, or may not trace (Debian: strace)");
    else
        for (size_t i = 0; i < CANDIDATES; i++)
            count_system_calls(&candidates[i]);
    printf("\nAllocations and locks during %d echoes of %d sessions\n", ECHOES, SESSIONS);
    for (size_t i = 2; i < CANDIDATES; i++)
        count_inside(&candidates[i]);
    return EXIT_OK;
}
