/* SPDX-License-Identifier: MIT */
/*
 * The server's life: see server.h.
 *
 * DESIGN. One event loop on the main thread owns the listener, the signals, the timers and the
 * connections that are being refused. Sessions are served by the threads of the model with
 * blocking calls, which cost two system calls an echo. Threads never touch the event base: they
 * write to one eventfd, and the loop looks after everything (on_wake). So libevent needs no locks
 * here and evthread is not used.
 *
 * Draining, after SIGTERM or SIGINT:
 *
 *     RUNNING --signal--> DRAINING --last session ended--> gone, status 0
 *                            |  every 100 ms: who has finished no echo since the last time is
 *                            |  not read from any more (what has arrived is still echoed)
 *                            +--drain timeout--> CUT --last session ended--> gone, status 1
 *     DRAINING or CUT --second signal--> gone at once, status 1
 */
#include "server/server.h"

#include "common/log.h"
#include "server/accounting.h"
#include "server/listener.h"
#include "server/models/model.h"
#include "server/refuse.h"
#include "server/session.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    DRAIN_TICK_US = 100000,
    RESERVED_DESCRIPTORS = 16, /* standard streams, epoll, listener, eventfds, signals */
};

/* The order of the events of a server. */
enum { ON_WAKE, ON_TERM, ON_INT, ON_USR1, ON_TICK, ON_DEADLINE, EVENTS };

struct server {
    const struct options *options;
    struct event_base *base;
    struct event *events[EVENTS];
    struct service service;
    struct refuser *refuser;
    struct listener *listener; /* NULL once the server drains */
    struct model *model;
    uint64_t accept_errors; /* of the listener, once that is gone */
    int status;
};

/* --- what is said -------------------------------------------------------------------------- */

static void print_accounting(struct server *server)
{
    struct counts counts;
    char text[192];

    accounting_snapshot(server->service.accounting, &counts);
    printer_line(server->service.printer, "%s", counts_text(&counts, text, sizeof text));
}

/* The last lines of an orderly end. */
static void print_farewell(struct server *server)
{
    struct counts counts;

    print_accounting(server);
    accounting_snapshot(server->service.accounting, &counts);
    printer_line(server->service.printer,
                 "peak: %" PRIu64 " sessions served at once, %" PRIu64
                 " waiting in the queue; %" PRIu64 " echoes",
                 counts.peak_served, counts.peak_waiting, counts.echoes);
    if (server->accept_errors > 0)
        printer_line(server->service.printer, "accept failed %" PRIu64 " times",
                     server->accept_errors);
}

/* What an uncapped server under a limit on its address space is going to see. */
static void print_prediction(struct server *server)
{
    const struct limits *limits = &server->options->limits;
    uint64_t used = limits_used_bytes();
    uint64_t predicted = limits_predict_threads(limits, used);

    printer_line(server->service.printer,
                 "predicted sessions: %" PRIu64 " (%" PRIu64 " KB of address space, %" PRIu64
                 " KB in use, %" PRIu64 " KB for each thread); session %" PRIu64
                 " of those held at once will find no room",
                 predicted, limits->as_bytes / 1024, used / 1024,
                 limits_thread_bytes(limits) / 1024, predicted + 1);
}

static void print_choices(struct server *server)
{
    const struct options *options = server->options;
    const struct limits *limits = &options->limits;
    struct printer *printer = server->service.printer;

    if (server->model->type->capped)
        printer_line(printer,
                     "model thread-pool: workers %" PRIu64 ", queue %" PRIu64 ", on full %s",
                     options->workers, options->queue,
                     options->on_full == ON_FULL_PAUSE ? "pause" : "reject");
    else
        printer_line(printer, "model thread: one for each session, at most %" PRIu64,
                     options->max_sessions);
    if (limits->as_bytes > 0)
        printer_line(printer, "limit: address space %" PRIu64 " KB", limits->as_bytes / 1024);
    if (limits->nofile > 0)
        printer_line(printer, "limit: %" PRIu64 " descriptors", limits->nofile);
    if (limits->stack_bytes > 0)
        printer_line(printer, "limit: stack of a thread %" PRIu64 " KB",
                     limits->stack_bytes / 1024);
    if (limits->as_bytes > 0 && !server->model->type->capped)
        print_prediction(server);
}

/* --- the loop's callbacks ------------------------------------------------------------------ */

/* A thread has written to the eventfd: something has ended, or there is room. */
static void on_wake(evutil_socket_t fd, short what, void *argument)
{
    struct server *server = argument;
    struct counts counts;
    eventfd_t ignored;

    (void)what;
    (void)eventfd_read(fd, &ignored);
    server->model->type->tend(server->model);
    if (server->listener != NULL) {
        listener_look_again(server->listener);
        return;
    }
    accounting_snapshot(server->service.accounting, &counts);
    if (counts.in_flight == 0)
        event_base_loopbreak(server->base);
}

