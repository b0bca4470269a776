/* SPDX-License-Identifier: MIT */
/*
 * Sockets from the service manager. Each case is a process of its own, since the protocol has them
 * on descriptors from 3 on, where Check may have its own.
 */
#include "server/listen/activation.h"
#include "tests/kit/suite.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HIGH = 100, MANY = 4 };

/* What a case has found out, in memory that it shares with its test. */
struct result {
    int rc;
    char why[ACTIVATION_WHY_MAX];
    char addresses[MANY][ADDRESS_TEXT_MAX];
    int fds[MANY];
    bool close_on_exec[MANY]; /* of descriptor 3 + i, taken or not */
    bool nonblocking[MANY];
    bool environment_is_clean;
};

/* What is passed. */
struct passed {
    const char *pid; /* NULL: the right one; "": none at all */
    const char *count;
    const char *names;
    int fds[MANY]; /* 0: no more */
};

static void run(const struct passed *passed, struct result *result)
{
    struct listening_socket sockets[SOCKETS_MAX];
    char pid[16];
    int high[MANY];
    int count;

    snprintf(pid, sizeof pid, "%d", (int)getpid());
    for (count = 0; count < MANY && passed->fds[count] > 0; count++)
        high[count] = fcntl(passed->fds[count], F_DUPFD, HIGH);
    for (int fd = 3; fd < HIGH; fd++)
        close(fd);
    for (int i = 0; i < count; i++)
        dup2(high[i], 3 + i);
    if (passed->pid == NULL || passed->pid[0] != '\0')
        setenv("LISTEN_PID", passed->pid == NULL ? pid : passed->pid, 1);
    if (passed->count != NULL)
        setenv("LISTEN_FDS", passed->count, 1);
    if (passed->names != NULL)
        setenv("LISTEN_FDNAMES", passed->names, 1);

    result->rc = activation_take(sockets, result->why);
    for (int i = 0; i < result->rc && i < MANY; i++) {
        address_text(&sockets[i].address, result->addresses[i]);
        result->fds[i] = sockets[i].fd;
    }
    for (int i = 0; i < MANY; i++) {
        result->close_on_exec[i] = (fcntl(3 + i, F_GETFD) & FD_CLOEXEC) != 0;
        result->nonblocking[i] = (fcntl(3 + i, F_GETFL) & O_NONBLOCK) != 0;
    }
    result->environment_is_clean = getenv("LISTEN_PID") == NULL && getenv("LISTEN_FDS") == NULL &&
                                   getenv("LISTEN_FDNAMES") == NULL;
}

/* The outcome for a process to which this was passed. */
static struct result take(const struct passed *passed)
{
    struct result *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct result result;
    int status;
    pid_t pid;

    ck_assert(shared != MAP_FAILED);
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        run(passed, shared);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    result = *shared;
    munmap(shared, sizeof *shared);
    ck_assert(result.environment_is_clean);
    return result;
}

/* A socket on 127.0.0.1, with its address as text. */
static int tcp_socket(int type, bool listens, char text[static ADDRESS_TEXT_MAX])
{
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct address address = {.length = sizeof address.storage};
    int fd = socket(AF_INET, type, 0);

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&local, sizeof local), 0);
    ck_assert(!listens || listen(fd, 1) == 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address.storage, &address.length), 0);
    address_text(&address, text);
    return fd;
}

static int unix_socket(const char *name)
{
    struct address address;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    ck_assert(address_of_path(name, &address));
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address.storage, address.length), 0);
    ck_assert_int_eq(listen(fd, 1), 0);
    return fd;
}

CASE("Core")

TEST(one_socket)
{
    char text[ADDRESS_TEXT_MAX];
    int fd = tcp_socket(SOCK_STREAM, true, text);
    struct result result = take(&(struct passed){.count = "1", .fds = {fd}});

    ck_assert_int_eq(result.rc, 1);
    ck_assert_int_eq(result.fds[0], 3);
    ck_assert_str_eq(result.addresses[0], text);
    ck_assert(result.close_on_exec[0] && result.nonblocking[0]);
}

