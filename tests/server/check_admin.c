/* SPDX-License-Identifier: MIT */
/*
 * The admin port by itself, with a state that the test makes up: what it answers, to whom, and how
 * much it lets strangers take. check_server_admin.c has it in the real server.
 */
#include "server/admin/admin.h"

#include "common/clock.h"
#include "server/admin/events.h"
#include "server/admin/places.h"
#include "tests/kit/harness.h"
#include "tests/kit/http.h"
#include "tests/kit/metrics.h"
#include "tests/kit/suite.h"
#include "tests/server/fake_server.h"

#include <errno.h>
#include <event2/event.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

CASE_WITH("What it answers", fake_open, fake_close)

static const struct expectation {
    const char *path;
    const char *type;
    const char *text; /* somewhere in the body */
} expectations[] = {
    {"/", "text/plain; charset=utf-8", "/stats.json"},
    {"/metrics", "text/plain; version=0.0.4; charset=utf-8", "\nechopool_connections_active 5\n"},
    {"/stats.json", "application/json", "\"schema\": \"echo-server/1\""},
    {"/livez", "text/plain; charset=utf-8", "ok\n"},
    {"/healthz", "text/plain; charset=utf-8", "ok\n"},
    {"/readyz", "text/plain; charset=utf-8", "ready\n"},
    {"/livez?verbose=1&x=%41", "text/plain; charset=utf-8", "ok\n"},
    {"http://elsewhere:80/livez", "text/plain; charset=utf-8", "ok\n"},
};

LOOP_TEST(every_path, COUNT_OF(expectations))
{
    const struct expectation *expected = &expectations[_i];
    struct http_reply reply;
    char value[200];

    reply = http_get(fake.port, expected->path);
    ck_assert_int_eq(reply.status, 200);
    ck_assert_str_eq(http_header(&reply, "Content-Type", value), expected->type);
    ck_assert_str_eq(http_header(&reply, "Cache-Control", value), "no-store");
    ck_assert_msg(strstr(reply.body, expected->text) != NULL, "%s", reply.body);
}

/* The Accept header chooses the format of /metrics, and caches learn that. */
TEST(open_metrics)
{
    static const char request[] = "GET /metrics HTTP/1.1\r\nHost: test\r\n"
                                  "Accept: application/openmetrics-text; version=1.0.0\r\n\r\n";
    struct http_reply reply = http_send(fake.port, request, strlen(request));
    char value[200];

    ck_assert_int_eq(reply.status, 200);
    ck_assert_str_eq(http_header(&reply, "Content-Type", value),
                     "application/openmetrics-text; version=1.0.0; charset=utf-8");
    ck_assert_str_eq(http_header(&reply, "Vary", value), "Accept");
    free(metrics_read_open(reply.body));
    reply = http_get(fake.port, "/metrics");
    ck_assert_str_eq(http_header(&reply, "Vary", value), "Accept");
}

/* HEAD says what GET would, without the body, and the connection goes on. */
TEST(heads)
{
    char value[200];
    int fd;

    fd = tcp_connect(fake.port);
    for (size_t i = 0; i < sizeof expectations / sizeof *expectations; i++) {
        struct http_reply whole = http_get(fake.port, expectations[i].path);
        struct http_reply head;
        const char *request =
            suite_text("HEAD %s HTTP/1.1\r\nHost: test\r\n\r\n", expectations[i].path);
        tcp_send(fd, request, strlen(request));
        head = http_read(fd, true);
        ck_assert_int_eq(head.status, 200);
        ck_assert_str_eq(http_header(&head, "Content-Type", value), expectations[i].type);
        ck_assert_uint_eq(strtoul(http_header(&head, "Content-Length", value), NULL, 10),
                          whole.size);
    }
    close(fd);
}

