/* SPDX-License-Identifier: MIT */
/*
 * echo-client's loads of other shapes: sessions that are idle, that come again, that come from
 * other addresses, several loads one after another, and servers on unix sockets. Each in every way
 * of running sessions.
 */
#include "common/transform.h"
#include "tests/kit/client-json.h"
#include "tests/kit/suite.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SIZE = 64 };

/* Receive a message, and answer it. @return false: the connection has ended */
static bool serve_one(int fd, unsigned char message[SIZE])
{
    unsigned char reply[SIZE];

    if (!peer_receive(fd, message, SIZE))
        return false;
    memcpy(reply, message, SIZE);
    transform_apply(TRANSFORM_UPPER, reply, SIZE);
    return peer_send(fd, reply, SIZE);
}

CASE("Idle")

enum { IDLE = 3, SPEAKING = 2 };

/* What becomes of those that are idle, before the others are served. */
enum fate { HELD, CLOSED, ANSWERED, RESET, FATES };

struct crowd {
    enum fate fate;
    atomic_bool all_in; /* one that speaks has come, so all that are idle are connected */
    atomic_uint gone;   /* idle connections of which the client has seen the end */
    atomic_uint silent; /* those that have never said anything */
};

static bool are_all_in(void *context)
{
    return atomic_load(&((struct crowd *)context)->all_in);
}

static bool all_gone(void *context)
{
    return atomic_load(&((struct crowd *)context)->gone) == IDLE;
}

