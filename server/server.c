/* SPDX-License-Identifier: MIT */
/*
 * The server's life: see server.h.
 *
 * DESIGN. One event loop on the main thread owns the listener, the signals, the timers and the
 * connections that are being refused. The model decides which thread serves a session. Such threads
 * never touch this event base: they write to one eventfd, and the loop does the rest (tend.c). So
 * libevent needs no locks here and evthread is not used.
 */
#include "server/server.h"

#include "common/calls.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/signal-mask.h"
#include "common/translate.h"
#include "pool/echopool.h"
#include "server/adjust.h"
#include "server/admin/admin.h"
#include "server/admin/agent.h"
#include "server/admin/reserve.h"
#include "server/admin/visitor.h"
#include "server/announce.h"
#include "server/descriptors.h"
#include "server/drain.h"
#include "server/listen/open.h"
#include "server/models/table.h"
#include "server/parts.h"
#include "server/reap.h"
#include "server/session/credentials.h"
#include "server/session/linger.h"
#include "server/session/per-source.h"
#include "server/session/session.h"
#include "server/session/store.h"
#include "server/session/timeouts.h"
#include "server/session/trace.h"
#include "server/signals.h"
#include "server/snapshot.h"
#include "server/tend.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* --- the loop's callbacks ------------------------------------------------------------------ */

static void on_accounting(evutil_socket_t fd, short what, void *argument)
{
    (void)fd;
    (void)what;
    announce_accounting(argument);
}

/* Reload the certificate on SIGHUP. Without one, SIGHUP means that the terminal was closed: stop. */
static void on_reload(evutil_socket_t signal_number, short what, void *argument)
{
    struct server *server = argument;
    char why[TLS_WHY_MAX] = "";

    if (server->shared->credentials == NULL && server->has_terminal) {
        drain_on_stop(signal_number, what, server);
        return;
    }
    announce_reloading(server);
    if (server->shared->credentials == NULL)
        log_warn("nothing to reload: --tls-cert was not given");
    else if (credentials_reload(server->shared->credentials, why) != 0)
        log_error("the old certificate stays in use: %s", why);
    else
        printer_line(server->shared->printer, "the certificate was reloaded");
    announce_ready(server);
}

/* Have one more worker on SIGTTIN, one fewer on SIGTTOU. */
static void on_resize(evutil_socket_t signal_number, short what, void *argument)
{
    char why[HOST_WHY_MAX];
    uint64_t workers;

    (void)what;
    if (adjust_workers(argument, signal_number == SIGTTIN, &workers, why) != 0)
        log_warn("the workers stay %" PRIu64 ": %s", workers, _(why));
}

/* --- start --------------------------------------------------------------------------------- */

void server_settle_output(void)
{
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is as a full disk (ulimit -f) */
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
            open("/dev/null", fd == STDOUT_FILENO ? O_RDONLY : O_RDWR) != fd)
            _exit(EXIT_RUN); /* no /dev/null, and nowhere to say so */
}

/* What no model can do without. Other calls that it needs fail at the start, with a sentence of their own. */
static const struct call needed[] = {
    CALLS_OF_POLL,  CALL(read),   CALL(write),        CALL(close),
    CALL(recvfrom), CALL(sendto), CALL(rt_sigaction), CALL(rt_sigprocmask),
    CALL(accept4),  CALL(futex),  CALLS_END,
};

/*
 * Undo what the parent may have set: a blocked SIGTERM would never stop the server, and with SIGCHLD ignored
 * the kernel keeps no report of how a process of --model fork has ended.
 */
static void settle_signals(void)
{
    static const int handled[] = {SIGTERM, SIGINT, SIGUSR1, SIGHUP, SIGTTIN, SIGTTOU, SIGCHLD};

    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_DFL);
    signal_mask_without(handled, sizeof handled / sizeof handled[0]);
}

/* Log it, and keep errno, which libevent's caller reads afterwards. */
static void log_from_libevent(int severity, const char *message)
{
    int error = errno;

    if (severity >= EVENT_LOG_WARN)
        log_warn("libevent: %s", message);
    errno = error;
}

