/* SPDX-License-Identifier: MIT */
/*
 * The models whose workers accept by themselves: what they refuse, how many a connection wakes, sockets of
 * their own, and how they come and go. What they have in common with all models is tested with all models.
 */
#include "config.h"

#include "common/clock.h"
#include "tests/kit/http.h"
#include "tests/kit/metrics.h"
#include "tests/kit/server.h"
#include "tests/kit/suite.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *const accepting_models[] = {"thread-accept", "prefork"};
enum { OF_THREADS, OF_PROCESSES, ACCEPTING };
#define ACCEPTING_MODEL(...) ARGUMENTS("--model", accepting_models[_i], __VA_ARGS__)

CASE("The command line")

/* What needs a thread that knows of a client before a worker has it. */
LOOP_TEST(no_queue_of_ours, ACCEPTING)
{
    static const struct {
        const char *option[2];
        const char *sentence;
    } mistakes[] = {
        {{"--queue", "1"}, " has no --queue: its workers accept by themselves"},
        {{"--on-full", "reject"}, " has no thread that could answer with --on-full: its workers"},
        {{"--on-full", "drop-oldest"}, "--on-full drop-oldest needs a pool's queue; use --model"},
        {{"--on-full", "caller-runs"}, "--on-full caller-runs needs a pool's queue; use --model"},
        {{"--queue-timeout", "1s"}, "--queue-timeout needs a pool's queue; use --model"},
        {{"--high-water", "1"}, "a water mark needs a pool's queue; use --model"},
        {{"--hold", "message"}, "--hold message needs workers that can be given back"},
    };

    for (size_t i = 0; i < COUNT_OF(mistakes); i++) {
        struct outcome outcome =
            program_run(ARGUMENTS("echo-server", "--port", "0", "--model", accepting_models[_i],
                                  mistakes[i].option[0], mistakes[i].option[1]),
                        NULL);
        ck_assert_int_eq(outcome.status, 2);
        ck_assert_msg(strstr(outcome.err, mistakes[i].sentence) != NULL, "said: %s", outcome.err);
    }
}

/* There must be workers that wait at the same socket. */
LOOP_TEST(wake_all_needs_one_socket, 2)
{
    static const char *const others[][2] = {{"--model", "thread-pool"},
                                            {"--model=prefork", "--reuse-port"}};
    struct outcome outcome = program_run(
        ARGUMENTS("echo-server", "--port", "0", "--wake-all", others[_i][0], others[_i][1]), NULL);

    ck_assert_int_eq(outcome.status, 2);
    ck_assert_msg(strstr(outcome.err, "--wake-all is about workers that accept from one socket") !=
                      NULL,
                  "said: %s", outcome.err);
}

CASE("How many wake")

enum { SLEEPERS = 8 };

/* Get how often a worker has gone to sleep, as its status in /proc says. 0: this is no worker */
static uint64_t sleeps_in(const char *folder)
{
    FILE *file = fopen(suite_text("%s/status", folder), "re");
    char line[128];
    uint64_t sleeps = 0;
    bool is_worker = false;

    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        is_worker |= strncmp(line, "Name:\tworker-", 13) == 0;
        if (sscanf(line, "voluntary_ctxt_switches: %lu", &sleeps) == 1 && is_worker)
            break;
    }
    if (file != NULL)
        fclose(file);
    return is_worker ? sleeps : 0;
}

/* How often each worker has gone to sleep. @return how many workers there are */
static unsigned count_sleeps(const struct kit *kit, int model, uint64_t sleeps[SLEEPERS])
{
    const char *threads = suite_text("/proc/%d/task", (int)kit->program.pid);
    unsigned found = 0;
    pid_t pids[SLEEPERS];

    if (model == OF_PROCESSES) {
        found = kit_processes(kit, pids, SLEEPERS);
        for (unsigned i = 0; i < found; i++)
            sleeps[i] = sleeps_in(suite_text("/proc/%d", (int)pids[i]));
        return found;
    }
    DIR *all = opendir(threads);
    ck_assert_ptr_nonnull(all);
    for (struct dirent *entry; found < SLEEPERS && (entry = readdir(all)) != NULL;) {
        sleeps[found] = sleeps_in(suite_text("%s/%s", threads, entry->d_name));
        found += sleeps[found] > 0;
    }
    closedir(all);
    return found;
}

/* Workers that wait, and how often they had slept before. */
struct sleepers {
    struct kit kit;
    int model;
    uint64_t before[SLEEPERS];
};

