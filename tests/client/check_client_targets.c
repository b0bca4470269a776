/* SPDX-License-Identifier: MIT */
/* echo-client with several --host: which session talks to which server, and one of them that is down. */
#include "client/target-name.h"
#include "common/transform.h"
#include "tests/kit/client-json.h"
#include "tests/kit/suite.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SIZE = 64 };

static const char *host_of(const struct peer *peer)
{
    return suite_text("127.0.0.1:%s", peer_port_text(peer));
}

/* A number of a target, by two keys. */
static json_int_t share(const struct client_run *run, size_t target, const char *key,
                        const char *inner)
{
    const json_t *list = json_object_get(run->json, "targets");
    const json_t *value =
        json_object_get(json_object_get(json_array_get(list, target), key), inner);

    ck_assert_msg(json_is_integer(value), "no %s.%s of target %zu", key, inner, target);
    return json_integer_value(value);
}

CASE("Names")

TEST(a_host_may_have_a_port)
{
    static const struct {
        const char *value, *host;
        unsigned port;
    } names[] = {
        {"web1", "web1", 7},
        {"web1:8091", "web1", 8091},
        {"127.0.0.1:1", "127.0.0.1", 1},
        {"::1", "::1", 7},
        {"[::1]", "[::1]", 7},
        {"[::1]:65535", "[::1]", 65535},
        {"fe80::1%lo", "fe80::1%lo", 7},
        {"unix:/a:5", "unix:/a:5", 7},
        {"unix:@a:5", "unix:@a:5", 7},
    };
    static const char *const wrong[] = {"",           ":5",      "web1:",  "web1:0",
                                        "web1:65536", "web1:+5", "[::1]:x"};
    struct target_name name;
    char longest[TARGET_HOST_MAX + 1];

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        ck_assert(target_name_parse(names[i].value, 7, &name));
        ck_assert_str_eq(name.host, names[i].host);
        ck_assert_uint_eq(name.port, names[i].port);
    }
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        ck_assert_msg(!target_name_parse(wrong[i], 7, &name), "%s", wrong[i]);
    memset(longest, 'a', TARGET_HOST_MAX);
    longest[TARGET_HOST_MAX] = '\0';
    ck_assert(!target_name_parse(longest, 7, &name));
    ck_assert(target_name_parse(longest + 1, 7, &name));
}

CASE("Shares")

LOOP_TEST(sessions_take_the_targets_in_turn, CLIENT_WAYS)
{
    struct peer *first = peer_start(peer_upper, NULL), *second = peer_start(peer_upper, NULL);
    struct client_run run;

    client_use_way(_i);
    run = client_run(peer_port_text(first), ARGUMENTS("-n", "5", "-m", "3", "--idle", "3", "--host",
                                                      "127.0.0.1", "--host", host_of(second)));
    client_run_expect(&run, 0, 5, 0, 0);
    ck_assert_int_eq(share(&run, 0, "sessions", "ok"), 3);
    ck_assert_int_eq(share(&run, 1, "sessions", "ok"), 2);
    ck_assert_int_eq(share(&run, 0, "messages", "verified"), 9);
    ck_assert_int_eq(share(&run, 1, "messages", "verified"), 6);
    ck_assert_int_eq(share(&run, 0, "idle", "connected"), 1); /* they are sessions 5, 6 and 7 */
    ck_assert_int_eq(share(&run, 1, "idle", "connected"), 2);
    ck_assert_uint_eq(peer_accepted(first), 4);
    ck_assert_uint_eq(peer_accepted(second), 4);
    peer_stop(first);
    peer_stop(second);
}

/* Each message is measured in its target, and all of them in the whole. */
LOOP_TEST(times_by_target, CLIENT_WAYS)
{
    struct peer *first = peer_start(peer_upper, NULL), *second = peer_start(peer_upper, NULL);
    struct client_run run;
    json_t *latency[3];

    client_use_way(_i);
    run = client_run("1", ARGUMENTS("-n", "4", "-m", "300", "--threads", "2", "--host",
                                    host_of(first), "--host", host_of(second)));
    client_run_expect(&run, 0, 4, 0, 0);
    latency[0] = json_object_get(run.json, "latency_us");
    for (size_t i = 0; i < 2; i++)
        latency[i + 1] =
            json_object_get(json_array_get(json_object_get(run.json, "targets"), i), "latency_us");
    for (size_t i = 0; i < 3; i++) {
        json_int_t echoes =
            json_integer_value(json_object_get(json_object_get(latency[i], "echo"), "count"));
        json_int_t connects =
            json_integer_value(json_object_get(json_object_get(latency[i], "connect"), "count"));

        ck_assert_int_eq(connects, i == 0 ? 4 : 2);
        /* without --depth all except each session's first */
        ck_assert_int_le(echoes, (i == 0 ? 4 : 2) * 299);
        ck_assert_int_ge(echoes, (i == 0 ? 4 : 2) * (300 - (int)client_way()->depth));
    }
    peer_stop(first);
    peer_stop(second);
}

/* Answers one message, and closes in order, whatever is still coming. */
BEHAVIOUR(one_message)
{
    unsigned char bytes[SIZE];

    if (!peer_receive(fd, bytes, SIZE))
        return;
    transform_apply(TRANSFORM_UPPER, bytes, SIZE);
    peer_send(fd, bytes, SIZE);
    peer_finish(fd);
}

