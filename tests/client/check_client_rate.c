/* SPDX-License-Identifier: MIT */
/*
 * echo-client and time: schedules, thinking, ramps, durations, and beginning at a moment.
 *
 * Nothing here is a reading of a clock that a busy machine could spoil: what is asserted follows
 * from when messages are due, which is arithmetic, and from what a server certainly held back. So
 * there are lower bounds of times, and upper bounds of counts.
 */
#include "common/transform.h"
#include "tests/kit/client-json.h"
#include "tests/kit/suite.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { SIZE = 64, MS = 1000000 };

static void pause_ns(int64_t ns)
{
    struct timespec left = {ns / 1000000000, ns % 1000000000};

    while (nanosleep(&left, &left) != 0)
        continue;
}

/* The sum of all times of a phase, in seconds. */
static double sum_of(const struct client_run *run, const char *phase)
{
    const json_t *times = json_object_get(json_object_get(run->json, "latency_us"), phase);

    ck_assert_ptr_nonnull(times);
    return client_run_latency(run, phase, "mean") / 1e6 *
           (double)json_integer_value(json_object_get(times, "count"));
}

CASE("Coordinated omission")

enum { STALL_AT = 50, STALL_MS = 300, MESSAGES = 500 };

/* Answers a message after the other, and thinks long about one of them. */
BEHAVIOUR(stalling_once)
{
    unsigned char bytes[SIZE];

    for (unsigned i = 0; peer_receive(fd, bytes, SIZE); i++) {
        if (i == STALL_AT)
            pause_ns((int64_t)STALL_MS * MS);
        transform_apply(TRANSFORM_UPPER, bytes, SIZE);
        if (!peer_send(fd, bytes, SIZE))
            return;
    }
}

/* Answers some messages, and none after them. */
BEHAVIOUR(stalling_for_ever)
{
    const unsigned *answered = context;
    unsigned char bytes[SIZE];

    for (unsigned i = 0; i < *answered && peer_receive(fd, bytes, SIZE); i++) {
        transform_apply(TRANSFORM_UPPER, bytes, SIZE);
        if (!peer_send(fd, bytes, SIZE))
            return;
    }
    peer_drain(fd);
}

/*
 * Message 50 is due at 50 ms, and 300 ms later the session gives up: until then 300 messages are due that
 * are never answered. On a slow machine there are more of them, and they have waited longer.
 */
LOOP_TEST(a_stall_without_end_is_longer_than_one_that_ends, CLIENT_WAYS)
{
    unsigned answered = STALL_AT;
    struct client_run run =
        client_run_against(_i, stalling_for_ever, &answered,
                           ARGUMENTS("-n", "1", "--rate", "1000", "-d", "1s", "--timeout", "300ms",
                                     "--expect", "p99<50ms"));
    json_int_t unanswered = client_run_integer(&run, "messages", "unanswered");

    client_run_expect(&run, 4, 0, 1, 0);
    ck_assert_int_ge(unanswered, STALL_MS - 1);
    ck_assert_double_ge(client_run_latency(&run, "echo", "p99"), 250e3);
    ck_assert_double_ge(client_run_latency(&run, "echo", "max"), STALL_MS * 1e3);
    ck_assert_double_ge(sum_of(&run, "echo"), 0.3 * 299 / 2);
    ck_assert_ptr_nonnull(strstr(run.outcome.err, "expected p99<50ms: it is at least "));
}

/* A closed loop would have sent no more: one message of each session is never answered. */
LOOP_TEST(a_closed_loop_counts_the_message_that_it_waits_for, CLIENT_WAYS)
{
    unsigned answered = 2;
    struct client_run run = client_run_against(
        _i, stalling_for_ever, &answered, ARGUMENTS("-n", "3", "-m", "3", "--timeout", "300ms"));

    client_run_expect(&run, 1, 0, 3, 0);
    ck_assert_int_eq(client_run_integer(&run, "messages", "unanswered"), 3);
    ck_assert_double_ge(client_run_latency(&run, "echo", "max"), 300e3);
}

/* Sessions that never get a byte are in the queue wait, with the time that they waited. */
LOOP_TEST(sessions_that_are_never_served_have_waited, CLIENT_WAYS)
{
    unsigned answered = 0;
    struct client_run run = client_run_against(
        _i, stalling_for_ever, &answered,
        ARGUMENTS("-n", "3", "-m", "3", "--timeout", "300ms", "--expect", "queue_wait.p50<50ms"));

    client_run_expect(&run, 4, 0, 3, 0);
    ck_assert_int_eq(client_run_integer(&run, "sessions", "unserved"), 3);
    ck_assert_double_ge(client_run_latency(&run, "queue_wait", "p50"), 300e3);
    ck_assert_ptr_nonnull(strstr(run.outcome.err, "expected queue_wait.p50<50ms: it is at least "));
}

