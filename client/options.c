/* SPDX-License-Identifier: MIT */
/*
 * The command line: each value is read strictly, and a wrong one is answered by a single line that
 * names the option, the value and what it may be. Options of a load run are refused without -n,
 * and options that make no sense together are refused, rather than taken and forgotten.
 *
 * DESIGN
 * Every option has a number, by which `given` knows whether it stood on the command line: what goes
 * together, and what the defaults are, is decided when all have been read, so that their order does
 * not matter. Single values are read in options-values.c.
 */
#include "client/options.h"

#include "client/options-internal.h"
#include "common/log.h"
#include "common/tls.h"
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECOND_NS        INT64_C(1000000000)
#define MESSAGES_MAX     1000000000
#define MESSAGES_DEFAULT 10
#define THREADS_MAX      1024
#define DEPTH_MAX        1024
#define HOUR             (3600 * SECOND_NS)

/* Numbers that are no character. Those of a load lie together. */
enum {
    OPTION_HOST = 256,
    OPTION_PORT,
    OPTION_TRANSFORM,
    OPTION_TIMEOUT,
    OPTION_TLS,
    OPTION_CA,
    OPTION_INSECURE,
    OPTION_QUIET,
    OPTION_VERBOSE,
    OPTION_HELP,
    OPTION_VERSION,
    OPTION_SESSIONS,
    OPTION_STEPS,
    /* from here to the end: of no use without sessions */
    OPTION_THREADS,
    OPTION_MESSAGES,
    OPTION_DURATION,
    OPTION_SIZE,
    OPTION_FILE,
    OPTION_DEPTH,
    OPTION_BARRIER,
    OPTION_RAMP,
    OPTION_RATE,
    OPTION_THINK,
    OPTION_CHURN,
    OPTION_IDLE,
    OPTION_START_AT,
    OPTION_SOURCE,
    OPTION_EXPECT,
    OPTION_JSON,
    OPTION_CSV,
    OPTION_NDJSON,
    OPTION_HIST,
    OPTION_TIMELINE,
    OPTION_TOP,
    OPTION_END,
};

static const char short_options[] = ":n:m:d:s:f:";

static const struct option long_options[] = {
    {"host", required_argument, NULL, OPTION_HOST},
    {"port", required_argument, NULL, OPTION_PORT},
    {"transform", required_argument, NULL, OPTION_TRANSFORM},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"tls", no_argument, NULL, OPTION_TLS},
    {"ca", required_argument, NULL, OPTION_CA},
    {"insecure", no_argument, NULL, OPTION_INSECURE},
    {"quiet", no_argument, NULL, OPTION_QUIET},
    {"verbose", no_argument, NULL, OPTION_VERBOSE},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {"sessions", required_argument, NULL, OPTION_SESSIONS},
    {"steps", required_argument, NULL, OPTION_STEPS},
    {"threads", required_argument, NULL, OPTION_THREADS},
    {"messages", required_argument, NULL, OPTION_MESSAGES},
    {"duration", required_argument, NULL, OPTION_DURATION},
    {"size", required_argument, NULL, OPTION_SIZE},
    {"file", required_argument, NULL, OPTION_FILE},
    {"depth", required_argument, NULL, OPTION_DEPTH},
    {"barrier", required_argument, NULL, OPTION_BARRIER},
    {"ramp", required_argument, NULL, OPTION_RAMP},
    {"rate", required_argument, NULL, OPTION_RATE},
    {"think", required_argument, NULL, OPTION_THINK},
    {"churn", no_argument, NULL, OPTION_CHURN},
    {"idle", required_argument, NULL, OPTION_IDLE},
    {"start-at", required_argument, NULL, OPTION_START_AT},
    {"source", required_argument, NULL, OPTION_SOURCE},
    {"expect", required_argument, NULL, OPTION_EXPECT},
    {"json", no_argument, NULL, OPTION_JSON},
    {"csv", required_argument, NULL, OPTION_CSV},
    {"ndjson", required_argument, NULL, OPTION_NDJSON},
    {"hist", required_argument, NULL, OPTION_HIST},
    {"timeline", required_argument, NULL, OPTION_TIMELINE},
    {"top", no_argument, NULL, OPTION_TOP},
    {NULL, 0, NULL, 0},
};

/** Which options stood on the command line. */
struct given {
    bool option[OPTION_END];
};

/** Print a text, or say that it could not be, and end the program. */
static _Noreturn void print_and_exit(const char *text)
{
    if (fputs(text, stdout) < 0 || fflush(stdout) != 0)
        log_fatal("cannot write to standard output: %s", strerror(errno));
    exit(EXIT_OK);
}

