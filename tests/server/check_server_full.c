/* SPDX-License-Identifier: MIT */
/*
 * The real server and more clients than it can serve: where they wait, what they get, and
 * what happens when the server runs out of threads or of descriptors.
 */
#include "common/clock.h"
#include "tests/kit/server.h"
#include "tests/kit/suite.h"

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

CASE("The pool")

/* 2 are served, 2 wait in the queue, and 8 in the kernel's backlog, until it is their turn. */
LOOP_TEST(pause_leaves_the_rest_in_the_backlog, POOLS)
{
    struct kit kit = kit_start(POOL("--workers", "2", "--queue", "2"));
    int fds[12];
    struct tally tally;

    kit_connect_all(&kit, fds, 12);
    tally = kit_wait_in_flight(&kit, 4);
    ck_assert_uint_eq(tally.accepted, 4);
    say_hello(fds[0]);
    say_hello(fds[1]);
    ck_assert_uint_eq(kit_ask(&kit).accepted, 4);
    ck_assert_uint_le(process_threads(kit.program.pid), 2 + 2 + FOREIGN_THREADS);
    for (int i = 0; i < 12; i++)
        say_goodbye(fds[i]);
    ck_assert_uint_eq(kit_finish(&kit, true, NULL).served, 12);
}

/* With --queue 0 no session waits in the process: a session is accepted for a worker, or not yet. */
LOOP_TEST(no_queue, POOLS)
{
    struct kit kit = kit_start(POOL("--workers", "1", "--queue", "0"));
    int fds[5];

    kit_connect_all(&kit, fds, 5);
    for (int i = 0; i < 5; i++) {
        say_hello(fds[i]);
        ck_assert_uint_le(kit_ask(&kit).in_flight, 1);
        close(fds[i]);
    }
    ck_assert_uint_eq(kit_finish(&kit, true, NULL).served, 5);
}

/* Each client beyond workers + queue gets the BUSY line whole, also with much unread in its way. */
LOOP_TEST(reject_sends_a_line, POOLS)
{
    struct kit kit = kit_start(POOL("--workers", "1", "--queue", "1", "--on-full", "reject"));
    unsigned char *bytes = some_bytes(300000, 3);
    int served[2];
    struct tally tally;

    kit_connect_all(&kit, served, 2);
    say_hello(served[0]);
    for (int i = 0; i < 20; i++) {
        /* Every second one has sent something before the server can look at it. */
        ck_assert_int_eq(kill(kit.program.pid, SIGSTOP), 0);
        int fd = kit_connect(&kit);
        if (i % 2 == 1)
            tcp_send(fd, bytes, i == 1 ? 300000 : 5000);
        ck_assert_int_eq(kill(kit.program.pid, SIGCONT), 0);
        expect_busy(fd);
    }
    tcp_echo(served[0], "again", 5, true);
    close(served[0]);
    say_goodbye(served[1]);
    tally = kit_finish(&kit, true, NULL);
    ck_assert_uint_eq(tally.served, 2);
    ck_assert_uint_eq(tally.rejected, 20);
}

/* More refused clients than places for them, none of which ends by itself: they hold no worker,
   and a bounded number of descriptors. */
TEST(refused_clients_that_stay)
{
    struct kit kit = kit_start(ARGUMENTS("--workers", "1", "--queue", "0", "--on-full", "reject",
                                         "--limit", "nofile=128"));
    int served = kit_connect(&kit);
    int stayed[100];
    char line[5];

    say_hello(served);
    kit_connect_all(&kit, stayed, 100);
    for (int i = 0; i < 100; i++)
        tcp_receive(stayed[i], line, 5);
    /* The last one has its line before the oldest of the others makes place for it. */
    while (process_descriptors(kit.program.pid) > kit.descriptors + 1 + 64)
        sched_yield();
    tcp_echo(served, "again", 5, true);
    close(served);
    for (int i = 0; i < 100; i++)
        close(stayed[i]);
    struct tally tally = kit_finish(&kit, true, NULL);
    ck_assert_uint_eq(tally.rejected, 100);
}

