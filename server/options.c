/* SPDX-License-Identifier: MIT */
/*
 * The command line: see options.h. The table of options comes first; below it is what depends on
 * several options, or on the model.
 */
#include "server/options.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/option.h"
#include "common/parse.h"
#include "common/tls.h"
#include "common/translate.h"
#include "pool/echopool.h"
#include "server/admin/admin.h"
#include "server/admin/agent.h"
#include "server/admin/open.h"
#include "server/admin/visitor.h"
#include "server/models/table.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <string.h>

enum {
    BUFFER_MAX = 16 * 1024 * 1024,
    SESSIONS_MAX = 1 << 20,
    SESSIONS_HELD = 100000, /* the most by default, for models that hold many sessions */
    DESCRIPTORS_KEPT = 128,
    THREADS_MAX = 30000, /* a thread needs two mappings, and Linux allows some 65,000 */
};

#define LONGEST      (24 * HOUR_NS)
#define OWN_PORT     "[ADDR:]PORT, such as 8091, 127.0.0.1:8091 or [::1]:8091"
#define SERVICE_TIME "a time from 0 to 24h with its unit, or exp:T for random times with mean T"

static bool read_service_time(const char *value, void *member)
{
    return service_time_parse(value, LONGEST, member);
}

/* Add a host to those that were given before. */
static bool read_host(const char *value, void *member)
{
    struct hosts *hosts = member;

    if (value[0] == '\0' || hosts->count == SOCKETS_MAX)
        return false;
    hosts->at[hosts->count++] = value;
    return true;
}

/* Read permissions as chmod(1) does: in octal, and at least one. */
static bool read_mode(const char *value, void *member)
{
    struct socket_rights *rights = member;
    size_t digits = strspn(value, "01234567");

    rights->mode = 0;
    for (size_t i = 0; i < digits && digits <= 4; i++)
        rights->mode = rights->mode * 8 + (mode_t)(value[i] - '0');
    return value[digits] == '\0' && rights->mode > 0 && rights->mode <= 0777;
}

/* Read the name or the number of a group. */
static bool read_group(const char *value, void *member)
{
    struct socket_rights *rights = member;
    const struct group *group;
    uint64_t number;
    int error;

    errno = 0;
    group = getgrnam(value);
    error = errno;
    number = group != NULL ? group->gr_gid : 0;
    rights->has_group = group != NULL || parse_number(value, 0, UINT32_MAX - 1, &number);
    if (!rights->has_group && (error == ENOMEM || error == EMFILE || error == ENFILE))
        log_fatal("cannot look up --socket-group %s: %s", value, translate_error(error));
    rights->group = (gid_t)number;
    return rights->has_group;
}

/* Take [ADDR:]PORT, so that a mistake in a file is reported with its line. */
static bool read_own_port(const char *value, void *member)
{
    *(const char **)member = value;
    return admin_open_takes(value);
}

static bool read_limits(const char *value, void *member)
{
    return limits_parse(value, member);
}

static const char *const workers_words[] = {"auto", NULL}; /* auto is stored as 0 */