/** The number of an option that was given by its letter. */
static int option_of_letter(int letter)
{
    switch (letter) {
    case 'n': return OPTION_SESSIONS;
    case 'm': return OPTION_MESSAGES;
    case 'd': return OPTION_DURATION;
    case 's': return OPTION_SIZE;
    case 'f': return OPTION_FILE;
    default: return letter;
    }
}

/** The name of an option by its number. */
static const char *name_of(int option)
{
    const struct option *row = long_options;

    while (row->val != option)
        row++;
    return row->name;
}

/** An option that says whom to talk to, and what is said about it. */
static void set_common_option(struct options *options, int option, const char *value)
{
    switch (option) {
    case OPTION_HOST: options->host = value; break;
    case OPTION_PORT: options->port = (uint16_t)options_number("--port", value, 1, 65535); break;
    case OPTION_TRANSFORM: options_set_transform(options, value); break;
    case OPTION_TIMEOUT:
        options->timeout_ns = options_duration("--timeout", value, HOUR, "1h", "30s");
        break;
    case OPTION_TLS: options->tls = true; break;
    case OPTION_CA: options->ca_file = value; break;
    case OPTION_INSECURE: options->insecure = true; break;
    case OPTION_QUIET: options->quiet = true; break;
    case OPTION_VERBOSE: options->verbose = true; break;
    case OPTION_HELP: print_and_exit(options_help);
    default: print_and_exit("echo-client (echopool) " PACKAGE_VERSION "\n");
    }
}

/** An option of a load. */
static void set_load_option(struct options *options, int option, const char *value)
{
    switch (option) {
    case OPTION_SESSIONS:
        options->sessions = (unsigned)options_number("--sessions", value, 1, SESSIONS_MAX);
        break;
    case OPTION_STEPS: options_set_steps(options, value); break;
    case OPTION_THREADS:
        options->threads = (unsigned)options_number("--threads", value, 1, THREADS_MAX);
        break;
    case OPTION_MESSAGES:
        options->messages = options_number("--messages", value, 1, MESSAGES_MAX);
        break;
    case OPTION_DURATION:
        options->duration_ns = options_duration("--duration", value, 24 * HOUR, "24h", "10s");
        break;
    case OPTION_SIZE: options_set_size(options, value); break;
    case OPTION_FILE: options->file = value; break;
    case OPTION_DEPTH:
        options->depth = (unsigned)options_number("--depth", value, 1, DEPTH_MAX);
        break;
    case OPTION_BARRIER: options_set_barrier(options, value); break;
    case OPTION_RAMP:
        options->ramp_ns = options_duration("--ramp", value, HOUR, "1h", "10s");
        break;
    case OPTION_RATE: options_set_rate(options, value); break;
    case OPTION_THINK: options_set_think(options, value); break;
    case OPTION_CHURN: options->churn = true; break;
    case OPTION_IDLE:
        options->idle = (unsigned)options_number("--idle", value, 1, SESSIONS_MAX);
        break;
    case OPTION_START_AT: options_set_start_at(options, value); break;
    default: options_set_source(options, value); break;
    }
}

/** An option of what a load writes. */
static void set_output_option(struct options *options, int option, const char *value)
{
    switch (option) {
    case OPTION_EXPECT: options_set_expect(options, value); break;
    case OPTION_JSON: options->json = true; break;
    case OPTION_CSV: options->csv = value; break;
    case OPTION_NDJSON: options->ndjson = value; break;
    case OPTION_HIST: options->hist = value; break;
    case OPTION_TIMELINE: options->timeline = value; break;
    default: options->top = true; break;
    }
}

/** What belongs to TLS, and TLS itself where there is none. */
static void check_tls(const struct options *options)
{
    if (!options->tls && options->ca_file != NULL)
        log_usage("--ca needs --tls; try 'echo-client --help'");
    if (!options->tls && options->insecure)
        log_usage("--insecure needs --tls; try 'echo-client --help'");
    if (options->ca_file != NULL && options->insecure)
        log_usage("--ca and --insecure exclude each other: what is not verified needs no trust");
    if (options->tls && !tls_is_built_in())
        log_usage("--tls cannot be had: this echo-client was built without OpenSSL");
}

/** What a load has to have, and which of its sizes exclude each other. */
static void check_load(const struct options *options, const struct given *given)
{
    if (!given->option[OPTION_SESSIONS] && !given->option[OPTION_STEPS])
        for (int option = OPTION_STEPS + 1; option < OPTION_END; option++)
            if (given->option[option])
                log_usage("--%s needs --sessions; try 'echo-client --help'", name_of(option));
    if (given->option[OPTION_SESSIONS] && given->option[OPTION_STEPS])
        log_usage("--sessions and --steps exclude each other: each step has its own number");
    if (given->option[OPTION_SIZE] && options->file != NULL)
        log_usage("--size and --file exclude each other: the lines of the file have their sizes");
    if (options->sources.count > 0 && strncmp(options->host, "unix:", strlen("unix:")) == 0)
        log_usage(
            "--source needs a --host with a port: who connects to a unix socket has no address");
}

