/* SPDX-License-Identifier: MIT */
/*
 * The real server with sessions served in other processes: it echoes, limits, drains and counts as
 * with threads. Each test runs once under each model. How such processes die is check_server_crash's.
 */
#include "common/transform.h"
#include "tests/kit/server.h"
#include "tests/kit/suite.h"

#include <dirent.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *const design_names[] = {"fork", "process-pool"};
enum { DESIGNS = sizeof design_names / sizeof design_names[0], FORK = 0, POOL = 1 };

#define DESIGN(...) ARGUMENTS("--model", design_names[_i], __VA_ARGS__)

static void expect_tally(struct tally tally, uint64_t served, uint64_t timed_out, uint64_t failed)
{
    ck_assert_uint_eq(tally.served, served);
    ck_assert_uint_eq(tally.rejected, 0);
    ck_assert_uint_eq(tally.timed_out, timed_out);
    ck_assert_uint_eq(tally.failed, failed);
}

static void stop(const struct kit *kit, int number)
{
    ck_assert_int_eq(kill(kit->program.pid, number), 0);
}

/* The end: its status, and what it said. */
static struct tally wait_for_end(struct kit *kit, int status, const char *complaint,
                                 const char *last_words)
{
    struct outcome outcome = program_wait(&kit->program);
    struct tally tally;

    ck_assert_msg(outcome.status == status, "status %d, said: %s", outcome.status, outcome.err);
    if (complaint == NULL)
        ck_assert_str_eq(outcome.err, "");
    else
        ck_assert_msg(strstr(outcome.err, complaint) != NULL, "said: %s", outcome.err);
    if (last_words != NULL)
        ck_assert_msg(strstr(outcome.out, last_words) != NULL, "said: %s", outcome.out);
    tally = tally_of(outcome.out);
    outcome_clear(&outcome);
    return tally;
}

/* --- bytes --------------------------------------------------------------------------------- */

START_TEST(sizes_around_the_buffer)
{
    static const size_t sizes[] = {1, 2, 1023, 1024, 1025, 65536, 1048576};
    struct kit kit = kit_start(DESIGN("--buffer", "1024"));
    int fd = kit_connect(&kit);

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        unsigned char *bytes = some_bytes(sizes[i], (unsigned)i);
        tcp_echo(fd, bytes, sizes[i], true);
        free(bytes);
    }
    close(fd);
    expect_tally(kit_finish(&kit, true, NULL), 1, 0, 0);
}
END_TEST

START_TEST(a_byte_at_a_time)
{
    struct kit kit = kit_start(DESIGN("--buffer", "1", "--transform", "none"));
    int fd = kit_connect(&kit);
    unsigned char bytes[256];

    for (unsigned i = 0; i < 256; i++)
        bytes[i] = (unsigned char)i;
    for (int round = 0; round < 10; round++)
        for (unsigned i = 0; i < 256; i++)
            tcp_echo(fd, bytes + i, 1, false);
    tcp_echo(fd, bytes, sizeof bytes, false);
    close(fd);
    expect_tally(kit_finish(&kit, false, NULL), 1, 0, 0);
}
END_TEST

START_TEST(half_close_brings_the_whole_echo)
{
    struct kit kit = kit_start(DESIGN("--buffer", "1000"));
    int fd = kit_connect(&kit);
    unsigned char *bytes = some_bytes(40000, 2);

    tcp_send(fd, bytes, 40000);
    shutdown(fd, SHUT_WR);
    expect_rest(fd, bytes, 40000);
    free(bytes);
    expect_tally(kit_finish(&kit, true, NULL), 1, 0, 0);
}
END_TEST

START_TEST(reset_in_the_middle)
{
    struct kit kit = kit_start(DESIGN("--workers", "1"));

    for (int i = 0; i < 20; i++) {
        int fd = kit_connect(&kit);
        tcp_echo(fd, "hello", 5, true);
        tcp_reset(fd);
    }
    expect_tally(kit_finish(&kit, true, NULL), 0, 0, 20);
}
END_TEST

START_TEST(fifty_at_once)
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
END_TEST

/* --- time limits --------------------------------------------------------------------------- */

