/* SPDX-License-Identifier: MIT */
/* What all examples share: see example.h. */
#include "examples/example.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

/* Set before workers start, then read-only. A forked worker process has a copy. */
static struct {
    const char *program;
    enum ep_pool_kind kind;
    double second; /* the length of one of the article's seconds */
    bool slow;
    pid_t parent;
} example = {.second = 0.01};

static void usage(FILE *out, const char *about)
{
    fprintf(out,
            "Usage: %s [--pool thread|process] [--slow]\n"
            "%s\n\n"
            "  --pool KIND  workers are threads or processes (%s)\n"
            "  --slow       take as long as the article does\n"
            "  --help       this text\n",
            example.program, about, example.kind == EP_POOL_THREADS ? "thread" : "process");
}

void example_begin(int argc, char **argv, const char *about, enum ep_pool_kind kind)
{
    static const struct option options[] = {{"pool", required_argument, NULL, 'p'},
                                            {"slow", no_argument, NULL, 's'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    int option;

    example.program = program_invocation_short_name;
    example.kind = kind;
    example.parent = getpid();
    /* Write line by line, also to a pipe: then lines of several workers do not mix, and the buffer is
     * empty when a worker process is forked, which would print its content again. */
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'p' && strcmp(optarg, "thread") == 0) {
            example.kind = EP_POOL_THREADS;
        } else if (option == 'p' && strcmp(optarg, "process") == 0) {
            example.kind = EP_POOL_PROCESSES;
        } else if (option == 'p') {
            fprintf(stderr, "%s: --pool must be thread or process, not '%s'\n", example.program,
                    optarg);
            exit(2);
        } else if (option == 's') {
            example.second = 1;
            example.slow = true;
        } else if (option == 'h') {
            example.kind = kind;
            usage(stdout, about);
            exit(0);
        } else {
            exit(2); /* getopt_long has printed why */
        }
    }
    if (optind < argc) {
        fprintf(stderr, "%s: unexpected argument '%s'; see --help\n", example.program,
                argv[optind]);
        exit(2);
    }
}

enum ep_pool_kind example_kind(void)
{
    return example.kind;
}

void example_must(int rc, const char *what)
{
    if (rc == 0)
        return;
    fprintf(stderr, "%s: cannot %s: %s\n", example.program, what, ep_strerror(rc));
    exit(1);
}

struct ep_executor *example_executor(uint32_t workers)
{
    struct ep_options options = {.workers = workers, .name = "worker"};
    struct ep_executor *executor = NULL;

    if (example.kind == EP_POOL_THREADS)
        example_must(ep_thread_executor_new(&options, &executor), "start worker threads");
    else
        example_must(ep_process_executor_new(&options, &executor), "start worker processes");
    return executor;
}

struct ep_pool *example_pool(uint32_t workers, int (*initialize)(void *context, unsigned worker),
                             void *context)
{
    struct ep_options options = {
        .workers = workers,
        .name = "worker",
        .initialize = initialize,
        .context = context,
    };
    struct ep_pool *pool = NULL;

    example_must(ep_pool_new(example.kind, &options, &pool), example.kind == EP_POOL_THREADS
                                                                 ? "start worker threads"
                                                                 : "start worker processes");
    return pool;
}

void example_set_second(double ours)
{
    if (!example.slow)
        example.second = ours;
}

void example_sleep(double seconds)
{
    double ours = seconds * example.second;
    struct timespec left = {
        .tv_sec = (time_t)ours,
        .tv_nsec = (long)((ours - (double)(time_t)ours) * 1e9),
    };

    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}

double example_seconds(int64_t since_ns)
{
    return (double)(ep_now_ns() - since_ns) / 1e9 / example.second;
}

const char *example_name(char name[EXAMPLE_NAME_MAX])
{
    if (getpid() != example.parent)
        snprintf(name, EXAMPLE_NAME_MAX, "process %ld", (long)getpid());
    else if (getpid() == gettid())
        snprintf(name, EXAMPLE_NAME_MAX, "main"); /* the kernel has the program's name */
    else
        prctl(PR_GET_NAME, name);
    return name;
}

int example_int(struct ep_future *future)
{
    struct ep_bytes reply = {0};
    int n = 0;

    example_must(ep_future_result(future, EP_FOREVER, &reply), "get a result");
    if (reply.size == sizeof n)
        memcpy(&n, reply.data, sizeof n);
    return n;
}