TEST(head_of_events)
{
    static const char request[] = "HEAD /events HTTP/1.1\r\nHost: test\r\n\r\n"
                                  "GET /livez HTTP/1.1\r\nHost: test\r\n\r\n";
    struct http_reply reply;
    char value[200];
    int fd;

    fd = tcp_connect(fake.port);
    tcp_send(fd, request, sizeof request - 1);
    reply = http_read(fd, true);
    ck_assert_str_eq(http_header(&reply, "Content-Type", value), "text/event-stream");
    reply = http_read(fd, false); /* which comes next, and no event between */
    ck_assert_str_eq(reply.body, "ok\n");
    close(fd);
}

/* Ask until the answer is another one: the last look may be shown for a moment longer. */
static void expect_readiness(uint16_t port, int status, const char *why)
{
    struct http_reply reply = http_get(port, "/readyz");

    while (reply.status != status || strstr(reply.body, why) == NULL) {
        reply = http_get(port, "/readyz");
    }
}

TEST(readyz)
{
    expect_readiness(fake.port, 200, "ready");
    fake_set_lame_duck(true);
    expect_readiness(fake.port, 503, "lame duck");
    http_body(fake.port, "/livez", 200);
    fake_set_readiness(true, 4);
    expect_readiness(fake.port, 503, "draining");
    fake_set_lame_duck(false);
    fake_set_readiness(false, 0);
    expect_readiness(fake.port, 503, "no worker");
    http_body(fake.port, "/livez", 200);
    fake_set_readiness(false, 1);
    expect_readiness(fake.port, 200, "ready");
}

static const char *const methods[] = {"POST",  "PUT",     "DELETE", "OPTIONS",
                                      "PATCH", "CONNECT", "TRACE",  "BREW"};

LOOP_TEST(other_methods, COUNT_OF(methods))
{
    struct http_reply reply;
    char value[200];

    const char *request = suite_text("%s /metrics HTTP/1.1\r\nHost: test\r\n\r\n", methods[_i]);
    reply = http_send(fake.port, request, strlen(request));
    ck_assert_msg(reply.status == 405, "%s: %s", methods[_i], reply.head);
    ck_assert_str_eq(http_header(&reply, "Allow", value), "GET, HEAD");
    ck_assert_str_eq(http_header(&reply, "Content-Type", value), "text/plain; charset=utf-8");
}

/* What is not there, and what is said of it: nothing that a stranger sent comes back raw. */
TEST(not_found)
{
    char path[3000] = "/";
    char *body;

    body = http_body(fake.port, "/metrics/", 404);
    ck_assert_str_eq(body, "there is no /metrics/ here: see /\n");
    http_body(fake.port, "/%6detrics", 404);
    http_body(fake.port, "/../etc/passwd", 404);
    body = http_body(fake.port, "/\033[31m\a\x9b<b>\xff", 404);
    for (size_t i = 0; body[i + 1] != '\0'; i++)
        ck_assert_msg(body[i] >= ' ' && body[i] <= '~', "byte %zu of: %s", i, body);
    memset(path + 1, 'a', sizeof path - 2);
    path[900] = '\0';
    body = http_body(fake.port, path, 404);
    ck_assert_uint_lt(strlen(body), 300);
    ck_assert_ptr_nonnull(strstr(body, "aaa... here"));
}

CASE_WITH("What strangers send", fake_open, fake_close)

static const char *const nonsense[] = {
    "",
    "\r\n",
    "\n\n\n\n",
    "GET",
    "GET /livez",
    "GET /livez\r\n\r\n",
    "GET  HTTP/1.1\r\n\r\n",
    "GET /livez HTTP/9.9\r\n\r\n",
    "GET /livez HTTP/1.1 more\r\n\r\n",
    "GET /livez FTP/1.1\r\n\r\n",
    "GET http://[::1/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /livez HTTP/1.1\r\nno colon\r\n\r\n",
    "GET /livez HTTP/1.1\r\n folded first\r\n\r\n",
    "POST /livez HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
    "POST /livez HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
    "POST /livez HTTP/1.1\r\nContent-Length: 1000000\r\n\r\nabc",
    "POST /livez HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "POST /livez HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
    "POST /livez HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4000000000\r\n\r\n",
    "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
};