/* clang-format off */
static const struct option_row rows[] = {
    OPTION_HEADING("Where to listen:"),
    {"host", "ADDR", NULL, "address, name or unix:PATH to listen on; may be given more than once",
     OPTION_OTHER(hosts, read_host, "an address, a name or unix:PATH, of which there may be 32"),
     .otherwise = "127.0.0.1", .repeats = true},
    {"port", "N", "8090", "port to listen on; 0: the kernel picks one",
     OPTION_NUMBER(port, 0, 65535)},
    {"reuse-port", NULL, NULL, "share the port with other servers of this user that have this option",
     OPTION_FLAG(hosts.reuse_port)},

    {"socket-mode", "MODE", NULL, "permissions of the file of a unix socket",
     OPTION_OTHER(socket_rights, read_mode, "permissions in octal, from 1 to 777"),
     .otherwise = "600, less the umask"},
    {"socket-group", "GROUP", NULL, "the group of that file, which may use it unless --socket-mode says otherwise",
     OPTION_OTHER(socket_rights, read_group, "a group of this system, or its number")},

    OPTION_HEADING("Who serves a session:"),
    {"model", "WORD", "thread-pool", "the concurrency design",
     OPTION_WORD(model, model_words)},
    {"workers", "N", "4", "threads or processes of the pool, or event loops; auto: one for each CPU",
     OPTION_NUMBER(workers, 1, EP_WORKERS_MAX), .words = workers_words},
    {"hold", "WORD", "session", "how long a session keeps its worker: to its end, or only while "
     "there are bytes to echo",
     OPTION_WORD(hold, hold_words)},
    {"wake-all", NULL, NULL, "of workers that accept (thread-accept, prefork), wake all that wait for each "
     "connection, as poll() does, and not one",
     OPTION_FLAG(wake_all)},
    {"max-sessions", "N", "2000", "sessions at once, for models without a fixed number of workers, "
     "and for those whose workers hold many sessions",
     OPTION_NUMBER(max_sessions, 1, SESSIONS_MAX),
     .otherwise = "with event or --hold message as many as descriptors allow"},
    {"allow-uncapped", NULL, NULL, "allow --model thread or fork on an address that other machines "
     "can reach",
     OPTION_FLAG(allow_uncapped)},

    OPTION_HEADING("When all workers are busy:"),
    {"queue", "N", "16", "sessions that may wait for a worker",
     OPTION_NUMBER(queue, 0, EP_QUEUE_MAX)},
    {"on-full", "WORD", "pause", "when the queue is full, too: stop accepting, send BUSY to the new "
     "client, send BUSY to the client that has waited longest, or serve the new client in the accept "
     "loop",
     OPTION_WORD(on_full, on_full_words)},
    {"high-water", "N", "0", "stop accepting when this many sessions wait; 0: when the queue is full",
     OPTION_NUMBER(high_water, 0, EP_QUEUE_MAX)},
    {"low-water", "N", NULL, "accept again when no more than this many sessions wait",
     OPTION_NUMBER(low_water, 0, EP_QUEUE_MAX), .otherwise = "one less than the high water"},
    {"queue-timeout", "T", "0", "reject a session that has waited this long for a worker; 0: never",
     OPTION_TIME(queue_timeout_ns, 0, LONGEST)},
    {"per-source", "N", "0", "sessions at once from one address; 0: any number",
     OPTION_NUMBER(per_source, 0, SESSIONS_MAX)},

    OPTION_HEADING("How long a session may take:"),
    {"handshake-timeout", "T", "10s", "close a session whose TLS handshake or PROXY header takes "
     "longer; 0: never",
     OPTION_TIME(handshake_timeout_ns, 0, LONGEST)},
    {"session-timeout", "T", "0", "close a session after this long, even if it is active; 0: never",
     OPTION_TIME(session_timeout_ns, 0, LONGEST)},
    {"idle-timeout", "T", "60s", "close a session that sends nothing for this long; 0: never",
     OPTION_TIME(idle_timeout_ns, 0, LONGEST)},
    {"write-timeout", "T", "30s", "close a session that reads nothing of its echo for this long; 0: "
     "never",
     OPTION_TIME(write_timeout_ns, 0, LONGEST)},
    {"shutdown-delay", "T", "0", "after SIGTERM, first go on accepting for this long, with /readyz at 503, "
     "so that load balancers turn to other servers",
     OPTION_TIME(shutdown_delay_ns, 0, LONGEST)},
    {"drain-timeout", "T", "5s", "after that, let sessions go on for this long, and then end each after its next echo",
     OPTION_TIME(drain_timeout_ns, 0, LONGEST)},

    OPTION_HEADING("The echo:"),
    {"transform", "WORD", "upper", "change ASCII letters to upper case, or nothing",
     OPTION_WORD(transform, transform_words)},
    {"buffer", "BYTES", "1024", "read at most this many bytes at once",
     OPTION_SIZE(buffer_bytes, 1, BUFFER_MAX)},
    {"delay", "T", "0", "sleep before each echo",
     OPTION_OTHER(delay, read_service_time, SERVICE_TIME)},
    {"burn", "T", "0", "use the CPU before each echo",
     OPTION_OTHER(burn, read_service_time, SERVICE_TIME)},

    OPTION_HEADING("Who may connect:"),
    {"proxy-protocol", NULL, NULL, "expect a PROXY header (version 1 or 2) from every client",
     OPTION_FLAG(proxy_protocol)},
    {"tls-cert", "FILE", NULL, "use TLS, with this certificate and its chain (PEM)",
     OPTION_FILE(tls_cert)},
    {"tls-key", "FILE", NULL, "the private key of the certificate (PEM)",
     OPTION_FILE(tls_key), .needs = {"tls-cert"}, .otherwise = "the file of --tls-cert"},
    {"tls-ca", "FILE", NULL, "require a client certificate that one of these CAs has signed (PEM)",
     OPTION_FILE(tls_ca), .needs = {"tls-cert"}},

    OPTION_HEADING("What the server shows, and its limits:"),
    {"print", "WORD", "none", "print messages, escaped: nothing, the first 64 bytes, or all of each",
     OPTION_WORD(print, print_words)},
    {"trace", "FILE", NULL, "write the life of each session, for https://ui.perfetto.dev",
     OPTION_FILE(trace)},
    {"admin", "[ADDR:]PORT", NULL, "serve the live page, metrics and health checks by HTTP on this "
     "port",
     OPTION_OTHER(admin, read_own_port, OWN_PORT)},
    {"admin-control", NULL, NULL, "put buttons on the live page: more or fewer workers, pause "
     "accepting, send clients",
     OPTION_FLAG(admin_control), .needs = {"admin"}},
    {"agent", "[ADDR:]PORT", NULL, "tell HAProxy's agent-check on this port how much of the server is free",
     OPTION_OTHER(agent, read_own_port, OWN_PORT)},
    {"limit", "LIST", NULL, "limits that the server sets on itself",
     OPTION_OTHER(limits, read_limits, LIMITS_RANGE)},
    {"log", "WORD", "text", "the form of the lines on standard error: sentences, or a JSON object each",
     OPTION_WORD(log, log_form_words)},
    {"verbose", NULL, NULL, "log how each session ended",
     OPTION_FLAG(verbose)},
    {"quiet", NULL, NULL, "print no configuration, no warnings and no final accounting",
     OPTION_FLAG(quiet)},
    OPTION_CONFIGURATION,
    OPTION_HELP_AND_VERSION,
    OPTION_END,
};
/* clang-format on */

