/* SPDX-License-Identifier: MIT */
/*
 * Histograms of how long tasks wait and run: see observer-internal.h.
 *
 * Each worker counts in one of a few parts, by relaxed additions, so that they seldom write to the same
 * cache line. Reading adds the parts up, in the reverse order of counting: the runs before the waits, and of
 * each the longest, the counts, the sum. So whatever is counted meanwhile, no run is without its wait, and no
 * time is counted that is not in the sum.
 */
#include "pool/observer-internal.h"

#include "pool/park-internal.h"

#include <stdlib.h>
#include <string.h>

#define PARTS 8u

struct durations {
    _Atomic uint64_t sum_ns;
    _Atomic int64_t longest_ns;
    _Atomic uint64_t counts[EP_DURATIONS];
};

struct part {
    _Alignas(CACHE_LINE) struct durations waits;
    struct durations runs;
};

struct observer {
    struct part parts[PARTS];
};

struct observer *observer_new(void)
{
    struct observer *observer = aligned_alloc(CACHE_LINE, sizeof *observer);

    if (observer != NULL)
        memset(observer, 0, sizeof *observer);
    return observer;
}

void observer_free(struct observer *observer)
{
    free(observer);
}

/** Find the first bucket whose bound a duration is below; the last one takes every longer one. */
static unsigned bucket_of(int64_t ns)
{
    unsigned bucket = 0;

    while (bucket < EP_DURATIONS - 1 && ns >= EP_DURATION_BOUND_NS(bucket))
        bucket++;
    return bucket;
}

static void count(struct durations *durations, int64_t ns)
{
    int64_t longest = atomic_load_explicit(&durations->longest_ns, memory_order_relaxed);

    if (ns < 0)
        ns = 0;
    atomic_fetch_add_explicit(&durations->sum_ns, (uint64_t)ns, memory_order_relaxed);
    atomic_fetch_add_explicit(&durations->counts[bucket_of(ns)], 1, memory_order_release);
    while (ns > longest &&
           !atomic_compare_exchange_weak_explicit(&durations->longest_ns, &longest, ns,
                                                  memory_order_release, memory_order_relaxed))
        ;
}

void observer_begun(struct observer *observer, unsigned worker, int64_t waited_ns)
{
    count(&observer->parts[worker % PARTS].waits, waited_ns);
}

void observer_ended(struct observer *observer, unsigned worker, int64_t ran_ns)
{
    count(&observer->parts[worker % PARTS].runs, ran_ns);
}

static void add(struct ep_durations *sum, struct durations *durations)
{
    int64_t longest = atomic_load_explicit(&durations->longest_ns, memory_order_acquire);

    if (longest > sum->longest_ns)
        sum->longest_ns = longest;
    for (unsigned i = 0; i < EP_DURATIONS; i++) {
        uint64_t counted = atomic_load_explicit(&durations->counts[i], memory_order_acquire);

        sum->counts[i] += counted;
        sum->count += counted;
    }
    sum->sum_ns += atomic_load_explicit(&durations->sum_ns, memory_order_relaxed);
}

void observer_read(struct observer *observer, struct ep_observation *observation)
{
    memset(observation, 0, sizeof *observation);
    for (unsigned i = 0; i < PARTS; i++)
        add(&observation->runs, &observer->parts[i].runs);
    for (unsigned i = 0; i < PARTS; i++)
        add(&observation->waits, &observer->parts[i].waits);
}
