/* SPDX-License-Identifier: MIT */
/**
 * @file measure.h
 * Where the time went: four histograms that all sessions of a run share.
 *
 * DESIGN
 * A histogram is 250 KB, too much for each of a thousand sessions, and one behind a lock would be
 * locked for every message. So a session first collects its echo times in a batch of its own, a
 * kilobyte, and hands over a full batch under the lock: one lock for MEASURE_BATCH messages, no
 * allocation, no value lost, and memory that does not grow with the length of the run. Connect,
 * queue wait and handshake occur once in a session and take the lock directly.
 */
#ifndef CLIENT_MEASURE_H
#define CLIENT_MEASURE_H

#include "common/histogram.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum { MEASURE_BATCH = 128 };

/** All times in nanoseconds. */
struct measure {
    pthread_mutex_t lock;
    /* guarded by lock while sessions run; afterwards free to read */
    struct histogram *connect;    /**< connect() called → connected */
    struct histogram *queue_wait; /**< connected → first byte that the server sends */
    struct histogram *handshake;  /**< of TLS: from that first byte → agreed */
    struct histogram *echo;       /**< send → whole reply; but for the one that ended a wait */
};

/** The echo times of one session. One thread only; zero-initialised it is empty. */
struct measure_batch {
    unsigned count;
    int64_t echo_ns[MEASURE_BATCH];
};

/** @return false for want of memory; then there is nothing to clear */
bool measure_init(struct measure *measure);
void measure_clear(struct measure *measure);

/** Threads: any. */
void measure_connect(struct measure *measure, int64_t ns);
void measure_queue_wait(struct measure *measure, int64_t ns);
void measure_handshake(struct measure *measure, int64_t ns);

/** Hand a batch over and empty it. Threads: the batch's own. */
void measure_flush(struct measure *measure, struct measure_batch *batch);

/** Record one echo. Threads: the batch's own. */
static inline void measure_echo(struct measure *measure, struct measure_batch *batch, int64_t ns)
{
    batch->echo_ns[batch->count++] = ns;
    if (batch->count == MEASURE_BATCH)
        measure_flush(measure, batch);
}

#endif /* CLIENT_MEASURE_H */
