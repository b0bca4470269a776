/* SPDX-License-Identifier: MIT */
/*
 * The real server with sessions served in other processes: what is different from threads. Each test
 * runs once under each of the two models. How such processes die is in check_server_crash.c; what all
 * models have in common is in check_server_echo.c, check_server_stop.c and others.
 */
#include "tests/kit/server.h"
#include "tests/kit/suite.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

static const char *const design_names[] = {"fork", "process-pool"};
enum { DESIGNS = sizeof design_names / sizeof design_names[0] };

#define DESIGN(...) ARGUMENTS("--model", design_names[_i], __VA_ARGS__)

CASE("Core")

LOOP_TEST(fifty_at_once, DESIGNS)
{
    struct kit kit = kit_start(DESIGN("--workers", "4", "--queue", "46"));
    int fds[50];

    for (int i = 0; i < 50; i++) {
        fds[i] = kit_connect(&kit);
        tcp_send(fds[i], "hello", 5);
    }
    kit_wait_in_flight(&kit, 50);
    ck_assert_uint_le(process_threads(kit.program.pid), 4 + 2 + FOREIGN_THREADS);
    for (int i = 0; i < 50; i++) {
        char reply[5];
        tcp_receive(fds[i], reply, 5);
        ck_assert_mem_eq(reply, "HELLO", 5);
        kit_ask(&kit);
        close(fds[i]);
    }
    expect_tally(kit_finish(&kit, true, NULL), 50, 0, 0);
}

/* A signal to the whole group, as ^C or a supervisor sends it, must not end the processes that serve. */
LOOP_TEST(signals_to_everybody, DESIGNS)
{
    static const int numbers[] = {SIGINT, SIGUSR1, SIGHUP, SIGTTIN, SIGTTOU, SIGTERM};
    struct kit kit = kit_start(DESIGN("--workers", "1", "--drain-timeout", "20s"));
    int fd = kit_connect(&kit);
    pid_t pid;

    say_hello(fd);
    kit_wait_processes(&kit, &pid, 1);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        ck_assert_int_eq(kill(pid, numbers[i]), 0);
        say_hello(fd);
    }
    close(fd);
    expect_tally(kit_finish(&kit, true, NULL), 1, 0, 0);
}

/* Every byte is four when it is printed: one write cannot hold the message, and it is cut. */
LOOP_TEST(print_cuts_what_no_write_can_hold, DESIGNS)
{
    struct kit kit = kit_start(DESIGN("--print", "full", "--buffer", "64K"));
    int fd = kit_connect(&kit);
    unsigned char bytes[2000];
    const char *line;
    size_t length;

    memset(bytes, 1, sizeof bytes);
    tcp_echo(fd, bytes, sizeof bytes, true);
    close(fd);
    kit_wait_in_flight(&kit, 0);
    line = strstr(program_output(&kit.program), "session 1, ");
    ck_assert_ptr_nonnull(line);
    length = strcspn(line, "\n");
    ck_assert_uint_gt(length, 4000);
    ck_assert_uint_lt(length, 4096);
    ck_assert_int_eq(strncmp(line + length - 7, "\\x01...", 7), 0);
    expect_tally(kit_finish(&kit, true, NULL), 1, 0, 0);
}
