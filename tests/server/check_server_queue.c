/* SPDX-License-Identifier: MIT */
/*
 * The real server and those who wait for a worker: for how long, in whose place, how many before
 * nothing more is accepted, and what becomes of them when there are more or fewer workers.
 */
#include "tests/kit/server.h"
#include "tests/kit/suite.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Clients one after the other, each known to the server before the next one comes. */
static void connect_in_order(struct kit *kit, int fds[], int count)
{
    uint64_t accepted = kit_ask(kit).accepted;

    for (int i = 0; i < count; i++) {
        fds[i] = kit_connect(kit);
        while (kit_ask(kit).accepted <= accepted + (uint64_t)i)
            continue;
    }
}

/* One line and an orderly end of file; the line begins so. */
static void expect_line(int fd, const char *start)
{
    char line[512];
    bool reset;
    size_t size = tcp_receive_all(fd, line, sizeof line - 1, &reset);

    line[size] = '\0';
    ck_assert_msg(!reset, "a reset came after: %s", line);
    ck_assert_msg(strncmp(line, start, strlen(start)) == 0, "not \"%s\" but: %s", start, line);
    ck_assert_msg(strchr(line, '\n') == line + size - 1, "not one whole line: %s", line);
    close(fd);
}

/* The probe of kit_finish(), but with a look at what was said on standard output. */
static struct tally finish_saying(struct kit *kit, const char *words)
{
    struct outcome outcome;
    struct tally tally;

    kit_wait_in_flight(kit, 0);
    outcome = program_stop(&kit->program);
    outcome_expect(&outcome, 0, NULL, "");
    ck_assert_msg(strstr(outcome.out, words) != NULL, "\"%s\" is not in: %s", words, outcome.out);
    tally = tally_of(outcome.out);
    return tally;
}

CASE("Waiting for too long")

LOOP_TEST(a_session_that_waits_too_long_is_rejected, POOLS)
{
    struct kit kit = kit_start(POOL("--workers", "1", "--queue", "3", "--queue-timeout", "500ms"));
    int fds[4];

    fds[0] = kit_connect(&kit);
    say_hello(fds[0]);
    kit_connect_all(&kit, fds + 1, 3);
    tcp_send(fds[2], "hello", 5); /* what it has sent must not destroy the BUSY line */
    for (int i = 1; i < 4; i++)
        expect_line(fds[i], "BUSY timeout: waited ");
    say_goodbye(fds[0]);
    struct tally tally = finish_saying(&kit, "queue timeout: 3\n");
    ck_assert_uint_eq(tally.served, 1);
    ck_assert_uint_eq(tally.timed_out, 3);
}

/* The place of one that was turned away is free: the next comes in from the backlog, and waits. */
LOOP_TEST(a_late_one_makes_room, POOLS)
{
    struct kit kit = kit_start(POOL("--workers", "1", "--queue", "1", "--queue-timeout", "300ms"));
    int fds[5];

    fds[0] = kit_connect(&kit);
    say_hello(fds[0]);
    kit_connect_all(&kit, fds + 1, 4);
    for (int i = 1; i < 5; i++)
        expect_line(fds[i], "BUSY timeout: waited ");
    close(fds[0]);
    ck_assert_uint_eq(kit_finish(&kit, true, NULL).timed_out, 4);
}

/* Those who get their turn in time notice nothing of the limit, however long they are served. */
LOOP_TEST(a_session_that_is_served_waits_no_more, POOLS)
{
    struct kit kit = kit_start(POOL("--workers", "2", "--queue", "3", "--queue-timeout", "500ms"));
    int fds[3];

    fds[0] = kit_connect(&kit);
    fds[1] = kit_connect(&kit);
    say_hello(fds[0]);
    say_hello(fds[1]);
    fds[2] = kit_connect(&kit);
    expect_line(fds[2], "BUSY timeout: "); /* the other two last longer */
    say_hello(fds[0]);
    say_hello(fds[1]);
    close(fds[0]);
    close(fds[1]);
    struct tally tally = kit_finish(&kit, true, NULL);
    ck_assert_uint_eq(tally.served, 2);
    ck_assert_uint_eq(tally.timed_out, 1);
}

