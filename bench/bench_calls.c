/* SPDX-License-Identifier: MIT */
/*
 * What the servers do for each echo: system calls, allocations, locks. Counted, not timed, so it
 * is the same on every machine.
 *
 * System calls are counted by strace. It cannot be told to begin in the middle, so each server
 * runs twice, the second time with more messages: what the second run has more is what these
 * messages cost, and all that start, connect and stop do cancels out.
 *
 * Allocations and locks are counted by a library that stands in front of the C library
 * (libcount.c) and is read before and after the messages.
 */
#include "bench/counted.h"
#include "bench/load.h"
#include "bench/measure.h"
#include "common/log.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define SESSIONS      4
#define FEW           100  /* messages of each session in the first run */
#define MORE          1000 /* more of them in the second */
#define ECHOES        (SESSIONS * MORE)
#define ARGUMENTS_MAX 16
#define CALLS_MAX     200
#define LIBRARY       "bench/.libs/libcount.so"

struct candidate {
    const char *name;
    const char *arguments[ARGUMENTS_MAX];
    bool judged; /* has to meet the targets */
};

/* The echo-servers come last: only they are worth a look at allocations and locks. */
static const struct candidate candidates[] = {
    {"floor_thread", {"bench/floor_thread"}, false},
    {"floor_epoll", {"bench/floor_epoll"}, false},
    {"--model thread", {"echo-server", "--port", "0", "--model", "thread"}, false},
    {"--model thread-pool", {"echo-server", "--port", "0", "--model", "thread-pool"}, true},
};
#define CANDIDATES (sizeof candidates / sizeof candidates[0])

/* --- System calls -------------------------------------------------------------------------- */

/* How often each call was made. */
struct calls {
    struct {
        char name[32];
        long made;
    } call[CALLS_MAX];
    size_t count;
};

static long *calls_find(struct calls *calls, const char *name)
{
    for (size_t i = 0; i < calls->count; i++)
        if (strcmp(calls->call[i].name, name) == 0)
            return &calls->call[i].made;
    if (calls->count == CALLS_MAX)
        log_fatal("more than %d system calls", CALLS_MAX);
    snprintf(calls->call[calls->count].name, sizeof calls->call[0].name, "%s", name);
    return &calls->call[calls->count++].made;
}

/* Add (or with sign -1 take away) what a table of strace -c says. */
static void calls_read(struct calls *calls, const char *path, long sign)
{
    FILE *file = fopen(path, "re");
    char line[512];

    if (file == NULL)
        log_fatal("cannot read %s: %s", path, strerror(errno));
    while (fgets(line, sizeof line, file) != NULL) {
        char percent[32], seconds[32], each[32], errors[32], name[32];
        long made;
        /* The column of errors is empty for most. */
        int fields = sscanf(line, "%31s %31s %31s %ld %31s %31s", percent, seconds, each, &made,
                            errors, name);
        if (fields >= 5 && strcmp(fields == 6 ? name : errors, "total") != 0)
            *calls_find(calls, fields == 6 ? name : errors) += sign * made;
    }
    fclose(file);
}

static void trace_once(const struct candidate *candidate, unsigned messages, const char *table)
{
    char program[4096];
    const char *arguments[ARGUMENTS_MAX + 8] = {"strace", "-D", "-f", "-qq", "-c", "-o", table};
    struct server server;
    struct load *load;
    size_t at = 7;

    arguments[at++] = build_path(candidate->arguments[0], program, sizeof program);
    for (size_t i = 1; candidate->arguments[i] != NULL; i++)
        arguments[at++] = candidate->arguments[i];
    server = server_start(arguments, NULL);
    load = load_open(server.port, SESSIONS, SESSIONS);
    load_run(load, messages);
    load_close(load);
    server_stop(&server);
    /* With -D the server is our child and strace our grandchild, left to us when its own parent
     * ended: see PR_SET_CHILD_SUBREAPER below. Its table is complete when it has ended. */
    while (wait(NULL) > 0)
        continue;
}

static void count_system_calls(const struct candidate *candidate)
{
    static struct calls calls;
    char table[] = "/tmp/bench_calls.XXXXXX";
    int fd = mkstemp(table);
    long in_all = 0, strays = 0;

    if (fd < 0)
        log_fatal("cannot make a file in /tmp: %s", strerror(errno));
    close(fd);
    memset(&calls, 0, sizeof calls);
    trace_once(candidate, FEW, table);
    calls_read(&calls, table, -1);
    trace_once(candidate, FEW + MORE, table);
    calls_read(&calls, table, 1);
    unlink(table);

    printf("  %-20s ", candidate->name);
    for (size_t i = 0; i < calls.count; i++) {
        long made = calls.call[i].made;
        in_all += made;
        if (made * 1000 >= ECHOES) /* at least one in a thousand echoes */
            printf("%s %.3f  ", calls.call[i].name, (double)made / ECHOES);
        else
            strays += labs(made);
    }
    printf("together %.2f   (strays: %ld in %d echoes)\n", (double)in_all / ECHOES, strays, ECHOES);
    if (candidate->judged)
        verdict(labs(in_all - 2 * ECHOES) < ECHOES / 200,
                "for thread-pool: 2.00 system calls an echo");
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
        log_fatal("cannot make a file in memory: %s", strerror(errno));
    counted = mmap(NULL, sizeof *counted, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (counted == MAP_FAILED)
        log_fatal("mmap: %s", strerror(errno));
    snprintf(number, sizeof number, "%d", fd);
    setenv(COUNTED_VARIABLE, number, 1);
    server = server_start(candidate->arguments, LIBRARY);
    load = load_open(server.port, SESSIONS, SESSIONS);
    memcpy(&before, counted, sizeof before);
    if (before.allocations == 0)
        log_fatal("%s counts nothing; is the server linked statically?", LIBRARY);
    load_run(load, MORE);
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
        log_usage("there are no options: it counts for %d sessions", SESSIONS);
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
        log_fatal("PR_SET_CHILD_SUBREAPER: %s", strerror(errno));
    printf("System calls of an echo, by strace, %d sessions\n", SESSIONS);
    fflush(stdout);
    if (system("strace -V >/dev/null 2>&1") != 0)
        puts("  left out: strace is not there, or may not trace (Debian: strace)");
    else
        for (size_t i = 0; i < CANDIDATES; i++)
            count_system_calls(&candidates[i]);
    printf("\nAllocations and locks during %d echoes of %d sessions\n", ECHOES, SESSIONS);
    for (size_t i = 2; i < CANDIDATES; i++)
        count_inside(&candidates[i]);
    return EXIT_OK;
}
