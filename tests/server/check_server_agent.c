/* SPDX-License-Identifier: MIT */
/* The real server with --agent, while its workers are taken, while it stops, and while it wants for something. */
#include "config.h"

#include "tests/kit/harness.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

CASE("Core")

/* Connect, send something or not, and read to the end of file. */
static const char *ask(uint16_t port, const char *question)
{
    static char text[64];
    int fd = tcp_connect(port);
    size_t size = 0;
    ssize_t got;

    tcp_send(fd, question, strlen(question));
    while ((got = recv(fd, text + size, sizeof text - 1 - size, 0)) > 0)
        size += (size_t)got;
    ck_assert_int_eq(got, 0);
    text[size] = '\0';
    close(fd);
    return text;
}

static uint16_t port_of(struct program *server)
{
    uint16_t port;

    wait_for_output_text(server, "agent on 127.0.0.1:");
    ck_assert_int_eq(
        sscanf(strstr(program_output(server), "agent on "), "agent on 127.0.0.1:%hu", &port), 1);
    return port;
}

struct asked {
    uint16_t port;
    const char *line;
};

static bool is_answered(void *context)
{
    const struct asked *asked = context;

    return strcmp(ask(asked->port, ""), asked->line) == 0;
}

static void await(uint16_t port, const char *line)
{
    wait_until(is_answered, &(struct asked){port, line});
}

TEST(workers_that_are_taken_and_a_stop)
{
    struct program server = server_start(
        (const char *const[]){"--workers", "2", "--agent", "0", "--shutdown-delay", "1h", NULL});
    uint16_t port = port_of(&server);
    int one = tcp_connect(server.port), other;

    tcp_echo(one, "hello", 5, true);
    await(port, "up 50%\n");
    ck_assert_str_eq(ask(port, "how are you?\n"), "up 50%\n");
    other = tcp_connect(server.port);
    tcp_echo(other, "hello", 5, true);
    await(port, "up 1%\n");
    close(one);
    close(other);
    await(port, "up 100%\n");
    ck_assert_int_eq(kill(server.pid, SIGTERM), 0);
    await(port, "stopped\n");
    ck_assert_int_eq(kill(server.pid, SIGTERM), 0);
    program_wait(&server);
}

TEST(an_address_that_is_none)
{
    struct outcome outcome = program_run(
        (const char *const[]){"echo-server", "--port", "0", "--agent", "[]:0", NULL}, NULL);

    ck_assert_int_eq(outcome.status, 2);
    ck_assert_ptr_nonnull(strstr(outcome.err, "--agent []:0: "));
}

#ifndef EP_SANITIZED /* the shim must be loaded first, and so must a sanitizer */

static bool have_failed(void *orders)
{
    return atomic_load(&((struct orders *)orders)->failed) == 2;
}

/*
 * There is no descriptor for a client, so the agent accepts nothing for a moment; then epoll refuses its socket,
 * twice. The client gets its line in the end. The other port is watched twice: models/direct.h.
 */
TEST(a_port_that_is_watched_again)
{
    struct orders *orders = program_let_fail((struct orders){.only = "epoll_ctl",
                                                             .first = 4, /* after both ports */
                                                             .last = 5,
                                                             .error = ENOSPC,
                                                             .listeners = true});
    struct program server = server_start((const char *const[]){"--agent", "0", NULL});
    uint16_t port = port_of(&server);
    struct rlimit before, none;
    char line[16] = "";
    bool reset;
    int fd;

    program_preload(NULL);
    ck_assert_int_eq(prlimit(server.pid, RLIMIT_NOFILE, NULL, &before), 0);
    none = (struct rlimit){.rlim_cur = 3, .rlim_max = before.rlim_max};
    ck_assert_int_eq(prlimit(server.pid, RLIMIT_NOFILE, &none, NULL), 0);
    fd = tcp_connect(port);
    wait_until(have_failed, orders);
    ck_assert_int_eq(prlimit(server.pid, RLIMIT_NOFILE, &before, NULL), 0);
    (void)tcp_receive_all(fd, line, sizeof line - 1, &reset);
    close(fd);
    ck_assert_str_eq(line, "up 100%\n");
    ck_assert_int_eq(program_stop(&server).status, 0);
}

#endif
