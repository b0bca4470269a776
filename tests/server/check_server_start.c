/* SPDX-License-Identifier: MIT */
/* The real server's command line and its start: what it refuses, in which words, with which status. */
#include "tests/kit/server.h"
#include "tests/kit/suite.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* One line on standard error that starts with the program's name, and nothing else. */
static void expect_one_line(const struct outcome *outcome, int status, const char *line)
{
    ck_assert_msg(outcome->status == status, "status %d, said: %s", outcome->status, outcome->err);
    ck_assert_str_eq(outcome->out, "");
    ck_assert_msg(strncmp(outcome->err, "echo-server: ", 13) == 0, "said: %s", outcome->err);
    ck_assert_msg(strchr(outcome->err, '\n') == outcome->err + strlen(outcome->err) - 1,
                  "not one line: %s", outcome->err);
    ck_assert_msg(strstr(outcome->err, line) != NULL, "\"%s\" is not in: %s", line, outcome->err);
}

static void expect_failure(const char *const arguments[], int status, const char *line)
{
    struct outcome outcome = program_run(arguments, NULL);

    expect_one_line(&outcome, status, line);
}

#define COMMAND(...) ARGUMENTS("echo-server", __VA_ARGS__)

CASE("The command line")

static const struct {
    const char *option;
    const char *value;
    const char *line; /* what the sentence must contain */
} wrong[] = {
    {"--workers", "0", "--workers 0 is not a number from 1 to 4096 or auto"},
    {"--workers", "-1", "--workers -1 is not a number from 1 to 4096"},
    {"--workers", "abc", "--workers abc is not a number from 1 to 4096"},
    {"--workers", "4x", "--workers 4x is not a number from 1 to 4096"},
    {"--workers", " 4", "is not a number from 1 to 4096"},
    {"--workers", "4097", "--workers 4097 is not a number from 1 to 4096"},
    {"--workers", "99999999999999999999", "is not a number from 1 to 4096"},
    {"--workers", "", "--workers '' is not a number from 1 to 4096"},
    {"--workers", "4\n5", "--workers 4?5 is not a number from 1 to 4096"},
    {"--host", "", "--host '' is not an address, a name or unix:PATH"},
    {"--socket-mode", "8", "--socket-mode 8 is not permissions in octal, from 1 to 777"},
    {"--socket-mode", "0", "--socket-mode 0 is not permissions"},
    {"--socket-mode", "1000", "--socket-mode 1000 is not permissions"},
    {"--socket-mode", "", "--socket-mode '' is not permissions"},
    {"--socket-mode", "660", "are for the file of a unix socket; use --host unix:PATH"},
    {"--socket-group", "no such group", "is not a group of this system, or its number"},
    {"--socket-group", "0", "are for the file of a unix socket"},
    {"--port", "65536", "--port 65536 is not a number from 0 to 65535"},
    {"--port", "http", "--port http is not a number from 0 to 65535"},
    {"--model", "magic",
     "--model magic is not iterative, thread, fork, thread-pool, process-pool, event, "
     "thread-accept, prefork or io-uring"},
    {"--model", "0",
     "--model 0 is not iterative, thread, fork, thread-pool, process-pool, event, "
     "thread-accept, prefork or io-uring"},
    {"--hold", "worker", "--hold worker is not session or message"},
    {"--queue", "-1", "--queue -1 is not a number from 0 to 1048576"},
    {"--queue", "1048577", "--queue 1048577 is not a number from 0 to 1048576"},
    {"--on-full", "panic", "--on-full panic is not pause, reject, drop-oldest or caller-runs"},
    {"--idle-timeout", "5", "--idle-timeout 5 is not a time with a unit, from 0 to 24h"},
    {"--idle-timeout", "-5s", "--idle-timeout -5s is not a time with a unit, from 0 to 24h"},
    {"--write-timeout", "1441m", "--write-timeout 1441m is not a time with a unit, from 0 to 24h"},
    {"--drain-timeout", "soon", "--drain-timeout soon is not a time with a unit, from 0 to 24h"},
    {"--delay", "1 s", "--delay 1 s is not a time from 0 to 24h"},
    {"--delay", "exp",
     "--delay exp is not a time from 0 to 24h with its unit, or exp:T for random times with mean "
     "T"},
    {"--delay", "exp:", "--delay exp: is not a time from 0 to 24h"},
    {"--delay", "exp:5", "--delay exp:5 is not a time from 0 to 24h"},
    {"--burn", "", "--burn '' is not a time from 0 to 24h"},
    {"--burn", "exp:1441m", "--burn exp:1441m is not a time from 0 to 24h"},
    {"--transform", "lower", "--transform lower is not upper or none"},
    {"--buffer", "0", "--buffer 0 is not a size from 1 to 16M"},
    {"--buffer", "17M", "--buffer 17M is not a size from 1 to 16M"},
    {"--print", "some", "--print some is not none, line or full"},
    {"--limit", "as", "--limit as is not a list of as=SIZE (16M to 1024G)"},
    {"--limit", "nofile=3", "--limit nofile=3 is not a list of"},
    {"--limit", "as=256M,", "--limit as=256M, is not a list of"},
    {"--admin", "::1",
     "--admin ::1 is not [ADDR:]PORT, such as 8091, 127.0.0.1:8091 or [::1]:8091"},
    {"--admin", "[::1]:65536", "--admin [::1]:65536 is not [ADDR:]PORT"},
    {"--agent", "localhost", "--agent localhost is not [ADDR:]PORT"},
    {"--max-sessions", "0", "--max-sessions 0 is not a number from 1 to 1048576"},
};
enum { WRONG = sizeof wrong / sizeof wrong[0] };

