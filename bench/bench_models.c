/* SPDX-License-Identifier: MIT */
/*
 * Compare the server's models with the minimum cost of each and with peers: a table for each
 * question, and whether its target was met. README.md explains the questions.
 *
 * The compared servers run in turns (compare.h), once unpinned and once with the server on one CPU
 * and the load on another. The load is always bench/load.c.
 */
#include "bench/candidates.h"
#include "bench/compare.h"
#include "bench/trace.h"
#include "common/log.h"

#include <stdio.h>
#include <string.h>

#define TRACED_SESSIONS   4
#define CLIENTS           4      /* of WORK_CONNECT, and also workers */
#define SLOW_BYTES        200000 /* per second, read by the slow reader */
#define SPARE_DESCRIPTORS 200
#define SCRAPES           1000 /* a second */

static const char *const print_full[] = {"--print", "full", NULL};
static const char *const admin[] = {"--admin", "%a", NULL};
static const char *const loops_2[] = {"--workers", "2", NULL};
static const char *const burn[] = {"--burn", "50us", NULL};
static const char *const burn_2[] = {"--burn", "50us", "--workers", "2", NULL};
static const char *const many[] = {"--idle-timeout", "0", "--max-sessions", "12000", NULL};

/* clang-format off */
/* A server as it is; a server with another name, more arguments, and company. */
#define SIDE(server) {.candidate = &(server)}
#define NAMED(label, server, arguments, beside) \
    {.candidate = &(server), .more = (arguments), .name = (label), .company = {beside}}
#define ALONE .idle = 0

static const struct contest contests[] = {
    {.name = "session", .title = "a worker or a process for each session",
     .sides = {SIDE(floor_thread), SIDE(model_thread_pool), SIDE(model_process_pool),
               SIDE(model_thread), SIDE(model_fork), SIDE(floor_process)},
     .targets = {{CPU, 1, 0, 1.03}, {CPU, 2, 1, 1.15}, {CPU, 2, 5, 1.05}}},
    {.name = "one", .title = "one session at a time", .sessions = 1, .part = 10,
     .sides = {SIDE(floor_thread), SIDE(model_iterative), SIDE(model_thread_pool),
               SIDE(model_event)}},
    {.name = "event", .title = "one loop for all sessions",
     .sides = {SIDE(floor_epoll), SIDE(model_event), SIDE(peer_bufferevent), SIDE(peer_go),
               SIDE(peer_seed), SIDE(peer_socat)},
     .targets = {{RATE, 1, 0, 0.95}, {CPU, 1, 0, 1.05}, {CPU, 1, 2, 1.0}, {CPU, 1, 3, 1.0}}},
    {.name = "loops", .title = "one loop and two, also with 50 us of work for each echo", .threads = 1,
     .part = 2, .spread = true,
     .sides = {NAMED("1 loop", model_event, NULL, ALONE),
               NAMED("2 loops", model_event, loops_2, ALONE),
               NAMED("1 loop, work", model_event, burn, ALONE),
               NAMED("2 loops, work", model_event, burn_2, ALONE)},
     .targets = {{CPU, 1, 0, 1.1}, {RATE, 3, 2, 1.7}, {CPU, 3, 2, 1.05}}},
    {.name = "uring", .title = "one ring for all sessions",
     .sides = {SIDE(floor_epoll), SIDE(model_io_uring), SIDE(floor_uring), SIDE(model_event)},
     .targets = {{CPU, 1, 0, 0.98}, {RATE, 1, 0, 1.0}, {CPU, 1, 2, 1.03}}},
    {.name = "message", .title = "a worker for each message",
     .sides = {SIDE(model_event), SIDE(model_message)},
     .targets = {{CPU, 1, 0, 2.0}, {P99, 1, 0, 2.0}}},
    {.name = "idle", .title = "message hold, busy sessions with and without many idle ones",
     .sides = {NAMED("none idle", model_message, many, ALONE),
               NAMED("many idle", model_message, many, .idle = 1)},
     .targets = {{RATE, 1, 0, 0.95}, {IDLE_KB, 1, 0, 5.0}}},
    {.name = "connect", .title = "short sessions", .work = WORK_CONNECT, .sessions = CLIENTS,
     .sides = {SIDE(floor_prethreaded), SIDE(model_thread_pool), SIDE(model_thread_accept),
               SIDE(model_prefork), SIDE(model_event),
               SIDE(model_message), SIDE(model_process_pool), SIDE(model_thread),
               SIDE(model_fork), SIDE(model_iterative)},
     .targets = {{RATE, 1, 0, 0.9}, {RATE, 2, 0, 0.95}}},
    {.name = "tls", .title = "TLS, without the handshakes", .tls = true,
     .sides = {SIDE(floor_tls), SIDE(tls_thread_pool), SIDE(tls_event)},
     .targets = {{RATE, 1, 0, 0.9}}},
    {.name = "print", .title = "--print full to a reader that takes 200 KB a second",
     .sides = {NAMED("--print none", model_thread_pool, NULL, .read_bytes_sec = SLOW_BYTES),
               NAMED("--print full", model_thread_pool, print_full, .read_bytes_sec = SLOW_BYTES)},
     .targets = {{DROPPED, 1, 0, 0.01}}},
    {.name = "metrics", .title = "/metrics read 1,000 times per second",
     .sides = {NAMED("no --admin", model_thread_pool, NULL, ALONE),
               NAMED("--admin, not scraped", model_thread_pool, admin, ALONE),
               NAMED("--admin, scraped", model_thread_pool, admin, .scrapes_a_sec = SCRAPES)},
     .targets = {{RATE, 2, 0, 0.95}}},
};
/* clang-format on */
#define CONTESTS (sizeof contests / sizeof contests[0])

