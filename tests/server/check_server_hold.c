/* SPDX-License-Identifier: MIT */
/*
 * The real server with --hold message: an idle session costs no worker, and whatever comes while a
 * session goes from hand to hand is neither lost nor out of order.
 */
#include "common/transform.h"
#include "tests/kit/server.h"
#include "tests/kit/suite.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MESSAGE(...) ARGUMENTS("--model", "thread-pool", "--hold", "message", __VA_ARGS__)

CASE("Parked")

/* 60 sessions have one worker, and each of them has it at once. */
TEST(idle_sessions_hold_no_worker)
{
    struct kit kit = kit_start(MESSAGE("--workers", "1", "--queue", "0"));
    int fds[60];

    kit_connect_all(&kit, fds, 60);
    kit_wait_in_flight(&kit, 60);
    for (int round = 0; round < 3; round++)
        for (int i = 59; i >= 0; i--)
            say_hello(fds[i]);
    ck_assert_uint_le(process_threads(kit.program.pid), 1 + 1 + FOREIGN_THREADS);
    close_all(fds, 60);
    ck_assert_uint_eq(kit_finish(&kit, true, NULL).served, 60);
}

TEST(a_session_ends_while_parked)
{
    struct kit kit = kit_start(MESSAGE("--workers", "2"));
    int fds[30];

    kit_connect_all(&kit, fds, 30);
    for (int i = 0; i < 30; i++)
        say_hello(fds[i]);
    for (int i = 0; i < 30; i++) {
        if (i % 3 == 0)
            tcp_reset(fds[i]);
        else if (i % 3 == 1)
            close(fds[i]);
        else
            shutdown(fds[i], SHUT_WR);
    }
    for (int i = 2; i < 30; i += 3)
        expect_rest(fds[i], "", 0);
    struct tally tally = kit_finish(&kit, true, NULL);
    ck_assert_uint_eq(tally.served, 20);
    ck_assert_uint_eq(tally.failed, 10);
}

TEST(a_parked_session_is_idle)
{
    struct kit kit = kit_start(MESSAGE("--workers", "2", "--idle-timeout", "2s"));
    int talked = kit_connect(&kit);
    int silent = kit_connect(&kit);

    say_hello(talked);
    expect_rest(talked, "", 0);
    expect_rest(silent, "", 0);
    ck_assert_uint_eq(kit_finish(&kit, true, NULL).timed_out, 2);
}

/* Twelve wait for the one worker longer than a session may be idle; but they have something to say. */
TEST(a_session_in_line_is_not_idle)
{
    enum { COUNT = 12 };
    struct kit kit = kit_start(
        MESSAGE("--workers", "1", "--idle-timeout", "3s", "--delay", "400ms", "--buffer", "64K"));
    int fds[COUNT + 1];
    char byte;

    kit_connect_all(&kit, fds, COUNT + 1);
    tcp_echo(fds[COUNT], "x", 1, true); /* it came last, so all the others are parked */
    for (int i = 0; i < COUNT; i++)
        tcp_send(fds[i], "x", 1);
    close(fds[COUNT]);
    for (int i = 0; i < COUNT; i++) {
        tcp_receive(fds[i], &byte, 1);
        close(fds[i]);
    }
    ck_assert_uint_eq(kit_finish(&kit, true, NULL).served, COUNT + 1);
}

TEST(drain_with_parked_sessions)
{
    struct kit kit = kit_start(MESSAGE("--workers", "2", "--drain-timeout", "20s"));
    struct outcome outcome;
    int fds[50];

    kit_connect_all(&kit, fds, 50);
    for (int i = 0; i < 50; i += 2)
        say_hello(fds[i]);
    kit_wait_in_flight(&kit, 50);
    kit_signal(&kit, SIGTERM);
    for (int i = 0; i < 50; i++)
        expect_rest(fds[i], "", 0);
    outcome = program_wait(&kit.program);
    outcome_expect(&outcome, 0, NULL, "");
    ck_assert_uint_eq(tally_of(outcome.out).served, 50);
}

