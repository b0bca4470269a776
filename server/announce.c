/* SPDX-License-Identifier: MIT */
/* What the server reports about itself: see announce.h. */
#include "server/announce.h"

#include "common/address.h"
#include "common/clock.h"
#include "common/log.h"
#include "server/admin/admin.h"
#include "server/admin/agent.h"
#include "server/admin/visitor.h"
#include "server/limits.h"
#include "server/output/printer.h"
#include "server/parts.h"
#include "server/session/accounting.h"

#include <inttypes.h>
#include <stdio.h>

/* What the service manager allows after the drain timeout: sessions end within two seconds, and a slow
   standard output may take another. */
#define AFTER_DRAIN_NS (5 * SECOND_NS)

/* --- to people ----------------------------------------------------------------------------- */

void announce_addresses(const struct server *server)
{
    struct printer *printer = server->shared->printer;
    unsigned count;
    const struct listening_socket *sockets = listener_sockets(server->listener, &count);
    char text[ADDRESS_TEXT_MAX];
    const char *admin, *agent;

    for (unsigned i = 0; i < count; i++)
        printer_line(printer, "listening on %s", address_text(&sockets[i].address, text));
    for (unsigned i = 0; server->admin != NULL && (admin = admin_address(server->admin, i)); i++)
        printer_line(printer, "admin on http://%s", admin);
    for (unsigned i = 0; server->agent != NULL && (agent = agent_address(server->agent, i)); i++)
        printer_line(printer, "agent on %s", agent);
}

/* Predict at which session an uncapped server under a limit on its address space runs out of room. */
static void announce_prediction(const struct server *server)
{
    const struct limits *limits = &server->options->limits;
    uint64_t used = limits_used_bytes();
    uint64_t predicted = limits_predict_threads(limits, used);

    if (used == 0) {
        printer_line(server->shared->printer,
                     "predicted sessions: not known, since /proc does not report the address space "
                     "in use");
        return;
    }
    printer_line(server->shared->printer,
                 "predicted sessions: %" PRIu64 " (%" PRIu64 " KB of address space, %" PRIu64
                 " KB in use, %" PRIu64 " KB for each thread); session %" PRIu64
                 " of those held at once will find no room",
                 predicted, limits->as_bytes / 1024, used / 1024,
                 limits_thread_bytes(limits) / 1024, predicted + 1);
}

static void announce_model(const struct server *server)
{
    const struct options *options = server->options;
    struct printer *printer = server->shared->printer;

    if (server->type->single)
        printer_line(printer, "model %s: one session at a time, on full %s", server->type->name,
                     on_full_words[options->on_full]);
    else if (server->type->capped)
        printer_line(printer, "model %s: workers %" PRIu64 ", queue %" PRIu64 ", on full %s",
                     server->type->name, options->workers, options->queue,
                     on_full_words[options->on_full]);
    else if (server->type->holds_many)
        printer_line(printer,
                     "model %s: %ss %" PRIu64 ", %ssessions at most %" PRIu64 ", on full %s",
                     server->type->name, server->type->unit, options->workers,
                     options->hold == HOLD_MESSAGE ? "hold message, " : "", options->max_sessions,
                     on_full_words[options->on_full]);
    else
        printer_line(printer, "model %s: one for each session, at most %" PRIu64,
                     server->type->name, options->max_sessions);
}

/* Check whether each session has a thread of its own, so that address space bounds their number. */
static bool has_thread_each(const struct model_type *type)
{
    return !type->capped && !type->holds_many && !type->processes;
}

void announce_choices(const struct server *server)
{
    const struct limits *limits = &server->options->limits;
    struct printer *printer = server->shared->printer;

    announce_model(server);
    if (server->descriptors_allowed > 0)
        printer_line(printer, "descriptors: up to %" PRIu64 " needed, %" PRIu64 " allowed",
                     server->descriptors_needed, server->descriptors_allowed);
    else
        printer_line(printer,
                     "descriptors: up to %" PRIu64 " needed, and it is not known how many are "
                     "allowed",
                     server->descriptors_needed);
    if (limits->as_bytes > 0)
        printer_line(printer, "limit: address space %" PRIu64 " KB", limits->as_bytes / 1024);
    if (limits->nofile > 0)
        printer_line(printer, "limit: %" PRIu64 " descriptors", limits->nofile);
    if (limits->stack_bytes > 0)
        printer_line(printer, "limit: stack of a thread %" PRIu64 " KB",
                     limits->stack_bytes / 1024);
    if (limits->as_bytes > 0 && has_thread_each(server->type))
        announce_prediction(server);
}

