/* SPDX-License-Identifier: MIT */
/*
 * Measure the cost of echo-client, alone and compared with loads that only send and receive.
 *
 *   cpu        CPU of the client, user and system, per echo: on an event loop compared with
 *              floor_load, with a thread for each session compared with floor_load_thread
 *   memory     per session on an event loop, all of them connected and active
 *   allocations  calls of malloc and related functions, and locks, per echo
 *   histogram  nanoseconds to record a time
 *   lag        how late an open loop sends, as reported by the client
 *
 * The server is always floor_epoll. CPU time is that of the whole client process, from start to
 * end, so it runs twice, the second time with more messages. The difference is the cost of these
 * messages: starting, connecting and closing cancel out.
 */
#include "bench/child.h"
#include "bench/counted.h"
#include "bench/load.h"
#include "bench/measure.h"
#include "common/clock.h"
#include "common/histogram.h"
#include "common/log.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define ARGUMENTS_MAX 20
#define SIDES         2
#define REPORT_MAX    (1u << 20)
#define WARM_PART     20 /* the short run has a twentieth of the messages */
#define SIZE          "128"
#define LIBRARY       "bench/.libs/libcount.so"

#define CPU_TARGET    1.10
#define MEMORY_TARGET 8.0  /* KB per session */
#define RECORD_TARGET 10.0 /* ns */

#define MEMORY_FEW   10
#define MEMORY_TIME  "6s"
#define MEMORY_LOOKS 40 /* 50 ms apart, so that they end well within MEMORY_TIME */

#define COUNTED_SESSIONS 10
#define COUNTED_MESSAGES 20000

#define RECORD_VALUES 4096
#define RECORD_TIMES  20000000

#define LAG_RATE     "1000"
#define LAG_SESSIONS 10
#define LAG_TIME     "5s"

_Static_assert(LOAD_MESSAGE_BYTES == 128, "the floors and echo-client send messages of one size");

/* The CPUs of the server and the client. */
enum placement { ANYWHERE, APART, PLACEMENTS };
static const char *const placement_names[] = {"unpinned", "server and client on one CPU each"};

/* The options of the command line. */
struct asked {
    uint64_t rounds;
    uint64_t messages;
    uint64_t sessions;
    uint64_t crowd;
};

/* --- Clients ------------------------------------------------------------------------------- */

/*
 * A client; "%p" stands for the port, "%n" for the sessions, "%m" for the messages per session. It
 * is --quiet if its report is not needed: writing the histograms as JSON allocates, and costs more
 * after a longer run. Its exit status shows that every reply was right.
 */
struct side {
    const char *name;
    const char *arguments[ARGUMENTS_MAX];
};

#define ECHO_CLIENT "echo-client", "--port", "%p", "-n", "%n", "-s", SIZE

static const struct side loop_sides[SIDES] = {
    {"floor_load", {"bench/floor_load", "%p", "%n", "%m"}},
    {"echo-client --threads 1", {ECHO_CLIENT, "--quiet", "-m", "%m", "--threads", "1"}},
};
static const struct side thread_sides[SIDES] = {
    {"floor_load_thread", {"bench/floor_load_thread", "%p", "%n", "%m"}},
    {"echo-client", {ECHO_CLIENT, "--quiet", "-m", "%m"}},
};
static const struct side crowd_side = {
    "echo-client --threads 1", {ECHO_CLIENT, "--json", "-d", MEMORY_TIME, "--threads", "1"}};
static const struct side lag_sides[SIDES] = {
    {"a thread each", {ECHO_CLIENT, "--json", "-d", LAG_TIME, "--rate", LAG_RATE}},
    {"--threads 1", {ECHO_CLIENT, "--json", "-d", LAG_TIME, "--rate", LAG_RATE, "--threads", "1"}},
};

/* Pin this process and its children to the CPU of the server (0) or of the client (1). */
static void place(enum placement placement, unsigned cpu, const cpu_set_t *all)
{
    cpus_set(all);
    if (placement == APART)
        pin_to_cpu(cpu);
}

