/* SPDX-License-Identifier: MIT */
/* A program under test: see program.h. */
#include "tests/torture/program.h"

#include "common/clock.h"
#include "tests/kit/shim.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

int program_shim = -1;

void die(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fputs("torture: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(2);
}

void program_start(struct program *program, const char *const arguments[], int input, int orders)
{
    int out[2], err[2];
    char text[64];

    if (pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0)
        die("no pipes: %s", strerror(errno));
    *program = (struct program){.name = arguments[0], .out = out[0], .err = err[0]};
    snprintf(text, sizeof text, "/proc/%d/fd/%d", getpid(), program_shim);
    program->pid = fork();
    if (program->pid < 0)
        die("no process: %s", strerror(errno));
    if (program->pid == 0) {
        setpgid(0, 0);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(input, STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        dup2(err[1], STDERR_FILENO);
        if (orders >= 0) {
            setenv("LD_PRELOAD", text, 1);
            snprintf(text, sizeof text, "/proc/%d/fd/%d", getppid(), orders);
            setenv(ORDERS_VARIABLE, text, 1);
        }
        execv(arguments[0], (char *const *)(uintptr_t)arguments);
        dprintf(STDERR_FILENO, "cannot run %s: %s\n", arguments[0], strerror(errno));
        _exit(127);
    }
    setpgid(program->pid, program->pid);
    close(out[1]);
    close(err[1]);
}

/* Read what is there. What exceeds the room is dropped. */
static void drain(int *fd, char *said, size_t *size)
{
    char rest[4096];
    bool full = *size == SAID_MAX - 1;
    ssize_t got =
        full ? read(*fd, rest, sizeof rest) : read(*fd, said + *size, SAID_MAX - 1 - *size);

    if (got > 0 && !full)
        *size += (size_t)got;
    if (got <= 0) {
        close(*fd);
        *fd = -1;
    }
}

bool program_says(struct program *program, const char *text, int limit_ms)
{
    int64_t end = clock_now_ns() + limit_ms * INT64_C(1000000);

    while (text == NULL || strstr(program->out_said, text) == NULL) {
        struct pollfd fds[] = {{.fd = program->out, .events = POLLIN},
                               {.fd = program->err, .events = POLLIN}};
        int64_t left_ms = (end - clock_now_ns()) / 1000000;
        if (program->out < 0 && program->err < 0)
            return false;
        if (left_ms <= 0 || poll(fds, 2, (int)left_ms) == 0) {
            program->hangs = true;
            return false;
        }
        if (fds[0].revents != 0)
            drain(&program->out, program->out_said, &program->out_size);
        if (fds[1].revents != 0)
            drain(&program->err, program->err_said, &program->err_size);
    }
    return true;
}

bool program_goes_on(struct program *program, struct orders *orders, struct program_wait *waited)
{
    int64_t now = clock_now_ns();

    if (waited->end_ns == 0)
        waited->end_ns = now + LIMIT_MS * INT64_C(1000000);
    if (waited->shortage_end_ns == 0 && atomic_load(&orders->failed) > 0)
        waited->shortage_end_ns = now + SHORTAGE_MS * INT64_C(1000000);
    if (waited->shortage_end_ns != 0 && now > waited->shortage_end_ns)
        atomic_store(&orders->armed, false);
    program_says(program, NULL, 5);
    if (!program->hangs)
        return false;
    program->hangs = clock_now_ns() > waited->end_ns;
    return !program->hangs;
}

void program_finish(struct program *program, struct orders *orders)
{
    struct program_wait waited = {0};

    while (!program->hangs && program_goes_on(program, orders, &waited))
        ;
    if (program->hangs)
        kill(-program->pid, SIGKILL);
    waitpid(program->pid, &program->status, 0);
    if (program->out >= 0)
        close(program->out);
    if (program->err >= 0)
        close(program->err);
    program->out = program->err = -1;
}

unsigned number_behind(const char *said, const char *text)
{
    const char *found = strstr(said, text);

    return found == NULL ? 0 : (unsigned)strtoul(found + strlen(text), NULL, 10);
}

static char verdict[256];

const char *wrong(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(verdict, sizeof verdict, format, arguments);
    va_end(arguments);
    for (char *newline = verdict; (newline = strchr(newline, '\n')) != NULL;)
        *newline = ' ';
    return verdict;
}

const char *judge_end(const struct program *program)
{
    static const char *const never[] = {"Sanitizer", "runtime error:", "(null)", ": Success"};

    if (program->hangs)
        return "it hangs";
    if (WIFSIGNALED(program->status))
        return wrong("signal %d: %s", WTERMSIG(program->status),
                     strsignal(WTERMSIG(program->status)));
    for (size_t i = 0; i < COUNT_OF(never); i++)
        if (strstr(program->err_said, never[i]) != NULL)
            return wrong("it says \"%s\"", never[i]);
    return NULL;
}

const char *judge_refusal(const struct program *program)
{
    const char *bad = judge_end(program);

    if (bad != NULL)
        return bad;
    if (WEXITSTATUS(program->status) != 1)
        return wrong("status %d", WEXITSTATUS(program->status));
    return program->err_size < 16 ? "status 1 without a reason" : NULL;
}
