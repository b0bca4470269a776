/* SPDX-License-Identifier: MIT */
/*
 * The real server and the processes that serve for it: they are killed, stopped, starved of
 * descriptors, and orphaned. A client that was not served by that process notices nothing; nothing
 * stays behind; everybody is counted. Each test runs once under each model where it means something.
 */
#include "tests/kit/server.h"
#include "tests/kit/suite.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void stop(pid_t pid, int number)
{
    ck_assert_int_eq(kill(pid, number), 0);
}

/* The connection ends without a further byte, orderly or not. Closes fd. */
static void expect_end(int fd)
{
    char bytes[16];
    bool reset;

    ck_assert_uint_eq(tcp_receive_all(fd, bytes, sizeof bytes, &reset), 0);
    close(fd);
}

CASE("Deaths")

/*
 * One of two dies: exactly its client sees the end, and the next client is served again. That the parent of
 * the server ignores the ends of children changes nothing.
 */
LOOP_TEST(a_death_takes_one_session_along, PROCESS_MODELS)
{
    struct kit kit;
    struct pollfd ended[2];
    int fds[2];
    pid_t pids[2];
    int next;

    program_deafen();
    kit = kit_start(PROCESS_MODEL("--workers", "2"));
    for (int i = 0; i < 2; i++) {
        fds[i] = kit_connect(&kit);
        ended[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
    }
    say_hello(fds[0]);
    say_hello(fds[1]);
    kit_wait_processes(&kit, pids, 2);
    stop(pids[0], SIGKILL);
    ck_assert_int_eq(poll(ended, 2, -1), 1);
    int victim = ended[0].revents != 0 ? 0 : 1;
    expect_end(fds[victim]);
    kit_wait_in_flight(&kit, 1);
    next = kit_connect(&kit);
    tcp_echo(fds[1 - victim], "again", 5, true);
    say_hello(next);
    close(fds[1 - victim]);
    close(next);
    expect_tally(kit_finish(&kit, true, "was killed by signal 9"), 2, 0, 1);
}

/* Five in a row, without one task done in between: the pool takes its time with the next worker. */
LOOP_TEST(one_death_after_the_other, PROCESS_MODELS)
{
    struct kit kit = kit_start(PROCESS_MODEL("--workers", "1"));
    pid_t pid;

    for (int i = 0; i < 5; i++) {
        int fd = kit_connect(&kit);
        say_hello(fd);
        kit_wait_processes(&kit, &pid, 1);
        stop(pid, i % 2 == 0 ? SIGKILL : SIGSEGV);
        expect_end(fd);
        kit_ask(&kit);
    }
    expect_tally(kit_finish(&kit, true, "session 5 from 127.0.0.1:"), 0, 0, 5);
}

/* Idle workers die, others take their places, and no session was lost. */
LOOP_TEST(idle_workers_die, PROCESS_MODELS)
{
    if (_i == PROCESS_FOR_EACH)
        return; /* it has none */
    struct kit kit = kit_start(PROCESS_MODEL("--workers", "2"));
    pid_t dead[2];
    pid_t pids[2];

    kit_wait_processes(&kit, dead, 2);
    stop(dead[0], SIGKILL);
    stop(dead[1], SIGKILL);
    do
        kit_wait_processes(&kit, pids, 2);
    while (pids[0] == dead[0] || pids[0] == dead[1] || pids[1] == dead[0] || pids[1] == dead[1]);
    for (int i = 0; i < 4; i++) {
        int fd = kit_connect(&kit);
        say_goodbye(fd);
    }
    expect_tally(kit_finish(&kit, true, NULL), 4, 0, 0);
}

/* Without the zygote there will be no worker any more: a server that serves no client is none. */
TEST(a_broken_pool_ends_the_server)
{
    struct kit kit = kit_start(ARGUMENTS("--model", "process-pool", "--workers", "1"));
    int fds[2] = {kit_connect(&kit), kit_connect(&kit)};
    struct outcome outcome;
    pid_t worker;
    int zygote;

    say_hello(fds[0]);
    kit_wait_in_flight(&kit, 2);
    kit_wait_processes(&kit, &worker, 1);
    const char *path = suite_text("/proc/%d/stat", (int)worker);
    FILE *file = fopen(path, "re");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%*d (%*[^)]) %*c %d", &zygote), 1);
    fclose(file);
    stop(zygote, SIGKILL);
    expect_end(fds[0]);
    expect_end(fds[1]);
    outcome = program_wait(&kit.program);
    ck_assert_int_eq(outcome.status, 1);
    ck_assert_msg(strstr(outcome.err, "no worker can be started any more") != NULL, "said: %s",
                  outcome.err);
    expect_tally(tally_of(outcome.out), 0, 0, 2);
}

