/* SPDX-License-Identifier: MIT */
/* echo-client's command line: a mistake is answered in one line, and no option is ignored. */
#include "tests/kit/harness.h"
#include "tests/kit/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

struct wrong {
    const char *arguments[10];
    const char *line;
};

#define HINT  "; try 'echo-client --help'"
#define STEPS "up to 64 numbers from 1 to 100000 with commas between, such as 4,8,16"
#define ONES  "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1"
#define RATE  "a number from 0.001 to 1000000000, or exp:R for random times"
#define THINK                                                                                      \
    "a time up to 1h with its unit, a range such as 10ms-50ms, or exp:T for random times with "    \
    "mean T"
#define NEEDS  " needs --sessions or --steps" HINT
#define SOURCE "a numeric address, or a range of up to 65536 such as 127.0.0.1-127.0.0.8"

#define HOST "a name, an address or unix:PATH, perhaps with a port, of which there may be 32"

static const struct wrong wrong[] = {
    {{"-n", "0"}, "--sessions 0 is not a number from 1 to 100000"},
    {{"--sessions", "100001"}, "--sessions 100001 is not a number from 1 to 100000"},
    {{"-n", "-1"}, "--sessions -1 is not a number from 1 to 100000"},
    {{"-n", "5x"}, "--sessions 5x is not a number from 1 to 100000"},
    {{"-n", ""}, "--sessions '' is not a number from 1 to 100000"},
    {{"-n", "1", "-m", "0"}, "--messages 0 is not a number from 1 to 1000000000"},
    {{"-n", "1", "-m", "18446744073709551617"},
     "--messages 18446744073709551617 is not a number from 1 to 1000000000"},
    {{"--port", "0"}, "--port 0 is not a number from 1 to 65535"},
    {{"--port", "65536"}, "--port 65536 is not a number from 1 to 65535"},
    {{"-n", "1", "-s", "0"}, "--size 0 is not a size from 1 to 16M, or a range such as 64-4K"},
    {{"-n", "1", "-s", "17M"}, "--size 17M is not a size from 1 to 16M, or a range such as 64-4K"},
    {{"-n", "1", "-s", "9-8"}, "--size 9-8 is not a size from 1 to 16M, or a range such as 64-4K"},
    {{"-n", "1", "-s", "1-"}, "--size 1- is not a size from 1 to 16M, or a range such as 64-4K"},
    {{"-n", "1", "-s", "-9"}, "--size -9 is not a size from 1 to 16M, or a range such as 64-4K"},
    {{"-n", "1", "-s", "1-2-3"},
     "--size 1-2-3 is not a size from 1 to 16M, or a range such as 64-4K"},
    {{"--timeout", "0"}, "--timeout 0 is not a time with a unit, from 1ms to 1h"},
    {{"--timeout", "30"}, "--timeout 30 is not a time with a unit, from 1ms to 1h"},
    {{"--timeout", "61m"}, "--timeout 61m is not a time with a unit, from 1ms to 1h"},
    {{"--barrier", "echo"}, "--barrier echo is not none or connect"},
    {{"--transform", "lower"}, "--transform lower is not upper or none"},
    {{"-n"}, "option '-n' needs a value" HINT},
    {{"--host"}, "option '--host' needs a value" HINT},
    {{"--json=yes"}, "option '--json=yes' takes no value" HINT},
    {{"-x"}, "unknown option '-x'" HINT},
    {{"--rates", "5"}, "unknown option '--rates'" HINT},
    {{"--time", "5s"}, "unknown option '--time'" HINT}, /* --timeout or --timeline */
    {{"--steps", "4,8,"}, "--steps 4,8, is not " STEPS},
    {{"--steps", ""}, "--steps '' is not " STEPS},
    {{"--steps", "4,,8"}, "--steps 4,,8 is not " STEPS},
    {{"--steps", "4, 8"}, "--steps 4, 8 is not " STEPS},
    {{"--steps", "0"}, "--steps 0 is not " STEPS},
    {{"--steps", "1,100001"}, "--steps 1,100001 is not " STEPS},
    {{"--steps", ONES "," ONES "," ONES "," ONES ",1"},
     "--steps " ONES "," ONES "," ONES "," ONES ",1 is not " STEPS},
    {{"--steps", "4,8", "-n", "8"},
     "--sessions and --steps exclude each other: each step has its own number"},
    {{"-n", "1", "--threads", "0"}, "--threads 0 is not a number from 1 to 1024"},
    {{"-n", "1", "--threads", "1025"}, "--threads 1025 is not a number from 1 to 1024"},
    {{"-n", "1", "--depth", "0"}, "--depth 0 is not a number from 1 to 1024"},
    {{"-n", "1", "--depth", "1025"}, "--depth 1025 is not a number from 1 to 1024"},
    {{"-n", "1", "--idle", "0"}, "--idle 0 is not a number from 1 to 100000"},
    {{"-n", "1", "-d", "10"}, "--duration 10 is not a time with a unit, from 1ms to 24h"},
    {{"-n", "1", "-d", "0s"}, "--duration 0s is not a time with a unit, from 1ms to 24h"},
    {{"-n", "1", "--duration", "25h"}, "--duration 25h is not a time with a unit, from 1ms to 24h"},
    {{"-n", "1", "--ramp", "61m"}, "--ramp 61m is not a time with a unit, from 1ms to 1h"},
    {{"-n", "1", "--rate", "0"}, "--rate 0 is not " RATE},
    {{"-n", "1", "--rate", "1e5"}, "--rate 1e5 is not " RATE},
    {{"-n", "1", "--rate", "-5"}, "--rate -5 is not " RATE},
    {{"-n", "1", "--rate", "1000000001"}, "--rate 1000000001 is not " RATE},
    {{"-n", "1", "--rate", "exp:"}, "--rate exp: is not " RATE},
    {{"-n", "1", "--rate", "exp:0.0009"}, "--rate exp:0.0009 is not " RATE},
    {{"-n", "1", "--rate", "uniform:5"}, "--rate uniform:5 is not " RATE},
    {{"-n", "1", "--think", "0"}, "--think 0 is not " THINK},
    {{"-n", "1", "--think", "10"}, "--think 10 is not " THINK},
    {{"-n", "1", "--think", "50ms-10ms"}, "--think 50ms-10ms is not " THINK},
    {{"-n", "1", "--think", "10ms-10ms"}, "--think 10ms-10ms is not " THINK},
    {{"-n", "1", "--think", "10ms-"}, "--think 10ms- is not " THINK},
    {{"-n", "1", "--think", "exp:0"}, "--think exp:0 is not " THINK},
    {{"-n", "1", "--think", "exp:1ms-2ms"}, "--think exp:1ms-2ms is not " THINK},
    {{"-n", "1", "--think", "61m"}, "--think 61m is not " THINK},
    {{"-n", "1", "--start-at", "soon"},
     "--start-at soon is not a time such as 2026-11-21T14:30:00Z, or the seconds since 1970"},
    {{"-n", "1", "--start-at", "4102444800000"},
     "--start-at 4102444800000 is not a time such as 2026-11-21T14:30:00Z, or the seconds since "
     "1970"},
    {{"-n", "1", "--source", "localhost"}, "--source localhost is not " SOURCE},
    {{"-n", "1", "--source", "127.0.0.2-127.0.0.1"}, "--source 127.0.0.2-127.0.0.1 is not " SOURCE},
    {{"-n", "1", "--source", "127.0.0.1", "--host", "unix:/x"},
     "--source needs a --host with a port: a client of a unix socket has no address"},
    {{"-n", "1", "--expect", "p99<5"},
     "--expect cannot be understood: in 'p99<5', '5' is not a time with its unit, such as 5ms"},
    {{"-n", "1", "--expect", ""},
     "--expect cannot be understood: a clause is empty; an example is p99<5ms"},
    {{"-n", "1", "--rate", "5", "--think", "1ms"},
     "--rate and --think exclude each other: a schedule does not wait for replies"},
    {{"-n", "1", "--depth", "2", "--think", "1ms"},
     "--depth and --think exclude each other: a session that waits after each reply has no other "
     "message under way"},
    {{"-n", "1", "--churn"},
     "--churn needs --duration: without it the sessions would reconnect for ever"},
    {{"-n", "1", "--barrier", "connect", "--ramp", "5s"},
     "--ramp and --barrier connect exclude each other: sessions that begin one after another do "
     "not wait for the last"},
    {{"-n", "1", "--churn", "-d", "1s", "--barrier", "connect"},
     "--churn and --barrier connect exclude each other: sessions that come and go are never all "
     "connected"},
    {{"-n", "1", "--warm-up", "1s", "-d", "1s"},
     "--warm-up must be shorter than --duration: nothing would be left to measure"},
    {{"-n", "1", "--warm-up", "0"}, "--warm-up 0 is not a time with a unit, from 1ms to 1h"},
    {{"--warm-up", "1s"}, "--warm-up" NEEDS},
    {{"-n", "1", "--ramp", "1s", "-d", "1s"},
     "--ramp must be shorter than --duration: the last sessions would begin too late"},
    {{"-n", "1", "--json", "--csv", "-"}, "--json and --csv would both write to standard output"},
    {{"-n", "1", "--quiet", "--hist", "-", "--ndjson", "-"},
     "--ndjson and --hist would both write to standard output"},
    {{"-n", "1", "--csv", "a.txt", "--timeline", "a.txt"},
     "--csv and --timeline would both write to a.txt"},
    {{"-n", "1", "--csv", "-"}, "--csv - needs --quiet: the summary goes to standard output, too"},
    {{"-n", "1", "--timeline", "-", "--csv", "a.txt"},
     "--timeline - needs --quiet: the summary goes to standard output, too"},
    {{"-n", "1", "--hist", ""}, "--hist '' is not the name of a file"},
    {{"-n", "1", "--top", "--verbose"},
     "--top and --verbose exclude each other: both write to standard error"},
    {{"--ca", "/etc/passwd"}, "--ca needs --tls" HINT},
    {{"--insecure"}, "--insecure needs --tls" HINT},
    {{"--tls", "--ca", "/etc/passwd", "--insecure"},
     "--ca and --insecure exclude each other: a certificate that is not verified needs no CA"},
    {{"--tls=yes"}, "option '--tls=yes' takes no value" HINT},
    {{"-n", "1", "report"}, "unexpected argument 'report'" HINT},
    {{"--host", ""}, "--host '' is not " HOST},
    {{"--host", ":8090"}, "--host :8090 is not " HOST},
    {{"--host", "web1:0"}, "--host web1:0 is not " HOST},
    {{"--host", "[::1]:65536"}, "--host [::1]:65536 is not " HOST},
    {{"--host", "web1:http"}, "--host web1:http is not " HOST},
    {{"--host", "127.0.0.1", "--host", "127.0.0.2"},
     "--host is given 2 times, and the prompt talks to one server; several need --sessions or "
     "--steps"},
    {{"-n", "2", "--host", "127.0.0.1:8090", "--host", "127.0.0.1"},
     "--host 127.0.0.1:8090 is given twice: each server has one share of the sessions"},
    {{"--all-addresses"}, "--all-addresses" NEEDS},
    {{"-m", "3"}, "--messages" NEEDS},
    {{"-s", "3"}, "--size" NEEDS},
    {{"-f", "/etc/passwd"}, "--file" NEEDS},
    {{"--barrier", "none"}, "--barrier" NEEDS},
    {{"--json"}, "--json" NEEDS},
    {{"--threads", "2"}, "--threads" NEEDS},
    {{"-d", "1s"}, "--duration" NEEDS},
    {{"--depth", "2"}, "--depth" NEEDS},
    {{"--ramp", "1s"}, "--ramp" NEEDS},
    {{"--rate", "exp:5"}, "--rate" NEEDS},
    {{"--think", "1ms-2ms"}, "--think" NEEDS},
    {{"--churn"}, "--churn" NEEDS},
    {{"--idle", "5"}, "--idle" NEEDS},
    {{"--source", "::1"}, "--source" NEEDS},
    {{"--expect", "p99<5ms"}, "--expect" NEEDS},
    {{"--csv", "/x"}, "--csv" NEEDS},
    {{"--ndjson", "/x"}, "--ndjson" NEEDS},
    {{"--hist", "/x"}, "--hist" NEEDS},
    {{"--timeline", "/x"}, "--timeline" NEEDS},
    {{"--top"}, "--top" NEEDS},
    {{"-n", "1", "-s", "9", "-f", "/etc/passwd"},
     "--size and --file exclude each other: the lines of the file have their sizes"},
    {{"-n", "5", "--clock-of", "web1"},
     "--clock-of web1 is not a name or an address with a port, such as web1:8091"},
    {{"--clock-of", "web1:8091"}, "--clock-of needs --sessions or --steps" HINT},
    {{"-n", "5", "--find-rate", "p99<5"},
     "--find-rate cannot be understood: in 'p99<5', '5' is not a time with its unit, such as 5ms"},
    {{"--find-rate", "p99<5ms"}, "--find-rate needs --sessions or --steps" HINT},
    {{"-n", "5", "--curve", "rate.svg"}, "--curve needs --find-rate" HINT},
    {{"--find-rate", "p99<5ms", "--steps", "1,2"},
     "--find-rate and --steps exclude each other: each load of a search has the same number of "
     "sessions"},
    {{"-n", "5", "--find-rate", "p99<5ms", "-m", "10"},
     "--find-rate and --messages exclude each other: each load of a search lasts for --duration"},
    {{"-n", "5", "--find-rate", "p99<5ms", "--churn", "-d", "1s"},
     "--find-rate and --churn exclude each other: each session of a search lasts for --duration"},
    {{"-n", "5", "--find-rate", "p99<5ms", "--think", "1s"},
     "--find-rate and --think exclude each other: a schedule does not wait for replies"},
    {{"-n", "5", "--find-rate", "p99<5ms", "--warm-up", "5s"},
     "--warm-up must be shorter than --duration: nothing would be left to measure"},
    {{"-n", "5", "--find-rate", "p99<5ms", "--csv", "a", "--curve", "a"},
     "--csv and --curve would both write to a"},
    {{"--quiet", "--verbose"}, "--quiet and --verbose exclude each other"},
};

