/* SPDX-License-Identifier: MIT */
/**
 * @file model.h
 * A concurrency design: which thread or process runs session_serve(), and when.
 *
 * The server accepts connections and makes sessions of them; a model takes each session and has it
 * served. The designs differ in nothing else, and each is one file beside this one.
 *
 * A model that has no room says so in has_room(), the listener may pause, and then the model must
 * wake the accept loop when there is room again:
 *
 *     model            has no room when           wakes the loop
 *     iterative        it has a session           when that ends (the loop itself)
 *     thread, fork     never                      (after each session, to join it or wait for it)
 *     thread-pool      workers + queue are held   when one has ended, in its worker, if shared->full
 *     process-pool     the executor is full       on_room, in the pool's manager
 *                      too many are not counted   done, in the manager, if has_room() said no
 *     event, io-uring  --max-sessions are held    when one has ended, in its loop's thread, if shared->full
 *     --hold message   --max-sessions are held    when one has ended, in the worker that served it
 *     caller-runs      the loop has a session     when that ends (the loop itself)
 *     (water marks)    high ones wait             a worker that ends a session, if shared->full
 *     thread-accept    the loop accepts nothing   no need to: a worker accepts when it has room
 *     prefork          the same
 *
 * Each of them calls shared_wake(), which writes to an eventfd; the loop then calls tend() and lets the
 * listener look again. No wake-up is lost, because both sides write first and read second, sequentially
 * consistent, so that one of them sees the other. The loop sets shared->full (pause_while_full()), or the
 * pool's room_wanted (ep_executor_room()), and then reads how many places are taken. A worker gives its
 * place back and then reads the flag. With --hold message the list of ended sessions has a lock.
 *
 * The place of a session is free when its end is counted, and not later: see accounting_entry.held, and thread.c.
 *
 * Functions are called by the accept loop. A model blocks all signals in its threads, and has no
 * thread and no process left when destroy() has returned.
 */
#ifndef SERVER_MODELS_MODEL_H
#define SERVER_MODELS_MODEL_H

#include "common/calls.h"
#include "server/models/direct.h"
#include "server/models/doors.h"
#include "server/models/ring-counts.h"
#include "server/session/session.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/** What happens to a client that connects when the model has no room. */
enum on_full {
    ON_FULL_PAUSE,       /**< it waits in the kernel's backlog */
    ON_FULL_REJECT,      /**< it gets BUSY */
    ON_FULL_DROP_OLDEST, /**< the session that has waited longest gets BUSY, and this one its place */
    ON_FULL_CALLER_RUNS, /**< the accept loop serves it, and accepts no other client meanwhile */
};

/** How long a session has a worker. */
enum hold {
    HOLD_SESSION, /**< from its beginning to its end */
    HOLD_MESSAGE, /**< while there are bytes to echo; in between it waits in the accept loop */
};

/** The words of both options in the order of the enums, ended by NULL. */
extern const char *const on_full_words[];
extern const char *const hold_words[];

/** What create() gets. A model copies what it needs later. */
struct model_settings {
    struct shared *shared;
    struct event_base *base; /**< the loop */
    uint64_t stack_bytes;    /**< of a thread; 0: the default */
    uint64_t workers;
    uint64_t queue;
    uint64_t max_sessions;
    enum on_full on_full;
    enum hold hold;
    int64_t queue_timeout_ns; /**< 0: none */
    bool wake_all;            /**< see doors.h */
};

/** Places that a process that accepts has beside the session that it serves: for its next one, and one in reserve. */
enum { PLACES_TO_ACCEPT = 2 };

/** Room for why a session was not taken; its client gets it after "BUSY ". */
#define MODEL_WHY_MAX 128

/** What every model begins with. */
struct model {
    const struct model_type *type; /**< set by the server after create() */
    struct doors *doors; /**< set by create() if its workers accept; NULL: the loop does */
    struct direct
        *direct; /**< set by create() if its workers accept beside the loop; NULL: they do not */
};

