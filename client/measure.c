/* SPDX-License-Identifier: MIT */
/* Shared histograms behind one lock that is rarely taken. See measure.h. */
#include "client/measure.h"

#include "common/must.h"

#include <stddef.h>

static void free_all(struct measure *measure)
{
    histogram_free(measure->connect);
    histogram_free(measure->queue_wait);
    histogram_free(measure->handshake);
    histogram_free(measure->echo);
}

bool measure_init(struct measure *measure)
{
    measure->connect = histogram_new();
    measure->queue_wait = histogram_new();
    measure->handshake = histogram_new();
    measure->echo = histogram_new();
    if (measure->connect == NULL || measure->queue_wait == NULL || measure->handshake == NULL ||
        measure->echo == NULL) {
        free_all(measure);
        return false;
    }
    MUST(pthread_mutex_init(&measure->lock, NULL));
    return true;
}

void measure_clear(struct measure *measure)
{
    free_all(measure);
    MUST(pthread_mutex_destroy(&measure->lock));
}

static void record(struct measure *measure, struct histogram *histogram, int64_t ns)
{
    MUST(pthread_mutex_lock(&measure->lock));
    histogram_record(histogram, ns);
    MUST(pthread_mutex_unlock(&measure->lock));
}

void measure_connect(struct measure *measure, int64_t ns)
{
    record(measure, measure->connect, ns);
}

void measure_queue_wait(struct measure *measure, int64_t ns)
{
    record(measure, measure->queue_wait, ns);
}

void measure_handshake(struct measure *measure, int64_t ns)
{
    record(measure, measure->handshake, ns);
}

void measure_flush(struct measure *measure, struct measure_batch *batch)
{
    MUST(pthread_mutex_lock(&measure->lock));
    for (unsigned i = 0; i < batch->count; i++)
        histogram_record(measure->echo, batch->echo_ns[i]);
    MUST(pthread_mutex_unlock(&measure->lock));
    batch->count = 0;
}
