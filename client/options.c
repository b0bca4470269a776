/* SPDX-License-Identifier: MIT */
/*
 * The command line: each value is read strictly, and a wrong one is answered by a single line that
 * names the option, the value and what it may be. Options of a load run are refused without -n,
 * rather than taken and forgotten.
 */
#include "client/options.h"

#include "client/message.h"
#include "common/log.h"
#include "common/parse.h"
#include "common/tls.h"
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SESSIONS_MAX 100000
#define MESSAGES_MAX 1000000000
#define TIMEOUT_MAX  (INT64_C(3600) * 1000000000)

/* Options with a letter are known by it, the others by a number that is no character. */
enum {
    OPTION_HOST = 256,
    OPTION_PORT,
    OPTION_BARRIER,
    OPTION_TRANSFORM,
    OPTION_TIMEOUT,
    OPTION_TLS,
    OPTION_CA,
    OPTION_INSECURE,
    OPTION_JSON,
    OPTION_QUIET,
    OPTION_VERBOSE,
    OPTION_HELP,
    OPTION_VERSION,
};

static const char short_options[] = ":n:m:s:f:";

static const struct option long_options[] = {
    {"host", required_argument, NULL, OPTION_HOST},
    {"port", required_argument, NULL, OPTION_PORT},
    {"sessions", required_argument, NULL, 'n'},
    {"messages", required_argument, NULL, 'm'},
    {"size", required_argument, NULL, 's'},
    {"file", required_argument, NULL, 'f'},
    {"barrier", required_argument, NULL, OPTION_BARRIER},
    {"transform", required_argument, NULL, OPTION_TRANSFORM},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"tls", no_argument, NULL, OPTION_TLS},
    {"ca", required_argument, NULL, OPTION_CA},
    {"insecure", no_argument, NULL, OPTION_INSECURE},
    {"json", no_argument, NULL, OPTION_JSON},
    {"quiet", no_argument, NULL, OPTION_QUIET},
    {"verbose", no_argument, NULL, OPTION_VERBOSE},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {NULL, 0, NULL, 0},
};

static const char help_text[] =
    "Usage: echo-client [OPTION]...\n"
    "Talk to an echo server and check every byte that comes back.\n"
    "\n"
    "Without --sessions, lines are read from a prompt or a pipe, sent, and the replies printed.\n"
    "With it, that many sessions load the server at once, and a summary is printed.\n"
    "\n"
    "The server:\n"
    "      --host ADDR        its name, address or unix:PATH [127.0.0.1]\n"
    "      --port N           its port, 1 to 65535 [8090]\n"
    "      --transform WORD   what it does to the bytes: upper or none [upper]\n"
    "      --timeout T        longest wait of one operation: to connect, to send or receive\n"
    "                         anything at all; 1ms to 1h [30s]\n"
    "      --tls              talk TLS, with a server whose certificate is right and for ADDR\n"
    "      --ca FILE          trust the CA certificates in FILE, not those of the system\n"
    "      --insecure         do not verify the server's certificate\n"
    "\n"
    "The load:\n"
    "  -n, --sessions N       sessions at once, 1 to 100000, a thread each\n"
    "  -m, --messages N       messages of each session, 1 to 1000000000 [10]\n"
    "  -s, --size SIZE        bytes of a message, 1 to 16M, or a range such as 64-4K [64]\n"
    "  -f, --file FILE        send the lines of FILE instead of generated messages\n"
    "      --barrier WORD     connect: nobody sends before all are connected; or none [connect]\n"
    "\n"
    "The output:\n"
    "      --json             print the summary as one JSON object\n"
    "      --quiet            print nothing but errors (and --json, where it is given)\n"
    "      --verbose          say why each session failed, and more, on standard error\n"
    "      --help             print this text and exit\n"
    "      --version          print the version and exit\n"
    "\n"
    "Exit status: 0 all well, 1 sessions failed or were refused, 2 wrong usage, 3 wrong bytes "
    "came\n"
    "back, 130 interrupted.\n";

/** Print a text, or say that it could not be, and end the program. */
static _Noreturn void print_and_exit(const char *text)
{
    if (fputs(text, stdout) < 0 || fflush(stdout) != 0)
        log_fatal("cannot write to standard output: %s", strerror(errno));
    exit(EXIT_OK);
}

static _Noreturn void bad_value(const char *option, const char *value, const char *range)
{
    log_usage("%s %s is not %s", option, value, range);
}

static uint64_t number(const char *option, const char *value, uint64_t min, uint64_t max)
{
    uint64_t result;
    char range[64];

    if (!parse_number(value, min, max, &result)) {
        snprintf(range, sizeof range, "a number from %llu to %llu", (unsigned long long)min,
                 (unsigned long long)max);
        bad_value(option, value, range);
    }
    return result;
}

