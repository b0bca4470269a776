/* SPDX-License-Identifier: MIT */
/*
 * echo-client --warm-up: what began in it is in no time and in no rate. That depends on when messages were
 * due, and not on when they were answered, so the figures are exact however busy the machine is.
 */
#include "common/transform.h"
#include "tests/kit/client-json.h"
#include "tests/kit/suite.h"

#include <string.h>

static json_int_t count_of(const struct client_run *run, const char *phase)
{
    return json_integer_value(
        json_object_get(json_object_get(json_object_get(run->json, "latency_us"), phase), "count"));
}

CASE("Core")

/* A message is due each 10 ms for 200 ms. Those that a busy client has not sent count as unanswered. */
LOOP_TEST(half_of_a_schedule, CLIENT_PLAIN_WAYS)
{
    struct client_run run = client_run_against(
        _i, peer_upper, NULL,
        ARGUMENTS("-n", "1", "--rate", "100", "-d", "200ms", "--warm-up", "100ms"));
    json_int_t sent = client_run_integer(&run, "messages", "sent");

    client_run_expect(&run, 0, 1, 0, 0);
    ck_assert_int_eq(count_of(&run, "echo"), 10);
    ck_assert_int_eq(count_of(&run, "connect"), 0);
    ck_assert_int_eq(count_of(&run, "queue_wait"), 0);
    ck_assert_int_eq(count_of(&run, "close"), 1);
    ck_assert_int_eq(client_run_integer(&run, "warm_up", "sent"), sent < 10 ? sent : 10);
    ck_assert_int_eq(client_run_integer(&run, "warm_up", "verified"), sent < 10 ? sent : 10);
    ck_assert_double_eq(client_run_real(&run, "warm_up", "seconds"), 0.1);
    ck_assert_double_eq_tol(client_run_real(&run, "echoes_per_second", NULL) *
                                client_run_real(&run, "seconds", NULL),
                            (double)(sent < 10 ? 0 : sent - 10), 1e-6);
}

/* All that is counted is counted, and nothing is measured. */
LOOP_TEST(all_of_it, CLIENT_WAYS)
{
    struct client_run run = client_run_against(_i, peer_upper, NULL,
                                               ARGUMENTS("-n", "2", "-m", "5", "--warm-up", "1h"));

    client_run_expect(&run, 0, 2, 0, 0);
    ck_assert_int_eq(client_run_integer(&run, "messages", "verified"), 10);
    ck_assert_int_eq(client_run_integer(&run, "warm_up", "sent"), 10);
    ck_assert_int_eq(client_run_integer(&run, "warm_up", "verified"), 10);
    ck_assert_int_eq(count_of(&run, "echo") + count_of(&run, "close"), 0);
    ck_assert_double_eq(client_run_real(&run, "seconds", NULL), 0);
    ck_assert_double_eq(client_run_real(&run, "echoes_per_second", NULL), 0);
    ck_assert_str_eq(run.outcome.err,
                     "echo-client: the load was over before its warm-up: no time and no rate was "
                     "measured; give more --messages, or a --duration\n");
}

/* What the warning advises must help. */
LOOP_TEST(advice_that_a_duration_makes_needless, CLIENT_WAYS)
{
    struct client_run run = client_run_against(
        _i, peer_upper, NULL, ARGUMENTS("-n", "2", "-m", "5", "-d", "2h", "--warm-up", "1h"));

    client_run_expect(&run, 0, 2, 0, 0);
    ck_assert_str_eq(run.outcome.err,
                     "echo-client: the load was over before its warm-up: no time and no rate was "
                     "measured; give more --messages\n");
}

/* Answers one message, and closes. */
BEHAVIOUR(one_message)
{
    unsigned char bytes[64];

    if (!peer_receive(fd, bytes, sizeof bytes))
        return;
    transform_apply(TRANSFORM_UPPER, bytes, sizeof bytes);
    peer_send(fd, bytes, sizeof bytes);
    peer_finish(fd);
}

LOOP_TEST(sessions_that_fail_in_it, CLIENT_WAYS)
{
    struct client_run run = client_run_against(_i, one_message, NULL,
                                               ARGUMENTS("-n", "2", "-d", "2h", "--warm-up", "1h"));

    ck_assert_int_eq(client_run_integer(&run, "sessions", "ok"), 0);
    ck_assert_str_eq(run.outcome.err, "");
    run = client_run(port_text(tcp_unused_port()),
                     ARGUMENTS("-n", "2", "-m", "5", "--warm-up", "1h"));
    client_run_expect(&run, 1, 0, 2, 0);
    ck_assert_str_eq(run.outcome.err, "");
}

/* Never answers the first session, and every other one. */
BEHAVIOUR(all_except_the_first)
{
    unsigned char bytes[64];

    if (!peer_receive(fd, bytes, sizeof bytes) || memcmp(bytes, "s000000", 7) == 0)
        return;
    transform_apply(TRANSFORM_UPPER, bytes, sizeof bytes);
    if (peer_send(fd, bytes, sizeof bytes))
        peer_upper(fd, number, context);
}

/* What is never sent is not measured either, if it was due in the warm-up. */
LOOP_TEST(messages_that_are_never_sent, CLIENT_PLAIN_WAYS)
{
    struct client_run run = client_run_against(
        _i, all_except_the_first, NULL,
        ARGUMENTS("-n", "2", "--rate", "200", "-d", "200ms", "--warm-up", "100ms"));

    client_run_expect(&run, 1, 1, 1, 0);
    ck_assert_int_eq(client_run_integer(&run, "sessions", "unserved"), 0);
    ck_assert_int_ge(client_run_integer(&run, "messages", "unanswered"), 10);
    ck_assert_int_eq(count_of(&run, "echo"), 20);
}

TEST(the_summary_says_so)
{
    struct outcome outcome =
        client_text(peer_upper, NULL, ARGUMENTS("-n", "2", "-m", "5", "--warm-up", "1h"), NULL);

    ck_assert_int_eq(outcome.status, 0);
    ck_assert_ptr_nonnull(
        strstr(outcome.out, "\nwarm-up      3600.000 s, not in the times and rates: 10 messages "
                            "sent, 10 verified\n"
                            "bytes        640 verified; in the 0.000 s after the warm-up: 0 "
                            "echoes/s\n"));
}
