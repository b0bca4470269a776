/* SPDX-License-Identifier: MIT */
/* echo-client's JSON, read back: see client-json.h. */
#include "tests/client-json.h"

#include <check.h>
#include <string.h>

enum { ARGUMENTS_MAX = 32 };

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
    json_int_t errors = 0;

    ck_assert_str_eq(json_string_value(member(run->json, "schema")), "echo-client/1");
    ck_assert_int_eq(client_run_integer(run, "sessions", "ok") +
                         client_run_integer(run, "sessions", "failed") +
                         client_run_integer(run, "sessions", "refused"),
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
    ck_assert_int_eq(errors, client_run_integer(run, "sessions", "failed") +
                                 client_run_integer(run, "sessions", "refused"));
}

struct client_run client_run_read(struct outcome outcome)
{
    struct client_run run = {.outcome = outcome};
    json_error_t error;

    run.json = json_loads(outcome.out, JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(run.json != NULL, "no JSON: %s\nstatus %d, output: %s\nerrors: %s", error.text,
                  outcome.status, outcome.out, outcome.err);
    check_arithmetic(&run);
    return run;
}

struct client_run client_run(const char *port, const char *const arguments[])
{
    const char *all[ARGUMENTS_MAX] = {"echo-client", "--json", "--port", port};

    for (size_t i = 0; arguments[i] != NULL; i++) {
        ck_assert_uint_lt(i + 5, ARGUMENTS_MAX);
        all[i + 4] = arguments[i];
    }
    return client_run_read(program_run(all, NULL));
}

void client_run_clear(struct client_run *run)
{
    outcome_clear(&run->outcome);
    json_decref(run->json);
}

void client_run_expect(const struct client_run *run, int status, int ok, int failed, int refused)
{
    ck_assert_msg(run->outcome.status == status &&
                      client_run_integer(run, "sessions", "ok") == ok &&
                      client_run_integer(run, "sessions", "failed") == failed &&
                      client_run_integer(run, "sessions", "refused") == refused,
                  "not status %d, %d ok, %d failed, %d refused, but status %d: %s%s", status, ok,
                  failed, refused, run->outcome.status, run->outcome.out, run->outcome.err);
}

void client_run_expect_error(const struct client_run *run, const char *words, int times)
{
    const json_t *errors = member(run->json, "errors");
    const json_t *count = json_object_get(errors, words);

    ck_assert_msg(count != NULL && json_integer_value(count) == times &&
                      json_object_size(errors) == 1,
                  "the errors are not {\"%s\": %d} in %s", words, times, run->outcome.out);
}