CASE("In whose place")

LOOP_TEST(the_oldest_makes_place_for_the_newest, POOLS)
{
    struct kit kit = kit_start(POOL("--workers", "1", "--queue", "2", "--on-full", "drop-oldest"));
    int fds[6];

    fds[0] = kit_connect(&kit);
    say_hello(fds[0]); /* from here on it does not wait */
    connect_in_order(&kit, fds + 1, 5);
    for (int i = 1; i < 4; i++)
        expect_line(fds[i], "BUSY a newer session took this place: waited ");
    ck_assert_uint_eq(kit_ask(&kit).in_flight, 3);
    for (int i = 0; i < 6; i += i == 0 ? 4 : 1)
        say_goodbye(fds[i]);
    struct tally tally = kit_finish(&kit, true, NULL);
    ck_assert_uint_eq(tally.served, 3);
    ck_assert_uint_eq(tally.rejected, 3);
}

/* Without a queue there is no session to drop. */
LOOP_TEST(no_queue_and_none_to_drop, POOLS)
{
    struct kit kit = kit_start(POOL("--workers", "1", "--queue", "0", "--on-full", "drop-oldest"));
    int fds[2];

    fds[0] = kit_connect(&kit);
    say_hello(fds[0]);
    fds[1] = kit_connect(&kit);
    expect_line(fds[1], "BUSY 1 of 1 workers and 0 of 0 places in the queue are taken");
    say_goodbye(fds[0]);
    ck_assert_uint_eq(kit_finish(&kit, true, NULL).rejected, 1);
}

CASE("By the loop itself")

/* Worker and queue are taken, so the third is the loop's, and the fourth waits in the backlog. */
LOOP_TEST(the_caller_runs, POOLS)
{
    struct kit kit = kit_start(POOL("--workers", "1", "--queue", "1", "--on-full", "caller-runs"));
    unsigned char *bytes = some_bytes(200000, 9);
    int fds[4];

    fds[0] = kit_connect(&kit);
    say_hello(fds[0]);
    connect_in_order(&kit, fds + 1, 2);
    fds[3] = kit_connect(&kit);
    tcp_echo(fds[2], bytes, 200000, true);
    ck_assert_uint_eq(kit_ask(&kit).accepted, 3); /* it hears signals meanwhile */
    say_hello(fds[0]);
    say_goodbye(fds[2]); /* the fourth comes in, and is the loop's again */
    tcp_echo(fds[3], bytes, 200000, true);
    ck_assert_uint_eq(kit_ask(&kit).in_flight, 3);
    close(fds[0]);
    say_goodbye(fds[1]);
    close(fds[3]);
    ck_assert_uint_eq(kit_finish(&kit, true, NULL).served, 4);
}

/* Its session is drained like the others, and has its time limits. */
LOOP_TEST(the_caller_stops, POOLS)
{
    struct kit kit = kit_start(
        POOL("--workers", "1", "--queue", "0", "--on-full", "caller-runs", "--idle-timeout", "1s"));
    int fds[2];

    kit_connect_all(&kit, fds, 2);
    for (int i = 0; i < 2; i++)
        say_hello(fds[i]);
    for (int i = 0; i < 2; i++)
        expect_rest(fds[i], "", 0);
    kit_wait_in_flight(&kit, 0);
    kit_connect_all(&kit, fds, 2);
    for (int i = 0; i < 2; i++)
        say_hello(fds[i]);
    struct outcome outcome = program_stop(&kit.program);
    ck_assert_int_eq(outcome.status, 0);
    ck_assert_uint_ge(tally_of(outcome.out).timed_out, 2);
    ck_assert_uint_eq(tally_of(outcome.out).accepted, 4);
    ck_assert_msg(strstr(outcome.out, "\npeak: 2 sessions served at once, 0 waiting") != NULL, "%s",
                  outcome.out);
    for (int i = 0; i < 2; i++)
        expect_rest(fds[i], "", 0);
}

