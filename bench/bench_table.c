/* SPDX-License-Identifier: MIT */
/*
 * The table of models in the README: what each design costs, measured, in Markdown.
 *
 * CPU per echo comes from one interleaved run of all models (compare.h), system calls are counted
 * by strace (trace.h). The memory of a waiting session is the server's memory with many silent
 * sessions minus its memory without them, divided by their number: resident memory of all its
 * processes, their page tables and kernel stacks, but not the kernel's sockets, which are the same
 * for all models.
 */
#include "bench/candidates.h"
#include "bench/child.h"
#include "bench/compare.h"
#include "bench/trace.h"
#include "common/log.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#define BUSY    4  /* sessions, and workers, besides the waiting sessions */
#define SETTLED 20 /* this many equal counts in a row: settled */
#define MODELS  10
#define POLL_MS 10

static const char *const in_queue[] = {"--queue", "6000", "--idle-timeout", "0", NULL};
static const char *const roomy[] = {"--idle-timeout", "0", "--max-sessions", "6000", NULL};

static const struct model {
    const struct candidate *candidate;
    const char *option;
    const char *served_by;
    const char *at_once;
    const char *waits_where;
} models[MODELS] = {
    {&model_iterative, "iterative", "the accept loop, one session after another", "1",
     "in the kernel's backlog"},
    {&model_thread, "thread", "a thread made for each session", "no cap", "in its thread"},
    {&model_fork, "fork", "a process made for each session", "no cap", "in its process"},
    {&model_thread_pool, "thread-pool", "one of `--workers` threads, until the session ends",
     "`--workers`", "in the queue"},
    {&model_process_pool, "process-pool", "one of `--workers` processes, until the session ends",
     "`--workers`", "in the queue"},
    {&model_event, "event", "one of `--workers` event loops, many sessions each",
     "up to the descriptor limit", "in the loop"},
    {&model_thread_accept, "thread-accept", "one of `--workers` threads, each of which accepts",
     "`--workers`", "in the kernel's backlog"},
    {&model_prefork, "prefork", "one of `--workers` processes, each of which accepts",
     "`--workers`", "in the kernel's backlog"},
    {&model_io_uring, "io-uring", "one of `--workers` rings, many sessions each",
     "up to the descriptor limit", "in the ring's thread"},
    {&model_message, "thread-pool --hold message",
     "one of `--workers` threads, while there are bytes to echo", "up to the descriptor limit",
     "in the loop"},
};

/* The measurements of one model; below 0: unknown. */
struct row {
    double cpu_us;
    double calls;
    double waiting_kb;
};

/* --- Memory -------------------------------------------------------------------------------- */

static double memory_of(const struct server *server)
{
    return family_kb(server->pid) + system_kb("KernelStack:");
}

/* Wait until the server has accepted every connection: its number of descriptors stays the same. */
static void wait_until_settled(const struct server *server)
{
    const struct timespec pause = {.tv_nsec = POLL_MS * 1000000};
    unsigned last = 0;

    for (int same = 0; same < SETTLED; nanosleep(&pause, NULL)) {
        unsigned now = family_descriptors(server->pid);
        same = now == last ? same + 1 : 0;
        last = now;
    }
}

static double measure_waiting(const struct model *model, unsigned waiting)
{
    const struct candidate *candidate = model->candidate;
    bool has_queue = strcmp(model->waits_where, "in the queue") == 0;
    unsigned busy = candidate->at_once > 0 ? candidate->at_once : BUSY;
    struct command command;
    struct server server;
    struct load *load, *idle;
    double before, after;

    candidate_command(candidate, busy, has_queue ? in_queue : roomy, &command);
    server = server_start(command.arguments, NULL);
    load = load_open(&(struct load_options){.port = server.port, .sessions = busy, .served = busy});
    wait_until_settled(&server);
    before = memory_of(&server);
    idle = load_open(&(struct load_options){.port = server.port, .sessions = waiting});
    wait_until_settled(&server);
    after = memory_of(&server);
    load_close(idle);
    load_close(load);
    server_stop(&server);
    return (after - before) / waiting;
}

/* --- CPU and system calls ------------------------------------------------------------------ */

