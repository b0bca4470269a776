/* SPDX-License-Identifier: MIT */
/* Pools in other languages, each in a separate process: see peer.h. */
#include "bench/peer.h"

#include "bench/child.h"
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define SCRIPT BENCH_FOLDER "/peer_python.py"

/* Start a command that writes to `out` and is killed when this program exits. */
static pid_t start(const char *const arguments[], int out)
{
    pid_t child = fork();

    if (child < 0)
        log_fatal("cannot fork: %s", strerror(errno));
    if (child > 0)
        return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(out, STDOUT_FILENO);
    execvp(arguments[0], (char *const *)(uintptr_t)arguments);
    _exit(127);
}

static struct peer_result run(const char *const arguments[])
{
    struct peer_result result;
    int ends[2], status, fields;
    pid_t child;
    FILE *out;

    if (pipe2(ends, O_CLOEXEC) != 0 || (out = fdopen(ends[0], "re")) == NULL)
        log_fatal("cannot make a pipe: %s", strerror(errno));
    child = start(arguments, ends[1]);
    close(ends[1]);
    fields = fscanf(out, "%" SCNu64 " %" SCNd64 " %" SCNd64 " %" SCNu64, &result.tasks,
                    &result.took_ns, &result.cpu_ns, &result.sleeps);
    while (fgetc(out) != EOF)
        continue;
    fclose(out);
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        log_fatal("%s failed; run it alone to see why", arguments[0]);
    if (fields != 4)
        log_fatal("%s did not print its four numbers", arguments[0]);
    return result;
}

bool peer_has_python(void)
{
    static const char *const arguments[] = {"python3", "-c", "import concurrent.futures", NULL};
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    pid_t child = start(arguments, nowhere);
    int status;

    close(nowhere);
    return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

struct peer_result peer_run_python(const char *pool, uint64_t tasks, unsigned workers,
                                   unsigned bytes)
{
    char number[3][24];
    const char *arguments[] = {"python3", SCRIPT, pool, number[0], number[1], number[2], NULL};

    snprintf(number[0], sizeof number[0], "%" PRIu64, tasks);
    snprintf(number[1], sizeof number[1], "%u", workers);
    snprintf(number[2], sizeof number[2], "%u", bytes);
    return run(arguments);
}

struct peer_result peer_run_tbb(uint64_t tasks, unsigned workers)
{
    char path[4096], number[2][24];
    const char *arguments[] = {build_path("bench/peer_tbb", path, sizeof path), number[0],
                               number[1], NULL};

    snprintf(number[0], sizeof number[0], "%" PRIu64, tasks);
    snprintf(number[1], sizeof number[1], "%u", workers);
    return run(arguments);
}
