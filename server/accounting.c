/* SPDX-License-Identifier: MIT */
/*
 * The one lock of the server's own: see accounting.h for what it makes true.
 *
 * DESIGN. Atomic counters would be cheaper and would lie: a reader could see a session ended and
 * still in flight. Sessions begin and end some thousand times a second, echoes happen some
 * hundred thousand times, so the lock is where it costs nothing.
 *
 * The number of sessions that wait is not counted but follows: whatever is in flight beyond the
 * sessions that can be served at once must wait. The most of it is reached just before a session
 * ends, so the peaks are looked at there. One that is being rejected was never served and never
 * waited: it does not make a peak.
 */
#include "server/accounting.h"

#include "common/must.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct accounting {
    /* set once, then read-only */
    uint64_t servers;
    uint64_t queue;

    pthread_mutex_t lock;
    /* guarded by lock */
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
    accounting->servers = servers;
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
    uint64_t served = held;
    uint64_t waiting = 0;

    if (accounting->servers > 0 && held > accounting->servers) {
        served = accounting->servers;
        waiting = held - served;
        if (waiting > accounting->queue)
            waiting = accounting->queue; /* the one beyond is about to be rejected */
    }
    if (counts->peak_served < served)
        counts->peak_served = served;
    if (counts->peak_waiting < waiting)
        counts->peak_waiting = waiting;
}

uint64_t accounting_enter(struct accounting *accounting, struct accounting_entry *entry)
{
    uint64_t number;

    lock(accounting);
    entry->next = &accounting->live;
    entry->previous = accounting->live.previous;
    entry->previous->next = entry;
    accounting->live.previous = entry;
    accounting->counts.in_flight++;
    number = ++accounting->counts.accepted;
    unlock(accounting);
    return number;
}

void accounting_end(struct accounting *accounting, struct accounting_entry *entry,
                    enum outcome outcome, uint64_t echoes)
{
    lock(accounting);
    note_peaks_locked(accounting, accounting->counts.in_flight - (outcome == OUTCOME_REJECTED));
    entry->previous->next = entry->next;
    entry->next->previous = entry->previous;
    accounting->counts.in_flight--;
    accounting->counts.ended[outcome]++;
    accounting->counts.echoes += echoes;
    unlock(accounting);
}

void accounting_turn_away(struct accounting *accounting)
{
    lock(accounting);
    accounting->counts.accepted++;
    accounting->counts.ended[OUTCOME_REJECTED]++;
    unlock(accounting);
}

void accounting_snapshot(struct accounting *accounting, struct counts *counts)
{
    lock(accounting);
    note_peaks_locked(accounting, accounting->counts.in_flight);
    *counts = accounting->counts;
    unlock(accounting);
}

void accounting_each(struct accounting *accounting, void (*visit)(struct accounting_entry *entry))
{
    lock(accounting);
    for (struct accounting_entry *entry = accounting->live.next; entry != &accounting->live;
         entry = entry->next)
        visit(entry);
    unlock(accounting);
}

const char *counts_text(const struct counts *counts, char *text, size_t size)
{
    snprintf(text, size,
             "accepted %" PRIu64 " = served %" PRIu64 " + rejected %" PRIu64 " + timed out %" PRIu64
             " + failed %" PRIu64 " + in flight %" PRIu64,
             counts->accepted, counts->ended[OUTCOME_SERVED], counts->ended[OUTCOME_REJECTED],
             counts->ended[OUTCOME_IDLE_TIMEOUT] + counts->ended[OUTCOME_WRITE_TIMEOUT],
             counts->ended[OUTCOME_FAILED], counts->in_flight);
    return text;
}
