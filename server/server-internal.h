/* SPDX-License-Identifier: MIT */
/**
 * @file server-internal.h
 * The server's own state, for the files that make up its life: server.c starts and ends it, drain.c
 * stops it, announce.c tells about it, admin/state.c looks at it, control.c changes it; listen/open.c finds out
 * where to listen, and manager.c speaks to the service manager. All of them run on the loop's thread.
 */
#ifndef SERVER_SERVER_INTERNAL_H
#define SERVER_SERVER_INTERNAL_H

#include "server/admin/admin.h"
#include "server/admin/state.h"
#include "server/listen/listener.h"
#include "server/models/model.h"
#include "server/options.h"
#include "server/session/refuse.h"
#include "server/session/shared.h"
#include "server/session/watch.h"
#include "server/systemd/notify.h"

#include <event2/event.h>
#include <stdint.h>

/** The events of a server, in the order in which they are made. */
enum {
    ON_WAKE,
    ON_TERM,
    ON_INT,
    ON_USR1,
    ON_HUP,
    ON_TTIN,
    ON_TTOU,
    ON_TICK,
    ON_DEADLINE,
    ON_NOTIFY,
    EVENTS
};

struct server {
    const struct options *options;
    const struct model_type *type;
    struct event_base *base;
    struct event *events[EVENTS];
    struct shared *shared;
    struct watch *watch;
    struct listener *listener; /* NULL once the server drains */
    struct model *model;
    struct admin *admin;                /* NULL: none is wanted */
    uint64_t workers;                   /* now: --workers, and what signals have made of it */
    struct state_listener listener_was; /* how it ended, once it is gone */
    uint64_t descriptors_needed;        /* at most, and how many are allowed */
    uint64_t descriptors_allowed;
    struct notify notify; /* the service manager, if there is one */
    int64_t started_ns;
    bool has_terminal; /* standard input was one at the start */
    int status;
};

/* --- server.c ------------------------------------------------------------------------------ */

/** Have descriptors for so many workers, or say how many are missing. */
void server_secure_descriptors(struct server *server, uint64_t workers);

/** Something has ended, there is room, or time has passed. @param server  a struct server */
void server_look_after(void *server);

/* --- listen/open.c ----------------------------------------------------------------------------- */

/**
 * Take over what the service manager has passed. What cannot be served exits with a sentence. Call
 * before any thread is made.
 *
 * @return how many sockets; 0: sockets_open() is to open one
 */
unsigned sockets_take(const struct server *server,
                      struct listening_socket sockets[static SOCKETS_MAX]);

/**
 * Open the one of --host and --port. What does not work exits with a sentence. Call after processes
 * have been forked: they would keep it open.
 */
void sockets_open(const struct server *server, struct listening_socket *socket);

/** One line for each socket that it listens on: "listening on ADDRESS". */
void sockets_announce(const struct server *server);

/* --- manager.c ----------------------------------------------------------------------------- */

/**
 * Tell the service manager how the server stands: it serves, at first and after a reload; it reads
 * its files anew; it has been told to stop. Nothing where there is no service manager.
 */
void manager_tell_ready(struct server *server);
void manager_tell_reloading(struct server *server);
void manager_tell_stopping(struct server *server);

/** The callback of the timer that these set: what a manager wants to hear regularly, or again. */
void manager_on_time(evutil_socket_t fd, short what, void *server);

/* --- announce.c ---------------------------------------------------------------------------- */

/** The lines after "listening on": what was chosen, and what it will lead to. */
void announce_choices(struct server *server);

/** The accounting line. */
void announce_accounting(struct server *server);

/** The last lines of an orderly end. */
void announce_farewell(struct server *server);

/* --- drain.c ------------------------------------------------------------------------------- */

/** The callbacks of a stop: a signal, every 100 ms from then on, and the drain timeout. */
void drain_on_stop(evutil_socket_t signal_number, short what, void *server);
void drain_on_tick(evutil_socket_t fd, short what, void *server);
void drain_on_deadline(evutil_socket_t fd, short what, void *server);

/** The model is broken: say so, and end with status 1. */
void drain_on_failure(struct server *server);

/** While the server drains: leave the loop if the last session has ended. */
void drain_look(struct server *server);

#endif /* SERVER_SERVER_INTERNAL_H */