/* A refused client that goes on talking and never ends is seen off when its time is over. */
TEST(a_refused_client_is_seen_off)
{
    struct kit kit = kit_start(ARGUMENTS("--workers", "1", "--queue", "0", "--on-full", "reject"));
    int served = kit_connect(&kit);
    int refused;
    char line[3];

    say_hello(served);
    refused = kit_connect(&kit);
    tcp_receive(refused, line, 3);
    wait_for_descriptors(kit.program.pid, kit.descriptors + 1); /* only the served one is left */
    close(refused);
    close(served);
    ck_assert_uint_eq(kit_finish(&kit, true, NULL).rejected, 1);
}

/* What the pool may have for 40 sessions: 4 threads, one for the loop, one to print. */
TEST(threads_are_capped)
{
    struct kit kit = kit_start(ARGUMENTS("--workers", "4", "--queue", "40", "--print", "line"));
    int fds[40];

    kit_connect_all(&kit, fds, 40);
    kit_wait_in_flight(&kit, 40);
    ck_assert_uint_le(process_threads(kit.program.pid), 4 + 2 + FOREIGN_THREADS);
    for (int i = 0; i < 40; i++)
        say_goodbye(fds[i]);
    ck_assert_uint_eq(kit_finish(&kit, true, NULL).served, 40);
}

CASE("Every model")

/* Room for 3 sessions, whichever of these bounds a model goes by. */
#define FOR_THREE "--workers", "3", "--queue", "0", "--max-sessions", "3"

static unsigned bound(int model)
{
    return tested_models[model].one_at_a_time ? 1 : 3;
}

LOOP_TEST(beyond_the_bound_sessions_wait, MODELS)
{
    if (tested_models[_i].never_pauses)
        return; /* see max_sessions_is_a_hard_end */
    /* Without a time limit no timer looks: the thread that makes room has to wake the loop. */
    struct kit kit = kit_start(MODEL(FOR_THREE, "--idle-timeout", "0", "--write-timeout", "0",
                                     "--handshake-timeout", "0"));
    int fds[10];

    kit_connect_all(&kit, fds, 10);
    kit_wait_in_flight(&kit, bound(_i));
    for (int i = 0; i < 10; i++) {
        say_hello(fds[i]);
        ck_assert_uint_le(kit_ask(&kit).in_flight, bound(_i));
        close(fds[i]);
    }
    ck_assert_uint_eq(kit_finish(&kit, true, NULL).served, 10);
}

LOOP_TEST(beyond_the_bound_sessions_are_rejected, MODELS)
{
    if (tested_models[_i].workers_accept)
        return; /* see check_server_accepting.c */
    struct kit kit = kit_start(MODEL(FOR_THREE, "--on-full", "reject"));
    int fds[3];

    kit_connect_all(&kit, fds, (int)bound(_i));
    kit_wait_in_flight(&kit, bound(_i));
    for (int i = 0; i < 5; i++)
        expect_busy(kit_connect(&kit));
    for (unsigned i = 0; i < bound(_i); i++)
        say_goodbye(fds[i]);
    kit_wait_in_flight(&kit, 0);
    kit_wait_threads(&kit);
    struct tally tally = kit_finish(&kit, true, NULL);
    ck_assert_uint_eq(tally.served, bound(_i));
    ck_assert_uint_eq(tally.rejected, 5);
}

/* One client after the other, each as soon as it has seen the end of the session before: none finds no place. */
LOOP_TEST(a_place_is_free_when_its_client_sees_the_end, MODELS)
{
    if (tested_models[_i].one_at_a_time || tested_models[_i].workers_accept)
        return; /* the others wait */
    struct kit kit = kit_start(
        MODEL("--workers", "1", "--queue", "0", "--max-sessions", "1", "--on-full", "reject"));

    for (int i = 0; i < 200; i++) {
        int fd = kit_connect(&kit);
        say_hello(fd);
        shutdown(fd, SHUT_WR);
        expect_rest(fd, "", 0);
    }
    ck_assert_uint_eq(kit_finish(&kit, true, NULL).served, 200);
}

