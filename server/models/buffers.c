/* SPDX-License-Identifier: MIT */
/* Buffers of workers: see buffers.h. */
#include "server/models/buffers.h"

#include <errno.h>
#include <stdlib.h>

int buffers_make(struct buffers *buffers, uint64_t workers, size_t bytes)
{
    if (workers > EP_WORKERS_MAX)
        return -EINVAL;
    for (uint64_t i = 0; i < workers; i++) {
        if (buffers->of[i] == NULL)
            buffers->of[i] = malloc(bytes);
        if (buffers->of[i] == NULL)
            return -ENOMEM;
    }
    return 0;
}

void buffers_clear(struct buffers *buffers)
{
    for (size_t i = 0; i < EP_WORKERS_MAX; i++)
        free(buffers->of[i]);
}
