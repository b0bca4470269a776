/* SPDX-License-Identifier: MIT */
/*
 * The real server and its limits on one client: how long it may take for each thing that it does,
 * how many sessions it may have, how many descriptors all of them together may need, and which
 * process the kernel takes when memory runs out.
 */
#include "common/clock.h"
#include "tests/kit/server.h"
#include "tests/kit/suite.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* Stop the server and look for a line of its last words. */
static struct tally stop_saying(struct kit *kit, const char *complaint, const char *words)
{
    kit_signal(kit, SIGTERM);
    return kit_wait_end(kit, complaint == NULL ? 0 : 1, complaint, words);
}

CASE("Each limit by its name")

LOOP_TEST(idle, MODELS)
{
    struct kit kit = kit_start(MODEL("--idle-timeout", "2s"));
    int silent = kit_connect(&kit);
    int talked = kit_connect(&kit);

    say_hello(talked);
    expect_rest(silent, "", 0);
    expect_rest(talked, "", 0);
    kit_wait_in_flight(&kit, 0);
    expect_tally(stop_saying(&kit, NULL, "\nidle timeout: 2\n"), 0, 2, 0);
}

LOOP_TEST(writing, MODELS)
{
    static const char bytes[65536];
    struct kit kit = kit_start(MODEL("--write-timeout", "200ms"));
    int deaf = kit_connect(&kit);

    while (send(deaf, bytes, sizeof bytes, MSG_NOSIGNAL) > 0)
        continue; /* until it is shut */
    close(deaf);
    kit_wait_in_flight(&kit, 0);
    expect_tally(stop_saying(&kit, NULL, "\nwrite timeout: 1\n"), 0, 1, 0);
}

/* A session that is quiet for its whole time ends in order. */
LOOP_TEST(session, MODELS)
{
    struct kit kit = kit_start(MODEL("--workers", "1", "--session-timeout", "2s"));
    int fd = kit_connect(&kit);

    say_hello(fd);
    expect_rest(fd, "", 0);
    kit_wait_in_flight(&kit, 0);
    expect_tally(stop_saying(&kit, NULL, "\nsession timeout: 1\n"), 0, 1, 0);
}

/* One byte after the other, each with its echo: never idle, and ended all the same. */
TEST(a_drip_is_ended)
{
    struct kit kit =
        kit_start(MODEL("--workers", "1", "--session-timeout", "800ms", "--idle-timeout", "20s"));
    int drip = kit_connect(&kit);
    int next = kit_connect(&kit);
    unsigned echoes = 0;
    char byte;

    while (send(drip, "x", 1, MSG_NOSIGNAL) == 1 && recv(drip, &byte, 1, 0) == 1) {
        ck_assert_int_eq(byte, 'X');
        echoes++;
    }
    ck_assert_uint_gt(echoes, 0);
    close(drip);
    say_hello(next); /* it has waited, and its time begins with its worker */
    close(next);
    kit_wait_in_flight(&kit, 0);
    expect_tally(stop_saying(&kit, NULL, "\nsession timeout: 1\n"), 1, 1, 0);
}

LOOP_TEST(draining, MODELS)
{
    if (tested_models[_i].stalls_the_loop)
        return; /* the loop sleeps, too, and does not see the signal */
    struct kit kit = kit_start(MODEL("--delay", "600s", "--drain-timeout", "100ms"));
    int asleep = kit_connect(&kit);

    tcp_send(asleep, "hello", 5);
    kit_wait_in_flight(&kit, 1);
    expect_tally(stop_saying(&kit, "1 sessions were cut", "\ncut: 1\n"), 0, 1, 0);
    close(asleep);
}

/* A limit that no session has reached is not mentioned. */
TEST(none)
{
    struct kit kit = kit_start(ARGUMENTS("--session-timeout", "600s", "--handshake-timeout", "1s"));
    int fd = kit_connect(&kit);
    struct outcome outcome;

    say_goodbye(fd);
    kit_wait_in_flight(&kit, 0);
    outcome = program_stop(&kit.program);
    ck_assert_ptr_null(strstr(outcome.out, "timeout"));
}

static bool is_over(void *until_ns)
{
    return clock_now_ns() > *(int64_t *)until_ns;
}

/*
 * The server is stopped for longer than a client may be idle. A client that has sent something meanwhile
 * was not idle; whether its worker or the watch gets the CPU first must not matter.
 */