static struct server start_server(enum placement placement)
{
    static const char *const arguments[] = {"bench/floor_epoll", NULL};
    cpu_set_t all = cpus_now();
    struct server server;

    place(placement, 0, &all);
    server = server_start(arguments, NULL);
    cpus_set(&all);
    return server;
}

static struct program start_client(const struct side *side, uint16_t port, unsigned sessions,
                                   unsigned messages, enum placement placement, const char *preload)
{
    const char *arguments[ARGUMENTS_MAX + 1] = {NULL};
    char numbers[3][16];
    cpu_set_t all = cpus_now();
    struct program program;

    snprintf(numbers[0], sizeof numbers[0], "%u", (unsigned)port);
    snprintf(numbers[1], sizeof numbers[1], "%u", sessions);
    snprintf(numbers[2], sizeof numbers[2], "%u", messages);
    for (size_t i = 0; i < ARGUMENTS_MAX && side->arguments[i] != NULL; i++) {
        const char *argument = side->arguments[i];

        if (argument[0] == '%')
            argument = numbers[argument[1] == 'p' ? 0 : argument[1] == 'n' ? 1 : 2];
        arguments[i] = argument;
    }
    place(placement, 1, &all);
    program = program_start(arguments, preload);
    cpus_set(&all);
    return program;
}

/* @return a number from echo-client's --json: the first with the last key after all other keys */
static double json_number(const char *text, const char *first, const char *second,
                          const char *third)
{
    const char *const keys[] = {first, second, third};
    const char *at = text;

    for (size_t i = 0; i < sizeof keys / sizeof keys[0] && keys[i] != NULL; i++) {
        char quoted[64];

        snprintf(quoted, sizeof quoted, "\"%s\"", keys[i]);
        at = strstr(at, quoted);
        if (at == NULL)
            log_fatal("echo-client's --json has no %s", quoted);
        at += strlen(quoted);
    }
    return strtod(at + strspn(at, ": "), NULL);
}

/* --- CPU ----------------------------------------------------------------------------------- */

/* The cost of an echo for one client, one value per round. */
struct cost {
    struct series cpu_ns;
    struct series user_ns;
    struct series system_ns;
    struct series sleeps;
};

static void measure_cost(const struct side *side, uint16_t port, unsigned sessions,
                         unsigned messages, enum placement placement, struct cost *cost)
{
    unsigned few = messages / WARM_PART + 1;
    double echoes = (double)(messages - few) * sessions;
    struct program program = start_client(side, port, sessions, few, placement, NULL);
    struct usage less = program_end(&program, NULL, 0);
    struct usage more;
    double user, system;

    program = start_client(side, port, sessions, messages, placement, NULL);
    more = program_end(&program, NULL, 0);
    user = (double)(more.user_ns - less.user_ns) / echoes;
    system = (double)(more.system_ns - less.system_ns) / echoes;
    series_add(&cost->cpu_ns, user + system);
    series_add(&cost->user_ns, user);
    series_add(&cost->system_ns, system);
    series_add(&cost->sleeps, ((double)more.sleeps - (double)less.sleeps) / echoes);
}

static void print_costs(const struct side sides[SIDES], const struct cost costs[SIDES],
                        unsigned sessions, enum placement placement, double target)
{
    struct series ratio = series_ratio(&costs[1].cpu_ns, &costs[0].cpu_ns);

    printf("\n%u sessions, %s: CPU of the client per echo\n", sessions, placement_names[placement]);
    printf("  %-24s %9s   %-19s %7s %7s %7s\n", "", "median us", "quartiles", "user", "system",
           "sleeps");
    for (size_t i = 0; i < SIDES; i++)
        printf("  %-24s %9.3f   %7.3f to %7.3f %7.3f %7.3f %7.3f\n", sides[i].name,
               series_median(&costs[i].cpu_ns) / 1e3, series_percentile(&costs[i].cpu_ns, 25) / 1e3,
               series_percentile(&costs[i].cpu_ns, 75) / 1e3,
               series_median(&costs[i].user_ns) / 1e3, series_median(&costs[i].system_ns) / 1e3,
               series_median(&costs[i].sleeps));
    if (target > 0)
        verdict(series_median(&ratio) <= target, "%s / %s <= %.2f (%.3f; %.3f to %.3f)",
                sides[1].name, sides[0].name, target, series_median(&ratio),
                series_percentile(&ratio, 25), series_percentile(&ratio, 75));
    else
        printf("  %s / %s: %.3f (%.3f to %.3f)\n", sides[1].name, sides[0].name,
               series_median(&ratio), series_percentile(&ratio, 25), series_percentile(&ratio, 75));
    fflush(stdout);
}

