/* SPDX-License-Identifier: MIT */
/*
 * common/option: how a table of options reads a command line. The sentences about mistakes are
 * tested with the programs that make them, in check_client_options and check_server_start.
 */
#include "common/option.h"
#include "tests/kit/suite.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum color { RED, GREEN, BLUE };

struct options {
    bool fast;
    bool deep;
    const char *name;
    uint16_t port, behind_port; /* a number must not spill into its neighbour */
    uint32_t count, behind_count;
    uint64_t bytes;
    int64_t wait_ns;
    enum color color;
    unsigned other;
};

static const char *const colors[] = {"red", "green", "blue", NULL};
static const char *const depths[] = {"flat", "deep", NULL};
static const char *const automatic[] = {"auto", NULL};

/* Count the calls, and accept values that begin with x. */
static bool read_other(const char *value, void *member)
{
    ++*(unsigned *)member;
    return value[0] == 'x';
}

static const struct option_row rows[] = {
    OPTION_HEADING("Some:"),
    {"fast", NULL, NULL, "fast", OPTION_FLAG(fast), .letter = 'f'},
    {"depth", "WORD", "deep", "depth", OPTION_WORD(deep, depths)},
    {"name", "NAME", NULL, "name", OPTION_TEXT(name)},
    OPTION_HEADING("Others:"),
    {"port", "N", "8090", "port", OPTION_NUMBER(port, 0, 65535), .letter = 'p'},
    {"count", "N", "4", "count", OPTION_NUMBER(count, 1, 4096), .words = automatic},
    {"bytes", "BYTES", "64K", "bytes", OPTION_SIZE(bytes, 1, 3 << 20)},
    {"wait", "T", "1.5s", "wait", OPTION_TIME(wait_ns, 1000000, INT64_C(5400) * 1000000000),
     .needs = {"name", "color"}},
    {"color", "WORD", "green", "color", OPTION_WORD(color, colors)},
    {"other", "X", NULL, "other", OPTION_OTHER(other, read_other, "an x")},
    OPTION_HELP_AND_VERSION,
    OPTION_END,
};
static const struct option_conflict conflicts[] = {{"fast", "name", "why"}, {NULL, NULL, NULL}};
static const struct option_command command = {
    .name = "test", .usage = "", .operand = "FILE", .rows = rows, .conflicts = conflicts};

static struct options options;
static struct option_line line;

static void read_line(const char *const arguments[])
{
    static char copies[12][32]; /* getopt_long() changes their order */
    char *argv[12] = {copies[0]};
    int argc = 1;

    for (; arguments[argc - 1] != NULL; argc++) {
        snprintf(copies[argc], sizeof copies[argc], "%s", arguments[argc - 1]);
        argv[argc] = copies[argc];
    }
    options = (struct options){.behind_port = 1, .behind_count = 2};
    option_read(&command, argc, argv, &options, &line);
    ck_assert_int_le(line.operands, argc);
    line.operands = argc - line.operands; /* their number, for the tests */
}

#define READ(...) read_line((const char *const[]){__VA_ARGS__, NULL})

CASE("Core")

TEST(defaults_are_read_from_the_table)
{
    read_line((const char *const[]){NULL});
    ck_assert(!options.fast && options.deep);
    ck_assert_ptr_null(options.name);
    ck_assert_uint_eq(options.port, 8090);
    ck_assert_uint_eq(options.count, 4);
    ck_assert_uint_eq(options.bytes, 65536);
    ck_assert_int_eq(options.wait_ns, 1500000000);
    ck_assert_int_eq(options.color, GREEN);
    ck_assert_uint_eq(options.other, 0);
    ck_assert(!option_given(&line, "port") && !option_given(&line, "fast"));
}

