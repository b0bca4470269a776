/* SPDX-License-Identifier: MIT */
/*
 * The real server with --admin-control: what is asked for happens, and is shown everywhere.
 * check_admin_control.c says who may ask.
 */
#include "tests/kit/controlled.h"
#include "tests/kit/http.h"
#include "tests/kit/metrics.h"
#include "tests/kit/server.h"
#include "tests/kit/suite.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void wait_for_metric(const struct controlled *server, const char *name, double wanted)
{
    double is;

    do {
        char *text = http_body(server->port, "/metrics", 200);
        struct metrics *metrics = metrics_read(text);
        is = metrics_value(metrics, name);
    } while (is < wanted || is > wanted);
}

/* Models with a pool. */
static const struct {
    const char *model;
    const char *hold;
} pools[] = {{"thread-pool", "session"}, {"thread-pool", "message"}, {"process-pool", "session"}};

CASE("Workers")

LOOP_TEST(workers_more_and_fewer, COUNT_OF(pools))
{
    struct controlled server =
        controlled_start(ARGUMENTS("--model", pools[_i].model, "--hold", pools[_i].hold,
                                   "--workers", "2", "--admin", "0", "--admin-control"));

    controlled_expect(&server, "/control/workers", "{\"change\": 1}", 200, "{\"workers\": 3}");
    controlled_wait(&server, "settings", "workers", 3);
    controlled_expect(&server, "/control/workers", "{\"change\": -1}", 200, "{\"workers\": 2}");
    controlled_expect(&server, "/control/workers", "{\"change\": -1}", 200, "{\"workers\": 1}");
    controlled_expect(&server, "/control/workers", "{\"change\": -1}", 409, "one is the fewest");
    controlled_wait(&server, "settings", "workers", 1);
    controlled_expect(&server, "/control/workers", "{\"change\": 1}", 200, "{\"workers\": 2}");
    ck_assert_ptr_nonnull(strstr(program_output(&server.kit.program), "workers: 3\nworkers: 2\n"));
    kit_finish(&server.kit, true, NULL);
}

/* One more worker serves a client that has waited. */
TEST(a_worker_more_serves)
{
    struct controlled server =
        controlled_start(ARGUMENTS("--workers", "1", "--admin", "0", "--admin-control"));
    int fds[2] = {kit_connect(&server.kit), -1};

    tcp_echo(fds[0], "a", 1, true);
    fds[1] = kit_connect(&server.kit);
    tcp_send(fds[1], "b", 1);
    controlled_wait(&server, "queue", "depth", 1);
    controlled_ask(&server, "/control/workers", "{\"change\": 1}", 200);
    for (int i = 0; i < 2; i++)
        shutdown(fds[i], SHUT_WR);
    expect_rest(fds[0], "", 0);
    expect_rest(fds[1], "B", 1);
    controlled_ask(&server, "/control/workers", "{\"change\": -1}", 200);
    kit_finish(&server.kit, true, NULL);
}

/* Models that have no pool say so. */
LOOP_TEST(no_pool_no_workers, 4)
{
    static const char *const without[] = {"iterative", "thread", "fork", "event"};
    struct controlled server =
        controlled_start(ARGUMENTS("--model", without[_i], "--admin", "0", "--admin-control"));

    controlled_expect(&server, "/control/workers", "{\"change\": 1}", 409,
                      "this model has no pool");
    kit_finish(&server.kit, true, NULL);
}

CASE("Accept")

/*
 * Paused by a person, under every model: who is here goes on, who comes waits in the kernel, and
 * each request is answered with the reason.
 */
LOOP_TEST(paused_by_a_person, MODELS)
{
    struct controlled server = controlled_start(MODEL("--admin", "0", "--admin-control"));
    int here = kit_connect(&server.kit);
    int late;
    char *text;

    tcp_echo(here, "a", 1, true);
    http_body(server.port, "/readyz", 200);
    for (int twice = 0; twice < 2; twice++)
        controlled_expect(&server, "/control/accept", "{\"paused\": true}", 200,
                          "{\"paused\": true}");
    late = kit_connect(&server.kit);
    tcp_send(late, "b", 1);
    controlled_wait(&server, "backlog", "depth", 1);
    tcp_echo(here, "goes on", 7, true);
    wait_for_metric(&server, "echopool_accept_paused_by{reason=\"person\"}", 1);
    wait_for_metric(&server, "echopool_accept_paused", 1);
    text = http_body(server.port, "/readyz", 503);
    ck_assert_ptr_nonnull(strstr(text, "a person has paused accepting"));
    controlled_wait(&server, "connections", "accepted", 1);
    shutdown(here, SHUT_WR);
    expect_rest(here, "", 0);
    controlled_wait(&server, "connections", "active", 0); /* a free worker accepts nothing either */
    controlled_wait(&server, "backlog", "depth", 1);
    controlled_wait(&server, "connections", "accepted", 1);
    for (int twice = 0; twice < 2; twice++)
        controlled_expect(&server, "/control/accept", "{\"paused\": false}", 200,
                          "{\"paused\": false}");
    shutdown(late, SHUT_WR);
    expect_rest(late, "B", 1);
    wait_for_metric(&server, "echopool_accept_paused_by{reason=\"person\"}", 0);
    http_body(server.port, "/readyz", 200);
    ck_assert_ptr_nonnull(strstr(program_output(&server.kit.program),
                                 "accepting is paused by a person\naccepting goes on\n"));
    kit_finish(&server.kit, true, NULL);
}

