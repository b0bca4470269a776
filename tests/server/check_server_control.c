/* SPDX-License-Identifier: MIT */
/*
 * The real server with --admin-control: what is asked for happens, and is shown everywhere.
 * check_admin_control.c says who may ask.
 */
#include "tests/kit/http.h"
#include "tests/kit/metrics.h"
#include "tests/kit/server.h"
#include "tests/kit/suite.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A server whose admin port may change it. */
struct controlled {
    struct kit kit;
    uint16_t port;
    char token[65];
};

static struct controlled start(const char *const arguments[])
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n\r\n";
    struct controlled server = {.kit = kit_start(arguments)};
    struct http_reply reply;
    const char *found;
    int fd;

    server.port = kit_admin_port(&server.kit);
    fd = tcp_connect(server.port);
    tcp_send(fd, request, sizeof request - 1);
    reply = http_read(fd, false);
    close(fd);
    found = strstr(reply.body, "\"control-token\" content=\"");
    ck_assert_ptr_nonnull(found);
    ck_assert_int_eq(sscanf(found, "\"control-token\" content=\"%64[0-9a-f]\"", server.token), 1);
    return server;
}

/* Ask for something, as the page does. @return the reply's body, to be released with free() */
static char *ask(const struct controlled *server, const char *path, const char *body, int status)
{
    struct http_reply reply;
    int fd = tcp_connect(server->port);
    const char *request = suite_text(
        "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nOrigin: http://127.0.0.1:%u\r\n"
        "Content-Type: application/json\r\nX-Echo-Control: %s\r\nContent-Length: "
        "%zu\r\n\r\n%s",
        path, (unsigned)server->port, (unsigned)server->port, server->token, strlen(body), body);

    tcp_send(fd, request, strlen(request));
    reply = http_read(fd, false);
    close(fd);
    ck_assert_msg(reply.status == status, "%s %s: %s%s", path, body, reply.head, reply.body);
    free(reply.head);
    return reply.body;
}

static void expect_reply(const struct controlled *server, const char *path, const char *body,
                         int status, const char *says)
{
    char *reply = ask(server, path, body, status);

    ck_assert_msg(strstr(reply, says) != NULL, "%s %s: %s", path, body, reply);
}

/* What a path of /stats.json says now; the state may be some milliseconds old. */
static json_t *stat_of(const struct controlled *server, const char *part, const char *key)
{
    char *text = http_body(server->port, "/stats.json", 200);
    json_t *stats = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    json_t *value = json_incref(json_object_get(json_object_get(stats, part), key));

    ck_assert_msg(value != NULL, "no %s.%s in %s", part, key, text);
    json_decref(stats);
    return value;
}

static void wait_for_number(const struct controlled *server, const char *part, const char *key,
                            json_int_t wanted)
{
    json_int_t is;

    do {
        json_t *value = stat_of(server, part, key);
        is = json_integer_value(value);
        json_decref(value);
    } while (is != wanted);
}

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
        start(ARGUMENTS("--model", pools[_i].model, "--hold", pools[_i].hold, "--workers", "2",
                        "--admin", "0", "--admin-control"));

    expect_reply(&server, "/control/workers", "{\"change\": 1}", 200, "{\"workers\": 3}");
    wait_for_number(&server, "settings", "workers", 3);
    expect_reply(&server, "/control/workers", "{\"change\": -1}", 200, "{\"workers\": 2}");
    expect_reply(&server, "/control/workers", "{\"change\": -1}", 200, "{\"workers\": 1}");
    expect_reply(&server, "/control/workers", "{\"change\": -1}", 409, "one is the fewest");
    wait_for_number(&server, "settings", "workers", 1);
    expect_reply(&server, "/control/workers", "{\"change\": 1}", 200, "{\"workers\": 2}");
    ck_assert_ptr_nonnull(strstr(program_output(&server.kit.program), "workers: 3\nworkers: 2\n"));
    kit_finish(&server.kit, true, NULL);
}

/* One more worker serves a client that has waited. */
TEST(a_worker_more_serves)
{
    struct controlled server =
        start(ARGUMENTS("--workers", "1", "--admin", "0", "--admin-control"));
    int fds[2] = {kit_connect(&server.kit), -1};

    tcp_echo(fds[0], "a", 1, true);
    fds[1] = kit_connect(&server.kit);
    tcp_send(fds[1], "b", 1);
    wait_for_number(&server, "queue", "depth", 1);
    ask(&server, "/control/workers", "{\"change\": 1}", 200);
    for (int i = 0; i < 2; i++)
        shutdown(fds[i], SHUT_WR);
    expect_rest(fds[0], "", 0);
    expect_rest(fds[1], "B", 1);
    ask(&server, "/control/workers", "{\"change\": -1}", 200);
    kit_finish(&server.kit, true, NULL);
}

