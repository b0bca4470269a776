/* SPDX-License-Identifier: MIT */
/* client/options: the values of right command lines, and the defaults. */
#include "client/options.h"
#include "tests/kit/harness.h"
#include "tests/kit/suite.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define MS INT64_C(1000000)

static struct options options;

/* Parse up to nine arguments after the program's name. */
static void parse(const char *const arguments[])
{
    static char copies[12][64]; /* getopt_long() changes their order */
    char *argv[12] = {copies[0]};
    int argc = 1;

    for (; arguments[argc - 1] != NULL; argc++) {
        snprintf(copies[argc], sizeof copies[argc], "%s", arguments[argc - 1]);
        argv[argc] = copies[argc];
    }
    options_parse(argc, argv, &options);
}

#define PARSE(...) parse((const char *const[]){__VA_ARGS__, NULL})

CASE("Core")

TEST(defaults_of_the_prompt)
{
    parse((const char *const[]){NULL});
    ck_assert_uint_eq(options.sessions, 0);
    ck_assert_uint_eq(options.hosts.count, 1);
    ck_assert_str_eq(options.hosts.at[0], "127.0.0.1");
    ck_assert_uint_eq(options.port, 8090);
    ck_assert_int_eq(options.timeout_ns, 30000 * MS);
    ck_assert_int_eq(options.transform, TRANSFORM_UPPER);
    ck_assert(!options.tls && !options.json && !options.quiet && !options.verbose && !options.top);
}

TEST(defaults_of_a_load)
{
    PARSE("-n", "5");
    ck_assert_uint_eq(options.sessions, 5);
    ck_assert_uint_eq(options.step_count, 0);
    ck_assert_uint_eq(options.threads, 0);
    ck_assert_uint_eq(options.messages, 10);
    ck_assert_int_eq(options.duration_ns, 0);
    ck_assert_uint_eq(options.size_min, 64);
    ck_assert_uint_eq(options.size_max, 64);
    ck_assert(options.barrier);
    ck_assert_double_eq(options.rate, 0);
    ck_assert_uint_eq(options.depth, 1);
    ck_assert_int_eq(options.ramp_ns, 0);
    ck_assert_int_eq(options.think.kind, SPREAD_NONE);
    ck_assert_uint_eq(options.idle, 0);
    ck_assert(!options.churn);
    ck_assert_int_eq(options.start_at_ns, 0);
    ck_assert_uint_eq(options.sources.count, 0);
    ck_assert_ptr_null(options.file);
    ck_assert_ptr_null(options.expect);
    ck_assert_ptr_null(options.csv);
    ck_assert_ptr_null(options.ndjson);
    ck_assert_ptr_null(options.hist);
    ck_assert_ptr_null(options.timeline);
}

TEST(messages_follow_from_the_duration)
{
    PARSE("-n", "1", "-d", "250ms");
    ck_assert_uint_eq(options.messages, UINT64_MAX);
    ck_assert_int_eq(options.duration_ns, 250 * MS);
    PARSE("-n", "1", "-d", "2s", "-m", "7");
    ck_assert_uint_eq(options.messages, 7);
    PARSE("-n", "1", "-m", "7", "-d", "2s"); /* in either order */
    ck_assert_uint_eq(options.messages, 7);
    PARSE("-n", "1", "-d", "24h", "--churn"); /* of each connection */
    ck_assert_uint_eq(options.messages, 10);
    ck_assert(options.churn);
    PARSE("-n", "1", "--churn", "-d", "1ms", "-m", "1000000000");
    ck_assert_uint_eq(options.messages, 1000000000);
}

TEST(the_barrier_follows_from_the_ramp)
{
    PARSE("-n", "1", "--ramp", "1s");
    ck_assert(!options.barrier);
    ck_assert_int_eq(options.ramp_ns, 1000 * MS);
    PARSE("-n", "1", "--ramp", "1s", "--barrier", "none");
    ck_assert(!options.barrier);
    PARSE("-n", "1", "--churn", "-d", "1s");
    ck_assert(!options.barrier);
    PARSE("-n", "1", "--barrier", "none");
    ck_assert(!options.barrier);
    PARSE("-n", "1", "--barrier", "connect", "-d", "1s");
    ck_assert(options.barrier);
}

TEST(steps_are_loads_of_their_own)
{
    PARSE("--steps", "4,16,8");
    ck_assert_uint_eq(options.step_count, 3);
    ck_assert_uint_eq(options.steps[0], 4);
    ck_assert_uint_eq(options.steps[1], 16);
    ck_assert_uint_eq(options.steps[2], 8);
    ck_assert_uint_eq(options.sessions, 16);    /* the largest */
    PARSE("--steps", "4,16,8", "--steps", "5"); /* the last one counts */
    ck_assert_uint_eq(options.step_count, 1);
    ck_assert_uint_eq(options.sessions, 5);
    PARSE("--steps", "100000");
    ck_assert_uint_eq(options.sessions, 100000);
}

