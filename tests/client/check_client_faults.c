/* SPDX-License-Identifier: MIT */
/*
 * echo-client where the system refuses it memory, or to watch a socket: the sessions that can be run
 * are run, the others are counted with words, and no row is missing in a file without a word. The
 * failures come from kit/shim.c, which is preloaded; not with a sanitizer, which must be loaded first
 * itself.
 */
#include "config.h"

#include "client/load/tally.h"
#include "client/report/summary.h"
#include "tests/kit/client-json.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef EP_SANITIZED

/* Clients of this test have a call that fails with an errno value, after this many that do not. */
static void let_fail(const char *call, int error, unsigned after, size_t bytes)
{
    struct orders orders = {.first = after + 1, .last = UINT_MAX, .error = error, .bytes = bytes};

    snprintf(orders.only, sizeof orders.only, "%s", call);
    program_let_fail(orders);
}

/* Run a client, with further arguments, against a right server. */
static struct outcome run_plain(const char *const arguments[])
{
    const char *all[24] = {"echo-client", "--port"};
    struct peer *peer = peer_start(peer_upper, NULL);
    struct outcome outcome;
    size_t count = 2;

    all[count++] = peer_port_text(peer);
    for (size_t i = 0; arguments[i] != NULL; i++)
        all[count++] = arguments[i];
    outcome = program_run(all, NULL);
    peer_stop(peer);
    return outcome;
}

CASE("Options")

static const char *const clauses[] = {"--expect", "--find-rate"};

/* The command line is right: the status is not that of a wrong one. */
LOOP_TEST(no_memory_for_clauses, COUNT_OF(clauses))
{
    struct outcome outcome;

    let_fail("calloc", ENOMEM, 0, 0);
    outcome = run_plain(ARGUMENTS("-n", "1", clauses[_i], "p99<1h"));
    outcome_expect(&outcome, 1, "",
                   suite_text("echo-client: cannot get memory for %s\n", clauses[_i]));
}

CASE("Loops")

LOOP_TEST(no_memory_for_an_event_loop, 2)
{
    struct outcome outcome;

    let_fail("event_config_new", ENOMEM, (unsigned)_i, 0);
    outcome = run_plain(ARGUMENTS("-n", "4", "--threads", "2"));
    outcome_expect(&outcome, 1, "", NULL);
    ck_assert_msg(strstr(outcome.err, "cannot get memory or descriptors for 4 sessions on 2 event "
                                      "loops") != NULL,
                  "it says: %s", outcome.err);
}

/* A loop watches two descriptors of its own before the first session's. */
static const struct {
    int error;
    unsigned after;
    int ok; /* at most */
} limits[] = {{ENOSPC, 2, 0}, {ENOMEM, 2, 0}, {ENOSPC, 5, 3}, {ENOSPC, 9, 7}};

LOOP_TEST(sessions_that_cannot_be_watched, COUNT_OF(limits))
{
    struct peer *peer = peer_start(peer_upper, NULL);
    struct client_run run;
    json_int_t ok, failed;

    let_fail("epoll_ctl", limits[_i].error, limits[_i].after, 0);
    run = client_run(peer_port_text(peer), ARGUMENTS("-n", "8", "--threads", "1"));
    ok = client_run_integer(&run, "sessions", "ok");
    failed = client_run_integer(&run, "sessions", "failed");
    ck_assert_int_eq(run.outcome.status, 1);
    ck_assert_int_eq(ok + failed, 8);
    ck_assert_int_le(ok, limits[_i].ok);
    client_run_expect_error(&run, "epoll: cannot be watched", (int)failed);
    ck_assert_msg(strstr(run.outcome.err, strerror(limits[_i].error)) != NULL &&
                      strstr(run.outcome.err, "fs.epoll.max_user_watches") != NULL,
                  "it says: %s", run.outcome.err);
    peer_stop(peer);
}

/* They are over for good: they must not try again and again for an hour. */
TEST(under_churn_they_do_not_reconnect)
{
    struct peer *peer = peer_start(peer_upper, NULL);
    struct client_run run;

    let_fail("epoll_ctl", ENOSPC, 2, 0);
    run = client_run(peer_port_text(peer),
                     ARGUMENTS("-n", "8", "--threads", "1", "--churn", "-d", "1h"));
    client_run_expect(&run, 1, 0, 8, 0);
    peer_stop(peer);
}

TEST(idle_sessions_that_cannot_be_watched)
{
    struct peer *peer = peer_start(peer_upper, NULL);
    struct client_run run;

    let_fail("epoll_ctl", ENOSPC, 2, 0);
    run = client_run(peer_port_text(peer), ARGUMENTS("-n", "2", "--idle", "3"));
    client_run_expect(&run, 0, 2, 0, 0);
    ck_assert_int_eq(client_run_integer(&run, "idle", "requested"), 3);
    peer_stop(peer);
}

