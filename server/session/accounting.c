/* SPDX-License-Identifier: MIT */
/*
 * Counting under one lock: see accounting.h for what that guarantees.
 *
 * DESIGN. Atomic counters would be cheaper and inconsistent: a reader could see a session ended and
 * still in flight. Sessions begin and end some thousand times a second, echoes happen some
 * hundred thousand times, so the lock is where it costs nothing.
 *
 * The number of sessions that wait is not counted but follows: whatever is in flight beyond the
 * sessions that can be served at once must wait. The most of it is reached just before a session
 * ends, so the peaks are looked at there. One that is rejected before a worker had it was never served
 * and never waited: it does not make a peak. One that is rejected by its PROXY header has held a worker,
 * and does; but since it was not served, its time with the worker is not among the services.
 */
#include "server/session/accounting.h"

#include "common/clock.h"
#include "common/must.h"
#include "common/translate.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

const char *const outcome_words[OUTCOME_COUNT] = {
    [OUTCOME_SERVED] = N_("served"),
    [OUTCOME_REJECTED] = N_("rejected"),
    [OUTCOME_STOPPED] = N_("stopped"),
    [OUTCOME_QUEUE_TIMEOUT] = N_("queue timeout"),
    [OUTCOME_HANDSHAKE_TIMEOUT] = N_("handshake timeout"),
    [OUTCOME_IDLE_TIMEOUT] = N_("idle timeout"),
    [OUTCOME_WRITE_TIMEOUT] = N_("write timeout"),
    [OUTCOME_SESSION_TIMEOUT] = N_("session timeout"),
    [OUTCOME_CUT] = N_("cut"),
    [OUTCOME_HANDSHAKE_FAILED] = N_("handshake failed"),
    [OUTCOME_FAILED] = N_("failed"),
};

const char *const phase_words[PHASE_COUNT] = {
    [PHASE_QUEUED] = "queued",   [PHASE_HANDSHAKE] = "handshake", [PHASE_RECEIVING] = "receiving",
    [PHASE_WORKING] = "working", [PHASE_SENDING] = "sending",     [PHASE_PARKED] = "parked",
    [PHASE_CLOSING] = "closing",
};

const double time_bucket_seconds[TIME_BUCKETS] = {
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
    0.05,   0.1,     0.25,   0.5,   1,      2.5,   10,   60,
};

struct accounting {
    uint64_t queue; /* set once, then read-only */

    pthread_mutex_t lock;
    /* guarded by lock */
    uint64_t servers; /* sessions that can be served at once */
    uint64_t wanted;  /* what that must become: the workers beyond end their sessions first */
    uint64_t helpers; /* sessions that the accept loop serves beside the workers */
    struct counts counts;
    struct accounting_entry live; /* the head of a ring */
};

static void lock(struct accounting *accounting)
{
    MUST(pthread_mutex_lock(&accounting->lock));
}

static void unlock(struct accounting *accounting)
{
    MUST(pthread_mutex_unlock(&accounting->lock));
}

struct accounting *accounting_new(uint64_t servers, uint64_t queue)
{
    struct accounting *accounting = calloc(1, sizeof *accounting);

    if (accounting == NULL)
        return NULL;
    accounting->servers = accounting->wanted = servers;
    accounting->queue = queue;
    accounting->live.next = accounting->live.previous = &accounting->live;
    MUST(pthread_mutex_init(&accounting->lock, NULL));
    return accounting;
}

void accounting_free(struct accounting *accounting)
{
    if (accounting == NULL)
        return;
    pthread_mutex_destroy(&accounting->lock);
    free(accounting);
}

/* Raise the peaks to what `held` sessions mean. */
static void note_peaks_locked(struct accounting *accounting, uint64_t held)
{
    struct counts *counts = &accounting->counts;
    uint64_t most = accounting->servers + accounting->helpers;
    uint64_t served = held;
    uint64_t waiting = 0;

    if (accounting->servers > 0 && held > most) {
        served = most;
        waiting = held - served;
        if (waiting > accounting->queue)
            waiting = accounting->queue; /* the one beyond is about to be rejected */
    }
    if (counts->peak_served < served)
        counts->peak_served = served;
    if (counts->peak_waiting < waiting)
        counts->peak_waiting = waiting;
}

/* Check whether a session has a worker that leaves after it. The accept loop is none. */
static bool is_last_of_worker_locked(const struct accounting *accounting,
                                     const struct accounting_entry *entry)
{
    unsigned worker = atomic_load_explicit(&entry->worker, memory_order_relaxed);

    return atomic_load_explicit(&entry->begun_ns, memory_order_relaxed) != 0 &&
           worker >= accounting->wanted && worker < WORKER_LOOP;
}

void accounting_set_servers(struct accounting *accounting, uint64_t servers)
{
    const struct accounting_entry *entry;

    lock(accounting);
    note_peaks_locked(accounting, accounting->counts.in_flight);
    accounting->wanted = accounting->servers = servers;
    for (entry = accounting->live.next; entry != &accounting->live; entry = entry->next)
        accounting->servers += is_last_of_worker_locked(accounting, entry);
    unlock(accounting);
}