CASE("The water marks")

/* 1 is served and 3 wait: the high mark. Only when no more than 1 waits are others accepted. */
LOOP_TEST(marks_with_a_distance, POOLS)
{
    struct kit kit =
        kit_start(POOL("--workers", "1", "--queue", "8", "--high-water", "3", "--low-water", "1"));
    int fds[8];

    kit_connect_all(&kit, fds, 8);
    ck_assert_uint_eq(kit_wait_in_flight(&kit, 4).accepted, 4);
    close(fds[0]);
    say_hello(fds[1]); /* so 2 wait */
    ck_assert_uint_eq(kit_ask(&kit).accepted, 4);
    ck_assert_uint_eq(kit_ask(&kit).accepted, 4);
    close(fds[1]); /* 1 waits, then 3 again */
    ck_assert_uint_eq(kit_wait_in_flight(&kit, 4).accepted, 6);
    close(fds[2]);
    say_hello(fds[3]);
    ck_assert_uint_eq(kit_ask(&kit).accepted, 6);
    close(fds[3]);
    ck_assert_uint_eq(kit_wait_in_flight(&kit, 4).accepted, 8);
    for (int i = 4; i < 8; i++)
        say_goodbye(fds[i]);
    ck_assert_uint_eq(finish_saying(&kit, "\naccepting was paused 3 times, for ").served, 8);
}

/* Without marks: paused when no more session fits, resumed as soon as one does. */
LOOP_TEST(pauses_are_reported, POOLS)
{
    struct kit kit = kit_start(POOL("--workers", "1", "--queue", "1"));
    int fds[3];

    kit_connect_all(&kit, fds, 3);
    kit_wait_in_flight(&kit, 2);
    say_goodbye(fds[0]);
    while (kit_ask(&kit).accepted < 3)
        continue; /* in the place of the first, and full again */
    for (int i = 1; i < 3; i++)
        say_goodbye(fds[i]);
    ck_assert_uint_eq(finish_saying(&kit, "\naccepting was paused 2 times, for ").served, 3);
}

LOOP_TEST(no_client_was_kept_out, POOLS)
{
    struct kit kit = kit_start(POOL("--workers", "1", "--queue", "2"));
    int fd = kit_connect(&kit);
    struct outcome outcome;

    say_goodbye(fd);
    kit_wait_in_flight(&kit, 0);
    outcome = program_stop(&kit.program);
    ck_assert_ptr_null(strstr(outcome.out, "paused"));
}

static const struct {
    const char *arguments[8];
    const char *complaint;
} wrong_marks[] = {
    {{"--queue", "8", "--high-water", "9"}, "--high-water 9 is more than --queue 8 can hold"},
    {{"--queue", "8", "--high-water", "3", "--low-water", "3"},
     "--low-water 3 is not below the high water of 3"},
    {{"--queue", "8", "--low-water", "8"}, "--low-water 8 is not below the high water of 8"},
    {{"--queue", "0", "--low-water", "0"}, "--low-water 0 is not below the high water of 0"},
    {{"--high-water", "3", "--on-full", "reject"}, "use them with --on-full pause"},
    {{"--model", "thread", "--on-full", "drop-oldest"},
     "--on-full drop-oldest needs a pool's queue"},
    {{"--model", "event", "--on-full", "caller-runs"},
     "--on-full caller-runs needs a pool's queue"},
    {{"--model", "fork", "--queue-timeout", "1s"}, "--queue-timeout needs a pool's queue"},
    {{"--hold", "message", "--high-water", "2"}, "a water mark needs a pool's queue"},
    {{"--low-water", "-1"}, "--low-water -1 is not a number from 0 to "},
};

