/* SPDX-License-Identifier: MIT */
/*
 * echo-client --clock-of: compared with a clock that a test plays, and what is no clock. The difference is known to
 * within what the client says, however busy the machine is.
 */
#include "common/clock.h"
#include "tests/kit/client-json.h"
#include "tests/kit/suite.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* How the played server answers. */
struct admin {
    int64_t ahead_ns;
    const char *answer; /* NULL: its clock */
    atomic_uint asked;
};

BEHAVIOUR(answer)
{
    struct admin *admin = context;
    char request[64] = "", text[256];
    size_t size = 0;

    while (size < sizeof request - 1 && strstr(request, "\r\n\r\n") == NULL)
        if (!peer_receive(fd, request + size++, 1))
            return;
    atomic_fetch_add(&admin->asked, 1);
    ck_assert_int_eq(strncmp(request, "GET /stats.json HTTP/1.0\r\n", 26), 0);
    snprintf(text, sizeof text, "HTTP/1.0 200 OK\r\n\r\n{\"wall_clock_us\": %lld, \"more\": [1]}",
             (long long)(clock_wall_ns() + admin->ahead_ns) / 1000);
    peer_send(fd, admin->answer != NULL ? admin->answer : text,
              strlen(admin->answer != NULL ? admin->answer : text));
    peer_finish(fd);
}

/* Run a client that compares its clock with that of such a server. */
static struct client_run compare(struct admin *admin)
{
    struct peer *clock = peer_start(answer, admin);
    char *of = suite_text("127.0.0.1:%s", peer_port_text(clock));
    struct client_run run =
        client_run_against(0, peer_upper, NULL, ARGUMENTS("-n", "1", "--clock-of", of));

    ck_assert_str_eq(json_string_value(json_object_get(json_object_get(run.json, "clock"), "of")),
                     of);
    peer_stop(clock);
    return run;
}

CASE("Core")

LOOP_TEST(how_far_it_is, 3)
{
    static const double ahead_seconds[] = {0, 0.2, -3600};
    struct admin admin = {.ahead_ns = -(int64_t)(ahead_seconds[_i] * 1e9)};
    struct client_run run = compare(&admin);
    double within = client_run_real(&run, "clock", "within_seconds");

    client_run_expect(&run, 0, 1, 0, 0);
    ck_assert_double_gt(within, 0);
    ck_assert_double_le(fabs(client_run_real(&run, "clock", "ahead_seconds") - ahead_seconds[_i]),
                        within + 1e-9);
    ck_assert_uint_gt(atomic_load(&admin.asked), 1);
}

TEST(without_the_option_there_is_none)
{
    struct client_run run = client_run_against(0, peer_upper, NULL, ARGUMENTS("-n", "1"));

    ck_assert_ptr_null(json_object_get(run.json, "clock"));
}

CASE("Nonsense")

static const char *const answers[] = {
    "",
    "\r\n\r\n",
    "HELLO",
    "HTTP/1.0 200 OK\r\n\r\n{}",
    "HTTP/1.0 200 OK\r\n\r\n{\"wall_clock_us\": \"1\"}",
    "HTTP/1.0 200 OK\r\n\r\n{\"wall_clock_us\": -1}",
    "HTTP/1.0 200 OK\r\n\r\n{\"wall_clock_us\": 9223372036854775807}",
    "HTTP/1.0 200 OK\r\n\r\n{\"wall_clock_us\": 1",
};

/* The load does not begin: its report would lack what was asked for. */
LOOP_TEST(an_answer_without_a_clock, COUNT_OF(answers))
{
    struct admin admin = {.answer = answers[_i]};
    struct peer *clock = peer_start(answer, &admin);
    char *of = suite_text("127.0.0.1:%s", peer_port_text(clock));
    struct outcome outcome =
        client_text(peer_upper, NULL, ARGUMENTS("-n", "1", "--clock-of", of), NULL);
    char *expected =
        suite_text("echo-client: cannot read the clock of --clock-of %s: it is not the "
                   "admin port of an echo-server that reports its clock\n",
                   of);

    outcome_expect(&outcome, 1, "", expected);
    peer_stop(clock);
}

/* Receives the question, and waits for the client to give up. */
BEHAVIOUR(silence)
{
    peer_drain(fd);
}

TEST(a_server_that_does_not_answer)
{
    struct peer *clock = peer_start(silence, NULL);
    char *of = suite_text("127.0.0.1:%s", peer_port_text(clock));
    struct outcome outcome = client_text(
        peer_upper, NULL, ARGUMENTS("-n", "1", "--timeout", "100ms", "--clock-of", of), NULL);
    char *expected =
        suite_text("echo-client: cannot read the clock of --clock-of %s: it does not answer\n", of);

    outcome_expect(&outcome, 1, "", expected);
    peer_stop(clock);
}

TEST(no_server)
{
    char *of = suite_text("127.0.0.1:%s", port_text(tcp_unused_port()));
    struct outcome outcome =
        client_text(peer_upper, NULL, ARGUMENTS("-n", "1", "--clock-of", of), NULL);
    char *expected = suite_text("echo-client: cannot read the clock of --clock-of %s: Connection "
                                "refused\n",
                                of);

    outcome_expect(&outcome, 1, "", expected);
}
