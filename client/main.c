/* SPDX-License-Identifier: MIT */
/*
 * echo-client: a prompt for one session, or a load of many, against an echo server.
 *
 * main() reads the command line and chooses; prompt_run() and load_run() do the work.
 */
#include "client/load.h"
#include "client/options.h"
#include "client/prompt.h"
#include "client/report.h"
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* This program's statuses beyond those of log.h. Interrupted: 128 + the signal, as shells have it. */
enum { EXIT_WRONG = 3, EXIT_SIGNAL = 128 };

/** A descriptor from 0 to 2 that is closed would be given to a socket, and printing would send. */
static void keep_standard_descriptors(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

/** Print the summary. @return false: it could not be; said, unless its reader has simply left */
static bool print_summary(const struct options *options, const struct summary *summary)
{
    if (options->json) {
        if (!report_json(stdout, summary)) {
            log_error("cannot get memory for the summary");
            return false;
        }
    } else if (!options->quiet) {
        report_text(stdout, summary);
    } else {
        for (unsigned i = 0; i < summary->error_kinds; i++)
            log_error("%llu of %u sessions: %s", (unsigned long long)summary->errors[i].count,
                      summary->requested, summary->errors[i].words);
    }
    if (fflush(stdout) == 0 && !ferror(stdout))
        return true;
    if (errno != EPIPE)
        log_error("cannot write to standard output: %s", strerror(errno));
    return false;
}

static int exit_status(const struct summary *summary, bool printed)
{
    if (summary->interrupted != 0)
        return EXIT_SIGNAL + summary->interrupted;
    if (summary->mismatched > 0)
        return EXIT_WRONG;
    return summary->ok == summary->requested && printed ? EXIT_OK : EXIT_RUN;
}

static struct messages *open_messages(const struct options *options)
{
    struct messages *messages;
    const char *cause = NULL;

    if (options->file != NULL) {
        messages = messages_from_file(options->file, options->sessions, options->transform, &cause);
        if (messages == NULL)
            log_fatal("cannot take messages from %s: %s", options->file, cause);
    } else {
        messages = messages_generated(options->size_min, options->size_max, options->transform);
        if (messages == NULL)
            log_fatal("cannot get memory for messages of %zu bytes", options->size_max);
    }
    return messages;
}

static int run_load(const struct options *options, struct session_plan *plan)
{
    struct load_settings settings = {
        .sessions = options->sessions,
        .barrier = options->barrier,
        .progress = !options->quiet && isatty(STDERR_FILENO),
    };
    struct messages *messages = open_messages(options);
    struct summary summary;
    int status = EXIT_RUN;

    plan->messages = messages;
    plan->message_count = options->messages;
    if (!summary_init(&summary, options->sessions))
        log_fatal("cannot get memory for the histograms");
    if (load_run(&settings, plan, &summary))
        status = exit_status(&summary, print_summary(options, &summary));
    summary_clear(&summary);
    messages_free(messages);
    return status;
}

static int run_prompt(const struct options *options, const struct session_plan *plan)
{
    switch (prompt_run(plan, options->transform, options->quiet)) {
    case PROMPT_OK: return EXIT_OK;
    case PROMPT_WRONG: return EXIT_WRONG;
    default: return EXIT_RUN;
    }
}

/** Whom to trust, and whom to talk to. */
static void prepare_tls(const struct options *options, struct session_plan *plan)
{
    struct tls_client_settings settings = {.ca_file = options->ca_file,
                                           .insecure = options->insecure};
    char why[TLS_WHY_MAX];

    if (!options->tls)
        return;
    if (tls_client_context_new(&settings, &plan->tls, why) != 0)
        log_fatal("cannot prepare --tls: %s", why);
    plan->server_name = options->host;
}

int main(int argc, char *argv[])
{
    struct options options;
    struct session_plan plan = {0};
    const char *cause;
    int status;

    keep_standard_descriptors();
    signal(SIGPIPE, SIG_IGN); /* `echo-client | head`: a write that fails is enough */
    log_init("echo-client", LOG_NORMAL);
    options_parse(argc, argv, &options);
    if (options.quiet || options.verbose)
        log_init("echo-client", options.quiet ? LOG_QUIET : LOG_VERBOSE);
    if (!address_resolve(options.host, options.port, false, &plan.address, &cause))
        log_fatal("cannot find the address of --host %s: %s", options.host, cause);
    plan.timeout_ns = options.timeout_ns;
    prepare_tls(&options, &plan);
    status = options.sessions > 0 ? run_load(&options, &plan) : run_prompt(&options, &plan);
    tls_context_unref(plan.tls);
    return status;
}
