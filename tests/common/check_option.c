/* SPDX-License-Identifier: MIT */
/*
 * common/option: how a table of options reads a command line, an environment and a file. The sentences
 * about mistakes on a command line are tested with the programs that make them, in check_client_options
 * and check_server_start; those about the other sources are here.
 */
#include "common/option.h"
#include "tests/kit/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
    const char *config;
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
    {"other", "X", NULL, "other", OPTION_OTHER(other, read_other, "an x"), .otherwise = "no x",
     .repeats = true},
    OPTION_CONFIGURATION,
    OPTION_HELP_AND_VERSION,
    OPTION_END,
};
static const struct option_conflict conflicts[] = {{"fast", "name", "why"}, {NULL, NULL, NULL}};
static const struct option_command command = {.name = "test",
                                              .usage = "",
                                              .operand = "FILE",
                                              .rows = rows,
                                              .conflicts = conflicts,
                                              .environment = "TRIAL_"};

static struct options options;
static struct option_line line;

static void read_line(const char *const arguments[])
{
    static char copies[12][64]; /* getopt_long() changes their order */
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
        [1] = "",
        [2] = "flat or deep",
        [3] = "",
        [5] = "0 to 65535",
        [6] = "1 to 4096 or auto",
        [7] = "1 to 3M",
        [8] = "1ms to 90m",
        [9] = "red, green or blue",
        [10] = "an x",
        [11] = "",
        [12] = "",
    };
    char text[OPTION_RANGE_MAX];

    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        if (expected[i] != NULL)
            ck_assert_str_eq(option_range(&rows[i], text), expected[i]);
}

/* What a process with these arguments has printed, on standard output and standard error. */
static char said[8192];

/* Return the exit status for these arguments; 100: they are right. */
static int end(const char *const arguments[])
{
    int status, output[2];
    size_t size = 0;
    ssize_t more;
    pid_t pid;

    ck_assert_int_eq(pipe(output), 0);
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        dup2(output[1], STDOUT_FILENO);
        dup2(output[1], STDERR_FILENO);
        close(output[0]);
        read_line(arguments);
        option_print_config(&line);
        _exit(100);
    }
    close(output[1]);
    while ((more = read(output[0], said + size, sizeof said - 1 - size)) > 0)
        size += (size_t)more;
    said[size] = '\0';
    close(output[0]);
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

/* A file of options; each test is a process, so one is enough. */
static char path[64];

/* Write it, and return its name. */
static const char *file_of(const char *text)
{
    FILE *file;
    int fd;

    snprintf(path, sizeof path, "%s", suite_template());
    fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    file = fdopen(fd, "w");
    ck_assert_int_ge(fputs(text, file), 0);
    fclose(file);
    return path;
}

static void remove_file(void)
{
    if (path[0] != '\0')
        unlink(path);
}

CASE_WITH("Sources", NULL, remove_file)

TEST(a_file_has_a_line_for_each_option)
{
    READ("--config", file_of("# the first\n"
                             "\n"
                             "fast\r\n"
                             "  port 1\n"
                             "count=2\n"
                             "bytes = 3K # the third\n"
                             "\twait\t=\t4s\t# the fourth\n"
                             "color=blue\n"
                             "other x=#y\n"
                             "depth flat"));
    ck_assert(options.fast && !options.deep);
    ck_assert_uint_eq(options.port, 1);
    ck_assert_uint_eq(options.count, 2);
    ck_assert_uint_eq(options.bytes, 3072);
    ck_assert_int_eq(options.wait_ns, INT64_C(4000000000));
    ck_assert_int_eq(options.color, BLUE);
    ck_assert_str_eq(line.given[10]->text, "x=#y");
    ck_assert(option_given(&line, "fast") && !option_given(&line, "name"));
    READ("--config", file_of(""));
    ck_assert_uint_eq(options.port, 8090);
}

