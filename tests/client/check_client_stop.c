/* SPDX-License-Identifier: MIT */
/*
 * echo-client, interrupted: wherever its sessions are, and in every way of running them, it ends at
 * once with a whole summary of what was done so far, and with the signal's status. That status goes
 * before all others, as does each of 3, 4 and 1 before the next.
 */
#include "common/transform.h"
#include "tests/kit/client-json.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SIZE = 64 };

/* A server that counts how far each connection has come, and stops where the test wants it. */
struct scene {
    unsigned replies;  /* that it gives to each connection */
    size_t take;       /* bytes that it receives after those */
    bool reads_end;    /* it waits for the end of file, and does not answer that */
    atomic_uint there; /* connections that have come as far as it goes */
    unsigned wanted;   /* this many must be there */
    struct peer *peer;
    int held[2];       /* a pipe, whose end comes when the client is gone */
    unsigned accepted; /* connections in the end */
};

static void wait_released(const struct scene *scene)
{
    while (read(scene->held[0], &(char){0}, 1) < 0 && errno == EINTR)
        continue;
}

BEHAVIOUR(playing)
{
    struct scene *scene = context;
    unsigned char bytes[SIZE];

    for (unsigned i = 0; i < scene->replies; i++) {
        if (!peer_receive(fd, bytes, SIZE))
            return;
        transform_apply(TRANSFORM_UPPER, bytes, SIZE);
        if (!peer_send(fd, bytes, SIZE))
            return;
    }
    if (scene->take > 0 && !peer_receive(fd, bytes, scene->take))
        return;
    if (scene->reads_end)
        peer_drain(fd);
    atomic_fetch_add(&scene->there, 1);
    wait_released(scene);
}

static bool are_there(void *context)
{
    struct scene *scene = context;

    return atomic_load(&scene->there) == scene->wanted;
}

/* Start the server of a scene. @return its port */
static const char *open_scene(struct scene *scene, peer_behaviour *behaviour)
{
    ck_assert_int_eq(pipe2(scene->held, O_CLOEXEC), 0);
    scene->peer = peer_start(behaviour, scene);
    return peer_port_text(scene->peer);
}

/* Interrupt the client when `wanted` connections have come as far as the server goes. */
static struct outcome interrupt(struct scene *scene, struct program client, int number)
{
    struct outcome outcome;

    wait_until(are_there, scene);
    ck_assert_int_eq(kill(client.pid, number), 0);
    outcome = program_wait(&client);
    close(scene->held[1]);
    scene->accepted = peer_accepted(scene->peer);
    peer_stop(scene->peer);
    close(scene->held[0]);
    return outcome;
}

static struct client_run interrupt_run(int way, struct scene *scene, peer_behaviour *behaviour,
                                       int number, const char *const arguments[])
{
    const char *port = open_scene(scene, behaviour);
    struct client_run run;

    client_use_way(way);
    run = client_run_read(interrupt(scene, client_start(port, arguments), number));
    ck_assert_int_eq(client_run_integer(&run, "interrupted", NULL), number);
    return run;
}

static void expect_interrupted(struct client_run *run, int ok, int failed)
{
    client_run_expect(run, 130, ok, failed, 0);
    client_run_expect_error(run, "interrupted", failed);
    ck_assert_int_eq(client_run_integer(run, "messages", "mismatched"), 0);
    ck_assert_str_eq(run->outcome.err, "");
}

CASE("Wherever they are")

struct place {
    const char *what;
    struct scene scene;
    const char *arguments[8];
    int ok;
    int failed;
    int verified; /* one at a time; -1: as far as they came */
};

