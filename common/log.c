/* SPDX-License-Identifier: MIT */
/*
 * What the programs say on standard error: see log.h.
 *
 * A line is put together on the stack and leaves in one write(2). stdio is not used: its lock
 * would be held by whichever thread a fork() leaves behind, and a line could be cut in two.
 *
 * Text may hold what a stranger sent or typed. Control bytes in it become '?', so that a line
 * stays one line and cannot drive the terminal that shows it.
 */
#include "common/log.h"

#include "common/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_BYTES 1024 /* longer ones are cut and end in "..." */

/* Set before any thread is made, then only read. */
static const char *log_program = "echopool";
static enum log_level log_level = LOG_NORMAL;

void log_init(const char *program, enum log_level level)
{
    log_program = program;
    log_level = level;
}

/* Where standard error is gone there is nobody to tell, so failure is not looked at. */
static void write_all(const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t written = write(STDERR_FILENO, bytes, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return;
        bytes += written;
        size -= (size_t)written;
    }
}

/* Keeps errno, so that a caller may log first and return errno afterwards. */
static __attribute__((format(printf, 1, 0))) void say(const char *format, va_list arguments)
{
    char line[LINE_BYTES];
    int saved = errno;
    size_t room = sizeof line - 1; /* one byte is kept for the newline */
    size_t used;
    int length;

    length = snprintf(line, room, "%s: ", log_program);
    used = length < 0 ? 0 : (size_t)length < room ? (size_t)length : room - 1;
    errno = saved; /* for %m */
    length = vsnprintf(line + used, room - used, format, arguments);
    if (length >= 0 && (size_t)length >= room - used) {
        used = room - 1;
        memcpy(line + used - 3, "...", 3);
    } else if (length >= 0) {
        used += (size_t)length;
    }
    for (size_t i = 0; i < used; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    line[used] = '\n';
    write_all(line, used + 1);
    errno = saved;
}

#define SAY(format)                                                                                \
    do {                                                                                           \
        va_list arguments;                                                                         \
        va_start(arguments, format);                                                               \
        say(format, arguments);                                                                    \
        va_end(arguments);                                                                         \
    } while (0)

void log_error(const char *format, ...)
{
    SAY(format);
}

void log_warn(const char *format, ...)
{
    if (log_level >= LOG_NORMAL)
        SAY(format);
}

void log_verbose(const char *format, ...)
{
    if (log_level >= LOG_VERBOSE)
        SAY(format);
}

void log_fatal(const char *format, ...)
{
    SAY(format);
    exit(EXIT_RUN);
}

void log_usage(const char *format, ...)
{
    SAY(format);
    exit(EXIT_USAGE);
}

unsigned log_gate_pass(struct log_gate *gate)
{
    int64_t now = clock_now_ns();
    unsigned passed;

    if (gate->last_ns != 0 && now - gate->last_ns < INT64_C(1000000000)) {
        gate->held++;
        return 0;
    }
    passed = 1 + gate->held;
    gate->last_ns = now;
    gate->held = 0;
    return passed;
}
