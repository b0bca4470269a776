/* SPDX-License-Identifier: MIT */
/* echo-client's command line: what is wrong is said in one line, and nothing is taken and ignored. */
#include "tests/harness.h"
#include "tests/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

struct wrong {
    const char *arguments[8];
    const char *line;
};

#define HINT "; try 'echo-client --help'"

static const struct wrong wrong[] = {
    {{"-n", "0"}, "--sessions 0 is not a number from 1 to 100000"},
    {{"--sessions", "100001"}, "--sessions 100001 is not a number from 1 to 100000"},
    {{"-n", "-1"}, "--sessions -1 is not a number from 1 to 100000"},
    {{"-n", "5x"}, "--sessions 5x is not a number from 1 to 100000"},
    {{"-n", ""}, "--sessions  is not a number from 1 to 100000"},
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
    {{"--timeout", "0"}, "--timeout 0 is not a time from 1ms to 1h with its unit, such as 30s"},
    {{"--timeout", "30"}, "--timeout 30 is not a time from 1ms to 1h with its unit, such as 30s"},
    {{"--timeout", "61m"}, "--timeout 61m is not a time from 1ms to 1h with its unit, such as 30s"},
    {{"--barrier", "echo"}, "--barrier echo is not connect or none"},
    {{"--transform", "lower"}, "--transform lower is not upper or none"},
    {{"-n"}, "option '-n' needs a value" HINT},
    {{"--host"}, "option '--host' needs a value" HINT},
    {{"--json=yes"}, "option '--json=yes' takes no value" HINT},
    {{"-x"}, "unknown option '-x'" HINT},
    {{"--rate", "5"}, "unknown option '--rate'" HINT},
    {{"--ramp", "5s"}, "unknown option '--ramp'" HINT},
    {{"--ca", "/etc/passwd"}, "--ca needs --tls" HINT},
    {{"--insecure"}, "--insecure needs --tls" HINT},
    {{"--tls", "--ca", "/etc/passwd", "--insecure"},
     "--ca and --insecure exclude each other: what is not verified needs no trust"},
    {{"--tls=yes"}, "option '--tls=yes' takes no value" HINT},
    {{"-n", "1", "report"}, "unexpected argument 'report'" HINT},
    {{"-m", "3"}, "--messages needs --sessions" HINT},
    {{"-s", "3"}, "--size needs --sessions" HINT},
    {{"-f", "/etc/passwd"}, "--file needs --sessions" HINT},
    {{"--barrier", "none"}, "--barrier needs --sessions" HINT},
    {{"--json"}, "--json needs --sessions" HINT},
    {{"-n", "1", "-s", "9", "-f", "/etc/passwd"},
     "--size and --file exclude each other: the lines of the file have their sizes"},
    {{"--quiet", "--verbose"}, "--quiet and --verbose exclude each other"},
};

/* Run with up to seven arguments. */
static struct outcome run(const char *const arguments[])
{
    const char *all[16] = {"echo-client"};

    for (size_t i = 0; i < 8 && arguments[i] != NULL; i++)
        all[i + 1] = arguments[i];
    return program_run(all, NULL);
}

START_TEST(a_wrong_option_is_named_in_one_line)
{
    struct outcome outcome = run(wrong[_i].arguments);
    char line[256];

    snprintf(line, sizeof line, "echo-client: %s\n", wrong[_i].line);
    ck_assert_str_eq(outcome.err, line);
    ck_assert_str_eq(outcome.out, "");
    ck_assert_int_eq(outcome.status, 2);
    outcome_clear(&outcome);
}
END_TEST

START_TEST(help_names_every_option)
{
    static const char *const options[] = {
        "  -n, --sessions N ", "  -m, --messages N ", "  -s, --size SIZE ", "  -f, --file FILE ",
        "      --host ADDR ",  "      --port N ",     "      --barrier ",   "      --transform ",
        "      --timeout T ",  "      --tls ",        "      --ca FILE ",   "      --insecure ",
        "      --json ",       "      --quiet ",      "      --verbose ",   "      --help ",
        "      --version ",
    };
    struct outcome outcome = run((const char *const[]){"--help", NULL});

    ck_assert_int_eq(outcome.status, 0);
    ck_assert_str_eq(outcome.err, "");
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        ck_assert_msg(strstr(outcome.out, options[i]) != NULL, "no \"%s\"", options[i]);
    outcome_clear(&outcome);
}
END_TEST

START_TEST(the_version)
{
    struct outcome outcome = run((const char *const[]){"--version", NULL});

    ck_assert_int_eq(outcome.status, 0);
    ck_assert_str_eq(outcome.out, "echo-client (echopool) 0.1.0\n");
    outcome_clear(&outcome);
}
END_TEST

START_TEST(files_that_cannot_be_used)
{
    static const char *const files[][2] = {
        {"/nowhere/text", "No such file or directory"},
        {"/etc", "Is a directory"},
        {"/dev/null", "it is empty"},
    };

    for (size_t i = 0; i < 3; i++) {
        struct outcome outcome = run((const char *const[]){"-n", "1", "-f", files[i][0], NULL});
        char line[128];

        snprintf(line, sizeof line, "echo-client: cannot take messages from %s: %s\n", files[i][0],
                 files[i][1]);
        ck_assert_str_eq(outcome.err, line);
        ck_assert_int_eq(outcome.status, 1);
        outcome_clear(&outcome);
    }
}
END_TEST

START_TEST(a_host_that_is_none)
{
    struct outcome outcome = run((const char *const[]){"-n", "1", "--host", "256.0.0.1.", NULL});

    ck_assert_ptr_eq(
        strstr(outcome.err, "echo-client: cannot find the address of --host 256.0.0.1.: "),
        outcome.err);
    ck_assert_int_eq(outcome.status, 1);
    outcome_clear(&outcome);
}
END_TEST

/* The exit status of a shell command, in which $C is the client. */
static int shell(const char *command)
{
    const char *top = getenv("TOP_BUILDDIR");
    char line[4096];
    int status;

    snprintf(line, sizeof line, "C='%s/echo-client'; %s", top != NULL ? top : ".", command);
    status = system(line);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

START_TEST(output_that_cannot_be_written)
{
    static const char said[] = "echo-client: cannot write to standard output: "
                               "No space left on device";
    char command[256];

    ck_assert_int_eq(shell("\"$C\" --help >/dev/full 2>/dev/null"), 1);
    ck_assert_int_eq(shell("\"$C\" --version >/dev/full 2>/dev/null"), 1);
    snprintf(command, sizeof command, "test \"$(\"$C\" --help 2>&1 >/dev/full)\" = '%s'", said);
    ck_assert_int_eq(shell(command), 0);
    /* a summary that cannot be printed is an error, too; port 1 has nobody */
    snprintf(command, sizeof command, "test \"$(\"$C\" -n 1 --port 1 2>&1 >/dev/full)\" = '%s'",
             said);
    ck_assert_int_eq(shell(command), 0);
    /* a closed standard output is not taken for a socket */
    ck_assert_int_eq(shell("\"$C\" -n 1 --port 1 >&- 2>/dev/null"), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client-options");
    TCase *core = tcase_create("Core");

    tcase_add_loop_test(core, a_wrong_option_is_named_in_one_line, 0,
                        sizeof wrong / sizeof wrong[0]);
    tcase_add_test(core, help_names_every_option);
    tcase_add_test(core, the_version);
    tcase_add_test(core, files_that_cannot_be_used);
    tcase_add_test(core, a_host_that_is_none);
    tcase_add_test(core, output_that_cannot_be_written);
    suite_add_tcase(suite, core);
    return suite_main(suite);
}
