/* SPDX-License-Identifier: MIT */
/*
 * echo-client --find-rate against servers that the tests play. How many messages are due in a load is arithmetic, so
 * these servers judge by counts. A machine that stalls may make the client the limit. Then the run must say so, and
 * by what, and the search is tried again; what it does with each result is tested in check_search.c.
 */
#include "common/transform.h"
#include "tests/kit/client-json.h"
#include "tests/kit/suite.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SIZE = 64 };

/* How often a search is tried that a stalled machine has spoilt. */
enum { TRIES = 5 };

/* Answers a number of messages of a session, and resets it at the next. */
BEHAVIOUR(so_many)
{
    const unsigned *most = context;
    unsigned char bytes[SIZE];

    for (unsigned i = 0; peer_receive(fd, bytes, SIZE); i++) {
        if (i == *most) {
            tcp_reset(fd);
            return;
        }
        transform_apply(TRANSFORM_UPPER, bytes, SIZE);
        if (!peer_send(fd, bytes, SIZE))
            return;
    }
}

/* Answers the first message of each session, but the second session's with wrong bytes. */
BEHAVIOUR(wrong_in_the_second)
{
    unsigned char bytes[SIZE];

    while (peer_receive(fd, bytes, SIZE)) {
        transform_apply(TRANSFORM_UPPER, bytes, SIZE);
        bytes[SIZE - 1] = number == 1 ? '!' : bytes[SIZE - 1];
        if (!peer_send(fd, bytes, SIZE))
            return;
    }
}

static const json_t *search_of(const struct client_run *run)
{
    const json_t *search = json_object_get(run->json, "search");

    ck_assert_ptr_nonnull(search);
    return search;
}

static const char *word(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    ck_assert_ptr_nonnull(text);
    return text;
}

/*
 * Whether the machine has spoilt a search. The run must then say that the client was busy or late, or that messages
 * were not answered, or only so late that their time is a bound: those that it did not send in time.
 */
static bool was_spoilt(const struct client_run *run)
{
    const json_t *steps = json_object_get(search_of(run), "steps");
    const json_t *loads = json_object_get(run->json, "steps");
    bool spoilt = false;

    for (size_t i = 0; i < json_array_size(steps); i++) {
        const json_t *step = json_array_get(steps, i);
        const json_t *generator = json_object_get(json_array_get(loads, i), "generator");
        const char *because = word(step, "because");

        if (strcmp(word(step, "outcome"), "client") == 0) {
            ck_assert(json_is_true(json_object_get(generator, "busy")) ||
                      json_is_true(json_object_get(generator, "late")));
            spoilt = true;
        } else if (strcmp(word(step, "outcome"), "held") != 0) {
            spoilt = spoilt || strstr(because, " messages were not answered") != NULL ||
                     strstr(because, ": it is at least ") != NULL;
        }
    }
    return spoilt;
}

/* Search until the machine does not spoil it, TRIES times at most. @return the last run; *judged: it is not spoilt */
static struct client_run search_with(int way, peer_behaviour *behaviour, void *context,
                                     const char *const arguments[], bool *judged)
{
    struct client_run run;
    unsigned tries = 0;

    do {
        run = client_run_against(way, behaviour, context, arguments);
        *judged = !was_spoilt(&run);
    } while (!*judged && ++tries < TRIES);
    if (!*judged)
        dprintf(STDOUT_FILENO, "# not judged: the machine has stalled in each of %d searches\n",
                TRIES);
    return run;
}

CASE("Core")

/* The exit status of each end. */
static int status_of(const json_t *search)
{
    const char *end = word(search, "end");

    return strcmp(end, "found") == 0 ? 0 : strcmp(end, "too high") == 0 ? 4 : 1;
}

/*
 * In 300 ms, 30 messages of a rate of 100 are due, which is all that the server answers: no session of a lower rate
 * fails, and one of a rate of 110 does, since 1 in 20 messages may be missing. The search tries 50 and 100, which hold,
 * and 200, which does not; then it halves.
 */
LOOP_TEST(it_finds_the_rate, CLIENT_PLAIN_WAYS)
{
    unsigned most = 30;
    bool judged;
    struct client_run run = search_with(
        _i, so_many, &most,
        ARGUMENTS("-n", "1", "--find-rate", "failed=0", "--rate", "50", "-d", "300ms"), &judged);
    const json_t *search = search_of(&run);
    const json_t *steps = json_object_get(search, "steps");
    const json_t *loads = json_object_get(run.json, "steps");

    ck_assert_uint_eq(json_array_size(steps), json_array_size(loads));
    ck_assert_uint_eq(run.accepted, json_array_size(steps));
    ck_assert_str_eq(word(search, "conditions"), "failed=0");
    ck_assert_int_eq(run.outcome.status, status_of(search));
    for (size_t i = 0; i < json_array_size(steps); i++) {
        const json_t *step = json_array_get(steps, i);
        const json_t *load = json_object_get(json_array_get(loads, i), "load");
        double rate = json_number_value(json_object_get(step, "rate"));
        bool failed = strcmp(word(step, "because"), "failed=0: it is 1") == 0;

        ck_assert_double_eq(json_number_value(json_object_get(load, "rate")), rate);
        if (strcmp(word(step, "outcome"), "held") == 0)
            ck_assert_double_lt(rate, 110);
        else if (failed)
            ck_assert_double_gt(rate, 100);
        else
            ck_assert(!judged);
    }
    if (!judged)
        return;
    ck_assert_str_eq(word(search, "end"), "found");
    ck_assert_double_ge(json_number_value(json_object_get(search, "rate")), 95);
}

