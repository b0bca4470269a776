/* SPDX-License-Identifier: MIT */
/* Visitors: what they do, and what is counted of them. The test is their server; check_server_control.c has the
   real one. */
#include "server/admin/visitor.h"

#include "common/clock.h"
#include "tests/kit/harness.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SHORT_NS INT64_C(1000000)

/* A listening socket, and visitors for it. */
static struct {
    struct event_base *base;
    struct visitors *visitors;
    struct visitor_settings settings;
    struct listening_socket socket;
    uint16_t port;
} scene;

static void open_scene(void)
{
    struct address *address = &scene.socket.address;

    scene.base = event_base_new();
    scene.socket.fd = tcp_listen(&scene.port);
    address->length = sizeof address->storage;
    ck_assert_int_eq(
        getsockname(scene.socket.fd, (struct sockaddr *)&address->storage, &address->length), 0);
    scene.settings = (struct visitor_settings){
        .socket = &scene.socket, .pause_ns = SHORT_NS, .life_ns = VISITOR_LIFE_NS};
}

static void make_visitors(void)
{
    scene.visitors = visitors_new(scene.base, &scene.settings);
    ck_assert_ptr_nonnull(scene.visitors);
}

static void close_scene(void)
{
    visitors_free(scene.visitors);
    event_base_free(scene.base);
    close(scene.socket.fd);
}

static struct visitor_counts counts(void)
{
    struct visitor_counts now;

    visitors_count(scene.visitors, &now);
    ck_assert_uint_eq(now.sent, now.served + now.rejected + now.ended + now.here);
    return now;
}

/* Let the visitors go on. */
static void turn(void)
{
    ck_assert_int_eq(event_base_loop(scene.base, EVLOOP_ONCE), 0);
}

static void wait_until_gone(void)
{
    while (counts().here > 0)
        turn();
}

static int accept_one(void)
{
    int fd = accept(scene.socket.fd, NULL, NULL);

    ck_assert_int_ge(fd, 0);
    return fd;
}

/* Echo one message, which may take some turns to come. @return false: end of file came */
static bool echo_one(int fd)
{
    char bytes[64];
    ssize_t got;

    while ((got = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT)) < 0)
        turn();
    if (got > 0)
        tcp_send(fd, bytes, (size_t)got);
    return got > 0;
}

static int send_visitors(unsigned count, bool silent)
{
    int sent = visitors_send(scene.visitors, count, silent);

    return sent == (int)count ? 0 : sent;
}

CASE_WITH("A visit", open_scene, close_scene)

/* Six messages, each after the echo of the one before it; then it leaves, and is served. */
TEST(six_messages)
{
    unsigned messages = 0;
    int fd;

    make_visitors();
    ck_assert_int_eq(send_visitors(1, false), 0);
    ck_assert_uint_eq(counts().here, 1);
    fd = accept_one();
    while (echo_one(fd))
        messages++;
    ck_assert_uint_eq(messages, 6);
    ck_assert_uint_eq(counts().here, 1); /* it waits until the server closes */
    close(fd);
    wait_until_gone();
    ck_assert_uint_eq(counts().served, 1);
}

/* A silent one has said nothing when its time is over, and has left in order. */
TEST(silence)
{
    int fd;

    scene.settings.life_ns = SHORT_NS;
    make_visitors();
    ck_assert_int_eq(send_visitors(1, true), 0);
    fd = accept_one();
    ck_assert(!echo_one(fd));
    close(fd);
    wait_until_gone();
    ck_assert_uint_eq(counts().served, 1);
}

TEST(busy)
{
    int fd;

    make_visitors();
    ck_assert_int_eq(send_visitors(1, false), 0);
    fd = accept_one();
    tcp_send(fd, "BUSY the queue is full\n", 23);
    close(fd);
    wait_until_gone();
    ck_assert_uint_eq(counts().rejected, 1);
}

/* The server hangs up: between messages, on a silent one, and instead of an echo. */
LOOP_TEST(the_server_closes, 3)
{
    int fd;

    make_visitors();
    ck_assert_int_eq(send_visitors(1, _i == 1), 0);
    fd = accept_one();
    if (_i == 0)
        ck_assert(echo_one(fd));
    close(fd);
    wait_until_gone();
    ck_assert_uint_eq(counts().ended, 1);
}

/* Nothing listens any more. */
TEST(refused)
{
    make_visitors();
    close(scene.socket.fd);
    ck_assert_int_eq(send_visitors(2, false), 0);
    wait_until_gone();
    ck_assert_uint_eq(counts().ended, 2);
    scene.socket.fd = tcp_listen(&scene.port);
}

CASE_WITH("Bounds", open_scene, close_scene)

TEST(so_many_at_once)
{
    make_visitors();
    for (unsigned i = 0; i + 10 <= VISITORS_MAX; i += 10)
        ck_assert_int_eq(send_visitors(10, true), 0);
    ck_assert_int_eq(send_visitors(10, true), -EBUSY);
    ck_assert_uint_eq(counts().here, VISITORS_MAX - VISITORS_MAX % 10);
    for (unsigned i = 0; i < VISITORS_MAX % 10; i++)
        ck_assert_int_eq(send_visitors(1, true), 0);
    ck_assert_int_eq(send_visitors(1, true), -EBUSY);
    ck_assert_uint_eq(counts().sent, VISITORS_MAX);
    /* When they have gone there is room again. */
    for (int i = 0; i < VISITORS_MAX; i++)
        close(accept_one());
    wait_until_gone();
    ck_assert_int_eq(send_visitors(10, true), 0);
}

/* Who is not served within its life leaves: in the kernel's backlog it has not even been accepted. */
TEST(so_long)
{
    char byte;
    int fd;

    scene.settings.life_ns = SHORT_NS;
    make_visitors();
    ck_assert_int_eq(send_visitors(1, false), 0);
    fd = accept_one();
    for (int i = 0; i < 2; i++)
        turn(); /* it says something, and has no echo */
    while (recv(fd, &byte, 1, MSG_DONTWAIT) != 0)
        turn();
    close(fd);
    wait_until_gone();
    ck_assert_uint_eq(counts().ended, 1);
}

/* When the server drains all of them end their half at once, and count by what they have had. */
TEST(leaving)
{
    int fds[2];
    char byte;

    make_visitors();
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(send_visitors(1, i == 1), 0);
        fds[i] = accept_one();
    }
    ck_assert(echo_one(fds[0]));
    visitors_leave(scene.visitors);
    for (int i = 0; i < 2; i++) {
        while (recv(fds[i], &byte, 1, 0) > 0)
            continue; /* the next message may have been under way */
        close(fds[i]);
    }
    wait_until_gone();
    ck_assert_uint_eq(counts().ended, 1);
    ck_assert_uint_eq(counts().served, 1);
}

CASE_WITH("No visitors", open_scene, close_scene)

/* A server that others may answer for, or for which the visitor lacks a certificate, has none. */
TEST(obstacles)
{
    static const char *const words[] = {"another server", "another server", "--tls-ca"};

    for (int i = 0; i < 3; i++) {
        scene.settings.reuse_port = i == 0;
        scene.socket.is_shared = i == 1;
        scene.settings.tls_clients_certified = i == 2;
        make_visitors();
        ck_assert_ptr_nonnull(strstr(counts().obstacle, words[i]));
        ck_assert_int_eq(send_visitors(1, false), -ENOTSUP);
        ck_assert_uint_eq(counts().sent, 0);
        visitors_free(scene.visitors);
    }
    scene.visitors = NULL;
    ck_assert_ptr_nonnull(strstr(counts().obstacle, "--admin-control"));
}
