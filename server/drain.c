/* SPDX-License-Identifier: MIT */
/*
 * Stopping without loss, after SIGTERM or SIGINT.
 *
 *     RUNNING --signal--> LAME DUCK --shutdown delay, or second signal--> DRAINING
 *
 *     RUNNING --signal, without a delay--> DRAINING --last session ended--> gone
 *                            |  every 100 ms: a session that has waited for its client since the last
 *                            |  time is no longer read from (what has arrived is still echoed)
 *                            +--drain timeout--> CONCLUDING --last session ended--> gone
 *                                                   |  each session ends at its next boundary, after
 *                                                   |  half a second even if its client sends on
 *                                                   +--1 s--> CUT --last session ended--> gone
 *     each of these after LAME DUCK --another signal--> gone at once, status 1; also while threads and processes end
 *
 * A lame duck accepts and serves like a running server, but /readyz says that it is not ready: load
 * balancers and the endpoints of Kubernetes stop sending clients before there is no listener any more.
 *
 * The status is 0 if all that clients had sent was echoed and has arrived: session/boundary.h. Sessions
 * that wait in the queue are served like all others while there is time. Connections in the kernel's
 * backlog are served if there is room for them, and get BUSY if not: closing the listening socket would
 * reset them. If the workers accept, those that were woken take a connection each, and the rest get BUSY. A socket
 * that belongs to others too stays as it is. From then on each session that ends wakes the loop, and so does each
 * worker that leaves its door: the loop checks whether it was the last.
 */
#include "server/drain.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/translate.h"
#include "server/admin/visitor.h"
#include "server/announce.h"
#include "server/parts.h"
#include "server/session/accounting.h"
#include "server/session/linger.h"
#include "server/session/session.h"
#include "server/session/trace.h"
#include "server/signals.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TICK_US     100000
#define CONCLUDE_US 500000 /* between the steps that follow the drain timeout */

static uint64_t in_flight(struct server *server)
{
    struct counts counts;

    accounting_snapshot(server->shared->accounting, &counts);
    return counts.in_flight;
}

/* Refused clients get their lines, unless that takes longer than all the rest. */
void drain_look(struct server *server)
{
    /* First: a worker that has left its door has its session counted, or reported. */
    bool quiet = server->model->doors == NULL || doors_are_quiet(server->model->doors);

    model_catch_up(server->model);
    if (quiet && in_flight(server) == 0 &&
        (server->cut || lingerer_is_idle(server->shared->lingerer)))
        event_base_loopbreak(server->base);
}

void drain_on_tick(evutil_socket_t fd, short what, void *argument)
{
    struct server *server = argument;

    (void)fd;
    (void)what;
    accounting_each(server->shared->accounting, session_nudge, NULL);
    model_tend(server->model); /* without a time limit no timer calls it */
    drain_look(server);
}

static void cut(struct accounting_entry *entry, void *context)
{
    (void)context;
    session_judge((struct session *)entry, OUTCOME_CUT);
}

/* Take the next step: let sessions end at their boundaries, then soon, then cut those that are left. */
void drain_on_deadline(evutil_socket_t fd, short what, void *argument)
{
    static const struct timeval step = {.tv_usec = CONCLUDE_US};
    struct server *server = argument;

    (void)fd;
    (void)what;
    if (server->ending != ENDING_NOW && event_add(server->events[ON_DEADLINE], &step) == 0) {
        server->ending = server->ending == ENDING_NOT ? ENDING_AT_BOUNDARY : ENDING_NOW;
        accounting_each(server->shared->accounting, session_conclude, &server->ending);
        return;
    }
    server->cut = true;
    accounting_each(server->shared->accounting, cut, NULL);
    drain_look(server);
}

static _Noreturn void end_at_once(struct server *server)
{
    struct counts counts;
    char text[192];

    if (server->shared->trace != NULL)
        trace_flush(server->shared->trace);
    accounting_snapshot(server->shared->accounting, &counts);
    log_error("ended at once by another signal: %s", counts_text(&counts, text, sizeof text));
    _exit(EXIT_RUN);
}

/* Go on accepting for a while, not ready. @return false: there is no delay, or it has been used up */
static bool begin_delay(struct server *server)
{
    struct timeval delay = clock_timeval(server->options->shutdown_delay_ns);

    if (server->options->shutdown_delay_ns == 0 || server->lame_duck ||
        event_add(server->events[ON_DELAY], &delay) != 0)
        return false;
    server->lame_duck = true;
    announce_lame_duck(server);
    return true;
}

/* Accept no more, and leave the loop when the last session has ended. */
static void begin_drain(struct server *server)
{
    static const struct timeval tick = {.tv_usec = TICK_US};
    int64_t drain_ns = server->options->drain_timeout_ns;
    struct timeval deadline = clock_timeval(drain_ns);

    event_del(server->events[ON_DELAY]);
    server->lame_duck = false;
    announce_stopping(server);
    listener_take_backlog(server->listener);
    listener_state(server->listener, &server->listener_was);
    server->listener_was.paused = server->listener_was.why_full = false;
    server->listener_was.why_errors = server->listener_was.why_person = false;
    server->listener_was.backlog = server->listener_was.backlog_max = 0;
    server->listener_was.backlog_unknown = false;
    listener_free(server->listener);
    server->listener = NULL;
    visitors_leave(server->visitors);
    /* From here on each session that ends wakes the loop. The wake-up below is for those that ended before. */
    atomic_store(server->shared->draining, true);
    accounting_each(server->shared->accounting, session_nudge, NULL); /* the first look */
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
    if (!begin_delay(server))
        begin_drain(server);
}

void drain_on_delay(evutil_socket_t fd, short what, void *argument)
{
    (void)fd;
    (void)what;
    begin_drain(argument);
}

void drain_on_failure(struct server *server)
{
    log_error("no worker can be started any more: the server ends");
    server->status = EXIT_RUN;
    begin_drain(server);
}

/* What follows waits for threads and processes, of which one may be frozen. */
void drain_is_over(struct server *server)
{
    static char line[128];

    if (server->options->log == LOG_TEXT)
        snprintf(line, sizeof line, "echo-server: %s\n", _("ended at once by another signal"));
    signals_end_at_once(SIGTERM, line, server);
    signals_end_at_once(SIGINT, line, server);
}

void drain_end(struct server *server)
{
    struct counts counts;

    accounting_snapshot(server->shared->accounting, &counts);
    if (counts.ended[OUTCOME_CUT] == 0)
        return;
    server->status = EXIT_RUN;
    log_warn("%" PRIu64
             " sessions were cut: bytes that had come were not echoed, or their echo did not "
             "arrive; a longer --drain-timeout may help",
             counts.ended[OUTCOME_CUT]);
}