/* Two reasons at once: it is accepted again when neither is left, whichever goes first. */
LOOP_TEST(full_and_paused, 2)
{
    bool person_first = _i == 0;
    struct controlled server = controlled_start(
        ARGUMENTS("--workers", "1", "--queue", "0", "--admin", "0", "--admin-control"));
    int here = kit_connect(&server.kit);
    int late;

    tcp_echo(here, "a", 1, true);
    wait_for_metric(&server, "echopool_accept_paused_by{reason=\"full\"}", 1);
    wait_for_metric(&server, "echopool_accept_paused_by{reason=\"person\"}", 0);
    controlled_ask(&server, "/control/accept", "{\"paused\": true}", 200);
    wait_for_metric(&server, "echopool_accept_paused_by{reason=\"person\"}", 1);
    wait_for_metric(&server, "echopool_accept_paused_by{reason=\"full\"}", 1);
    late = kit_connect(&server.kit);
    controlled_wait(&server, "backlog", "depth", 1);
    for (int i = 0; i < 2; i++) {
        if ((i == 0) == person_first) {
            controlled_ask(&server, "/control/accept", "{\"paused\": false}", 200);
            wait_for_metric(&server, "echopool_accept_paused_by{reason=\"person\"}", 0);
        } else {
            shutdown(here, SHUT_WR);
            expect_rest(here, "", 0);
            controlled_wait(&server, "connections", "active", person_first ? 1 : 0);
        }
        if (i == 0)
            controlled_wait(&server, "connections", "accepted", 1);
    }
    tcp_echo(late, "b", 1, true);
    shutdown(late, SHUT_WR);
    expect_rest(late, "", 0);
    kit_finish(&server.kit, true, NULL);
}

CASE("Visitors")

#define VISITORS "/control/visitors"
#define TWO      "{\"count\": 2, \"silent\": false}"
#define SILENT   "{\"count\": 1, \"silent\": true}"

/* Two visitors come and are served, and are counted as sessions and as visitors. */
static void expect_two_served(struct controlled *server)
{
    controlled_expect(server, VISITORS, TWO, 200, "{\"sent\": 2}");
    controlled_wait(server, "visitors", "served", 2);
    controlled_wait(server, "visitors", "here", 0);
    controlled_wait(server, "connections", "active", 0);
    controlled_wait(server, "connections", "accepted", 2);
    ck_assert_uint_eq(kit_finish(&server->kit, true, NULL).served, 2);
}

LOOP_TEST(visitors_are_served, MODELS)
{
    struct controlled server =
        controlled_start(MODEL("--workers", "2", "--admin", "0", "--admin-control"));

    expect_two_served(&server);
}

TEST(visitors_with_a_proxy_header)
{
    struct controlled server =
        controlled_start(ARGUMENTS("--proxy-protocol", "--admin", "0", "--admin-control"));

    controlled_expect(&server, VISITORS, TWO, 200, "{\"sent\": 2}");
    controlled_wait(&server, "visitors", "served", 2);
    controlled_wait(&server, "connections", "active", 0);
    expect_tally(tally_of(program_stop(&server.kit.program).out), 2, 0, 0);
}

TEST(visitors_on_a_unix_socket)
{
    const char *path = suite_text("unix:%s", suite_template());
    struct controlled server =
        controlled_start(ARGUMENTS("--host", path, "--admin", "0", "--admin-control"));

    expect_two_served(&server);
}