static const struct place places[] = {
    {"before its time on the ramp", {.wanted = 1}, {"-n", "3", "--ramp", "1h"}, 0, 3, 0},
    {"before the first reply", {.take = SIZE, .wanted = 3}, {"-n", "3"}, 0, 3, 0},
    {"in the middle of a message", {.take = 1, .wanted = 3}, {"-n", "3", "-s", "16M"}, 0, 3, 0},
    {"instead of a reply", {.replies = 5, .take = SIZE, .wanted = 3}, {"-n", "3"}, 0, 3, 15},
    {"after the last reply",
     {.replies = 6, .reads_end = true, .wanted = 3},
     {"-n", "3", "-m", "6"},
     0,
     3,
     18},
    {"while it thinks", {.replies = 1, .wanted = 3}, {"-n", "3", "--think", "1h"}, 0, 3, -1},
    {"before its turn in the schedule",
     {.replies = 1, .wanted = 1},
     {"-n", "3", "--rate", "0.001"},
     0,
     3,
     -1},
};

enum { PLACES = sizeof places / sizeof places[0] };

LOOP_TEST(wherever_sessions_are, EACH_WAY(PLACES))
{
    const struct place *place = &places[_i / CLIENT_WAYS];
    struct scene scene = place->scene;
    const char *arguments[9] = {NULL};
    struct client_run run;
    int way = _i % CLIENT_WAYS;
    json_int_t verified;
    bool thinks = strcmp(place->what, "while it thinks") == 0;

    for (size_t i = 0; i < 8; i++)
        arguments[i] = place->arguments[i];
    if (thinks)
        way %= CLIENT_PLAIN_WAYS; /* who has several messages under way does not think */
    run = interrupt_run(way, &scene, playing, SIGINT, arguments);
    expect_interrupted(&run, place->ok, place->failed);
    verified = client_run_integer(&run, "messages", "verified");
    /* of several under way, replies may still have been on theirs */
    if (place->verified >= 0 && (client_way()->depth == 1 || scene.reads_end))
        ck_assert_msg(verified == place->verified, "%s: %d", place->what, (int)verified);
}

LOOP_TEST(by_sigterm, CLIENT_WAYS)
{
    struct scene scene = {.take = SIZE, .wanted = 2};
    struct client_run run =
        interrupt_run(_i, &scene, playing, SIGTERM, ARGUMENTS("-n", "2", "--expect", "failed=0"));

    client_run_expect(&run, 143, 0, 2, 0);
}

static bool are_three_in(void *context)
{
    return peer_callers(*(uint16_t *)context, PEER_CONNECTED) == 3;
}

/* All are connected, and wait for a moment that is far away. */
LOOP_TEST(before_the_start_time, CLIENT_WAYS)
{
    uint16_t port;
    int listener = tcp_listen(&port);
    struct program client;
    struct client_run run;
    const char *when = suite_text("%lld", (long long)time(NULL) + 86400);

    client_use_way(_i);
    client = client_start(port_text(port), ARGUMENTS("-n", "3", "--start-at", when));
    wait_until(are_three_in, &port);
    ck_assert_int_eq(kill(client.pid, SIGINT), 0);
    run = client_wait(&client);
    expect_interrupted(&run, 0, 3);
    ck_assert_int_eq(client_run_integer(&run, "messages", "sent"), 0);
    close(listener);
}

LOOP_TEST(while_others_are_idle, CLIENT_WAYS)
{
    struct scene scene = {.take = 1, .wanted = 1};
    struct client_run run =
        interrupt_run(_i, &scene, playing, SIGINT, ARGUMENTS("-n", "1", "--idle", "2"));

    expect_interrupted(&run, 0, 1);
    ck_assert_int_eq(client_run_integer(&run, "idle", "connected"), 2);
    ck_assert_int_eq(client_run_integer(&run, "idle", "ended"), 0);
}

static bool some_are_calling(void *context)
{
    return peer_callers(*(uint16_t *)context, PEER_CALLING) > 0;
}