LOOP_TEST(marks_that_make_no_sense, COUNT_OF(wrong_marks))
{
    const char *arguments[10] = {"echo-server"};
    struct outcome outcome;

    memcpy(arguments + 1, wrong_marks[_i].arguments, sizeof wrong_marks[_i].arguments);
    outcome = program_run(arguments, NULL);
    ck_assert_int_eq(outcome.status, 2);
    ck_assert_msg(strstr(outcome.err, wrong_marks[_i].complaint) != NULL, "said: %s", outcome.err);
    ck_assert_ptr_eq(strchr(outcome.err, '\n'), outcome.err + strlen(outcome.err) - 1);
}

CASE("More and fewer workers")

/* Ask for one more worker (SIGTTIN) or one fewer (SIGTTOU), and wait until there is that number. */
static void resize(struct kit *kit, int number, const char *line)
{
    kit_signal(kit, number);
    wait_for_output_text(&kit->program, line);
}

/* Wait until the server, which began with `first` workers, has this number of them. */
static void wait_workers(struct kit *kit, int pool, unsigned first, unsigned workers)
{
    pid_t pids[4];

    if (pool == POOL_OF_PROCESSES)
        kit_wait_processes(kit, pids, workers);
    else
        wait_for_threads(kit->program.pid, kit->threads - first + workers);
}

LOOP_TEST(one_more_worker, POOLS)
{
    struct kit kit = kit_start(POOL("--workers", "1", "--queue", "4", "--buffer", "64K"));
    unsigned char *bytes = some_bytes(200000, 8);
    int fds[3];

    kit_connect_all(&kit, fds, 3);
    say_hello(fds[0]);
    resize(&kit, SIGTTIN, "workers: 2\n");
    tcp_echo(fds[1], bytes, 200000, true); /* it waited, and is served beside the first */
    resize(&kit, SIGTTIN, "workers: 3\n");
    tcp_echo(fds[2], bytes, 200000, true);
    say_hello(fds[0]);
    wait_workers(&kit, _i, 1, 3);
    close_all(fds, 3);
    resize(&kit, SIGTTOU, "workers: 3\nworkers: 2\n");
    resize(&kit, SIGTTOU, "workers: 2\nworkers: 1\n");
    ck_assert_uint_eq(kit_finish(&kit, true, NULL).served, 3);
}

/* A session being served stays with its worker to its end; only then does the worker leave. */
LOOP_TEST(fewer_workers_leave_sessions_alone, POOLS)
{
    struct kit kit = kit_start(POOL("--workers", "3", "--queue", "4"));
    int fds[5];

    kit_connect_all(&kit, fds, 5);
    for (int i = 0; i < 3; i++)
        say_hello(fds[i]);
    resize(&kit, SIGTTOU, "workers: 2\n");
    resize(&kit, SIGTTOU, "workers: 1\n");
    for (int i = 0; i < 3; i++)
        say_goodbye(fds[i]);
    for (int i = 3; i < 5; i++) /* one after the other */
        say_goodbye(fds[i]);
    kit_wait_in_flight(&kit, 0);
    wait_workers(&kit, _i, 3, 1);
    for (unsigned workers = 2; workers <= 3; workers++) { /* as at the start */
        kit_signal(&kit, SIGTTIN);
        wait_workers(&kit, _i, 3, workers);
    }
    ck_assert_uint_eq(kit_finish(&kit, true, NULL).served, 5);
}

