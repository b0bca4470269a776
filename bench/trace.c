/* SPDX-License-Identifier: MIT */
/* Count system calls with strace: see trace.h. */
#include "bench/trace.h"

#include "bench/child.h"
#include "bench/load.h"
#include "common/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define FEW           100 /* messages of each session in the first run */
#define ARGUMENTS_MAX 40
#define CALLS_MAX     200

/* The number of calls by name. */
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

/* Add the counts of a table of strace -c, or subtract them with sign -1. */
static void calls_read(struct calls *calls, const char *path, long sign)
{
    FILE *file = fopen(path, "re");
    char line[512];

    if (file == NULL)
        log_fatal("cannot read %s: %s", path, strerror(errno));
    while (fgets(line, sizeof line, file) != NULL) {
        char percent[32], seconds[32], each[32], errors[32], name[32];
        long made;
        /* Most calls have an empty column of errors. */
        int fields = sscanf(line, "%31s %31s %31s %ld %31s %31s", percent, seconds, each, &made,
                            errors, name);
        if (fields >= 5 && strcmp(fields == 6 ? name : errors, "total") != 0)
            *calls_find(calls, fields == 6 ? name : errors) += sign * made;
    }
    fclose(file);
}

static void trace_once(const char *const server_arguments[], unsigned sessions, unsigned messages,
                       const char *table)
{
    char program[4096];
    const char *arguments[ARGUMENTS_MAX] = {"strace", "-D", "-f", "-qq", "-c", "-o", table};
    struct server server;
    struct load *load;
    size_t at = 7;

    build_path(server_arguments[0], program, sizeof program);
    arguments[at++] = access(program, X_OK) == 0 ? program : server_arguments[0];
    for (size_t i = 1; server_arguments[i] != NULL && at < ARGUMENTS_MAX - 1; i++)
        arguments[at++] = server_arguments[i];
    server = server_start(arguments, NULL);
    load = load_open(
        &(struct load_options){.port = server.port, .sessions = sessions, .served = sessions});
    load_run(load, messages);
    load_close(load);
    server_stop(&server);
    /* With -D the server is our child and strace our grandchild. We become strace's parent when its
     * parent exits: see trace_is_possible(). Its table is complete when it has exited. */
    while (wait(NULL) > 0)
        continue;
}

bool trace_is_possible(void)
{
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
        log_fatal("PR_SET_CHILD_SUBREAPER: %s", strerror(errno));
    return system("strace -qq -o /dev/null true 2>/dev/null") == 0;
}

struct trace trace_echoes(const char *const arguments[], unsigned sessions)
{
    static struct calls calls;
    struct trace trace = {.each = 0};
    char table[] = "/tmp/bench_trace.XXXXXX";
    int fd = mkstemp(table);
    long echoes = (long)sessions * TRACE_MESSAGES;
    size_t length = 0;

    if (fd < 0)
        log_fatal("cannot make a file in /tmp: %s", strerror(errno));
    close(fd);
    memset(&calls, 0, sizeof calls);
    trace_once(arguments, sessions, FEW, table);
    calls_read(&calls, table, -1);
    trace_once(arguments, sessions, FEW + TRACE_MESSAGES, table);
    calls_read(&calls, table, 1);
    unlink(table);
    for (size_t i = 0; i < calls.count; i++) {
        long made = calls.call[i].made;
        trace.each += (double)made / (double)echoes;
        if (made * 1000 < echoes)
            trace.strays += labs(made);
        else if (length < sizeof trace.text)
            length += (size_t)snprintf(trace.text + length, sizeof trace.text - length, "%s %.3f  ",
                                       calls.call[i].name, (double)made / (double)echoes);
    }
    return trace;
}
