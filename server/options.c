/* SPDX-License-Identifier: MIT */
/*
 * The command line: see options.h.
 *
 * One table describes every option: its name, what it takes, where that goes, and the text for
 * --help. getopt_long()'s own table, the help, and the sentence about a wrong value are all made
 * from it, so they cannot disagree.
 */
#include "server/options.h"

#include "config.h"

#include "common/log.h"
#include "common/parse.h"
#include "common/tls.h"
#include "common/transform.h"
#include "server/admin.h"
#include "server/models/model.h"
#include "server/printer.h"

#include <getopt.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND    INT64_C(1000000000)
#define NOT_GIVEN UINT64_MAX
#define LONGEST   (1440 * 60 * SECOND)

enum {
    QUEUE_MAX = 1 << 20, /* libechopool's own bound */
    BUFFER_MAX = 16 * 1024 * 1024,
    SESSIONS_MAX = 1 << 20,
    SESSIONS_USUAL = 2000,
    SESSIONS_HELD = 100000, /* by default, where they are held by few threads */
    DESCRIPTORS_KEPT = 128,
    THREADS_MAX = 30000, /* a thread needs two mappings, and Linux allows some 65,000 */
};

/* What an option takes. */
enum kind {
    FLAG,
    TEXT,
    NUMBER,
    WORKERS,
    SIZE,
    TIME,
    SERVICE_TIME,
    WORD,
    LIST,
    SHOW_HELP,
    SHOW_VERSION
};

struct option_spec {
    const char *name;
    const char *takes; /* the word for its value in --help; NULL: it takes none */
    const char *help;
    enum kind kind;
    void *into; /* bool, const char *, uint64_t, int64_t, int or a struct, as kind says */
    uint64_t least;
    uint64_t most;
    const char *const *words;
};

enum { SPECS_MAX = 48 };

