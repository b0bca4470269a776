/* SPDX-License-Identifier: MIT */
/*
 * Measure the cost of tasks in worker processes.
 *
 * Throughput: tasks get 64 bytes and return them, 2 workers; all are submitted, then all results
 * are taken. The time is from the first submission to the last result.
 *
 *   Python       ProcessPoolExecutor.submit(), then result() of all futures, with fewer tasks as it
 *                is slower. A separate process: peer_python.py. The base of the ratios.
 *   libechopool  the same with a queue of 1024 and EP_BLOCK: without prefetch (the default), with
 *                prefetch, and once without futures and so without replies
 *
 * Round trip: from before ep_submit() until the result is available, 1 worker without prefetch,
 * compared with a bare ping-pong of two processes over a socketpair: SOCK_SEQPACKET, as in the
 * pool, and SOCK_STREAM if the payload does not fit into a packet. With larger payloads the
 * comparison means less: the pool sends them in files in memory and copies them for the future, which a
 * bare socket does not.
 *
 * The zygote is forked while there is one thread, so each comparison is a separate process.
 */
#include "bench/measure.h"
#include "bench/peer.h"
#include "common/clock.h"
#include "common/log.h"
#include "pool/echopool.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS      2
#define QUEUE        1024
#define TASK_BYTES   64
#define HEADER_BYTES 40 /* of a reply; a task's is a little shorter */
#define FDS_MAX      17 /* with a message: 16 and a file */
#define PREFETCH     128
#define TASKS_MAX    1000000
#define PYTHON_PART  40
#define TRIPS_MAX    100000
#define WARM_TRIPS   50
#define PACKET_MAX   (128 * 1024) /* half of a socket's usual buffer: the limit of SOCK_SEQPACKET */
#define PAYLOAD_MAX  (1024 * 1024)
#define TARGET_TIMES 50.0 /* as many tasks as Python */

enum placement { ONE_CPU, TWO_CPUS, ANYWHERE };
static const char *const placement_names[] = {"all on one CPU", "caller and worker on one CPU each",
                                              "unpinned"};

/* The options of the command line. */
struct asked {
    uint64_t tasks;
    uint64_t trips;
    uint64_t rounds;
    enum placement placement;
    bool with_python;
};

static unsigned char payload[PAYLOAD_MAX];

static int echo(struct ep_task *task)
{
    size_t size;
    const void *data = ep_task_input(task, &size);

    return ep_task_reply(task, data, size);
}

static int pin_worker(void *placement, unsigned worker)
{
    (void)worker;
    if (*(enum placement *)placement == TWO_CPUS)
        pin_to_cpu(1);
    return 0;
}

static struct ep_executor *pool_new(struct ep_zygote *zygote, unsigned workers, unsigned prefetch,
                                    enum placement *placement)
{
    struct ep_options options = {.workers = workers,
                                 .queue = QUEUE,
                                 .when_full = EP_BLOCK,
                                 .prefetch = prefetch,
                                 .zygote = zygote,
                                 .initialize = pin_worker,
                                 .context = placement};
    struct ep_executor *executor;
    int code = ep_process_executor_new(&options, &executor);

    if (code != 0)
        log_fatal("cannot make a process pool: %s", ep_strerror(code));
    return executor;
}

static struct ep_zygote *zygote_new(void)
{
    struct ep_zygote *zygote;
    int code = ep_zygote_new(&zygote);

    if (code != 0)
        log_fatal("cannot make a zygote: %s", ep_strerror(code));
    return zygote;
}

static void submit(struct ep_executor *executor, size_t size, struct ep_future **future)
{
    int code = ep_submit(executor, echo, payload, size, future);

    if (code != 0)
        log_fatal("libechopool refused a task: %s", ep_strerror(code));
}

