/* SPDX-License-Identifier: MIT */
/**
 * @file listener.h
 * The listening sockets: each accepted connection becomes a session and goes to the model.
 *
 * There is usually one; the service manager may pass several, which are paused all together.
 *
 * The listener is paused while there is at least one reason. Clients that connect meanwhile wait in the
 * kernel's backlog and cost this process nothing.
 *
 * If the model's workers accept by themselves (models/doors.h), the listener opens, pauses and closes the sockets
 * in the same way, and does not watch them. Nothing is counted as a pause while all workers are busy.
 *
 * Threads: loop only.
 */
#ifndef SERVER_LISTEN_LISTENER_H
#define SERVER_LISTEN_LISTENER_H

#include "server/listen/listening-socket.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

/** Why nothing is accepted: bits of a set. */
enum pause_reason {
    PAUSE_STARTING = 1, /**< there is no model yet, until listener_start() */
    PAUSE_FULL = 2,     /**< the model has no room, or the high water mark is reached */
    PAUSE_ERRORS = 4,   /**< accept() found no descriptors or no memory: for 100 ms */
    PAUSE_TURN = 8,     /**< many were accepted in a row, and the loop's other events must run */
    PAUSE_PERSON = 16,  /**< a person has asked for it; see listener_hold() */
};

struct listener;
struct model;
struct shared;

/**
 * Make a listener. It accepts nothing before listener_start().
 *
 * @param sockets  copied; the listener closes them in the end
 * @param count    1 to SOCKETS_MAX
 * @return         0 and *listener, or -ENOMEM; then the caller still owns the sockets
 */
int listener_new(struct event_base *base, const struct listening_socket *sockets, unsigned count,
                 struct shared *shared, struct listener **listener);

/** When to pause. All zero: never; a client that finds no room gets BUSY from the model. */
struct listener_marks {
    bool pause_when_full; /**< leave clients in the kernel's backlog while the model has no room */
    uint64_t high;        /**< pause also when this many sessions wait for a worker; 0: no marks */
    uint64_t low;         /**< with marks: accept again only when no more than this many wait */
};

/**
 * Begin to accept, and give each session to the model; or let the model's workers begin.
 *
 * @param sets  of sockets: 1, or for each worker that accepts one of its own, on the same addresses
 * @return 0 or a negated errno value: the kernel does not watch a socket (fs.epoll.max_user_watches), or
 *         has no memory
 */
int listener_start(struct listener *listener, struct model *model,
                   const struct listener_marks *marks, uint64_t sets);

/** Pause or accept again, because the model may have gained or lost room. */
void listener_look_again(struct listener *listener);

/**
 * Stop accepting until this is called with false, because a person has asked for it.
 *
 * @return whether this changes anything
 */
bool listener_hold(struct listener *listener, bool held);

/**
 * Before listener_free(), which would reset them: take the connections that wait in the backlog. They are
 * given to the model if it has room, and get BUSY if not. Those of a shared socket stay where they are.
 */
void listener_take_backlog(struct listener *listener);

/** Remove the files of unix sockets, for a program that is about to exit. NULL is fine. */
void listener_remove_files(struct listener *listener);

/** Close the sockets: new clients are refused by the kernel. NULL is fine. */
void listener_free(struct listener *listener);

/** The listener at one instant. Times and counts are since the start. */
struct listener_state {
    uint64_t pauses;      /**< how often it was paused because the model was full */
    int64_t paused_ns;    /**< for how long in all, up to now */
    bool paused;          /**< it does not accept now, for at least one reason */
    bool why_full;        /**< PAUSE_FULL is one */
    bool why_errors;      /**< PAUSE_ERRORS is one */
    bool why_person;      /**< PAUSE_PERSON is one */
    uint64_t errors;      /**< how often accept() has failed */
    uint64_t wakeups;     /**< of workers that accept, because of a connection */
    uint64_t in_vain;     /**< of these, how often another worker had taken it */
    uint32_t backlog;     /**< connections that wait in the kernel, for all TCP sockets together */
    uint32_t backlog_max; /**< how many can */
    bool backlog_unknown; /**< all are unix sockets, whose backlog the kernel hides: both are 0 */
};

/** Fill in the state. The kernel is asked for the backlog (TCP_INFO). */
void listener_state(const struct listener *listener, struct listener_state *state);

/** Get the sockets. */
const struct listening_socket *listener_sockets(const struct listener *listener, unsigned *count);

#endif /* SERVER_LISTEN_LISTENER_H */