TEST(a_stopped_server_blames_no_client)
{
    enum { CLIENTS = 8 };
    struct kit kit = kit_start(ARGUMENTS("--workers", "8", "--idle-timeout", "1s"));
    int fds[CLIENTS];
    int64_t until_ns;

    kit_connect_all(&kit, fds, CLIENTS);
    for (int i = 0; i < CLIENTS; i++)
        say_hello(fds[i]);
    ck_assert_int_eq(kill(kit.program.pid, SIGSTOP), 0);
    for (int i = 0; i < CLIENTS; i++)
        tcp_send(fds[i], "hello", 5);
    until_ns = clock_now_ns() + 1500000000;
    wait_until(is_over, &until_ns);
    ck_assert_int_eq(kill(kit.program.pid, SIGCONT), 0);
    for (int i = 0; i < CLIENTS; i++) {
        char word[5];
        tcp_receive(fds[i], word, 5);
        ck_assert_mem_eq(word, "HELLO", 5);
        close(fds[i]);
    }
    ck_assert_uint_eq(kit_finish(&kit, true, NULL).served, CLIENTS);
}

CASE("Sessions of one address")

/* A connection from another address of this machine. */
static int connect_from(struct kit *kit, const char *source)
{
    struct sockaddr_in from = {.sin_family = AF_INET};
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(kit->program.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(inet_pton(AF_INET, source, &from.sin_addr), 1);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&from, sizeof from), 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static const char *const all_models[] = {"thread", "thread-pool"};

/* Served or waiting, they count; and no longer than they are here. */
LOOP_TEST(too_many_of_one_address, 2)
{
    struct kit kit = kit_start(ARGUMENTS("--model", all_models[_i], "--workers", "2", "--queue",
                                         "4", "--per-source", "3"));
    char line[64];
    int fds[3];
    int other;
    int fourth;

    kit_connect_all(&kit, fds, 3);
    kit_wait_in_flight(&kit, 3);
    fourth = kit_connect(&kit);
    tcp_receive(fourth, line, 41);
    ck_assert_mem_eq(line, "BUSY your address has 3 sessions already\n", 41);
    expect_rest(fourth, "", 0);
    other = connect_from(&kit, "127.0.0.2");
    kit_wait_in_flight(&kit, 4);
    say_goodbye(fds[0]);
    kit_wait_in_flight(&kit, 3);
    fds[0] = kit_connect(&kit);
    close(fds[1]);
    close(fds[2]);
    say_hello(other);
    say_goodbye(fds[0]);
    close(other);
    struct tally tally = kit_finish(&kit, true, NULL);
    ck_assert_uint_eq(tally.served, 5);
    ck_assert_uint_eq(tally.rejected, 1);
}

/* A connection of a proxy, for a client at this address. */
static int connect_for(struct kit *kit, const char *client)
{
    const char *header = suite_text("PROXY TCP4 %s 192.0.2.9 1001 7\r\n", client);
    int fd = kit_connect(kit);

    tcp_send(fd, header, strlen(header));
    return fd;
}

/*
 * Behind a proxy the address in the header counts, which only the worker gets to know; and one that sends
 * on after BUSY still gets that line. Health checks, which have no client, do not count.
 */
LOOP_TEST(too_many_behind_a_proxy, MODELS)
{
    static const char busy[] = "BUSY your address has 1 sessions already\n";
    static const char check[16] = "\r\n\r\n\0\r\nQUIT\n\x20\0\0";
    struct kit kit = kit_start(MODEL("--workers", "4", "--proxy-protocol", "--per-source", "1"));
    bool single = tested_models[_i].one_at_a_time;
    int one = connect_for(&kit, "192.0.2.1");
    char line[sizeof busy];
    int another, second;

    say_hello(one);
    if (single)
        say_goodbye(one);
    another = connect_for(&kit, "192.0.2.2");
    say_hello(another);
    for (int i = 0; i < 3 && !single; i++) {
        second = connect_for(&kit, "192.0.2.1");
        tcp_send(second, "hello", 5);
        tcp_receive(second, line, sizeof busy - 1);
        ck_assert_mem_eq(line, busy, sizeof busy - 1);
        expect_rest(second, "", 0);
    }
    if (!single)
        say_goodbye(one);
    say_goodbye(another);
    kit_wait_in_flight(&kit, 0);
    for (int i = 0; i < 2; i++) {
        one = connect_for(&kit, "192.0.2.1"); /* its place is free again */
        say_goodbye(one);
        kit_wait_in_flight(&kit, 0);
        one = kit_connect(&kit);
        tcp_send(one, check, sizeof check);
        close(one);
    }
    kit_wait_ended(&kit, single ? 6 : 9);
    wait_for_descriptors(kit.program.pid, kit.descriptors);
    kit_signal(&kit, SIGTERM);
    struct tally tally = kit_wait_end(&kit, 0, NULL, NULL);
    ck_assert_uint_eq(tally.rejected, single ? 0 : 3);
    ck_assert_uint_eq(tally.served, 6);
}

/* A session that is not served to its end gives its place back too. */
TEST(places_come_back)
{
    struct kit kit = kit_start(ARGUMENTS("--workers", "1", "--queue", "1", "--per-source", "1",
                                         "--idle-timeout", "1s", "--on-full", "reject"));

    for (int i = 0; i < 4; i++) {
        int fd = kit_connect(&kit);
        if (i % 2 == 0)
            expect_rest(fd, "", 0);
        else
            tcp_reset(fd);
        kit_wait_ended(&kit, (uint64_t)i + 1);
    }
    ck_assert_uint_eq(kit_finish(&kit, true, NULL).rejected, 0);
}

CASE("Descriptors")

/* Start it with this many descriptors allowed, though the limit may be raised. */
static struct kit start_with_descriptors(rlim_t soft, const char *const arguments[])
{
    struct rlimit before;
    struct rlimit low;
    struct kit kit;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    low = before;
    low.rlim_cur = soft;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
    kit = kit_start(arguments);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    return kit;
}

static uint64_t soft_limit_of(pid_t pid)
{
    struct rlimit limit;

    ck_assert_int_eq(prlimit(pid, RLIMIT_NOFILE, NULL, &limit), 0);
    return limit.rlim_cur;
}

/* 4 workers, 100 who wait, and 16 in reserve. */
TEST(the_limit_is_raised_and_reported)
{
    struct kit kit = start_with_descriptors(64, ARGUMENTS("--workers", "4", "--queue", "100"));

    ck_assert_ptr_nonnull(
        strstr(program_output(&kit.program), "\ndescriptors: up to 120 needed, 120 allowed\n"));
    ck_assert_uint_eq(soft_limit_of(kit.program.pid), 120);
    ck_assert_int_eq(kill(kit.program.pid, SIGTTIN), 0);
    while (soft_limit_of(kit.program.pid) != 121)
        kit_ask(&kit); /* another worker takes another one */
    kit.threads++;
    kit_finish(&kit, true, NULL);
}

/* One more for each address after the first. */
TEST(each_address_takes_a_descriptor)
{
    struct kit kit = start_with_descriptors(64, ARGUMENTS("--workers", "4", "--queue", "100",
                                                          "--host", "127.0.0.1", "--host",
                                                          "127.0.0.2", "--host", "127.0.0.3"));

    wait_for_output_text(&kit.program, "descriptors: ");
    ck_assert_ptr_nonnull(
        strstr(program_output(&kit.program), "\ndescriptors: up to 122 needed, 122 allowed\n"));
    ck_assert_uint_eq(soft_limit_of(kit.program.pid), 122);
    kit_finish(&kit, true, NULL);
}

TEST(a_limit_that_is_enough_stays)
{
    struct kit kit = start_with_descriptors(200, ARGUMENTS("--workers", "4", "--queue", "100"));

    ck_assert_ptr_nonnull(
        strstr(program_output(&kit.program), "\ndescriptors: up to 120 needed, 200 allowed\n"));
    kit_finish(&kit, true, NULL);
}

CASE("Memory")

/* Ask how much sooner than by its size the kernel kills a process for its memory. */
static int oom_score_adj(pid_t pid)
{
    FILE *file = fopen(suite_text("/proc/%d/oom_score_adj", (int)pid), "re");
    int score;

    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%d", &score), 1);
    fclose(file);
    return score;
}

/* A worker goes before the server and its zygote, relative to what they have inherited, which is theirs still. */
LOOP_TEST(the_kernel_takes_a_worker_first, 2 * PROCESS_MODELS)
{
    int inherited = oom_score_adj(getpid());
    FILE *own = fopen("/proc/self/oom_score_adj", "we");
    struct kit kit;
    pid_t worker;
    int fd;

    ck_assert_ptr_nonnull(own);
    if (_i >= PROCESS_MODELS && inherited < 950) /* not everyone may lower it */
        inherited = 950;
    fprintf(own, "%d", inherited);
    ck_assert_int_eq(fclose(own), 0);
    _i %= PROCESS_MODELS;
    kit = kit_start(PROCESS_MODEL("--workers", "1"));
    fd = kit_connect(&kit);
    say_hello(fd);
    kit_wait_processes(&kit, &worker, 1);
    ck_assert_int_eq(oom_score_adj(worker), inherited < 700 ? inherited + 300 : 1000);
    ck_assert_int_eq(oom_score_adj(kit.program.pid), inherited);
    ck_assert_int_eq(oom_score_adj(process_parent(worker)), inherited);
    close(fd);
    kit_finish(&kit, true, NULL);
}

CASE("A standard error that is not read")

/* Fill the pipe that is the server's standard error, through its own end of it. */
static void fill_standard_error(pid_t pid)
{
    static const char blanks[4096];
    int fd;
    const char *path = suite_text("/proc/%d/fd/2", (int)pid);

    fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    while (write(fd, blanks, sizeof blanks) > 0)
        continue;
    ck_assert_int_eq(errno, EAGAIN);
    close(fd);
}

static void empty_standard_error(struct program *server)
{
    static char bytes[65536];

    ck_assert_int_eq(fcntl(server->err, F_SETFL, O_NONBLOCK), 0);
    while (read(server->err, bytes, sizeof bytes) > 0)
        continue;
    ck_assert_int_eq(fcntl(server->err, F_SETFL, 0), 0);
}

/* A session of which it is known that it has ended, without looking at what the server says. */
static void serve_one(struct kit *kit)
{
    int fd = kit_connect(kit);

    say_hello(fd);
    shutdown(fd, SHUT_WR);
    expect_rest(fd, "", 0);
}

/* Find the event of the session that has ended. Every line is an object. */
static json_t *ended_session(const char *errors)
{
    json_t *found = NULL;

    for (const char *line = errors, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        json_t *object = json_loadb(line, (size_t)(end - line), 0, NULL);
        const char *event = json_string_value(json_object_get(object, "event"));
        ck_assert_msg(event != NULL, "no event: %s", line);
        if (strcmp(event, "session ended") == 0) {
            ck_assert_ptr_null(found);
            found = json_incref(object);
        }
        json_decref(object);
    }
    ck_assert_msg(found != NULL, "no session has ended: %s", errors);
    return found;
}

/* Each line for programs: what a session was, as all models know it. */
LOOP_TEST(a_session_in_json, MODELS)
{
    struct kit kit = kit_start(MODEL("--verbose", "--log", "json"));
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    struct outcome outcome;
    json_t *session;
    int fd = kit_connect(&kit);

    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    say_hello(fd);
    shutdown(fd, SHUT_WR);
    expect_rest(fd, "", 0);
    kit_signal(&kit, SIGHUP); /* a warning, which is a line, too */
    wait_for_error_text(&kit.program, "nothing to reload");
    outcome = program_stop(&kit.program);
    ck_assert_int_eq(outcome.status, 0);
    session = ended_session(outcome.err);
    ck_assert_int_eq(json_integer_value(json_object_get(session, "session")), 1);
    ck_assert_str_eq(json_string_value(json_object_get(session, "peer")),
                     suite_text("127.0.0.1:%u", (unsigned)ntohs(address.sin_port)));
    ck_assert_str_eq(json_string_value(json_object_get(session, "outcome")), "served");
    ck_assert_int_eq(json_integer_value(json_object_get(session, "bytes_received")), 5);
    ck_assert_int_eq(json_integer_value(json_object_get(session, "bytes_sent")), 5);
    ck_assert_int_eq(json_integer_value(json_object_get(session, "echoes")), 1);
    ck_assert(json_is_real(json_object_get(session, "waited_ms")));
    ck_assert(json_is_real(json_object_get(session, "held_ms")));
    json_decref(session);
}

/* One that no worker has begun: why, and how long it has waited. */
TEST(a_refusal_in_json)
{
    struct kit kit = kit_start(ARGUMENTS("--workers", "1", "--queue", "0", "--on-full", "reject",
                                         "--verbose", "--log", "json"));
    int held = kit_connect(&kit);
    struct outcome outcome;
    json_t *session;

    say_hello(held);
    expect_busy(kit_connect(&kit));
    wait_for_error_text(&kit.program, "session ended");
    session = ended_session(program_errors(&kit.program));
    ck_assert_str_eq(json_string_value(json_object_get(session, "outcome")), "rejected");
    ck_assert_ptr_nonnull(json_object_get(session, "reason"));
    ck_assert(json_is_null(json_object_get(session, "held_ms")));
    json_decref(session);
    close(held);
    outcome = program_stop(&kit.program);
    ck_assert_int_eq(outcome.status, 0);
}

/* Workers log how sessions ended, and the log is not read: that costs lines, not workers. */
TEST(verbose_never_blocks)
{
    struct kit kit = kit_start(ARGUMENTS("--workers", "2", "--verbose"));
    struct outcome outcome;

    fill_standard_error(kit.program.pid);
    for (int i = 0; i < 20; i++)
        serve_one(&kit);
    empty_standard_error(&kit.program);
    serve_one(&kit);
    wait_for_error_text(&kit.program, "session 21 from 127.0.0.1:");
    ck_assert_ptr_nonnull(
        strstr(program_errors(&kit.program), "(20 lines are missing: standard error is too slow)"));
    outcome = program_stop(&kit.program);
    ck_assert_int_eq(outcome.status, 0);
    ck_assert_ptr_nonnull(
        strstr(outcome.out, "\n20 lines were lost: standard error was too slow\n"));
}
