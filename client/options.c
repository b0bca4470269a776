/* SPDX-License-Identifier: MIT */
/*
 * The command line: see options.h. The tables of options, for the client and for `echo-client
 * report`, come after the functions that read their values; below them is what depends on several
 * options. It is decided when all have been read, so that their order does not matter.
 */
#include "client/options.h"

#include "client/report/expect.h"
#include "client/session/message.h"
#include "client/start-at.h"
#include "client/target-name.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/option.h"
#include "common/parse.h"
#include "common/tls.h"
#include "common/translate.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define MESSAGES_MAX 1000000000
#define SESSIONS_MAX 100000 /* of --sessions, of a step, or of --idle */
#define THREADS_MAX  1024
#define DEPTH_MAX    1024
#define RATE_MIN     0.001
#define MS_NS        (SECOND_NS / 1000)

/* `date +%s` cuts off the second that has begun: accept a time that has passed by less. */
#define START_PAST_NS  SECOND_NS
#define START_AHEAD_NS (7 * 24 * HOUR_NS)

/* --- values -------------------------------------------------------------------------------- */

/* Take off a prefix, if it is there. */
static bool skip(const char **value, const char *prefix)
{
    bool there = strncmp(*value, prefix, strlen(prefix)) == 0;

    *value += there ? strlen(prefix) : 0;
    return there;
}

/*
 * Copy what stands before a separator. @return what follows the separator; NULL: there is none
 * @param first  "" if there is no room, which no value is
 */
static const char *split(const char *value, char separator, char *first, size_t room)
{
    const char *at = strchr(value, separator);
    size_t length = at != NULL ? (size_t)(at - value) : strlen(value);

    if (length >= room)
        length = 0;
    memcpy(first, value, length);
    first[length] = '\0';
    return at != NULL ? at + 1 : NULL;
}

/* Read SIZE, or SIZE-SIZE with the smaller one first. */
static bool read_size(const char *value, void *member)
{
    struct options *options = member;
    char first[32];
    const char *second = split(value, '-', first, sizeof first);
    uint64_t min, max;

    if (!parse_size(first, 1, MESSAGE_SIZE_MAX, &min) ||
        !parse_size(second != NULL ? second : first, min, MESSAGE_SIZE_MAX, &max))
        return false;
    options->size_min = (size_t)min;
    options->size_max = (size_t)max;
    return true;
}

static bool read_steps(const char *value, void *member)
{
    struct options *options = member;

    options->step_count = 0;
    while (value != NULL) {
        char step[32];
        uint64_t sessions;

        value = split(value, ',', step, sizeof step);
        if (options->step_count == STEPS_MAX || !parse_number(step, 1, SESSIONS_MAX, &sessions))
            return false;
        options->steps[options->step_count++] = (unsigned)sessions;
    }
    return true;
}

/* Read R, or exp:R. */
static bool read_rate(const char *value, void *member)
{
    struct options *options = member;

    options->rate_random = skip(&value, "exp:");
    return parse_decimal(value, RATE_MIN, PACE_RATE_MAX, &options->rate);
}

/* Read T, A-B with the smaller one first, or exp:T. */
static bool read_think(const char *value, void *member)
{
    struct spread *spread = member;
    bool exponential = skip(&value, "exp:");
    char first[32];
    const char *second = exponential ? NULL : split(value, '-', first, sizeof first);

    *spread = (struct spread){.kind = exponential      ? SPREAD_EXPONENTIAL
                                      : second != NULL ? SPREAD_EVEN
                                                       : SPREAD_CONSTANT};
    if (!parse_duration(exponential ? value : first, HOUR_NS, &spread->from_ns))
        return false;
    if (second != NULL)
        return parse_duration(second, HOUR_NS, &spread->to_ns) && spread->to_ns > spread->from_ns;
    return spread->from_ns > 0;
}