static struct client_run run_stalled(int way, const char *const arguments[])
{
    struct client_run run = client_run_against(way, stalling_once, NULL, arguments);

    client_run_expect(&run, 0, 1, 0, 0);
    ck_assert_int_eq(client_run_integer(&run, "messages", "verified"), MESSAGES);
    return run;
}

/* Message 50 + j is due j ms after message 50, and so at the latest j ms after the stall began: its
   reply comes 300 - j ms after it was due, or later. */
LOOP_TEST(a_stall_is_in_the_times_of_all_that_were_due, CLIENT_WAYS)
{
    struct client_run run = run_stalled(_i, ARGUMENTS("-n", "1", "-m", "500", "--rate", "1000"));

    ck_assert_double_ge(client_run_latency(&run, "echo", "max"), 300e3);
    ck_assert_double_ge(client_run_latency(&run, "echo", "p99"),
                        295e3); /* of 500, five are above */
    ck_assert_double_ge(client_run_latency(&run, "echo", "p90"), 250e3);
    ck_assert_double_ge(client_run_latency(&run, "echo", "p50"), 50e3);
    ck_assert_double_ge(sum_of(&run, "echo"), 0.3 * 301 / 2);
    /* counted from the send they follow each other, as many at a time as --depth lets */
    ck_assert_double_le(sum_of(&run, "echo_raw"),
                        client_run_real(&run, "seconds", NULL) * client_way()->depth);
    ck_assert_double_ge(client_run_latency(&run, "echo_raw", "max"), 300e3);
    ck_assert_double_ge(client_run_real(&run, "seconds", NULL), 0.499);
    ck_assert_str_eq(json_string_value(json_object_get(json_object_get(run.json, "load"), "kind")),
                     "open");
}

LOOP_TEST(a_closed_loop_hides_it, CLIENT_WAYS)
{
    struct client_run run = run_stalled(_i, ARGUMENTS("-n", "1", "-m", "500"));

    ck_assert_double_ge(client_run_latency(&run, "echo", "max"), 300e3);
    ck_assert_double_le(sum_of(&run, "echo"),
                        client_run_real(&run, "seconds", NULL) * client_way()->depth);
    ck_assert_ptr_null(json_object_get(json_object_get(run.json, "latency_us"), "echo_raw"));
}

CASE("Schedules")

LOOP_TEST(sessions_share_a_schedule, CLIENT_WAYS)
{
    struct client_run run = client_run_against(_i, peer_upper, NULL,
                                               ARGUMENTS("-n", "4", "-m", "50", "--rate", "2000"));

    client_run_expect(&run, 0, 4, 0, 0);
    ck_assert_int_eq(client_run_integer(&run, "messages", "verified"), 200);
    /* message 199 of all is due at 99.5 ms */
    ck_assert_double_ge(client_run_real(&run, "seconds", NULL), 0.0995);

    run = client_run_against(_i, peer_upper, NULL,
                             ARGUMENTS("-n", "4", "-m", "20", "--rate", "exp:2000"));
    client_run_expect(&run, 0, 4, 0, 0);
    ck_assert_int_eq(client_run_integer(&run, "messages", "verified"), 80);
}

LOOP_TEST(no_more_than_are_due_in_the_time, CLIENT_WAYS)
{
    struct client_run run = client_run_against(
        _i, peer_upper, NULL, ARGUMENTS("-n", "3", "-d", "300ms", "--rate", "100"));

    client_run_expect(&run, 0, 3, 0, 0);
    ck_assert_int_le(client_run_integer(&run, "messages", "sent"), 30);
    ck_assert_int_eq(client_run_integer(&run, "messages", "verified"),
                     client_run_integer(&run, "messages", "sent"));
}

BEHAVIOUR(slow)
{
    unsigned char bytes[SIZE];

    while (peer_receive(fd, bytes, SIZE)) {
        pause_ns((int64_t)20 * MS);
        transform_apply(TRANSFORM_UPPER, bytes, SIZE);
        if (!peer_send(fd, bytes, SIZE))
            return;
    }
}

/* 20,000 messages are due in that time, and ten can be answered. */
LOOP_TEST(a_rate_that_cannot_be_kept_does_not_last, CLIENT_WAYS)
{
    struct client_run run =
        client_run_against(_i, slow, NULL, ARGUMENTS("-n", "1", "-d", "200ms", "--rate", "100000"));

    client_run_expect(&run, 0, 1, 0, 0);
    ck_assert_int_le(client_run_integer(&run, "messages", "sent"), 10 + client_way()->depth);
}

