/* SPDX-License-Identifier: MIT */
/* The start barrier: a count, a flag and one broadcast. See barrier.h. */
#include "client/barrier.h"

#include "common/clock.h"
#include "common/must.h"

void barrier_init(struct barrier *barrier, unsigned awaited)
{
    MUST(pthread_mutex_init(&barrier->lock, NULL));
    MUST(pthread_cond_init(&barrier->opened, NULL));
    barrier->awaited = awaited;
    barrier->opened_ns = awaited == 0 ? clock_now_ns() : 0;
}

void barrier_clear(struct barrier *barrier)
{
    MUST(pthread_cond_destroy(&barrier->opened));
    MUST(pthread_mutex_destroy(&barrier->lock));
}

void barrier_arrive(struct barrier *barrier)
{
    MUST(pthread_mutex_lock(&barrier->lock));
    if (barrier->awaited > 0 && --barrier->awaited == 0) {
        barrier->opened_ns = clock_now_ns();
        /* never a signal: all who wait must hear it (and glibc bug 25847 loses signals) */
        MUST(pthread_cond_broadcast(&barrier->opened));
    }
    MUST(pthread_mutex_unlock(&barrier->lock));
}

void barrier_wait(struct barrier *barrier)
{
    MUST(pthread_mutex_lock(&barrier->lock));
    while (barrier->opened_ns == 0)
        MUST(pthread_cond_wait(&barrier->opened, &barrier->lock));
    MUST(pthread_mutex_unlock(&barrier->lock));
}

int64_t barrier_opened_ns(struct barrier *barrier)
{
    int64_t opened_ns;

    MUST(pthread_mutex_lock(&barrier->lock));
    opened_ns = barrier->opened_ns;
    MUST(pthread_mutex_unlock(&barrier->lock));
    return opened_ns;
}
