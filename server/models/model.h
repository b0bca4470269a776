/* SPDX-License-Identifier: MIT */
/**
 * @file model.h
 * A concurrency design: who runs session_serve(), and when.
 *
 * The server accepts connections and makes sessions of them; a model takes each one and lets some
 * thread serve it. That is all in which the designs differ, and each is one file beside this one.
 *
 * All functions are called by the loop's thread. A model makes its threads with every signal
 * blocked, and keeps none of them when model_free() has returned.
 */
#ifndef SERVER_MODELS_MODEL_H
#define SERVER_MODELS_MODEL_H

#include "server/limits.h"
#include "server/session.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What a model may need to know. Copied by it where it is needed later. */
struct model_settings {
    struct service *service;
    struct limits limits;
    uint64_t workers;
    uint64_t queue;
    uint64_t max_sessions;
};

/** Room for why a session was not taken, told to its client after "BUSY ". */
#define MODEL_WHY_MAX 128

struct model {
    const struct model_type *type;
};

struct model_type {
    const char *name;
    bool capped; /**< at most `workers` sessions are served at once, at most `queue` wait */

    /** @return 0 and *model, or a negated errno value with what failed in why */
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
     * service_wake() when that has changed.
     */
    bool (*has_room)(struct model *model);

    /** The loop was woken: look after what has ended. */
    void (*tend)(struct model *model);

    /** No session is in flight any more: end the threads and release everything. */
    void (*destroy)(struct model *model);
};

extern const struct model_type model_thread;
extern const struct model_type model_thread_pool;

/** All of them, in the order in which a student should read them, ended by NULL. */
extern const struct model_type *const models[];
/** Their names in the same order, ended by NULL; for parse_word(). */
extern const char *const model_words[];

#endif /* SERVER_MODELS_MODEL_H */