static void on_accounting(evutil_socket_t fd, short what, void *argument)
{
    (void)fd;
    (void)what;
    print_accounting(argument);
}

static void on_tick(evutil_socket_t fd, short what, void *argument)
{
    struct server *server = argument;

    (void)fd;
    (void)what;
    accounting_each(server->service.accounting, session_nudge);
}

/* The drain timeout has passed: whoever is still here is cut. */
static void on_deadline(evutil_socket_t fd, short what, void *argument)
{
    struct server *server = argument;
    struct counts counts;

    (void)fd;
    (void)what;
    accounting_snapshot(server->service.accounting, &counts);
    if (counts.in_flight == 0)
        return; /* the last one has just ended, and has woken the loop */
    log_warn("the drain timeout has passed: %" PRIu64 " sessions are cut", counts.in_flight);
    server->status = EXIT_RUN;
    atomic_store(&server->service.cut, true);
    if (eventfd_write(server->service.cut_fd, 1) != 0)
        abort(); /* written once only */
    accounting_each(server->service.accounting, session_cut);
}

/* SIGTERM or SIGINT: stop accepting, and go when the last session has ended. */
static void on_stop(evutil_socket_t signal_number, short what, void *argument)
{
    static const struct timeval tick = {.tv_usec = DRAIN_TICK_US};
    struct server *server = argument;
    int64_t drain_ns = server->options->drain_timeout_ns;
    struct timeval deadline = {drain_ns / 1000000000, drain_ns % 1000000000 / 1000};

    (void)signal_number;
    (void)what;
    if (server->listener == NULL) {
        struct counts counts;
        char text[192];

        accounting_snapshot(server->service.accounting, &counts);
        log_error("ended at once by a second signal: %s", counts_text(&counts, text, sizeof text));
        _exit(EXIT_RUN);
    }
    server->accept_errors = listener_errors(server->listener);
    listener_free(server->listener);
    server->listener = NULL;
    /* From here on each session that ends wakes the loop; below it is woken for those before. */
    atomic_store(&server->service.draining, true);
    if (event_add(server->events[ON_TICK], &tick) != 0 ||
        event_add(server->events[ON_DEADLINE], &deadline) != 0)
        on_deadline(-1, 0, server); /* no memory for a timer: do not wait */
    service_wake(&server->service);
}

/* --- start --------------------------------------------------------------------------------- */

void server_open_standard_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDWR) != fd)
            _exit(EXIT_RUN); /* no /dev/null, and nowhere to say so */
}

static void log_from_libevent(int severity, const char *message)
{
    if (severity >= EVENT_LOG_WARN)
        log_warn("libevent: %s", message);
}

static _Noreturn void die_of_libevent(int code)
{
    log_fatal("the event loop cannot work (libevent error %d); too few descriptors may be allowed, "
              "see ulimit -n",
              code);
}

/* Have descriptors for all who may be here, or say how many are missing. */
static void secure_descriptors(const struct options *options, const struct model_type *type)
{
    uint64_t needed = RESERVED_DESCRIPTORS;
    uint64_t have = options->limits.nofile;

    needed += type->capped ? options->workers + options->queue : options->max_sessions;
    if (!type->capped || options->on_full == ON_FULL_REJECT)
        needed += REFUSE_LINGERING_MAX;
    if (have == 0)
        have = limits_raise_nofile(needed);
    if (have < needed)
        log_warn("up to %" PRIu64 " descriptors may be needed and %" PRIu64
                 " are allowed: raise the limit (ulimit -n %" PRIu64 "), or lower %s",
                 needed, have, needed, type->capped ? "--workers or --queue" : "--max-sessions");
}

static void start_listener(struct server *server, const struct model_type *type,
                           char text[static ADDRESS_TEXT_MAX])
{
    const struct options *options = server->options;
    struct address address;
    const char *cause;
    int rc;

    if (!address_resolve(options->host, (uint16_t)options->port, true, &address, &cause))
        log_fatal("cannot listen on %s: %s; try --host 127.0.0.1", options->host, cause);
    if (!type->capped && !address_is_loopback(&address) && !options->allow_uncapped)
        log_usage(
            "--model %s on %s would let anybody take all threads; use --model thread-pool, or "
            "add --allow-uncapped",
            type->name, options->host);
    address_text(&address, text);
    rc = listener_new(server->base, &address, &server->service, server->refuser, &server->listener);
    if (rc == -EACCES)
        log_fatal("cannot listen on %s: %s; ports below 1024 need root, try --port 8090", text,
                  strerror(-rc));
    if (rc == -EADDRINUSE)
        log_fatal("cannot listen on %s: %s; stop the other program, or try --port 0", text,
                  strerror(-rc));
    if (rc == -EADDRNOTAVAIL)
        log_fatal("cannot listen on %s: %s; this machine has no such address, try --host 127.0.0.1",
                  text, strerror(-rc));
    if (rc != 0)
        log_fatal("cannot listen on %s: %s", text, strerror(-rc));
    address_text(&address, text); /* with the port that the kernel has picked */
}

