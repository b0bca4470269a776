/* SPDX-License-Identifier: MIT */
/*
 * Writing without waiting.
 *
 * DESIGN
 * Standard output is shared with the process that started us, so it must not be made non-blocking.
 * Instead poll() is asked first: a pipe is ready if PIPE_BUF bytes fit, so at most PIPE_BUF bytes are
 * written at a time. A regular file is always ready, and takes all in one call.
 */
#include "client/views/outlet.h"

#include "common/log.h"
#include "common/translate.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* This much is collected before a write is worth its system call. */
enum { WORTH_WRITING = 64 << 10 };

struct outlet {
    char *name; /* for messages */
    int fd;
    size_t at_once; /* bytes that a write may have without waiting */
    char *text;     /* bytes [written, size) are still to be written */
    size_t written;
    size_t size;
    size_t room;
    int error;
};

static void release(struct outlet *outlet)
{
    free(outlet->text);
    free(outlet->name);
    free(outlet);
}

static void fail(struct outlet *outlet, int error)
{
    if (outlet->error == 0)
        outlet->error = -error;
    outlet->size = outlet->written = 0;
}

struct outlet *outlet_open(const char *path)
{
    struct outlet *outlet = calloc(1, sizeof *outlet);
    bool standard = strcmp(path, "-") == 0;
    struct stat status;
    int error;

    if (outlet == NULL)
        return NULL;
    outlet->name = strdup(standard ? "standard output" : path);
    if (outlet->name == NULL)
        outlet->fd = -1;
    else if (standard)
        outlet->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    else
        outlet->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (outlet->fd < 0) {
        error = errno;
        release(outlet);
        errno = error;
        return NULL;
    }
    outlet->at_once = PIPE_BUF;
    if (fstat(outlet->fd, &status) == 0 && S_ISREG(status.st_mode))
        outlet->at_once = SIZE_MAX;
    return outlet;
}

/** Make room for more bytes. What has been written gives up its place first. */
static bool make_room(struct outlet *outlet, size_t more)
{
    size_t room = outlet->room > 0 ? outlet->room : WORTH_WRITING;
    char *text;

    if (outlet->written > 0) {
        memmove(outlet->text, outlet->text + outlet->written, outlet->size - outlet->written);
        outlet->size -= outlet->written;
        outlet->written = 0;
    }
    while (room - outlet->size < more)
        room *= 2;
    if (room == outlet->room)
        return true;
    text = realloc(outlet->text, room);
    if (text == NULL)
        return false;
    outlet->text = text;
    outlet->room = room;
    return true;
}

void outlet_put(struct outlet *outlet, const char *text, size_t size)
{
    if (outlet->error != 0)
        return;
    if (outlet->room - outlet->size < size && !make_room(outlet, size)) {
        fail(outlet, ENOMEM);
        return;
    }
    memcpy(outlet->text + outlet->size, text, size);
    outlet->size += size;
    if (outlet->size - outlet->written >= WORTH_WRITING)
        outlet_offer(outlet);
}

void outlet_print(struct outlet *outlet, const char *format, ...)
{
    char line[512];
    char *text = line;
    va_list arguments;
    int size;

    va_start(arguments, format);
    size = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (size >= (int)sizeof line) {
        va_start(arguments, format);
        size = vasprintf(&text, format, arguments);
        va_end(arguments);
    }
    if (size < 0) {
        fail(outlet, ENOMEM);
        return;
    }
    outlet_put(outlet, text, (size_t)size);
    if (text != line)
        free(text);
}

/** Write once, as much as is allowed. @return false: nothing more can be written now, or ever */
static bool write_some(struct outlet *outlet)
{
    size_t size = outlet->size - outlet->written;
    ssize_t done;

    if (size == 0)
        return false;
    done = write(outlet->fd, outlet->text + outlet->written,
                 size < outlet->at_once ? size : outlet->at_once);
    if (done >= 0)
        outlet->written += (size_t)done;
    else if (errno == EAGAIN) /* the process that started us made it non-blocking */
        return false;
    else if (errno != EINTR)
        fail(outlet, errno);
    return outlet->error == 0;
}

/** @param limit_ms  wait this long; -1: without limit. @return whether a write would not wait */
static bool is_ready(const struct outlet *outlet, int limit_ms)
{
    struct pollfd ready = {.fd = outlet->fd, .events = POLLOUT};

    return poll(&ready, 1, limit_ms) > 0; /* on an error too: the write returns it */
}

void outlet_offer(struct outlet *outlet)
{
    while (outlet->size > outlet->written && is_ready(outlet, 0) && write_some(outlet))
        continue;
}

int outlet_close(struct outlet *outlet, const char *what, int error)
{
    while (outlet->size > outlet->written) {
        is_ready(outlet, -1);
        write_some(outlet);
    }
    if (close(outlet->fd) != 0)
        fail(outlet, errno);
    if (outlet->error != 0)
        error = outlet->error;
    if (error != 0 && error != -EPIPE)
        log_error("cannot write %s%s%s: %s", what, what[0] != '\0' ? _(" to ") : "", outlet->name,
                  translate_error(-error));
    release(outlet);
    return error;
}
