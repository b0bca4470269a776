/* SPDX-License-Identifier: MIT */
/* What all sessions share: see service.h. */
#include "server/service.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

struct service *service_new(void)
{
    void *memory = mmap(NULL, sizeof(struct service), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

void service_free(struct service *service)
{
    if (service != NULL)
        munmap(service, sizeof *service);
}

void service_wake(const struct service *service)
{
    /* The counter is read at each wake-up, so it cannot come near to overflowing. */
    if (eventfd_write(service->wake_fd, 1) != 0)
        abort();
}