static void compare(const struct side sides[SIDES], const struct asked *asked, unsigned sessions,
                    enum placement placement, double target)
{
    static struct cost costs[SIDES];

    memset(costs, 0, sizeof costs);
    for (unsigned round = 0; round < asked->rounds; round++) {
        struct server server = start_server(placement);

        for (unsigned i = 0; i < SIDES; i++) {
            unsigned which = (i + round) % SIDES; /* each round begins with another one */

            measure_cost(&sides[which], server.port, sessions, (unsigned)asked->messages / sessions,
                         placement, &costs[which]);
        }
        server_stop(&server);
    }
    print_costs(sides, costs, sessions, placement, target);
}

static void ask_cpu(const struct asked *asked)
{
    static const unsigned usual[] = {10, 50, 1000};

    printf(
        "CPU per echo: closed loop against floor_epoll, messages of %s bytes, %u echoes per run, "
        "median of %u\ninterleaved rounds, ratio within each round.\n",
        SIZE, (unsigned)asked->messages, (unsigned)asked->rounds);
    for (enum placement placement = ANYWHERE; placement < PLACEMENTS; placement++) {
        if (placement == APART && cpus_allowed() < 2)
            continue;
        for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++)
            if (asked->sessions == 0 || asked->sessions == usual[i])
                compare(loop_sides, asked, usual[i], placement, CPU_TARGET);
        if (asked->sessions == 0 || asked->sessions == 50)
            compare(thread_sides, asked, 50, placement, 0);
    }
}

/* --- Memory -------------------------------------------------------------------------------- */

/* @return the largest memory with a number of active sessions: KB, resident and page tables */
static double memory_with(unsigned sessions, double *verified)
{
    static char text[REPORT_MAX];
    const struct timespec while_ns = {.tv_nsec = 50000000};
    struct server server = start_server(ANYWHERE);
    struct program program = start_client(&crowd_side, server.port, sessions, 0, ANYWHERE, NULL);
    double most = 0;

    while (process_descriptors(program.pid) < sessions)
        nanosleep(&while_ns, NULL);
    for (unsigned i = 0; i < MEMORY_LOOKS; i++) {
        double now = process_kb(program.pid, "smaps_rollup", "Rss:") +
                     process_kb(program.pid, "status", "VmPTE:");

        most = now > most ? now : most;
        nanosleep(&while_ns, NULL);
    }
    (void)program_end(&program, text, sizeof text);
    server_stop(&server);
    *verified = json_number(text, "messages", "verified", NULL);
    if (json_number(text, "sessions", "ok", NULL) != sessions || *verified < sessions)
        log_fatal("some of the %u sessions failed", sessions);
    return most;
}

static void ask_memory(const struct asked *asked)
{
    unsigned sessions = (unsigned)asked->crowd;
    unsigned allowed = raise_descriptor_limit();
    double verified, few, many, each;

    if (allowed < sessions + 100) {
        sessions = allowed - 100;
        printf("\nOnly %u descriptors are allowed (ulimit -Hn), so there are fewer sessions.\n",
               allowed);
    }
    few = memory_with(MEMORY_FEW, &verified);
    many = memory_with(sessions, &verified);
    each = (many - few) / (sessions - MEMORY_FEW);
    printf("\nMemory per session: --threads 1, %u minus %d sessions, resident and page tables\n",
           sessions, MEMORY_FEW);
    printf("  %d sessions %.0f KB, %u sessions %.0f KB (without the kernel's sockets)\n",
           MEMORY_FEW, few, sessions, many);
    printf("  %u of %u sessions ok, %.0f replies verified, nothing failed\n", sessions, sessions,
           verified);
    verdict(each <= MEMORY_TARGET, "a session of %u <= %.0f KB (%.2f)", sessions, MEMORY_TARGET,
            each);
    fflush(stdout);
}