TEST(each_option_is_a_variable)
{
    setenv("TRIAL_FAST", "yes", 1);
    setenv("TRIAL_PORT", "7", 1);
    setenv("TRIAL_COLOR", "blue", 1);
    setenv("TEST", "none of ours", 1);
    setenv("TESTS_X", "none of ours", 1);
    READ("file");
    ck_assert(options.fast);
    ck_assert_uint_eq(options.port, 7);
    ck_assert_int_eq(options.color, BLUE);
    ck_assert(option_given(&line, "color"));
}

/* The command line over the environment over the file, in whatever order they are read. */
TEST(the_nearest_source_counts)
{
    const char *config = file_of("port 1\ncount 1\nbytes 1\nother x\nother xx\nfast");

    READ("--config", config);
    ck_assert(options.port == 1 && options.count == 1 && options.bytes == 1 && options.fast);
    ck_assert_uint_eq(options.other, 2);
    setenv("TRIAL_CONFIG", config, 1);
    setenv("TRIAL_COUNT", "2", 1);
    setenv("TRIAL_BYTES", "2", 1);
    setenv("TRIAL_OTHER", "xxx", 1);
    setenv("TRIAL_FAST", "no", 1);
    READ("--bytes", "3");
    ck_assert(options.port == 1 && options.count == 2 && options.bytes == 3);
    ck_assert_uint_eq(options.other, 1); /* one source's values add up, and not those of two */
    ck_assert(!options.fast && !option_given(&line, "fast"));
    READ("--fast", "--config", "/dev/null");
    ck_assert(options.fast && options.port == 8090);
}

/* "fast" and "name" exclude each other. */
TEST(a_nearer_source_replaces_what_it_excludes)
{
    const char *config = file_of("fast\n");

    READ("--config", config, "--name", "n");
    ck_assert(!options.fast && !option_given(&line, "fast"));
    ck_assert_str_eq(options.name, "n");
    setenv("TRIAL_NAME", "n", 1);
    READ("--fast");
    ck_assert(options.fast && !option_given(&line, "name"));
    ck_assert_ptr_null(options.name);
    ck_assert_int_eq(END("--fast", "--name", "n"), 2);
    ck_assert_str_eq(said, "echopool: --fast and --name exclude each other: why\n");
    setenv("TRIAL_FAST", "on", 1);
    ck_assert_int_eq(END("--port", "1"), 2);
    ck_assert_str_eq(said, "echopool: TRIAL_FAST and --name exclude each other: why\n");
}

/* Kubernetes makes these for services whose names begin with "test". */
TEST(variables_of_a_service_are_not_ours)
{
    setenv("TRIAL_SERVICE_HOST", "10.0.0.1", 1);
    setenv("TRIAL_SERVICE_PORT", "8090", 1);
    setenv("TRIAL_SERVICE_PORT_ECHO", "8090", 1);
    setenv("TRIAL_PORT", "tcp://10.0.0.1:8090", 1);
    setenv("TRIAL_PORT_8090_TCP", "tcp://10.0.0.1:8090", 1);
    setenv("TRIAL_PORT_8090_TCP_PROTO", "tcp", 1);
    setenv("TRIAL_ADMIN_SERVICE_HOST", "10.0.0.1", 1);
    setenv("TRIAL_ADMIN_PORT", "tcp://10.0.0.1:8091", 1);
    READ("--fast");
    ck_assert_uint_eq(options.port, 8090);
    ck_assert(!option_given(&line, "port"));
}