static _Noreturn void die_of_libevent(int code)
{
    log_fatal("the event loop cannot work (libevent error %d); too few descriptors may be allowed, "
              "see ulimit -n",
              code);
}

/* Find what to do when a model has no workers for this reason. */
static const char *remedy(const struct model_type *type, int rc, const char *usual)
{
    switch (rc) {
    case -EPERM:
    case -ENOSYS:
        return type->processes ? _("; the kernel or a filter of system calls refuses what worker "
                                   "processes need, try --model thread-pool")
                               : _("; the kernel or a filter of system calls refuses what threads "
                                   "need, try --model iterative");
    case -ENOSPC: return _("; raise fs.epoll.max_user_watches");
    default: return usual;
    }
}

static void start_model(struct server *server)
{
    const struct options *options = server->options;
    struct model_settings settings = {
        .shared = server->shared,
        .base = server->base,
        .stack_bytes = options->limits.stack_bytes,
        .workers = options->workers,
        .queue = options->queue,
        .max_sessions = options->max_sessions,
        .on_full = options->on_full,
        .hold = options->hold,
        .queue_timeout_ns = options->queue_timeout_ns,
        .wake_all = options->wake_all,
    };
    char why[MODEL_WHY_MAX];
    int rc = server->type->create(&settings, &server->model, why);

    if (rc == -ENOTSUP)
        log_fatal("cannot start --model %s: %s", server->type->name, why);
    if (rc != 0)
        log_fatal("cannot start --model %s with %" PRIu64 " workers: %s%s", server->type->name,
                  options->workers, why,
                  remedy(server->type, rc, _("; try fewer --workers or a higher --limit")));
    server->model->type = server->type;
    server->workers = server->type->capped || server->type->holds_many ? options->workers : 0;
}

/*
 * Count the most sessions that can exist at once, among them the one that the loop serves (--on-full
 * caller-runs) and one that is about to be rejected. The number of workers may grow to EP_WORKERS_MAX;
 * places that are never used cost nothing.
 */
static uint64_t most_sessions(const struct options *options, const struct model_type *type)
{
    uint64_t served = type->resize != NULL ? EP_WORKERS_MAX : options->workers;

    if (type->processes && model_accepts(type))
        served *= 1 + PLACES_TO_ACCEPT;
    return (type->capped ? served + options->queue : options->max_sessions) + 2;
}

static void start_shared(struct server *server)
{
    const struct options *options = server->options;
    struct shared *shared = shared_new();
    int rc;

    if (shared == NULL)
        log_fatal("cannot set up the server: %m");
    shared->accounting =
        accounting_new(server->type->capped ? options->workers : 0, options->queue);
    shared->store = store_new(server->type->processes, most_sessions(options, server->type),
                              sizeof(struct session));
    if (options->per_source > 0)
        shared->per_source =
            per_source_new(options->per_source, most_sessions(options, server->type));
    shared->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (shared->accounting == NULL || shared->store == NULL || shared->wake_fd < 0 ||
        (options->per_source > 0 && shared->per_source == NULL))
        log_fatal("cannot set up the server: %m");
    shared->print = options->print;
    shared->transform = options->transform;
    shared->buffer_bytes = options->buffer_bytes;
    shared->delay = options->delay;
    shared->burn = options->burn;
    rc = options->burn.mean_ns > 0 ? service_time_check_clock() : 0;
    if (rc != 0)
        log_fatal("cannot measure --burn: clock_gettime(): %s; use --delay", translate_error(-rc));
    shared->proxy_protocol = options->proxy_protocol;
    rc = printer_new(shared->print, options->buffer_bytes, server->type->processes,
                     &shared->printer);
    if (rc != 0)
        log_fatal("cannot make the printer: %s", translate_error(-rc));
    server->shared = shared;
}

