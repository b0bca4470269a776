/* SPDX-License-Identifier: MIT */
/**
 * @file client-json.h
 * Runs ./echo-client --json against a port and looks into the object it prints.
 */
#ifndef TESTS_KIT_CLIENT_JSON_H
#define TESTS_KIT_CLIENT_JSON_H

#include "tests/kit/harness.h"
#include "tests/kit/peer.h"

#include <jansson.h>

/** A command line, as harness.h and client_run() want it. */
#define ARGUMENTS(...) ((const char *const[]){__VA_ARGS__, NULL})

/** What came of a run. */
struct client_run {
    struct outcome outcome;
    json_t *json;
    unsigned accepted; /**< of client_run_against(): the peer's connections */
};

/** A way of running sessions. The first two are the plain ones, without --depth. */
struct client_way {
    const char *name;
    const char *arguments[5]; /**< ended by NULL */
    unsigned depth;
};

/** For loop tests from 0 to CLIENT_WAYS: a thread each, event loops, and both with --depth. */
extern const struct client_way client_ways[];
enum { CLIENT_PLAIN_WAYS = 2, CLIENT_WAYS = 4 };
/** For loop tests of several cases: _i % CLIENT_WAYS is the way, and _i / CLIENT_WAYS the case. */
#define EACH_WAY(cases) ((cases)*CLIENT_WAYS)

/** From now on clients of this test run in that way. Without it: in the first. */
void client_use_way(int way);
const struct client_way *client_way(void);

/**
 * Run "echo-client --json --port PORT" with further arguments, ended by NULL. What holds for every
 * run is checked at once: the keys, and that the sessions and messages add up.
 */
struct client_run client_run(const char *port, const char *const arguments[]);

/** The same in a way, against a peer of that behaviour, which has stopped when this returns. */
struct client_run client_run_against(int way, peer_behaviour *behaviour, void *context,
                                     const char *const arguments[]);

/**
 * Run "echo-client --port PORT" as a person does, without --json, against a peer of that behaviour,
 * which has stopped when this returns.
 *
 * @param arguments  further ones, ended by NULL; may be NULL
 * @param input      given on standard input; NULL: none
 */
struct outcome client_text(peer_behaviour *behaviour, void *context, const char *const arguments[],
                           const char *input);

/** The port of the peer of the last client_text(). */
const char *client_text_port(void);

/** As client_run(), left running. */
struct program client_start(const char *port, const char *const arguments[]);

/** Wait for the end of a client that was started so. */
struct client_run client_wait(struct program *client);

/** The same for a client that was started otherwise, with --json, and has ended. */
struct client_run client_run_read(struct outcome outcome);

/** An integer by its path of one or two keys; the second may be NULL. The test fails without it. */
json_int_t client_run_integer(const struct client_run *run, const char *key, const char *inner);

/** The same of a real number. */
double client_run_real(const struct client_run *run, const char *key, const char *inner);

/** A figure of "latency_us", such as ("echo", "p50"). */
double client_run_latency(const struct client_run *run, const char *phase, const char *figure);

/** Assert the exit status and the numbers of sessions. */
void client_run_expect(const struct client_run *run, int status, int ok, int failed, int refused);

/** Assert that "errors" holds exactly these words, that many times. */
void client_run_expect_error(const struct client_run *run, const char *words, int times);

#endif /* TESTS_KIT_CLIENT_JSON_H */
