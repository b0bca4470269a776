/* SPDX-License-Identifier: MIT */
/* What the measurements share: see measure.h. */
#include "bench/measure.h"

#include "common/log.h"
#include "common/parse.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* --- Series -------------------------------------------------------------------------------- */

void series_add(struct series *series, double value)
{
    if (series->count == ROUNDS_MAX)
        log_fatal("more than %d rounds", ROUNDS_MAX);
    series->value[series->count++] = value;
}

static int ascending(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;

    return (a > b) - (a < b);
}

double series_percentile(const struct series *series, double percent)
{
    struct series sorted = *series;
    double place;
    size_t below;

    if (series->count == 0)
        return 0;
    qsort(sorted.value, sorted.count, sizeof sorted.value[0], ascending);
    place = percent / 100 * (double)(sorted.count - 1);
    below = (size_t)place;
    if (below + 1 == sorted.count)
        return sorted.value[below];
    return sorted.value[below] +
           (place - (double)below) * (sorted.value[below + 1] - sorted.value[below]);
}

double series_median(const struct series *series)
{
    return series_percentile(series, 50);
}

struct series series_ratio(const struct series *series, const struct series *base)
{
    struct series ratio = {.count = 0};

    for (size_t i = 0; i < series->count && i < base->count; i++)
        series_add(&ratio, series->value[i] / base->value[i]);
    return ratio;
}

static int earlier(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left;
    int64_t b = *(const int64_t *)right;

    return (a > b) - (a < b);
}

double times_percentile(int64_t *times_ns, size_t count, double percent)
{
    qsort(times_ns, count, sizeof times_ns[0], earlier);
    return (double)times_ns[(size_t)(percent / 100 * (double)(count - 1))];
}

void verdict(bool met, const char *format, ...)
{
    va_list arguments;

    fputs("  target ", stdout);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    puts(met ? ": met" : ": MISSED");
}

/* --- Servers ------------------------------------------------------------------------------- */

const char *build_path(const char *file, char *path, size_t size)
{
    const char *top = getenv("TOP_BUILDDIR");

    snprintf(path, size, "%s/%s", top != NULL ? top : ".", file);
    return path;
}

static _Noreturn void become(const char *const arguments[], const char *preload, int out)
{
    char path[4096];

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(out, STDOUT_FILENO);
    if (preload != NULL)
        setenv("LD_PRELOAD", build_path(preload, path, sizeof path), 1);
    build_path(arguments[0], path, sizeof path);
    if (access(path, X_OK) == 0)
        execv(path, (char *const *)(uintptr_t)arguments);
    else
        execvp(arguments[0], (char *const *)(uintptr_t)arguments);
    log_fatal("cannot start %s: %s", arguments[0], strerror(errno));
}

/* Read the first line. @return the port in it */
static uint16_t read_port(int out, const char *program)
{
    char line[256];
    size_t have = 0;
    uint64_t port;
    const char *colon;

    do {
        if (have == sizeof line - 1 || read(out, line + have, 1) != 1)
            log_fatal("%s did not say \"listening on ADDRESS\"", program);
    } while (line[have++] != '\n');
    line[have - 1] = '\0';
    colon = strrchr(line, ':');
    if (colon == NULL || !parse_number(colon + 1, 1, 65535, &port))
        log_fatal("%s said \"%s\" and no port", program, line);
    return (uint16_t)port;
}

struct server server_start(const char *const arguments[], const char *preload)
{
    struct server server;
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        log_fatal("cannot make a pipe: %s", strerror(errno));
    server.pid = fork();
    if (server.pid < 0)
        log_fatal("cannot fork: %s", strerror(errno));
    if (server.pid == 0)
        become(arguments, preload, ends[1]);
    close(ends[1]);
    server.out = ends[0];
    server.port = read_port(ends[0], arguments[0]);
    return server;
}

void server_stop(struct server *server)
{
    char rest[4096];

    kill(server->pid, SIGTERM);
    while (read(server->out, rest, sizeof rest) > 0)
        continue;
    close(server->out);
    waitpid(server->pid, NULL, 0);
}

/* --- /proc --------------------------------------------------------------------------------- */

int64_t process_cpu_ns(pid_t pid)
{
    clockid_t clock;
    struct timespec used;

    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0)
        log_fatal("the server has ended by itself");
    return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}

/* The number after `name` at the start of a line of a file; -1 where there is none. */
static double number_in(const char *path, const char *name)
{
    FILE *file = fopen(path, "re");
    char line[512];
    double number = -1;

    if (file == NULL)
        return -1;
    while (number < 0 && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, name, strlen(name)) == 0)
            number = strtod(line + strlen(name), NULL);
    fclose(file);
    return number;
}

uint64_t process_sleeps(pid_t pid)
{
    char path[64];
    DIR *tasks;
    uint64_t sleeps = 0;

    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    tasks = opendir(path);
    if (tasks == NULL)
        log_fatal("cannot read %s: %s", path, strerror(errno));
    for (struct dirent *entry; (entry = readdir(tasks)) != NULL;) {
        char status[sizeof path + sizeof entry->d_name + sizeof "//status"];
        double number;
        snprintf(status, sizeof status, "%s/%s/status", path, entry->d_name);
        number = number_in(status, "voluntary_ctxt_switches:");
        if (entry->d_name[0] != '.' && number > 0)
            sleeps += (uint64_t)number;
    }
    closedir(tasks);
    return sleeps;
}

unsigned process_descriptors(pid_t pid)
{
    char path[64];
    DIR *directory;
    unsigned descriptors = 0;

    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    directory = opendir(path);
    if (directory == NULL)
        log_fatal("cannot read %s: %s", path, strerror(errno));
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        descriptors += entry->d_name[0] != '.';
    closedir(directory);
    return descriptors;
}

double process_kb(pid_t pid, const char *file, const char *name)
{
    char path[64];
    double number;

    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    number = number_in(path, name);
    if (number < 0)
        log_fatal("%s has no line \"%s\"", path, name);
    return number;
}

double system_kb(const char *name)
{
    return number_in("/proc/meminfo", name);
}

unsigned cpus_allowed(void)
{
    cpu_set_t allowed;

    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        log_fatal("cannot ask for the CPUs: %s", strerror(errno));
    return (unsigned)CPU_COUNT(&allowed);
}

void pin_to_cpu(unsigned number)
{
    cpu_set_t allowed;
    size_t cpu = 0;

    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        log_fatal("cannot ask for the CPUs: %s", strerror(errno));
    for (unsigned passed = 0; passed <= number; cpu++) {
        if (cpu == CPU_SETSIZE)
            log_fatal("there is no CPU %u to stay on", number);
        passed += CPU_ISSET(cpu, &allowed) ? 1 : 0;
    }
    cpu--;
    CPU_ZERO(&allowed);
    CPU_SET(cpu, &allowed);
    if (sched_setaffinity(0, sizeof allowed, &allowed) != 0)
        log_fatal("cannot stay on CPU %zu: %s", cpu, strerror(errno));
}

void pin_to_first_cpu(void)
{
    pin_to_cpu(0);
}

bool in_child(void (*run)(void *context), void *context)
{
    int status;
    pid_t child;

    fflush(stdout);
    child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        run(context);
        fflush(stdout);
        _exit(0);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        log_fatal("cannot measure in a process of its own: %s", strerror(errno));
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}
