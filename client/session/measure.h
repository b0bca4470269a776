/* SPDX-License-Identifier: MIT */
/**
 * @file measure.h
 * How long each phase of a session took: one histogram a phase, shared by all sessions of a run.
 *
 * DESIGN
 * A histogram is 250 KB, too much for each of a thousand sessions, and a shared one would be locked
 * for every message. So each thread that runs sessions (one session, or thousands on a loop) collects
 * echo times in a batch of its own and adds a full batch under the lock: one lock for MEASURE_BATCH
 * messages, no allocation, no value lost, and memory that does not grow with the length of the run.
 * A batch that fills slowly is added when it is MEASURE_PATIENCE_NS old, so that the views see what
 * happens. The other phases occur once in a connection and take the lock directly.
 *
 * A message that was due and never answered would be missing among the times, and the longer a server
 * stalls the more would be: so it counts in the echo with the time that had passed when the client stopped
 * to wait for it. What is known then is a bound (such a value is called censored), and a percentile that is
 * as high as the lowest of these bounds is one, too. It is the same with the queue wait of a session that
 * failed while it waited.
 */
#ifndef CLIENT_SESSION_MEASURE_H
#define CLIENT_SESSION_MEASURE_H

#include "common/histogram.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum measure_phase {
    MEASURE_CONNECT,    /**< connect() called → connected */
    MEASURE_QUEUE_WAIT, /**< connected → first byte that the server sends */
    MEASURE_HANDSHAKE,  /**< of TLS: that first byte → keys agreed */
    MEASURE_ECHO,     /**< when a message was due → its whole reply, except each session's first.
                             In a closed loop a message is due when it is sent */
    MEASURE_ECHO_RAW, /**< from the send itself → the whole reply; only with a schedule */
    MEASURE_CLOSE,    /**< half-close → the server's end of file */
    MEASURE_LAG, /**< when a message was due and could be sent → sent: the client's own delay;
                             only with a schedule */
    MEASURE_PHASES
};

/** "connect", "queue_wait", ...: their keys in JSON. */
extern const char *const measure_names[MEASURE_PHASES];

enum { MEASURE_BATCH = 128 };
#define MEASURE_PATIENCE_NS INT64_C(200000000)

/** All times in nanoseconds. */
struct measure {
    pthread_mutex_t lock;
    /* guarded by lock while sessions run; afterwards free to read */
    struct histogram *times[MEASURE_PHASES];
    uint64_t unanswered;       /* messages that are in MEASURE_ECHO with the time that had passed */
    int64_t unanswered_ns_min; /* the least of these times, if there are any */
    uint64_t unserved;         /* sessions that are so in MEASURE_QUEUE_WAIT */
    int64_t unserved_ns_min;
};

/** Times of echoes that are not yet in the histograms. One thread only; zeroed it is empty. */
struct measure_batch {
    unsigned count;
    int64_t begun_ns; /* when its first was recorded */
    bool scheduled;   /* raw_ns and lag_ns are filled too */
    int64_t echo_ns[MEASURE_BATCH];
    int64_t raw_ns[MEASURE_BATCH];
    int64_t lag_ns[MEASURE_BATCH];
};

/** @return false: no memory; there is nothing to clear */
bool measure_init(struct measure *measure);
void measure_clear(struct measure *measure);

/** Record the time of one phase. Threads: any. */
void measure_one(struct measure *measure, enum measure_phase phase, int64_t ns);

/** Record that messages were never answered: this time had passed since they were due. Threads: any. */
void measure_unanswered(struct measure *measure, int64_t ns, uint64_t count);

/** Record that a session has ended while it waited for its first byte, for this time. Threads: any. */
void measure_unserved(struct measure *measure, int64_t ns);

/** Whether a time is only a bound: it may have been longer. After the run. */
static inline bool measure_is_bound(const struct measure *measure, enum measure_phase phase,
                                    int64_t ns)
{
    if (phase == MEASURE_QUEUE_WAIT)
        return measure->unserved > 0 && ns >= measure->unserved_ns_min;
    return phase == MEASURE_ECHO && measure->unanswered > 0 && ns >= measure->unanswered_ns_min;
}

/** Add a batch to the histograms and empty it. Threads: the batch's own. */
void measure_flush(struct measure *measure, struct measure_batch *batch);

/** Add all of one run to another. Threads: any, while no other thread records in either. */
void measure_merge(struct measure *into, const struct measure *from);

/** Add what has been measured of a phase so far to a histogram. Threads: any. */
void measure_peek(struct measure *measure, enum measure_phase phase, struct histogram *into);

/** One echo. */
struct measure_echo {
    int64_t now_ns;  /**< the whole reply is there */
    int64_t due_ns;  /**< when the message was due */
    int64_t free_ns; /**< when it could be sent: it was due, and did not wait for a reply */
    int64_t sent_ns; /**< when it was sent */
};

/** Record one echo of an open loop. Threads: the batch's own. */
static inline void measure_scheduled(struct measure *measure, struct measure_batch *batch,
                                     const struct measure_echo *echo)
{
    unsigned i = batch->count++;

    batch->scheduled = true;
    batch->echo_ns[i] = echo->now_ns - echo->due_ns;
    batch->raw_ns[i] = echo->now_ns - echo->sent_ns;
    batch->lag_ns[i] = echo->sent_ns - echo->free_ns;
    if (i == 0)
        batch->begun_ns = echo->now_ns;
    if (i + 1 == MEASURE_BATCH || echo->now_ns - batch->begun_ns >= MEASURE_PATIENCE_NS)
        measure_flush(measure, batch);
}

/** Record one echo of a closed loop. Threads: the batch's own. */
static inline void measure_closed(struct measure *measure, struct measure_batch *batch,
                                  int64_t sent_ns, int64_t now_ns)
{
    unsigned i = batch->count++;

    batch->echo_ns[i] = now_ns - sent_ns;
    if (i == 0)
        batch->begun_ns = now_ns;
    if (i + 1 == MEASURE_BATCH || now_ns - batch->begun_ns >= MEASURE_PATIENCE_NS)
        measure_flush(measure, batch);
}

#endif /* CLIENT_SESSION_MEASURE_H */