/* Those that are idle do not get in, so that the others have not begun. */
LOOP_TEST(while_idle_ones_connect, CLIENT_WAYS)
{
    uint16_t port;
    int listener = tcp_listen(&port), first = tcp_fill_backlog(listener, port);
    struct program client;
    struct client_run run;

    client_use_way(_i);
    client = client_start(port_text(port), ARGUMENTS("-n", "2", "--idle", "4"));
    wait_until(some_are_calling, &port);
    ck_assert_int_eq(kill(client.pid, SIGINT), 0);
    run = client_wait(&client);
    expect_interrupted(&run, 0, 2);
    ck_assert_int_eq(client_run_integer(&run, "idle", "requested"), 4);
    ck_assert_int_eq(client_run_integer(&run, "idle", "connected"), 0);
    close(first);
    close(listener);
}

/* Connections 0 and 1 are served, and are the first step; the others are held. */
BEHAVIOUR(serving_two)
{
    if (number < 2)
        peer_upper(fd, number, NULL);
    else
        playing(fd, number, context);
}

LOOP_TEST(in_the_second_of_three_steps, CLIENT_WAYS)
{
    struct scene scene = {.take = 1, .wanted = 3};
    struct client_run run =
        interrupt_run(_i, &scene, serving_two, SIGINT, ARGUMENTS("--steps", "2,3,4"));

    expect_interrupted(&run, 2, 3);
    ck_assert_uint_eq(json_array_size(json_object_get(run.json, "steps")), 2);
    ck_assert_uint_eq(scene.accepted, 5); /* the third step has not begun */
}

TEST(the_table_says_so)
{
    struct scene scene = {.take = SIZE, .wanted = 2};
    const char *port = open_scene(&scene, playing);
    struct outcome outcome = interrupt(
        &scene, program_start(ARGUMENTS("echo-client", "--port", port, "-n", "2")), SIGINT);

    ck_assert_int_eq(outcome.status, 130);
    ck_assert_ptr_nonnull(strstr(outcome.out, "\nerrors\n  2          interrupted\n"
                                              "interrupted: these are the results so far\n"));
}

CASE("When the run is over")

static bool is_full(void *context)
{
    int bytes;

    return ioctl(*(int *)context, FIONREAD, &bytes) == 0 && bytes == 4096;
}

/* Run a client that writes a picture into a fifo, up to where it cannot go on. @return the reader's end */
static int start_drawing(struct program *client, const struct peer *peer)
{
    char *path = suite_template();
    int fd;

    ck_assert_ptr_nonnull(mkdtemp(path));
    path = suite_text("%s/picture", path);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_ge(fcntl(fd, F_SETPIPE_SZ, 4096), 0);
    *client = client_start(peer_port_text(peer), ARGUMENTS("-n", "30", "--timeline", path));
    wait_until(is_full, &fd);
    return fd;
}

/* The run was whole: so are its picture, its summary and its status. */
LOOP_TEST(a_signal_loses_nothing, 2)
{
    struct peer *peer = peer_start(peer_upper, NULL);
    struct program client;
    struct client_run run;
    int fd = start_drawing(&client, peer);
    char *picture = suite_memory(1 << 20);
    ssize_t size, length = 0;

    ck_assert_int_eq(kill(client.pid, _i == 0 ? SIGINT : SIGTERM), 0);
    ck_assert_int_eq(fcntl(fd, F_SETFL, 0), 0);
    while ((size = read(fd, picture + length, (1 << 20) - 1 - (size_t)length)) > 0)
        length += size;
    ck_assert_ptr_nonnull(strstr(picture, "</svg>\n"));
    run = client_wait(&client);
    client_run_expect(&run, 0, 30, 0, 0);
    ck_assert_int_eq(client_run_integer(&run, "interrupted", NULL), 0);
    close(fd);
    peer_stop(peer);
}