CASE("Summaries")

/* That of a later load is missed before there is anything to lose. There are three, one of them of the whole. */
LOOP_TEST(no_memory_for_a_summary, 3)
{
    struct peer *peer = peer_start(peer_upper, NULL);
    struct outcome outcome;

    let_fail("malloc", ENOMEM, (unsigned)_i, sizeof(struct summary));
    outcome = program_run(
        ARGUMENTS("echo-client", "--port", peer_port_text(peer), "--steps", "1,2"), NULL);
    outcome_expect(&outcome, 1, "", "echo-client: cannot get memory for the histograms\n");
    ck_assert_uint_eq(peer_accepted(peer), 0);
    peer_stop(peer);
}

static const char *const files[] = {"--csv", "--ndjson", "--timeline"};

CASE("Files")

LOOP_TEST(a_session_that_is_missing_in_a_file, COUNT_OF(files))
{
    struct outcome outcome;

    let_fail("malloc", ENOMEM, 1, sizeof(struct ended));
    outcome = run_plain(ARGUMENTS("-n", "4", files[_i], "-", "--quiet"));
    ck_assert_int_eq(outcome.status, 1);
    /* Of a load that takes seconds other memory of that size may be missing, too: a line of --ndjson. */
    ck_assert_msg(strstr(outcome.err,
                         "echo-client: 3 of 4 sessions are missing in the files of --csv, "
                         "--ndjson and --timeline: Cannot allocate memory\n") != NULL,
                  "it says: %s", outcome.err);
}

TEST(a_reason_that_is_missing_in_the_timeline)
{
    static const char reason[] = "connect: connection refused";
    struct outcome outcome;

    let_fail("malloc", ENOMEM, 0, sizeof reason);
    outcome = program_run(ARGUMENTS("echo-client", "--port", port_text(tcp_unused_port()), "-n",
                                    "1", "--timeline", "-", "--quiet"),
                          NULL);
    ck_assert_int_eq(outcome.status, 1);
    ck_assert_msg(strstr(outcome.err, "cannot write the timeline to standard output: Cannot "
                                      "allocate memory") != NULL,
                  "it says: %s", outcome.err);
}

CASE("Ports")

LOOP_TEST(local_ports_that_run_out, 2)
{
    struct peer *peer = peer_start(peer_upper, NULL);
    struct client_run run;

    let_fail("connect", EADDRNOTAVAIL, 3, 0);
    run = client_run(peer_port_text(peer),
                     _i == 0 ? ARGUMENTS("-n", "5")
                             : ARGUMENTS("-n", "5", "-m", "1", "--churn", "-d", "1s"));
    ck_assert_int_eq(run.outcome.status, 1);
    ck_assert_ptr_nonnull(strstr(run.outcome.err, "local ports ran out"));
    ck_assert((strstr(run.outcome.err, "TIME_WAIT") != NULL) == (_i == 1));
    ck_assert_ptr_nonnull(strstr(run.outcome.err, "--source"));
    peer_stop(peer);
}

/* Others have taken them: no session has begun, but the address can be reached. */
TEST(local_ports_that_others_have)
{
    struct orders orders = {.first = 1, .last = 2, .error = EADDRNOTAVAIL, .only = "connect"};
    struct peer *peer = peer_start(peer_upper, NULL);
    struct client_run run;

    program_let_fail(orders);
    run = client_run(peer_port_text(peer), ARGUMENTS("-n", "2"));
    ck_assert_int_eq(run.outcome.status, 1);
    ck_assert_ptr_nonnull(strstr(run.outcome.err, "local ports ran out"));
    peer_stop(peer);
}

/* The same error of each connect() means that the address is not of this machine, as ::1 without IPv6. */
TEST(an_address_of_no_machine)
{
    struct outcome outcome;

    let_fail("connect", EADDRNOTAVAIL, 1, 0);
    outcome = program_run(
        ARGUMENTS("echo-client", "--port", port_text(tcp_unused_port()), "-n", "2"), NULL);
    ck_assert_int_eq(outcome.status, 1);
    ck_assert_ptr_nonnull(strstr(outcome.out, "connect: cannot assign requested address"));
    ck_assert_str_eq(outcome.err, "");
}

CASE("Names with several addresses")

/* Clients of this test find these addresses for every name. */
static void have_addresses(const char *addresses)
{
    setenv("HAS_ADDRESSES", addresses, 1);
    program_preload("tests/kit/.libs/names.so");
}

LOOP_TEST(an_address_after_others_that_do_not_answer, CLIENT_WAYS)
{
    struct peer *peer = peer_start(peer_upper, NULL);
    struct client_run run;

    have_addresses("127.0.0.9,::1,127.0.0.1");
    client_use_way(_i);
    run = client_run(peer_port_text(peer), ARGUMENTS("-n", "5", "--host", "localhost"));
    client_run_expect(&run, 0, 5, 0, 0);
    peer_stop(peer);
}