/* An error or nothing, never a 200; and the next one is served. */
LOOP_TEST(nonsense_is_refused, COUNT_OF(nonsense))
{
    struct http_reply reply;

    reply = http_send(fake.port, nonsense[_i], strlen(nonsense[_i]));
    ck_assert_msg(reply.status == 0 || reply.status >= 400, "%s%s", reply.head, reply.body);
    http_body(fake.port, "/livez", 200);
}

static const char *const endless[] = {
    "GET /",
    "GET /livez HTTP/1.1\r\nX: ",
    "GET /livez HTTP/1.1\r\nX: y\r\n",
    "POST /livez HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
    "POST /livez HTTP/1.1\r\nContent-Length: 1048576\r\n\r\n",
};

/* 1 MiB of it, without an end. */
LOOP_TEST(endless_requests, COUNT_OF(endless))
{
    size_t start = strlen(endless[_i]);
    size_t size = start + 1024 * 1024;
    char *bytes = suite_memory(size);
    struct http_reply reply;

    memset(bytes, '1', size);
    memcpy(bytes, endless[_i], start);
    for (size_t i = start; _i == 2 && i + 7 <= size; i += 7)
        memcpy(bytes + i, "A: bc\r\n", 7);
    reply = http_send(fake.port, bytes, size);
    ck_assert_msg(reply.status == 0 || (reply.status >= 400 && reply.status < 500), "%s",
                  reply.head);
    http_body(fake.port, "/livez", 200);
}

/* A client that ends its half with its request, as ncat does, gets the whole reply, also a long one. */
TEST(half_closed)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: test\r\nAccept: text/html\r\n\r\n";
    int fd = tcp_connect(fake.port);
    struct http_reply reply;
    char byte;

    tcp_send(fd, request, sizeof request - 1);
    ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
    reply = http_read(fd, false);
    ck_assert_int_eq(reply.status, 200);
    ck_assert_uint_gt(reply.size, 65536);
    ck_assert_int_eq(recv(fd, &byte, 1, 0), 0);
    close(fd);
}

/* Requests one behind the other, before any answer is read. */
TEST(pipelined)
{
    static const char request[] = "GET /livez HTTP/1.1\r\nHost: test\r\n\r\n";
    int fd;

    fd = tcp_connect(fake.port);
    for (int i = 0; i < 500; i++)
        tcp_send(fd, request, sizeof request - 1);
    for (int i = 0; i < 500; i++) {
        struct http_reply reply = http_read(fd, false);
        ck_assert_str_eq(reply.body, "ok\n");
    }
    close(fd);
}

static uint64_t since(int64_t then_ns)
{
    return (uint64_t)(clock_now_ns() - then_ns);
}

CASE_WITH("Events", fake_open, fake_close)

TEST(events)
{
    uint64_t last = 0;
    int64_t started_ns;
    unsigned ticks;
    int fd;

    started_ns = clock_now_ns();
    fd = http_listen(fake.port);
    for (int i = 0; i < 6; i++) {
        uint64_t id;
        char *data = http_event(fd, &id);
        ck_assert_ptr_nonnull(data);
        ck_assert_msg(strncmp(data, "{\"schema\":\"echo-server/1\",", 26) == 0, "%s", data);
        ck_assert(last == 0 || id == last + 1);
        last = id;
    }
    /* However late the ticks are, there are not more than fit. */
    ticks = fake_looks();
    ck_assert_uint_le(ticks, since(started_ns) / (EVENTS_PERIOD_US * UINT64_C(1000)) + 2);
    close(fd);
}

/*
 * All listeners get the same event: the state is taken once for all of them. Each time that it is
 * taken it is another one, see fake_server.c.
 */
TEST(every_stream_gets_the_same_events)
{
    uint64_t ids[2] = {0, 0};
    char *data[2];
    int fds[2];

    for (int i = 0; i < 2; i++) {
        fds[i] = http_listen(fake.port);
        data[i] = http_event(fds[i], &ids[i]);
        ck_assert_ptr_nonnull(data[i]);
    }
    while (ids[0] < ids[1]) {
        data[0] = http_event(fds[0], &ids[0]);
        ck_assert_ptr_nonnull(data[0]);
    }
    ck_assert_uint_eq(ids[0], ids[1]);
    ck_assert_str_eq(data[0], data[1]);
    for (int i = 0; i < 2; i++) {
        close(fds[i]);
    }
}

