/* SPDX-License-Identifier: MIT */
/*
 * echo-client against right servers, fast, slow and odd ones: every message verified, exit 0. Most
 * tests run once for each way of running sessions.
 */
#include "common/transform.h"
#include "tests/kit/client-json.h"
#include "tests/kit/suite.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Assert that all sessions are well and all messages verified. */
static void expect_all(const struct client_run *run, int sessions, int messages)
{
    client_run_expect(run, 0, sessions, 0, 0);
    ck_assert_int_eq(client_run_integer(run, "messages", "sent"), sessions * messages);
    ck_assert_int_eq(client_run_integer(run, "messages", "verified"), sessions * messages);
    ck_assert_int_eq(client_run_integer(run, "messages", "mismatched"), 0);
    ck_assert_uint_eq(json_object_size(json_object_get(run->json, "errors")), 0);
    ck_assert_double_gt(client_run_latency(run, "connect", "p50"), 0);
    ck_assert_double_gt(client_run_latency(run, "queue_wait", "p50"), 0);
    /* those that are under way before the first reply are part of the wait for it */
    if ((unsigned)messages > client_way()->depth)
        ck_assert_double_gt(client_run_latency(run, "echo", "p50"), 0);
    ck_assert_str_eq(run->outcome.err, "");
}

/* A run against a behaviour that must come out all well. @return bytes verified */
static json_int_t run_all(int way, peer_behaviour *behaviour, int sessions, int messages,
                          const char *const arguments[])
{
    struct client_run run = client_run_against(way, behaviour, NULL, arguments);
    json_int_t bytes = client_run_integer(&run, "bytes", NULL);

    expect_all(&run, sessions, messages);
    ck_assert_uint_eq(run.accepted, (unsigned)sessions);
    return bytes;
}

CASE("Core")

LOOP_TEST(fifty_sessions, CLIENT_WAYS)
{
    ck_assert_int_eq(run_all(_i, peer_upper, 50, 10, ARGUMENTS("-n", "50")), 50 * 10 * 64);
}

LOOP_TEST(two_hundred_sessions, CLIENT_WAYS)
{
    ck_assert_int_eq(
        run_all(_i, peer_upper, 200, 3, ARGUMENTS("-n", "200", "-m", "3", "-s", "100")),
        200 * 3 * 100);
}

LOOP_TEST(sizes_from_a_byte_up, CLIENT_WAYS)
{
    ck_assert_int_eq(run_all(_i, peer_upper, 4, 50, ARGUMENTS("-n", "4", "-m", "50", "-s", "1")),
                     4 * 50);
    ck_assert_int_ge(
        run_all(_i, peer_upper, 4, 50, ARGUMENTS("-n", "4", "-m", "50", "-s", "1-20K")), 4 * 50);
    ck_assert_int_eq(run_all(_i, peer_upper, 2, 1, ARGUMENTS("-n", "2", "-m", "1", "-s", "16384")),
                     2 * 16384);
    ck_assert_int_eq(run_all(_i, peer_upper, 2, 2, ARGUMENTS("-n", "2", "-m", "2", "-s", "16385")),
                     4 * 16385);
}

LOOP_TEST(without_a_barrier, CLIENT_WAYS)
{
    run_all(_i, peer_upper, 20, 10, ARGUMENTS("-n", "20", "--barrier", "none"));
}

CASE("Odd ones, but right")

/* Sends what it has received one byte at a time. */
BEHAVIOUR(byte_by_byte)
{
    unsigned char byte;

    while (peer_receive(fd, &byte, 1)) {
        transform_apply(TRANSFORM_UPPER, &byte, 1);
        if (!peer_send(fd, &byte, 1))
            return;
    }
}

LOOP_TEST(a_server_that_sends_byte_by_byte, CLIENT_WAYS)
{
    run_all(_i, byte_by_byte, 3, 3, ARGUMENTS("-n", "3", "-m", "3", "-s", "500"));
}

LOOP_TEST(large_messages_are_read_while_they_are_written, CLIENT_WAYS)
{
    /* the server blocks in send while nothing is received, and 16 MiB are more than all the
       buffers on the way hold (7 MiB, where the kernel is left to size them) */
    ck_assert_int_eq(run_all(_i, peer_upper, 2, 1, ARGUMENTS("-n", "2", "-m", "1", "-s", "16M")),
                     2 * (16 << 20));
}

/* Sends nothing before it has received a whole megabyte. */
BEHAVIOUR(whole_messages)
{
    size_t size = 1 << 20;
    unsigned char *bytes = malloc(size);

    while (bytes != NULL && peer_receive(fd, bytes, size)) {
        transform_apply(TRANSFORM_UPPER, bytes, size);
        if (!peer_send(fd, bytes, size))
            break;
    }
    free(bytes);
}

LOOP_TEST(a_server_that_waits_for_the_whole_message, CLIENT_WAYS)
{
    run_all(_i, whole_messages, 3, 3, ARGUMENTS("-n", "3", "-m", "3", "-s", "1M"));
}

BEHAVIOUR(same_bytes)
{
    unsigned char byte[64];

    while (peer_receive(fd, byte, sizeof byte) && peer_send(fd, byte, sizeof byte))
        continue;
}

LOOP_TEST(a_server_that_changes_nothing, CLIENT_WAYS)
{
    run_all(_i, same_bytes, 3, 5, ARGUMENTS("-n", "3", "-m", "5", "--transform", "none"));
}