LOOP_TEST(a_wrong_value_is_one_line, WRONG)
{
    expect_failure(COMMAND(wrong[_i].option, wrong[_i].value), 2, wrong[_i].line);
}

TEST(a_wrong_command_line_is_one_line)
{
    expect_failure(COMMAND("--worker-count", "4"), 2, "unknown option '--worker-count'; try");
    expect_failure(COMMAND("--worker-count=4"), 2, "unknown option '--worker-count'; try");
    expect_failure(COMMAND("-x"), 2, "unknown option '-x'");
    expect_failure(COMMAND("--workers"), 2, "option '--workers' needs a value");
    expect_failure(COMMAND("--quiet=yes"), 2, "option '--quiet=yes' takes no value");
    expect_failure(COMMAND("--print-config", "--agent", ""), 2, "--agent '' is not [ADDR:]PORT");
    expect_failure(COMMAND("8090"), 2, "unexpected argument '8090'");
    expect_failure(COMMAND("--tls-key", "key.pem"), 2, "--tls-key needs --tls-cert");
    expect_failure(COMMAND("--quiet", "--verbose"), 2, "--quiet and --verbose");
    expect_failure(COMMAND("--model", "thread", "--host", "0.0.0.0", "--port", "0"), 2,
                   "--allow-uncapped");
    expect_failure(COMMAND("--model", "fork", "--host", "0.0.0.0", "--port", "0"), 2,
                   "take all processes");
    expect_failure(COMMAND("--model", "event", "--hold", "message"), 2,
                   "it is for --model thread-pool, not for --model event");
    expect_failure(COMMAND("--model", "thread", "--max-sessions", "30001"), 2,
                   "--max-sessions 30001 is too many for --model thread: 30000 is the most");
    expect_failure(COMMAND("--workers", "3", "--queue", "5", "--max-sessions", "7"), 2,
                   "--max-sessions 7 is less than the 8 sessions that --model thread-pool can "
                   "have; lower --workers or --queue instead");
    expect_failure(COMMAND("--model", "prefork", "--workers", "3", "--max-sessions", "2"), 2,
                   "--max-sessions 2 is less than the 3 sessions that --model prefork can have; "
                   "lower --workers instead");
}

/* Each option is also a variable or a line of a file; whatever is wrong there names its place. */
TEST(options_from_elsewhere)
{
    struct kit kit;

    setenv("ECHO_SERVER_MODEL", "event", 1);
    setenv("ECHO_SERVER_WORKERS", "3", 1);
    setenv("ECHO_SERVER_PORT", "tcp://10.0.0.1:8090", 1); /* by Kubernetes, for a service */
    kit = kit_start(ARGUMENTS("--workers", "2"));
    kit_signal(&kit, SIGTERM);
    kit_wait_end(&kit, 0, NULL, "model event: loops 2,");
    kit = kit_start(NULL);
    kit_signal(&kit, SIGTERM);
    kit_wait_end(&kit, 0, NULL, "model event: loops 3,");
}

TEST(a_wrong_line_is_named)
{
    char *path = suite_template();
    int fd = mkstemp(path);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, "quiet\nworker 8\n", 15), 15);
    close(fd);
    expect_failure(COMMAND("--config", path), 2,
                   suite_text("%s:2: unknown option 'worker'; try 'echo-server --help'", path));
    unlink(path);
    expect_failure(COMMAND("--config", path), 2, "cannot read --config /tmp/check_server_start.");
    setenv("ECHO_SERVER_WORKER", "8", 1);
    expect_failure(COMMAND("--quiet"), 2, "unknown variable ECHO_SERVER_WORKER: there is no such");
}