/* Fill the table. @return how many there are */
static int fill_specs(struct options *o, struct option_spec specs[static SPECS_MAX])
{
    /* clang-format off */
    const struct option_spec table[] = {
        {.name = "host", .takes = "ADDR",
         .help = "address, name or unix:PATH to listen on (127.0.0.1)",
         .kind = TEXT, .into = &o->host},
        {.name = "port", .takes = "N",
         .help = "port to listen on; 0 lets the kernel pick (8090)",
         .kind = NUMBER, .into = &o->port, .most = 65535},
        {.name = "model", .takes = "WORD",
         .help = "iterative, thread, fork, thread-pool, process-pool, event (thread-pool)",
         .kind = WORD, .into = &o->model, .words = model_words},
        {.name = "workers", .takes = "N",
         .help = "of the pool, or event loops; auto: one for each CPU (4)",
         .kind = WORKERS, .into = &o->workers, .least = 1, .most = WORKERS_MAX},
        {.name = "hold", .takes = "WORD",
         .help = "a session has its worker for the session, or for a message (session)",
         .kind = WORD, .into = &o->hold, .words = hold_words},
        {.name = "queue", .takes = "N",
         .help = "sessions that may wait for a worker (16)",
         .kind = NUMBER, .into = &o->queue, .most = QUEUE_MAX},
        {.name = "on-full", .takes = "WORD",
         .help = "pause, reject, drop-oldest or caller-runs (pause)",
         .kind = WORD, .into = &o->on_full, .words = on_full_words},
        {.name = "high-water", .takes = "N",
         .help = "pause when so many wait; 0: the whole queue (0)",
         .kind = NUMBER, .into = &o->high_water, .most = QUEUE_MAX},
        {.name = "low-water", .takes = "N",
         .help = "accept again when no more wait (one below high)",
         .kind = NUMBER, .into = &o->low_water, .most = QUEUE_MAX},
        {.name = "queue-timeout", .takes = "T",
         .help = "turn away who waits so long for a worker; 0: never (0)",
         .kind = TIME, .into = &o->queue_timeout_ns},
        {.name = "per-source", .takes = "N",
         .help = "sessions that one address may have; 0: any (0)",
         .kind = NUMBER, .into = &o->per_source, .most = SESSIONS_MAX},
        {.name = "handshake-timeout", .takes = "T",
         .help = "end a session whose TLS or PROXY takes longer (10s)",
         .kind = TIME, .into = &o->handshake_timeout_ns},
        {.name = "session-timeout", .takes = "T",
         .help = "end a session after so long, whatever it does; 0: never (0)",
         .kind = TIME, .into = &o->session_timeout_ns},
        {.name = "idle-timeout", .takes = "T",
         .help = "end a session that sends nothing; 0: never (60s)",
         .kind = TIME, .into = &o->idle_timeout_ns},
        {.name = "write-timeout", .takes = "T",
         .help = "end a session that takes nothing; 0: never (30s)",
         .kind = TIME, .into = &o->write_timeout_ns},
        {.name = "drain-timeout", .takes = "T",
         .help = "how long sessions may go on after SIGTERM (5s)",
         .kind = TIME, .into = &o->drain_timeout_ns},
        {.name = "transform", .takes = "WORD",
         .help = "upper: ASCII letters; none: the same bytes (upper)",
         .kind = WORD, .into = &o->transform, .words = transform_words},
        {.name = "buffer", .takes = "BYTES",
         .help = "the most that is read at once (1024)",
         .kind = SIZE, .into = &o->buffer_bytes, .least = 1, .most = BUFFER_MAX},
        {.name = "delay", .takes = "T",
         .help = "sleep before each echo; exp:T: exponentially, T on average (0)",
         .kind = SERVICE_TIME, .into = &o->delay},
        {.name = "burn", .takes = "T",
         .help = "use the CPU before each echo; exp:T: as for --delay (0)",
         .kind = SERVICE_TIME, .into = &o->burn},
        {.name = "print", .takes = "WORD",
         .help = "none, line or full: show messages, escaped (none)",
         .kind = WORD, .into = &o->print, .words = print_words},
        {.name = "trace", .takes = "FILE",
         .help = "write the life of each session, for Perfetto",
         .kind = TEXT, .into = &o->trace},
        {.name = "limit", .takes = "LIST",
         .help = "limits on itself, such as as=256M,nofile=64,stack=8M",
         .kind = LIST, .into = &o->limits},
        {.name = "admin", .takes = "PORT",
         .help = "show the state by HTTP on this [ADDR:]PORT",
         .kind = TEXT, .into = &o->admin},
        {.name = "admin-control",
         .help = "with buttons: workers, and pausing accept",
         .kind = FLAG, .into = &o->admin_control},
        {.name = "max-sessions", .takes = "N",
         .help = "the most sessions where workers are not the bound (2000, or what descriptors allow)",
         .kind = NUMBER, .into = &o->max_sessions, .least = 1, .most = SESSIONS_MAX},
        {.name = "allow-uncapped",
         .help = "allow --model thread or fork on a public address",
         .kind = FLAG, .into = &o->allow_uncapped},
        {.name = "proxy-protocol",
         .help = "expect a PROXY header (version 1 or 2) from every client",
         .kind = FLAG, .into = &o->proxy_protocol},
        {.name = "tls-cert", .takes = "FILE",
         .help = "speak TLS, with this certificate and its chain (PEM)",
         .kind = TEXT, .into = &o->tls_cert},
        {.name = "tls-key", .takes = "FILE",
         .help = "its private key (PEM; the certificate's file)",
         .kind = TEXT, .into = &o->tls_key},
        {.name = "tls-ca", .takes = "FILE",
         .help = "ask clients for a certificate of these (PEM)",
         .kind = TEXT, .into = &o->tls_ca},
        {.name = "verbose",
         .help = "say how each session ended",
         .kind = FLAG, .into = &o->verbose},
        {.name = "quiet",
         .help = "leave out what was chosen and the last accounting",
         .kind = FLAG, .into = &o->quiet},
        {.name = "help",
         .help = "print this and exit",
         .kind = SHOW_HELP},
        {.name = "version",
         .help = "print the version and exit",
         .kind = SHOW_VERSION},
    };
    /* clang-format on */
    const int count = (int)(sizeof table / sizeof table[0]);

    _Static_assert(sizeof table / sizeof table[0] <= SPECS_MAX, "room for every option");
    memcpy(specs, table, sizeof table);
    return count;
}

/* CPUs that this process may run on. */
static uint64_t usable_cpus(void)
{
    cpu_set_t cpus;

    if (sched_getaffinity(0, sizeof cpus, &cpus) != 0)
        return 1;
    return (uint64_t)CPU_COUNT(&cpus);
}