/* Whoever says nothing does not keep the worker from the one who waits. */
START_TEST(the_idle_timeout_is_named)
{
    struct kit kit = kit_start(DESIGN("--workers", "1", "--queue", "1", "--idle-timeout", "200ms"));
    int silent = kit_connect(&kit);
    int next = kit_connect(&kit);

    tcp_echo(next, "hello", 5, true);
    close(next);
    expect_rest(silent, "", 0);
    kit_wait_in_flight(&kit, 0);
    wait_for_descriptors(kit.program.pid, kit.descriptors);
    stop(&kit, SIGTERM);
    expect_tally(wait_for_end(&kit, 0, NULL, "\nidle timeout: 1\n"), 1, 1, 0);
}
END_TEST

START_TEST(the_session_timeout_is_named)
{
    struct kit kit = kit_start(DESIGN("--workers", "1", "--session-timeout", "300ms"));
    int fd = kit_connect(&kit);
    bool reset;
    char bytes[16];

    tcp_echo(fd, "hello", 5, true);
    ck_assert_uint_eq(tcp_receive_all(fd, bytes, sizeof bytes, &reset), 0);
    ck_assert(!reset);
    close(fd);
    kit_wait_in_flight(&kit, 0);
    stop(&kit, SIGTERM);
    expect_tally(wait_for_end(&kit, 0, NULL, "\nsession timeout: 1\n"), 0, 1, 0);
}
END_TEST