static void take(struct ep_future *future, size_t size)
{
    struct ep_bytes reply;
    int code = ep_future_result(future, EP_FOREVER, &reply);

    if (code != 0)
        log_fatal("a task failed: %s", ep_strerror(code));
    if (reply.size != size || memcmp(reply.data, payload, size < 64 ? size : 64) != 0)
        log_fatal("a task did not return its input");
    ep_future_unref(future);
}

/* --- Throughput ---------------------------------------------------------------------------- */

static int64_t run_results(struct ep_executor *executor, uint64_t tasks)
{
    static struct ep_future *futures[TASKS_MAX];
    int64_t start = clock_now_ns();

    for (uint64_t i = 0; i < tasks; i++)
        submit(executor, TASK_BYTES, &futures[i]);
    for (uint64_t i = 0; i < tasks; i++)
        take(futures[i], TASK_BYTES);
    return clock_now_ns() - start;
}

static int64_t run_alone(struct ep_executor *executor, uint64_t tasks)
{
    int64_t start = clock_now_ns();

    for (uint64_t i = 0; i < tasks; i++)
        submit(executor, TASK_BYTES, NULL);
    if (ep_executor_wait_idle(executor, EP_FOREVER) != 0)
        log_fatal("the pool does not become idle");
    return clock_now_ns() - start;
}

static const struct candidate {
    const char *name;
    int64_t (*run)(struct ep_executor *executor, uint64_t tasks); /* NULL: Python */
    unsigned prefetch;
    bool judged;
} candidates[] = {
    {"Python processes", NULL, 0, false},
    {"prefetch 0", run_results, 0, false},
    {"prefetch 16", run_results, 16, false},
    {"prefetch 128", run_results, PREFETCH, true},
    {"prefetch 128, no future", run_alone, PREFETCH, false},
};
#define CANDIDATES (sizeof candidates / sizeof candidates[0])

static void measure_once(const struct candidate *candidate, struct ep_executor *executor,
                         uint64_t tasks, struct series *ns)
{
    struct peer_result python;

    if (candidate->run != NULL) {
        series_add(ns, (double)candidate->run(executor, tasks) / (double)tasks);
        return;
    }
    python = peer_run_python("process", tasks / PYTHON_PART + 1, WORKERS, TASK_BYTES);
    series_add(ns, (double)python.took_ns / (double)python.tasks);
}

static void print_throughput(const struct series ns[CANDIDATES], const struct asked *asked)
{
    printf("  %-24s %9s   %-18s %s\n", "", "median ns", "least to most",
           asked->with_python ? "times as fast as Python" : "");
    for (size_t i = 0; i < CANDIDATES; i++) {
        struct series times = series_ratio(&ns[0], &ns[i]);
        if (ns[i].count == 0) {
            printf("  %-24s left out: python3 was not found (Debian: python3)\n",
                   candidates[i].name);
            continue;
        }
        printf("  %-24s %9.0f   %6.0f to %6.0f", candidates[i].name, series_median(&ns[i]),
               series_percentile(&ns[i], 0), series_percentile(&ns[i], 100));
        if (asked->with_python)
            printf("   %13.1f", series_median(&times));
        puts("");
        if (candidates[i].judged && asked->with_python && asked->placement == ANYWHERE)
            verdict(series_median(&times) >= TARGET_TIMES,
                    "with results and %s >= %.0f x Python (%.1f)", candidates[i].name, TARGET_TIMES,
                    series_median(&times));
    }
}

static void compare_throughput(void *context)
{
    static struct series ns[CANDIDATES];
    struct asked *asked = context;
    struct ep_executor *executors[CANDIDATES] = {NULL};
    struct ep_zygote *zygote;

    printf("\nThroughput, %s:\n", placement_names[asked->placement]);
    if (asked->placement == ONE_CPU)
        pin_to_cpu(0);
    zygote = zygote_new();
    for (size_t i = 0; i < CANDIDATES; i++)
        if (candidates[i].run != NULL) {
            executors[i] = pool_new(zygote, WORKERS, candidates[i].prefetch, &asked->placement);
            run_results(executors[i], WARM_TRIPS);
        }
    for (uint64_t round = 0; round < asked->rounds; round++)
        for (size_t i = 0; i < CANDIDATES; i++)
            if (candidates[i].run != NULL || asked->with_python)
                measure_once(&candidates[i], executors[i], asked->tasks, &ns[i]);
    print_throughput(ns, asked);
    for (size_t i = 0; i < CANDIDATES; i++)
        ep_executor_free(executors[i]);
    ep_zygote_free(zygote);
}