LOOP_TEST(a_closed_loop_ends_with_its_time, CLIENT_WAYS)
{
    struct client_run run = client_run_against(_i, slow, NULL, ARGUMENTS("-n", "2", "-d", "100ms"));

    client_run_expect(&run, 0, 2, 0, 0);
    ck_assert_int_le(client_run_integer(&run, "messages", "sent"), 2 * (5 + client_way()->depth));
}

CASE("Thinking, ramps")

LOOP_TEST(sessions_think_between_their_messages, CLIENT_PLAIN_WAYS)
{
    static const char *const times[] = {"20ms", "20ms-40ms", "exp:1ms"};
    static const double least[] = {0.06, 0.06, 0};

    for (size_t i = 0; i < 3; i++) {
        struct client_run run = client_run_against(
            _i, peer_upper, NULL, ARGUMENTS("-n", "3", "-m", "4", "--think", times[i]));

        client_run_expect(&run, 0, 3, 0, 0);
        ck_assert_int_eq(client_run_integer(&run, "messages", "verified"), 12);
        ck_assert_double_ge(client_run_real(&run, "seconds", NULL), least[i]);
    }
}

LOOP_TEST(a_ramp_lets_them_begin_one_after_another, CLIENT_WAYS)
{
    struct client_run run = client_run_against(_i, peer_upper, NULL,
                                               ARGUMENTS("-n", "4", "-m", "2", "--ramp", "200ms"));

    client_run_expect(&run, 0, 4, 0, 0);
    ck_assert_int_eq(client_run_integer(&run, "messages", "verified"), 8);
    ck_assert_double_ge(client_run_real(&run, "seconds", NULL), 0.15);
}

/* Session 1 of 2 begins at 100 ms, and its messages are due at 101, 103 ... 199 ms: not before it
   was there, when it would be late with all of them. */
LOOP_TEST(a_session_that_the_ramp_delays_is_not_late, CLIENT_WAYS)
{
    struct client_run run =
        client_run_against(_i, peer_upper, NULL,
                           ARGUMENTS("-n", "2", "-m", "50", "--ramp", "200ms", "--rate", "1000"));

    client_run_expect(&run, 0, 2, 0, 0);
    ck_assert_double_ge(client_run_real(&run, "seconds", NULL), 0.199);
}

CASE("A moment to begin at")

/* Far enough that the client has been started by then: a start that is more than a second ago is refused. */
#define AHEAD_NS INT64_C(1500000000)

struct arrivals {
    atomic_llong first_ns; /* by CLOCK_REALTIME, when the first message came */
};

static int64_t wall_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

BEHAVIOUR(noting)
{
    struct arrivals *arrivals = context;
    unsigned char bytes[SIZE];
    long long none = 0;

    if (!peer_receive(fd, bytes, SIZE))
        return;
    atomic_compare_exchange_strong(&arrivals->first_ns, &none, wall_ns());
    transform_apply(TRANSFORM_UPPER, bytes, SIZE);
    if (peer_send(fd, bytes, SIZE))
        peer_upper(fd, number, NULL);
}

/* A run of three sessions, in one step or several, that begin at a moment and not before. */
static void expect_later(int way, const char *barrier, const char *option, const char *sessions)
{
    struct arrivals arrivals = {0};
    int64_t start_ns = wall_ns() + AHEAD_NS;
    struct client_run run;
    const char *when = suite_text("%lld.%09lld", (long long)(start_ns / 1000000000),
                                  (long long)(start_ns % 1000000000));

    run = client_run_against(way, noting, &arrivals,
                             ARGUMENTS("--start-at", when, "--barrier", barrier, option, sessions));
    client_run_expect(&run, 0, 3, 0, 0);
    /* two clocks are involved, which time servers may move apart a little */
    ck_assert_int_ge(atomic_load(&arrivals.first_ns), start_ns - 50 * (int64_t)MS);
    ck_assert_double_ge(client_run_real(&run, "started", NULL), (double)start_ns / 1e9 - 0.05);
}

LOOP_TEST(sessions_wait_for_their_moment, 2 * CLIENT_PLAIN_WAYS)
{
    expect_later(_i % CLIENT_PLAIN_WAYS, _i < CLIENT_PLAIN_WAYS ? "connect" : "none", "-n", "3");
}

/* The first of the steps waits, and the others do not wait again. */
LOOP_TEST(steps_begin_once, CLIENT_PLAIN_WAYS)
{
    expect_later(_i, "connect", "--steps", "2,1");
}