CASE("From hand to hand")

/* Bytes and the end of file are there before anybody reads: one edge tells of both. */
TEST(half_close_behind_the_bytes)
{
    struct kit kit = kit_start(MESSAGE("--workers", "2"));
    int fds[20];

    for (int round = 0; round < 5; round++) {
        kit_connect_all(&kit, fds, 20);
        for (int i = 0; i < 20; i++)
            tcp_echo(fds[i], "x", 1, true);
        kit_signal(&kit, SIGSTOP);
        for (int i = 0; i < 20; i++) {
            tcp_send(fds[i], "hello", 5);
            shutdown(fds[i], SHUT_WR);
        }
        kit_signal(&kit, SIGCONT);
        for (int i = 0; i < 20; i++)
            expect_rest(fds[i], "hello", 5);
    }
    ck_assert_uint_eq(kit_finish(&kit, true, NULL).served, 100);
}

/* A read stops at an urgent mark, whatever is behind it. */
TEST(bytes_behind_an_urgent_mark)
{
    struct kit kit = kit_start(MESSAGE("--workers", "2"));
    int fd = kit_connect(&kit);
    char reply[6];

    tcp_echo(fd, "x", 1, true);
    kit_signal(&kit, SIGSTOP);
    tcp_send(fd, "abc", 3);
    ck_assert_int_eq(send(fd, "!", 1, MSG_OOB), 1);
    tcp_send(fd, "def", 3);
    kit_signal(&kit, SIGCONT);
    tcp_receive(fd, reply, 6);
    ck_assert_mem_eq(reply, "ABCDEF", 6);
    close(fd);
    ck_assert_uint_eq(kit_finish(&kit, true, NULL).served, 1);
}

/* Many more are ready at once than there are workers, and places in a queue. */
TEST(more_are_ready_than_workers)
{
    struct kit kit = kit_start(MESSAGE("--workers", "2", "--queue", "1"));
    unsigned char *bytes = some_bytes(5000, 7);
    int fds[200];

    kit_connect_all(&kit, fds, 200);
    kit_wait_in_flight(&kit, 200);
    kit_signal(&kit, SIGSTOP);
    for (int i = 0; i < 200; i++) {
        tcp_send(fds[i], bytes, 5000);
        shutdown(fds[i], SHUT_WR);
    }
    kit_signal(&kit, SIGCONT);
    for (int i = 0; i < 200; i++)
        expect_rest(fds[i], bytes, 5000);
    ck_assert_uint_eq(kit_finish(&kit, true, NULL).served, 200);
}

static bool has_reply(int fd)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};

    return poll(&ready, 1, 0) == 1;
}

/* First come, first served: when a session has its reply, all that were ready before it have theirs. */
TEST(in_the_order_of_readiness)
{
    enum { COUNT = 25 };
    struct kit kit = kit_start(MESSAGE("--workers", "1", "--delay", "10ms"));
    int fds[COUNT + 1];
    char byte;

    /* When the additional one has its echo, the one worker has parked all the others. */
    kit_connect_all(&kit, fds, COUNT + 1);
    for (int i = 0; i <= COUNT; i++)
        tcp_echo(fds[i], "x", 1, true);
    for (int i = 0; i < COUNT; i++)
        tcp_send(fds[i], "x", 1);
    for (int latest = -1; latest < COUNT - 1;)
        for (int i = COUNT - 1; i > latest; i--)
            if (has_reply(fds[i])) {
                for (int j = latest + 1; j < i; j++)
                    ck_assert_msg(has_reply(fds[j]), "%d was served before %d", i, j);
                latest = i;
            }
    for (int i = 0; i < COUNT; i++)
        tcp_receive(fds[i], &byte, 1);
    close_all(fds, COUNT + 1);
    ck_assert_uint_eq(kit_finish(&kit, true, NULL).served, COUNT + 1);
}