/* Models that have no pool say so. */
LOOP_TEST(no_pool_no_workers, 4)
{
    static const char *const without[] = {"iterative", "thread", "fork", "event"};
    struct controlled server =
        start(ARGUMENTS("--model", without[_i], "--admin", "0", "--admin-control"));

    expect_reply(&server, "/control/workers", "{\"change\": 1}", 409, "this model has no pool");
    kit_finish(&server.kit, true, NULL);
}

CASE("Accept")

/*
 * Paused by a person, under every model: who is here goes on, who comes waits in the kernel, and
 * each request is answered with the reason.
 */
LOOP_TEST(paused_by_a_person, MODELS)
{
    struct controlled server = start(MODEL("--admin", "0", "--admin-control"));
    int here = kit_connect(&server.kit);
    int late;
    char *text;

    tcp_echo(here, "a", 1, true);
    http_body(server.port, "/readyz", 200);
    for (int twice = 0; twice < 2; twice++)
        expect_reply(&server, "/control/accept", "{\"paused\": true}", 200, "{\"paused\": true}");
    late = kit_connect(&server.kit);
    tcp_send(late, "b", 1);
    wait_for_number(&server, "backlog", "depth", 1);
    tcp_echo(here, "goes on", 7, true);
    wait_for_metric(&server, "echopool_accept_paused_by{reason=\"person\"}", 1);
    wait_for_metric(&server, "echopool_accept_paused", 1);
    text = http_body(server.port, "/readyz", 503);
    ck_assert_ptr_nonnull(strstr(text, "a person has paused accepting"));
    wait_for_number(&server, "connections", "accepted", 1);
    shutdown(here, SHUT_WR);
    expect_rest(here, "", 0);
    for (int twice = 0; twice < 2; twice++)
        expect_reply(&server, "/control/accept", "{\"paused\": false}", 200, "{\"paused\": false}");
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
    struct controlled server =
        start(ARGUMENTS("--workers", "1", "--queue", "0", "--admin", "0", "--admin-control"));
    int here = kit_connect(&server.kit);
    int late;

    tcp_echo(here, "a", 1, true);
    wait_for_metric(&server, "echopool_accept_paused_by{reason=\"full\"}", 1);
    wait_for_metric(&server, "echopool_accept_paused_by{reason=\"person\"}", 0);
    ask(&server, "/control/accept", "{\"paused\": true}", 200);
    wait_for_metric(&server, "echopool_accept_paused_by{reason=\"person\"}", 1);
    wait_for_metric(&server, "echopool_accept_paused_by{reason=\"full\"}", 1);
    late = kit_connect(&server.kit);
    wait_for_number(&server, "backlog", "depth", 1);
    for (int i = 0; i < 2; i++) {
        if ((i == 0) == person_first) {
            ask(&server, "/control/accept", "{\"paused\": false}", 200);
            wait_for_metric(&server, "echopool_accept_paused_by{reason=\"person\"}", 0);
        } else {
            shutdown(here, SHUT_WR);
            expect_rest(here, "", 0);
            wait_for_number(&server, "connections", "active", person_first ? 1 : 0);
        }
        if (i == 0)
            wait_for_number(&server, "connections", "accepted", 1);
    }
    tcp_echo(late, "b", 1, true);
    shutdown(late, SHUT_WR);
    expect_rest(late, "", 0);
    kit_finish(&server.kit, true, NULL);
}

CASE("Ends")

/* A server that drains never accepts again, and reports it. */
TEST(no_pause_while_it_drains)
{
    struct controlled server =
        start(ARGUMENTS("--workers", "1", "--delay", "20m", "--drain-timeout", "20m", "--admin",
                        "0", "--admin-control"));
    struct outcome outcome;
    int fd = kit_connect(&server.kit);

    tcp_send(fd, "a", 1);
    wait_for_number(&server, "connections", "active", 1);
    kill(server.kit.program.pid, SIGTERM);
    wait_for_metric(&server, "echopool_draining", 1);
    expect_reply(&server, "/control/accept", "{\"paused\": false}", 409, "the server is stopping");
    expect_reply(&server, "/control/accept", "{\"paused\": true}", 409, "the server is stopping");
    kill(server.kit.program.pid, SIGTERM);
    outcome = program_wait(&server.kit.program);
    ck_assert_int_eq(outcome.status, 1);
    close(fd);
}

/* A server that was paused by a person ends as others do. */
TEST(paused_to_the_end)
{
    struct controlled server = start(ARGUMENTS("--admin", "0", "--admin-control"));
    struct outcome outcome;
    int fd;

    ask(&server, "/control/accept", "{\"paused\": true}", 200);
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