/* --- Round trip: the base ------------------------------------------------------------------ */

/* The partner process, which returns what it receives. */
struct partner {
    int socket;
    pid_t pid;
    size_t size; /* of each payload */
    int epoll; /* -1: bare; otherwise the calls of the pool are made, and a thread sleeps in epoll_wait() */
};

static void send_all(int socket, const unsigned char *data, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(socket, data, size, MSG_NOSIGNAL);
        if (sent <= 0)
            log_fatal("ping-pong: send: %s", strerror(errno));
        data += sent;
        size -= (size_t)sent;
    }
}

/* @return false at the end of the stream */
static bool receive_all(int socket, unsigned char *data, size_t size)
{
    while (size > 0) {
        ssize_t got = recv(socket, data, size, 0);
        if (got <= 0)
            return false;
        data += got;
        size -= (size_t)got;
    }
    return true;
}

/* As the pool does: a header and a payload, which descriptors may go with. */
static void send_parts(int socket, size_t size)
{
    static char words[HEADER_BYTES];
    struct iovec parts[] = {{words, sizeof words}, {payload, size}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};

    if (sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        log_fatal("ping-pong: sendmsg: %s", strerror(errno));
}

/* As the pool does, with room for descriptors. @return false at the end of the stream */
static bool receive_parts(int socket)
{
    static char buffer[PACKET_MAX];
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
    } room;
    struct iovec part = {buffer, sizeof buffer};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &room, .msg_controllen = sizeof room};

    return recvmsg(socket, &message, MSG_CMSG_CLOEXEC) > 0;
}

static void watch(const struct partner *partner, uint32_t events)
{
    if (epoll_ctl(partner->epoll, EPOLL_CTL_MOD, partner->socket,
                  &(struct epoll_event){.events = events}) != 0)
        log_fatal("ping-pong: epoll_ctl: %s", strerror(errno));
}

static _Noreturn void be_partner(int socket, size_t size, bool by_parts)
{
    if (by_parts)
        while (receive_parts(socket))
            send_parts(socket, size);
    else
        while (receive_all(socket, payload, size))
            send_all(socket, payload, size);
    _exit(0);
}

static struct partner partner_new(size_t size, enum placement placement, bool by_parts)
{
    struct partner partner = {.size = size, .epoll = -1};
    int kind = size > PACKET_MAX ? SOCK_STREAM : SOCK_SEQPACKET;
    int ends[2];

    if (socketpair(AF_UNIX, kind | SOCK_CLOEXEC, 0, ends) != 0 || (partner.pid = fork()) < 0)
        log_fatal("cannot fork the partner process: %s", strerror(errno));
    if (partner.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(ends[0]);
        if (placement == TWO_CPUS)
            pin_to_cpu(1);
        be_partner(ends[1], size, by_parts);
    }
    close(ends[1]);
    partner.socket = ends[0];
    if (by_parts && ((partner.epoll = epoll_create1(EPOLL_CLOEXEC)) < 0 ||
                     epoll_ctl(partner.epoll, EPOLL_CTL_ADD, partner.socket,
                               &(struct epoll_event){.events = 0}) != 0))
        log_fatal("cannot watch the partner process: %s", strerror(errno));
    return partner;
}

/* The thread that would read if no other waited; here one always does. */
static void *stand_by(void *partner)
{
    struct epoll_event event;

    for (;;)
        epoll_wait(((struct partner *)partner)->epoll, &event, 1, -1);
    return NULL;
}