/* Store a value. @return false: it is not one that this option takes */
static bool store(const struct option_spec *spec, const char *value)
{
    switch (spec->kind) {
    case TEXT: *(const char **)spec->into = value; return value[0] != '\0';
    case WORKERS:
        if (strcmp(value, "auto") == 0) {
            *(uint64_t *)spec->into = usable_cpus();
            return true;
        }
        return parse_number(value, spec->least, spec->most, spec->into);
    case NUMBER: return parse_number(value, spec->least, spec->most, spec->into);
    case SIZE: return parse_size(value, spec->least, spec->most, spec->into);
    case TIME: return parse_duration(value, LONGEST, spec->into);
    case SERVICE_TIME: return service_time_parse(value, LONGEST, spec->into);
    case WORD: {
        int index = parse_word(value, spec->words);
        if (index >= 0)
            *(int *)spec->into = index;
        return index >= 0;
    }
    case LIST: return limits_parse(value, spec->into);
    case FLAG:
    case SHOW_HELP:
    case SHOW_VERSION: break;
    }
    abort(); /* options without a value do not come here */
}

/* What the option takes, in words, after "is not". */
static const char *range(const struct option_spec *spec, char *text, size_t size)
{
    size_t length;

    switch (spec->kind) {
    case NUMBER:
    case WORKERS:
        snprintf(text, size, "a number from %" PRIu64 " to %" PRIu64 "%s", spec->least, spec->most,
                 spec->kind == WORKERS ? " (or auto)" : "");
        break;
    case SIZE:
        snprintf(text, size, "a size from %" PRIu64 " to %" PRIu64 " bytes, such as 1024 or 64K",
                 spec->least, spec->most);
        break;
    case TIME:
    case SERVICE_TIME:
        snprintf(text, size, "a time from 0 to 1440m, such as 250ms or 5s%s",
                 spec->kind == SERVICE_TIME ? " (or exp:250ms)" : "");
        break;
    case WORD:
        length = (size_t)snprintf(text, size, "one of");
        for (int i = 0; spec->words[i] != NULL; i++)
            length += (size_t)snprintf(text + length, size - length, "%s %s", i == 0 ? "" : ",",
                                       spec->words[i]);
        break;
    case LIST: snprintf(text, size, "%s", LIMITS_RANGE); break;
    default: snprintf(text, size, "a value"); break;
    }
    return text;
}

static _Noreturn void print_and_exit(const struct option_spec *specs, int count, bool help)
{
    if (help) {
        printf("Usage: echo-server [OPTION]...\n"
               "Echo what clients send, by a chosen concurrency design.\n\n");
        for (int i = 0; i < count; i++)
            printf("  --%s%s%-*s  %s\n", specs[i].name, specs[i].takes != NULL ? " " : "",
                   (int)(20 - strlen(specs[i].name) - (specs[i].takes != NULL)),
                   specs[i].takes != NULL ? specs[i].takes : "", specs[i].help);
        printf("\nTimes have a unit (250ms, 5s), sizes may have one (64K, 256M).\n"
               "Try it: ./echo-server --workers 4, and then: nc 127.0.0.1 8090\n");
    } else {
        printf("echo-server (echopool) %s\n", PACKAGE_VERSION);
    }
    if (fflush(stdout) != 0 || ferror(stdout))
        log_fatal("cannot write to standard output: %m");
    exit(EXIT_OK);
}

/* Make the sentence for what getopt_long() did not like. */
static _Noreturn void die_of_argument(const struct option_spec *specs, int count, int code,
                                      const char *argument)
{
    size_t length = strcspn(argument, "=");

    if (code == ':')
        log_usage("%s needs a value; see echo-server --help", argument);
    for (int i = 0; i < count && argument[length] == '='; i++)
        if (strncmp(argument, "--", 2) == 0 && strlen(specs[i].name) == length - 2 &&
            strncmp(argument + 2, specs[i].name, length - 2) == 0)
            log_usage("--%s takes no value; see echo-server --help", specs[i].name);
    log_usage("there is no option %.*s; see echo-server --help", (int)length, argument);
}

/* One option and its value. */
static void take(const struct option_spec *spec, const char *value)
{
    char text[256];

    if (spec->kind == FLAG)
        *(bool *)spec->into = true;
    else if (!store(spec, value))
        log_usage("--%s %s is not %s", spec->name, value[0] == '\0' ? "''" : value,
                  range(spec, text, sizeof text));
}

