/* SPDX-License-Identifier: MIT */
/*
 * Stopping without loss, after SIGTERM or SIGINT.
 *
 *     RUNNING --signal--> DRAINING --last session ended--> gone, status 0
 *                            |  every 100 ms: a session that has finished no echo since the last
 *                            |  time is no longer read from (what has arrived is still echoed)
 *                            +--drain timeout--> CUT --last session ended--> gone, status 1
 *     DRAINING or CUT --second signal--> gone at once, status 1
 *
 * Sessions that wait in the queue are served like all others while there is time. From the signal on
 * each session that ends wakes the loop, which checks whether it was the last.
 */
#include "server/drain.h"

#include "common/clock.h"
#include "common/log.h"
#include "server/announce.h"
#include "server/parts.h"
#include "server/session/accounting.h"
#include "server/session/session.h"
#include "server/session/trace.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#define TICK_US 100000

static uint64_t in_flight(struct server *server)
{
    struct counts counts;

    accounting_snapshot(server->shared->accounting, &counts);
    return counts.in_flight;
}

void drain_look(struct server *server)
{
    if (in_flight(server) == 0)
        event_base_loopbreak(server->base);
}

void drain_on_tick(evutil_socket_t fd, short what, void *argument)
{
    struct server *server = argument;

    (void)fd;
    (void)what;
    accounting_each(server->shared->accounting, session_nudge, NULL);
    model_tend(server->model); /* without a time limit no timer calls it */
}

static void cut(struct accounting_entry *entry, void *context)
{
    (void)context;
    session_judge((struct session *)entry, OUTCOME_DRAIN_TIMEOUT);
}

/* The drain timeout has passed: cut the sessions that are left. */
void drain_on_deadline(evutil_socket_t fd, short what, void *argument)
{
    struct server *server = argument;
    uint64_t left = in_flight(server);

    (void)fd;
    (void)what;
    if (left == 0)
        return; /* the last one has just ended, and has woken the loop */
    log_warn("the drain timeout has passed: %" PRIu64 " sessions are cut", left);
    server->status = EXIT_RUN;
    accounting_each(server->shared->accounting, cut, NULL);
}

static _Noreturn void end_at_once(struct server *server)
{
    struct counts counts;
    char text[192];

    if (server->shared->trace != NULL)
        trace_flush(server->shared->trace);
    accounting_snapshot(server->shared->accounting, &counts);
    log_error("ended at once by a second signal: %s", counts_text(&counts, text, sizeof text));
    _exit(EXIT_RUN);
}

/* Accept no more, and leave the loop when the last session has ended. */
static void begin_drain(struct server *server)
{
    static const struct timeval tick = {.tv_usec = TICK_US};
    int64_t drain_ns = server->options->drain_timeout_ns;
    struct timeval deadline = clock_timeval(drain_ns);

    announce_stopping(server);
    listener_state(server->listener, &server->listener_was);
    server->listener_was.paused = server->listener_was.why_full = false;
    server->listener_was.why_errors = server->listener_was.why_person = false;
    server->listener_was.backlog = server->listener_was.backlog_max = 0;
    listener_free(server->listener);
    server->listener = NULL;
    /* From here on each session that ends wakes the loop. The wake-up below is for those that ended before. */
    atomic_store(server->shared->draining, true);
    if (event_add(server->events[ON_TICK], &tick) != 0 ||
        event_add(server->events[ON_DEADLINE], &deadline) != 0)
        drain_on_deadline(-1, 0, server); /* no memory for a timer: do not wait */
    shared_wake(server->shared);
}

void drain_on_stop(evutil_socket_t signal_number, short what, void *argument)
{
    struct server *server = argument;

    (void)signal_number;
    (void)what;
    if (server->listener == NULL)
        end_at_once(server);
    begin_drain(server);
}

void drain_on_failure(struct server *server)
{
    log_error("no worker can be started any more: the server ends");
    server->status = EXIT_RUN;
    begin_drain(server);
}