/** SIZE, or SIZE-SIZE with the smaller one first. */
static void set_size(struct options *options, const char *value)
{
    char first[32];
    const char *dash = strchr(value, '-');
    size_t length = dash != NULL ? (size_t)(dash - value) : strlen(value);
    uint64_t min = 0, max = 0;
    bool good = length < sizeof first;

    if (good) {
        memcpy(first, value, length);
        first[length] = '\0';
        good = parse_size(first, 1, MESSAGE_SIZE_MAX, &min);
        max = min;
    }
    if (good && dash != NULL)
        good = parse_size(dash + 1, min, MESSAGE_SIZE_MAX, &max);
    if (!good)
        bad_value("--size", value, "a size from 1 to 16M, or a range such as 64-4K");
    options->size_min = (size_t)min;
    options->size_max = (size_t)max;
}

static void set_barrier(struct options *options, const char *value)
{
    static const char *const words[] = {"none", "connect", NULL};
    int word = parse_word(value, words);

    if (word < 0)
        bad_value("--barrier", value, "connect or none");
    options->barrier = word == 1;
}

static void set_transform(struct options *options, const char *value)
{
    int word = parse_word(value, transform_words);

    if (word < 0)
        bad_value("--transform", value, "upper or none");
    options->transform = (enum transform)word;
}

static void set_timeout(struct options *options, const char *value)
{
    if (!parse_duration(value, TIMEOUT_MAX, &options->timeout_ns) || options->timeout_ns < 1000000)
        bad_value("--timeout", value, "a time from 1ms to 1h with its unit, such as 30s");
}

/** An option that getopt does not take. @param what  what it returned */
static _Noreturn void bad_option(int what, char *const argv[])
{
    if (what == ':')
        log_usage("option '%s' needs a value; try 'echo-client --help'", argv[optind - 1]);
    if (optopt > 0 && optopt < OPTION_HOST)
        log_usage("unknown option '-%c'; try 'echo-client --help'", optopt);
    if (optopt != 0)
        log_usage("option '%s' takes no value; try 'echo-client --help'", argv[optind - 1]);
    log_usage("unknown option '%s'; try 'echo-client --help'", argv[optind - 1]);
}

static void set_option(struct options *options, int option, const char *value)
{
    switch (option) {
    case OPTION_HOST: options->host = value; break;
    case OPTION_PORT: options->port = (uint16_t)number("--port", value, 1, 65535); break;
    case 'n': options->sessions = (unsigned)number("--sessions", value, 1, SESSIONS_MAX); break;
    case 'm': options->messages = number("--messages", value, 1, MESSAGES_MAX); break;
    case 's': set_size(options, value); break;
    case 'f': options->file = value; break;
    case OPTION_BARRIER: set_barrier(options, value); break;
    case OPTION_TRANSFORM: set_transform(options, value); break;
    case OPTION_TIMEOUT: set_timeout(options, value); break;
    case OPTION_TLS: options->tls = true; break;
    case OPTION_CA: options->ca_file = value; break;
    case OPTION_INSECURE: options->insecure = true; break;
    case OPTION_JSON: options->json = true; break;
    case OPTION_QUIET: options->quiet = true; break;
    case OPTION_VERBOSE: options->verbose = true; break;
    case OPTION_HELP: print_and_exit(help_text);
    default: print_and_exit("echo-client (echopool) " PACKAGE_VERSION "\n");
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

/** Options that make no sense together are refused: nothing is taken and ignored. */
static void check_together(const struct options *options, const char *load_option, bool sized)
{
    if (options->sessions == 0 && load_option != NULL)
        log_usage("--%s needs --sessions; try 'echo-client --help'", load_option);
    if (sized && options->file != NULL)
        log_usage("--size and --file exclude each other: the lines of the file have their sizes");
    if (options->quiet && options->verbose)
        log_usage("--quiet and --verbose exclude each other");
}

void options_parse(int argc, char *argv[], struct options *options)
{
    const char *load_option = NULL; /* the last option that only a load run has */
    bool sized = false;
    int option;

    *options = (struct options){
        .host = "127.0.0.1",
        .port = 8090,
        .messages = 10,
        .size_min = 64,
        .size_max = 64,
        .barrier = true,
        .transform = TRANSFORM_UPPER,
        .timeout_ns = INT64_C(30) * 1000000000,
    };
    opterr = 0;
    while ((option = getopt_long(argc, argv, short_options, long_options, NULL)) != -1) {
        switch (option) {
        case '?':
        case ':': bad_option(option, argv);
        case 'm': load_option = "messages"; break;
        case 's':
            load_option = "size";
            sized = true;
            break;
        case 'f': load_option = "file"; break;
        case OPTION_BARRIER: load_option = "barrier"; break;
        case OPTION_JSON: load_option = "json"; break;
        default: break;
        }
        set_option(options, option, optarg);
    }
    if (optind < argc)
        log_usage("unexpected argument '%s'; try 'echo-client --help'", argv[optind]);
    check_together(options, load_option, sized);
    check_tls(options);
}