/* Marks that make no sense, and those that were not given. */
static void settle_marks(struct options *options)
{
    bool given = options->high_water > 0 || options->low_water != NOT_GIVEN;

    if (given && options->on_full != ON_FULL_PAUSE)
        log_usage("--high-water and --low-water say when to pause; use them with --on-full pause");
    if (options->high_water > options->queue)
        log_usage("--high-water %" PRIu64 " is more than --queue %" PRIu64 " can hold",
                  options->high_water, options->queue);
    if (options->high_water == 0)
        options->high_water = options->queue;
    if (options->low_water == NOT_GIVEN)
        options->low_water = options->high_water > 0 ? options->high_water - 1 : 0;
    else if (options->low_water >= options->high_water)
        log_usage("--low-water %" PRIu64 " is not below the high water of %" PRIu64
                  "; it would never pause, or never go on",
                  options->low_water, options->high_water);
    options->marked = given;
}

/*
 * As many sessions as there can be descriptors, where a session is little more than one. Some are kept
 * for the server itself, for refused clients that linger, and for the admin port; two for each event
 * loop.
 */
static uint64_t sessions_that_fit(const struct options *options)
{
    uint64_t most = limits_most_nofile(&options->limits);
    uint64_t kept = DESCRIPTORS_KEPT + 2 * options->workers;

    if (options->admin != NULL)
        kept += ADMIN_DESCRIPTORS_MAX;
    most = most > 2 * kept ? most - kept : most / 2;
    return most > SESSIONS_HELD ? SESSIONS_HELD : most;
}

/* What is left to say, or to refuse, once the model is known. */
static void fit_to_model(struct options *options)
{
    const struct model_type *type = model_find(options->model, (enum hold)options->hold);

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
                  : options->marked                         ? "a water mark"
                  : options->on_full == ON_FULL_DROP_OLDEST ? "--on-full drop-oldest"
                                                            : "--on-full caller-runs");
    if (type->single) {
        options->workers = 1;
        options->queue = 0;
    }
    if (type->holds_many) {
        if (options->max_sessions == 0)
            options->max_sessions = sessions_that_fit(options);
    } else {
        if (options->max_sessions > THREADS_MAX)
            log_usage("--max-sessions %" PRIu64 " is too many for --model %s: %d is the most",
                      options->max_sessions, type->name, (int)THREADS_MAX);
        if (options->max_sessions == 0)
            options->max_sessions = SESSIONS_USUAL;
    }
}

void options_parse(struct options *options, int argc, char **argv)
{
    struct option_spec specs[SPECS_MAX];
    struct option names[SPECS_MAX + 1] = {{0}};
    int count = fill_specs(options, specs);
    int index;
    int code;

    *options = (struct options){
        .host = "127.0.0.1",
        .port = 8090,
        .model = parse_word("thread-pool", model_words),
        .workers = 4,
        .queue = 16,
        .low_water = NOT_GIVEN,
        .handshake_timeout_ns = 10 * SECOND,
        .idle_timeout_ns = 60 * SECOND,
        .write_timeout_ns = 30 * SECOND,
        .drain_timeout_ns = 5 * SECOND,
        .buffer_bytes = 1024,
    };
    log_init("echo-server", LOG_NORMAL);
    for (int i = 0; i < count; i++)
        names[i] = (struct option){.name = specs[i].name, .has_arg = specs[i].takes != NULL};

    /* Whoever asks for help gets it, whatever else is on the line. */
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "--version") == 0)
            print_and_exit(specs, count, argv[i][2] == 'h');

    opterr = 0; /* the sentences are ours */
    while ((code = getopt_long(argc, argv, ":", names, &index)) != -1) {
        if (code != 0)
            die_of_argument(specs, count, code, argv[optind - 1]);
        if (specs[index].kind == SHOW_HELP || specs[index].kind == SHOW_VERSION)
            print_and_exit(specs, count, specs[index].kind == SHOW_HELP); /* abbreviated */
        take(&specs[index], optarg);
    }
    if (optind < argc)
        log_usage("%s is one argument too many; see echo-server --help", argv[optind]);
    settle_marks(options);
    fit_to_model(options);
    if (options->tls_cert == NULL && (options->tls_key != NULL || options->tls_ca != NULL))
        log_usage("--tls-key and --tls-ca need a --tls-cert");
    if (options->tls_cert != NULL && !tls_is_built_in())
        log_usage("--tls-cert needs TLS, and this echo-server was built without it; install "
                  "libssl-dev and build again");
    if (options->admin_control && options->admin == NULL)
        log_usage("--admin-control needs an --admin port");
    if (options->tls_key == NULL)
        options->tls_key = options->tls_cert;
    if (options->quiet && options->verbose)
        log_usage("--quiet and --verbose ask for opposite things; give one of them");
    log_init("echo-server", options->quiet     ? LOG_QUIET
                            : options->verbose ? LOG_VERBOSE
                                               : LOG_NORMAL);
}
