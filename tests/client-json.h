/* SPDX-License-Identifier: MIT */
/**
 * @file client-json.h
 * Runs ./echo-client --json against a port and looks into the object it prints.
 */
#ifndef TESTS_CLIENT_JSON_H
#define TESTS_CLIENT_JSON_H

#include "tests/harness.h"
#include "tests/peer.h"

#include <jansson.h>

/** What came of a run. Free with client_run_clear(). */
struct client_run {
    struct outcome outcome;
    json_t *json;
};

/**
 * Run "echo-client --json --port PORT" with further arguments, ended by NULL. What holds for every
 * run is checked at once: the keys, and that the sessions and messages add up.
 */
struct client_run client_run(const char *port, const char *const arguments[]);

/** The same for a client that was started otherwise, with --json, and has ended. */
struct client_run client_run_read(struct outcome outcome);

void client_run_clear(struct client_run *run);

/** An integer by its path of one or two keys; the second may be NULL. The test fails without it. */
json_int_t client_run_integer(const struct client_run *run, const char *key, const char *inner);

/** A figure of "latency_us", such as ("echo", "p50"). */
double client_run_latency(const struct client_run *run, const char *phase, const char *figure);

/** Assert the exit status and the numbers of sessions. */
void client_run_expect(const struct client_run *run, int status, int ok, int failed, int refused);

/** Assert that "errors" holds exactly these words, that many times. */
void client_run_expect_error(const struct client_run *run, const char *words, int times);

#endif /* TESTS_CLIENT_JSON_H */