/* The last event comes, also if the one before it has just been written when the server ends. */
TEST(the_last_event_after_another)
{
    int fd = http_listen(fake.port);
    uint64_t last, id;

    ck_assert_ptr_nonnull(http_event(fd, &last));
    fake_end_at_event();
    admin_end(fake.admin, fake.base);
    for (const char *data = ""; strstr(data, "\"state\":\"ended\"") == NULL; last = id) {
        data = http_event(fd, &id);
        ck_assert_ptr_nonnull(data);
        ck_assert_uint_eq(id, last + 1);
    }
    close(fd);
}

/* A new stream, as soon as there is a place. */
static int listen_when_possible(uint16_t port)
{
    static const char request[] = "GET /events HTTP/1.0\r\n\r\n";

    for (;;) {
        char start[13] = "";
        int fd = tcp_connect(port);
        tcp_send(fd, request, sizeof request - 1);
        tcp_receive(fd, start, 12);
        if (strcmp(start + 9, "200") == 0)
            return fd;
        ck_assert_str_eq(start + 9, "503");
        close(fd);
    }
}

TEST(streams_are_bounded)
{
    int fds[ADMIN_STREAMS_MAX];
    char *body;
    uint64_t id;

    for (int i = 0; i < ADMIN_STREAMS_MAX; i++)
        fds[i] = http_listen(fake.port);
    for (int i = 0; i < 100; i++) {
        body = http_body(fake.port, "/events", 503);
        ck_assert_ptr_nonnull(strstr(body, "streams of /events are taken"));
    }
    for (int i = 0; i < ADMIN_STREAMS_MAX; i++) {
        body = http_event(fds[i], &id);
        ck_assert_ptr_nonnull(body);
    }
    /* One goes, one may come: in order, by a reset, in the middle of an event. */
    for (int i = 0; i < ADMIN_STREAMS_MAX; i++) {
        if (i % 2 == 0)
            close(fds[i]);
        else
            tcp_reset(fds[i]);
        fds[i] = listen_when_possible(fake.port);
    }
    for (int i = 0; i < ADMIN_STREAMS_MAX; i++)
        close(fds[i]);
}

/* A stream's client keeps sending: it is not read, nothing grows, and its events come. */
TEST(listener_that_talks)
{
    enum { TALK_MAX = 64 * 1024 * 1024 };
    char *junk = calloc(1, 4096);
    struct timeval soon = {.tv_usec = 100000};
    size_t sent = 0;
    uint64_t id;
    int fd;

    fd = http_listen(fake.port);
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof soon), 0);
    /* Until nothing is taken any more, which is when the kernel's buffers are full. */
    for (ssize_t more; (more = send(fd, junk, 4096, MSG_NOSIGNAL)) > 0;) {
        sent += (size_t)more;
        if (sent > TALK_MAX)
            ck_abort_msg("%zu bytes were taken that the server does not want", sent);
    }
    for (int i = 0; i < 3; i++) {
        char *data = http_event(fd, &id);
        ck_assert_ptr_nonnull(data);
    }
    close(fd);
    free(junk);
}

/*
 * A client that does not read its stream is dropped, and the others notice nothing. The buffers of the
 * fast reader hold events for longer than the test takes: it may get no CPU for a while.
 */