LOOP_TEST(one_worker_for_ten_sessions, CLIENT_WAYS)
{
    client_use_way(_i);
    /* were the barrier on the first echo, nine would never get theirs */
    struct peer *peer = peer_start_iterative(peer_upper, NULL);
    struct client_run run = client_run(peer_port_text(peer), ARGUMENTS("-n", "10"));

    expect_all(&run, 10, 10);
    peer_stop(peer);
}

CASE("Messages of a file")

/* A file of its own for this test, gone with it. */
static const char *file_of(const void *bytes, size_t size)
{
    static char path[64];
    FILE *file = tmpfile();

    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
    ck_assert_int_eq(fflush(file), 0);
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)getpid(), fileno(file));
    return path;
}

LOOP_TEST(every_byte_value_and_lines_of_every_kind, CLIENT_WAYS)
{
    size_t size = 1300000, end = 0;
    unsigned char *text = suite_memory(size);

    for (int c = 0; c < 256; c++) /* 0x0a makes two lines of it, the first ends there */
        text[end++] = (unsigned char)c;
    text[end++] = '\n';
    text[end++] = '\n'; /* an empty line is a message of one byte */
    memset(text + end, 'z', size - end);
    /* the last line is longer than 1 MiB and has no newline: two messages; so there are 5 */
    ck_assert_int_eq(
        run_all(_i, peer_upper, 1, 5, ARGUMENTS("-n", "1", "-m", "5", "-f", file_of(text, size))),
        (json_int_t)size);
    run_all(_i, peer_upper, 3, 7, ARGUMENTS("-n", "3", "-m", "7", "-f", file_of(text, size)));
}

LOOP_TEST(a_text_in_utf8, CLIENT_WAYS)
{
    static const char text[] = "线程池\nконкурентность\nÉcho à l'été\n";

    run_all(_i, peer_upper, 2, 6,
            ARGUMENTS("-n", "2", "-m", "6", "-f", file_of(text, sizeof text - 1)));
}

CASE("The barrier")

/* Of the client's ends, two are connected and one is on its way; or all are connected. */
static bool have_all_called(void *context)
{
    const uint16_t *port = context;
    unsigned connected = peer_callers(*port, PEER_CONNECTED);

    return connected == 3 || (connected == 2 && peer_callers(*port, PEER_CALLING) == 1);
}

/* Three sessions, of which the third cannot connect yet: a backlog of 1 lets two in, and the SYN of
   the third is dropped, to be sent again a second later. */
struct crowd {
    int listener;
    uint16_t port;
    struct program client;
};

/* No session was served: a reset says so to the client. */
static void crowd_end(struct crowd *crowd)
{
    struct outcome outcome;

    close(crowd->listener);
    outcome = program_wait(&crowd->client);
    ck_assert_int_eq(outcome.status, 1);
}

/* The kernel looks whether there is room before it puts a connection in. Two that come at once may both
   get the last place: then there is another crowd. */
static void crowd_start(struct crowd *crowd, const char *barrier)
{
    for (;;) {
        crowd->listener = tcp_listen(&crowd->port);
        ck_assert_int_eq(listen(crowd->listener, 1), 0);
        crowd->client = client_start(port_text(crowd->port),
                                     ARGUMENTS("-n", "3", "-m", "1", "--barrier", barrier));
        wait_until(have_all_called, &crowd->port);
        if (peer_callers(crowd->port, PEER_CONNECTED) == 2)
            return;
        crowd_end(crowd);
    }
}

LOOP_TEST(no_session_sends_before_all_are_connected, CLIENT_WAYS)
{
    struct crowd crowd;
    int fd[3];
    char byte;

    client_use_way(_i);
    crowd_start(&crowd, "connect");
    for (int i = 0; i < 2; i++) {
        fd[i] = accept(crowd.listener, NULL, NULL);
        ck_assert_int_eq(recv(fd[i], &byte, 1, MSG_PEEK | MSG_DONTWAIT), -1);
    }
    fd[2] = accept(crowd.listener, NULL, NULL);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(recv(fd[i], &byte, 1, MSG_PEEK), 1); /* and now they all speak */
        close(fd[i]);
    }
    crowd_end(&crowd);
}

static bool have_two_spoken(void *context)
{
    return peer_unread(*(uint16_t *)context, 64) == 2;
}

LOOP_TEST(without_a_barrier_sessions_do_not_wait, CLIENT_WAYS)
{
    struct crowd crowd;

    client_use_way(_i);
    crowd_start(&crowd, "none");
    wait_until(have_two_spoken,
               &crowd.port); /* and nothing was accepted, so the third still calls */
    crowd_end(&crowd);
}

CASE("What is printed")

TEST(the_text_summary)
{
    struct outcome outcome = client_text(peer_upper, NULL, ARGUMENTS("-n", "2"), NULL);

    outcome_expect(&outcome, 0, NULL, "");
    ck_assert_ptr_eq(strstr(outcome.out, "sessions     2 requested: 2 ok, 0 failed, 0 refused\n"
                                         "messages     20 sent: 20 verified, 0 mismatched\n"
                                         "bytes        1280 verified in "),
                     outcome.out);
    ck_assert_ptr_null(strstr(outcome.out, "errors"));
}

TEST(quiet_prints_nothing)
{
    struct outcome outcome = client_text(peer_upper, NULL, ARGUMENTS("-n", "2", "--quiet"), NULL);

    outcome_expect(&outcome, 0, "", "");
}

TEST(verbose_prints_more)
{
    struct outcome outcome = client_text(peer_upper, NULL, ARGUMENTS("-n", "2", "--verbose"), NULL);

    ck_assert_int_eq(outcome.status, 0);
    ck_assert_ptr_nonnull(strstr(outcome.err, "echo-client: 2 threads with stacks of "));
}
