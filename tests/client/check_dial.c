/* SPDX-License-Identifier: MIT */
/* client/dial: connect() in steps that do not wait, to its success or to the reason. */
#include "client/session/dial.h"
#include "tests/kit/harness.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

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

/* Begin, and wait as often as it takes. */
static int dial(int fd, const struct address *address)
{
    int code = dial_begin(fd, address);

    while (code == -EINPROGRESS) {
        struct pollfd polled = {.fd = fd, .events = POLLOUT};

        ck_assert_int_eq(poll(&polled, 1, -1), 1);
        code = dial_finish(fd);
    }
    return code;
}

CASE("Core")

TEST(it_connects_without_waiting)
{
    uint16_t port;
    int listener = tcp_listen(&port);
    struct address address = loopback(port);
    int fd = new_socket(&address);

    ck_assert_int_eq(dial(fd, &address), 0);
    ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    ck_assert_int_eq(dial_make_blocking(fd), 0);
    ck_assert_int_eq(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    close(fd);
    close(listener);
}

TEST(no_listener)
{
    struct address address = loopback(tcp_unused_port());
    int fd = new_socket(&address);

    ck_assert_int_eq(dial(fd, &address), -ECONNREFUSED);
    close(fd);
}

TEST(a_socket_that_meets_itself)
{
    uint16_t port;
    struct address address;
    int fd;

    close(tcp_listen(&port));
    address = loopback(port);
    fd = new_socket(&address);
    /* what the kernel may do by chance, made certain: our end has the port that we call */
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address.storage, address.length), 0);
    ck_assert_int_eq(dial(fd, &address), -ECONNREFUSED);
    close(fd);
}

TEST(a_backlog_that_is_full)
{
    uint16_t port;
    int listener = tcp_listen(&port);
    struct address address = loopback(port);
    int first, fd;

    first = tcp_fill_backlog(listener, port);
    fd = new_socket(&address);
    ck_assert_int_eq(dial_begin(fd, &address), -EINPROGRESS);
    ck_assert_int_eq(dial_finish(fd), -EINPROGRESS); /* and asking too early does no harm */
    ck_assert_int_eq(shutdown(fd, SHUT_RDWR), 0);
    ck_assert_int_lt(dial_finish(fd), 0); /* a call under way ends with the socket */
    close(fd);
    close(first);
    close(listener);
}

CASE("From an address of ours")

TEST(from_an_address_of_ours)
{
    uint16_t port;
    int listener = tcp_listen(&port);
    struct address address = loopback(port);
    struct sockaddr_in own = {0};
    socklen_t size = sizeof own;
    struct address source;
    const char *cause;
    int fd = new_socket(&address);

    ck_assert(address_resolve("127.0.0.77", 0, false, &source, &cause));
    ck_assert_int_eq(dial_from(fd, &source), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&own, &size), 0);
    ck_assert_uint_eq(own.sin_port, 0); /* it is not taken before connect() */
    ck_assert_int_eq(dial(fd, &address), 0);
    size = sizeof own;
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&own, &size), 0);
    ck_assert_uint_eq(ntohl(own.sin_addr.s_addr), 0x7f00004d);
    ck_assert_uint_ne(own.sin_port, 0);
    close(fd);
    close(listener);
}

TEST(from_an_address_that_is_not_ours)
{
    struct address address = loopback(1);
    struct address source;
    const char *cause;
    int fd = new_socket(&address);

    ck_assert(
        address_resolve("192.0.2.1", 0, false, &source, &cause)); /* RFC 5737: of no machine */
    ck_assert_int_eq(dial_from(fd, &source), -EADDRNOTAVAIL);
    close(fd);
}

CASE("Unix sockets")

/* A listener on an abstract name of its own. */
static int unix_listen(struct address *address, int backlog)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    const char *name = suite_text("@check_dial.%d", (int)getpid());

    ck_assert(address_of_path(name, address));
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address->storage, address->length), 0);
    ck_assert_int_eq(listen(fd, backlog), 0);
    return fd;
}

TEST(a_unix_socket_connects_at_once)
{
    struct address address;
    int listener = unix_listen(&address, 1);
    int fd = new_socket(&address);

    ck_assert_int_eq(dial_begin(fd, &address), 0);
    ck_assert_int_eq(dial_finish(fd), 0);
    close(fd);
    close(listener);
    fd = new_socket(&address);
    ck_assert_int_eq(dial_begin(fd, &address), -ECONNREFUSED);
    close(fd);
}

/* A client that was refused and tries again gets the place that an accept() frees. */
TEST(a_unix_backlog_that_is_full)
{
    struct address address;
    int listener = unix_listen(&address, 0);
    int first = new_socket(&address);
    int fd = new_socket(&address);

    ck_assert_int_eq(dial_begin(first, &address), 0);
    ck_assert_int_eq(dial_begin(fd, &address), -EAGAIN);
    ck_assert_int_eq(dial_finish(fd), -EINPROGRESS);
    close(accept(listener, NULL, NULL));
    ck_assert_int_eq(dial_begin(fd, &address), 0);
    close(fd);
    close(first);
    close(listener);
}