/* The options in use, checked as a whole before they are printed. */
TEST(the_configuration_is_printed)
{
    struct outcome outcome;

    setenv("ECHO_SERVER_QUEUE", "5", 1);
    outcome = program_run(COMMAND("--print-config", "--host", "::1", "--host", "unix:x"), NULL);
    outcome_expect(&outcome, 0, NULL, "");
    ck_assert_ptr_nonnull(strstr(outcome.out, "\nhost ::1 "));
    ck_assert_ptr_nonnull(strstr(outcome.out, "\nhost unix:x "));
    ck_assert_ptr_nonnull(strstr(outcome.out, "\nqueue 5 "));
    ck_assert_ptr_nonnull(strstr(outcome.out, "# ECHO_SERVER_QUEUE\n"));
    ck_assert_ptr_nonnull(strstr(outcome.out, "\n#workers 4 "));
    expect_failure(COMMAND("--print-config", "--high-water", "6"), 2, "--high-water 6 is more");
}

TEST(help_and_version)
{
    struct outcome outcome = program_run(COMMAND("--workers", "0", "--help"), NULL);

    outcome_expect(&outcome, 0, NULL, "");
    ck_assert_msg(strncmp(outcome.out, "Usage: echo-server", 18) == 0, "said: %s", outcome.out);
    outcome = program_run(COMMAND("--version"), NULL);
    outcome_expect(&outcome, 0, "echo-server (echopool) " PACKAGE_VERSION "\n", NULL);
}

