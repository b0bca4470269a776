/* SPDX-License-Identifier: MIT */
/**
 * @file doors.h
 * Accepting in the workers: what the models share whose N workers, threads or processes, each wait for a
 * connection, accept it, and serve it.
 *
 * The listener opens the sockets and says when the doors are open; it watches nothing. A worker asks
 * door_accept() for its next connection:
 *
 *     PAUSED --doors_open()--> OPEN --doors_close()--> CLOSED
 *       ^--------pause-----------'        a worker that comes to a closed door leaves for good
 *
 * How many wake up. A worker sleeps in epoll_wait(), in an epoll of its own that has the sockets and the
 * worker's bell, an eventfd. With EPOLLEXCLUSIVE the kernel wakes one of the workers that sleep for each
 * connection. Without it (--wake-all) it wakes all of them, as with poll() or select(): one gets the connection,
 * and the others have run for nothing, the thundering herd. The kernel itself sends most of them back to sleep,
 * since it looks again before epoll_wait() returns; one that returns and then finds no connection is counted
 * as woken in vain. A blocking accept() would need no epoll, but it waits at one socket only, and there is
 * nothing that wakes it reliably when the server stops.
 *
 * Before it sleeps, a worker with one socket tries accept() at once: while clients queue up, that is the only
 * call for a connection.
 *
 * Who owns what. What the listener has for the accept loop alone exists here once for each worker, in its
 * struct door: the failures in a row, the pause after them, the counts. So workers share no lock and write to
 * no common cache line, except that those that fail share the limit of their warnings. Two words go the other way: the
 * loop writes `state` and `workers`, all read them. `place` is what makes stopping exact. A worker writes it first and
 * reads `state` second; the loop writes `state` first and reads the places second. So once the doors are closed and no
 * worker is at one, none will accept again. Between accept() and the count of the session the worker is still at the
 * door.
 *
 * All of it lies in memory that processes forked later share. It has atomics and no locks: a worker process that
 * is killed leaves only its place wrong, and door_clear() corrects that.
 */
#ifndef SERVER_MODELS_DOORS_H
#define SERVER_MODELS_DOORS_H

#include "common/address.h"
#include "server/session/shared.h"

#include <stdbool.h>
#include <stdint.h>

struct doors;
struct model;

/**
 * @param workers   at the beginning
 * @param wake_all  a connection wakes all workers that wait
 * @return          paused, without sockets. NULL: out of memory
 */
struct doors *doors_new(const struct shared *shared, uint64_t workers, bool wake_all);

/** Close what it has opened. NULL is fine. No worker may be left. */
void doors_free(struct doors *doors);

/* --- the loop ------------------------------------------------------------------------------ */

/**
 * Set the sockets to accept from, which are copied (dup): the caller may close its own.
 *
 * @param fds    listening, non-blocking
 * @param count  how many each worker has
 * @param sets   1: all workers have the same. Otherwise worker w has those from fds[w * count]
 * @return       0 or a negated errno value
 */
int doors_set_sockets(struct doors *doors, const int *fds, unsigned count, uint64_t sets);

/** Check whether each worker has sockets of its own. */
bool doors_have_own(const struct doors *doors);

/**
 * Make a worker's bell and epoll, before the worker begins.
 *
 * @return 0 or a negated errno value: the kernel has no descriptor, no memory, or may not watch more
 */
int door_make(struct doors *doors, unsigned worker);

/** Let the workers accept, or pause them. */
void doors_open(struct doors *doors, bool open);

/**
 * Close the doors for good. A worker that was woken for a connection still takes it. Waits until no worker is at
 * a door, for a second at most.
 *
 * @param catch_up  called meanwhile: a worker at its door may wait until its reports are read
 */
void doors_close(struct doors *doors, void (*catch_up)(struct model *model), struct model *model);

/** Check that the doors are closed, and that no worker can accept any more. */
bool doors_are_quiet(const struct doors *doors);

bool doors_are_closed(const struct doors *doors);

/** Set the number of workers. Those beyond it leave after their sessions. */
void doors_set_workers(struct doors *doors, uint64_t workers);

/** Wake a worker from door_accept() or door_await_bell(). */
void door_ring(struct doors *doors, unsigned worker);

/** Close a worker's bell and epoll after its end, wherever it was then. */
void door_clear(struct doors *doors, unsigned worker);

/** Check whether a worker has no session: the next client would be served at once. */
bool doors_have_room(const struct doors *doors);

/** Sums over all workers, since the start. */
struct doors_counts {
    uint64_t errors;  /**< failures of accept() */
    uint64_t wakeups; /**< wake-ups because of a connection */
    uint64_t in_vain; /**< after which there was none any more */
    bool is_failing;  /**< a worker pauses after an error */
};

void doors_count(const struct doors *doors, struct doors_counts *counts);

/** Check whether there is a place for this worker: the doors are not closed, and it is not beyond their number. */
bool doors_want(const struct doors *doors, unsigned worker);

/* --- a worker ------------------------------------------------------------------------------ */

/**
 * Wait for a connection and accept it. The worker is at its door from this call until door_enter().
 *
 * @param from  set to the client's address
 * @return      a descriptor, or -1: leave, and call nothing of this any more
 */
int door_accept(struct doors *doors, unsigned worker, struct address *from);

/** Leave the door with a connection that is counted from now on. */
void door_enter(struct doors *doors, unsigned worker);

/** Wait until the loop rings. */
void door_await_bell(struct doors *doors, unsigned worker);

/** Get what a worker process must keep open: its bell, its epoll, its sockets. @return how many, at most `most` */
unsigned door_descriptors(const struct doors *doors, unsigned worker, int *fds, unsigned most);

#endif /* SERVER_MODELS_DOORS_H */
