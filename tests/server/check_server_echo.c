/* SPDX-License-Identifier: MIT */
/*
 * The real server and one client at a time: every byte comes back, and whatever the client does,
 * its session ends, is counted rightly, and leaves nothing behind. Each test runs once under each
 * model.
 */
#include "tests/kit/server.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

CASE("Bytes")

LOOP_TEST(a_byte_at_a_time, MODELS)
{
    struct kit kit = kit_start(MODEL("--buffer", "1"));
    int fd = kit_connect(&kit);
    unsigned char *bytes = some_bytes(10000, 1);

    for (size_t i = 0; i < 10000; i++)
        tcp_echo(fd, bytes + i, 1, true);
    tcp_echo(fd, bytes, 256, true);
    close(fd);
    expect_tally(kit_finish(&kit, true, NULL), 1, 0, 0);
}

LOOP_TEST(all_byte_values, MODELS)
{
    struct kit kit = kit_start(MODEL("--transform", "none"));
    int fd = kit_connect(&kit);
    unsigned char bytes[256];

    for (unsigned i = 0; i < 256; i++)
        bytes[i] = (unsigned char)i;
    for (size_t size = 1; size <= 256; size++)
        tcp_echo(fd, bytes, size, false);
    close(fd);
    expect_tally(kit_finish(&kit, false, NULL), 1, 0, 0);
}

LOOP_TEST(sizes_around_the_buffer, MODELS)
{
    static const size_t sizes[] = {1, 2, 1023, 1024, 1025, 2048, 4095, 65535, 65536, 1048576};
    struct kit kit = kit_start(MODEL("--buffer", "1024"));
    int fd = kit_connect(&kit);

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        unsigned char *bytes = some_bytes(sizes[i], (unsigned)i);
        tcp_echo(fd, bytes, sizes[i], true);
    }
    close(fd);
    expect_tally(kit_finish(&kit, true, NULL), 1, 0, 0);
}

/* Three bytes a character and a buffer of four: every second character is cut. */
LOOP_TEST(characters_cut_by_the_buffer, MODELS)
{
    struct kit kit = kit_start(MODEL("--buffer", "4"));
    int fd = kit_connect(&kit);
    char text[3 * 400 + 1] = "";
    char reply[sizeof text];

    for (int i = 0; i < 400; i++)
        strcat(text, "\xe6\xb1\xa0");
    tcp_send(fd, text, sizeof text - 1);
    tcp_receive(fd, reply, sizeof text - 1);
    ck_assert_mem_eq(reply, text, sizeof text - 1);
    close(fd);
    expect_tally(kit_finish(&kit, true, NULL), 1, 0, 0);
}

CASE("Endings")

LOOP_TEST(half_close_brings_the_whole_echo, MODELS)
{
    struct kit kit = kit_start(MODEL("--buffer", "1000"));
    int fd = kit_connect(&kit);
    unsigned char *bytes = some_bytes(40000, 2);

    tcp_send(fd, bytes, 40000);
    shutdown(fd, SHUT_WR);
    expect_rest(fd, bytes, 40000);
    expect_tally(kit_finish(&kit, true, NULL), 1, 0, 0);
}

/* The seed's server spins for ever here. */
LOOP_TEST(end_of_file_at_once, MODELS)
{
    struct kit kit = kit_start(MODEL("--workers", "2"));

    for (int i = 0; i < 50; i++) {
        int fd = kit_connect(&kit);
        shutdown(fd, SHUT_WR);
        expect_rest(fd, "", 0);
    }
    kit_wait_in_flight(&kit, 0);
    int64_t used = process_cpu_ns(kit.program.pid);
    ck_assert_msg(used < 1000000000, "50 empty sessions took %lld ns of CPU", (long long)used);
    expect_tally(kit_finish(&kit, true, NULL), 50, 0, 0);
}

LOOP_TEST(reset_in_the_middle, MODELS)
{
    struct kit kit = kit_start(MODEL("--workers", "1"));

    for (int i = 0; i < 20; i++) {
        int fd = kit_connect(&kit);
        say_hello(fd);
        tcp_reset(fd);
    }
    expect_tally(kit_finish(&kit, true, NULL), 0, 0, 20);
}

static void pump(int fd)
{
    static const char bytes[65536];

    while (tcp_pump(fd, bytes, sizeof bytes) > 0)
        continue;
}

/* A client that never reads fills both ways and blocks its worker; the write timeout frees it. */
LOOP_TEST(a_client_that_never_reads, MODELS)
{
    struct kit kit = kit_start(MODEL("--workers", "1", "--write-timeout", "200ms"));
    int deaf = kit_connect(&kit);
    char reply[5];

    say_hello(deaf); /* it has its worker */
    int next = kit_connect(&kit);
    tcp_send(next, "hello", 5);
    struct pollfd ready = {.fd = next, .events = POLLIN};
    do
        pump(deaf);
    while (poll(&ready, 1, 1) == 0);
    tcp_receive(next, reply, 5);
    ck_assert_mem_eq(reply, "HELLO", 5);
    close(next);
    for (uint64_t in_flight = 1; in_flight > 0; in_flight = kit_ask(&kit).in_flight)
        pump(deaf);
    close(deaf);
    expect_tally(kit_finish(&kit, true, NULL), 1, 1, 0);
}