/* The servers whose system calls are counted, and their targets. */
static const struct {
    const struct candidate *candidate;
    double target; /* 0: none */
} traced[] = {
    {&floor_thread, 0},     {&model_thread_pool, 2.0},
    {&floor_epoll, 0},      {&model_event, 0},
    {&floor_uring, 0},      {&model_io_uring, 0},
    {&model_message, 0},    {&model_process_pool, 0},
    {&peer_bufferevent, 0}, {&peer_go, 0},
    {&peer_uv, 0},          {&peer_tokio, 0},
};

static void count_calls(const struct candidate *candidate, double target)
{
    struct command command;
    struct trace trace;
    char why[200];

    if (!candidate_is_there(candidate, NULL, why, sizeof why)) {
        printf("  %-22s left out: %s\n", candidate->name, why);
        return;
    }
    candidate_command(candidate, TRACED_SESSIONS, NULL, &command);
    trace = trace_echoes(command.arguments, TRACED_SESSIONS);
    printf("  %-22s %5.2f   %s(strays: %ld)\n", candidate->name, trace.each, trace.text,
           trace.strays);
    if (target > 0)
        verdict(trace.each < target + 0.005, "%s: %.2f system calls per echo", candidate->name,
                target);
    fflush(stdout);
}

static void run_calls(void)
{
    printf("\ncalls: system calls per echo, by strace -c -f, %d sessions\n", TRACED_SESSIONS);
    if (!trace_is_possible()) {
        puts("  left out: strace is not installed, or may not trace (Debian: strace)");
        return;
    }
    for (size_t i = 0; i < sizeof traced / sizeof traced[0]; i++)
        count_calls(traced[i].candidate, traced[i].target);
}

static void run_contest(const struct contest *contest, const struct extent *extent,
                        unsigned placements)
{
    static struct outcome outcomes[SIDES_MAX];

    for (enum placement placement = ANYWHERE; placement < PLACEMENTS; placement++)
        if ((placements & 1u << placement) != 0 &&
            (placement == ANYWHERE || (cpus_allowed() > 1 && !contest->spread))) {
            contest_measure(contest, extent, placement, outcomes);
            contest_print(contest, extent, placement, outcomes);
        }
}

/* @return whether a name is among the arguments, or there are none */
static bool is_asked_for(const char *name, char *arguments[])
{
    bool any = arguments[0] != NULL;

    for (; *arguments != NULL; arguments++)
        if (strcmp(*arguments, name) == 0)
            return true;
    return !any;
}

static void check_names(char *arguments[])
{
    for (; *arguments != NULL; arguments++) {
        bool known = strcmp(*arguments, "calls") == 0;
        for (size_t i = 0; i < CONTESTS; i++)
            known = known || strcmp(*arguments, contests[i].name) == 0;
        if (!known)
            log_usage("there is no question \"%s\"; see --help", *arguments);
    }
}

/* Reduce the number of idle sessions to the descriptor limit, and print that. */
static uint64_t as_many_as_fit(uint64_t idle, unsigned sessions)
{
    uint64_t room = raise_descriptor_limit();

    room = room > sessions + SPARE_DESCRIPTORS ? room - sessions - SPARE_DESCRIPTORS : 1;
    if (idle <= room)
        return idle;
    printf("%u idle sessions instead of %u, because of the descriptor limit (ulimit -Hn).\n",
           (unsigned)room, (unsigned)idle);
    return room;
}

int main(int argc, char *argv[])
{
    uint64_t rounds = 7, sessions = 50, messages = 50000, connections = 8000, idle = 10000;
    uint64_t placements = 3;
    const struct number_option options[] = {
        {"rounds", 1, ROUNDS_MAX, &rounds, "runs of each server; the median counts"},
        {"sessions", 1, 1000, &sessions, "sessions at once"},
        {"messages", 100, 1000000000, &messages, "echoes per run, over all sessions"},
        {"connections", 10, 1000000, &connections, "short sessions per run"},
        {"idle", 1, 11000, &idle, "idle sessions"},
        {"placements", 1, 3, &placements, "1: unpinned; 2: server and load apart; 3: both"},
        {.name = NULL},
    };
    struct extent extent;
    char **names =
        argv + read_numbers(argc, argv,
                            "bench_models [OPTION]... [QUESTION]...\n"
                            "Compare the server's models with floors and peers. Questions:\n"
                            "session one event loops uring message idle connect tls print metrics "
                            "calls",
                            options);

    check_names(names);
    idle = as_many_as_fit(idle, (unsigned)sessions);
    extent = (struct extent){.rounds = (unsigned)rounds,
                             .sessions = (unsigned)sessions,
                             .messages = (unsigned)messages,
                             .connections = (unsigned)connections,
                             .idle = (unsigned)idle};
    printf(
        "The server's models: closed loop, a client thread per session, messages of %d bytes,\n"
        "%u echoes per run, median (quartiles) of %u interleaved rounds, ratio to the first line\n"
        "within each round. CPU is that of the server's processes, per echo.\n",
        LOAD_MESSAGE_BYTES, extent.messages, extent.rounds);
    for (size_t i = 0; i < CONTESTS; i++)
        if (is_asked_for(contests[i].name, names))
            run_contest(&contests[i], &extent, (unsigned)placements);
    if (is_asked_for("calls", names))
        run_calls();
    return EXIT_OK;
}