/* --- Allocations --------------------------------------------------------------------------- */

/* The counts of one client from its start to its end. */
static struct counted count_client(const struct side *side, uint16_t port, unsigned messages)
{
    char number[16];
    int fd = memfd_create("counted", 0); /* left open for the client */
    struct counted *counted, result;
    struct program program;

    if (fd < 0 || ftruncate(fd, sizeof *counted) != 0)
        log_fatal("cannot make a memfd: %s", strerror(errno));
    counted = mmap(NULL, sizeof *counted, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (counted == MAP_FAILED)
        log_fatal("mmap: %s", strerror(errno));
    snprintf(number, sizeof number, "%d", fd);
    setenv(COUNTED_VARIABLE, number, 1);
    program = start_client(side, port, COUNTED_SESSIONS, messages, ANYWHERE, LIBRARY);
    unsetenv(COUNTED_VARIABLE);
    (void)program_end(&program, NULL, 0);
    result.allocations = counted->allocations;
    result.locks = counted->locks;
    munmap(counted, sizeof *counted);
    close(fd);
    if (result.allocations == 0)
        log_fatal("%s counts nothing; is echo-client linked statically?", LIBRARY);
    return result;
}

static void ask_allocations(const struct asked *asked)
{
    const struct side *const sides[] = {&thread_sides[1], &loop_sides[1]};

    (void)asked;
    printf("\nCalls of malloc and related functions, and locks, in %d echoes, sent, checked and "
           "recorded\n",
           COUNTED_SESSIONS * COUNTED_MESSAGES);
    for (size_t i = 0; i < sizeof sides / sizeof sides[0]; i++) {
        struct server server = start_server(ANYWHERE);
        struct counted less = count_client(sides[i], server.port, COUNTED_MESSAGES / WARM_PART);
        struct counted more =
            count_client(sides[i], server.port, COUNTED_MESSAGES / WARM_PART + COUNTED_MESSAGES);
        uint64_t allocations = more.allocations - less.allocations;
        double locks = (double)more.locks - (double)less.locks;

        server_stop(&server);
        printf("  %-24s %" PRIu64 " allocations, a lock for every %.0f echoes\n", sides[i]->name,
               allocations, COUNTED_SESSIONS * COUNTED_MESSAGES / locks);
        verdict(allocations == 0, "%s: no allocation", sides[i]->name);
    }
    fflush(stdout);
}

/* --- The histogram ------------------------------------------------------------------------- */

/*
 * Make times like those of a run: most around 80 us, spread over some powers of two, and one in a
 * hundred twenty times as long. They are the same in each run.
 */
static void make_times(uint32_t times[RECORD_VALUES])
{
    uint64_t state = 1;

    for (size_t i = 0; i < RECORD_VALUES; i++) {
        double bell = -6; /* the sum of twelve uniform numbers, minus 6, is nearly normal */

        for (int die = 0; die < 12; die++) {
            state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            bell += (double)(state >> 11) / (double)(UINT64_C(1) << 53);
        }
        times[i] = (uint32_t)(80000 * exp(0.6 * bell) * (i % 100 == 0 ? 20 : 1));
    }
}

static void ask_histogram(const struct asked *asked)
{
    static uint32_t times[RECORD_VALUES];
    struct series ns = {.count = 0};
    struct histogram *histogram = histogram_new();

    if (histogram == NULL)
        log_fatal("no memory for a histogram");
    make_times(times);
    for (unsigned round = 0; round < asked->rounds + 1; round++) {
        int64_t start = clock_now_ns();

        for (unsigned i = 0; i < RECORD_TIMES; i++)
            histogram_record(histogram, times[i % RECORD_VALUES]);
        if (round > 0) /* in the first round its pages are new */
            series_add(&ns, (double)(clock_now_ns() - start) / RECORD_TIMES);
    }
    printf("\nThe histogram: p50 %.0f us, p99 %.0f us, max %.0f us, %d times per round\n",
           (double)histogram_percentile(histogram, 50) / 1e3,
           (double)histogram_percentile(histogram, 99) / 1e3,
           (double)histogram_max(histogram) / 1e3, RECORD_TIMES);
    verdict(series_median(&ns) <= RECORD_TARGET, "recording a time <= %.0f ns (%.2f; %.2f to %.2f)",
            RECORD_TARGET, series_median(&ns), series_percentile(&ns, 25),
            series_percentile(&ns, 75));
    histogram_free(histogram);
    fflush(stdout);
}

/* --- Lag ----------------------------------------------------------------------------------- */

static void print_lag(const struct asked *asked, const struct side *side, enum placement placement)
{
    static char text[REPORT_MAX];
    static const char *const figures[] = {"p50", "p99", "max"};
    struct series lag[sizeof figures / sizeof figures[0]] = {{.count = 0}};

    for (unsigned round = 0; round < (asked->rounds + 1) / 2; round++) {
        struct server server = start_server(placement);
        struct program program = start_client(side, server.port, LAG_SESSIONS, 0, placement, NULL);

        (void)program_end(&program, text, sizeof text);
        server_stop(&server);
        for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++)
            series_add(&lag[i], json_number(text, "latency_us", "lag", figures[i]));
    }
    printf("  %-14s %-32s %8.1f %8.1f %8.0f\n", side->name, placement_names[placement],
           series_median(&lag[0]), series_median(&lag[1]), series_median(&lag[2]));
    fflush(stdout);
}