/* What is wrong in a file is named with its line. */
TEST(mistakes_in_a_file)
{
    static const char *const cases[][2] = {
        {"\n# x\nports 1\n", ":3: unknown option 'ports'; try 'test --help'"},
        {"--port 1\n", ":1: unknown option '--port'; try 'test --help'"},
        {"= 1\n", ":1: unknown option ''; try 'test --help'"},
        {"por 1\n", ":1: unknown option 'por'; try 'test --help'"},
        {"port\n", ":1: port needs a value"},
        {"fast\nport = # 1\n", ":2: port needs a value"},
        {"port 65536\n", ":1: port 65536 is not a number from 0 to 65535"},
        {"port 1 2\n", ":1: port 1 2 is not a number from 0 to 65535"},
        {"fast maybe\n", ":1: fast maybe is not yes or no"},
        {"color pink\n", ":1: color pink is not red, green or blue"},
        {"config x\n", ":1: config has no meaning in a file"},
        {"help\n", ":1: help has no meaning in a file"},
        {"print-config\n", ":1: print-config has no meaning in a file"},
        {"\n\nwait 1s\n", ":3: wait needs --name or --color; try 'test --help'"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        ck_assert_int_eq(END("--config", file_of(cases[i][0])), 2);
        ck_assert_str_eq(said, suite_text("echopool: %s%s\n", path, cases[i][1]));
        unlink(path);
    }
}

/* A wrong value is named, though another one counts. */
TEST(mistakes_that_are_replaced)
{
    ck_assert_int_eq(END("--config", file_of("port x\n"), "--port", "1"), 2);
    ck_assert_ptr_nonnull(strstr(said, ":1: port x is not a number"));
    setenv("TRIAL_PORT", "y", 1);
    ck_assert_int_eq(END("--port", "1"), 2);
    ck_assert_ptr_nonnull(strstr(said, "TRIAL_PORT y is not a number"));
}

TEST(files_that_cannot_be_read)
{
    static char long_text[OPTION_CONFIG_MAX + 2];

    ck_assert_int_eq(END("--config", "/no/such/file"), 2);
    ck_assert_str_eq(said,
                     "echopool: cannot read --config /no/such/file: No such file or directory\n");
    ck_assert_int_eq(END("--config", "/"), 2);
    ck_assert_str_eq(said, "echopool: cannot read --config /: Is a directory\n");
    ck_assert_int_eq(END("--config", "/dev/zero"), 2);
    ck_assert_str_eq(said, "echopool: cannot read --config /dev/zero: it is larger than 64K\n");
    ck_assert_int_eq(END("--config", "/proc/self/environ"), 2);
    ck_assert_str_eq(said, "echopool: cannot read --config /proc/self/environ: it is no text, it "
                           "has zero bytes\n");
    memset(long_text, '#', sizeof long_text - 1);
    long_text[OPTION_CONFIG_MAX] = '\0';
    ck_assert_int_eq(END("--config", file_of(long_text)), 100);
    unlink(path);
    long_text[OPTION_CONFIG_MAX] = '#';
    ck_assert_int_eq(END("--config", file_of(long_text)), 2);
}

TEST(mistakes_in_the_environment)
{
    static const char *const cases[][3] = {
        {"TRIAL_PORTS", "1",
         "unknown variable TRIAL_PORTS: there is no such option; try 'test --help'"},
        {"TRIAL_port", "1",
         "unknown variable TRIAL_port: there is no such option; try 'test --help'"},
        {"TRIAL_", "1", "unknown variable TRIAL_: there is no such option; try 'test --help'"},
        {"TRIAL_PORT", "", "TRIAL_PORT '' is not a number from 0 to 65535"},
        {"TRIAL_FAST", "", "TRIAL_FAST '' is not yes or no"},
        {"TRIAL_FAST", "2", "TRIAL_FAST 2 is not yes or no"},
        {"TRIAL_HELP", "1", "TRIAL_HELP: --help is for the command line only"},
        {"TRIAL_PRINT_CONFIG", "1",
         "TRIAL_PRINT_CONFIG: --print-config is for the command line only"},
        {"TRIAL_WAIT", "1s", "TRIAL_WAIT needs --name or --color; try 'test --help'"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        setenv(cases[i][0], cases[i][1], 1);
        ck_assert_int_eq(END("--bytes", "1"), 2);
        ck_assert_str_eq(said, suite_text("echopool: %s\n", cases[i][2]));
        ck_assert_int_eq(END("--help"), 0); /* wins over this, too */
        unsetenv(cases[i][0]);
    }
}

TEST(too_many_values)
{
    static char text[OPTION_VALUES_MAX * 5 + 1];

    for (int i = 0; i < OPTION_VALUES_MAX; i++)
        strcat(text, "fast\n");
    ck_assert_int_eq(END("--config", file_of(text)), 2);
    ck_assert_str_eq(said, "echopool: more than 256 options are given\n");
}

/* What is printed says whence, and is a file that gives the same options. */
TEST(the_configuration_is_printed)
{
    static const char expected[] = "# Some:\n"
                                   "#fast                                    # not given\n"
                                   "#depth deep                              # default\n"
                                   "name a\303\251=#b                              # command line\n"
                                   "\n"
                                   "# Others:\n"
                                   "port 7                                   # TRIAL_PORT\n"
                                   "#count 4                                 # default\n"
                                   "bytes 2K                                 # %s:2\n"
                                   "#wait 1.5s                               # default\n"
                                   "color blue                               # command line\n"
                                   "other x                                  # %s:1\n"
                                   "other xx                                 # %s:3\n";
    const char *config = file_of("other x\nbytes 2K\nother xx\nport 1\n");

    setenv("TRIAL_PORT", "7", 1);
    ck_assert_int_eq(END("--color", "red", "--print-config", "--config", config, "--name",
                         "a\303\251=#b", "--color", "blue"),
                     0);
    ck_assert_str_eq(said, suite_text(expected, config, config, config));
    unsetenv("TRIAL_PORT");
    const char *again = file_of(said);
    READ("--config", again);
    ck_assert(options.port == 7 && options.bytes == 2048 && options.other == 2);
    ck_assert(options.color == BLUE && option_given(&line, "color"));
    ck_assert_str_eq(options.name, "a\303\251=#b");
    ck_assert(!option_given(&line, "fast") && !option_given(&line, "count"));
    unlink(config);
}

/* A value is read back as it was, or the line is a comment, which says why. */
TEST(odd_values_are_printed_and_read_back)
{
    static const struct {
        const char *value, *line; /* its beginning */
    } cases[] = {
        {"#", "\nname=#  "},         {"#a", "\nname=#a  "},       {"# a", "\nname=# a  "},
        {"=", "\nname==  "},         {"= a", "\nname== a  "},     {"=#", "\nname==#  "},
        {"a#", "\nname a#  "},       {"a = b", "\nname a = b  "}, {"\"a\"", "\nname \"a\"  "},
        {"a  b", "\nname a  b  "},   {"a\\", "\nname a\\  "},     {"yes", "\nname yes  "},
        {"a #b", "\n#name a #b  "},  {"# #", "\n#name # #  "},    {"a #", "\n#name a #  "},
        {" a", "\n#name  a  "},      {"a ", "\n#name a   "},      {" ", "\n#name    "},
        {"a\nport 7", "\n#name a?"}, {"a\tb", "\n#name a?b  "},   {"a\r", "\n#name a?  "},
        {"a\033b", "\n#name a?b  "}, {"a\377", "\n#name a?  "},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        bool comment = cases[i].line[1] == '#';
        ck_assert_int_eq(END("--print-config", "--name", cases[i].value), 0);
        ck_assert_ptr_nonnull(strstr(said, cases[i].line));
        ck_assert_int_eq(strstr(said, "; as a line it would be another value\n") != NULL, comment);
        READ("--config", file_of(said));
        ck_assert_int_eq(option_given(&line, "name"), !comment);
        if (!comment)
            ck_assert_str_eq(options.name, cases[i].value);
        ck_assert_uint_eq(options.port, 8090);
        unlink(path);
    }
}

/* The name of the file is within a comment, whatever it is. */
TEST(an_odd_name_of_a_file_is_printed)
{
    char *odd = suite_text("%s\nport 7", file_of("fast\n"));

    ck_assert_int_eq(rename(path, odd), 0);
    ck_assert_int_eq(END("--print-config", "--config", odd), 0);
    unlink(odd);
    ck_assert_ptr_nonnull(strstr(said, "?port 7:1\n"));
    READ("--config", file_of(said));
    ck_assert(options.fast && options.port == 8090);
}

/* It is printed only if there is nothing wrong. */
TEST(a_wrong_configuration_is_not_printed)
{
    ck_assert_int_eq(END("--print-config", "--port", "x"), 2);
    ck_assert_int_eq(END("--print-config", "--wait", "1s"), 2);
    ck_assert_ptr_null(strstr(said, "# default"));
}