/* All have begun to wait, in epoll_wait() or at first for their bell. */
static bool all_wait(void *context)
{
    struct sleepers *sleepers = context;

    return count_sleeps(&sleepers->kit, sleepers->model, sleepers->before) == SLEEPERS;
}

/* The fewest times that one of them has slept since then. */
static uint64_t least_sleeps(struct sleepers *sleepers)
{
    uint64_t now[SLEEPERS];
    uint64_t least = UINT64_MAX;

    ck_assert_uint_eq(count_sleeps(&sleepers->kit, sleepers->model, now), SLEEPERS);
    for (int i = 0; i < SLEEPERS; i++)
        if (now[i] - sleepers->before[i] < least)
            least = now[i] - sleepers->before[i];
    return least;
}

/* Another client comes and goes. */
static bool all_were_woken(void *context)
{
    struct sleepers *sleepers = context;

    say_goodbye(kit_connect(&sleepers->kit));
    return least_sleeps(sleepers) >= 10;
}

LOOP_TEST(with_wake_all_each_client_wakes_all, ACCEPTING)
{
    struct sleepers sleepers = {.kit = kit_start(ACCEPTING_MODEL("--workers", "8", "--wake-all")),
                                .model = _i};

    wait_until(all_wait, &sleepers);
    wait_until(all_were_woken, &sleepers);
    kit_finish(&sleepers.kit, true, NULL);
}

/* One client at a time needs one worker, or two while the first is busy with its end. */
LOOP_TEST(otherwise_it_wakes_one, ACCEPTING)
{
    struct sleepers sleepers = {.kit = kit_start(ACCEPTING_MODEL("--workers", "8")), .model = _i};

    wait_until(all_wait, &sleepers);
    for (int i = 0; i < 200; i++)
        say_goodbye(kit_connect(&sleepers.kit));
    ck_assert_uint_lt(least_sleeps(&sleepers), 100);
    ck_assert_uint_eq(kit_finish(&sleepers.kit, true, NULL).served, 200);
}

/* A worker that sleeps is woken, and that is counted. */
LOOP_TEST(wake_ups_are_counted, ACCEPTING)
{
    struct kit kit = kit_start(ACCEPTING_MODEL("--workers", "1", "--admin", "0"));
    uint16_t port = kit_admin_port(&kit);
    double wakeups = 0;

    while (wakeups < 1) {
        say_goodbye(kit_connect(&kit));
        struct metrics *metrics = metrics_read(http_body(port, "/metrics", 200));
        wakeups = metrics_value(metrics, "echopool_accept_wakeups_total");
        ck_assert(metrics_value(metrics, "echopool_accept_wakeups_in_vain_total") <= wakeups);
        free(metrics);
    }
    kit_finish(&kit, true, NULL);
}

CASE("Sockets of their own")

/* How many sockets listen on the server's port. */
static unsigned listening_on(uint16_t port)
{
    FILE *file = fopen("/proc/net/tcp", "re");
    char line[256];
    unsigned count = 0;
    unsigned local, state;

    ck_assert_ptr_nonnull(file);
    while (fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "%*d: %*8x:%x %*8x:%*x %x", &local, &state) == 2)
            count += local == port && state == 0x0a;
    fclose(file);
    return count;
}

LOOP_TEST(each_has_one, ACCEPTING)
{
    struct kit kit = kit_start(ACCEPTING_MODEL("--workers", "4", "--reuse-port"));

    ck_assert_uint_eq(listening_on(kit.program.port), 4);
    for (int i = 0; i < 64; i++)
        say_goodbye(kit_connect(&kit));
    ck_assert_uint_eq(kit_finish(&kit, true, NULL).served, 64);
    ck_assert_uint_eq(listening_on(kit.program.port), 0);
}

/* At a stop the clients of every backlog get BUSY, and none is reset. That all hash to one is not to be expected. */
LOOP_TEST(no_backlog_is_reset, ACCEPTING)
{
    struct kit kit =
        kit_start(ACCEPTING_MODEL("--workers", "2", "--reuse-port", "--drain-timeout", "20s"));
    int fds[32];
    unsigned busy = 0;
    char byte;

    kit_connect_all(&kit, fds, 32);
    kit_wait_in_flight(&kit, 2);
    kit_signal(&kit, SIGTERM);
    for (int i = 0; i < 32; i++) {
        ssize_t got = recv(fds[i], &byte, 1, 0);
        ck_assert_msg(got >= 0, "client %d: %s", i, strerror(errno));
        busy += got == 1 && byte == 'B';
        close(fds[i]);
    }
    ck_assert_uint_eq(busy, 30);
    ck_assert_uint_eq(kit_wait_end(&kit, 0, NULL, NULL).rejected, 30);
}

