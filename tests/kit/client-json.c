/* SPDX-License-Identifier: MIT */
/* echo-client's JSON, read back: see client-json.h. */
#include "tests/kit/client-json.h"

#include "tests/kit/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARGUMENTS_MAX = 40 };

const struct client_way client_ways[CLIENT_WAYS] = {
    {"a thread each", {NULL}, 1},
    {"loops", {"--threads", "2", NULL}, 1},
    {"a thread each, four at once", {"--depth", "4", NULL}, 4},
    {"loops, four at once", {"--threads", "2", "--depth", "4", NULL}, 4},
};

/* Each test runs in a process of its own, which begins with the first. */
static const struct client_way *way = &client_ways[0];

void client_use_way(int number)
{
    ck_assert_int_lt(number, CLIENT_WAYS);
    way = &client_ways[number];
}

const struct client_way *client_way(void)
{
    return way;
}

static const json_t *member(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    ck_assert_msg(value != NULL, "no \"%s\" in the client's JSON", key);
    return value;
}

json_int_t client_run_integer(const struct client_run *run, const char *key, const char *inner)
{
    const json_t *value = member(run->json, key);

    if (inner != NULL)
        value = member(value, inner);
    ck_assert_msg(json_is_integer(value), "\"%s\" is no integer", inner != NULL ? inner : key);
    return json_integer_value(value);
}

double client_run_real(const struct client_run *run, const char *key, const char *inner)
{
    const json_t *value = member(run->json, key);

    if (inner != NULL)
        value = member(value, inner);
    ck_assert_msg(json_is_real(value), "\"%s\" is no real number", inner != NULL ? inner : key);
    return json_real_value(value);
}

double client_run_latency(const struct client_run *run, const char *phase, const char *figure)
{
    const json_t *value = member(member(member(run->json, "latency_us"), phase), figure);

    ck_assert_msg(json_is_real(value), "\"%s\" is no real number", figure);
    return json_real_value(value);
}

/* Sessions, messages, errors and percentiles of any run agree with each other. */
static void check_arithmetic(const struct client_run *run)
{
    static const char *const phases[] = {"connect", "queue_wait", "handshake", "echo"};
    static const char *const figures[] = {"p50", "p90", "p99", "p999", "max"};
    const char *words;
    json_t *count;
    json_int_t errors = 0, sessions = 0, verified = 0;
    json_t *target;
    size_t index;

    ck_assert_str_eq(json_string_value(member(run->json, "schema")), "echo-client/1");
    ck_assert_int_eq(client_run_integer(run, "sessions", "ok") +
                         client_run_integer(run, "sessions", "failed") +
                         client_run_integer(run, "sessions", "refused") +
                         client_run_integer(run, "sessions", "closed"),
                     client_run_integer(run, "sessions", "requested"));
    ck_assert_int_le(client_run_integer(run, "messages", "verified") +
                         client_run_integer(run, "messages", "mismatched"),
                     client_run_integer(run, "messages", "sent"));
    ck_assert_int_ge(client_run_integer(run, "bytes", NULL), 0);
    ck_assert(json_is_real(member(run->json, "seconds")));
    ck_assert(json_is_real(member(run->json, "echoes_per_second")));
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 1; j < 5; j++)
            ck_assert_double_le(client_run_latency(run, phases[i], figures[j - 1]),
                                client_run_latency(run, phases[i], figures[j]));
    json_object_foreach(json_object_get(run->json, "errors"), words, count) errors +=
        json_integer_value(count);
    json_array_foreach(member(run->json, "targets"), index, target)
    {
        sessions += json_integer_value(member(member(target, "sessions"), "requested"));
        verified += json_integer_value(member(member(target, "messages"), "verified"));
    }
    ck_assert_int_eq(sessions, client_run_integer(run, "sessions", "requested"));
    ck_assert_int_eq(verified, client_run_integer(run, "messages", "verified"));
    ck_assert_int_eq(errors, client_run_integer(run, "sessions", "failed") +
                                 client_run_integer(run, "sessions", "refused"));
}

struct client_run client_run_read(struct outcome outcome)
{
    struct client_run run = {.outcome = outcome};
    json_error_t error;

    run.json = json_loads(outcome.out, JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(run.json != NULL, "no JSON: %s\nstatus %d, output: %.2000s\nerrors: %.2000s",
                  error.text, outcome.status, outcome.out, outcome.err);
    suite_keep(run.json);
    check_arithmetic(&run);
    return run;
}

/* Append lists of arguments to one command line. */
static void append(const char *all[ARGUMENTS_MAX], const char *const arguments[])
{
    size_t count = 0;

    while (all[count] != NULL)
        count++;
    while (arguments != NULL && *arguments != NULL) {
        ck_assert_uint_lt(count + 1, ARGUMENTS_MAX);
        all[count++] = *arguments++;
    }
}

/* The whole command line; the test's own arguments come last, and so are what counts. */
static void command_line(const char *all[ARGUMENTS_MAX], const char *port,
                         const char *const arguments[])
{
    append(all, ARGUMENTS("echo-client", "--json", "--port", port));
    append(all, way->arguments);
    append(all, arguments);
}

struct client_run client_run(const char *port, const char *const arguments[])
{
    const char *all[ARGUMENTS_MAX] = {NULL};

    command_line(all, port, arguments);
    return client_run_read(program_run(all, NULL));
}

struct client_run client_run_against(int number, peer_behaviour *behaviour, void *context,
                                     const char *const arguments[])
{
    struct peer *peer = peer_start(behaviour, context);
    struct client_run run;

    client_use_way(number);
    run = client_run(peer_port_text(peer), arguments);
    run.accepted = peer_accepted(peer);
    peer_stop(peer);
    return run;
}

static char text_port[8];

struct outcome client_text(peer_behaviour *behaviour, void *context, const char *const arguments[],
                           const char *input)
{
    const char *all[ARGUMENTS_MAX] = {NULL};
    struct peer *peer = peer_start(behaviour, context);
    struct outcome outcome;

    snprintf(text_port, sizeof text_port, "%s", peer_port_text(peer));
    append(all, ARGUMENTS("echo-client", "--port", text_port));
    append(all, arguments);
    outcome = program_run(all, input);
    peer_stop(peer);
    return outcome;
}

const char *client_text_port(void)
{
    return text_port;
}

struct program client_start(const char *port, const char *const arguments[])
{
    const char *all[ARGUMENTS_MAX] = {NULL};

    command_line(all, port, arguments);
    return program_start(all);
}

struct client_run client_wait(struct program *client)
{
    return client_run_read(program_wait(client));
}

void client_run_expect(const struct client_run *run, int status, int ok, int failed, int refused)
{
    ck_assert_msg(
        run->outcome.status == status && client_run_integer(run, "sessions", "ok") == ok &&
            client_run_integer(run, "sessions", "failed") == failed &&
            client_run_integer(run, "sessions", "refused") == refused,
        "%s: not status %d, %d ok, %d failed, %d refused, but status %d: %.2000s%.1000s", way->name,
        status, ok, failed, refused, run->outcome.status, run->outcome.out, run->outcome.err);
}

void client_run_expect_error(const struct client_run *run, const char *words, int times)
{
    const json_t *errors = member(run->json, "errors");
    const json_t *count = json_object_get(errors, words);
    char *all = json_dumps(errors, 0);

    ck_assert_msg(count != NULL && json_integer_value(count) == times &&
                      json_object_size(errors) == 1,
                  "%s: the errors are not {\"%s\": %d} but %s", way->name, words, times, all);
    free(all);
}