/* Fork what must be forked, and only then make a thread. */
static void start_first_thread(struct server *server)
{
    const struct call *refused =
        server->type->needs == NULL ? NULL : calls_refused(server->type->needs);
    char why[MODEL_WHY_MAX];
    int rc = 0;

    if (refused != NULL) {
        rc = -errno;
        snprintf(why, sizeof why, "%s(): %s", refused->name, translate_error(-rc));
    } else if (server->type->prepare != NULL) {
        rc = server->type->prepare(server->shared, &server->model, why);
    }
    if (rc != 0)
        log_fatal("cannot prepare --model %s: %s%s", server->type->name, why,
                  remedy(server->type, rc, ""));
    rc = printer_start(server->shared->printer);
    if (rc != 0)
        log_fatal("cannot start the printer: %s", translate_error(-rc));
}

static void start_tls(struct server *server)
{
    const struct options *options = server->options;
    struct tls_server_settings settings = {
        .certificate_file = options->tls_cert,
        .key_file = options->tls_key,
        .ca_file = options->tls_ca,
    };
    char why[TLS_WHY_MAX] = "no memory";

    if (options->tls_cert != NULL &&
        credentials_new(&settings, &server->shared->credentials, why) != 0)
        log_fatal("cannot speak TLS: %s", why);
}

static void start_trace(struct server *server)
{
    const struct options *options = server->options;
    bool own_rows = server->type->capped && options->hold == HOLD_SESSION;
    char process[64];
    int rc;

    if (options->trace == NULL)
        return;
    snprintf(process, sizeof process, "echo-server --model %s", server->type->name);
    rc = trace_new(options->trace, process, own_rows, &server->shared->trace);
    if (rc != 0)
        log_fatal("cannot write --trace %s: %s", options->trace, translate_error(-rc));
}

static const struct {
    int number;
    event_callback_fn callback;
} callbacks[] = {
    {SIGTERM, drain_on_stop}, {SIGINT, drain_on_stop}, {SIGUSR1, on_accounting},
    {SIGHUP, on_reload},      {SIGTTIN, on_resize},    {SIGTTOU, on_resize},
};

/* Make the base and all its events now, so that none has to be made when memory has run out. */
static void start_loop(struct server *server)
{
    struct event **events = server->events;

    if (server->options->admin != NULL)
        reserve_install();
    event_set_log_callback(log_from_libevent);
    event_set_fatal_callback(die_of_libevent);
    server->base = event_base_new();
    if (server->base == NULL)
        log_fatal("cannot make the event loop: %m");
    if (event_base_loop(server->base, EVLOOP_NONBLOCK | EVLOOP_NO_EXIT_ON_EMPTY) != 0)
        log_fatal("the event loop cannot wait: %m; the kernel or a filter of system calls refuses "
                  "what every --model needs");
    events[ON_WAKE] = event_new(server->base, server->shared->wake_fd, EV_READ | EV_PERSIST,
                                tend_on_wake, server);
    events[ON_SIGNAL] = signals_new(server->base, server);
    events[ON_TICK] = event_new(server->base, -1, EV_PERSIST, drain_on_tick, server);
    events[ON_DELAY] = evtimer_new(server->base, drain_on_delay, server);
    events[ON_DEADLINE] = evtimer_new(server->base, drain_on_deadline, server);
    events[ON_NOTIFY] = evtimer_new(server->base, announce_on_timer, server);
    events[ON_REAP] = evtimer_new(server->base, reap_on_child, server);
    for (int i = 0; i < EVENTS; i++)
        if (events[i] == NULL || (i < ON_TICK && event_add(events[i], NULL) != 0))
            log_fatal("cannot make the event loop: %m");
    for (size_t i = 0; i < sizeof callbacks / sizeof callbacks[0]; i++)
        signals_handle(callbacks[i].number, callbacks[i].callback);
    server->shared->lingerer = lingerer_new(server->base);
    if (server->shared->lingerer == NULL)
        log_fatal("no memory for the event loop");
}