static bool is_resizable(struct kit *kit)
{
    char *stats = http_body(kit_admin_port(kit), "/stats.json", 200);
    bool found = strstr(stats, "\"resizable\": true") != NULL;

    ck_assert(found != (strstr(stats, "\"resizable\": false") != NULL));
    free(stats);
    return found;
}

/* The live page has no button that would be refused. */
LOOP_TEST(only_a_common_socket_is_resizable, ACCEPTING)
{
    struct kit common = kit_start(ACCEPTING_MODEL("--workers", "2", "--admin", "0"));
    struct kit own = kit_start(ACCEPTING_MODEL("--workers", "2", "--admin", "0", "--reuse-port"));

    ck_assert(is_resizable(&common));
    ck_assert(!is_resizable(&own));
    kit_finish(&common, true, NULL);
    kit_finish(&own, true, NULL);
}

LOOP_TEST(their_number_stays, ACCEPTING)
{
    struct kit kit = kit_start(ACCEPTING_MODEL("--workers", "2", "--reuse-port"));

    kit_signal(&kit, SIGTTIN);
    wait_for_error_text(&kit.program,
                        "the workers stay 2: with --reuse-port each has a socket of its "
                        "own, in which clients may wait");
    kit_finish(&kit, true, "the workers stay 2");
}

CASE("Sockets of others")

/* A socket that the service manager has passed goes on listening when the server has ended. */
LOOP_TEST(a_passed_socket_stays, ACCEPTING)
{
    uint16_t port;
    int listener = tcp_listen(&port);

    program_pass(&listener, 1);
    for (int round = 0; round < 2; round++) {
        struct kit kit = kit_start(ACCEPTING_MODEL("--workers", "2"));
        say_goodbye(kit_connect(&kit));
        ck_assert_uint_eq(kit_finish(&kit, true, NULL).served, 1 + (unsigned)round);
        close(tcp_connect(port)); /* served in the next round */
    }
    close(listener);
}

/* Two clients come at once, one at each of two sockets: a worker that was woken for both must not keep one waiting. */
LOOP_TEST(none_waits_beside_an_idle_worker, ACCEPTING)
{
    uint16_t ports[2];
    int listeners[2] = {tcp_listen(&ports[0]), tcp_listen(&ports[1])};

    program_pass(listeners, 2);
    struct kit kit = kit_start(ACCEPTING_MODEL("--workers", "4"));
    for (int round = 0; round < 200; round++) {
        int fds[2] = {tcp_connect(ports[0]), tcp_connect(ports[1])};
        say_hello(fds[0]);
        say_hello(fds[1]);
        say_goodbye(fds[0]);
        say_goodbye(fds[1]);
    }
    ck_assert_uint_eq(kit_finish(&kit, true, NULL).served, 400);
    close(listeners[0]);
    close(listeners[1]);
}