/* Run with up to nine arguments. */
static struct outcome run(const char *const arguments[])
{
    const char *all[16] = {"echo-client"};

    for (size_t i = 0; i < 10 && arguments[i] != NULL; i++)
        all[i + 1] = arguments[i];
    return program_run(all, NULL);
}

CASE("Core")

LOOP_TEST(a_wrong_option_is_named_in_one_line, COUNT_OF(wrong))
{
    struct outcome outcome = run(wrong[_i].arguments);
    const char *line = suite_text("echo-client: %s\n", wrong[_i].line);

    outcome_expect(&outcome, 2, "", line);
}

/* `date +%s` cuts off up to a second; a time that has passed by more is refused. */
TEST(times_that_have_passed)
{
    char when[32], line[128];
    struct outcome outcome;

    snprintf(when, sizeof when, "%lld", (long long)time(NULL) - 3600);
    outcome = run((const char *const[]){"-n", "1", "--start-at", when, NULL});
    snprintf(line, sizeof line, "echo-client: --start-at %s has passed, 360", when);
    ck_assert_msg(strncmp(outcome.err, line, strlen(line)) == 0, "%s", outcome.err);
    ck_assert_int_eq(outcome.status, 2);

    snprintf(when, sizeof when, "%lld", (long long)time(NULL) + 8 * 86400 + 60);
    outcome = run((const char *const[]){"-n", "1", "--start-at", when, NULL});
    snprintf(line, sizeof line, "echo-client: --start-at %s is more than a week ahead, by 8 days\n",
             when);
    outcome_expect(&outcome, 2, NULL, line);
}