/* Hundreds of sessions on two loops: two threads, and the main one. */
TEST(loops_are_capped)
{
    struct kit kit = kit_start(ARGUMENTS("--model", "event", "--workers", "2"));
    int fds[300];

    ck_assert_uint_ge(kit.threads, 3);
    kit_connect_all(&kit, fds, 300);
    kit_wait_in_flight(&kit, 300);
    ck_assert_uint_le(process_threads(kit.program.pid), 3 + FOREIGN_THREADS);
    for (int i = 0; i < 300; i++)
        say_hello(fds[i]);
    close_all(fds, 300);
    ck_assert_uint_eq(kit_finish(&kit, true, NULL).served, 300);
}

CASE("A thread each")

TEST(a_thread_for_each)
{
    struct kit kit = kit_start(ARGUMENTS("--model", "thread"));
    int fds[40];

    kit_connect_all(&kit, fds, 40);
    kit_wait_in_flight(&kit, 40);
    ck_assert_uint_ge(process_threads(kit.program.pid), kit.threads + 40);
    ck_assert_uint_le(process_threads(kit.program.pid), kit.threads + 40 + FOREIGN_THREADS);
    for (int i = 0; i < 40; i++)
        say_hello(fds[i]);
    close_all(fds, 40);
    ck_assert_uint_eq(kit_finish(&kit, true, NULL).served, 40);
}

/* Of a thread or a process for each: one session too many is rejected, and a free place is taken again. */
LOOP_TEST(max_sessions_is_a_hard_end, 2)
{
    struct kit kit =
        kit_start(ARGUMENTS("--model", _i == 0 ? "thread" : "fork", "--max-sessions", "3"));
    struct tally tally;
    int fds[3];

    kit_connect_all(&kit, fds, 3);
    kit_wait_in_flight(&kit, 3);
    expect_busy(kit_connect(&kit));
    say_goodbye(fds[0]);
    kit_wait_in_flight(&kit, 2);
    fds[0] = kit_connect(&kit);
    for (int i = 0; i < 3; i++)
        say_goodbye(fds[i]);
    kit_wait_threads(&kit);
    tally = kit_finish(&kit, true, NULL);
    ck_assert_uint_eq(tally.served, 4);
    ck_assert_uint_eq(tally.rejected, 1);
}

#ifndef EP_SANITIZED
static uint64_t number_after(const char *text, const char *words)
{
    const char *at = strstr(text, words);
    uint64_t number = 0;

    ck_assert_msg(at != NULL, "\"%s\" is not in: %s", words, text);
    ck_assert_int_eq(sscanf(at + strlen(words), "%" SCNu64, &number), 1);
    return number;
}

CASE("Exhaustion")

/*
 * 50 clients at once, room for some 31 stacks: the server serves as many as it predicted, tells
 * all others at once, survives, and serves again as soon as there is room. Twice, since a
 * back-off that outlives its reason would only show the second time.
 */
TEST(uncapped_fails_where_predicted)
{
    struct kit kit = kit_start(ARGUMENTS("--model", "thread", "--limit", "as=256M,stack=8M"));
    const char *said = program_output(&kit.program);
    uint64_t predicted = number_after(said, "predicted sessions: ");
    int fds[50];

    for (int round = 0; round < 2; round++) {
        uint64_t served = 0;
        kit_connect_all(&kit, fds, 50);
        for (int i = 0; i < 50; i++) {
            char word[5];
            tcp_send(fds[i], "hello", 5);
            tcp_receive(fds[i], word, 5);
            if (memcmp(word, "HELLO", 5) == 0) {
                served++;
            } else {
                ck_assert_mem_eq(word, "BUSY ", 5);
                close(fds[i]);
                fds[i] = -1;
            }
        }
        ck_assert_msg(served + 1 >= predicted && served <= predicted + 1,
                      "predicted %" PRIu64 ", served %" PRIu64, predicted, served);
        uint64_t refused = number_after(program_output(&kit.program), "first refusal at session ");
        ck_assert(refused >= predicted && refused <= predicted + 2);
        for (int i = 0; i < 50; i++)
            if (fds[i] >= 0)
                close(fds[i]);
        kit_wait_in_flight(&kit, 0);
        kit_wait_threads(&kit);
    }
    kit_finish(&kit, true, NULL);
}

