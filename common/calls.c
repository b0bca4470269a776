/* SPDX-License-Identifier: MIT */
/*
 * Asking for system calls: see calls.h.
 *
 * A filter answers before the kernel looks at the arguments, with EPERM or ENOSYS. A call that it lets pass has
 * another error for these arguments, or none.
 */
#include "common/calls.h"

#include "common/log.h"
#include "common/translate.h"

#include <errno.h>
#include <unistd.h>

const struct call *calls_refused(const struct call calls[])
{
    for (; calls->name != NULL; calls++)
        if (syscall(calls->number, -1L, 1L, 0L, 0L, 0L, 0L) == -1 &&
            (errno == EPERM || errno == ENOSYS))
            return calls;
    return NULL;
}

void calls_need(const struct call calls[])
{
    const struct call *refused = calls_refused(calls);

    if (refused != NULL)
        log_fatal("cannot do without %s(): %s; the kernel or a filter of system calls refuses it",
                  refused->name, translate_error(errno));
}