TEST(the_version)
{
    struct outcome outcome = run((const char *const[]){"--version", NULL});

    outcome_expect(&outcome, 0, "echo-client (echopool) 0.1.0\n", NULL);
}

TEST(files_that_cannot_be_used)
{
    static const char *const files[][2] = {
        {"/nowhere/text", "No such file or directory"},
        {"/etc", "Is a directory"},
        {"/dev/null", "it is empty"},
    };

    for (size_t i = 0; i < 3; i++) {
        struct outcome outcome = run((const char *const[]){"-n", "1", "-f", files[i][0], NULL});
        const char *line =
            suite_text("echo-client: cannot take messages from %s: %s\n", files[i][0], files[i][1]);

        outcome_expect(&outcome, 1, NULL, line);
    }
}

TEST(a_host_that_is_none)
{
    struct outcome outcome = run((const char *const[]){"-n", "1", "--host", "256.0.0.1.", NULL});

    ck_assert_ptr_eq(
        strstr(outcome.err, "echo-client: cannot find the address of --host 256.0.0.1.: "),
        outcome.err);
    ck_assert_int_eq(outcome.status, 1);
}

/* Run a shell command, in which $C is the client. @return its exit status */
static int shell(const char *command)
{
    int status;
    const char *line = suite_text("C='%s/echo-client'; %s", build_folder(), command);

    status = system(line);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

TEST(output_that_cannot_be_written)
{
    static const char said[] = "echo-client: cannot write to standard output: "
                               "No space left on device";
    char command[256];

    ck_assert_int_eq(shell("\"$C\" --help >/dev/full 2>/dev/null"), 1);
    ck_assert_int_eq(shell("\"$C\" --version >/dev/full 2>/dev/null"), 1);
    snprintf(command, sizeof command, "test \"$(\"$C\" --help 2>&1 >/dev/full)\" = '%s'", said);
    ck_assert_int_eq(shell(command), 0);
    /* a summary that cannot be printed is an error, too; no server listens on port 1 */
    snprintf(command, sizeof command, "test \"$(\"$C\" -n 1 --port 1 2>&1 >/dev/full)\" = '%s'",
             said);
    ck_assert_int_eq(shell(command), 0);
    /* a socket must not take the place of a closed standard output */
    ck_assert_int_eq(shell("\"$C\" -n 1 --port 1 >&- 2>/dev/null"), 1);
}

/* A limit on the size of files (ulimit -f) is as a full disk: no SIGXFSZ ends the client. */
TEST(output_into_a_file_that_may_not_grow)
{
    static const char *const arguments[] = {"--help", "-n 1 --port 1", "-n 1 --port 1 --json"};
    const char *file = suite_file_that_may_not_grow();

    for (size_t i = 0; i < sizeof arguments / sizeof arguments[0]; i++)
        ck_assert_int_eq(
            shell(suite_text("test \"$(\"$C\" %s 2>&1 >>%s)\" = 'echo-client: cannot write to "
                             "standard output: File too large'",
                             arguments[i], file)),
            0);
    ck_assert_int_eq(
        shell(suite_text("\"$C\" -n 1 --port 1 --quiet --csv - >>%s 2>/dev/null", file)), 1);
}