/* A silent client does not keep its worker from a client that waits. The other one must be let speak in time. */
LOOP_TEST(a_client_that_says_nothing, MODELS)
{
    struct kit kit =
        kit_start(MODEL("--workers", "1", "--queue", QUEUE("1"), "--idle-timeout", "2s"));
    int silent = kit_connect(&kit);
    int next = kit_connect(&kit);

    say_goodbye(next);
    expect_rest(silent, "", 0);
    expect_tally(kit_finish(&kit, true, NULL), 1, 1, 0);
}

/* 20 echoes of 60 ms outlast the idle timeout together, but each of them starts it again. */
LOOP_TEST(a_slow_client_is_not_idle, MODELS)
{
    struct kit kit = kit_start(MODEL("--idle-timeout", "1s", "--delay", "60ms", "--buffer", "64K"));
    int fd = kit_connect(&kit);

    for (int i = 0; i < 20; i++)
        tcp_echo(fd, "x", 1, true);
    close(fd);
    expect_tally(kit_finish(&kit, true, NULL), 1, 0, 0);
}

LOOP_TEST(urgent_data_does_no_harm, MODELS)
{
    struct kit kit = kit_start(MODEL("--workers", "1"));
    int fd = kit_connect(&kit);
    char reply[3];

    ck_assert_int_eq(send(fd, "!", 1, MSG_OOB), 1);
    tcp_send(fd, "abc", 3);
    tcp_receive(fd, reply, 3);
    ck_assert_mem_eq(reply, "ABC", 3);
    close(fd);
    expect_tally(kit_finish(&kit, true, NULL), 1, 0, 0);
}

LOOP_TEST(burning_takes_the_cpu, MODELS)
{
    struct kit kit = kit_start(MODEL("--burn", "50ms", "--buffer", "64K"));
    int64_t before = process_family_cpu_ns(kit.program.pid);
    int fd = kit_connect(&kit);

    say_hello(fd);
    ck_assert_int_ge(process_family_cpu_ns(kit.program.pid) - before, 50000000);
    close(fd);
    expect_tally(kit_finish(&kit, true, NULL), 1, 0, 0);
}

/* 40 echoes whose times have a mean of 2 ms: drawn under every model, and in whichever process. */
LOOP_TEST(drawn_times_are_spent, MODELS)
{
    struct kit kit = kit_start(MODEL("--delay", "exp:1ms", "--burn", "exp:1ms"));
    int64_t before = process_family_cpu_ns(kit.program.pid);
    int fd = kit_connect(&kit);

    /* The burnt times of session 1 come to more than half of their mean. */
    for (int i = 0; i < 40; i++)
        tcp_echo(fd, "x", 1, true);
    ck_assert_int_ge(process_family_cpu_ns(kit.program.pid) - before, 20000000);
    close(fd);
    expect_tally(kit_finish(&kit, true, NULL), 1, 0, 0);
}

CASE("Printing")

LOOP_TEST(print_full_escapes, MODELS)
{
    struct kit kit = kit_start(MODEL("--print", "full"));
    int fd = kit_connect(&kit);

    tcp_echo(fd, "a\x1b[2J\n\xff\xc3\xa9", 9, true);
    close(fd);
    kit_wait_in_flight(&kit, 0);
    kit_signal(&kit, SIGTERM);
    kit_wait_end(&kit, 0, NULL, "\nsession 1, 9 bytes: A\\x1b[2J\\n\\xff\xc3\xa9\n");
}

LOOP_TEST(print_line_is_short, MODELS)
{
    struct kit kit = kit_start(MODEL("--print", "line"));
    int fd = kit_connect(&kit);
    char bytes[1000];
    char line[128] = "\nsession 1, 1000 bytes: ";

    memset(bytes, 'x', sizeof bytes);
    tcp_echo(fd, bytes, sizeof bytes, true);
    close(fd);
    kit_wait_in_flight(&kit, 0);
    kit_signal(&kit, SIGTERM);
    memset(line + strlen(line), 'X', 64);
    strcat(line, "...\n");
    kit_wait_end(&kit, 0, NULL, line);
}

/*
 * The server's output is not read while 4 MiB are echoed, each byte of which is four when it is
 * printed. The pipe holds 1 MiB, the ring a quarter of one; the rest must be dropped and counted.
 */
LOOP_TEST(print_drops_rather_than_blocks, MODELS)
{
    struct program server = server_start(MODEL("--print", "full", "--buffer", "16K"));
    int fd = tcp_connect(server.port);
    size_t size = 4 << 20;
    char *bytes = suite_memory(size);
    siginfo_t ended;
    struct outcome outcome;

    tcp_echo(fd, bytes, size, true);
    close(fd);
    /* It also ends while its output is not read: what is left of the output does not keep it. */
    ck_assert_int_eq(kill(server.pid, SIGTERM), 0);
    ck_assert_int_eq(waitid(P_PID, (id_t)server.pid, &ended, WEXITED | WNOWAIT), 0);
    outcome = program_wait(&server);
    ck_assert_int_eq(outcome.status, 0);
    ck_assert_msg(strstr(outcome.err, "messages were not printed") != NULL, "said: %s",
                  outcome.err);
}