/* They get BUSY, wait, hold a worker and are counted as all others; and at the end they leave. */
TEST(visitors_are_no_exception)
{
    struct controlled server =
        controlled_start(ARGUMENTS("--workers", "1", "--queue", "1", "--on-full", "reject",
                                   "--admin", "0", "--admin-control"));
    struct outcome outcome;
    int here = kit_connect(&server.kit);

    tcp_echo(here, "a", 1, true);
    controlled_ask(&server, VISITORS, SILENT, 200);
    controlled_wait(&server, "queue", "depth", 1);
    controlled_ask(&server, VISITORS, TWO, 200);
    controlled_wait(&server, "visitors", "rejected", 2);
    controlled_wait(&server, "visitors", "here", 1);
    controlled_wait(&server, "connections", "accepted", 4);
    wait_for_metric(&server, "echopool_visitors", 1);
    wait_for_metric(&server, "echopool_visitors_ended_total{outcome=\"rejected\"}", 2);
    close(here);
    controlled_wait(&server, "queue", "depth", 0);
    controlled_wait(&server, "connections", "active", 1); /* the silent one has the worker */
    outcome = program_stop(&server.kit.program);
    ck_assert_int_eq(outcome.status, 0);
    ck_assert_str_eq(outcome.err, "");
    ck_assert_ptr_nonnull(strstr(outcome.out, "a person has sent 1 silent visitor\n"
                                              "a person has sent 2 visitors\n"));
    ck_assert_ptr_nonnull(strstr(outcome.out, "accepted 4 = served 2 + rejected 2 + timed out 0"));
    ck_assert_ptr_nonnull(strstr(outcome.out, "among them visitors from the page: sent 3 = served "
                                              "1 + rejected 2 + ended 0 + here 0\n"));
}

/* Not more than there is room for; and none where another server may get them. */
TEST(visitors_are_bounded)
{
    struct controlled server = controlled_start(
        ARGUMENTS("--workers", "1", "--queue", "100", "--admin", "0", "--admin-control"));

    for (int i = 0; i < 6; i++)
        controlled_ask(&server, VISITORS, "{\"count\": 10, \"silent\": true}", 200);
    controlled_expect(&server, VISITORS, "{\"count\": 10, \"silent\": true}", 409,
                      "no visitor was sent: 60 are here, and 64 are the most");
    controlled_wait(&server, "visitors", "sent", 60);
    controlled_wait(&server, "queue", "depth", 59);
    ck_assert_int_eq(program_stop(&server.kit.program).status, 0);
    server = controlled_start(ARGUMENTS("--reuse-port", "--admin", "0", "--admin-control"));
    controlled_expect(&server, VISITORS, TWO, 409, "another server may listen on this address");
    kit_finish(&server.kit, true, NULL);
}

CASE("Ends")

/* A server that drains never accepts again, and reports it. */
TEST(no_pause_while_it_drains)
{
    struct controlled server =
        controlled_start(ARGUMENTS("--workers", "1", "--delay", "20m", "--drain-timeout", "20m",
                                   "--admin", "0", "--admin-control"));
    struct outcome outcome;
    int fd = kit_connect(&server.kit);

    tcp_send(fd, "a", 1);
    controlled_wait(&server, "connections", "active", 1);
    kill(server.kit.program.pid, SIGTERM);
    wait_for_metric(&server, "echopool_draining", 1);
    controlled_expect(&server, "/control/accept", "{\"paused\": false}", 409,
                      "the server is stopping");
    controlled_expect(&server, "/control/accept", "{\"paused\": true}", 409,
                      "the server is stopping");
    controlled_expect(&server, VISITORS, TWO, 409, "the server is stopping");
    kill(server.kit.program.pid, SIGTERM);
    outcome = program_wait(&server.kit.program);
    ck_assert_int_eq(outcome.status, 1);
    close(fd);
}

/* A server that was paused by a person ends as others do. */
TEST(paused_to_the_end)
{
    struct controlled server = controlled_start(ARGUMENTS("--admin", "0", "--admin-control"));
    struct outcome outcome;
    int fd;

    controlled_ask(&server, "/control/accept", "{\"paused\": true}", 200);
    fd = kit_connect(&server.kit);
    outcome = program_stop(&server.kit.program);
    ck_assert_int_eq(outcome.status, 0);
    ck_assert_ptr_null(strstr(outcome.out, server.token));
    ck_assert_str_eq(outcome.err, "");
    close(fd);
}

TEST(control_needs_a_port)
{
    struct outcome outcome =
        program_run(ARGUMENTS("echo-server", "--port", "0", "--admin-control"), NULL);

    ck_assert_int_eq(outcome.status, 2);
    ck_assert_ptr_nonnull(strstr(outcome.err, "--admin-control needs --admin;"));
}
