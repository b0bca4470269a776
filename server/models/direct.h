/* SPDX-License-Identifier: MIT */
/**
 * @file direct.h
 * Accepting in workers of a pool that have nothing else to do, beside the loop: a client that finds such a worker
 * is served without a wake-up of the loop, and without a hand-over from one thread to another.
 *
 * A worker that has ended a session, while none waits in the queue, stands by: it stays in its task, and sleeps
 * until a client connects. While one stands by, the loop does not watch the socket; while none does, it does:
 *
 *     LOOP WATCHES --the first stands by--> WORKERS WATCH --the last one has a client, or is recalled--> LOOP WATCHES
 *
 * So each connection has a thread that watches for it, and clients that find all workers busy come by the loop and
 * wait in its queue, as if no worker ever stood by.
 *
 * With short sessions all workers are often busy for some microseconds, and the loop would wake up for clients of
 * which a worker has been free before it runs. So if workers have accepted clients since the loop has last looked, it
 * does not look at the next one for a millisecond (direct_defer()); workers that end sessions take those that wait in
 * the backlog, in their order. If none has in that time the sessions are not short, and the loop accepts at once.
 *
 * How they sleep. All sleep in one epoll, `standby`, in which the socket is EPOLLONESHOT: the kernel wakes one
 * thread for a connection, which accepts it, and watches the socket again for the others. What the loop watches is
 * not the socket but another epoll, `watched`, in which the socket's events are on or off: one call, of any thread.
 * The bell, an eventfd, is in `standby` too, and wakes all of them.
 *
 * Order. Connections are accepted under the lock, by the loop until it has given the session to the model. A worker
 * that has the lock asks first whether a session waits, and then does not stand by: so no client overtakes one that
 * has come before it.
 *
 * Who owns what. The lock guards all members that change; the loop and the workers hold it for a few system calls,
 * and never while communicate() runs. Under it a worker accepts a session and counts it. So once direct_open(false)
 * has returned, no worker accepts any more, and each session that one has accepted is counted. What a worker does
 * after its sleep depends on `recall`: if that has changed it is no longer among `standing`, and touches nothing but
 * `returning`. Until all of those have returned none stands by, so none can miss the bell.
 */
#ifndef SERVER_MODELS_DIRECT_H
#define SERVER_MODELS_DIRECT_H

#include "server/session/admission.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct direct {
    /* set by direct_start(), then read-only; -1 before */
    int socket;
    int standby;
    int watched;
    int bell;
    struct accept_failures *failures; /**< the listener's; guarded by the lock */

    pthread_mutex_t lock;
    /* guarded by lock */
    bool open;          /**< workers may accept */
    uint64_t recall;    /**< how often they were recalled */
    unsigned standing;  /**< stand by since the last recall */
    bool deferred;      /**< the loop does not watch, and will call direct_resume() soon */
    uint64_t taken;     /**< by workers, since the loop has looked */
    unsigned returning; /**< stood by then, and have not seen it yet: the bell rings for them */
};

void direct_init(struct direct *direct);
/** No worker may stand by. */
void direct_clear(struct direct *direct);

/* --- the loop ------------------------------------------------------------------------------ */

/**
 * Set the socket, before the first direct_open().
 *
 * @param socket  listening, non-blocking
 * @return        0 or a negated errno value
 */
int direct_start(struct direct *direct, int socket, struct accept_failures *failures);

/** Get what the loop watches in the place of the socket: readable if the loop should accept. */
int direct_watched(const struct direct *direct);

/** Let workers stand by, or recall them and let none. */
void direct_open(struct direct *direct, bool open);

/** Send those that stand by back to the pool. */
void direct_recall(struct direct *direct);

/**
 * Check whether the loop should leave a connection to the workers for a moment: none stands by, but some have taken
 * others since it has last looked. Then the loop does not watch the socket until direct_resume().
 */
bool direct_defer(struct direct *direct);
void direct_resume(struct direct *direct);

/**
 * Hold workers off, while the loop accepts a connection and gives it to the model. direct_unlock() must follow.
 *
 * @return false: they stand by, and the loop must not accept
 */
bool direct_lock(struct direct *direct);
void direct_unlock(struct direct *direct);

/* --- a worker ------------------------------------------------------------------------------ */

/** What a worker asks of its model, with the lock held. */
struct direct_client {
    struct shared *shared;
    bool (*may_stand)(void *context, unsigned worker); /**< no session waits, and it need not end */
    void (*entered)(void *context, struct session *session); /**< it has accepted this one */
    void *context;
};

/**
 * Stand by until there is a client.
 *
 * @return a session that is counted, for this worker to serve. NULL: go back to the pool
 */
struct session *direct_await(struct direct *direct, const struct direct_client *client,
                             unsigned worker);

#endif /* SERVER_MODELS_DIRECT_H */