static void ask_lag(const struct asked *asked)
{
    printf("\nLag: --rate %s, %d sessions, %s; us from when a message was due to when it was sent, "
           "medians of %u runs\n",
           LAG_RATE, LAG_SESSIONS, LAG_TIME, (unsigned)(asked->rounds + 1) / 2);
    printf("  %-47s %8s %8s %8s\n", "", "p50", "p99", "max");
    for (enum placement placement = ANYWHERE; placement < PLACEMENTS; placement++)
        for (size_t i = 0; i < SIDES; i++)
            if (placement == ANYWHERE || cpus_allowed() > 1)
                print_lag(asked, &lag_sides[i], placement);
}

/* --- All questions ------------------------------------------------------------------------- */

static const struct {
    const char *name;
    void (*ask)(const struct asked *asked);
} questions[] = {{"cpu", ask_cpu},
                 {"memory", ask_memory},
                 {"allocations", ask_allocations},
                 {"histogram", ask_histogram},
                 {"lag", ask_lag}};
#define QUESTIONS (sizeof questions / sizeof questions[0])

static void ask(const char *name, const struct asked *asked)
{
    for (size_t i = 0; i < QUESTIONS; i++)
        if (strcmp(name, questions[i].name) == 0) {
            questions[i].ask(asked);
            return;
        }
    log_usage("there is no question \"%s\"; there are: cpu memory allocations histogram lag", name);
}

int main(int argc, char *argv[])
{
    struct asked asked = {.rounds = 7, .messages = 150000, .sessions = 0, .crowd = 10000};
    const struct number_option options[] = {
        {"rounds", 1, ROUNDS_MAX, &asked.rounds, "runs of each; the median counts"},
        {"messages", 100000, 1000000000, &asked.messages, "echoes per run, over all sessions"},
        {"sessions", 0, 1000, &asked.sessions, "cpu: only with 10, 50 or 1000; 0: with each"},
        {"crowd", 100, 100000, &asked.crowd, "memory: the number of sessions"},
        {.name = NULL},
    };
    int at =
        read_numbers(argc, argv,
                     "bench_client [OPTION]... [QUESTION]...\n"
                     "The cost of echo-client. The questions: cpu memory allocations histogram "
                     "lag; without\none, all of them.",
                     options);

    for (size_t i = 0; at == argc && i < QUESTIONS; i++)
        questions[i].ask(&asked);
    for (; at < argc; at++)
        ask(argv[at], &asked);
    return EXIT_OK;
}
