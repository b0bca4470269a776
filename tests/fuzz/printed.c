/* SPDX-License-Identifier: MIT */
/* What a function prints: see printed.h. */
#include "tests/fuzz/printed.h"

#include "common/printable.h"
#include "tests/fuzz/input.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct printed *catching; /* NULL: nothing is caught */
static jmp_buf before_call;

ssize_t __real_write(int fd, const void *bytes, size_t size);
ssize_t __wrap_write(int fd, const void *bytes, size_t size);
_Noreturn void __real_exit(int status);
_Noreturn void __wrap_exit(int status);
int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);

ssize_t __wrap_write(int fd, const void *bytes, size_t size)
{
    if (catching == NULL || fd != STDERR_FILENO)
        return __real_write(fd, bytes, size);
    HOLDS(size <= PRINTED_MAX - catching->size);
    memcpy(catching->text + catching->size, bytes, size);
    catching->size += size;
    return (ssize_t)size;
}

_Noreturn void __wrap_exit(int status)
{
    if (catching == NULL)
        __real_exit(status);
    catching->status = status;
    longjmp(before_call, 1);
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    int result = __real_clock_gettime(clock, now);

    if (clock == CLOCK_REALTIME)
        *now = (struct timespec){.tv_sec = 1900000000};
    return result;
}

void printed_by(struct printed *printed, void (*call)(void *argument), void *argument)
{
    printed->status = -1;
    printed->size = 0;
    catching = printed;
    if (setjmp(before_call) == 0)
        call(argument);
    catching = NULL;
}

bool printed_one_line(const struct printed *printed)
{
    return printed->size > 0 && printed->text[printed->size - 1] == '\n' &&
           all_printable(printed->text, printed->size - 1);
}

bool all_printable(const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    size_t length;

    for (; size > 0; at += length, size -= length) {
        length = printable(at, size);
        if (length == 0)
            return false;
    }
    return true;
}
