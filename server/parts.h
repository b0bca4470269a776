/* SPDX-License-Identifier: MIT */
/**
 * @file parts.h
 * struct server: the parts of a running server, for the files that make up its life. server.c starts
 * and ends it, tend.c follows what sessions and workers do, drain.c stops it, announce.c reports on it,
 * adjust.c changes it.
 *
 * Threads: loop only.
 */
#ifndef SERVER_PARTS_H
#define SERVER_PARTS_H

#include "server/listen/listener.h"
#include "server/models/model.h"
#include "server/options.h"
#include "server/session/session.h"
#include "server/session/shared.h"
#include "server/systemd/notify.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

/** The events of a server, in the order in which they are made. */
enum server_event {
    ON_WAKE,
    ON_SIGNAL,
    ON_TICK,
    ON_DELAY,
    ON_DEADLINE,
    ON_NOTIFY,
    ON_REAP,
    EVENTS
};

struct server {
    const struct options *options;
    const struct model_type *type;
    struct event_base *base;
    struct event *events[EVENTS];
    struct shared *shared;
    struct timeouts *timeouts;
    struct listener *listener; /* NULL once the server drains */
    struct model *model;
    struct admin *admin;                /* NULL: no admin port */
    struct visitors *visitors;          /* NULL: the page cannot send any */
    struct agent *agent;                /* NULL: no --agent */
    uint64_t workers;                   /* now: --workers, as changed by signals and the page */
    struct listener_state listener_was; /* at the moment when the server began to drain */
    uint64_t descriptors_needed;        /* at most */
    uint64_t descriptors_allowed;       /* 0: not known */
    struct notify notify;               /* the service manager, if there is one */
    int64_t started_ns;
    enum ending ending; /* what sessions were asked for since the drain timeout */
    bool lame_duck;     /* not ready, and still accepting: the shutdown delay */
    bool ended;         /* the loop has returned: the last session has ended */
    bool cut;           /* those that were left after that have been cut */
    bool has_terminal;  /* standard input was one at the start */
    int status;         /* the exit status so far */
};

#endif /* SERVER_PARTS_H */
