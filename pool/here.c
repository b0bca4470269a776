/* SPDX-License-Identifier: MIT */
/* The mark of the process that made an object: see here-internal.h. */
#include "pool/here-internal.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

const bool *here_new(void)
{
    bool *page =
        mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (page == MAP_FAILED)
        return NULL;
    *page = true;
    /* The kernel fills the page with zeros in the child. One before 4.14 does not, and then forks go
     * unnoticed. */
    (void)madvise(page, page_size(), MADV_WIPEONFORK);
    return page;
}

void here_free(const bool *mark)
{
    if (mark != NULL)
        munmap((void *)(uintptr_t)mark, page_size());
}
