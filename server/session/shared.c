/* SPDX-License-Identifier: MIT */
/* What all sessions share: see shared.h. */
#include "server/session/shared.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

struct service *service_new(void)
{
    struct service *service = calloc(1, sizeof *service);
    void *flag =
        mmap(NULL, sizeof(atomic_bool), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (service == NULL || flag == MAP_FAILED) {
        if (flag != MAP_FAILED)
            munmap(flag, sizeof(atomic_bool));
        free(service);
        return NULL;
    }
    service->draining = flag; /* a fresh page is zero */
    return service;
}

void service_free(struct service *service)
{
    if (service == NULL)
        return;
    munmap(service->draining, sizeof(atomic_bool));
    free(service);
}

void service_wake(const struct service *service)
{
    /* The counter is read at each wake-up, so it cannot come near to overflowing. */
    if (eventfd_write(service->wake_fd, 1) != 0)
        abort();
}