static bool read_start_at(const char *value, void *member)
{
    int64_t *start_at_ns = member, ahead_ns;

    if (!start_at_parse(value, start_at_ns))
        return false;
    ahead_ns = *start_at_ns - clock_wall_ns();
    if (ahead_ns < -START_PAST_NS)
        log_usage("--start-at %s has passed, %.0f seconds ago", value,
                  -(double)ahead_ns / (double)SECOND_NS);
    if (ahead_ns > START_AHEAD_NS)
        log_usage("--start-at %s is more than a week ahead, by %.0f days", value,
                  (double)ahead_ns / (double)(24 * HOUR_NS));
    return true;
}

static bool read_host(const char *value, void *member)
{
    struct hosts *hosts = member;
    struct target_name name;

    if (hosts->count == TARGETS_MAX || !target_name_parse(value, 1, &name))
        return false;
    hosts->at[hosts->count++] = value;
    return true;
}

static bool read_clock_of(const char *value, void *member)
{
    struct target_name name;

    *(const char **)member = value;
    return target_name_parse(value, 0, &name) && name.port != 0;
}

static bool read_source(const char *value, void *member)
{
    return sources_parse(value, member);
}

/* Check the clauses now: a mistake in them must not show at the end of a long run. */
static bool read_clauses(const char *option, const char *value, void *member)
{
    char why[EXPECT_SENTENCE];
    struct expect *expect = expect_parse(value, why);

    if (expect == NULL && errno == ENOMEM)
        log_fatal("cannot get memory for %s", option);
    if (expect == NULL)
        log_usage("%s cannot be understood: %s", option, why);
    expect_free(expect);
    *(const char **)member = value;
    return true;
}

static bool read_expect(const char *value, void *member)
{
    return read_clauses("--expect", value, member);
}

static bool read_find_rate(const char *value, void *member)
{
    return read_clauses("--find-rate", value, member);
}

/* --- the tables ---------------------------------------------------------------------------- */

static const char *const barrier_words[] = {"none", "connect", NULL}; /* stored as a bool */

#define LOAD .needs = {"sessions", "steps"}

/* A search without --rate begins low, and without --duration each of its loads is long enough for a p99. */
#define FIND_RATE_FROM 100
#define FIND_RATE_NS   (5 * SECOND_NS)

/* clang-format off */
#define EXPECT_AND_JSON(...)                                                                       \
    {"expect", "CLAUSES", NULL, "what must be true of the result",                                  \
     OPTION_OTHER(expect, read_expect, "clauses such as 'p99<5ms,failed=0'"), __VA_ARGS__},         \
    {"json", NULL, NULL, "print the summary as one JSON object", OPTION_FLAG(json), __VA_ARGS__}

