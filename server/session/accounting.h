/* SPDX-License-Identifier: MIT */
/**
 * @file accounting.h
 * Counts of live sessions, and of finished sessions by outcome.
 *
 * Every session enters once and ends once, each under one lock together with the counting. Therefore this
 * holds in every snapshot:
 *
 *     accepted = served + rejected + timed out + failed + in flight
 *
 * The lock is taken when a session begins and when it ends, never for an echo.
 *
 * The live sessions are also a list, so that the loop can reach them. An entry is in the list exactly as
 * long as its session's descriptor is open.
 */
#ifndef SERVER_SESSION_ACCOUNTING_H
#define SERVER_SESSION_ACCOUNTING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** How a session ended. */
enum outcome {
    OUTCOME_SERVED,            /**< the client sent end of file and has its whole echo */
    OUTCOME_REJECTED,          /**< the client got BUSY */
    OUTCOME_STOPPED,           /**< the server stopped; all that came was echoed, and has arrived */
    OUTCOME_QUEUE_TIMEOUT,     /**< it got BUSY after it had waited for --queue-timeout */
    OUTCOME_HANDSHAKE_TIMEOUT, /**< no TLS, or no PROXY header, within --handshake-timeout */
    OUTCOME_IDLE_TIMEOUT,      /**< nothing came for --idle-timeout */
    OUTCOME_WRITE_TIMEOUT,     /**< the client took nothing for --write-timeout */
    OUTCOME_SESSION_TIMEOUT,   /**< it was served for --session-timeout */
    OUTCOME_CUT,               /**< the server stopped, and bytes were lost */
    OUTCOME_HANDSHAKE_FAILED,  /**< invalid TLS, or an invalid PROXY header */
    OUTCOME_FAILED,            /**< reset by the client, its worker died, or memory ran out */
    OUTCOME_COUNT,
};

/** Each outcome's word, in metrics and logs: "served", "idle timeout", ... */
extern const char *const outcome_words[OUTCOME_COUNT];

/** What a live session does. */
enum phase {
    PHASE_QUEUED,    /**< it waits for a worker */
    PHASE_HANDSHAKE, /**< PROXY header, TLS */
    PHASE_RECEIVING, /**< a worker waits for its bytes */
    PHASE_WORKING,   /**< transform, --delay, --burn */
    PHASE_SENDING,   /**< its echo is on the way */
    PHASE_PARKED,    /**< no worker has it, the loop waits for its bytes (--hold message) */
    PHASE_CLOSING,   /**< it is at its end */
    PHASE_COUNT,
};

/** Each phase's word: "queued", "handshake", ... */
extern const char *const phase_words[PHASE_COUNT];

/** The worker of a session that the loop itself serves. More than a pool can have. */
#define WORKER_LOOP 4096u

/** Upper bounds of the buckets of a histogram of times, in seconds, as Prometheus has them. */
#define TIME_BUCKETS 16
extern const double time_bucket_seconds[TIME_BUCKETS];

/** Times counted by bucket; those beyond the last bound only in `count`. Not cumulative. */
struct times {
    uint64_t buckets[TIME_BUCKETS];
    uint64_t count;
    double sum_seconds;
};

/** All counters at one instant. */
struct counts {
    uint64_t accepted;
    uint64_t ended[OUTCOME_COUNT];
    uint64_t in_flight;      /**< entered and not ended: served now, or waiting */
    uint64_t echoes;         /**< of all sessions, those that are here too */
    uint64_t bytes_received; /**< likewise; before the transform, without TLS's own */
    uint64_t bytes_sent;
    uint64_t peak_served;  /**< the most sessions that had a worker at once */
    uint64_t peak_waiting; /**< the most that waited for a worker at once */
    struct times waits; /**< from accept to a worker, of sessions that were begun, live ones too */
    struct times services; /**< from there to the end, of sessions that were not rejected */
};

/** A place in the list of live sessions, and its counts; part of the session. */
struct accounting_entry {
    /* guarded by the accounting's lock */
    struct accounting_entry *next;
    struct accounting_entry *previous;
    int64_t accepted_ns;

    /**
     * The model's count of sessions by which it has room, if this one is in it; NULL: it is not. The session leaves
     * it in one step with the counts, so that a client that has seen its session end finds the place free. Set by
     * the thread that counts it there, before another thread may end the session.
     */
    _Atomic uint64_t *held;

    /* written by the serving side, read by all */
    _Atomic int64_t begun_ns; /**< 0: it waits */
    _Atomic unsigned worker;  /**< that serves it */
    _Atomic uint64_t echoes;
    _Atomic uint64_t bytes_received;
    _Atomic uint64_t bytes_sent;
};

struct accounting;

/**
 * @param servers  how many sessions can be served at once; those beyond wait. 0: no cap
 * @param queue    how many can wait
 * @return         NULL: out of memory
 */
struct accounting *accounting_new(uint64_t servers, uint64_t queue);
void accounting_free(struct accounting *accounting);

/** Set the number of workers. If it is less, the last ones go on with the sessions that they have. */
void accounting_set_servers(struct accounting *accounting, uint64_t servers);

/** The accept loop begins to serve a session beside the workers, or has ended it. */
void accounting_help(struct accounting *accounting, bool begins);

/** Count a new session. From now on the loop sees it. */
void accounting_enter(struct accounting *accounting, struct accounting_entry *entry);

/** Count a session that a worker process has accepted, and may have begun: its entry has its accepted_ns. */
void accounting_adopt(struct accounting *accounting, struct accounting_entry *entry);

/** Count a connection for which no session could be made: as accepted and rejected. */
void accounting_turn_away(struct accounting *accounting);

/** Take a session out of the list and out of `held`, and count its outcome. Its descriptor is still open. */
void accounting_end(struct accounting *accounting, struct accounting_entry *entry,
                    enum outcome outcome);

void accounting_snapshot(struct accounting *accounting, struct counts *counts);

/**
 * Call visit for every live session with the lock held: none of them can end meanwhile, so their
 * descriptors are good. It must be short and must not call back here.
 */
void accounting_each(struct accounting *accounting,
                     void (*visit)(struct accounting_entry *entry, void *context), void *context);

/** Both at one instant: the counts, and a visit to each session in flight. counts may be NULL. */
void accounting_survey(struct accounting *accounting, struct counts *counts,
                       void (*visit)(struct accounting_entry *entry, void *context), void *context);

/** "accepted 50 = served 50 + rejected 0 + ..." @return text, cut at size */
const char *counts_text(const struct counts *counts, char *text, size_t size);

#endif /* SERVER_SESSION_ACCOUNTING_H */
