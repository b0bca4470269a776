/* SPDX-License-Identifier: MIT */
/* Calls on threads of their own: see threads.h. */
#include "threads.h"

#include "faults.h"

#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

/* Of the address sanitizer. */
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

/* CPU time of a call after which it spins: one that is about to sleep needs a thousandth of it. */
#define SPIN_NS 500000000LL

void start(pthread_t *thread, void *(*run)(void *), void *argument)
{
    if (pthread_create(thread, NULL, run, argument) != 0) {
        fputs("grade: this machine cannot make threads now\n", stderr);
        abort();
    }
}

void call_start(struct call *call, void *(*run)(void *))
{
    start(&call->thread, run, call);
}

static long long cpu_ns(const struct call *call)
{
    clockid_t clock;
    struct timespec used;

    if (pthread_getcpuclockid(call->thread, &clock) != 0 || clock_gettime(clock, &used) != 0)
        return 0;
    return used.tv_sec * 1000000000LL + used.tv_nsec;
}

enum call_state call_await(struct call *call, int sleepers)
{
    for (;;) {
        if (atomic_load(&call->returned))
            return CALL_RETURNED;
        if (atomic_load(&lab_waiting) >= sleepers)
            return CALL_SLEEPS;
        if (cpu_ns(call) > SPIN_NS)
            return CALL_SPINS;
        sched_yield();
    }
}

bool call_await_sleep(struct call *call)
{
    char path[64], state = 'R';

    while (state != 'S' && !atomic_load(&call->returned) && cpu_ns(call) <= SPIN_NS) {
        snprintf(path, sizeof path, "/proc/self/task/%d/stat", atomic_load(&call->tid));
        FILE *file = fopen(path, "r");
        if (file == NULL || fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
            sched_yield();
        if (file != NULL)
            fclose(file);
    }
    return !atomic_load(&call->returned);
}

void call_join(struct call *call)
{
    pthread_join(call->thread, NULL);
}

bool leaks(void)
{
    return __lsan_do_recoverable_leak_check != NULL && __lsan_do_recoverable_leak_check() != 0;
}

bool run_twin(const char *id, char why[static WHY_MAX])
{
    char *path = getenv("LAB_TWIN");
    char *arguments[] = {path, (char *)(size_t)id, NULL};
    int status = 0;
    pid_t pid;

    if (path == NULL || posix_spawn(&pid, path, NULL, NULL, arguments, environ) != 0)
        return wrong(why, "it could not be tried: %s does not run",
                     path != NULL ? path : "LAB_TWIN");
    waitpid(pid, &status, 0);
    return status == 0 || wrong(why, "with more than one thread at a time it fails");
}

int twin(const struct lab *lab, const char *id)
{
    char why[WHY_MAX] = "";

    for (size_t i = 0; i < lab->count; i++)
        if (strcmp(lab->requirements[i].id, id) == 0)
            return lab->requirements[i].is_met(why) ? 0 : 1;
    return 2;
}