/* Kill it: later children hold its socket as well, so it would not see end of file. */
static void partner_free(struct partner *partner)
{
    close(partner->socket);
    kill(partner->pid, SIGKILL);
    waitpid(partner->pid, NULL, 0);
}

/* --- Round trip ---------------------------------------------------------------------------- */

static const struct payload_size {
    const char *name;
    size_t bytes;
    uint64_t part; /* of the number of trips of the smallest size */
    double target; /* at most this many times as long as the ping-pong; 0: not judged */
} sizes[] = {
    {"64 B", TASK_BYTES, 1, 1.3},
    {"64 KiB", 64 * 1024, 4, 0},
    {"1 MiB", PAYLOAD_MAX, 50, 1.5},
};
#define SIZES (sizeof sizes / sizeof sizes[0])

/* Microseconds of the ping-pong and of the pool, one value per round. */
struct trips {
    struct series p50, p99;
};
static struct trips bare[SIZES], same_calls, pooled[SIZES];

static void trip_bare(const struct partner *partner)
{
    static unsigned char back[PAYLOAD_MAX];

    if (partner->epoll >= 0) {
        watch(partner, EPOLLIN);
        send_parts(partner->socket, partner->size);
        watch(partner, 0);
        if (!receive_parts(partner->socket))
            log_fatal("ping-pong: the partner has exited");
        return;
    }
    send_all(partner->socket, payload, partner->size);
    if (!receive_all(partner->socket, back, partner->size))
        log_fatal("ping-pong: the partner has exited");
}

static void trip_pooled(struct ep_executor *executor, size_t size)
{
    struct ep_future *future;

    submit(executor, size, &future);
    take(future, size);
}

/* Measure trips to the partner or, if it is NULL, to the executor. */
static void measure_trips(const struct partner *partner, struct ep_executor *executor, size_t size,
                          uint64_t count, struct trips *trips)
{
    static double times_ns[TRIPS_MAX];

    for (uint64_t i = 0; i < count + WARM_TRIPS; i++) {
        int64_t start = clock_now_ns();
        if (partner != NULL)
            trip_bare(partner);
        else
            trip_pooled(executor, size);
        times_ns[i < WARM_TRIPS ? 0 : i - WARM_TRIPS] = (double)(clock_now_ns() - start);
    }
    series_add(&trips->p50, times_percentile(times_ns, count, 50) / 1000);
    series_add(&trips->p99, times_percentile(times_ns, count, 99) / 1000);
}

static void print_same_calls(void)
{
    struct series of_bare = series_ratio(&same_calls.p50, &bare[0].p50);
    struct series of_calls = series_ratio(&pooled[0].p50, &same_calls.p50);

    printf("  by the calls that the pool makes, %s take %.1f us (%.1f to %.1f): %.2f of the bare "
           "ping-pong; a task is %.2f of that\n",
           sizes[0].name, series_median(&same_calls.p50), series_percentile(&same_calls.p50, 0),
           series_percentile(&same_calls.p50, 100), series_median(&of_bare),
           series_median(&of_calls));
}

static void print_trips(enum placement placement)
{
    printf("  %-8s %31s   %31s   %s\n", "us", "bare ping-pong, p50 (rounds) p99",
           "task, p50 (rounds) p99", "ratio of p50");
    for (size_t i = 0; i < SIZES; i++) {
        struct series ratio = series_ratio(&pooled[i].p50, &bare[i].p50);
        const struct trips *both[] = {&bare[i], &pooled[i]};
        printf("  %-8s", sizes[i].name);
        for (size_t which = 0; which < 2; which++)
            printf(" %8.1f (%6.1f to %6.1f) %7.1f  ", series_median(&both[which]->p50),
                   series_percentile(&both[which]->p50, 0),
                   series_percentile(&both[which]->p50, 100), series_median(&both[which]->p99));
        printf(" %8.2f\n", series_median(&ratio));
        if (sizes[i].target > 0 && placement != ANYWHERE)
            verdict(series_median(&ratio) <= sizes[i].target,
                    "with %s <= %.1f of the ping-pong (%.2f)", sizes[i].name, sizes[i].target,
                    series_median(&ratio));
    }
    if (placement != ANYWHERE)
        print_same_calls();
}