/* A client that never stops sending has its turns like all others, and no more. */
TEST(a_loud_session_lets_others_have_a_turn)
{
    static const char bytes[20000] = {'x'};
    struct kit kit = kit_start(
        MESSAGE("--workers", "1", "--buffer", "1", "--delay", "1ms", "--drain-timeout", "0"));
    int loud = kit_connect(&kit);
    int quiet = kit_connect(&kit);
    struct outcome outcome;
    char byte;

    tcp_send(loud, bytes, sizeof bytes); /* twenty seconds' worth */
    tcp_receive(loud, &byte, 1);
    for (int i = 0; i < 5; i++)
        tcp_echo(quiet, "x", 1, true);
    outcome = program_stop(&kit.program); /* it is not through: it is cut */
    ck_assert_int_eq(outcome.status, 1);
    close(loud);
    close(quiet);
}

/* It takes nothing for a while, and holds neither the worker nor a byte back. */
TEST(a_slow_reader)
{
    struct kit kit = kit_start(MESSAGE("--workers", "1"));
    int slow = kit_connect(&kit);
    int other = kit_connect(&kit);
    unsigned char *bytes = some_bytes(1 << 20, 8);
    unsigned char *reply = suite_memory(1 << 20);
    size_t sent = 0;

    for (int round = 0; round < 8; round++) {
        size_t received = 0;
        ssize_t put;

        for (sent = 0; sent < 1 << 20; sent += (size_t)put) {
            put = send(slow, bytes + sent, (1 << 20) - sent, MSG_DONTWAIT);
            if (put < 0)
                break; /* both ways are full */
            say_hello(other);
        }
        while (received < sent) {
            size_t some = sent - received < 3000 ? sent - received : 3000;
            tcp_receive(slow, reply + received, some);
            received += some;
        }
        transform_apply(TRANSFORM_UPPER, bytes, sent);
        ck_assert_mem_eq(reply, bytes, sent);
    }
    close(slow);
    close(other);
    ck_assert_uint_eq(kit_finish(&kit, true, NULL).served, 2);
}

/* More than both ways hold, before the first byte is read: it has to wait for room to write. */
TEST(a_session_that_waits_to_write)
{
    struct kit kit = kit_start(MESSAGE("--workers", "1", "--transform", "none"));
    int deaf = kit_connect(&kit);
    int other = kit_connect(&kit);
    size_t sent = 0;
    char bytes[65536] = {0};
    char *reply;
    bool reset;

    for (int refused = 0; refused < 50;) {
        ssize_t put = send(deaf, bytes, sizeof bytes, MSG_DONTWAIT);
        if (put > 0)
            sent += (size_t)put;
        else
            refused++;
        tcp_echo(other, "hello", 5, false);
    }
    shutdown(deaf, SHUT_WR);
    reply = suite_memory(sent);
    ck_assert_uint_eq(tcp_receive_all(deaf, reply, sent, &reset), sent);
    ck_assert(!reset);
    close(deaf);
    close(other);
    ck_assert_uint_eq(kit_finish(&kit, false, NULL).served, 2);
}

CASE("Hammered")

enum { HAMMERS = 20, SESSIONS_EACH = 10, ROUNDS = 300, LONGEST = 3000 };

struct hammer {
    struct kit *kit;
    unsigned seed;
};

