/* SPDX-License-Identifier: MIT */
/* What all sessions share: see shared.h. */
#include "server/session/shared.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

struct shared *shared_new(void)
{
    struct shared *shared = calloc(1, sizeof *shared);
    void *flag =
        mmap(NULL, sizeof(atomic_bool), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (shared == NULL || flag == MAP_FAILED) {
        if (flag != MAP_FAILED)
            munmap(flag, sizeof(atomic_bool));
        free(shared);
        return NULL;
    }
    shared->draining = flag; /* a fresh page is zero */
    return shared;
}

void shared_free(struct shared *shared)
{
    if (shared == NULL)
        return;
    munmap(shared->draining, sizeof(atomic_bool));
    free(shared);
}

void shared_wake(const struct shared *shared)
{
    /* The counter is read at each wake-up, so it cannot come near to overflowing. */
    if (eventfd_write(shared->wake_fd, 1) != 0)
        abort();
}