TEST(two_sockets_in_their_order)
{
    char text[ADDRESS_TEXT_MAX], name[64];
    int tcp = tcp_socket(SOCK_STREAM, true, text);
    struct result result;

    snprintf(name, sizeof name, "@check_activation.%d", (int)getpid());
    result =
        take(&(struct passed){.count = "2", .names = "one:two", .fds = {unix_socket(name), tcp}});
    ck_assert_int_eq(result.rc, 2);
    ck_assert_str_eq(result.addresses[0] + 5, name);
    ck_assert_str_eq(result.addresses[1], text);
    for (int i = 0; i < 2; i++)
        ck_assert(result.fds[i] == 3 + i && result.close_on_exec[i] && result.nonblocking[i]);
}

CASE("Limits")

/* Nothing was passed, or it is for another process: descriptors are left alone. */
TEST(not_for_this_process)
{
    static const struct passed cases[] = {
        {.pid = "", .count = NULL},   {.pid = "", .count = "1"},
        {.pid = NULL, .count = NULL}, {.pid = "1", .count = "1"},
        {.pid = "0", .count = "1"},   {.pid = "-1", .count = "1"},
        {.pid = "abc", .count = "1"}, {.pid = "99999999999999999999", .count = "1"},
        {.pid = NULL, .count = "0"},
    };
    char text[ADDRESS_TEXT_MAX];
    int fd = tcp_socket(SOCK_STREAM, true, text);

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct passed passed = cases[i];
        passed.fds[0] = fd;
        struct result result = take(&passed);
        ck_assert_msg(result.rc == 0, "case %zu", i);
        ck_assert(!result.close_on_exec[0] && !result.nonblocking[0]);
    }
}

TEST(what_cannot_be_served_is_named)
{
    char text[ADDRESS_TEXT_MAX];
    int listens = tcp_socket(SOCK_STREAM, true, text);
    int quiet = tcp_socket(SOCK_STREAM, false, text);
    int udp = tcp_socket(SOCK_DGRAM, false, text);
    int file = open("/dev/null", O_RDWR);
    const struct {
        struct passed passed;
        const char *why;
    } cases[] = {
        {{.count = "1", .fds = {udp}},
         "descriptor 3, passed by the service manager, is not a stream"},
        {{.count = "1", .fds = {quiet}},
         "descriptor 3, passed by the service manager, does not listen"},
        {{.count = "1", .fds = {file}}, "is not a socket"},
        {{.count = "2", .fds = {listens}},
         "descriptor 4, passed by the service manager, is not open"},
        {{.count = "2", .names = "echo:udp", .fds = {listens, udp}},
         "descriptor 4, named udp, passed"},
        {{.count = "2", .names = "echo", .fds = {listens, udp}}, "descriptor 4, passed"},
        {{.count = "2", .names = "echo:", .fds = {listens, udp}}, "descriptor 4, passed"},
        {{.count = "33", .fds = {listens}},
         "LISTEN_FDS, set by the service manager, is 33, not a number from 0 to 32"},
        {{.count = "", .fds = {listens}},
         "LISTEN_FDS, set by the service manager, is '', not a number"},
        {{.count = "1x", .fds = {listens}}, "is 1x, not"},
        {{.count = "-1", .fds = {listens}}, "is -1, not"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct result result = take(&cases[i].passed);
        ck_assert_int_eq(result.rc, -EINVAL);
        ck_assert_msg(strstr(result.why, cases[i].why) != NULL, "\"%s\" is not in: %s",
                      cases[i].why, result.why);
    }
}

/* Also what is wrong is not left to a child. */
TEST(no_child_gets_any)
{
    char text[ADDRESS_TEXT_MAX];
    int listens = tcp_socket(SOCK_STREAM, true, text);
    int udp = tcp_socket(SOCK_DGRAM, false, text);
    struct result result = take(&(struct passed){.count = "3", .fds = {udp, listens, listens}});

    ck_assert_int_eq(result.rc, -EINVAL);
    for (int i = 0; i < 3; i++)
        ck_assert(result.close_on_exec[i]);
}
