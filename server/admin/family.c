/* SPDX-License-Identifier: MIT */
/* What child processes use: see family.h. */
#include "server/admin/family.h"

#include "common/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

/* Generations below this process: a zygote, its workers. */
enum { GENERATIONS = 2 };

/* Add one process: fields 14 to 17 and 24 of /proc/PID/stat, see proc(5). */
static void add_process(struct family_usage *usage, pid_t pid)
{
    char path[40];
    char line[1024];
    const char *at = NULL;
    uint64_t user, system, pages;
    int64_t of_children[2];
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    file = fopen(path, "re");
    if (file == NULL)
        return; /* it has ended */
    if (fgets(line, sizeof line, file) != NULL)
        at = strrchr(line, ')'); /* the name before it may hold anything */
    fclose(file);
    if (at == NULL || sscanf(at,
                             ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64
                             " %" SCNd64 " %" SCNd64 " %*d %*d %*d %*d %*u %*u %" SCNu64,
                             &user, &system, &of_children[0], &of_children[1], &pages) != 5)
        return;
    usage->resident_bytes += pages * (uint64_t)sysconf(_SC_PAGESIZE);
    usage->cpu_ns += ((int64_t)(user + system) + of_children[0] + of_children[1]) *
                     (SECOND_NS / sysconf(_SC_CLK_TCK));
}

/* Add the children of a process's main thread, which is the one that forks, and theirs. */
static void add_children(struct family_usage *usage, pid_t pid, int generations)
{
    char path[64];
    FILE *file;
    int child;

    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
    file = generations > 0 ? fopen(path, "re") : NULL;
    if (file == NULL)
        return;
    while (fscanf(file, "%d", &child) == 1) {
        add_process(usage, child);
        add_children(usage, child, generations - 1);
    }
    fclose(file);
}

void family_add(struct family_usage *usage)
{
    add_children(usage, getpid(), GENERATIONS);
}
