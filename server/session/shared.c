/* SPDX-License-Identifier: MIT */
/* What all sessions share: see shared.h. */
#include "server/session/shared.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

/* What all processes share. What each session reads is not beside what each new one writes. */
struct page {
    _Atomic uint64_t numbers;
    _Alignas(64) atomic_bool draining;
};

struct shared *shared_new(void)
{
    struct shared *shared = calloc(1, sizeof *shared);
    struct page *page =
        mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (shared == NULL || page == MAP_FAILED) {
        if (page != MAP_FAILED)
            munmap(page, sizeof *page);
        free(shared);
        return NULL;
    }
    shared->numbers = &page->numbers; /* a fresh page is zero */
    shared->draining = &page->draining;
    return shared;
}

void shared_free(struct shared *shared)
{
    if (shared == NULL)
        return;
    munmap(shared->numbers, sizeof(struct page));
    free(shared);
}

void shared_wake(const struct shared *shared)
{
    /* The counter is read at each wake-up, so it cannot come near to overflowing. */
    if (eventfd_write(shared->wake_fd, 1) != 0)
        abort();
}