/* --help into a full disk fails, and so it does without standard output, and where a file may not grow. */
LOOP_TEST(help_that_cannot_be_written, 3)
{
    int status;
    pid_t pid;
    const char *path = suite_text("%s/echo-server", build_folder());

    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        int full =
            open(_i == 2 ? suite_file_that_may_not_grow() : "/dev/full", O_WRONLY | O_APPEND);
        int nowhere = open("/dev/null", O_WRONLY);
        dup2(full, STDOUT_FILENO);
        dup2(nowhere, STDERR_FILENO);
        if (_i == 1)
            close(STDOUT_FILENO);
        execl(path, "echo-server", "--help", (char *)NULL);
        _exit(127);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

CASE("The start")

TEST(says_what_was_chosen)
{
    struct program server = server_start(
        ARGUMENTS("--workers", "3", "--queue", "7", "--on-full", "reject", "--limit", "stack=1M"));
    struct outcome outcome;

    ck_assert_int_eq(strncmp(server.address, "127.0.0.1:", 10), 0);
    outcome = program_stop(&server);
    ck_assert_ptr_nonnull(
        strstr(outcome.out, "\nmodel thread-pool: workers 3, queue 7, on full reject\n"));
    ck_assert_ptr_nonnull(strstr(outcome.out, "\nlimit: stack of a thread 1024 KB\n"));
    server = server_start(ARGUMENTS("--quiet"));
    outcome = program_stop(&server);
    ck_assert_ptr_eq(strchr(outcome.out, '\n'), outcome.out + strlen(outcome.out) - 1);
}

/* Where sessions are held by few threads, their bound is what descriptors allow. */
TEST(says_how_many_fit)
{
    struct program server =
        server_start(ARGUMENTS("--model", "event", "--workers", "2", "--limit", "nofile=1000"));
    struct outcome outcome = program_stop(&server);

    ck_assert_msg(
        strstr(outcome.out, "model event: loops 2, sessions at most 868, on full pause") != NULL,
        "said: %s", outcome.out);
    ck_assert_str_eq(outcome.err, "");
}

TEST(too_few_descriptors_are_reported)
{
    struct kit kit =
        kit_start(ARGUMENTS("--limit", "nofile=30", "--workers", "4", "--queue", "100"));

    kit_finish(&kit, true, "up to 120 descriptors may be needed and 30 are allowed");
}

/* The advice is about options that this model has. */
LOOP_TEST(what_to_lower, 4)
{
    static const struct {
        const char *model, *limit, *advice;
    } models[] = {
        {"thread-pool", "nofile=28", "(ulimit -n 36), or lower --workers or --queue\n"},
        {"thread-accept", "nofile=28", "(ulimit -n 29), or lower --workers\n"},
        {"thread", "nofile=28", "(ulimit -n 2080), or lower --max-sessions\n"},
        {"iterative", "nofile=16", "(ulimit -n 17)\n"},
    };
    struct kit kit = kit_start(ARGUMENTS("--model", models[_i].model, "--limit", models[_i].limit));

    kit_finish(&kit, true, models[_i].advice);
}

#ifndef EP_SANITIZED /* a sanitizer's threads need more */
/* The least stack is enough for everything that a session may be asked to do. */
LOOP_TEST(the_least_stack, MODELS)
{
    struct kit kit =
        kit_start(MODEL("--limit", "stack=64K", "--print", "full", "--verbose", "--buffer", "1M"));

    kit_finish(&kit, true, " ended: served");
}
#endif

TEST(workers_auto)
{
    struct kit kit = kit_start(ARGUMENTS("--workers", "auto"));

    ck_assert_uint_ge(kit.threads, 2);
    kit_finish(&kit, true, NULL);
}

TEST(addresses_that_cannot_be_had)
{
    uint16_t port;
    int taken = tcp_listen(&port);
    char number[8], line[64];

    snprintf(number, sizeof number, "%u", (unsigned)port);
    snprintf(line, sizeof line, "cannot listen on 127.0.0.1:%u: Address already in use",
             (unsigned)port);
    expect_failure(COMMAND("--port", number), 1, line);
    close(taken);
    expect_failure(COMMAND("--host", "192.0.2.1", "--port", "0"), 1,
                   "cannot listen on 192.0.2.1:0: Cannot assign requested address");
    expect_failure(COMMAND("--host", "no such host", "--port", "0"), 1,
                   "cannot listen on no such host: ");
}

/* No other program is to blame. */
LOOP_TEST(an_address_that_is_given_twice, 2)
{
    static const char *const hosts[][2] = {{"0.0.0.0", "127.0.0.1"}, {"127.0.0.1", "0.0.0.0"}};

    expect_failure(COMMAND("--host", hosts[_i][0], "--host", hosts[_i][1], "--port", "0"), 1,
                   suite_text("cannot listen on %s:0: another --host has this address already; "
                              "leave one of them out\n",
                              hosts[_i][1]));
}

TEST(a_pool_that_does_not_fit)
{
#ifndef EP_SANITIZED
    expect_failure(COMMAND("--port", "0", "--workers", "100", "--limit", "as=256M,stack=8M"), 1,
                   "cannot start --model thread-pool with 100 workers");
#endif
}

/* Root may listen anywhere, so this one runs as another user. */
TEST(a_privileged_port)
{
    FILE *first = fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "r");
    int start = 0;

    if (first != NULL) {
        ck_assert_int_eq(fscanf(first, "%d", &start), 1);
        fclose(first);
    }
    if (start <= 80)
        return; /* this machine has no privileged port 80 */
    if (geteuid() == 0)
        ck_assert_int_eq(setresuid(65534, 65534, 65534), 0); /* this process is this test's */
    const char *path = suite_text("%s/echo-server", build_folder());
    if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) != 0)
        return; /* the build tree is out of their reach */
    struct outcome outcome = program_run(COMMAND("--port", "80"), NULL);
    expect_one_line(&outcome, 1,
                    "cannot listen on 127.0.0.1:80: Permission denied; ports below 1024 need root, "
                    "try --port 8090");
}

CASE("Without standard descriptors")

static bool can_connect(void *context)
{
    const uint16_t *port = context;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(*port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool connected = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;

    close(fd);
    return connected;
}

/* A socket as descriptor 1 would have the accounting written to a client. */
TEST(standard_descriptors_closed)
{
    uint16_t port = tcp_unused_port();
    char path[4096], number[8], link[64], target[64];
    int status;
    pid_t pid;

    snprintf(path, sizeof path, "%s/echo-server", build_folder());
    snprintf(number, sizeof number, "%u", (unsigned)port);
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(0);
        close(1);
        close(2);
        execl(path, "echo-server", "--port", number, (char *)NULL);
        _exit(127);
    }
    wait_until(can_connect, &port);
    int fd = tcp_connect(port);
    say_hello(fd);
    for (int standard = 0; standard <= 2; standard++) {
        snprintf(link, sizeof link, "/proc/%d/fd/%d", (int)pid, standard);
        ssize_t length = readlink(link, target, sizeof target - 1);
        ck_assert_int_gt(length, 0);
        target[length] = '\0';
        ck_assert_str_eq(target, "/dev/null");
    }
    ck_assert_int_eq(kill(pid, SIGUSR1), 0);
    say_hello(fd);
    ck_assert_int_eq(kill(pid, SIGTERM), 0);
    expect_rest(fd, "", 0);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
