/* SPDX-License-Identifier: MIT */
/*
 * echo-client: a prompt for one session, or a load of many, against an echo server.
 *
 * main() reads the command line and chooses; prompt_run(), run_load() and merge_reports() do the
 * work.
 */
#include "client/merge.h"
#include "client/options.h"
#include "client/prompt.h"
#include "client/run.h"
#include "client/targets.h"
#include "common/calls.h"
#include "common/log.h"
#include "common/signal-mask.h"
#include "common/translate.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/**
 * Open descriptors 0 to 2 if they are closed: a socket would get one, and printing would send. Standard
 * output is then for reading only, so that what cannot be printed is an error.
 */
static void keep_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            (void)open("/dev/null", fd == STDOUT_FILENO ? O_RDONLY : O_RDWR); /* gets this number */
}

/** What it would hang or abort without. Other calls fail with a sentence of their own, or in the summary. */
static const struct call needed[] = {
    CALLS_OF_POLL, CALL(write), CALL(rt_sigprocmask), CALL(futex), CALLS_END,
};

/** Let SIGINT and SIGTERM end the program, also if its parent has blocked them. */
static void settle_signals(void)
{
    static const int handled[] = {SIGINT, SIGTERM};

    signal(SIGPIPE, SIG_IGN); /* `echo-client | head`: a write that fails is enough */
    signal(SIGXFSZ, SIG_IGN); /* so is one to a file that may not grow (ulimit -f) */
    signal_mask_without(handled, sizeof handled / sizeof handled[0]);
}

static int run_prompt(const struct options *options, const struct session_plan *plan)
{
    switch (prompt_run(plan, options->transform, options->quiet)) {
    case PROMPT_OK: return EXIT_OK;
    case PROMPT_WRONG: return EXIT_WRONG;
    default: return EXIT_RUN;
    }
}

/** Load the certificates to trust and to show. */
static void prepare_tls(const struct options *options, struct session_plan *plan)
{
    struct tls_client_settings settings = {.ca_file = options->ca_file,
                                           .insecure = options->insecure,
                                           .certificate_file = options->certificate_file,
                                           .key_file = options->key_file};
    char why[TLS_WHY_MAX];

    if (!options->tls)
        return;
    if (tls_client_context_new(&settings, &plan->tls, why) != 0)
        log_fatal("cannot prepare --tls: %s", why);
}

int main(int argc, char *argv[])
{
    struct options options;
    struct session_plan plan = {.depth = 1, .sessions = 1};
    static struct targets targets; /* too large for the stack under a small `ulimit -s` */
    int status;

    keep_standard_descriptors();
    log_init("echo-client", LOG_NORMAL);
    translate_start();
    calls_need(needed);
    settle_signals();
    /* one arena for all threads, or each would reserve its own for the little that sessions allocate */
    (void)mallopt(M_ARENA_MAX, 1);
    if (argc > 1 && strcmp(argv[1], "report") == 0)
        return merge_reports(argc - 1, argv + 1);
    options_parse(argc, argv, &options);
    if (options.quiet || options.verbose)
        log_init("echo-client", options.quiet ? LOG_QUIET : LOG_VERBOSE);
    targets_find(&targets, &options);
    plan.targets = targets.at;
    plan.target_count = targets.count;
    plan.timeout_ns = options.timeout_ns;
    prepare_tls(&options, &plan);
    status = options.sessions > 0 ? run_load(&options, &plan) : run_prompt(&options, &plan);
    tls_context_unref(plan.tls);
    return status;
}
