/* SPDX-License-Identifier: MIT */
/* client/dial: connect() that ends within a time limit, in success or with the reason. */
#include "client/dial.h"
#include "tests/harness.h"
#include "tests/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/time.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)

static struct address loopback(uint16_t port)
{
    struct address address;
    const char *cause;

    ck_assert(address_resolve("127.0.0.1", port, false, &address, &cause));
    return address;
}

static int new_socket(const struct address *address)
{
    int fd = dial_socket(address);

    ck_assert_int_ge(fd, 0);
    return fd;
}

START_TEST(a_socket_that_connects_is_blocking)
{
    uint16_t port;
    int listener = tcp_listen(&port);
    struct address address = loopback(port);
    int fd = new_socket(&address);

    ck_assert_int_eq(dial_connect(fd, &address, 20 * SECOND), 0);
    ck_assert_int_eq(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    close(fd);
    close(listener);
}
END_TEST

START_TEST(nobody_listens)
{
    uint16_t port;
    struct address address;
    int fd;

    close(tcp_listen(&port));
    address = loopback(port);
    fd = new_socket(&address);
    ck_assert_int_eq(dial_connect(fd, &address, 20 * SECOND), -ECONNREFUSED);
    close(fd);
}
END_TEST

START_TEST(a_socket_that_meets_itself)
{
    uint16_t port;
    struct address address;
    int fd;

    close(tcp_listen(&port));
    address = loopback(port);
    fd = new_socket(&address);
    /* what the kernel may do by chance, made certain: our end has the port that we call */
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address.storage, address.length), 0);
    ck_assert_int_eq(dial_connect(fd, &address, 20 * SECOND), -ECONNREFUSED);
    close(fd);
}
END_TEST

START_TEST(a_backlog_that_is_full)
{
    uint16_t port;
    int listener = tcp_listen(&port);
    struct address address = loopback(port);
    int first, fd;

    ck_assert_int_eq(listen(listener, 0), 0); /* room for one */
    first = tcp_connect(port);
    fd = new_socket(&address);
    ck_assert_int_eq(dial_connect(fd, &address, SECOND / 100), -ETIMEDOUT);
    close(fd);
    close(first);
    close(listener);
}
END_TEST

struct call {
    struct address address;
    int fd;
    int code;
};

static void *dial(void *argument)
{
    struct call *call = argument;

    call->code = dial_connect(call->fd, &call->address, 3600 * SECOND);
    return NULL;
}

/* A call under way ends with the socket. It is asked again since it may not have begun at first. */
static bool has_ended(void *context)
{
    const pthread_t *thread = context;

    return pthread_tryjoin_np(*thread, NULL) == 0;
}

static bool shut_down_and_ended(void *context)
{
    void **both = context;

    shutdown(((struct call *)both[0])->fd, SHUT_RDWR);
    return has_ended(both[1]);
}

START_TEST(a_call_is_ended_by_shutdown)
{
    uint16_t port;
    int listener = tcp_listen(&port);
    struct call call = {.address = loopback(port)};
    pthread_t thread;
    int first;

    ck_assert_int_eq(listen(listener, 0), 0);
    first = tcp_connect(port);
    call.fd = new_socket(&call.address);
    ck_assert_int_eq(pthread_create(&thread, NULL, dial, &call), 0);
    wait_until(shut_down_and_ended, (void *[]){&call, &thread});
    close(call.fd);
    close(first);
    close(listener);
}
END_TEST

/* --- unix sockets -------------------------------------------------------------------------- */

/* A listener on an abstract name of its own. */
static int unix_listen(struct address *address, int backlog)
{
    char name[64];
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(name, sizeof name, "@check_dial.%d", (int)getpid());
    ck_assert(address_of_path(name, address));
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address->storage, address->length), 0);
    ck_assert_int_eq(listen(fd, backlog), 0);
    return fd;
}

START_TEST(a_unix_socket_that_connects_is_blocking)
{
    struct address address;
    int listener = unix_listen(&address, 1);
    int fd = new_socket(&address);
    struct timeval limit;
    socklen_t size = sizeof limit;

    ck_assert_int_eq(dial_connect(fd, &address, 20 * SECOND), 0);
    ck_assert_int_eq(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, &size), 0);
    ck_assert(limit.tv_sec == 0 && limit.tv_usec == 0);
    close(fd);
    close(listener);
    fd = new_socket(&address);
    ck_assert_int_eq(dial_connect(fd, &address, 20 * SECOND), -ECONNREFUSED);
    close(fd);
}
END_TEST

START_TEST(a_unix_backlog_that_is_full)
{
    struct address address;
    int listener = unix_listen(&address, 0);
    int first = new_socket(&address);
    int fd = new_socket(&address);

    ck_assert_int_eq(dial_connect(first, &address, 20 * SECOND), 0);
    ck_assert_int_eq(dial_connect(fd, &address, SECOND / 100), -ETIMEDOUT);
    ck_assert_int_eq(dial_connect(fd, &address, 0), -ETIMEDOUT);
    close(fd);
    close(first);
    close(listener);
}
END_TEST

/* Whoever waits gets the place that an accept() frees. */
START_TEST(a_unix_backlog_that_has_room_again)
{
    struct call call;
    pthread_t thread;
    int listener = unix_listen(&call.address, 0);
    int first = new_socket(&call.address);

    ck_assert_int_eq(dial_connect(first, &call.address, 20 * SECOND), 0);
    call.fd = new_socket(&call.address);
    ck_assert_int_eq(pthread_create(&thread, NULL, dial, &call), 0);
    close(accept(listener, NULL, NULL));
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(call.code, 0);
    close(call.fd);
    close(first);
    close(listener);
}
END_TEST

START_TEST(a_unix_call_is_ended_by_shutdown)
{
    struct call call;
    pthread_t thread;
    int listener = unix_listen(&call.address, 0);
    int first = new_socket(&call.address);

    ck_assert_int_eq(dial_connect(first, &call.address, 20 * SECOND), 0);
    call.fd = new_socket(&call.address);
    ck_assert_int_eq(pthread_create(&thread, NULL, dial, &call), 0);
    wait_until(shut_down_and_ended, (void *[]){&call, &thread});
    ck_assert_int_eq(call.code, -ECONNRESET);
    close(call.fd);
    close(first);
    close(listener);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dial");
    TCase *core = tcase_create("Core");
    TCase *local = tcase_create("Unix");

    tcase_add_test(core, a_socket_that_connects_is_blocking);
    tcase_add_test(core, nobody_listens);
    tcase_add_test(core, a_socket_that_meets_itself);
    tcase_add_test(core, a_backlog_that_is_full);
    tcase_add_test(core, a_call_is_ended_by_shutdown);
    suite_add_tcase(suite, core);
    tcase_add_test(local, a_unix_socket_that_connects_is_blocking);
    tcase_add_test(local, a_unix_backlog_that_is_full);
    tcase_add_test(local, a_unix_backlog_that_has_room_again);
    tcase_add_test(local, a_unix_call_is_ended_by_shutdown);
    suite_add_tcase(suite, local);
    return suite_main(suite);
}