static const struct option_row rows[] = {
    OPTION_HEADING("The server:"),
    {"host", "ADDR[:PORT]", NULL, "name, address or unix:PATH of the server; given more than once, "
     "the sessions take them in turn",
     OPTION_OTHER(hosts, read_host, "a name, an address or unix:PATH, perhaps with a port, of which "
                  "there may be 32"), .otherwise = "127.0.0.1", .repeats = true},
    {"all-addresses", NULL, NULL, "take each address of a name for a server of its own",
     OPTION_FLAG(all_addresses), LOAD},
    {"port", "N", "8090", "port of the server, if ADDR has none",
     OPTION_NUMBER(port, 1, 65535)},
    {"transform", "WORD", "upper", "what the server does to the bytes: ASCII letters to upper case, "
     "or nothing",
     OPTION_WORD(transform, transform_words)},
    {"timeout", "T", "30s", "longest wait of one operation: to connect, to send or receive anything "
     "at all",
     OPTION_TIME(timeout_ns, MS_NS, HOUR_NS)},
    {"source", "ADDR", NULL, "local address to connect from; the sessions take those of a range in "
     "turn",
     OPTION_OTHER(sources, read_source,
                  "a numeric address, or a range of up to 65536 such as 127.0.0.1-127.0.0.8"), LOAD},
    {"tls", NULL, NULL, "use TLS; the server's certificate must be valid and made for ADDR",
     OPTION_FLAG(tls)},
    {"ca", "FILE", NULL, "trust the CA certificates in FILE (PEM) instead of the system's",
     OPTION_FILE(ca_file), .needs = {"tls"}},
    {"insecure", NULL, NULL, "do not verify the server's certificate",
     OPTION_FLAG(insecure), .needs = {"tls"}},
    {"cert", "FILE", NULL, "show the certificate in FILE (PEM) to a server that asks for one",
     OPTION_FILE(certificate_file), .needs = {"tls"}},
    {"key", "FILE", NULL, "its private key (PEM, without a passphrase)",
     OPTION_FILE(key_file), .needs = {"cert"}, .otherwise = "the file of --cert"},

    OPTION_HEADING("The load:"),
    {"sessions", "N", NULL, "sessions at once, each with a thread of its own",
     OPTION_NUMBER(sessions, 1, SESSIONS_MAX), .letter = 'n'},
    {"steps", "A,B,C", NULL, "instead of --sessions: one load after another, with these numbers of "
     "sessions",
     OPTION_WHOLE(read_steps, "up to 64 numbers from 1 to 100000 with commas between, such as 4,8,16")},
    {"threads", "T", NULL, "let T threads share the sessions",
     OPTION_NUMBER(threads, 1, THREADS_MAX), LOAD},
    {"messages", "N", "10", "messages of each session",
     OPTION_NUMBER(messages, 1, MESSAGES_MAX), LOAD, .letter = 'm',
     .otherwise = "with --duration and without --churn as many as there is time for"},
    {"duration", "T", NULL, "begin no message after this time",
     OPTION_TIME(duration_ns, MS_NS, 24 * HOUR_NS), LOAD, .letter = 'd',
     .otherwise = "5s with --find-rate"},
    {"warm-up", "T", NULL, "leave what begins in this time, the first, out of times and rates",
     OPTION_TIME(warm_up_ns, MS_NS, HOUR_NS), LOAD},
    {"size", "SIZE", "64", "bytes of a message",
     OPTION_WHOLE(read_size, "a size from 1 to 16M, or a range such as 64-4K"), LOAD, .letter = 's'},
    {"file", "FILE", NULL, "send the lines of FILE instead of generated messages",
     OPTION_FILE(file), LOAD, .letter = 'f'},
    {"depth", "D", "1", "messages of a session that may be sent before the first reply",
     OPTION_NUMBER(depth, 1, DEPTH_MAX), LOAD},
    {"barrier", "WORD", "connect", "connect: no session sends until all have connected",
     OPTION_WORD(barrier, barrier_words), LOAD, .otherwise = "none with --ramp and --churn"},
    {"ramp", "T", NULL, "begin the sessions spread over this time instead of all at once",
     OPTION_TIME(ramp_ns, MS_NS, HOUR_NS), LOAD},
    {"rate", "R", NULL, "messages a second of all sessions together, by a schedule that does not wait "
     "for the server",
     OPTION_WHOLE(read_rate, "a number from 0.001 to 1000000000, or exp:R for random times"), LOAD,
     .otherwise = "100 with --find-rate"},
    {"find-rate", "CLAUSES", NULL, "search for the highest rate at which these hold, from --rate on: one "
     "load of --duration after another",
     OPTION_OTHER(find_rate, read_find_rate, "clauses such as 'p99<5ms,failed=0'"), LOAD},
    {"think", "T", NULL, "wait between a reply and the next message",
     OPTION_OTHER(think, read_think, "a time up to 1h with its unit, a range such as 10ms-50ms, or "
                  "exp:T for random times with mean T"), LOAD},
    {"churn", NULL, NULL, "reconnect each session when it finishes, until --duration has elapsed",
     OPTION_FLAG(churn), LOAD},
    {"reconnect", NULL, NULL, "go on with another connection when the server closes one between two "
     "messages", OPTION_FLAG(reconnect), LOAD},
    {"idle", "N", NULL, "further sessions that connect and never send",
     OPTION_NUMBER(idle, 1, SESSIONS_MAX), LOAD},
    {"start-at", "TIME", NULL, "begin at this time",
     OPTION_OTHER(start_at_ns, read_start_at,
                  "a time such as 2026-11-21T14:30:00Z, or the seconds since 1970"), LOAD},
    {"clock-of", "ADDR:PORT", NULL, "compare the clock with that of the server whose --admin this is, and "
     "report the difference",
     OPTION_OTHER(clock_of, read_clock_of, "a name or an address with a port, such as web1:8091"), LOAD},

    OPTION_HEADING("The output:"),
    EXPECT_AND_JSON(LOAD),
    {"csv", "FILE", NULL, "write a row for each session", OPTION_FILE(csv), LOAD},
    {"ndjson", "FILE", NULL, "write events as they happen, one JSON object a line",
     OPTION_FILE(ndjson), LOAD},
    {"hist", "FILE", NULL, "write the percentiles of the echo in HdrHistogram's text format",
     OPTION_FILE(hist), LOAD},
    {"timeline", "FILE", NULL, "draw a bar for each session, as SVG",
     OPTION_FILE(timeline), LOAD},
    {"curve", "FILE", NULL, "draw the percentiles of --find-rate by the rate, as SVG",
     OPTION_FILE(curve), .needs = {"find-rate"}},
    {"top", NULL, NULL, "show a full-screen view during the run, on a terminal",
     OPTION_FLAG(top), LOAD},
    {"quiet", NULL, NULL, "print errors only, and the object of --json",
     OPTION_FLAG(quiet)},
    {"verbose", NULL, NULL, "log why each session failed, and more",
     OPTION_FLAG(verbose)},
    OPTION_CONFIGURATION,
    OPTION_HELP_AND_VERSION,
    OPTION_END,
};