/* Start the time limits of sessions. */
static void start_watch(struct server *server)
{
    const struct options *options = server->options;
    struct timeouts_limits limits = {
        .handshake_ns = options->handshake_timeout_ns,
        .idle_ns = options->idle_timeout_ns,
        .write_ns = options->write_timeout_ns,
        .session_ns = options->session_timeout_ns,
    };

    server->timeouts = timeouts_new(server->base, server->shared, &limits, tend, server);
    if (server->timeouts == NULL)
        log_fatal("no memory for the event loop");
}

static void start_visitors(struct server *server)
{
    const struct options *options = server->options;
    unsigned count;
    const struct visitor_settings settings = {
        .socket = listener_sockets(server->listener, &count),
        .reuse_port = options->hosts.reuse_port,
        .proxy_protocol = options->proxy_protocol,
        .tls = options->tls_cert != NULL,
        .tls_clients_certified = options->tls_ca != NULL,
        .pause_ns = VISITOR_PAUSE_NS,
        .life_ns = VISITOR_LIFE_NS,
    };

    if (!options->admin_control)
        return;
    server->visitors = visitors_new(server->base, &settings);
    if (server->visitors == NULL)
        log_fatal("no memory for the event loop");
}

/* The server while it may end by exit(). */
static struct server *unfinished;

/* log_fatal() and log_usage() end the program, and no one else removes the files of unix sockets. */
static void remove_files(void)
{
    if (unfinished != NULL)
        listener_remove_files(unfinished->listener);
}

/* Open the sockets, and make their listener. */
static void start_listener(struct server *server, const struct model_type *local_only,
                           struct listening_socket sockets[static SOCKETS_MAX], unsigned count)
{
    const struct options *options = server->options;

    if (count == 0)
        count = open_hosts(&options->hosts, (uint16_t)options->port, &options->socket_rights,
                           local_only, sockets);
    for (unsigned i = 0; i < count; i++)
        listening_socket_limit_loss(&sockets[i], options->write_timeout_ns);
    if (listener_new(server->base, sockets, count, server->shared, &server->listener) != 0) {
        while (count > 0)
            listening_socket_close(&sockets[--count]);
        log_fatal("no memory for the event loop");
    }
    unfinished = server;
    (void)atexit(remove_files);
}

/* Open the admin port. It answers while the loop runs, also while the server drains. */
static void start_admin(struct server *server)
{
    const struct admin_host host = {server, snapshot_take, adjust_workers, adjust_accepting,
                                    adjust_visitors};
    const char *wanted = server->options->admin;
    char why[ADMIN_WHY_MAX];
    int rc;

    if (wanted == NULL)
        return;
    rc =
        admin_new(server->base, wanted, server->options->admin_control, &host, &server->admin, why);
    if (rc == -EINVAL)
        log_usage("--admin %s: %s", wanted, why);
    if (rc != 0)
        log_fatal("--admin %s: %s", wanted, why);
}

/* Open the port of --agent, for which the same holds. */
static void start_agent(struct server *server)
{
    const struct admin_host host = {.server = server,
                                    .look = snapshot_take}; /* it changes nothing */
    const char *wanted = server->options->agent;
    char why[ADMIN_WHY_MAX];
    int rc;

    if (wanted == NULL)
        return;
    rc = agent_new(server->base, wanted, &host, &server->agent, why);
    if (rc == -EINVAL)
        log_usage("--agent %s: %s", wanted, why);
    if (rc != 0)
        log_fatal("--agent %s: %s", wanted, why);
}

/* Wait for processes that end, if they become this one's children. */
static void start_reaping(struct server *server)
{
    if (!reap_is_needed())
        return;
    signals_handle(SIGCHLD, reap_on_child);
    reap_on_child(-1, 0, server);
}