TEST(slow_reader_is_dropped)
{
    static const char request[] = "GET /events HTTP/1.0\r\n\r\n";
    unsigned descriptors = UINT_MAX;
    uint64_t first;
    uint64_t last;
    int slow;
    int fast;
    int late;

    fast = http_listen(fake.port);
    slow = tcp_connect_narrow(fake.port);
    tcp_send(slow, request, sizeof request - 1);
    tcp_receive(slow, (char[4]){0}, 4); /* the server has accepted it */
    http_event(fast, &first);
    last = first;
    /*
     * Until the server has closed its end; the test has closed nothing. On a busy machine descriptors of
     * something else may come and go, so the least number of the first events counts.
     */
    while (last - first < EVENTS_MISSED_MAX / 2 || process_descriptors(getpid()) >= descriptors) {
        unsigned now = process_descriptors(getpid());
        uint64_t id;

        if (last - first < EVENTS_MISSED_MAX / 2 && now < descriptors)
            descriptors = now;
        char *data = http_event(fast, &id);
        ck_assert_ptr_nonnull(data);
        ck_assert_uint_eq(id, last + 1);
        last = id;
    }
    /* The fast reader may not have read all events yet; a new stream begins after them. */
    late = http_listen(fake.port);
    http_event(late, &last);
    ck_assert_uint_ge(last - first, EVENTS_MISSED_MAX);
    close(late);
    close(fast);
    close(slow);
}

CASE_WITH("Places", fake_open, fake_close)

/* Hundreds hold connections open and say nothing: the next one is served, and streams go on. */
TEST(no_client_is_locked_out)
{
    int fds[300];
    uint64_t id;
    int stream;

    stream = http_listen(fake.port);
    for (int i = 0; i < 300; i++) {
        fds[i] = tcp_connect(fake.port);
        if (i % 3 == 0)
            tcp_send(fds[i], "GET /livez HT", 13);
        if (i % 50 == 0)
            http_body(fake.port, "/livez", 200);
    }
    http_body(fake.port, "/stats.json", 200);
    for (int i = 0; i < 3; i++) {
        char *data = http_event(stream, &id);
        ck_assert_ptr_nonnull(data);
    }
    for (int i = 0; i < 300; i++)
        close(fds[i]);
    http_body(fake.port, "/livez", 200);
    close(stream);
}