/* Workers that have nothing to do leave at once, those too that wait for the next client at the socket. */
LOOP_TEST(fewer_workers_that_are_idle, POOLS)
{
    struct kit kit = kit_start(POOL("--workers", "3", "--queue", "4"));
    int fds[3];

    kit_connect_all(&kit, fds, 3);
    for (int i = 0; i < 3; i++)
        say_hello(fds[i]);
    for (int i = 0; i < 3; i++)
        say_goodbye(fds[i]);
    kit_wait_in_flight(&kit, 0);
    resize(&kit, SIGTTOU, "workers: 2\n");
    resize(&kit, SIGTTOU, "workers: 1\n");
    wait_workers(&kit, _i, 3, 1);
    kit_connect_all(&kit, fds, 3);
    for (int i = 0; i < 3; i++) /* one after the other */
        say_goodbye(fds[i]);
    for (unsigned workers = 2; workers <= 3; workers++) { /* as at the start */
        kit_signal(&kit, SIGTTIN);
        wait_workers(&kit, _i, 3, workers);
    }
    ck_assert_uint_eq(kit_finish(&kit, true, NULL).served, 6);
}

/* A worker that has been asked to leave, and has not left yet, is kept when more are asked for. */
LOOP_TEST(fewer_and_more_again, POOLS)
{
    struct kit kit = kit_start(POOL("--workers", "2", "--queue", "4"));
    int fds[3];

    kit_connect_all(&kit, fds, 3);
    say_hello(fds[0]);
    say_hello(fds[1]);
    resize(&kit, SIGTTOU, "workers: 1\n");
    resize(&kit, SIGTTIN, "workers: 1\nworkers: 2\n");
    resize(&kit, SIGTTIN, "workers: 2\nworkers: 3\n");
    for (int i = 0; i < 3; i++)
        say_goodbye(fds[i]);
    resize(&kit, SIGTTOU, "workers: 3\nworkers: 2\n");
    ck_assert_uint_eq(kit_finish(&kit, true, NULL).served, 3);
}

LOOP_TEST(one_worker_is_the_least, POOLS)
{
    struct kit kit = kit_start(POOL("--workers", "1"));

    ck_assert_int_eq(kill(kit.program.pid, SIGTTOU), 0);
    wait_for_error_text(&kit.program, "the workers stay 1: one is the fewest");
    kit_finish(&kit, true, "the workers stay 1");
}

LOOP_TEST(a_model_without_a_pool, 2)
{
    struct kit kit = kit_start(ARGUMENTS("--model", _i == 0 ? "thread" : "fork"));

    ck_assert_int_eq(kill(kit.program.pid, SIGTTIN), 0);
    wait_for_error_text(&kit.program, "this model has no pool");
    kit_finish(&kit, true, "this model has no pool");
}

enum { LOADERS = 4, SESSIONS_EACH = 100 };

static atomic_uint loaders_left;

static void *load(void *argument)
{
    struct kit *kit = argument;

    for (int i = 0; i < SESSIONS_EACH; i++) {
        int fd = kit_connect(kit);
        say_goodbye(fd);
    }
    atomic_fetch_sub(&loaders_left, 1);
    return NULL;
}

/* Signals in both directions, faster than workers come and go, cost no client an echo. */
LOOP_TEST(resized_under_load, POOLS)
{
    struct kit kit = kit_start(POOL("--workers", "3", "--queue", "2", "--quiet"));
    pthread_t loaders[LOADERS];

    atomic_store(&loaders_left, LOADERS);
    for (int i = 0; i < LOADERS; i++)
        ck_assert_int_eq(pthread_create(&loaders[i], NULL, load, &kit), 0);
    for (unsigned i = 0; atomic_load(&loaders_left) > 0; i++) {
        ck_assert_int_eq(kill(kit.program.pid, i / 3 % 2 == 0 ? SIGTTIN : SIGTTOU), 0);
        kit_ask(&kit);
    }
    for (int i = 0; i < LOADERS; i++)
        pthread_join(loaders[i], NULL);
    struct tally tally = kit_wait_in_flight(&kit, 0);
    ck_assert_uint_eq(tally.served, LOADERS * SESSIONS_EACH);
    struct outcome outcome = program_stop(&kit.program);
    ck_assert_int_eq(outcome.status, 0);
}