static void compare_trips(void *context)
{
    struct asked *asked = context;
    struct partner partners[SIZES], caller;
    pthread_t thread;
    struct ep_executor *executor;
    struct ep_zygote *zygote;

    printf("\nRound trip, %s:\n", placement_names[asked->placement]);
    if (asked->placement == ONE_CPU)
        pin_to_cpu(0);
    zygote = zygote_new();
    for (size_t i = 0; i < SIZES; i++)
        partners[i] = partner_new(sizes[i].bytes, asked->placement, false);
    caller = partner_new(TASK_BYTES, asked->placement, true);
    executor = pool_new(zygote, 1, 0, &asked->placement);
    if (pthread_create(&thread, NULL, stand_by, &caller) != 0)
        log_fatal("cannot start a thread");
    if (asked->placement == TWO_CPUS)
        pin_to_cpu(0); /* only this thread: the scheduler places the executor's threads */
    for (uint64_t round = 0; round < asked->rounds; round++)
        for (size_t i = 0; i < SIZES; i++) {
            uint64_t count = asked->trips / sizes[i].part + 1;
            measure_trips(&partners[i], NULL, sizes[i].bytes, count, &bare[i]);
            if (i == 0)
                measure_trips(&caller, NULL, TASK_BYTES, count, &same_calls);
            measure_trips(NULL, executor, sizes[i].bytes, count, &pooled[i]);
        }
    print_trips(asked->placement);
    partner_free(&caller); /* the thread ends with this process, in_child()'s */
    for (size_t i = 0; i < SIZES; i++)
        partner_free(&partners[i]);
    ep_executor_free(executor);
    ep_zygote_free(zygote);
}

/* --- The program --------------------------------------------------------------------------- */

int main(int argc, char *argv[])
{
    struct asked asked = {.tasks = 200000, .trips = 5000, .rounds = 7};
    const struct number_option options[] = {
        {"rounds", 1, ROUNDS_MAX, &asked.rounds, "runs of each; the median counts"},
        {"tasks", WARM_TRIPS, TASKS_MAX, &asked.tasks, "tasks per run"},
        {"trips", 1, TRIPS_MAX - 1, &asked.trips, "round trips per run"},
        {.name = NULL},
    };
    bool good;

    if (read_numbers(
            argc, argv,
            "bench_process [OPTION]...\n"
            "Tasks in worker processes: throughput compared with Python's ProcessPoolExecutor,\n"
            "round trips compared with a bare socketpair.",
            options) < argc)
        log_usage("unexpected argument; see --help");
    asked.with_python = peer_has_python();
    memset(payload, 'x', sizeof payload);
    printf(
        "Tasks that return their %d bytes, in worker processes; median of %u interleaved "
        "rounds.\n%d workers and %u tasks for throughput; 1 worker, no prefetch and %u trips for "
        "the round trip\n",
        TASK_BYTES, (unsigned)asked.rounds, WORKERS, (unsigned)asked.tasks, (unsigned)asked.trips);
    asked.placement = ANYWHERE;
    good = in_child(compare_throughput, &asked);
    asked.placement = ONE_CPU;
    good = in_child(compare_throughput, &asked) && good;
    for (asked.placement = ONE_CPU; asked.placement <= ANYWHERE; asked.placement++)
        if (asked.placement != TWO_CPUS || cpus_allowed() > 1)
            good = in_child(compare_trips, &asked) && good;
    return good ? EXIT_OK : EXIT_RUN;
}
