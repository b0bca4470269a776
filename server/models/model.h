/* SPDX-License-Identifier: MIT */
/**
 * @file model.h
 * A concurrency design: who runs session_serve(), and when.
 *
 * The server accepts connections and makes sessions of them; a model takes each one and lets
 * somebody serve it. That is all in which the designs differ, and each is one file beside this one.
 *
 * All functions are called by the loop's thread. A model makes its threads with every signal
 * blocked, and keeps none of them, nor any process, when destroy() has returned.
 */
#ifndef SERVER_MODELS_MODEL_H
#define SERVER_MODELS_MODEL_H

#include "server/session/session.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What happens to a client that comes while the model has no room. */
enum on_full {
    ON_FULL_PAUSE,       /**< it waits in the kernel's backlog */
    ON_FULL_REJECT,      /**< it is told BUSY */
    ON_FULL_DROP_OLDEST, /**< it takes the place of the one that has waited longest, who is told BUSY */
    ON_FULL_CALLER_RUNS, /**< the loop serves it itself, and accepts nobody meanwhile */
};

/** For how long a session has a worker. */
enum hold {
    HOLD_SESSION, /**< from its beginning to its end */
    HOLD_MESSAGE, /**< while bytes of it are there; in between it waits in the loop */
};

/** The options' words in the order of the enums, ended by NULL. */
extern const char *const on_full_words[];
extern const char *const hold_words[];

/** What a model may need to know. Copied by it where it is needed later. */
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
};

/** Room for why a session was not taken, told to its client after "BUSY ". */
#define MODEL_WHY_MAX 128

/** What every model begins with. */
struct model {
    const struct model_type *type; /**< set by the server after create() */
};

struct model_type {
    const char *name;  /**< the word of --model */
    const char *unit;  /**< what serves a session, in one word: "worker", "thread" */
    const char *title; /**< the heading over all of these on the live page: "A thread each" */
    const char *words; /**< how they serve, to follow their number: "each holds one session" */
    const struct model_type *hold_message; /**< the model under --hold message; NULL: none */
    bool capped; /**< at most `workers` sessions are served at once, at most `queue` wait */
    bool queues; /**< who waits in its queue can be taken back, and the loop can serve the next one:
                      --queue-timeout, and every word of --on-full */
    bool single; /**< capped, and that is one session and no queue, whatever was asked for */
    /**
     * Not capped, since a worker serves many sessions by turns: up to --max-sessions are here, and
     * beyond that there is no room. Without either, each session has a worker of its own.
     */
    bool holds_many;
    bool processes; /**< sessions are served in other processes: see session/store.h */

    /**
     * Called before there is any thread, with `shared` set up except for its refuser: fork what
     * has to be forked then. NULL: nothing.
     *
     * @return 0 and *model, which is handed to create(), or a negated errno value with what failed
     *         in why
     */
    int (*prepare)(struct shared *shared, struct model **model, char why[static MODEL_WHY_MAX]);

    /**
     * @param model  what prepare() has made, where there is a prepare(); it is released on failure
     * @return       0 and *model, or a negated errno value with what failed in why
     */
    int (*create)(const struct model_settings *settings, struct model **model,
                  char why[static MODEL_WHY_MAX]);

    /**
     * Take a session and have it served soon. Never waits.
     *
     * @return 0: it is the model's now. Otherwise a negated errno value, with a few words for the
     *         client in why: the session is still the caller's
     */
    int (*dispatch)(struct model *model, struct session *session, char why[static MODEL_WHY_MAX]);

    /**
     * Whether dispatch would take another session now. A model that says no calls
     * shared_wake() when that has changed.
     */
    bool (*has_room)(struct model *model);

    /**
     * How many sessions wait for a worker. With shared->water_marks, whoever begins one while shared->full
     * is set calls shared_wake(). NULL: none ever waits.
     */
    uint64_t (*waiting)(struct model *model);

    /** Whether it can never serve anybody again: the server ends. NULL: that does not happen */
    bool (*is_broken)(struct model *model);

    /** The loop was woken, or some time has passed: look after what has ended or waits too long. */
    void (*tend)(struct model *model);

    /** Have so many workers from now on. @return 0 or a negated errno value. NULL: it has none */
    int (*resize)(struct model *model, uint64_t workers);

    /** No session is in flight any more: end the threads and release everything. */
    void (*destroy)(struct model *model);
};

/**
 * All models, ended by NULL, in the order in which a student should read them: that of the list in
 * local.mk, of which this table is made.
 */
extern const struct model_type *const models[];
/** Their names in the same order, ended by NULL. */
extern const char *const model_words[];

/** Return the model at an index of the table. NULL: it does not support this --hold */
const struct model_type *model_find(int index, enum hold hold);

#endif /* SERVER_MODELS_MODEL_H */