static void end_idle(int fd, enum fate fate)
{
    struct linger now = {.l_onoff = 1};

    if (fate == ANSWERED)
        peer_send(fd, "BUSY idle\n", 10);
    if (fate == RESET)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

/* The idle ones are the first to connect. */
BEHAVIOUR(some_are_idle)
{
    struct crowd *crowd = context;
    char byte;

    if (number >= IDLE) {
        atomic_store(&crowd->all_in, true);
        if (crowd->fate == CLOSED || crowd->fate == ANSWERED)
            wait_until(all_gone, crowd);
        peer_upper(fd, number, NULL);
        return;
    }
    wait_until(are_all_in, crowd);
    end_idle(fd, crowd->fate);
    if (crowd->fate == RESET)
        return;
    if (crowd->fate == CLOSED)
        shutdown(fd, SHUT_WR);
    if (recv(fd, &byte, 1, 0) <= 0)
        atomic_fetch_add(&crowd->silent, 1);
    atomic_fetch_add(&crowd->gone, 1);
}

LOOP_TEST(idle_sessions_are_counted_apart, EACH_WAY(FATES))
{
    struct crowd crowd = {.fate = (enum fate)(_i / CLIENT_WAYS)};
    struct client_run run = client_run_against(_i % CLIENT_WAYS, some_are_idle, &crowd,
                                               ARGUMENTS("-n", "2", "--idle", "3"));

    client_run_expect(&run, 0, SPEAKING, 0, 0); /* whatever became of the others */
    ck_assert_int_eq(client_run_integer(&run, "messages", "verified"), SPEAKING * 10);
    ck_assert_int_eq(client_run_integer(&run, "idle", "requested"), IDLE);
    ck_assert_int_eq(client_run_integer(&run, "idle", "connected"), IDLE);
    if (crowd.fate != RESET) /* which the client may not have seen yet */
        ck_assert_int_eq(client_run_integer(&run, "idle", "ended"), crowd.fate == HELD ? 0 : IDLE);
    ck_assert_uint_eq(json_object_size(json_object_get(run.json, "errors")), 0);
    ck_assert_uint_eq(run.accepted, IDLE + SPEAKING);
    if (crowd.fate != RESET)
        ck_assert_uint_eq(atomic_load(&crowd.silent), IDLE);
}

LOOP_TEST(idle_sessions_without_a_server, CLIENT_WAYS)
{
    struct client_run run;

    client_use_way(_i);
    run = client_run(port_text(tcp_unused_port()), ARGUMENTS("-n", "2", "--idle", "3"));
    client_run_expect(&run, 1, 0, 2, 0);
    client_run_expect_error(&run, "connect: connection refused", 2);
    ck_assert_int_eq(client_run_integer(&run, "idle", "requested"), 3);
    ck_assert_int_eq(client_run_integer(&run, "idle", "connected"), 0);
    ck_assert_int_eq(client_run_integer(&run, "idle", "ended"), 0);
}

BEHAVIOUR(draining)
{
    if (number == 0)
        peer_drain(fd);
    else
        peer_upper(fd, number, context);
}

/* What --idle shows: a session that sends nothing keeps all others from being served. */
LOOP_TEST(an_idle_session_holds_the_only_worker, CLIENT_WAYS)
{
    struct peer *peer = peer_start_iterative(draining, NULL);
    struct client_run run;

    client_use_way(_i);
    run =
        client_run(peer_port_text(peer), ARGUMENTS("-n", "2", "--idle", "1", "--timeout", "200ms"));
    client_run_expect(&run, 1, 0, 2, 0);
    client_run_expect_error(&run, "timed out before the first reply", 2);
    ck_assert_int_eq(client_run_integer(&run, "idle", "connected"), 1);
    peer_stop(peer);
}

CASE("Churn")

enum { CONNECTIONS = 60, EACH = 2, CHURNING = 2 };

/* The stamps that came, and connections that are held. */
struct register_of {
    pthread_mutex_t lock;
    bool seen[CHURNING][4 * CONNECTIONS];
    unsigned messages;
    bool twice;
    atomic_uint held;
};

static void note(struct register_of *all, const unsigned char message[SIZE])
{
    char text[SIZE + 1] = "";
    unsigned session, sequence;

    memcpy(text, message, SIZE);
    pthread_mutex_lock(&all->lock);
    all->messages++;
    if (sscanf(text, "s%6u m%9u ", &session, &sequence) != 2 || session >= CHURNING ||
        sequence >= 4 * CONNECTIONS || all->seen[session][sequence])
        all->twice = true;
    else
        all->seen[session][sequence] = true;
    pthread_mutex_unlock(&all->lock);
}

/* Serves this many connections, and holds those that come after them. */
BEHAVIOUR(serving_some)
{
    struct register_of *all = context;
    unsigned char message[SIZE];

    if (number >= CONNECTIONS) {
        for (unsigned i = 0; i < (client_way()->depth < EACH ? client_way()->depth : EACH); i++)
            if (peer_receive(fd, message, SIZE))
                note(all, message);
        atomic_fetch_add(&all->held, 1);
        peer_drain(fd);
        return;
    }
    while (serve_one(fd, message))
        note(all, message);
}

static bool both_are_held(void *context)
{
    return atomic_load(&((struct register_of *)context)->held) == CHURNING;
}

LOOP_TEST(sessions_that_come_again_never_say_the_same, CLIENT_WAYS)
{
    static struct register_of all = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct peer *peer = peer_start(serving_some, &all);
    struct program client;
    struct client_run run;
    unsigned sent;

    client_use_way(_i);
    sent = CONNECTIONS * EACH + CHURNING * (client_way()->depth < EACH ? 1 : EACH);
    client =
        client_start(peer_port_text(peer), ARGUMENTS("-n", "2", "-m", "2", "--churn", "-d", "1h"));
    wait_until(both_are_held, &all);
    ck_assert_int_eq(kill(client.pid, SIGINT), 0);
    run = client_wait(&client);
    client_run_expect(&run, 130, CONNECTIONS, CHURNING, 0);
    client_run_expect_error(&run, "interrupted", CHURNING);
    ck_assert_int_eq(client_run_integer(&run, "messages", "verified"), CONNECTIONS * EACH);
    ck_assert_int_eq(client_run_integer(&run, "messages", "sent"), sent);
    ck_assert_int_eq(client_run_integer(&run, "concurrency", NULL), CHURNING);
    peer_stop(peer);
    ck_assert_uint_eq(all.messages, sent);
    ck_assert(!all.twice);
    for (unsigned session = 0; session < CHURNING; session++) /* and none was left out */
        for (unsigned i = 1; i < 4 * CONNECTIONS; i++)
            ck_assert(all.seen[session][i - 1] || !all.seen[session][i]);
}

LOOP_TEST(sessions_reconnect_until_the_duration_has_elapsed, CLIENT_PLAIN_WAYS)
{
    json_int_t connections;
    struct client_run run = client_run_against(
        _i, peer_upper, NULL,
        ARGUMENTS("-n", "3", "-m", "2", "--think", "20ms", "--churn", "-d", "200ms"));

    connections = client_run_integer(&run, "sessions", "requested");
    ck_assert_int_ge(connections, 3);
    ck_assert_int_le(connections, 3 * 11); /* each thinks once, also in the end */
    client_run_expect(&run, 0, (int)connections, 0, 0);
    ck_assert_uint_eq(run.accepted, (unsigned)connections);
}

BEHAVIOUR(closing)
{
    peer_finish(fd);
}

LOOP_TEST(a_failed_session_pauses_before_it_reconnects, CLIENT_WAYS)
{
    json_int_t connections;
    struct client_run run =
        client_run_against(_i, closing, NULL, ARGUMENTS("-n", "2", "--churn", "-d", "100ms"));

    connections = client_run_integer(&run, "sessions", "requested");
    ck_assert_int_ge(connections, 2);
    ck_assert_int_le(connections, 2 * 11); /* 10 ms */
    ck_assert_int_eq(client_run_integer(&run, "messages", "verified"), 0);
}

LOOP_TEST(a_session_with_nothing_to_send_does_not_reconnect, CLIENT_WAYS)
{
    /* each has one message at most that is due in time */
    struct client_run run = client_run_against(
        _i, peer_upper, NULL, ARGUMENTS("-n", "10", "--churn", "-d", "300ms", "--rate", "20"));

    client_run_expect(&run, 0, 10, 0, 0);
    ck_assert_int_le(client_run_integer(&run, "messages", "sent"), 6);
    ck_assert_uint_eq(run.accepted, 10);
}

CASE("Where they come from")

struct callers {
    atomic_uint right;
    atomic_uint wrong;
};

/* Session k of four comes from 127.0.0.2 + k modulo 3. */
BEHAVIOUR(looking_at_callers)
{
    struct callers *callers = context;
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    unsigned char message[SIZE];
    char text[SIZE + 1] = "";
    unsigned session;

    if (!serve_one(fd, message) || getpeername(fd, (struct sockaddr *)&address, &size) != 0)
        return;
    memcpy(text, message, SIZE);
    if (sscanf(text, "s%6u ", &session) == 1 &&
        ntohl(address.sin_addr.s_addr) == INADDR_LOOPBACK + 1 + session % 3)
        atomic_fetch_add(&callers->right, 1);
    else
        atomic_fetch_add(&callers->wrong, 1);
    peer_upper(fd, number, NULL);
}

LOOP_TEST(sessions_come_from_the_addresses_in_turn, CLIENT_WAYS)
{
    struct callers callers = {0};
    struct client_run run =
        client_run_against(_i, looking_at_callers, &callers,
                           ARGUMENTS("-n", "7", "-m", "2", "--source", "127.0.0.2-127.0.0.4"));

    client_run_expect(&run, 0, 7, 0, 0);
    ck_assert_uint_eq(atomic_load(&callers.right), 7);
    ck_assert_uint_eq(atomic_load(&callers.wrong), 0);
}

LOOP_TEST(an_address_that_is_not_ours, CLIENT_WAYS)
{
    struct client_run run = client_run_against(
        _i, peer_upper, NULL,
        ARGUMENTS("-n", "3", "--source", "192.0.2.1")); /* an address of no machine: RFC 5737 */

    client_run_expect(&run, 1, 0, 3, 0);
    client_run_expect_error(&run, "source: cannot assign requested address", 3);
    ck_assert_str_eq(run.outcome.err, ""); /* no word of ports */
}

/* A machine without IPv6 has the same words for it. */
LOOP_TEST(an_address_of_the_other_family, CLIENT_WAYS)
{
    struct client_run run = client_run_against(
        _i, peer_upper, NULL, ARGUMENTS("-n", "3", "--host", "::1", "--source", "127.0.0.1"));

    client_run_expect(&run, 1, 0, 3, 0);
    ck_assert_ptr_nonnull(strstr(run.outcome.out, ": address family not supported by protocol"));
}

CASE("Several loads, and several at once")

LOOP_TEST(steps_are_added_up, CLIENT_WAYS)
{
    static const json_int_t sessions[] = {1, 4, 2};
    const json_t *steps;
    struct client_run run =
        client_run_against(_i, peer_upper, NULL, ARGUMENTS("--steps", "1,4,2", "-m", "6"));

    client_run_expect(&run, 0, 7, 0, 0);
    ck_assert_int_eq(client_run_integer(&run, "messages", "verified"), 7 * 6);
    ck_assert_int_eq(client_run_integer(&run, "concurrency", NULL), 4);
    steps = json_object_get(run.json, "steps");
    ck_assert_uint_eq(json_array_size(steps), 3);
    for (size_t i = 0; i < 3; i++) {
        struct client_run step = {.json = json_array_get(steps, i)};

        ck_assert_int_eq(client_run_integer(&step, "concurrency", NULL), sessions[i]);
        ck_assert_int_eq(client_run_integer(&step, "sessions", "ok"), sessions[i]);
        ck_assert_int_eq(client_run_integer(&step, "messages", "verified"), sessions[i] * 6);
    }
    ck_assert_uint_eq(run.accepted, 7);
}

/* Answers when four messages are there, and not before. */
BEHAVIOUR(by_fours)
{
    unsigned char bytes[4 * SIZE];

    while (peer_receive(fd, bytes, sizeof bytes)) {
        transform_apply(TRANSFORM_UPPER, bytes, sizeof bytes);
        if (!peer_send(fd, bytes, sizeof bytes))
            return;
    }
}

LOOP_TEST(several_messages_are_under_way, CLIENT_WAYS)
{
    struct peer *peer = peer_start(by_fours, NULL);
    struct client_run run;

    client_use_way(_i);
    run = client_run(peer_port_text(peer), ARGUMENTS("-n", "3", "-m", "20", "--timeout",
                                                     client_way()->depth < 4 ? "200ms" : "30s"));
    if (client_way()->depth < 4) {
        client_run_expect(&run, 1, 0, 3, 0);
        client_run_expect_error(&run, "timed out before the first reply", 3);
    } else {
        client_run_expect(&run, 0, 3, 0, 0);
        ck_assert_int_eq(client_run_integer(&run, "messages", "verified"), 60);
    }
    peer_stop(peer);
}

CASE("Unix")

LOOP_TEST(a_server_on_a_unix_socket, 2 * CLIENT_WAYS)
{
    char host[64];
    struct program server;
    struct outcome outcome;
    struct client_run run;

    if (_i < CLIENT_WAYS)
        snprintf(host, sizeof host, "unix:%s", suite_template());
    else
        snprintf(host, sizeof host, "unix:@check_client_load.%d", (int)getpid());
    server = server_start(ARGUMENTS("--host", host));
    ck_assert_str_eq(server.address, host);
    client_use_way(_i % CLIENT_WAYS);
    run = client_run("1", ARGUMENTS("--host", host, "-n", "20", "-s", "1-20K", "--idle", "1"));
    client_run_expect(&run, 0, 20, 0, 0);
    ck_assert_int_eq(client_run_integer(&run, "messages", "verified"), 200);
    ck_assert_int_eq(client_run_integer(&run, "idle", "connected"), 1);
    outcome = program_stop(&server);
    ck_assert_int_eq(outcome.status, 0);
}

LOOP_TEST(no_server_at_a_unix_socket, CLIENT_WAYS)
{
    struct client_run run;

    client_use_way(_i);
    run = client_run("1", ARGUMENTS("--host", "unix:/nowhere/socket", "-n", "3"));
    client_run_expect(&run, 1, 0, 3, 0);
    client_run_expect_error(&run, "connect: no such file or directory", 3);
}