static unsigned draw(unsigned *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Let a moment pass or not, so that bytes meet the server in every step of a session's way. */
static void dawdle(unsigned *seed)
{
    for (unsigned pauses = draw(seed) % 4; pauses > 0; pauses--)
        sched_yield();
    for (volatile unsigned i = draw(seed) % 3000; i > 0; i--)
        ;
}

/* Send bytes in some pieces, and see that exactly these come back. */
static void converse(int fd, unsigned *seed)
{
    size_t size = 1 + draw(seed) % LONGEST;
    unsigned char *bytes = some_bytes(size, *seed);
    unsigned char reply[LONGEST];

    for (size_t sent = 0; sent < size;) {
        size_t piece = 1 + draw(seed) % (size - sent);
        tcp_send(fd, bytes + sent, piece);
        sent += piece;
        dawdle(seed);
    }
    tcp_receive(fd, reply, size);
    transform_apply(TRANSFORM_UPPER, bytes, size);
    ck_assert_mem_eq(reply, bytes, size);
}

static void *hammer(void *argument)
{
    struct hammer *self = argument;
    unsigned seed = self->seed;
    int fds[SESSIONS_EACH];

    kit_connect_all(self->kit, fds, SESSIONS_EACH);
    for (int i = 0; i < ROUNDS; i++) {
        int which = (int)(draw(&seed) % SESSIONS_EACH);
        converse(fds[which], &seed);
        if (draw(&seed) % 16 == 0) { /* sometimes it ends there, and a new one begins */
            if (draw(&seed) % 2 == 0)
                shutdown(fds[which], SHUT_WR);
            close(fds[which]);
            fds[which] = kit_connect(self->kit);
        }
    }
    close_all(fds, SESSIONS_EACH);
    return NULL;
}

/* 200 sessions, 4 workers, and nothing may be lost, doubled or mixed up. */
TEST(hammered)
{
    struct kit kit = kit_start(MESSAGE("--workers", "4"));
    struct hammer hammers[HAMMERS];
    pthread_t threads[HAMMERS];

    for (unsigned i = 0; i < HAMMERS; i++) {
        hammers[i] = (struct hammer){.kit = &kit, .seed = 17 * i + 3};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, hammer, &hammers[i]), 0);
    }
    for (int i = 0; i < HAMMERS; i++)
        pthread_join(threads[i], NULL);
    struct tally tally = kit_finish(&kit, true, NULL);
    ck_assert_uint_eq(tally.accepted, tally.served);
}

/* Pieces sent on and on while replies are read: the order stays. */
TEST(in_order)
{
    struct kit kit = kit_start(MESSAGE("--workers", "4", "--buffer", "100"));
    int fd = kit_connect(&kit);
    size_t size = 300000;
    unsigned char *bytes = some_bytes(size, 9);
    unsigned seed = 4;

    for (size_t done = 0; done < size;) {
        size_t piece = 1 + draw(&seed) % 700;
        if (piece > size - done)
            piece = size - done;
        tcp_echo(fd, bytes + done, piece, true);
        done += piece;
    }
    tcp_send(fd, bytes, 100000);
    shutdown(fd, SHUT_WR);
    expect_rest(fd, bytes, 100000);
    ck_assert_uint_eq(kit_finish(&kit, true, NULL).served, 1);
}

static bool has_said_workers(struct kit *kit, unsigned workers)
{
    const char *line = suite_text("workers: %u\n", workers);

    return strstr(program_output(&kit->program), line) != NULL;
}

/*
 * Eight workers sleep for four seconds side by side. Any fewer would need longer than tcp_receive()
 * waits, if it were one for all.
 */
TEST(resized)
{
    struct kit kit = kit_start(MESSAGE("--workers", "1", "--delay", "4s"));
    int fds[8];
    struct outcome outcome;
    char byte;

    for (unsigned workers = 2; workers <= 8; workers++) {
        kit_signal(&kit, SIGTTIN);
        while (!has_said_workers(&kit, workers))
            kit_ask(&kit);
    }
    wait_for_output_text(&kit.program, "workers: 8\n");
    kit_connect_all(&kit, fds, 8);
    for (int i = 0; i < 8; i++)
        tcp_send(fds[i], "x", 1);
    for (int i = 0; i < 8; i++)
        tcp_receive(fds[i], &byte, 1);
    for (unsigned workers = 7; workers >= 1; workers--) {
        kit_signal(&kit, SIGTTOU);
        kit_ask(&kit);
    }
    wait_for_output_text(&kit.program, "workers: 1\n");
    kit_wait_threads(&kit);
    close_all(fds, 8);
    kit_wait_in_flight(&kit, 0);
    outcome = program_stop(&kit.program);
    ck_assert_int_eq(outcome.status, 0);
    ck_assert_uint_eq(tally_of(outcome.out).served, 8);
}
