/* SPDX-License-Identifier: MIT */
/**
 * @file accounting.h
 * Who is here, and how everyone who has left has left.
 *
 * Every session enters once and ends once, and both happen under one lock together with the
 * counting. Therefore this holds in every snapshot, whatever the threads are doing:
 *
 *     accepted = served + rejected + timed out + failed + in flight
 *
 * The lock is taken when a session begins and when it ends, never for an echo.
 *
 * The live sessions are also a list, so that the loop can reach them when the server stops. An
 * entry is in the list exactly as long as its session's descriptor is open and its own.
 */
#ifndef SERVER_ACCOUNTING_H
#define SERVER_ACCOUNTING_H

#include <stddef.h>
#include <stdint.h>

/** How a session ended. */
enum outcome {
    OUTCOME_SERVED,        /**< the client said end of file and has its whole echo */
    OUTCOME_REJECTED,      /**< told that the server is busy */
    OUTCOME_IDLE_TIMEOUT,  /**< nothing came for --idle-timeout */
    OUTCOME_WRITE_TIMEOUT, /**< the client took nothing for --write-timeout */
    OUTCOME_FAILED,        /**< reset by the client, cut by us, or for want of memory */
    OUTCOME_COUNT,
};

/** All counters at one instant. */
struct counts {
    uint64_t accepted;
    uint64_t ended[OUTCOME_COUNT];
    uint64_t in_flight;    /**< entered and not ended: served now, or waiting */
    uint64_t echoes;       /**< of sessions that have ended */
    uint64_t peak_served;  /**< the most sessions that were served at once */
    uint64_t peak_waiting; /**< the most that waited for a worker at once */
};

/** A place in the list of live sessions; part of the session's own memory. */
struct accounting_entry {
    struct accounting_entry *next;
    struct accounting_entry *previous;
};

struct accounting;

/**
 * @param servers  how many sessions can be served at once; those beyond wait. 0: no cap
 * @param queue    how many can wait
 * @return         NULL for want of memory
 */
struct accounting *accounting_new(uint64_t servers, uint64_t queue);
void accounting_free(struct accounting *accounting);

/** A session is here. @return its number, counted from 1 */
uint64_t accounting_enter(struct accounting *accounting, struct accounting_entry *entry);

/** Somebody was turned away before there could be a session: accepted and rejected in one. */
void accounting_turn_away(struct accounting *accounting);

/** It is gone: out of the list, and counted under its outcome. Its descriptor is still open. */
void accounting_end(struct accounting *accounting, struct accounting_entry *entry,
                    enum outcome outcome, uint64_t echoes);

void accounting_snapshot(struct accounting *accounting, struct counts *counts);

/**
 * Call visit for every live session with the lock held: none of them can end meanwhile, so their
 * descriptors are good. It must be short and must not call back here.
 */
void accounting_each(struct accounting *accounting, void (*visit)(struct accounting_entry *entry));

/** "accepted 50 = served 50 + rejected 0 + ..." @return text, cut at size */
const char *counts_text(const struct counts *counts, char *text, size_t size);

#endif /* SERVER_ACCOUNTING_H */