static void start_model(struct server *server, const struct model_type *type)
{
    const struct options *options = server->options;
    struct model_settings settings = {
        .service = &server->service,
        .limits = options->limits,
        .workers = options->workers,
        .queue = options->queue,
        .max_sessions = options->max_sessions,
    };
    char why[MODEL_WHY_MAX];

    if (type->create(&settings, &server->model, why) != 0)
        log_fatal("cannot start --model %s with %" PRIu64 " workers: %s; try fewer --workers or a "
                  "higher --limit",
                  type->name, options->workers, why);
}

static void start_service(struct server *server, const struct model_type *type)
{
    const struct options *options = server->options;
    struct service *service = &server->service;
    int rc;

    service->accounting = accounting_new(type->capped ? options->workers : 0, options->queue);
    service->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    service->cut_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (service->accounting == NULL || service->wake_fd < 0 || service->cut_fd < 0)
        log_fatal("cannot set up the server: %m");
    service->print = (enum print_mode)options->print;
    service->transform = (enum transform)options->transform;
    service->buffer_bytes = options->buffer_bytes;
    service->idle_timeout_ns = options->idle_timeout_ns;
    service->write_timeout_ns = options->write_timeout_ns;
    service->delay_ns = options->delay_ns;
    service->burn_ns = options->burn_ns;
    rc = printer_new(service->print, options->buffer_bytes, &service->printer);
    if (rc != 0)
        log_fatal("cannot start the printer: %s", strerror(-rc));
}

/* The base and all its events, so that none has to be made when memory has run out. */
static void start_loop(struct server *server)
{
    struct event **events = server->events;

    event_set_log_callback(log_from_libevent);
    event_set_fatal_callback(die_of_libevent);
    server->base = event_base_new();
    if (server->base == NULL)
        log_fatal("cannot make the event loop: %m");
    events[ON_WAKE] =
        event_new(server->base, server->service.wake_fd, EV_READ | EV_PERSIST, on_wake, server);
    events[ON_TERM] = evsignal_new(server->base, SIGTERM, on_stop, server);
    events[ON_INT] = evsignal_new(server->base, SIGINT, on_stop, server);
    events[ON_USR1] = evsignal_new(server->base, SIGUSR1, on_accounting, server);
    events[ON_TICK] = event_new(server->base, -1, EV_PERSIST, on_tick, server);
    events[ON_DEADLINE] = evtimer_new(server->base, on_deadline, server);
    for (int i = 0; i < EVENTS; i++)
        if (events[i] == NULL || (i < ON_TICK && event_add(events[i], NULL) != 0))
            log_fatal("no memory for the event loop");
    server->refuser = refuser_new(server->base);
    if (server->refuser == NULL)
        log_fatal("no memory for the event loop");
}

/* --- end ----------------------------------------------------------------------------------- */

/* Join every thread, say the last words, release everything. */
static void end(struct server *server)
{
    struct service *service = &server->service;
    uint64_t dropped;

    server->model->type->destroy(server->model);
    if (!server->options->quiet)
        print_farewell(server);
    dropped = printer_free(service->printer);
    if (dropped > 0)
        log_warn("%" PRIu64 " messages were not printed: standard output was too slow", dropped);
    listener_free(server->listener);
    refuser_free(server->refuser);
    for (int i = 0; i < EVENTS; i++)
        event_free(server->events[i]);
    event_base_free(server->base);
    accounting_free(service->accounting);
    close(service->wake_fd);
    close(service->cut_fd);
}

int server_run(const struct options *options)
{
    const struct model_type *type = models[options->model];
    struct server server = {.options = options};
    char address[ADDRESS_TEXT_MAX];
    const char *name = NULL;
    int rc;

    signal(SIGPIPE, SIG_IGN);
    rc = limits_apply(&options->limits, &name);
    if (rc != 0)
        log_fatal("cannot set --limit %s: %s; the hard limit is lower", name, strerror(-rc));
    secure_descriptors(options, type);
    start_service(&server, type);
    start_loop(&server);
    start_listener(&server, type, address);
    start_model(&server, type);

    printer_line(server.service.printer, "listening on %s", address);
    if (!options->quiet)
        print_choices(&server);
    listener_start(server.listener, server.model,
                   type->capped && options->on_full == ON_FULL_PAUSE);
    if (event_base_dispatch(server.base) != 0)
        log_fatal("the event loop has failed");
    end(&server);
    return server.status;
}