/* The same limits and a cap: no client is rejected. */
TEST(capped_serves_all_under_the_same_limits)
{
    struct kit kit =
        kit_start(ARGUMENTS("--workers", "4", "--queue", "50", "--limit", "as=256M,stack=8M"));
    int fds[50];

    kit_connect_all(&kit, fds, 50);
    kit_wait_in_flight(&kit, 50);
    for (int i = 0; i < 50; i++)
        say_goodbye(fds[i]);
    ck_assert_uint_eq(kit_finish(&kit, true, NULL).served, 50);
}
#endif

CASE("Descriptors")

static unsigned warnings(struct kit *kit)
{
    unsigned count = 0;

    for (const char *at = program_errors(&kit->program);
         (at = strstr(at, "cannot accept a connection now")) != NULL; at++)
        count++;
    return count;
}

static bool has_warned_twice(void *context)
{
    return warnings(context) >= 2;
}

/*
 * 40 clients and room for fewer. The warning comes at most once a second, so the second one says
 * that a second has passed, in which the server may have used next to no CPU; and once some have
 * gone, all the others are served.
 */
TEST(descriptors_run_out)
{
    struct kit kit =
        kit_start(ARGUMENTS("--workers", "4", "--queue", "100", "--limit", "nofile=32"));
    int fds[40];
    int64_t begun_ns = clock_now_ns();
    int64_t cpu_ns;
    int64_t started_ns;
    unsigned count;

    kit_connect_all(&kit, fds, 40);
    wait_for_error_text(&kit.program, "cannot accept a connection now");
    cpu_ns = process_cpu_ns(kit.program.pid);
    started_ns = clock_now_ns();
    wait_until(has_warned_twice, &kit);
    count = warnings(&kit); /* more if this test was late to look */
    ck_assert_int_le(count, 1 + (clock_now_ns() - begun_ns) / SECOND_NS);
    cpu_ns = process_cpu_ns(kit.program.pid) - cpu_ns;
    started_ns = clock_now_ns() - started_ns;
    ck_assert_msg(cpu_ns < started_ns / 20, "%lld of %lld ns were spent on failing",
                  (long long)cpu_ns, (long long)started_ns);
    for (int i = 0; i < 40; i++)
        say_goodbye(fds[i]);
    ck_assert_uint_eq(kit_finish(&kit, true, "cannot accept a connection now").served, 40);
}

CASE("Load")

enum { LOADERS = 4, SESSIONS_EACH = 200 };

static void *load(void *argument)
{
    struct kit *kit = argument;

    for (int i = 0; i < SESSIONS_EACH; i++) {
        int fd = kit_connect(kit);
        say_hello(fd);
        if (i % 5 == 0)
            tcp_reset(fd);
        else
            close(fd);
    }
    return NULL;
}

/* The accounting holds at every instant; kit_ask() checks it. */
LOOP_TEST(accounting_under_load, MODELS)
{
    struct kit kit = kit_start(MODEL("--workers", "2"));
    pthread_t loaders[LOADERS];
    struct tally tally;

    for (int i = 0; i < LOADERS; i++)
        ck_assert_int_eq(pthread_create(&loaders[i], NULL, load, &kit), 0);
    do
        tally = kit_ask(&kit);
    while (tally.accepted < LOADERS * SESSIONS_EACH);
    for (int i = 0; i < LOADERS; i++)
        pthread_join(loaders[i], NULL);
    tally = kit_finish(&kit, true, NULL);
    ck_assert_uint_eq(tally.accepted, LOADERS * SESSIONS_EACH);
    ck_assert_uint_eq(tally.served + tally.failed, LOADERS * SESSIONS_EACH);
}
