/* SPDX-License-Identifier: MIT */
/**
 * @file barrier.h
 * The start barrier: it opens when everyone has arrived, and stays open.
 *
 * It differs from pthread_barrier_t in what a load needs: one may arrive without waiting (a session
 * that failed to connect, or whose thread could not be made), and one may wait on an event loop,
 * since the barrier is a descriptor that becomes readable.
 *
 *     barrier_init(&barrier, 50);
 *     barrier_arrive(&barrier);          each of the 50, once
 *     barrier_wait(&barrier);            those that want to go through
 *     barrier_clear(&barrier);           when nobody uses it any more
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
 * @return         0, or a negated errno value where there is no descriptor; then nothing is to be
 *                 cleared
 */
int barrier_init(struct barrier *barrier, unsigned awaited);
void barrier_clear(struct barrier *barrier);

/** Count one arrival; the last one opens it. Does not wait. Threads: any. */
void barrier_arrive(struct barrier *barrier);

/** Wait until it is open. Threads: any. */
void barrier_wait(struct barrier *barrier);

/** A descriptor that is readable once it is open, for poll() and event loops. Not to be read. */
static inline int barrier_fd(const struct barrier *barrier)
{
    return barrier->fd;
}

/** When it opened, by clock_now_ns(); 0 while it is closed. Threads: any. */
int64_t barrier_opened_ns(struct barrier *barrier);

#endif /* CLIENT_LOAD_BARRIER_H */