/* A session that reconnects goes back to its own server. The rows of --csv tell. */
LOOP_TEST(another_connection_is_to_the_same_target, CLIENT_PLAIN_WAYS)
{
    struct peer *first = peer_start(one_message, NULL), *second = peer_start(peer_upper, NULL);
    const char *port = peer_port_text(second);
    char *path = suite_template(), line[512];
    int fd = mkstemp(path);
    struct client_run run;
    unsigned rows = 0;
    FILE *file;

    ck_assert_int_ge(fd, 0);
    close(fd);
    client_use_way(_i);
    run = client_run("1", ARGUMENTS("-n", "4", "-m", "3", "--reconnect", "--csv", path, "--host",
                                    host_of(first), "--host", host_of(second)));
    ck_assert_int_eq(run.outcome.status, 0);
    ck_assert_int_eq(share(&run, 0, "messages", "verified"), 6);
    ck_assert_int_eq(share(&run, 0, "sessions", "reconnected"),
                     share(&run, 0, "sessions", "closed"));
    ck_assert_int_eq(share(&run, 1, "sessions", "requested"), 2);
    ck_assert_uint_eq(peer_accepted(second), 2);
    file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(fgets(line, sizeof line, file)); /* the header */
    for (; fgets(line, sizeof line, file) != NULL; rows++) {
        bool is_second = strstr(line, suite_text(",\"127.0.0.1:%s\"\r\n", port)) != NULL;

        ck_assert_msg(is_second == (strchr(line, ',')[1] % 2 != 0), "%s", line);
    }
    fclose(file);
    unlink(path);
    ck_assert_int_eq(rows, client_run_integer(&run, "sessions", "requested"));
    peer_stop(first);
    peer_stop(second);
}

CASE("Trouble")

LOOP_TEST(a_target_that_is_down, CLIENT_WAYS)
{
    struct peer *peer = peer_start(peer_upper, NULL);
    const char *dead = suite_text("127.0.0.1:%s", port_text(tcp_unused_port()));
    struct client_run run;

    client_use_way(_i);
    run = client_run("1", ARGUMENTS("-n", "5", "--host", dead, "--host", host_of(peer)));
    client_run_expect(&run, 1, 2, 3, 0);
    client_run_expect_error(&run, suite_text("%s: connect: connection refused", dead), 3);
    ck_assert_str_eq(run.outcome.err, suite_text("echo-client: target %s served none of its 3 "
                                                 "sessions; is the server running there?\n",
                                                 dead));
    ck_assert_int_eq(share(&run, 0, "sessions", "failed"), 3);
    ck_assert_int_eq(share(&run, 1, "sessions", "ok"), 2);
    ck_assert_int_eq(share(&run, 1, "messages", "verified"), 20);
    peer_stop(peer);
}

BEHAVIOUR(busy)
{
    peer_send(fd, "BUSY full\n", 10);
    peer_finish(fd);
}

LOOP_TEST(a_target_that_refuses, CLIENT_WAYS)
{
    struct peer *first = peer_start(peer_upper, NULL), *second = peer_start(busy, NULL);
    struct client_run run;

    client_use_way(_i);
    run =
        client_run("1", ARGUMENTS("-n", "4", "--host", host_of(first), "--host", host_of(second)));
    client_run_expect(&run, 1, 2, 0, 2);
    client_run_expect_error(&run, suite_text("%s: refused: BUSY full", host_of(second)), 2);
    ck_assert_str_eq(run.outcome.err, ""); /* it is there */
    peer_stop(first);
    peer_stop(second);
}

#define NO_UTF8 "unix:/nowhere/\xff"

/* JSON cannot have such bytes, and is not lost for them. */
TEST(a_path_that_is_no_utf8)
{
    struct client_run run = client_run("1", ARGUMENTS("-n", "1", "--host", NO_UTF8));
    const json_t *target = json_array_get(json_object_get(run.json, "targets"), 0);
    struct outcome outcome;

    client_run_expect(&run, 1, 0, 1, 0);
    ck_assert_str_eq(json_string_value(json_object_get(target, "name")), "unix:/nowhere/?");
    outcome = program_run(
        ARGUMENTS("echo-client", "-n", "1", "--host", NO_UTF8, "--ndjson", "-", "--quiet"), NULL);
    ck_assert_int_eq(outcome.status, 1);
    ck_assert_msg(strstr(outcome.out, ",\"target\":\"unix:/nowhere/?\"}\n") != NULL, "it says: %s",
                  outcome.out);
}

LOOP_TEST(paths_that_are_shown_alike, 2)
{
    const char *all = _i > 0 ? "--all-addresses" : NULL;
    struct outcome outcome = program_run(
        ARGUMENTS("echo-client", "-n", "1", "--host", NO_UTF8, "--host", "unix:/nowhere/\xfe", all),
        NULL);

    outcome_expect(&outcome, 2, "",
                   "echo-client: two values of --host are both shown as unix:/nowhere/?; give one "
                   "of the sockets another path\n");
    outcome = program_run(
        ARGUMENTS("echo-client", "-n", "1", "--host", NO_UTF8, "--host", NO_UTF8, all), NULL);
    ck_assert_int_eq(outcome.status, _i > 0 ? 1 : 2); /* with --all-addresses they are one target */
    ck_assert((strstr(outcome.err, "is given twice") != NULL) == (_i == 0));
}

TEST(more_than_there_is_room_for)
{
    const char *arguments[80] = {"echo-client", "-n", "1"};
    struct outcome outcome;

    for (size_t i = 0; i < 33; i++) {
        arguments[2 * i + 3] = "--host";
        arguments[2 * i + 4] = suite_text("127.0.0.%zu", i + 1);
    }
    outcome = program_run(arguments, NULL);
    outcome_expect(&outcome, 2, "",
                   "echo-client: --host 127.0.0.33 is not a name, an address or unix:PATH, perhaps "
                   "with a port, of which there may be 32\n");
}