static bool has_gone_after_signals(void *context)
{
    struct program *client = context;
    siginfo_t info = {0};

    ck_assert_int_eq(kill(client->pid, SIGTERM), 0);
    return waitid(P_PID, (id_t)client->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid != 0;
}

/* What cannot be written, because no reader takes it, does not hold up the end. */
TEST(further_signals_end_the_program)
{
    struct peer *peer = peer_start(peer_upper, NULL);
    struct program client;
    struct outcome outcome;
    int fd = start_drawing(&client, peer);

    ck_assert_int_eq(kill(client.pid, SIGINT), 0);
    wait_until(has_gone_after_signals, &client);
    outcome = program_wait(&client);
    ck_assert_int_eq(outcome.status, 128 + SIGTERM);
    ck_assert_str_eq(outcome.out, "");
    close(fd);
    peer_stop(peer);
}

CASE("Which status")

/* The first connection gets a wrong byte, the second its end, and the third waits. */
BEHAVIOUR(one_of_each)
{
    unsigned char bytes[SIZE];

    if (number == 2) {
        playing(fd, number, context);
        return;
    }
    if (number == 0 && peer_receive(fd, bytes, SIZE)) {
        transform_apply(TRANSFORM_UPPER, bytes, SIZE);
        bytes[7] ^= 1;
        peer_send(fd, bytes, SIZE);
    }
    peer_finish(fd);
}

LOOP_TEST(wrong_bytes_before_an_expectation, CLIENT_WAYS)
{
    struct client_run run = client_run_against(
        _i, one_of_each, NULL, ARGUMENTS("-n", "2", "--expect", "failed=0,mismatched<=1,ok>1"));

    client_run_expect(&run, 3, 0, 2, 0);
    ck_assert_ptr_nonnull(strstr(run.outcome.err, "echo-client: expected failed=0: it is 2\n"
                                                  "echo-client: expected ok>1: it is 0\n"));
    ck_assert_ptr_null(strstr(run.outcome.err, "mismatched<=1"));
}

BEHAVIOUR(closing)
{
    peer_finish(fd);
}

LOOP_TEST(an_expectation_before_a_failure, CLIENT_WAYS)
{
    struct client_run run =
        client_run_against(_i, closing, NULL, ARGUMENTS("-n", "2", "--expect", "failed=0"));

    client_run_expect(&run, 4, 0, 2, 0);
    ck_assert_str_eq(run.outcome.err, "echo-client: expected failed=0: it is 2\n");
    run = client_run_against(_i, closing, NULL, ARGUMENTS("-n", "2", "--expect", "failed=2"));
    client_run_expect(&run, 1, 0, 2, 0); /* as was expected, and failed nevertheless */
}

LOOP_TEST(an_expectation_of_a_run_that_is_well, CLIENT_WAYS)
{
    struct client_run run =
        client_run_against(_i, peer_upper, NULL,
                           ARGUMENTS("-n", "2", "--expect", "served=2, echo.mean<1ns,refused=0"));

    client_run_expect(&run, 4, 2, 0, 0);
    ck_assert_ptr_eq(strstr(run.outcome.err, "echo-client: expected echo.mean<1ns: it is "),
                     run.outcome.err);
    run = client_run_against(_i, peer_upper, NULL,
                             ARGUMENTS("-n", "2", "--expect", "verified=20,bytes=1280,max<=1h"));
    client_run_expect(&run, 0, 2, 0, 0);
}

LOOP_TEST(an_interruption_before_all, CLIENT_WAYS)
{
    struct scene scene = {.take = SIZE, .wanted = 1};
    const char *port = open_scene(&scene, one_of_each);
    struct program client;
    struct client_run run;

    client_use_way(_i);
    client = client_start(port, ARGUMENTS("-n", "3", "--expect", "failed=0"));
    wait_for_error_text(&client, "wrong byte at offset 7 of 64");
    run = client_run_read(interrupt(&scene, client, SIGINT));
    client_run_expect(&run, 130, 0, 3, 0);
    ck_assert_int_eq(client_run_integer(&run, "messages", "mismatched"), 1);
    ck_assert_ptr_nonnull(strstr(run.outcome.err, "echo-client: expected failed=0: it is 3\n"));
}
