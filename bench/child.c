/* SPDX-License-Identifier: MIT */
/* Child processes, and their figures from /proc: see child.h. */
#include "bench/child.h"

#include "common/log.h"
#include "common/parse.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* --- Servers ------------------------------------------------------------------------------- */

const char *build_path(const char *file, char *path, size_t size)
{
    const char *top = getenv("TOP_BUILDDIR");

    snprintf(path, size, "%s/%s", top != NULL ? top : ".", file);
    return path;
}

/* Become the program. errors: a descriptor for standard error, or -1 to inherit it. */
static _Noreturn void become(const char *const arguments[], const char *preload, int out,
                             int errors)
{
    char path[4096];

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(out, STDOUT_FILENO);
    if (errors >= 0)
        dup2(errors, STDERR_FILENO);
    if (preload != NULL)
        setenv("LD_PRELOAD", build_path(preload, path, sizeof path), 1);
    build_path(arguments[0], path, sizeof path);
    if (access(path, X_OK) == 0)
        execv(path, (char *const *)(uintptr_t)arguments);
    else
        execvp(arguments[0], (char *const *)(uintptr_t)arguments);
    log_fatal("cannot start %s: %s", arguments[0], strerror(errno));
}

/* Read the first line. @return the port at its end, or 0: there is none */
static uint16_t read_port(int out)
{
    char line[256];
    size_t have = 0;
    uint64_t port;
    const char *colon;

    do {
        if (have == sizeof line - 1 || read(out, line + have, 1) != 1)
            return 0;
    } while (line[have++] != '\n');
    line[have - 1] = '\0';
    colon = strrchr(line, ':');
    return colon != NULL && parse_number(colon + 1, 1, 65535, &port) ? (uint16_t)port : 0;
}

/* Start a program with a pipe as its standard output. @return its process id */
static pid_t spawn(const char *const arguments[], const char *preload, int errors, int *out)
{
    int ends[2];
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) != 0)
        log_fatal("cannot make a pipe: %s", strerror(errno));
    pid = fork();
    if (pid < 0)
        log_fatal("cannot fork: %s", strerror(errno));
    if (pid == 0)
        become(arguments, preload, ends[1], errors);
    close(ends[1]);
    *out = ends[0];
    return pid;
}

static bool start(const char *const arguments[], const char *preload, int errors,
                  struct server *server)
{
    server->pid = spawn(arguments, preload, errors, &server->out);
    server->port = read_port(server->out);
    if (server->port == 0)
        server_stop(server);
    return server->port != 0;
}

struct server server_start(const char *const arguments[], const char *preload)
{
    struct server server;

    if (!start(arguments, preload, -1, &server))
        log_fatal("%s did not print \"listening on ADDRESS\"", arguments[0]);
    return server;
}

bool server_try(const char *const arguments[], int errors, struct server *server)
{
    return start(arguments, NULL, errors, server);
}

/* Copy the last line of a file, without the newline. */
static void read_last_line(int fd, char *line, size_t size)
{
    char text[4096];
    ssize_t got = pread(fd, text, sizeof text - 1, 0);
    size_t length = got > 0 ? (size_t)got : 0;
    char *last;

    while (length > 0 && text[length - 1] == '\n')
        length--;
    text[length] = '\0';
    last = strrchr(text, '\n');
    snprintf(line, size, "%s", last != NULL ? last + 1 : text);
}

bool server_probe(const char *const arguments[], char *why, size_t size)
{
    struct server server;
    int errors = memfd_create("errors", MFD_CLOEXEC);
    bool good;

    if (errors < 0)
        log_fatal("cannot make a file in memory: %s", strerror(errno));
    good = server_try(arguments, errors, &server);
    if (good)
        server_stop(&server);
    else
        read_last_line(errors, why, size);
    close(errors);
    return good;
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

/* --- Programs that exit on their own ------------------------------------------------------- */

struct program program_start(const char *const arguments[], const char *preload)
{
    struct program program = {.name = arguments[0]};

    program.pid = spawn(arguments, preload, -1, &program.out);
    return program;
}

static int64_t nanoseconds(struct timeval time)
{
    return (int64_t)time.tv_sec * 1000000000 + (int64_t)time.tv_usec * 1000;
}

struct usage program_end(struct program *program, char *text, size_t size)
{
    char rest[4096];
    size_t have = 0;
    ssize_t got;
    int status;
    struct rusage used;

    while ((got = read(program->out, rest, sizeof rest)) > 0) {
        size_t room = text != NULL ? size - 1 - have : 0;
        size_t kept = (size_t)got < room ? (size_t)got : room;

        if (kept > 0)
            memcpy(text + have, rest, kept);
        have += kept;
    }
    if (text != NULL)
        text[have] = '\0';
    close(program->out);
    if (wait4(program->pid, &status, 0, &used) != program->pid)
        log_fatal("cannot wait for %s: %s", program->name, strerror(errno));
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        log_fatal("%s failed", program->name);
    return (struct usage){.user_ns = nanoseconds(used.ru_utime),
                          .system_ns = nanoseconds(used.ru_stime),
                          .sleeps = (uint64_t)used.ru_nvcsw};
}

/* --- Ports --------------------------------------------------------------------------------- */

uint16_t free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        log_fatal("cannot find a free port: %s", strerror(errno));
    close(fd);
    return ntohs(address.sin_port);
}

