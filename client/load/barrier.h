/* SPDX-License-Identifier: MIT */
/**
 * @file barrier.h
 * The start barrier: it opens when all have arrived, and stays open.
 *
 * A load needs two things that pthread_barrier_t does not have. A session can arrive without waiting
 * (one that failed to connect, or that got no thread), and can wait on an event loop, since the barrier
 * is a descriptor that becomes readable.
 *
 *     barrier_init(&barrier, 50);
 *     barrier_arrive(&barrier);          each of the 50, once
 *     barrier_wait(&barrier);            those of them that go on
 *     barrier_clear(&barrier);           when no thread uses it any more
 */
#ifndef CLIENT_LOAD_BARRIER_H
#define CLIENT_LOAD_BARRIER_H

#include <pthread.h>
#include <stdint.h>

struct barrier {
    int fd; /* an eventfd, written once and never read: it stays readable */
    pthread_mutex_t lock;
    /* guarded by lock */
    unsigned awaited;  /* arrivals still missing */
    int64_t opened_ns; /* clock_now_ns() at the opening; 0: closed */
};

/**
 * @param awaited  arrivals that open it; 0: it is open from the start
 * @return         0, or a negated errno value: there is no descriptor, and nothing to clear
 */
int barrier_init(struct barrier *barrier, unsigned awaited);
void barrier_clear(struct barrier *barrier);

/** Count one arrival; the last one opens it. Does not wait. Threads: any. */
void barrier_arrive(struct barrier *barrier);

/** Wait until it is open. Threads: any. */
void barrier_wait(struct barrier *barrier);

/** A descriptor that is readable once it is open, for poll() and event loops. Must not be read. */
static inline int barrier_fd(const struct barrier *barrier)
{
    return barrier->fd;
}

/** When it opened, by clock_now_ns(); 0 while it is closed. Threads: any. */
int64_t barrier_opened_ns(struct barrier *barrier);

#endif /* CLIENT_LOAD_BARRIER_H */
