/* SPDX-License-Identifier: MIT */
/*
 * Grading: see grade.h.
 *
 * DESIGN. Each trial is a child with a process group of its own, which is killed when the trial is over, with
 * whatever the student's program has left. The sentence comes through a pipe. Everything that the child or its
 * server writes to standard error goes to a file, where the reports of sanitizers are looked for.
 */
#include "grade.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* A trial takes a second. */
#define PATIENCE_S 60

/* What sanitizers report, the worst first, and how to say it. */
static const struct {
    const char *report, *words;
} sanitizers[] = {
    {"heap-use-after-free", "the program uses memory that it has freed"},
    {"attempting double-free", "the program frees the same memory twice"},
    {"-buffer-overflow", "the program reads or writes beyond the end of its memory"},
    {"data race", "two threads use the same memory at once without a lock, and one of them writes"},
    {"thread leak", "a thread was neither joined nor detached"},
    {"lock-order-inversion",
     "two locks are taken in different orders, so two threads can wait for each other"},
    {"unlock of an unlocked mutex", "a mutex is unlocked that was not locked"},
    {"destroy of a locked mutex", "a mutex is destroyed while it is locked"},
    {"detected memory leaks", "memory was allocated and never freed"},
    {"runtime error:", "the program does what C does not define"},
    {"AddressSanitizer", "the program uses memory that it must not use"},
    {"FATAL: ThreadSanitizer",
     "it could not be tried: the thread sanitizer does not run on this machine"},
    {"ThreadSanitizer", "threads disturb one another"},
};

/* Signals that end the grader, and the trial whose group ends with it. */
static const int ends[] = {SIGINT, SIGTERM, SIGHUP};
static volatile pid_t trial;

static void on_end(int number)
{
    if (trial > 0)
        kill(-trial, SIGKILL);
    _exit(128 + number);
}

/* End what the trial has left, also what has made itself a session: it is this process's child by now. */
static void end_orphans(void)
{
    char path[64];
    int pid, ended;

    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    do {
        FILE *file = fopen(path, "r");
        while (file != NULL && fscanf(file, "%d", &pid) == 1)
            kill(pid, SIGKILL);
        if (file != NULL)
            fclose(file);
        ended = waitpid(-1, NULL, WNOHANG);
        if (ended == 0)
            poll(NULL, 0, 5);
    } while (ended >= 0);
}

int patience_s(void)
{
    const char *patience = getenv("LAB_PATIENCE");

    return patience != NULL ? atoi(patience) : PATIENCE_S;
}

bool wrong(char why[static WHY_MAX], const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(why, WHY_MAX, format, arguments);
    va_end(arguments);
    return false;
}

/* Find the first line in the report that is in the program, "queue.c:41", or nothing. */
static void find_place(const char *report, char place[static 64])
{
    const char *dir = getenv("LAB_SOURCES");

    *place = '\0';
    for (const char *at = report; dir != NULL && (at = strstr(at, dir)) != NULL; at++) {
        const char *name = at + strlen(dir);
        size_t length =
            strspn(name, "/abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:");
        while (*name == '/')
            name++, length--;
        if (memchr(name, ':', length) != NULL) {
            snprintf(place, 64, "%.*s", (int)length, name);
            place[strcspn(place, ":") + 1 + strspn(place + strcspn(place, ":") + 1, "0123456789")] =
                '\0';
            return;
        }
    }
}

/* Say what a sanitizer has reported. @return whether one has */
static bool was_reported(FILE *log, char why[static WHY_MAX])
{
    static char text[1 << 16];
    char place[64];
    size_t size;

    rewind(log);
    size = fread(text, 1, sizeof text - 1, log);
    for (size_t i = 0; i < size; i++)
        if (text[i] == '\0')
            text[i] = ' ';
    text[size] = '\0';
    for (size_t i = 0; i < sizeof sanitizers / sizeof *sanitizers; i++) {
        const char *at = strstr(text, sanitizers[i].report);
        if (at == NULL)
            continue;
        while (at > text && at[-1] != '\n')
            at--;
        find_place(at, place);
        wrong(why, "%s%s%s", sanitizers[i].words, *place != '\0' ? ": look at " : "", place);
        return true;
    }
    return false;
}

/* Wait until the pipe has a byte or is closed. @return whether it was in time */
static bool has_ended(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

    return poll(&poll_fd, 1, 1000 * patience_s()) > 0;
}

/* The child of a trial. It ends without exit(), which would look for leaks of the grader. */
static _Noreturn void try(const struct requirement *requirement, int fd, FILE *log)
{
    char why[WHY_MAX] = "";
    bool met;

    setpgid(0, 0);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        signal(ends[i], SIG_DFL);
    dup2(fileno(log), STDERR_FILENO);
    met = requirement->is_met(why);
    if (write(fd, why, strlen(why)) < 0)
        _exit(2);
    _exit(met ? 0 : 1);
}