/* On request each address is a server, with its own share of the sessions. */
LOOP_TEST(each_address_is_a_target, CLIENT_WAYS)
{
    struct peer *peer = peer_start(peer_upper, NULL);
    const char *port = peer_port_text(peer);
    struct client_run run;

    have_addresses("127.0.0.9,127.0.0.1");
    client_use_way(_i);
    run = client_run(port, ARGUMENTS("-n", "5", "--host", "localhost", "--all-addresses"));
    client_run_expect(&run, 1, 2, 3, 0);
    client_run_expect_error(&run, suite_text("127.0.0.9:%s: connect: connection refused", port), 3);
    ck_assert_str_eq(run.outcome.err,
                     suite_text("echo-client: target 127.0.0.9:%s served none of its 3 sessions; "
                                "is the server running there?\n",
                                port));
    ck_assert_uint_eq(peer_accepted(peer), 2);
    peer_stop(peer);
}

/* None of them is left out without a word. */
TEST(more_addresses_than_are_kept)
{
    struct outcome outcome;

    have_addresses(
        "127.0.0.1,127.0.0.2,127.0.0.3,127.0.0.4,127.0.0.5,127.0.0.6,127.0.0.7,127.0.0.8,"
        "127.0.0.9,127.0.0.10,127.0.0.11,127.0.0.12,127.0.0.13,127.0.0.14,127.0.0.15,"
        "127.0.0.16,127.0.0.17");
    outcome =
        program_run(ARGUMENTS("echo-client", "-n", "1", "--host", "web", "--all-addresses"), NULL);
    outcome_expect(&outcome, 2, "",
                   "echo-client: --host web has more than 16 addresses; give those to use, each "
                   "with --host, and leave out --all-addresses\n");
}

LOOP_TEST(no_address_answers, CLIENT_WAYS)
{
    const char *port = port_text(tcp_unused_port());
    struct client_run run;
    struct outcome outcome;
    char words[160], sentence[320];

    have_addresses("127.0.0.9,127.0.0.8");
    client_use_way(_i);
    run = client_run(port, ARGUMENTS("-n", "5", "--host", "localhost"));
    snprintf(words, sizeof words,
             "connect: 127.0.0.9:%s connection refused, 127.0.0.8:%s connection refused", port,
             port);
    client_run_expect(&run, 1, 0, 5, 0);
    client_run_expect_error(&run, words, 5);
    outcome = program_run(ARGUMENTS("echo-client", "--host", "localhost", "--port", port), NULL);
    snprintf(sentence, sizeof sentence,
             "echo-client: cannot connect to any address of the server: %s; is it running there?\n",
             words);
    outcome_expect(&outcome, 1, NULL, sentence);
}

CASE("Steps")

/* What the loads before it have measured is printed, and in the files. */
TEST(a_load_that_cannot_begin)
{
    struct peer *peer = peer_start(peer_upper, NULL);
    struct client_run run;

    let_fail("signalfd", EMFILE, 2, 0);
    run = client_run(peer_port_text(peer), ARGUMENTS("--steps", "2,3,4", "-m", "5"));
    client_run_expect(&run, 1, 5, 0, 0);
    ck_assert_uint_eq(json_array_size(json_object_get(run.json, "steps")), 2);
    ck_assert_ptr_nonnull(strstr(run.outcome.err, "cannot open a descriptor: Too many open files"));
    peer_stop(peer);
}

CASE("The wall clock")

static const char *const clock_steps[] = {"-3600000", "3600000"};

/* Its loads are not torn apart, nor laid upon each other, which would spoil the rates of a report. */
LOOP_TEST(a_clock_that_is_set_during_a_run, COUNT_OF(clock_steps))
{
    struct peer *peer = peer_start(peer_upper, NULL);
    struct client_run run;
    double lasted, end = 0;
    const json_t *step;
    size_t i;

    setenv("CLOCK_STEP_MS", clock_steps[_i], 1);
    program_preload("tests/kit/.libs/clock.so");
    run = client_run(peer_port_text(peer), ARGUMENTS("--steps", "1,2,1", "-m", "3"));
    client_run_expect(&run, 0, 4, 0, 0);
    lasted = client_run_real(&run, "ended", NULL) - client_run_real(&run, "started", NULL);
    ck_assert_double_ge(lasted, client_run_real(&run, "seconds", NULL) - 1e-4);
    ck_assert_double_lt(lasted, 3000);
    json_array_foreach(json_object_get(run.json, "steps"), i, step)
    {
        ck_assert_double_ge(json_real_value(json_object_get(step, "started")), end - 1e-4);
        end = json_real_value(json_object_get(step, "ended"));
    }
    ck_assert_uint_eq(i, 3);
    peer_stop(peer);
}
#else

CASE("Faults")

TEST(not_with_a_sanitizer)
{
}
#endif