static void start_accepting(struct server *server)
{
    const struct options *options = server->options;
    bool bounded = server->type->capped || server->type->holds_many;
    bool pauses = bounded && !model_accepts(server->type) &&
                  (options->on_full == ON_FULL_PAUSE || options->on_full == ON_FULL_CALLER_RUNS);
    struct listener_marks marks = {
        .pause_when_full = pauses,
        .high = pauses && options->marked ? options->high_water : 0,
        .low = options->low_water,
    };
    bool own = model_accepts(server->type) && options->hosts.reuse_port;
    int rc = listener_start(server->listener, server->model, &marks, own ? options->workers : 1);

    if (rc != 0 && rc != -ENOSPC && model_accepts(server->type))
        log_fatal("cannot start the workers of --model %s: %s%s", server->type->name,
                  translate_error(-rc),
                  remedy(server->type, rc, _("; try fewer --workers or a higher --limit")));
    if (rc != 0)
        log_fatal("cannot watch the listening socket: %s%s", translate_error(-rc),
                  rc == -ENOSPC ? _("; raise fs.epoll.max_user_watches") : "");
}

/* --- end ----------------------------------------------------------------------------------- */

/* Join every thread, print the last lines, release everything. */
static void end(struct server *server)
{
    struct shared *shared = server->shared;
    uint64_t dropped;

    server->ended = true;
    drain_is_over(server);
    visitors_leave(server->visitors);
    if (server->admin != NULL)
        admin_end(server->admin, server->base);
    admin_free(server->admin);
    agent_free(server->agent);
    server->type->destroy(server->model);
    server->model = NULL;
    visitors_leave(server->visitors); /* now their connections are closed in all processes */
    drain_end(server);
    if (!server->options->quiet)
        announce_farewell(server);
    dropped = trace_free(shared->trace);
    if (dropped > 0)
        log_warn("%" PRIu64 " sessions are missing in the trace %s", dropped,
                 server->options->trace);
    dropped = printer_free(shared->printer);
    if (dropped > 0)
        log_warn("%" PRIu64 " messages were not printed: standard output was too slow", dropped);
    visitors_free(server->visitors);
    listener_free(server->listener);
    timeouts_free(server->timeouts);
    lingerer_free(shared->lingerer);
    for (int i = 0; i < EVENTS; i++)
        event_free(server->events[i]);
    event_base_free(server->base);
    signals_end();
    accounting_free(shared->accounting);
    store_free(shared->store);
    notify_close(&server->notify);
    per_source_free(shared->per_source);
    credentials_free(shared->credentials);
    close(shared->wake_fd);
    shared_free(shared);
}

int server_run(const struct options *options)
{
    struct server server = {
        .options = options,
        .type = model_find(options->model, options->hold),
        .started_ns = clock_now_ns(),
        .has_terminal = isatty(STDIN_FILENO) == 1,
    };
    /* An uncapped model must be reachable from this machine only, unless it was asked for. */
    const bool uncapped = !server.type->capped && !server.type->holds_many;
    const struct model_type *local_only = uncapped && !options->allow_uncapped ? server.type : NULL;
    struct listening_socket sockets[SOCKETS_MAX];
    unsigned socket_count;
    const char *name = NULL;
    int rc;

    calls_need(needed);
    settle_signals();
    rc = limits_apply(&options->limits, &name);
    if (rc != 0)
        log_fatal("cannot set --limit %s: %s; the hard limit is lower", name, translate_error(-rc));
    descriptors_secure(&server, options->workers);
    notify_open(&server.notify);
    socket_count = open_passed(local_only, sockets);
    if (socket_count > 0 && options->hosts.reuse_port)
        log_usage("--reuse-port is for ports that the server opens itself, and the service manager "
                  "has passed %u sockets; use ReusePort= of its socket unit instead",
                  socket_count);
    start_shared(&server);
    start_trace(&server);
    start_tls(&server);
    start_first_thread(&server);
    start_loop(&server);
    start_listener(&server, local_only, sockets, socket_count);
    descriptors_secure_again(&server, options->workers); /* the sockets are known now */
    start_model(&server);
    start_watch(&server);
    start_visitors(&server);
    start_admin(&server);
    start_agent(&server);

    start_reaping(&server);
    start_accepting(&server); /* clients that come already are accepted in the loop */
    announce_addresses(&server);
    if (!options->quiet)
        announce_choices(&server);
    announce_ready(&server);
    if (event_base_dispatch(server.base) != 0)
        log_fatal("the event loop has failed");
    end(&server);
    unfinished = NULL;
    return server.status;
}