/* While the last session goes on, the kernel refuses other clients: no worker has kept the socket. */
LOOP_TEST(a_drain_refuses_new_clients, ACCEPTING)
{
    struct kit kit = kit_start(ACCEPTING_MODEL("--workers", "2", "--drain-timeout", "60s",
                                               "--delay", "600s", "--idle-timeout", "0"));
    int fd = kit_connect(&kit);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(kit.program.port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int refused = 0;

    tcp_send(fd, "hello", 5);
    kit_wait_in_flight(&kit, 1);
    kit_signal(&kit, SIGTERM);
    while (refused != ECONNREFUSED) {
        int other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        refused = connect(other, (struct sockaddr *)&address, sizeof address) == 0 ? 0 : errno;
        close(other);
    }
    kit_signal(&kit, SIGKILL);
    (void)program_wait(&kit.program);
    close(fd);
}

CASE("More and fewer")

static void resize(struct kit *kit, int number, const char *line)
{
    kit_signal(kit, number);
    wait_for_output_text(&kit->program, line);
}

LOOP_TEST(workers_come_and_go, ACCEPTING)
{
    struct kit kit = kit_start(ACCEPTING_MODEL("--workers", "1"));
    int fds[3];

    say_hello(fds[0] = kit_connect(&kit));
    fds[1] = kit_connect(&kit);
    fds[2] = kit_connect(&kit);
    resize(&kit, SIGTTIN, "workers: 2\n");
    say_hello(fds[1]);
    resize(&kit, SIGTTIN, "workers: 3\n");
    say_hello(fds[2]);
    resize(&kit, SIGTTOU, "workers: 3\nworkers: 2\n"); /* it leaves when its session has ended */
    resize(&kit, SIGTTOU, "workers: 2\nworkers: 1\n");
    for (int i = 2; i >= 0; i--)
        say_goodbye(fds[i]);
    kit_wait_in_flight(&kit, 0);
    kit_wait_threads(&kit);
    if (_i == OF_PROCESSES) {
        pid_t pid;
        kit_wait_processes(&kit, &pid, 1);
    }
    ck_assert_uint_eq(kit_finish(&kit, true, NULL).served, 3);
}

/* One that was to leave, and is wanted again before it could. */
LOOP_TEST(fewer_and_more_again, ACCEPTING)
{
    struct kit kit = kit_start(ACCEPTING_MODEL("--workers", "2"));
    int fds[2];

    for (int round = 0; round < 20; round++) {
        kit_signal(&kit, SIGTTOU);
        kit_signal(&kit, SIGTTIN);
        for (int i = 0; i < 2; i++)
            fds[i] = kit_connect(&kit);
        for (int i = 0; i < 2; i++)
            say_goodbye(fds[i]);
        kit_ask(&kit);
    }
    kit_wait_in_flight(&kit, 0);
    ck_assert_uint_eq(kit_finish(&kit, true, NULL).served, 40);
}

CASE("Limits")

/* The worker itself sends BUSY, and it arrives. */
LOOP_TEST(too_many_of_one_source, ACCEPTING)
{
    struct kit kit = kit_start(ACCEPTING_MODEL("--workers", "3", "--per-source", "1"));
    int fd = kit_connect(&kit);

    say_hello(fd);
    for (int i = 0; i < 5; i++) {
        int refused = kit_connect(&kit);
        tcp_send(refused, "hello", 5); /* closing without having read this would reset */
        expect_busy(refused);
    }
    say_goodbye(fd);
    kit_wait_in_flight(&kit, 0);
    struct tally tally = kit_finish(&kit, true, NULL);
    ck_assert_uint_eq(tally.served, 1);
    ck_assert_uint_eq(tally.rejected, 5);
}

#ifndef EP_SANITIZED /* the shim must be loaded first, and so must a sanitizer */

CASE("The log")

static unsigned count_in(const char *text, const char *words)
{
    unsigned count = 0;

    while ((text = strstr(text, words)) != NULL) {
        text += strlen(words);
        count++;
    }
    return count;
}

/* What fails in all workers at the same time is one warning a second, not one of each. */
LOOP_TEST(one_warning_for_all, ACCEPTING)
{
    enum { WORKERS = 32, FAILURES = 20 * WORKERS };
    struct orders *orders = program_let_fail(
        (struct orders){.only = "accept4", .first = 1, .last = UINT_MAX, .error = EMFILE});
    unsigned count;
    int64_t begun_ns = clock_now_ns();
    struct kit kit =
        kit_start(ACCEPTING_MODEL("--workers", suite_text("%d", (int)WORKERS), "--wake-all"));
    int fd = kit_connect(&kit);
    int64_t most;

    program_preload(NULL);
    while (atomic_load(&orders->failed) < FAILURES) /* each fails ten times a second */
        sched_yield();
    count = count_in(program_errors(&kit.program), "cannot accept a connection now");
    most = 1 + (clock_now_ns() - begun_ns) / SECOND_NS;
    ck_assert_int_le(count, most);
    atomic_store(&orders->armed, false);
    say_goodbye(fd);
    kit_finish(&kit, true, "cannot accept a connection now");
}

/*
 * A worker dies when its session has a number, and before it has reported it. The main process, which has not
 * counted that one, gives another number to the client that it sends away at the end.
 */
TEST(no_two_sessions_have_one_number)
{
    struct kit kit;
    int lost, served, refused;
    char byte;

    program_let_fail((struct orders){.only = "sendmsg", .first = 1, .last = 1, .error = EPIPE});
    kit = kit_start(
        ARGUMENTS("--model", "prefork", "--workers", "1", "--verbose", "--drain-timeout", "60s"));
    program_preload(NULL);
    lost = kit_connect(&kit);
    ck_assert_int_eq(recv(lost, &byte, 1, 0), 0);
    close(lost);
    say_hello(served = kit_connect(&kit));
    refused = kit_connect(&kit);
    kit_signal(&kit, SIGTERM);
    expect_busy(refused);
    wait_for_error_text(&kit.program, "session 3 from ");
    expect_rest(served, "", 0);
    ck_assert_uint_eq(kit_wait_end(&kit, 0, "session 2 from ", NULL).accepted, 2);
}

#endif