struct model_type {
    const char *name;  /**< the word of --model */
    const char *unit;  /**< what serves a session, in one word: "worker", "thread" */
    const char *title; /**< the heading over all of these on the live page: "A thread each" */
    const char *words; /**< how they serve, to follow their number: "each holds one session" */
    const struct model_type *hold_message; /**< the model under --hold message; NULL: none */
    bool capped; /**< at most `workers` sessions are served at once, at most `queue` wait */
    bool queues; /**< sessions wait in a queue and can be taken back from it: --queue-timeout, all
                      words of --on-full */
    bool single; /**< capped, at one session and no queue, whatever the options say */
    bool holds_many; /**< not capped, a worker serves many sessions by turns, up to --max-sessions.
                          If neither, each session has a worker of its own */
    bool processes;  /**< sessions are served in other processes: see session/store.h */

    /**
     * The system calls that it cannot do without, of those whose failure it does not report at the start; ended by
     * CALLS_END. NULL: none but those of all models
     */
    const struct call *needs;

    /**
     * Fork what has to be forked before there is any thread. NULL: nothing.
     *
     * @param shared  complete, except for the lingerer
     * @return        0 and *model, for create(), or a negated errno value with what failed in why
     */
    int (*prepare)(struct shared *shared, struct model **model, char why[static MODEL_WHY_MAX]);

    /**
     * Make the model, and its threads if their number is fixed.
     *
     * @param model  what prepare() has made, if there is a prepare(); released on failure
     * @return       0 and *model, or a negated errno value with what failed in why; -ENOTSUP: this
     *               system cannot have the model, and why also has what to do
     */
    int (*create)(const struct model_settings *settings, struct model **model,
                  char why[static MODEL_WHY_MAX]);

    /**
     * Make the workers, which accept by themselves: model->doors have their sockets. They accept nothing
     * before doors_open(). NULL: the loop accepts, and calls dispatch(), which such a model has not
     *
     * @return 0 or a negated errno value
     */
    int (*start)(struct model *model);

    /**
     * Take a session and have it served soon. Never waits.
     *
     * @return 0: the model owns it. Otherwise a negated errno value, with a few words for the
     *         client in why: the caller still owns it
     */
    int (*dispatch)(struct model *model, struct session *session, char why[static MODEL_WHY_MAX]);

    /** Check whether dispatch() would take another session now. NULL: always */
    bool (*has_room)(struct model *model);

    /** Count the sessions that wait for a worker. NULL: none ever does */
    uint64_t (*waiting)(struct model *model);

    /** Check whether it can serve no session ever again, so that the server ends. NULL: never */
    bool (*is_broken)(struct model *model);

    /** Check whether it has a worker now: all may have died, and not be replaced yet. NULL: it always has */
    bool (*has_worker)(struct model *model);

    /**
     * Check whether this is a process that the model has made and waits for itself. NULL: it has none, or
     * need not know how they end
     */
    bool (*owns)(struct model *model, pid_t pid);

    /**
     * Release what sessions have left behind, and reject those that have waited too long. Called
     * when the loop was woken, and from time to time. NULL: nothing to do
     */
    void (*tend)(struct model *model);

    /** Add up what its rings have done. NULL: it has none. */
    void (*rings)(struct model *model, struct ring_counts *counts);

    /**
     * Count what worker processes have reported of sessions that they accepted, so that the accounting has all
     * of which a client can know. NULL: it always has
     */
    void (*catch_up)(struct model *model);

    /** Change the number of workers. @return 0 or a negated errno value. NULL: it has no pool */
    int (*resize)(struct model *model, uint64_t workers);

    /** End all threads and processes, and release everything. No session is in flight. */
    void (*destroy)(struct model *model);
};

/* Call a function that a type may not have. */
bool model_has_room(struct model *model);
void model_tend(struct model *model);
bool model_has_worker(struct model *model);
/** NULL is fine: there is no model any more. */
void model_catch_up(struct model *model);
/** Check whether resize() can be called: not if each worker has a socket of its own, in which clients may wait. */
bool model_may_resize(const struct model *model);

/** Check whether its workers accept by themselves. */
static inline bool model_accepts(const struct model_type *type)
{
    return type->start != NULL;
}

/**
 * Write a reason to take no session, for its client.
 *
 * @return -EAGAIN or -ENOMEM
 */
int model_full(uint64_t workers, uint64_t queue, char why[static MODEL_WHY_MAX]);
int model_most(uint64_t max_sessions, char why[static MODEL_WHY_MAX]);
int model_no_memory(char why[static MODEL_WHY_MAX]);

#endif /* SERVER_MODELS_MODEL_H */