static const struct option_row report_rows[] = {
    EXPECT_AND_JSON(),
    OPTION_HELP_AND_VERSION,
    OPTION_END,
};
/* clang-format on */

static const struct option_conflict conflicts[] = {
    {"sessions", "steps", "each step has its own number"},
    {"size", "file", "the lines of the file have their sizes"},
    {"rate", "think", "a schedule does not wait for replies"},
    {"find-rate", "think", "a schedule does not wait for replies"},
    {"find-rate", "steps", "each load of a search has the same number of sessions"},
    {"find-rate", "messages", "each load of a search lasts for --duration"},
    {"find-rate", "churn", "each session of a search lasts for --duration"},
    {"ca", "insecure", "a certificate that is not verified needs no CA"},
    {"quiet", "verbose", NULL},
    {"top", "verbose", "both write to standard error"},
    {NULL, NULL, NULL},
};

static const struct option_command client = {
    .name = "echo-client",
    .usage = "Usage: echo-client [OPTION]...\n"
             "       echo-client report FILE...\n"
             "Talk to an echo server and check every byte that comes back.\n"
             "\n"
             "Without --sessions, send the lines of a prompt or a pipe, and print the replies.\n"
             "With it, load the server with that many sessions at once, and print a summary.\n"
             "'echo-client report' merges summaries; see 'echo-client report --help'.\n",
    .closing =
        "Defaults are in brackets. Times need a unit (250ms, 5s), sizes may have one (64K).\n"
        "Each option may also be a variable, as ECHO_CLIENT_PORT=8091, or a line of --config.\n"
        "Exit status: 0 success, 1 sessions failed or were refused, 2 wrong usage, 3 wrong\n"
        "bytes came back, 4 an expectation was not met, 130 interrupted.\n",
    .rows = rows,
    .conflicts = conflicts,
    .environment = "ECHO_CLIENT_",
};

static const struct option_command report = {
    .name = "echo-client report",
    .usage =
        "Usage: echo-client report [OPTION]... FILE...\n"
        "Merge the summaries that 'echo-client --json' has written, and report on all of them.\n"
        "FILE may be - for standard input.\n",
    .operand = "FILE",
    .rows = report_rows,
};

const struct option_command *const option_commands[] = {&client, &report, NULL};

/* --- what depends on several options ------------------------------------------------------- */

