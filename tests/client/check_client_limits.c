/* SPDX-License-Identifier: MIT */
/*
 * echo-client where it cannot have what it needs (a server, descriptors, threads) and where it is
 * interrupted: always a summary with what could be done.
 */
#include "config.h"
#include "tests/kit/client-json.h"
#include "tests/kit/suite.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SIZE = 64 };

#ifdef EP_SANITIZED /* sanitizers reserve more address space than a test here allows */
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

CASE("No listener, and limits")

LOOP_TEST(a_port_without_a_server, CLIENT_WAYS)
{
    struct client_run run;

    client_use_way(_i);
    run = client_run(port_text(tcp_unused_port()), ARGUMENTS("-n", "20"));
    client_run_expect(&run, 1, 0, 20, 0);
    client_run_expect_error(&run, "connect: connection refused", 20);
}

LOOP_TEST(a_backlog_that_is_full, CLIENT_WAYS)
{
    uint16_t port;
    int listener = tcp_listen(&port);
    int first = tcp_fill_backlog(listener, port);
    struct client_run run;

    client_use_way(_i);
    run = client_run(port_text(port), ARGUMENTS("-n", "2", "--timeout", "300ms"));
    client_run_expect(&run, 1, 0, 2, 0);
    client_run_expect_error(&run, "connect: timed out", 2);
    close(first);
    close(listener);
}

/* What a shell command says on standard output; $C is the client. */
static struct outcome shell(const char *command)
{
    struct outcome outcome = {.out = NULL};
    size_t room = 0;
    FILE *pipe;
    const char *line = suite_text("C='%s/echo-client'; %s", build_folder(), command);

    pipe = popen(line, "r");
    ck_assert_ptr_nonnull(pipe);
    ck_assert_int_gt(getdelim(&outcome.out, &room, '\0', pipe), 0);
    suite_keep(outcome.out);
    outcome.status = WEXITSTATUS(pclose(pipe));
    return outcome;
}

/* What cannot be printed is not lost without a word. */
LOOP_TEST(no_standard_output, 4)
{
    static const char *const options[] = {"--json", "", "--csv - --quiet", "--help"};
    struct peer *peer = peer_start(peer_upper, NULL);
    struct outcome outcome;
    char command[256];

    snprintf(command, sizeof command, "{ \"$C\" --port %s -n 2 %s >&-; } 2>&1; echo $?",
             peer_port_text(peer), options[_i]);
    outcome = shell(command);
    ck_assert_msg(strstr(outcome.out, "Bad file descriptor") != NULL, "%s", outcome.out);
    ck_assert_str_eq(outcome.out + strlen(outcome.out) - 2, "1\n");
    peer_stop(peer);
}

TEST(too_few_descriptors)
{
    struct peer *peer = peer_start(peer_upper, NULL);
    struct client_run run;
    char command[256];
    json_int_t ok, failed;

    /* what is said on standard error comes first, then the object */
    snprintf(command, sizeof command, "ulimit -n 40; \"$C\" --json --port %s -n 60 --quiet 2>&1",
             peer_port_text(peer));
    run = client_run_read(shell(command));
    ok = client_run_integer(&run, "sessions", "ok");
    failed = client_run_integer(&run, "sessions", "failed");
    ck_assert_int_eq(run.outcome.status, 1);
    ck_assert_int_eq(ok + failed, 60);
    ck_assert_int_gt(ok, 20);
    client_run_expect_error(&run, "socket: too many open files", (int)failed);

    snprintf(command, sizeof command, "ulimit -n 40; \"$C\" --port %s -n 60 2>&1 >/dev/null",
             peer_port_text(peer));
    run.outcome = shell(command);
    ck_assert_str_eq(run.outcome.out,
                     "echo-client: 60 sessions need 76 descriptors, but the limit is 40 and the "
                     "sessions beyond it will fail; raise the hard limit (ulimit -Hn, as root) or "
                     "lower --sessions\n");
    peer_stop(peer);
}

/* The rate that does not hold is the client's, which has no sessions for it: status 1, and not 4. */
LOOP_TEST(a_search_without_descriptors, 2)
{
    struct peer *peer = peer_start(peer_upper, NULL);
    struct client_run run =
        client_run_read(shell(suite_text("ulimit -n 40; \"$C\" --json --port %s -n 60 -d 200ms %s "
                                         "--find-rate failed=0 2>/dev/null",
                                         peer_port_text(peer), _i == 0 ? "" : "--threads 1")));
    json_t *search = json_object_get(run.json, "search");

    ck_assert_int_eq(run.outcome.status, 1);
    ck_assert_str_eq(json_string_value(json_object_get(search, "end")), "client");
    peer_stop(peer);
}

/* What the loads before it have measured is printed. */
TEST(loops_of_a_later_load_that_have_no_descriptors)
{
    struct peer *peer = peer_start(peer_upper, NULL);
    struct client_run run;

    run = client_run_read(shell(suite_text(
        "ulimit -n 40; \"$C\" --json --port %s --steps 1,2,60 --threads 60 -m 3 2>/dev/null",
        peer_port_text(peer))));
    client_run_expect(&run, 1, 3, 0, 0);
    peer_stop(peer);
}

static const char *const loads[] = {"", "-m 3 --threads 60 --rate 600"};

/* The main thread's stack is all that this limits. Without the environment, which is part of it. */
LOOP_TEST(a_small_stack, 2)
{
    if (SANITIZED)
        return; /* their own frames are larger */
    struct peer *peer = peer_start(peer_upper, NULL);
    struct client_run run = client_run_read(
        shell(suite_text("ulimit -s 96; env -i \"$C\" --json --port %s -n 60 %s 2>&1",
                         peer_port_text(peer), loads[_i])));
    client_run_expect(&run, 0, 60, 0, 0);
    peer_stop(peer);
}