/* Measure all models in turns; those that serve one session at a time get one session. */
static void measure_cpu(const struct extent *extent, struct row rows[MODELS])
{
    static struct outcome outcomes[SIDES_MAX];

    for (unsigned alone = 0; alone < 2; alone++) {
        struct contest contest = {.name = "table", .sessions = alone};
        size_t of[SIDES_MAX];
        size_t count = 0;

        for (size_t i = 0; i < MODELS; i++)
            if ((models[i].candidate->at_once > 0) == (alone == 1)) {
                of[count] = i;
                contest.sides[count++].candidate = models[i].candidate;
            }
        contest_measure(&contest, extent, ANYWHERE, outcomes);
        for (size_t i = 0; i < count; i++)
            rows[of[i]].cpu_us = outcomes[i].there ? series_median(&outcomes[i].figure[CPU]) : -1;
    }
}

static double count_calls(const struct candidate *candidate)
{
    unsigned sessions = candidate->at_once > 0 ? candidate->at_once : BUSY;
    struct command command;

    candidate_command(candidate, sessions, NULL, &command);
    return trace_echoes(command.arguments, sessions).each;
}

/* --- The table ----------------------------------------------------------------------------- */

static void print_number(double number, int digits)
{
    if (number < 0)
        printf(" | ?");
    else
        printf(" | %.*f", digits, number);
}

static void print_row(const struct model *model, const struct row *row)
{
    if (row->cpu_us < 0) {
        printf("| `%s` | %s | not built in | | %s | |\n", model->option, model->served_by,
               model->at_once);
        return;
    }
    printf("| `%s` | %s", model->option, model->served_by);
    print_number(row->cpu_us, 1);
    print_number(row->calls, 2);
    printf(" | %s", model->at_once);
    if (row->waiting_kb < 0.05)
        printf(" | nothing, %s |\n", model->waits_where);
    else
        printf(" | %.1f KB, %s |\n", row->waiting_kb, model->waits_where);
}

static void print_circumstances(const struct extent *extent)
{
    struct utsname system;

    if (uname(&system) != 0)
        log_fatal("cannot read the name of the kernel: %m");
    printf(
        "\nMeasured by `make bench BENCH=table` on %u CPUs, %s %.*s: messages of %d bytes, %u\n"
        "sessions (`iterative`: one), pools with one worker per session, `event` with one loop,\n"
        "`--hold message` with 4 workers. Compare the rows with one another, not with another\n"
        "machine; [bench/README.md](bench/README.md) says how they were measured.\n",
        cpus_allowed(), system.sysname, (int)strcspn(system.release, "-+"), system.release,
        LOAD_MESSAGE_BYTES, extent->sessions);
}

int main(int argc, char *argv[])
{
    uint64_t rounds = 5, sessions = 50, messages = 50000, waiting = 500;
    const struct number_option options[] = {
        {"rounds", 1, ROUNDS_MAX, &rounds, "runs of each model; the median counts"},
        {"sessions", 1, 1000, &sessions, "sessions at once"},
        {"messages", 100, 1000000000, &messages, "echoes per run, over all sessions"},
        {"waiting", 1, 5000, &waiting, "sessions that wait"},
        {.name = NULL},
    };
    struct row rows[MODELS];
    struct extent extent;
    bool traceable;

    if (read_numbers(argc, argv,
                     "bench_table [OPTION]...\nThe table of models, in Markdown, for the README.",
                     options) < argc)
        log_usage("unexpected argument; see --help");
    (void)raise_descriptor_limit();
    extent = (struct extent){
        .rounds = (unsigned)rounds, .sessions = (unsigned)sessions, .messages = (unsigned)messages};
    measure_cpu(&extent, rows);
    traceable = trace_is_possible();
    puts("| `--model` | served by | CPU per echo, µs | system calls per echo | sessions at once | "
         "a waiting session |\n|---|---|---|---|---|---|");
    for (size_t i = 0; i < MODELS; i++) {
        if (rows[i].cpu_us >= 0) {
            rows[i].calls = traceable ? count_calls(models[i].candidate) : -1;
            rows[i].waiting_kb = measure_waiting(&models[i], (unsigned)waiting);
        }
        print_row(&models[i], &rows[i]);
    }
    print_circumstances(&extent);
    return EXIT_OK;
}