void announce_accounting(const struct server *server)
{
    struct visitor_counts visitors;
    struct counts counts;
    char text[192];

    model_catch_up(server->model);
    accounting_snapshot(server->shared->accounting, &counts);
    printer_line(server->shared->printer, "%s", counts_text(&counts, text, sizeof text));
    visitors_count(server->visitors, &visitors);
    if (visitors.sent > 0)
        printer_line(server->shared->printer,
                     "among them visitors from the page: sent %" PRIu64 " = served %" PRIu64
                     " + rejected %" PRIu64 " + ended %" PRIu64 " + here %" PRIu64,
                     visitors.sent, visitors.served, visitors.rejected, visitors.ended,
                     visitors.here);
}

/* Print how many sessions the stop and each limit have ended. */
static void announce_limits_reached(const struct server *server, const struct counts *counts)
{
    for (int i = OUTCOME_STOPPED; i <= OUTCOME_HANDSHAKE_FAILED; i++)
        if (counts->ended[i] > 0)
            printer_line(server->shared->printer, "%s: %" PRIu64, outcome_words[i],
                         counts->ended[i]);
}

/* Print how often accepting was paused or failed, if it was. */
static void announce_listener(struct printer *printer, const struct listener_state *listener)
{
    if (listener->pauses > 0)
        printer_line(printer, "accepting was paused %" PRIu64 " times, for %.3f s in all",
                     listener->pauses, (double)listener->paused_ns / 1e9);
    if (listener->errors > 0)
        printer_line(printer, "accept failed %" PRIu64 " times", listener->errors);
}

void announce_farewell(const struct server *server)
{
    struct printer *printer = server->shared->printer;
    struct counts counts;

    announce_accounting(server);
    accounting_snapshot(server->shared->accounting, &counts);
    announce_limits_reached(server, &counts);
    printer_line(printer,
                 "peak: %" PRIu64 " sessions served at once, %" PRIu64
                 " waiting in the queue; %" PRIu64 " echoes",
                 counts.peak_served, counts.peak_waiting, counts.echoes);
    announce_listener(printer, &server->listener_was);
    if (log_lost() > 0)
        printer_line(printer, "%" PRIu64 " lines were lost: standard error was too slow",
                     log_lost());
}

/* --- to the service manager ---------------------------------------------------------------- */

/* Send what is due now, and set a timer for what is due later. */
static void send_due(struct server *server)
{
    int64_t next_ns = notify_tend(&server->notify);
    struct timeval next = clock_timeval(next_ns);

    /* Without memory for the timer a watchdog may end the server, and rightly. */
    if (next_ns > 0)
        (void)event_add(server->events[ON_NOTIFY], &next);
}

void announce_on_timer(evutil_socket_t fd, short what, void *argument)
{
    (void)fd;
    (void)what;
    send_due(argument);
}

void announce_ready(struct server *server)
{
    const struct listening_socket *sockets;
    unsigned count;
    char address[ADDRESS_TEXT_MAX];
    char status[ADDRESS_TEXT_MAX + 64];

    if (server->listener == NULL || server->lame_duck)
        return; /* it stops, and has reported that */
    sockets = listener_sockets(server->listener, &count);
    address_text(&sockets[0].address, address);
    if (count == 1)
        snprintf(status, sizeof status, "listening on %s", address);
    else
        snprintf(status, sizeof status, "listening on %s and %u more", address, count - 1);
    notify_ready(&server->notify, status);
    send_due(server);
}

void announce_reloading(struct server *server)
{
    if (server->listener == NULL || server->lame_duck)
        return;
    notify_reloading(&server->notify);
    send_due(server);
}

/* Report what the server does before it ends, at the latest `longest_ns` from now. */
static void report_stopping(struct server *server, const char *status, int64_t longest_ns)
{
    if (server->admin != NULL)
        admin_look_again(server->admin);
    if (server->agent != NULL)
        agent_look_again(server->agent);
    notify_stopping(&server->notify, status, longest_ns + AFTER_DRAIN_NS);
    send_due(server);
}

void announce_lame_duck(struct server *server)
{
    const struct options *options = server->options;
    char status[128];

    snprintf(status, sizeof status, "not ready, and accepting for another %.3f s",
             (double)options->shutdown_delay_ns / 1e9);
    if (!options->quiet)
        printer_line(server->shared->printer, "stopping: %s; a second signal ends this delay",
                     status);
    report_stopping(server, status, options->shutdown_delay_ns + options->drain_timeout_ns);
}

void announce_stopping(struct server *server)
{
    report_stopping(server, "waiting for the last sessions to end",
                    server->options->drain_timeout_ns);
}