TEST(not_even_the_first_rate)
{
    unsigned most = 0;
    bool judged;
    struct client_run run = search_with(
        0, so_many, &most,
        ARGUMENTS("-n", "1", "--find-rate", "failed=0,p99<1h", "--rate", "10", "-d", "300ms"),
        &judged);

    ck_assert_uint_eq(run.accepted, 1);
    ck_assert(json_is_null(json_object_get(search_of(&run), "rate")));
    ck_assert_int_eq(run.outcome.status, status_of(search_of(&run)));
    if (!judged)
        return;
    ck_assert_int_eq(run.outcome.status, 4);
    ck_assert_str_eq(run.outcome.err,
                     "echo-client: not even the first rate of the search, 10 messages a second, "
                     "held: failed=0: it is 1; no message was answered\n");
}

/* The load with the rate that was found decides, not those that were too much: they would have failed sessions. */
TEST(expectations_of_the_found_rate)
{
    unsigned most = 30;
    bool judged;
    struct client_run run =
        search_with(0, so_many, &most,
                    ARGUMENTS("-n", "1", "--find-rate", "failed=0", "--rate", "90", "-d", "300ms",
                              "--expect", "failed=0,verified<1"),
                    &judged);

    if (!judged)
        return;
    ck_assert_str_eq(word(search_of(&run), "end"), "found");
    ck_assert_int_eq(run.outcome.status, 4);
    ck_assert_ptr_nonnull(strstr(run.outcome.err, "expected verified<1: it is "));
    ck_assert_ptr_null(strstr(run.outcome.err, "failed=0"));
}

TEST(wrong_bytes_end_it)
{
    bool judged;
    struct client_run run = search_with(
        0, wrong_in_the_second, NULL,
        ARGUMENTS("-n", "1", "--find-rate", "max<1h", "--rate", "10", "-d", "300ms"), &judged);

    if (!judged)
        return;
    ck_assert_uint_eq(run.accepted, 2);
    ck_assert_int_eq(run.outcome.status, 3);
}

static bool has_accepted(void *peer)
{
    return peer_accepted(peer) == 1;
}

/* A rate whose load was interrupted is not judged. */
TEST(interrupted)
{
    struct peer *peer = peer_start(peer_upper, NULL);
    struct program client =
        client_start(peer_port_text(peer),
                     ARGUMENTS("-n", "1", "--find-rate", "max<1h", "--rate", "1", "-d", "10h"));
    struct client_run run;

    wait_until(has_accepted, peer);
    ck_assert_int_eq(kill(client.pid, SIGINT), 0);
    run = client_wait(&client);
    peer_stop(peer);
    ck_assert_int_eq(run.outcome.status, 130);
    ck_assert_str_eq(word(search_of(&run), "end"), "unfinished");
    ck_assert_uint_eq(json_array_size(json_object_get(search_of(&run), "steps")), 0);
}

CASE("Output")

TEST(a_table_and_a_picture)
{
    char *path = suite_template();
    int fd = mkstemp(path);
    unsigned most = 30;
    struct outcome outcome = client_text(so_many, &most,
                                         ARGUMENTS("-n", "1", "--find-rate", "failed=0", "--rate",
                                                   "90", "-d", "300ms", "--curve", path),
                                         NULL);
    char text[256] = "";

    ck_assert_ptr_nonnull(strstr(outcome.out, "\nsearch "));
    ck_assert_ptr_nonnull(strstr(outcome.out, "\n  1                 90.0 "));
    ck_assert_ptr_nonnull(strstr(outcome.out, "\nhighest rate "));
    ck_assert_ptr_null(strstr(outcome.out, "\nsteps "));
    ck_assert_int_gt(read(fd, text, sizeof text - 1), 0);
    ck_assert_int_eq(strncmp(text, "<svg ", 5), 0);
    close(fd);
}

TEST(a_picture_that_cannot_be_written)
{
    struct outcome outcome = client_text(
        peer_upper, NULL,
        ARGUMENTS("-n", "1", "--find-rate", "failed=0", "--curve", "/nonexistent/curve.svg"), NULL);

    ck_assert_int_eq(outcome.status, 1);
    ck_assert_str_eq(
        outcome.err,
        "echo-client: cannot write /nonexistent/curve.svg: No such file or directory\n");
}