/* Refuse a pace that makes no sense. @param barrier  --barrier connect was given */
static void check_pace(const struct options *options, bool barrier)
{
    if (options->duration_ns > 0 && options->warm_up_ns >= options->duration_ns)
        log_usage("--warm-up must be shorter than --duration: nothing would be left to measure");
    if (options->depth > 1 && options->think.kind != SPREAD_NONE)
        log_usage("--depth and --think exclude each other: a session that waits after each reply "
                  "has no other message under way");
    if (options->churn && options->duration_ns == 0)
        log_usage("--churn needs --duration: without it the sessions would reconnect for ever");
    if (options->ramp_ns > 0 && barrier)
        log_usage("--ramp and --barrier connect exclude each other: sessions that begin one after "
                  "another do not wait for the last");
    if (options->churn && barrier)
        log_usage("--churn and --barrier connect exclude each other: sessions that come and go are "
                  "never all connected");
    if (options->duration_ns > 0 && options->ramp_ns >= options->duration_ns)
        log_usage("--ramp must be shorter than --duration: the last sessions would begin too late");
}

/* Refuse servers that the rest does not fit. */
static void check_hosts(const struct options *options)
{
    if (options->hosts.count > 1 && options->sessions == 0 && options->step_count == 0)
        log_usage("--host is given %u times, and the prompt talks to one server; several need "
                  "--sessions or --steps",
                  options->hosts.count);
    for (unsigned i = 0; i < options->hosts.count; i++)
        if (options->sources.count > 0 &&
            strncmp(options->hosts.at[i], "unix:", strlen("unix:")) == 0)
            log_usage(
                "--source needs a --host with a port: a client of a unix socket has no address");
}

/* Refuse two outputs in one place: they would mix. */
static void check_outputs(const struct options *options)
{
    const struct {
        const char *name;
        const char *path;
    } outputs[] = {
        {"--json", options->json ? "-" : NULL}, {"--csv", options->csv},
        {"--ndjson", options->ndjson},          {"--hist", options->hist},
        {"--timeline", options->timeline},      {"--curve", options->curve},
    };
    size_t count = sizeof outputs / sizeof outputs[0];

    for (size_t i = 0; i < count; i++) {
        if (outputs[i].path == NULL)
            continue;
        for (size_t j = i + 1; j < count; j++)
            if (outputs[j].path != NULL && strcmp(outputs[i].path, outputs[j].path) == 0)
                log_usage("%s and %s would both write to %s", outputs[i].name, outputs[j].name,
                          strcmp(outputs[i].path, "-") == 0 ? _("standard output")
                                                            : outputs[i].path);
        if (i > 0 && strcmp(outputs[i].path, "-") == 0 && !options->quiet)
            log_usage("%s - needs --quiet: the summary goes to standard output, too",
                      outputs[i].name);
    }
}

void options_parse(int argc, char *argv[], struct options *options)
{
    struct option_line line;
    bool barrier_given;

    *options = (struct options){0};
    option_read(&client, argc, argv, options, &line);
    barrier_given = option_given(&line, "barrier");
    if (options->find_rate != NULL && options->rate <= 0)
        options->rate = FIND_RATE_FROM;
    if (options->find_rate != NULL && options->duration_ns == 0)
        options->duration_ns = FIND_RATE_NS;
    check_pace(options, barrier_given && options->barrier);
    check_outputs(options);
    if (options->hosts.count == 0)
        options->hosts = (struct hosts){1, {"127.0.0.1"}};
    check_hosts(options);
    if (options->tls && !tls_is_built_in())
        log_usage("--tls needs TLS, and this echo-client was built without it; install libssl-dev "
                  "and build again");
    if (options->key_file == NULL)
        options->key_file = options->certificate_file;
    if (!option_given(&line, "messages") && options->duration_ns > 0 && !options->churn)
        options->messages = UINT64_MAX;
    if (!barrier_given)
        options->barrier = options->ramp_ns == 0 && !options->churn;
    for (unsigned i = 0; i < options->step_count; i++)
        if (options->steps[i] > options->sessions)
            options->sessions = options->steps[i];
    option_print_config(&line);
    /* The view is for a person at a terminal. */
    options->top = options->top && !options->quiet && isatty(STDERR_FILENO);
}

int options_parse_report(int argc, char *argv[], struct options *options)
{
    struct option_line line;

    *options = (struct options){0};
    option_read(&report, argc, argv, options, &line);
    if (line.operands == argc)
        log_usage("report needs the files that 'echo-client --json' has written; try 'echo-client "
                  "report --help'");
    return line.operands;
}