static const struct option_conflict conflicts[] = {{"quiet", "verbose", NULL}, {NULL, NULL, NULL}};

static const struct option_command command = {
    .name = "echo-server",
    .usage = "Usage: echo-server [OPTION]...\n"
             "Echo what clients send, by a chosen concurrency design.\n",
    .closing =
        "Defaults are in brackets. Times need a unit (250ms, 5s), sizes may have one (64K, 256M).\n"
        "Each option may also be a variable, as ECHO_SERVER_WORKERS=8, or a line of --config.\n"
        "Try it: ./echo-server --workers 4, and then: nc 127.0.0.1 8090\n",
    .rows = rows,
    .conflicts = conflicts,
    .environment = "ECHO_SERVER_",
};

const struct option_command *const option_commands[] = {&command, NULL};

/* Refuse water marks that make no sense, and fill in those that were not given. */
static void settle_marks(struct options *options, bool low_given)
{
    options->marked = options->high_water > 0 || low_given;
    if (options->marked && options->on_full != ON_FULL_PAUSE)
        log_usage("--high-water and --low-water say when to pause; use them with --on-full pause");
    if (options->high_water > options->queue)
        log_usage("--high-water %" PRIu64 " is more than --queue %" PRIu64 " can hold",
                  options->high_water, options->queue);
    if (options->high_water == 0)
        options->high_water = options->queue;
    if (!low_given)
        options->low_water = options->high_water > 0 ? options->high_water - 1 : 0;
    else if (options->low_water >= options->high_water)
        log_usage("--low-water %" PRIu64 " is not below the high water of %" PRIu64
                  "; the server would never pause, or never accept again",
                  options->low_water, options->high_water);
}

/* Refuse rights for a file that there is not. */
static void check_rights(const struct options *options)
{
    bool given = options->socket_rights.mode != 0 || options->socket_rights.has_group;

    for (unsigned i = 0; i < options->hosts.count; i++)
        if (strncmp(options->hosts.at[i], "unix:", 5) == 0 && options->hosts.at[i][5] != '@')
            return;
    if (given)
        log_usage("--socket-mode and --socket-group are for the file of a unix socket; use --host "
                  "unix:PATH");
}

/* Refuse to share what is no port. */
static void check_reuse_port(const struct options *options)
{
    for (unsigned i = 0; i < options->hosts.count && options->hosts.reuse_port; i++)
        if (strncmp(options->hosts.at[i], "unix:", 5) == 0)
            log_usage("--reuse-port shares a port, and --host %s has none: a unix socket has one "
                      "server at a time",
                      options->hosts.at[i]);
}

/*
 * Return the default of --max-sessions for models that hold many sessions: as many as there can be
 * descriptors. Some are kept for the server itself, for refused clients that linger, and for the
 * admin port; two for each event loop.
 */