TEST(values_are_stored)
{
    READ("--depth", "flat", "--name", "n", "--port=65535", "--count", "4096", "--bytes", "3M");
    ck_assert(!options.deep);
    ck_assert_str_eq(options.name, "n");
    ck_assert_uint_eq(options.port, 65535);
    ck_assert_uint_eq(options.count, 4096);
    ck_assert(options.behind_port == 1 && options.behind_count == 2);
    ck_assert_uint_eq(options.bytes, 3 << 20);
    ck_assert(option_given(&line, "name") && !option_given(&line, "wait"));
    READ("--fast", "--wait", "90m", "--color", "blue", "--other", "x", "--other", "xx");
    ck_assert(options.fast);
    ck_assert_int_eq(options.wait_ns, INT64_C(5400000000000));
    ck_assert_int_eq(options.color, BLUE);
    ck_assert_uint_eq(options.other, 2); /* an option may be repeated; its function sees each */
}

TEST(a_word_may_stand_for_a_number)
{
    READ("--count", "auto");
    ck_assert_uint_eq(options.count, 0);
}

/* Joined letters, abbreviations, and files between options, as getopt_long() reads them. */
TEST(lines_are_taken_apart)
{
    READ("-fp7");
    ck_assert(options.fast);
    ck_assert_uint_eq(options.port, 7);
    READ("-p", "8", "--col", "red");
    ck_assert_uint_eq(options.port, 8);
    ck_assert_int_eq(options.color, RED);
    READ("one", "--fast", "two", "--", "--help");
    ck_assert(options.fast);
    ck_assert_int_eq(line.operands, 3);
    READ("--port", "1", "--port", "2"); /* the last one counts */
    ck_assert_uint_eq(options.port, 2);
}

TEST(ranges_are_written_as_a_user_would)
{
    static const char *const expected[] = {
        [1] = "",           [2] = "flat or deep",       [3] = "",
        [5] = "0 to 65535", [6] = "1 to 4096 or auto",  [7] = "1 to 3M",
        [8] = "1ms to 90m", [9] = "red, green or blue", [10] = "an x",
        [11] = "",
    };
    char text[OPTION_RANGE_MAX];

    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        if (expected[i] != NULL)
            ck_assert_str_eq(option_range(&rows[i], text), expected[i]);
}

/* Return the exit status for these arguments; 100: they are right. */
static int end(const char *const arguments[])
{
    int status;
    pid_t pid = fork();

    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        ck_assert_ptr_nonnull(freopen("/dev/null", "w", stdout));
        ck_assert_ptr_nonnull(freopen("/dev/null", "w", stderr));
        read_line(arguments);
        _exit(100);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define END(...) end((const char *const[]){__VA_ARGS__, NULL})

CASE("Ends")

TEST(mistakes_end_the_program)
{
    ck_assert_int_eq(END("--fast", "--bytes", "1"), 100);
    ck_assert_int_eq(END("--bytes", "0"), 2);
    ck_assert_int_eq(END("--bytes", "4M"), 2);
    ck_assert_int_eq(END("--wait", "999us", "--name", "n"), 2);
    ck_assert_int_eq(END("--wait", "91m", "--name", "n"), 2);
    ck_assert_int_eq(END("--other", "y"), 2);
    ck_assert_int_eq(END("--name", ""), 2);
    ck_assert_int_eq(END("--co", "red"), 2); /* --count or --color */
    ck_assert_int_eq(END("--wait", "1s"), 2);
    ck_assert_int_eq(END("--wait", "1s", "--name", "n"), 100);
    ck_assert_int_eq(END("--wait", "1s", "--color", "red"), 100);
    ck_assert_int_eq(END("--fast", "--name", "n"), 2);
}

TEST(help_wins_wherever_it_stands)
{
    ck_assert_int_eq(END("--help"), 0);
    ck_assert_int_eq(END("--bytes", "0", "-h"), 0);
    ck_assert_int_eq(END("--nonsense", "--version"), 0);
    ck_assert_int_eq(END("--vers"), 0);
    ck_assert_int_eq(END("-fh"), 0);
    ck_assert_int_eq(END("--nonsense", "--", "--help"), 2);
}