/** When sessions begin, and when they send. */
static void check_pace(const struct options *options, const struct given *given)
{
    bool barrier = given->option[OPTION_BARRIER] && options->barrier;

    if (options->rate > 0 && given->option[OPTION_THINK])
        log_usage("--rate and --think exclude each other: a schedule does not wait for replies");
    if (options->depth > 1 && given->option[OPTION_THINK])
        log_usage("--depth and --think exclude each other: who thinks about a reply has no other "
                  "message under way");
    if (options->churn && options->duration_ns == 0)
        log_usage("--churn needs --duration: sessions that connect anew would never end");
    if (options->ramp_ns > 0 && barrier)
        log_usage("--ramp and --barrier connect exclude each other: sessions that begin one after "
                  "another do not wait for the last");
    if (options->churn && barrier)
        log_usage("--churn and --barrier connect exclude each other: sessions that come and go are "
                  "never all connected");
    if (options->duration_ns > 0 && options->ramp_ns >= options->duration_ns)
        log_usage(
            "--ramp has to be shorter than --duration: the last sessions would come too late");
}

/** Two outputs of one place would mix. */
static void check_outputs(const struct options *options)
{
    const struct {
        const char *name;
        const char *path;
    } outputs[] = {
        {"--json", options->json ? "-" : NULL}, {"--csv", options->csv},
        {"--ndjson", options->ndjson},          {"--hist", options->hist},
        {"--timeline", options->timeline},
    };
    size_t count = sizeof outputs / sizeof outputs[0];

    for (size_t i = 0; i < count; i++) {
        if (outputs[i].path == NULL)
            continue;
        if (outputs[i].path[0] == '\0')
            log_usage("%s needs the name of a file, or - for standard output", outputs[i].name);
        for (size_t j = i + 1; j < count; j++)
            if (outputs[j].path != NULL && strcmp(outputs[i].path, outputs[j].path) == 0)
                log_usage("%s and %s would both write to %s", outputs[i].name, outputs[j].name,
                          strcmp(outputs[i].path, "-") == 0 ? "standard output" : outputs[i].path);
        if (i > 0 && strcmp(outputs[i].path, "-") == 0 && !options->quiet)
            log_usage("%s - needs --quiet: the summary goes to standard output, too",
                      outputs[i].name);
    }
    if (options->quiet && options->verbose)
        log_usage("--quiet and --verbose exclude each other");
    if (options->top && options->verbose)
        log_usage("--top and --verbose exclude each other: both write to standard error");
}

/** What follows from other options where it was not given itself. */
static void set_defaults(struct options *options, const struct given *given)
{
    if (!given->option[OPTION_MESSAGES])
        options->messages =
            options->duration_ns > 0 && !options->churn ? UINT64_MAX : MESSAGES_DEFAULT;
    if (!given->option[OPTION_BARRIER])
        options->barrier = options->ramp_ns == 0 && !options->churn;
    for (unsigned i = 0; i < options->step_count; i++)
        if (options->steps[i] > options->sessions)
            options->sessions = options->steps[i];
    /* Like the line of progress, it is for who looks on, and nothing is lost where nobody does. */
    options->top = options->top && !options->quiet && isatty(STDERR_FILENO);
}

void options_parse(int argc, char *argv[], struct options *options)
{
    struct given given = {0};
    int option;

    *options = (struct options){
        .host = "127.0.0.1",
        .port = 8090,
        .size_min = 64,
        .size_max = 64,
        .depth = 1,
        .transform = TRANSFORM_UPPER,
        .timeout_ns = 30 * SECOND_NS,
    };
    opterr = 0;
    while ((option = getopt_long(argc, argv, short_options, long_options, NULL)) != -1) {
        if (option == '?' || option == ':')
            options_bad_option(option, argv, "echo-client");
        option = option_of_letter(option);
        given.option[option] = true;
        if (option < OPTION_SESSIONS)
            set_common_option(options, option, optarg);
        else if (option < OPTION_EXPECT)
            set_load_option(options, option, optarg);
        else
            set_output_option(options, option, optarg);
    }
    if (optind < argc)
        log_usage("unexpected argument '%s'; try 'echo-client --help'", argv[optind]);
    check_load(options, &given);
    check_pace(options, &given);
    check_outputs(options);
    check_tls(options);
    set_defaults(options, &given);
}
