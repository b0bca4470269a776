/* SPDX-License-Identifier: MIT */
/* Shared histograms behind one lock that is rarely taken. See measure.h. */
#include "client/session/measure.h"

#include "common/must.h"

#include <stddef.h>

const char *const measure_names[MEASURE_PHASES] = {
    [MEASURE_CONNECT] = "connect",
    [MEASURE_QUEUE_WAIT] = "queue_wait",
    [MEASURE_HANDSHAKE] = "handshake",
    [MEASURE_ECHO] = "echo",
    [MEASURE_ECHO_RAW] = "echo_raw",
    [MEASURE_CLOSE] = "close",
    [MEASURE_LAG] = "lag",
};

static void free_all(struct measure *measure)
{
    for (unsigned phase = 0; phase < MEASURE_PHASES; phase++)
        histogram_free(measure->times[phase]);
}

bool measure_init(struct measure *measure)
{
    bool whole = true;

    *measure = (struct measure){0};
    for (unsigned phase = 0; phase < MEASURE_PHASES; phase++) {
        measure->times[phase] = histogram_new();
        whole = whole && measure->times[phase] != NULL;
    }
    if (!whole) {
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

void measure_one(struct measure *measure, enum measure_phase phase, int64_t ns)
{
    MUST(pthread_mutex_lock(&measure->lock));
    histogram_record(measure->times[phase], ns);
    MUST(pthread_mutex_unlock(&measure->lock));
}

/** Count unanswered messages. Under the lock, or while no other thread records. */
static void add_unanswered(struct measure *measure, uint64_t count, int64_t ns_min)
{
    if (count > 0 && (measure->unanswered == 0 || ns_min < measure->unanswered_ns_min))
        measure->unanswered_ns_min = ns_min;
    measure->unanswered += count;
}

void measure_unanswered(struct measure *measure, int64_t ns, uint64_t count)
{
    MUST(pthread_mutex_lock(&measure->lock));
    histogram_record_many(measure->times[MEASURE_ECHO], ns, count);
    add_unanswered(measure, count, ns);
    MUST(pthread_mutex_unlock(&measure->lock));
}

/** Count unserved sessions. Under the lock, or while no other thread records. */
static void add_unserved(struct measure *measure, uint64_t count, int64_t ns_min)
{
    if (count > 0 && (measure->unserved == 0 || ns_min < measure->unserved_ns_min))
        measure->unserved_ns_min = ns_min;
    measure->unserved += count;
}

void measure_unserved(struct measure *measure, int64_t ns)
{
    MUST(pthread_mutex_lock(&measure->lock));
    histogram_record(measure->times[MEASURE_QUEUE_WAIT], ns);
    add_unserved(measure, 1, ns);
    MUST(pthread_mutex_unlock(&measure->lock));
}

void measure_flush(struct measure *measure, struct measure_batch *batch)
{
    if (batch->count == 0)
        return;
    MUST(pthread_mutex_lock(&measure->lock));
    for (unsigned i = 0; i < batch->count; i++)
        histogram_record(measure->times[MEASURE_ECHO], batch->echo_ns[i]);
    for (unsigned i = 0; batch->scheduled && i < batch->count; i++) {
        histogram_record(measure->times[MEASURE_ECHO_RAW], batch->raw_ns[i]);
        histogram_record(measure->times[MEASURE_LAG], batch->lag_ns[i]);
    }
    MUST(pthread_mutex_unlock(&measure->lock));
    batch->count = 0;
}

void measure_merge(struct measure *into, const struct measure *from)
{
    for (unsigned phase = 0; phase < MEASURE_PHASES; phase++)
        histogram_add(into->times[phase], from->times[phase]);
    add_unanswered(into, from->unanswered, from->unanswered_ns_min);
    add_unserved(into, from->unserved, from->unserved_ns_min);
}

void measure_peek(struct measure *measure, enum measure_phase phase, struct histogram *into)
{
    MUST(pthread_mutex_lock(&measure->lock));
    histogram_add(into, measure->times[phase]);
    MUST(pthread_mutex_unlock(&measure->lock));
}