void accounting_help(struct accounting *accounting, bool begins)
{
    lock(accounting);
    if (begins)
        accounting->helpers++;
    else
        accounting->helpers--;
    unlock(accounting);
}

void accounting_adopt(struct accounting *accounting, struct accounting_entry *entry)
{
    lock(accounting);
    entry->next = &accounting->live;
    entry->previous = accounting->live.previous;
    entry->previous->next = entry;
    accounting->live.previous = entry;
    accounting->counts.in_flight++;
    accounting->counts.accepted++;
    unlock(accounting);
}

void accounting_enter(struct accounting *accounting, struct accounting_entry *entry)
{
    *entry = (struct accounting_entry){.accepted_ns = clock_now_ns()};
    accounting_adopt(accounting, entry);
}

static void add_time(struct times *times, int64_t ns)
{
    double seconds = (double)(ns > 0 ? ns : 0) / 1e9;
    int bucket = 0;

    while (bucket < TIME_BUCKETS && seconds > time_bucket_seconds[bucket])
        bucket++;
    if (bucket < TIME_BUCKETS)
        times->buckets[bucket]++;
    times->count++;
    times->sum_seconds += seconds;
}

/* Add what one session has done so far. */
static void add_entry(struct counts *counts, const struct accounting_entry *entry)
{
    counts->echoes += atomic_load_explicit(&entry->echoes, memory_order_relaxed);
    counts->bytes_received += atomic_load_explicit(&entry->bytes_received, memory_order_relaxed);
    counts->bytes_sent += atomic_load_explicit(&entry->bytes_sent, memory_order_relaxed);
}

/* Add how long a session waited, once it has begun. */
static void add_wait(struct counts *counts, const struct accounting_entry *entry)
{
    int64_t begun_ns = atomic_load_explicit(&entry->begun_ns, memory_order_relaxed);

    if (begun_ns != 0)
        add_time(&counts->waits, begun_ns - entry->accepted_ns);
}

void accounting_end(struct accounting *accounting, struct accounting_entry *entry,
                    enum outcome outcome)
{
    struct counts *counts = &accounting->counts;
    int64_t now_ns = clock_now_ns();
    int64_t begun_ns = atomic_load_explicit(&entry->begun_ns, memory_order_relaxed);
    bool rejected = outcome == OUTCOME_REJECTED;

    lock(accounting);
    note_peaks_locked(accounting, counts->in_flight - (rejected && begun_ns == 0));
    entry->previous->next = entry->next;
    entry->next->previous = entry->previous;
    counts->in_flight--;
    if (entry->held != NULL)
        atomic_fetch_sub(entry->held, 1);
    if (accounting->servers > accounting->wanted && is_last_of_worker_locked(accounting, entry))
        accounting->servers--;
    counts->ended[outcome]++;
    add_entry(counts, entry);
    add_wait(counts, entry);
    if (begun_ns != 0 && !rejected)
        add_time(&counts->services, now_ns - begun_ns);
    unlock(accounting);
}

void accounting_turn_away(struct accounting *accounting)
{
    lock(accounting);
    accounting->counts.accepted++;
    accounting->counts.ended[OUTCOME_REJECTED]++;
    unlock(accounting);
}

void accounting_survey(struct accounting *accounting, struct counts *counts,
                       void (*visit)(struct accounting_entry *entry, void *context), void *context)
{
    struct accounting_entry *entry;

    lock(accounting);
    if (counts != NULL) {
        note_peaks_locked(accounting, accounting->counts.in_flight);
        *counts = accounting->counts;
    }
    for (entry = accounting->live.next; entry != &accounting->live; entry = entry->next) {
        if (counts != NULL) {
            add_entry(counts, entry);
            add_wait(counts, entry);
        }
        if (visit != NULL)
            visit(entry, context);
    }
    unlock(accounting);
}

void accounting_snapshot(struct accounting *accounting, struct counts *counts)
{
    accounting_survey(accounting, counts, NULL, NULL);
}

void accounting_each(struct accounting *accounting,
                     void (*visit)(struct accounting_entry *entry, void *context), void *context)
{
    accounting_survey(accounting, NULL, visit, context);
}

/* Add up the sessions that were served to their end or to the server's. */
static uint64_t counts_served(const struct counts *counts)
{
    return counts->ended[OUTCOME_SERVED] + counts->ended[OUTCOME_STOPPED];
}

/* Add up the sessions that timed out, by any limit, and those that were cut. */
static uint64_t counts_timed_out(const struct counts *counts)
{
    uint64_t timed_out = 0;

    for (int i = OUTCOME_QUEUE_TIMEOUT; i <= OUTCOME_CUT; i++)
        timed_out += counts->ended[i];
    return timed_out;
}

const char *counts_text(const struct counts *counts, char *text, size_t size)
{
    snprintf(text, size,
             "accepted %" PRIu64 " = served %" PRIu64 " + rejected %" PRIu64 " + timed out %" PRIu64
             " + failed %" PRIu64 " + in flight %" PRIu64,
             counts->accepted, counts_served(counts), counts->ended[OUTCOME_REJECTED],
             counts_timed_out(counts),
             counts->ended[OUTCOME_FAILED] + counts->ended[OUTCOME_HANDSHAKE_FAILED],
             counts->in_flight);
    return text;
}