TEST(rates)
{
    PARSE("-n", "1", "--rate", "1500.5", "--depth", "1024");
    ck_assert_double_eq(options.rate, 1500.5);
    ck_assert(!options.rate_random);
    ck_assert_uint_eq(options.depth, 1024);
    PARSE("-n", "1", "--rate", "exp:0.001");
    ck_assert_double_eq(options.rate, 0.001);
    ck_assert(options.rate_random);
    PARSE("-n", "1", "--rate", "exp:5", "--rate", "5");
    ck_assert(!options.rate_random);
}

TEST(times_to_think)
{
    PARSE("-n", "1", "--think", "5ms");
    ck_assert_int_eq(options.think.kind, SPREAD_CONSTANT);
    ck_assert_int_eq(options.think.from_ns, 5 * MS);
    PARSE("-n", "1", "--think", "0-50ms");
    ck_assert_int_eq(options.think.kind, SPREAD_EVEN);
    ck_assert_int_eq(options.think.from_ns, 0);
    ck_assert_int_eq(options.think.to_ns, 50 * MS);
    PARSE("-n", "1", "--think", "exp:1.5s");
    ck_assert_int_eq(options.think.kind, SPREAD_EXPONENTIAL);
    ck_assert_int_eq(options.think.from_ns, 1500 * MS);
    PARSE("-n", "1", "--think", "1ms-2ms", "--think", "1h");
    ck_assert_int_eq(options.think.kind, SPREAD_CONSTANT);
    ck_assert_int_eq(options.think.to_ns, 0);
}

TEST(everything_else_arrives)
{
    long long seconds = (long long)time(NULL);
    const char *now = suite_text("%lld", seconds);

    PARSE("-n", "9", "--threads", "3", "--idle", "100000", "--start-at", now, "--quiet");
    ck_assert_uint_eq(options.threads, 3);
    ck_assert_uint_eq(options.idle, 100000);
    ck_assert_int_eq(options.start_at_ns, seconds * 1000 * MS);
    ck_assert(options.quiet);
    PARSE("-n", "9", "--source", "127.0.0.1-127.0.0.8", "--expect", "p99<5ms", "--json");
    ck_assert_uint_eq(options.sources.count, 8);
    ck_assert_str_eq(options.expect, "p99<5ms");
    ck_assert(options.json);
    PARSE("-n", "9", "-s", "64-4K", "--csv", "a", "--ndjson", "b");
    ck_assert_uint_eq(options.size_min, 64);
    ck_assert_uint_eq(options.size_max, 4096);
    ck_assert_str_eq(options.csv, "a");
    ck_assert_str_eq(options.ndjson, "b");
    PARSE("-n", "9", "--hist", "c", "--timeline", "-", "--quiet", "-f", "d");
    ck_assert_str_eq(options.hist, "c");
    ck_assert_str_eq(options.timeline, "-");
    ck_assert_str_eq(options.file, "d");
    PARSE("--host", "h", "--port", "65535", "--transform", "none", "--timeout", "1h", "--verbose");
    ck_assert_uint_eq(options.hosts.count, 1);
    ck_assert_str_eq(options.hosts.at[0], "h");
    ck_assert_uint_eq(options.port, 65535);
    ck_assert_int_eq(options.transform, TRANSFORM_NONE);
    ck_assert_int_eq(options.timeout_ns, 3600000 * MS);
    ck_assert(options.verbose);
}

TEST(several_hosts)
{
    PARSE("-n", "9", "--host", "h", "--host=[::1]:8091", "--all-addresses");
    ck_assert_uint_eq(options.hosts.count, 2);
    ck_assert_str_eq(options.hosts.at[0], "h");
    ck_assert_str_eq(options.hosts.at[1], "[::1]:8091");
    ck_assert(options.all_addresses);
}

TEST_IF(the_full_screen_needs_a_terminal, terminal_is_there())
{
    int null = open("/dev/null", O_RDWR), terminal = posix_openpt(O_RDWR | O_NOCTTY);

    ck_assert_int_eq(dup2(null, STDERR_FILENO), STDERR_FILENO);
    PARSE("-n", "1", "--top");
    ck_assert(!options.top);
    ck_assert_int_eq(dup2(terminal, STDERR_FILENO), STDERR_FILENO);
    PARSE("-n", "1", "--top");
    ck_assert(options.top);
    PARSE("-n", "1", "--top", "--quiet");
    ck_assert(!options.top);
    PARSE("-n", "1");
    ck_assert(!options.top);
    close(null);
    close(terminal);
}