/* @return whether the requirement is met; otherwise why says why not */
static bool try_one(const struct requirement *requirement, char why[static WHY_MAX])
{
    int pipe_fd[2], status = 0;
    FILE *log = tmpfile();
    ssize_t size = 0;
    bool ended;

    if (log == NULL || pipe(pipe_fd) != 0)
        return wrong(why, "this machine cannot make files or pipes now: %s", strerror(errno));
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before); /* one that ends the grader ends the trial, too */
    pid_t pid = fork();
    if (pid > 0)
        setpgid(pid, pid);
    trial = pid > 0 ? pid : 0;
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (pid == 0)
        try(requirement, pipe_fd[1], log);
    if (pid < 0)
        return wrong(why, "this machine cannot make processes now: %s", strerror(errno));
    close(pipe_fd[1]);
    *why = '\0';
    ended = has_ended(pipe_fd[0]);
    if (ended && (size = read(pipe_fd[0], why, WHY_MAX - 1)) >= 0)
        why[size] = '\0';
    if (ended)
        waitpid(pid, &status, 0);
    kill(-pid, SIGKILL);
    if (!ended)
        waitpid(pid, &status, 0);
    trial = 0;
    end_orphans();
    close(pipe_fd[0]);

    bool met = ended && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (was_reported(log, why))
        met = false;
    else if (!ended)
        wrong(why, "%s", requirement->hangs != NULL ? requirement->hangs : "it does not end");
    else if (WIFSIGNALED(status))
        wrong(why, "it crashes: %s", strsignal(WTERMSIG(status)));
    fclose(log);
    return met;
}

/* Print one line for the requirement, and one for what went wrong. */
static void print_result(const struct requirement *requirement, bool met, const char *why,
                         json_t *list)
{
    unsigned points = met ? requirement->points : 0;

    printf("  %u/%u  %s\n", points, requirement->points, requirement->what);
    if (!met)
        printf("       %s.\n       Read %s.\n", why, requirement->read);
    json_array_append_new(list, json_pack("{s:s, s:s, s:i, s:i, s:s*, s:s*}", "id", requirement->id,
                                          "what", requirement->what, "points", (int)points, "of",
                                          (int)requirement->points, "why", met ? NULL : why, "read",
                                          met ? NULL : requirement->read));
}

/* What the compiler has said costs the last point, which a program that does nothing does not get. */
static bool is_clean(char why[static WHY_MAX])
{
    const char *path = getenv("LAB_WARNINGS");
    FILE *file = path != NULL ? fopen(path, "r") : NULL;
    char line[WHY_MAX - 64] = "";
    bool warned = false;

    while (file != NULL && !warned && fgets(line, sizeof line, file) != NULL)
        warned = strstr(line, "warning:") != NULL;
    if (file != NULL)
        fclose(file);
    line[strcspn(line, "\n")] = '\0';
    return !warned || wrong(why, "the compiler warns: %s", line);
}

/* Try a requirement, unless another one is asked for, or it cannot be tried. @return its points */
static unsigned grade_one(const struct requirement *requirement, json_t *list, unsigned *of)
{
    const char *only = getenv("LAB_ONLY");
    char why[WHY_MAX];

    if (only != NULL && strcmp(only, requirement->id) != 0)
        return 0;
    if (requirement->built_only && getenv("LAB_BUILT") == NULL) {
        printf("  -    %s: not tried, since labs/check has not built the program\n",
               requirement->what);
        return 0;
    }
    *of += requirement->points;
    if (isatty(STDOUT_FILENO)) {
        printf("  ./%u  %s\r", requirement->points, requirement->what);
        fflush(stdout);
    }
    bool met = try_one(requirement, why);
    print_result(requirement, met, why, list);
    return met ? requirement->points : 0;
}

int grade(unsigned number, const struct lab *lab)
{
    static const struct requirement clean = {.id = "clean",
                                             .what = "the compiler has no warning",
                                             .points = 1,
                                             .read = "the option in gcc(1)"};
    const char *path = getenv("LAB_JSON");
    json_t *list = json_array();
    unsigned points = 0, of = 0;
    char why[WHY_MAX];

    setlinebuf(stdout);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        signal(ends[i], on_end);
    printf("Lab %u: %s\n\n", number, lab->title);
    for (size_t i = 0; i < lab->count; i++)
        points += grade_one(&lab->requirements[i], list, &of);
    if (getenv("LAB_BUILT") != NULL && getenv("LAB_ONLY") == NULL) {
        bool met =
            points > 0 ? is_clean(why) : wrong(why, "it does not count before anything else works");
        print_result(&clean, met, why, list);
        points += met ? clean.points : 0;
        of += clean.points;
    }
    if (of == 0) {
        fprintf(stderr, "grade: lab %u has no requirement %s; it has", number, getenv("LAB_ONLY"));
        for (size_t i = 0; i < lab->count; i++)
            fprintf(stderr, " %s", lab->requirements[i].id);
        fputs("\n", stderr);
        json_decref(list);
        return 2;
    }
    printf("\nPoints: %u of %u\n", points, of);

    json_t *report = json_pack("{s:i, s:s, s:i, s:i, s:o}", "lab", (int)number, "title", lab->title,
                               "points", (int)points, "of", (int)of, "requirements", list);
    if (path != NULL && json_dump_file(report, path, JSON_INDENT(2)) != 0) {
        fprintf(stderr, "grade: cannot write the report to %s: %s\n", path, strerror(errno));
        return 2;
    }
    json_decref(report);
    return points == of ? 0 : 1;
}