/* Send what goes, without reading. */
static void pump(int fd)
{
    static const char bytes[65536];

    while (send(fd, bytes, sizeof bytes, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
        continue;
}

START_TEST(the_write_timeout_is_named)
{
    struct kit kit = kit_start(DESIGN("--workers", "1", "--write-timeout", "200ms"));
    int deaf = kit_connect(&kit);

    tcp_echo(deaf, "hello", 5, true);
    do
        pump(deaf);
    while (kit_ask(&kit).in_flight > 0);
    close(deaf);
    stop(&kit, SIGTERM);
    expect_tally(wait_for_end(&kit, 0, NULL, "\nwrite timeout: 1\n"), 0, 1, 0);
}
END_TEST

/* --- stopping ------------------------------------------------------------------------------ */

/* Blocked in recv(), in another process. */
START_TEST(with_idle_sessions)
{
    struct kit kit = kit_start(DESIGN("--workers", "4", "--drain-timeout", "20s"));
    int talked = kit_connect(&kit);
    int silent = kit_connect(&kit);

    tcp_echo(talked, "hello", 5, true);
    kit_wait_in_flight(&kit, 2);
    stop(&kit, SIGTERM);
    expect_rest(talked, "", 0);
    expect_rest(silent, "", 0);
    expect_tally(wait_for_end(&kit, 0, NULL, NULL), 2, 0, 0);
}
END_TEST

/* Bytes that had arrived but were not read yet, of sessions that are served and that wait. */
START_TEST(nothing_received_is_lost)
{
    struct kit kit = kit_start(
        DESIGN("--workers", "1", "--queue", "5", "--delay", "10ms", "--drain-timeout", "20s"));
    unsigned char *bytes = some_bytes(20000, 5);
    int fds[6];

    for (int i = 0; i < 6; i++) {
        fds[i] = kit_connect(&kit);
        tcp_send(fds[i], bytes, 20000);
    }
    kit_wait_in_flight(&kit, 6);
    stop(&kit, SIGTERM);
    for (int i = 0; i < 6; i++)
        expect_rest(fds[i], bytes, 20000);
    free(bytes);
    expect_tally(wait_for_end(&kit, 0, NULL, NULL), 6, 0, 0);
}
END_TEST

/* The system call in which the first process sleeps that serves; -1 while it does not sleep. */
static long sleeps_in(const struct kit *kit)
{
    char path[64];
    long number = -1;
    pid_t pid;

    if (kit_processes(kit, &pid, 1) == 0)
        return -1;
    snprintf(path, sizeof path, "/proc/%d/syscall", (int)pid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return -1;
    if (fscanf(file, "%ld", &number) != 1)
        number = -1;
    fclose(file);
    return number;
}

static bool settles(void *kit)
{
    long number = sleeps_in(kit);

#ifdef SYS_poll
    if (number == SYS_poll)
        return true;
#endif
    return number == SYS_ppoll;
}

/* A client that reads slowly, and sends once more when its session is at its end. */
START_TEST(late_bytes_do_not_destroy_the_echo)
{
    struct kit kit = kit_start(DESIGN("--workers", "1", "--drain-timeout", "20s"));
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(kit.program.port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    unsigned char *bytes = some_bytes(12000, 6);
    unsigned char reply[12100];
    int small = 4096;
    bool reset;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    tcp_send(fd, bytes, 12000);
    kit_wait_in_flight(&kit, 1);
    stop(&kit, SIGTERM);
    wait_until(settles, &kit);
    (void)send(fd, "late", 4, MSG_NOSIGNAL);
    ck_assert_uint_ge(tcp_receive_all(fd, reply, sizeof reply, &reset), 12000);
    transform_apply(TRANSFORM_UPPER, bytes, 12000);
    ck_assert_mem_eq(reply, bytes, 12000);
    free(bytes);
    close(fd);
    expect_tally(wait_for_end(&kit, 0, NULL, NULL), 1, 0, 0);
}
END_TEST

/* Every thread of execution sleeps on the verdict itself, which is a futex that processes share. */
START_TEST(a_cut_ends_a_sleep)
{
    struct kit kit =
        kit_start(DESIGN("--workers", "1", "--delay", "600s", "--drain-timeout", "100ms"));
    int sleeping = kit_connect(&kit);
    int waiting = kit_connect(&kit);

    tcp_send(sleeping, "hello", 5);
    kit_wait_in_flight(&kit, 2);
    while (sleeps_in(&kit) != SYS_futex)
        poll(NULL, 0, 1);
    stop(&kit, SIGTERM);
    wait_for_end(&kit, 1, "sessions are cut", "\ndrain timeout: ");
    close(sleeping);
    close(waiting);
}
END_TEST

START_TEST(a_cut_ends_a_blocked_write)
{
    static const char bytes[65536];
    struct kit kit =
        kit_start(DESIGN("--workers", "1", "--write-timeout", "0", "--drain-timeout", "100ms"));
    int deaf = kit_connect(&kit);

    tcp_echo(deaf, "hello", 5, true);
    while (send(deaf, bytes, sizeof bytes, MSG_DONTWAIT | MSG_NOSIGNAL) > 0 ||
           sleeps_in(&kit) != SYS_sendto)
        continue; /* until neither side can go on */
    stop(&kit, SIGTERM);
    expect_tally(wait_for_end(&kit, 1, "1 sessions are cut", "\ndrain timeout: 1\n"), 0, 1, 0);
    close(deaf);
}
END_TEST

/* Whether a new client finds nobody: so the first signal has been dealt with. */
static bool is_refused(void *context)
{
    const struct kit *kit = context;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(kit->program.port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool refused = connect(fd, (struct sockaddr *)&address, sizeof address) != 0;

    close(fd);
    return refused;
}

START_TEST(a_second_signal_ends_at_once)
{
    struct kit kit =
        kit_start(DESIGN("--workers", "1", "--delay", "600s", "--drain-timeout", "600s"));
    int fd = kit_connect(&kit);
    struct outcome outcome;
    char bytes[16];
    bool reset;

    tcp_send(fd, "hello", 5);
    kit_wait_in_flight(&kit, 1);
    stop(&kit, SIGTERM);
    wait_until(is_refused, &kit);
    stop(&kit, SIGTERM);
    outcome = program_wait(&kit.program);
    ck_assert_int_eq(outcome.status, 1);
    ck_assert_msg(strstr(outcome.err, "second signal") != NULL, "said: %s", outcome.err);
    outcome_clear(&outcome);
    /* By this the process that served is gone as well: nobody holds the connection. */
    ck_assert_uint_eq(tcp_receive_all(fd, bytes, sizeof bytes, &reset), 0);
    close(fd);
}
END_TEST

/* A signal to the whole group, as ^C or a supervisor sends it, must not end who serves. */
START_TEST(signals_to_everybody)
{
    static const int numbers[] = {SIGINT, SIGUSR1, SIGHUP, SIGTTIN, SIGTTOU, SIGTERM};
    struct kit kit = kit_start(DESIGN("--workers", "1", "--drain-timeout", "20s"));
    int fd = kit_connect(&kit);
    pid_t pid;

    tcp_echo(fd, "hello", 5, true);
    kit_wait_processes(&kit, &pid, 1);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        ck_assert_int_eq(kill(pid, numbers[i]), 0);
        tcp_echo(fd, "hello", 5, true);
    }
    close(fd);
    expect_tally(kit_finish(&kit, true, NULL), 1, 0, 0);
}
END_TEST

/* --- printing ------------------------------------------------------------------------------ */

START_TEST(print_escapes)
{
    struct kit kit = kit_start(DESIGN("--print", "full"));
    int fd = kit_connect(&kit);

    tcp_echo(fd, "a\x1b[2J\n\xff\xc3\xa9", 9, true);
    close(fd);
    kit_wait_in_flight(&kit, 0);
    stop(&kit, SIGTERM);
    wait_for_end(&kit, 0, NULL, "\nsession 1, 9 bytes: A\\x1b[2J\\n\\xff\xc3\xa9\n");
}
END_TEST

START_TEST(print_line_is_short)
{
    struct kit kit = kit_start(DESIGN("--print", "line"));
    int fd = kit_connect(&kit);
    char bytes[1000];
    char line[128] = "\nsession 1, 1000 bytes: ";

    memset(bytes, 'x', sizeof bytes);
    tcp_echo(fd, bytes, sizeof bytes, true);
    close(fd);
    kit_wait_in_flight(&kit, 0);
    stop(&kit, SIGTERM);
    memset(line + strlen(line), 'X', 64);
    strcat(line, "...\n");
    wait_for_end(&kit, 0, NULL, line);
}
END_TEST

/* Every byte is four when it is printed: one write cannot hold the message, and it is cut. */
START_TEST(print_cuts_what_no_write_can_hold)
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
END_TEST

/* Nobody reads what is printed: the echo goes on, and what is missing is counted. */
START_TEST(print_never_waits)
{
    struct kit kit = kit_start(DESIGN("--print", "full", "--buffer", "64K", "--workers", "2"));
    unsigned char *bytes = some_bytes(65536, 7);
    int fds[2] = {kit_connect(&kit), kit_connect(&kit)};

    for (int i = 0; i < 400; i++) /* 3 MB of lines, into a pipe that holds one */
        tcp_echo(fds[i % 2], bytes, 65536, true);
    free(bytes);
    close(fds[0]);
    close(fds[1]);
    kit_wait_in_flight(&kit, 0);
    stop(&kit, SIGTERM);
    wait_for_end(&kit, 0, "messages were not printed", NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server_process");
    TCase *bytes = tcase_create("Bytes");
    TCase *limits = tcase_create("Limits");
    TCase *stopping = tcase_create("Stop");
    TCase *printing = tcase_create("Print");

    tcase_add_loop_test(bytes, sizes_around_the_buffer, 0, DESIGNS);
    tcase_add_loop_test(bytes, a_byte_at_a_time, 0, DESIGNS);
    tcase_add_loop_test(bytes, half_close_brings_the_whole_echo, 0, DESIGNS);
    tcase_add_loop_test(bytes, reset_in_the_middle, 0, DESIGNS);
    tcase_add_loop_test(bytes, fifty_at_once, 0, DESIGNS);
    tcase_add_loop_test(limits, the_idle_timeout_is_named, 0, DESIGNS);
    tcase_add_loop_test(limits, the_session_timeout_is_named, 0, DESIGNS);
    tcase_add_loop_test(limits, the_write_timeout_is_named, 0, DESIGNS);
    tcase_add_loop_test(stopping, with_idle_sessions, 0, DESIGNS);
    tcase_add_loop_test(stopping, nothing_received_is_lost, 0, DESIGNS);
    tcase_add_loop_test(stopping, late_bytes_do_not_destroy_the_echo, 0, DESIGNS);
    tcase_add_loop_test(stopping, a_cut_ends_a_sleep, 0, DESIGNS);
    tcase_add_loop_test(stopping, a_cut_ends_a_blocked_write, 0, DESIGNS);
    tcase_add_loop_test(stopping, a_second_signal_ends_at_once, 0, DESIGNS);
    tcase_add_loop_test(stopping, signals_to_everybody, 0, DESIGNS);
    tcase_add_loop_test(printing, print_escapes, 0, DESIGNS);
    tcase_add_loop_test(printing, print_line_is_short, 0, DESIGNS);
    tcase_add_loop_test(printing, print_cuts_what_no_write_can_hold, 0, DESIGNS);
    tcase_add_loop_test(printing, print_never_waits, 0, DESIGNS);
    suite_add_tcase(suite, bytes);
    suite_add_tcase(suite, limits);
    suite_add_tcase(suite, stopping);
    suite_add_tcase(suite, printing);
    return suite_main(suite);
}