/* A silent connection is closed; and without a stream nothing ticks. */
TEST(silence_ends_a_connection)
{
    unsigned taken;
    char byte;
    int fds[3];
    int stream;

    stream = http_listen(fake.port);
    tcp_receive(stream, &byte, 1);
    close(stream);
    for (int i = 0; i < 3; i++)
        fds[i] = tcp_connect(fake.port);
    tcp_send(fds[1], "GET /livez HTTP/1.1\r\nX:", 22);
    tcp_send(fds[2], "POST /livez HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 52);
    for (int i = 0; i < 5000; i++)
        tcp_send(fds[2], "11111111", 8);
    http_body(fake.port, "/livez", 200);
    taken = fake_looks();
    for (int i = 0; i < 3; i++) {
        bool reset;
        ck_assert_uint_eq(tcp_receive_all(fds[i], &byte, 1, &reset), 0);
        close(fds[i]);
    }
    /* The stream's end was seen by the next tick at the latest. */
    ck_assert_uint_le(fake_looks(), taken + 1);
}

/* A connection that is used stays, longer than a silent one that was there before it. */
TEST(use_keeps_a_connection)
{
    static const char request[] = "GET /livez HTTP/1.1\r\nHost: test\r\n\r\n";
    int silent;
    int used;
    char byte;

    used = tcp_connect(fake.port);
    silent = tcp_connect(fake.port);
    do {
        tcp_send(used, request, sizeof request - 1);
        http_read(used, false);
    } while (recv(silent, &byte, 1, MSG_DONTWAIT) < 0);
    for (int i = 0; i < 100; i++) {
        tcp_send(used, request, sizeof request - 1);
        http_read(used, false);
    }
    close(used);
    close(silent);
}

/* As often as it is asked, the server is looked at a hundred times a second at most. */
TEST(looks_are_rationed)
{
    static const char request[] = "GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n";
    int64_t started_ns;
    int fd;

    started_ns = clock_now_ns();
    fd = tcp_connect(fake.port);
    for (int i = 0; i < 1000; i++) {
        tcp_send(fd, request, sizeof request - 1);
        http_read(fd, false);
    }
    ck_assert_uint_le(fake_looks(), since(started_ns) / 10000000 + 1);
    close(fd);
}

CASE("Life")

TEST(free_closes_all)
{
    unsigned descriptors = process_descriptors(getpid());
    char bytes[65536];
    bool reset;
    int stream;
    int half;

    fake_open();
    stream = http_listen(fake.port);
    half = tcp_connect(fake.port);
    tcp_send(half, "GET /", 5);
    http_body(fake.port, "/livez", 200);
    fake_close();
    tcp_receive_all(stream, bytes, sizeof bytes, &reset);
    ck_assert_uint_eq(tcp_receive_all(half, bytes, sizeof bytes, &reset), 0);
    close(stream);
    close(half);
    ck_assert_uint_eq(process_descriptors(getpid()), descriptors);
    admin_free(NULL);
}

static const char *const bad_addresses[] = {
    "",
    ":",
    "abc",
    "70000",
    "-1",
    "80 ",
    " 80",
    "127.0.0.1:",
    ":8091",
    "::1:80",
    "[::1]",
    "1:2:3",
    "[::1:80",
    "127.0.0.1:x",
    "+80",
    "127.0.0.1:99999",
    "[127.0.0.1]:80",
    "no such host:80",
};

LOOP_TEST(bad_address, COUNT_OF(bad_addresses))
{
    struct event_base *base = event_base_new();
    char why[ADMIN_WHY_MAX] = "";
    struct admin *admin = NULL;

    ck_assert_int_eq(admin_new(base, bad_addresses[_i], false, &fake_host, &admin, why), -EINVAL);
    ck_assert_msg(strstr(why, "; try ") != NULL, "%s", why);
    ck_assert_ptr_null(admin);
    event_base_free(base);
}

/* An address is taken, perhaps one of several: the sentence names it, and the others are closed again. */
LOOP_TEST(address_in_use, 2)
{
    static const char *const hosts[] = {"127.0.0.1", "127.0.0.2,127.0.0.1"};
    struct event_base *base = event_base_new();
    unsigned descriptors;
    char why[ADMIN_WHY_MAX] = "";
    struct admin *admin = NULL;
    uint16_t port;
    int fd = tcp_listen(&port);

    descriptors = process_descriptors(getpid());
    const char *text = suite_text("%s:%u", hosts[_i], (unsigned)port);
    ck_assert_int_eq(admin_new(base, text, false, &fake_host, &admin, why), -EADDRINUSE);
    ck_assert_msg(strstr(why, suite_text("on 127.0.0.1:%u: ", (unsigned)port)) != NULL, "%s", why);
    ck_assert_msg(strstr(why, "port 0") != NULL, "%s", why);
    ck_assert_uint_eq(process_descriptors(getpid()), descriptors);
    close(fd);
    event_base_free(base);
}

/* None of them is left out without a word. */
TEST(more_addresses_than_are_kept)
{
    struct event_base *base = event_base_new();
    char why[ADMIN_WHY_MAX] = "";
    struct admin *admin = NULL;

    ck_assert_int_eq(admin_new(base,
                               "127.0.0.1,127.0.0.2,127.0.0.3,127.0.0.4,127.0.0.5,127.0.0.6,"
                               "127.0.0.7,127.0.0.8,127.0.0.9,127.0.0.10,127.0.0.11,127.0.0.12,"
                               "127.0.0.13,127.0.0.14,127.0.0.15,127.0.0.16,127.0.0.17:0",
                               false, &fake_host, &admin, why),
                     -EINVAL);
    ck_assert_msg(strstr(why, "the name has too many addresses; try ") != NULL, "%s", why);
    event_base_free(base);
}

/* All addresses of a name, with one port, except one that this machine does not have. */
TEST(every_address_of_a_name)
{
    static const char request[] = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";

    fake_open_on("127.0.0.1,192.0.2.1,127.0.0.2:0");
    ck_assert_str_eq(admin_address(fake.admin, 1), suite_text("127.0.0.2:%u", fake.port));
    ck_assert_ptr_null(admin_address(fake.admin, 2));
    for (unsigned i = 0; i < 2; i++) {
        int fd = connect_to(admin_address(fake.admin, i));
        tcp_send(fd, request, sizeof request - 1);
        ck_assert_int_eq(http_read(fd, false).status, 200);
        close(fd);
    }
    fake_close();
}
