/* SPDX-License-Identifier: MIT */
/* A count behind a lock, and an eventfd to wait for. See barrier.h. */
#include "client/load/barrier.h"

#include "common/clock.h"
#include "common/must.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <unistd.h>

/** Open the barrier. Under the lock, or before another thread knows it. */
static void open_it(struct barrier *barrier)
{
    barrier->opened_ns = clock_now_ns();
    MUST(eventfd_write(barrier->fd, 1));
}

int barrier_init(struct barrier *barrier, unsigned awaited)
{
    barrier->fd = eventfd(0, EFD_CLOEXEC);
    if (barrier->fd < 0)
        return -errno;
    MUST(pthread_mutex_init(&barrier->lock, NULL));
    barrier->awaited = awaited;
    barrier->opened_ns = 0;
    if (awaited == 0)
        open_it(barrier);
    return 0;
}

void barrier_clear(struct barrier *barrier)
{
    MUST(pthread_mutex_destroy(&barrier->lock));
    close(barrier->fd);
}

void barrier_arrive(struct barrier *barrier)
{
    MUST(pthread_mutex_lock(&barrier->lock));
    if (barrier->awaited > 0 && --barrier->awaited == 0)
        open_it(barrier);
    MUST(pthread_mutex_unlock(&barrier->lock));
}

void barrier_wait(struct barrier *barrier)
{
    struct pollfd open = {.fd = barrier->fd, .events = POLLIN};

    while (poll(&open, 1, -1) < 1)
        continue; /* a signal; nothing else can be wrong with a descriptor of ours */
}

int64_t barrier_opened_ns(struct barrier *barrier)
{
    int64_t opened_ns;

    MUST(pthread_mutex_lock(&barrier->lock));
    opened_ns = barrier->opened_ns;
    MUST(pthread_mutex_unlock(&barrier->lock));
    return opened_ns;
}