static uint64_t sessions_that_fit(const struct options *options)
{
    uint64_t most = limits_most_nofile(&options->limits);
    uint64_t kept = DESCRIPTORS_KEPT + 2 * options->workers;

    if (options->admin != NULL)
        kept += ADMIN_DESCRIPTORS_MAX;
    if (options->admin_control)
        kept += VISITORS_MAX;
    if (options->agent != NULL)
        kept += AGENT_DESCRIPTORS_MAX;
    most = most > 2 * kept ? most - kept : most / 2;
    return most > SESSIONS_HELD ? SESSIONS_HELD : most;
}

/* The model has no queue, and so no marks in it. */
static void have_no_queue(struct options *options)
{
    options->queue = options->high_water = options->low_water = 0;
}

/* Refuse what needs a thread that knows of clients which no worker has accepted. */
static void fit_to_accepting(struct options *options, const struct model_type *type,
                             bool queue_given)
{
    if (options->wake_all && (!model_accepts(type) || options->hosts.reuse_port))
        log_usage("--wake-all is about workers that accept from one socket: it is for --model "
                  "thread-accept or prefork, without --reuse-port");
    if (!model_accepts(type))
        return;
    if ((queue_given && options->queue > 0) || options->on_full != ON_FULL_PAUSE)
        log_usage("--model %s has no %s: its workers accept by themselves, and a client that none "
                  "of them "
                  "has accepted waits in the kernel's backlog; use --model %s-pool",
                  type->name,
                  options->on_full != ON_FULL_PAUSE ? "thread that could answer with --on-full"
                                                    : "--queue",
                  type->processes ? "process" : "thread");
    have_no_queue(options);
}

/* Refuse what the model cannot do, and set what follows from the model. */
static void fit_to_model(struct options *options, bool max_given, bool queue_given)
{
    const struct model_type *type = model_find(options->model, options->hold);

    if (type == NULL)
        log_usage("--hold message needs workers that can be given back: it is for --model "
                  "thread-pool, not for --model %s",
                  model_words[options->model]);
    if (!type->queues &&
        (options->on_full == ON_FULL_DROP_OLDEST || options->on_full == ON_FULL_CALLER_RUNS ||
         options->marked || options->queue_timeout_ns > 0))
        log_usage("%s needs a pool's queue; use --model thread-pool or process-pool, with --hold "
                  "session",
                  options->queue_timeout_ns > 0             ? "--queue-timeout"
                  : options->marked                         ? _("a water mark")
                  : options->on_full == ON_FULL_DROP_OLDEST ? "--on-full drop-oldest"
                                                            : "--on-full caller-runs");
    fit_to_accepting(options, type, queue_given);
    if (options->workers == 0)
        options->workers = ep_usable_cpus();
    if (type->single) {
        options->workers = 1;
        have_no_queue(options);
    }
    if (type->holds_many && !max_given)
        options->max_sessions = sessions_that_fit(options);
    if (max_given && type->capped && options->max_sessions < options->workers + options->queue)
        log_usage("--max-sessions %" PRIu64 " is less than the %" PRIu64
                  " sessions that --model %s can have; lower %s instead",
                  options->max_sessions, options->workers + options->queue, type->name,
                  options->queue > 0 ? _("--workers or --queue") : "--workers");
    if (!type->holds_many && options->max_sessions > THREADS_MAX)
        log_usage("--max-sessions %" PRIu64 " is too many for --model %s: %d is the most",
                  options->max_sessions, type->name, (int)THREADS_MAX);
}

void options_parse(struct options *options, int argc, char **argv)
{
    struct option_line line;

    *options = (struct options){0};
    log_init("echo-server", LOG_NORMAL);
    option_read(&command, argc, argv, options, &line);
    log_set_form(options->log);
    if (options->hosts.count == 0)
        options->hosts.at[options->hosts.count++] = "127.0.0.1";
    check_reuse_port(options);
    check_rights(options);
    settle_marks(options, option_given(&line, "low-water"));
    fit_to_model(options, option_given(&line, "max-sessions"), option_given(&line, "queue"));
    if (options->tls_cert != NULL && !tls_is_built_in())
        log_usage("--tls-cert needs TLS, and this echo-server was built without it; install "
                  "libssl-dev and build again");
    if (options->tls_key == NULL)
        options->tls_key = options->tls_cert;
    option_print_config(&line);
    log_init("echo-server", options->quiet     ? LOG_QUIET
                            : options->verbose ? LOG_VERBOSE
                                               : LOG_NORMAL);
}