LOOP_TEST(a_soft_limit_is_raised, 2)
{
    struct peer *peer = peer_start(peer_upper, NULL);
    struct client_run run;
    const char *command = suite_text("ulimit -Sn 40; \"$C\" --json --port %s -n 60 %s 2>&1",
                                     peer_port_text(peer), loads[_i]);

    run = client_run_read(shell(command));
    client_run_expect(&run, 0, 60, 0, 0);
    peer_stop(peer);
}

/* What is reported of one more session than there are local ports. There is no listener, so none is kept. */
static struct outcome one_too_many(unsigned ports, const char *source)
{
    const char *command = suite_text(
        "\"$C\" --port 1 -n %u --threads 1 %s 2>&1 >/dev/null; echo $?", ports + 1, source);

    return shell(command);
}

TEST(too_few_ports)
{
    FILE *range = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
    unsigned first, last;
    struct outcome outcome;

    ck_assert_ptr_nonnull(range);
    ck_assert_int_eq(fscanf(range, "%u %u", &first, &last), 2);
    fclose(range);
    outcome = one_too_many(last - first + 1, "");
    const char *line =
        suite_text("echo-client: %u sessions need as many local ports, but there are %u and ",
                   last - first + 2, last - first + 1);
    ck_assert_msg(strstr(outcome.out, line) != NULL, "no \"%s\" in %.1000s", line, outcome.out);
    ck_assert_ptr_nonnull(strstr(outcome.out, "(--source 127.0.0.1-127.0.0.8)"));
    ck_assert_str_eq(outcome.out + strlen(outcome.out) - 2, "1\n"); /* but it has been tried */
    outcome = one_too_many(last - first + 1, "--source 127.0.0.1-127.0.0.2");
    ck_assert_ptr_null(strstr(outcome.out, "local ports"));
}

TEST_IF(too_few_threads, !SANITIZED)
{
    uint16_t port;
    int listener = tcp_listen(&port); /* lets them connect, so that they meet at the barrier */
    struct client_run run;
    json_int_t missing, waited;
    const json_t *errors;

    /* 64 MiB of address space are stacks for some hundreds */
    const char *command =
        suite_text("ulimit -v 65536; \"$C\" --json --port %u -n 1500 --timeout 300ms 2>/dev/null",
                   (unsigned)port);
    run = client_run_read(shell(command));
    client_run_expect(&run, 1, 0, 1500, 0);
    errors = json_object_get(run.json, "errors");
    missing = json_integer_value(json_object_get(errors, "thread: cannot be started"));
    waited = json_integer_value(json_object_get(errors, "timed out before the first reply"));
    ck_assert_int_eq(missing + waited, 1500);
    ck_assert_int_gt(missing, 100);
    ck_assert_int_gt(waited, 100);
    close(listener);

    run.outcome =
        shell("ulimit -v 65536; \"$C\" --quiet --port 1 -n 1500 2>&1 >/dev/null | grep -c "
              "'of 1500 sessions have a thread: Resource temporarily unavailable; lower'");
    ck_assert_str_eq(run.outcome.out, "1\n");
}

CASE("Interrupted")

struct waiting {
    atomic_uint received; /* messages that the server has and does not answer */
};

BEHAVIOUR(not_answering)
{
    struct waiting *waiting = context;
    unsigned char message[SIZE];

    if (peer_receive(fd, message, SIZE))
        atomic_fetch_add(&waiting->received, 1);
    peer_drain(fd);
}

static bool have_three(void *context)
{
    return atomic_load(&((struct waiting *)context)->received) == 3;
}

LOOP_TEST(interrupted_with_a_summary, CLIENT_WAYS)
{
    static const int signals[] = {SIGINT, SIGTERM};

    for (size_t i = 0; i < 2; i++) {
        struct waiting waiting = {0};
        struct peer *peer = peer_start(not_answering, &waiting);
        struct program client;
        struct client_run run;

        client_use_way(_i);
        client = client_start(peer_port_text(peer), ARGUMENTS("-n", "3", "-m", "1"));
        wait_until(have_three, &waiting);
        ck_assert_int_eq(kill(client.pid, signals[i]), 0);
        run = client_wait(&client);
        client_run_expect(&run, 128 + signals[i], 0, 3, 0);
        client_run_expect_error(&run, "interrupted", 3);
        ck_assert_int_eq(client_run_integer(&run, "messages", "sent"), 3);
        ck_assert_int_eq(client_run_integer(&run, "sessions", "unserved"), 3);
        peer_stop(peer);
    }
}

static bool three_are_calling(void *context)
{
    return peer_callers(*(uint16_t *)context, PEER_CALLING) == 3;
}

LOOP_TEST(interrupted_while_connecting, CLIENT_WAYS)
{
    uint16_t port;
    int listener = tcp_listen(&port), first = tcp_fill_backlog(listener, port);
    struct program client;
    struct client_run run;

    client_use_way(_i);
    client = client_start(port_text(port), ARGUMENTS("-n", "3"));
    wait_until(three_are_calling, &port);
    ck_assert_int_eq(kill(client.pid, SIGINT), 0);
    run = client_wait(&client);
    client_run_expect(&run, 130, 0, 3, 0);
    client_run_expect_error(&run, "interrupted", 3);
    ck_assert_int_eq(client_run_integer(&run, "messages", "sent"), 0);
    ck_assert_int_eq(client_run_integer(&run, "sessions", "unserved"), 0);
    close(first);
    close(listener);
}