/* A process's state as a letter; 'X': it is gone. */
static char state_of(pid_t pid)
{
    char state = 'X';
    const char *path = suite_text("/proc/%d/stat", (int)pid);

    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 'X';
    if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
        state = 'X';
    fclose(file);
    return state;
}

/* Whether a process has ended; who waits for it is not our business. */
static bool is_gone(void *context)
{
    char state = state_of(*(const pid_t *)context);

    return state == 'Z' || state == 'X';
}

/* Whether a process waits for its client, and so has counted what it has sent. */
static bool is_asleep(void *context)
{
    return state_of(*(const pid_t *)context) == 'S';
}

static bool is_stopped(void *context)
{
    return state_of(*(const pid_t *)context) == 'T';
}

/* Nothing can be said to them any more: the kernel has to tell them. */
LOOP_TEST(no_process_survives_the_server, PROCESS_MODELS)
{
    struct kit kit = kit_start(PROCESS_MODEL("--workers", "2", "--delay", "600s"));
    int fds[2] = {kit_connect(&kit), kit_connect(&kit)};
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(kit.program.port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct outcome outcome;
    pid_t pids[2];
    int on = 1;
    int again;

    tcp_send(fds[0], "hello", 5); /* one sleeps, one waits for its client */
    kit_wait_in_flight(&kit, 2);
    kit_wait_processes(&kit, pids, 2);
    stop(kit.program.pid, SIGKILL);
    outcome = program_wait(&kit.program);
    ck_assert_int_eq(outcome.status, 128 + SIGKILL);
    wait_until(is_gone, &pids[0]);
    wait_until(is_gone, &pids[1]);
    expect_end(fds[0]);
    expect_end(fds[1]);
    again = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(setsockopt(again, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
    ck_assert_int_eq(bind(again, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(again, 1), 0);
    close(again);
}

/* Zombies would still be children. */
LOOP_TEST(two_hundred_sessions_leave_no_process_behind, PROCESS_MODELS)
{
    struct kit kit = kit_start(PROCESS_MODEL("--workers", "2"));
    unsigned before = _i == PROCESS_FOR_EACH ? 0 : 2;
    pid_t pids[4];

    for (int i = 0; i < 200; i++) {
        int fd = kit_connect(&kit);
        say_goodbye(fd);
    }
    kit_wait_in_flight(&kit, 0);
    ck_assert_uint_eq(kit_processes(&kit, pids, 4), before);
    expect_tally(kit_finish(&kit, true, NULL), 200, 0, 0);
}

CASE("Descriptors")

/* A process holds its own connection and no other, not the listener, nor an epoll. */
LOOP_TEST(only_its_own_descriptors, PROCESS_MODELS)
{
    struct kit kit = kit_start(PROCESS_MODEL("--workers", "3"));
    /* A pool's worker has one to its pool. One that accepts has one to report, the listening socket, the epoll at
       which it waits, its bell, and the bell of the loop. */
    const unsigned more[] = {[PROCESS_FOR_EACH] = 0, [PROCESS_POOL] = 1, [PREFORK] = 5};
    int fds[3];
    pid_t pids[3];

    for (int i = 0; i < 3; i++) {
        fds[i] = kit_connect(&kit);
        say_hello(fds[i]);
    }
    kit_wait_processes(&kit, pids, 3);
    for (int i = 0; i < 3; i++)
        ck_assert_uint_eq(process_descriptors(pids[i]), 3 + 1 + more[_i]);
    close_all(fds, 3);
    expect_tally(kit_finish(&kit, true, NULL), 3, 0, 0);
}

static struct rlimit limit_descriptors(pid_t pid, rlim_t most)
{
    struct rlimit before;
    struct rlimit after;

    ck_assert_int_eq(prlimit(pid, RLIMIT_NOFILE, NULL, &before), 0);
    after = (struct rlimit){most, before.rlim_max};
    ck_assert_int_eq(prlimit(pid, RLIMIT_NOFILE, &after, NULL), 0);
    return before;
}

/* No worker can take the connection: it waits until one can. */
TEST(a_worker_without_room_for_the_connection)
{
    struct kit kit = kit_start(ARGUMENTS("--model", "process-pool", "--workers", "2"));
    struct rlimit before = {0};
    pid_t pids[2];
    int fds[2]; /* no more than workers: which is served first is open */

    kit_wait_processes(&kit, pids, 2);
    for (int i = 0; i < 2; i++)
        before = limit_descriptors(pids[i], 3);
    for (int i = 0; i < 2; i++)
        fds[i] = kit_connect(&kit);
    kit_wait_in_flight(&kit, 2);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(prlimit(pids[i], RLIMIT_NOFILE, &before, NULL), 0);
    for (int i = 0; i < 2; i++)
        say_goodbye(fds[i]);
    expect_tally(kit_finish(&kit, true, NULL), 2, 0, 0);
}

/* The server itself has a descriptor for the connection and none beyond: it says so, and recovers. */
LOOP_TEST(a_server_without_room_for_a_second_descriptor, PROCESS_MODELS)
{
    if (_i == PREFORK)
        return; /* the server itself needs none */
    struct kit kit = kit_start(PROCESS_MODEL("--workers", "1"));
    char line[64];
    ssize_t used = 0;
    int lowest = -1;

    while (used >= 0) { /* the lowest free number becomes the connection's */
        const char *path = suite_text("/proc/%d/fd/%d", (int)kit.program.pid, ++lowest);
        used = readlink(path, line, sizeof line);
    }
    struct rlimit before = limit_descriptors(kit.program.pid, (rlim_t)lowest + 1);
    int fd = kit_connect(&kit);
    tcp_receive(fd, line, 5);
    ck_assert_mem_eq(line, "BUSY ", 5);
    close(fd);
    ck_assert_int_eq(prlimit(kit.program.pid, RLIMIT_NOFILE, &before, NULL), 0);
    for (bool served = false; !served; close(fd)) { /* one that comes within the pause gets BUSY */
        fd = kit_connect(&kit);
        tcp_send(fd, "hello", 5);
        tcp_receive(fd, line, 5);
        served = memcmp(line, "HELLO", 5) == 0;
        ck_assert(served || memcmp(line, "BUSY ", 5) == 0);
    }
    kit_wait_in_flight(&kit, 0);
    wait_for_descriptors(kit.program.pid, kit.descriptors);
    /* It may have warned that it cannot accept; whether it did depends on when the limit was lifted. */
    struct outcome outcome = program_stop(&kit.program);
    ck_assert_int_eq(outcome.status, 0);
    struct tally tally = tally_of(outcome.out);
    ck_assert_uint_eq(tally.served, 1);
    ck_assert_uint_ge(tally.rejected, 1);
}

CASE("Processes that do not run")

/* Its time limit ends the session for its client; and the worker may go on afterwards. */
LOOP_TEST(a_stopped_process_and_the_idle_timeout, PROCESS_MODELS)
{
    struct kit kit = kit_start(PROCESS_MODEL("--workers", "1", "--idle-timeout", "3s"));
    int fd = kit_connect(&kit);
    struct tally tally;
    pid_t pid;

    say_hello(fd);
    kit_wait_processes(&kit, &pid, 1);
    stop(pid, SIGSTOP);
    expect_end(fd);
    if (_i == PROCESS_POOL)
        stop(pid, SIGCONT);
    else if (_i == PREFORK)
        (void)kill(pid,
                   SIGCONT); /* unless it was killed, because it had not ended the session itself */
    tally = kit_wait_in_flight(&kit, 0);
    expect_tally(tally, 0, 1, 0);
    expect_tally(kit_finish(&kit, true, NULL), 0, 1, 0);
}

LOOP_TEST(a_stopped_process_and_the_session_timeout, PROCESS_MODELS)
{
    struct kit kit = kit_start(
        PROCESS_MODEL("--workers", "1", "--idle-timeout", "0", "--session-timeout", "3s"));
    int fd = kit_connect(&kit);
    pid_t pid;

    say_hello(fd); /* it has begun, or its time would not run */
    kit_wait_processes(&kit, &pid, 1);
    stop(pid, SIGSTOP);
    expect_end(fd);
    if (_i == PROCESS_POOL)
        stop(pid, SIGKILL); /* it was judged before it died, and that is what counts */
    expect_tally(kit_wait_in_flight(&kit, 0), 0, 1, 0);
    stop(kit.program.pid, SIGTERM);
    struct outcome outcome = program_wait(&kit.program);
    outcome_expect(&outcome, 0, NULL, "");
    ck_assert_msg(strstr(outcome.out, "\nsession timeout: 1\n") != NULL, "said: %s", outcome.out);
}

/* A worker that cannot end a session whose time is over does not keep the server from ending. */
LOOP_TEST(a_stopped_process_after_its_time_and_the_end, PROCESS_MODELS)
{
    struct kit kit = kit_start(PROCESS_MODEL("--workers", "1", "--idle-timeout", "1s"));
    int fd = kit_connect(&kit);
    struct outcome outcome;
    pid_t pid;

    say_hello(fd);
    kit_wait_processes(&kit, &pid, 1);
    stop(pid, SIGSTOP);
    expect_end(fd);
    outcome = program_stop(&kit.program);
    outcome_expect(&outcome, 0, NULL, "");
    expect_tally(tally_of(outcome.out), 0, 1, 0);
    wait_until(is_gone, &pid);
}

/* Nor does one with a message that it will never echo, or without one, also behind a proxy. */
static void end_with_a_stopped_process(int _i, bool message)
{
    bool proxied = _i >= PROCESS_MODELS;

    _i %= PROCESS_MODELS;
    struct kit kit =
        kit_start(PROCESS_MODEL("--workers", "2", "--idle-timeout", "0", "--write-timeout", "0",
                                "--drain-timeout", "100ms", proxied ? "--proxy-protocol" : NULL));
    int fd = kit_connect(&kit);
    struct outcome outcome;
    pid_t pids[2];
    unsigned count = _i == PROCESS_FOR_EACH ? 1 : 2;

    tcp_send(fd, "PROXY UNKNOWN\r\n", proxied ? 15 : 0);
    say_hello(fd);
    kit_wait_processes(&kit, pids, count);
    for (unsigned i = 0; i < count; i++) {
        wait_until(is_asleep, &pids[i]);
        stop(pids[i], SIGSTOP);
    }
    for (unsigned i = 0; i < count; i++)
        wait_until(is_stopped, &pids[i]);
    if (message)
        tcp_send(fd, "hello", 5);
    stop(kit.program.pid, SIGTERM);
    expect_end(fd);
    outcome = program_wait(&kit.program);
    ck_assert_int_eq(outcome.status, message);
    expect_tally(tally_of(outcome.out), !message, message, 0);
    for (unsigned i = 0; i < count; i++)
        wait_until(is_gone, &pids[i]);
}

LOOP_TEST(a_stopped_process_and_the_end, 2 * PROCESS_MODELS)
{
    end_with_a_stopped_process(_i, false);
}

LOOP_TEST(a_stopped_process_with_a_message_and_the_end, 2 * PROCESS_MODELS)
{
    end_with_a_stopped_process(_i, true);
}

#ifndef EP_SANITIZED
/* The worst moment: it has read a message and has not counted it. The kernel has. */
LOOP_TEST(a_process_that_is_stopped_in_between_and_the_end, 2 * PROCESS_MODELS)
{
    struct orders *orders = program_let_fail((struct orders){.stops = true});
    bool proxied = _i >= PROCESS_MODELS;
    struct outcome outcome;
    struct kit kit;
    pid_t pid;

    _i %= PROCESS_MODELS;
    atomic_store(&orders->armed, false);
    kit = kit_start(PROCESS_MODEL("--workers", "1", "--drain-timeout", "100ms",
                                  proxied ? "--proxy-protocol" : NULL));
    program_preload(NULL);
    int fd = kit_connect(&kit);
    tcp_send(fd, "PROXY UNKNOWN\r\n", proxied ? 15 : 0);
    say_hello(fd);
    atomic_store(&orders->armed, true);
    tcp_send(fd, "hello", 5);
    kit_wait_processes(&kit, &pid, 1);
    wait_until(is_stopped, &pid);
    outcome = program_stop(&kit.program);
    ck_assert_int_eq(outcome.status, 1);
    expect_tally(tally_of(outcome.out), 0, 1, 0);
    close(fd);
}
#endif

/* An idle worker that is stopped does not hear that it may leave. */
LOOP_TEST(a_stopped_idle_worker_and_the_end, PROCESS_MODELS)
{
    if (_i == PROCESS_FOR_EACH)
        return; /* it has none */
    struct kit kit = kit_start(PROCESS_MODEL("--workers", "1"));
    struct outcome outcome;
    pid_t pid;

    kit_wait_processes(&kit, &pid, 1);
    stop(pid, SIGSTOP);
    outcome = program_stop(&kit.program);
    ck_assert_msg(outcome.status == 0, "status %d, said: %s", outcome.status, outcome.err);
    wait_until(is_gone, &pid);
}

CASE("Alive")

LOOP_TEST(fifty_at_once, PROCESS_MODELS)
{
    struct kit kit =
        kit_start(PROCESS_MODEL("--workers", "4", "--queue", _i == PREFORK ? "0" : "46"));
    int fds[50];

    for (int i = 0; i < 50; i++) {
        fds[i] = kit_connect(&kit);
        tcp_send(fds[i], "hello", 5);
    }
    kit_wait_in_flight(&kit, _i == PREFORK ? 4 : 50);
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
LOOP_TEST(signals_to_the_process_group, PROCESS_MODELS)
{
    static const int numbers[] = {SIGINT, SIGUSR1, SIGHUP, SIGTTIN, SIGTTOU, SIGTERM};
    struct kit kit = kit_start(PROCESS_MODEL("--workers", "1", "--drain-timeout", "20s"));
    int fd = kit_connect(&kit);
    pid_t pid;

    say_hello(fd);
    kit_wait_processes(&kit, &pid, 1);
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        ck_assert_int_eq(kill(pid, numbers[i]), 0);
        say_hello(fd);
    }
    close(fd);
    expect_tally(kit_finish(&kit, true, NULL), 1, 0, 0);
}

/* Every byte is four when it is printed: one write cannot hold the message, and it is cut. */
LOOP_TEST(print_cuts_what_no_write_can_hold, PROCESS_MODELS)
{
    struct kit kit = kit_start(PROCESS_MODEL("--print", "full", "--buffer", "64K"));
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

CASE("Process 1")

/* Let programs that are started from now on be in a PID namespace, whose process 1 is the first of them. */
static bool enter_namespace(void)
{
#ifdef EP_SANITIZED
    const char *why = "a sanitizer's check for leaks cannot make its thread then";
#else
    const char *why;

    if (unshare(CLONE_NEWPID) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWPID) == 0)
        return true;
    why = strerror(errno);
#endif
    dprintf(STDOUT_FILENO, "# skipped: no PID namespace: %s\n", why);
    return false;
}

/* Leave process 1 a child, which ends when this pipe does. */
static void leave_a_child(int held[2])
{
    pid_t pid = fork();
    int status;

    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        if (fork() == 0) {
            char byte;
            close(held[1]);
            (void)!read(held[0], &byte, 1);
        }
        _exit(0);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
}

/*
 * In a container the server is process 1, and gets the children of others that have ended. They do not stay as
 * zombies, and the server knows how its own have ended all the same.
 */
LOOP_TEST(children_of_others, MODELS)
{
    bool has_workers = strcmp(tested_models[_i].model, "process-pool") == 0 ||
                       strcmp(tested_models[_i].model, "prefork") == 0;
    bool has_children = strcmp(tested_models[_i].model, "fork") == 0;
    unsigned own = has_workers ? 1 : 0;
    struct kit kit;
    pid_t pids[8];
    int held[2];

    if (!enter_namespace())
        return;
    kit = kit_start(MODEL("--workers", "1"));
    kit_wait_processes(&kit, pids, own);
    ck_assert_int_eq(pipe2(held, O_CLOEXEC), 0);
    for (int i = 0; i < 3; i++)
        leave_a_child(held);
    kit_wait_processes(&kit, pids, own + 3);
    close(held[0]);
    close(held[1]);
    kit_wait_processes(&kit, pids, own);

    if (has_workers || has_children) {
        int fd = kit_connect(&kit);
        say_hello(fd);
        kit_wait_processes(&kit, pids, 1);
        stop(pids[0], SIGKILL);
        expect_end(fd);
        kit_wait_in_flight(&kit, 0);
        kit_finish(&kit, true, "was killed by signal 9");
    } else {
        kit_finish(&kit, true, NULL);
    }
}