/* --- /proc --------------------------------------------------------------------------------- */

/* @return whether the process exists */
static bool read_cpu_clock(pid_t pid, int64_t *used_ns)
{
    clockid_t clock;
    struct timespec used;

    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0)
        return false;
    *used_ns = (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
    return true;
}

int64_t process_cpu_ns(pid_t pid)
{
    int64_t used;

    if (!read_cpu_clock(pid, &used))
        log_fatal("the server has exited unexpectedly");
    return used;
}

/* @return the number after `name` at the start of a line of a file, or -1: there is none */
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

/* Add up the value that `worth` returns for each entry of a folder of /proc. */
static uint64_t sum_of_folder(const char *folder, uint64_t (*worth)(const char *path))
{
    DIR *entries = opendir(folder);
    uint64_t sum = 0;

    if (entries == NULL)
        log_fatal("cannot read %s: %s", folder, strerror(errno));
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] != '.')
            sum += worth(path);
    }
    closedir(entries);
    return sum;
}

static uint64_t sleeps_of_thread(const char *path)
{
    char status[600];
    double sleeps;

    snprintf(status, sizeof status, "%s/status", path);
    sleeps = number_in(status, "voluntary_ctxt_switches:");
    return sleeps > 0 ? (uint64_t)sleeps : 0; /* a thread that has just exited has no file */
}

static uint64_t one(const char *path)
{
    (void)path;
    return 1;
}

uint64_t process_sleeps(pid_t pid)
{
    char folder[64];

    snprintf(folder, sizeof folder, "/proc/%d/task", (int)pid);
    return sum_of_folder(folder, sleeps_of_thread);
}

unsigned process_descriptors(pid_t pid)
{
    char folder[64];

    snprintf(folder, sizeof folder, "/proc/%d/fd", (int)pid);
    return (unsigned)sum_of_folder(folder, one);
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

/* --- Processes and their descendants ------------------------------------------------------- */

static void visit_family(pid_t pid, void (*visit)(pid_t pid, void *context), void *context);

/* Visit the children of one thread: the kernel lists them by the thread that forked. */
static void visit_children(const char *path, void (*visit)(pid_t, void *), void *context)
{
    FILE *file = fopen(path, "re");
    int child;

    if (file == NULL)
        return;
    while (fscanf(file, "%d", &child) == 1)
        visit_family(child, visit, context);
    fclose(file);
}

static void visit_family(pid_t pid, void (*visit)(pid_t pid, void *context), void *context)
{
    char path[512];
    DIR *threads;

    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    threads = opendir(path);
    if (threads == NULL)
        return; /* it has just exited */
    visit(pid, context);
    for (struct dirent *entry; (entry = readdir(threads)) != NULL;)
        if (entry->d_name[0] != '.') {
            snprintf(path, sizeof path, "/proc/%d/task/%s/children", (int)pid, entry->d_name);
            visit_children(path, visit, context);
        }
    closedir(threads);
}

/* @return the CPU time of the children that have exited and were waited for */
static int64_t ended_children_ns(pid_t pid)
{
    char path[64], text[1024];
    const char *after_name;
    long long user = 0, system = 0;
    FILE *file;
    size_t got;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    file = fopen(path, "re");
    if (file == NULL)
        return 0;
    got = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[got] = '\0';
    /* The name, in brackets, may contain brackets and blanks. Fields 16 and 17 of proc(5). */
    after_name = strrchr(text, ')');
    if (after_name == NULL ||
        sscanf(after_name + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %lld %lld",
               &user, &system) != 2)
        return 0;
    return (user + system) * (1000000000 / sysconf(_SC_CLK_TCK));
}

static void add_cpu(pid_t pid, void *sum)
{
    int64_t own;

    if (read_cpu_clock(pid, &own))
        *(int64_t *)sum += own + ended_children_ns(pid);
}

int64_t family_cpu_ns(pid_t pid)
{
    int64_t sum = 0;

    visit_family(pid, add_cpu, &sum);
    return sum;
}

static void add_descriptors(pid_t pid, void *sum)
{
    *(unsigned *)sum += process_descriptors(pid);
}

unsigned family_descriptors(pid_t pid)
{
    unsigned sum = 0;

    visit_family(pid, add_descriptors, &sum);
    return sum;
}

static void add_threads(pid_t pid, void *sum)
{
    *(unsigned *)sum += (unsigned)process_kb(pid, "status", "Threads:");
}

unsigned family_threads(pid_t pid)
{
    unsigned sum = 0;

    visit_family(pid, add_threads, &sum);
    return sum;
}

static void add_kb(pid_t pid, void *sum)
{
    *(double *)sum += process_kb(pid, "smaps_rollup", "Pss:") + process_kb(pid, "status", "VmPTE:");
}

double family_kb(pid_t pid)
{
    double sum = 0;

    visit_family(pid, add_kb, &sum);
    return sum;
}
