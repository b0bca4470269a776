/* SPDX-License-Identifier: MIT */
/* The real server with --reuse-port: two on one port, and one that takes over from another under load. */
#include "tests/kit/server.h"
#include "tests/kit/suite.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { CLIENTS = 64 };

/* Another server on the port of the first. */
static struct kit start_beside(const struct kit *kit)
{
    return kit_start(
        ARGUMENTS("--model", "event", "--reuse-port", "--port", port_text(kit->program.port)));
}

CASE("Two servers")

/* Each gets its share: that the kernel gives 64 connections to one of two is not to be expected. */
TEST(both_have_clients)
{
    struct kit first = kit_start(ARGUMENTS("--model", "event", "--reuse-port"));
    struct kit second = start_beside(&first);
    uint64_t served[2];
    int fds[CLIENTS];

    ck_assert_uint_eq(second.program.port, first.program.port);
    kit_connect_all(&first, fds, CLIENTS);
    for (int i = 0; i < CLIENTS; i++)
        say_goodbye(fds[i]);
    kit_wait_in_flight(&first, 0);
    kit_wait_in_flight(&second, 0);
    kit_signal(&first, SIGTERM);
    served[0] = kit_wait_end(&first, 0, NULL, NULL).served;
    kit_signal(&second, SIGTERM);
    served[1] = kit_wait_end(&second, 0, NULL, NULL).served;
    ck_assert_uint_eq(served[0] + served[1], CLIENTS);
    ck_assert_uint_gt(served[0], 0);
    ck_assert_uint_gt(served[1], 0);
}

TEST(the_admin_port_is_not_shared)
{
    struct kit first = kit_start(ARGUMENTS("--model", "event", "--reuse-port", "--admin", "0"));
    const char *port = suite_text("%u", (unsigned)kit_admin_port(&first));
    struct outcome outcome = program_run(ARGUMENTS("echo-server", "--host", "127.0.0.1", "--model",
                                                   "event", "--reuse-port", "--port",
                                                   port_text(first.program.port), "--admin", port),
                                         NULL);

    ck_assert_int_eq(outcome.status, 1);
    ck_assert_str_eq(outcome.err,
                     suite_text("echo-server: --admin %s: cannot listen on 127.0.0.1:%s: Address "
                                "already in use; choose a port that neither this server nor "
                                "another program has; with port 0 the kernel picks one\n",
                                port, port));
    kit_signal(&first, SIGTERM);
    (void)kit_wait_end(&first, 0, NULL, NULL);
}

/* The first stops while all sessions talk to it: they go on with the second, and no message is lost. */
TEST(one_takes_over)
{
    struct kit first =
        kit_start(ARGUMENTS("--model", "event", "--reuse-port", "--drain-timeout", "0"));
    struct kit second;
    struct program client = program_start((const char *const[]){
        "echo-client", "-n", "8", "-m", "1500", "--think", "2ms", "--reconnect", "--port",
        port_text(first.program.port), "--quiet", "--ndjson", "-", NULL});
    struct outcome outcome;
    const char *total;

    /* one that has had no reply would not go on with another connection */
    wait_for_output_text(&client, "\"served\":8,");
    /* it sends nothing into the close, which would be counted as cut */
    kill(client.pid, SIGSTOP);
    second = start_beside(&first);
    kit_signal(&first, SIGTERM);
    (void)kit_wait_end(&first, 0, NULL, NULL);
    kill(client.pid, SIGCONT);
    outcome = program_wait(&client);
    outcome_expect(&outcome, 0, NULL, "");
    total = strstr(outcome.out, "\"event\":\"total\"");
    ck_assert_ptr_nonnull(total);
    ck_assert_ptr_nonnull(strstr(total, "\"sessions\":{\"requested\":16,\"ok\":8,\"failed\":0,"
                                        "\"refused\":0,\"closed\":8,\"reconnected\":8,"));
    ck_assert_ptr_nonnull(
        strstr(total, "\"messages\":{\"sent\":12000,\"verified\":12000,\"mismatched\":0,"));
    kit_signal(&second, SIGTERM);
    ck_assert_uint_eq(kit_wait_end(&second, 0, NULL, NULL).served, 8);
}

CASE("Trouble")

static void expect_refusal(const char *const arguments[], int status, const char *line)
{
    struct outcome outcome = program_run(arguments, NULL);

    outcome_expect(&outcome, status, "", line);
}

/* Both must want it. */
TEST(a_port_that_is_not_shared)
{
    struct kit kit = kit_start(ARGUMENTS("--model", "event"));
    const char *port = port_text(kit.program.port);

    expect_refusal((const char *const[]){"echo-server", "--port", port, "--reuse-port", NULL}, 1,
                   suite_text("echo-server: cannot listen on 127.0.0.1:%s: Address already in use; "
                              "the other program must have --reuse-port, too, and the same user\n",
                              port));
    kit_finish(&kit, true, NULL);
    kit = kit_start(ARGUMENTS("--model", "event", "--reuse-port"));
    port = port_text(kit.program.port);
    expect_refusal((const char *const[]){"echo-server", "--port", port, NULL}, 1,
                   suite_text("echo-server: cannot listen on 127.0.0.1:%s: Address already in use; "
                              "stop the other program, or try --port 0\n",
                              port));
    kit_finish(&kit, true, NULL);
}

TEST(what_has_no_port)
{
    uint16_t port;
    int fd = tcp_listen(&port);

    expect_refusal(
        (const char *const[]){"echo-server", "--host", "127.0.0.1", "--host", "unix:/tmp/x",
                              "--reuse-port", NULL},
        2,
        "echo-server: --reuse-port shares a port, and --host unix:/tmp/x has none: a unix socket "
        "has one server at a time\n");
    program_pass(&fd, 1);
    expect_refusal((const char *const[]){"echo-server", "--reuse-port", NULL}, 2,
                   "echo-server: --reuse-port is for ports that the server opens itself, and the "
                   "service manager has passed 1 sockets; use ReusePort= of its socket unit "
                   "instead\n");
    program_pass(NULL, 0);
    close(fd);
}
