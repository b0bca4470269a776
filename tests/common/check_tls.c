/* SPDX-License-Identifier: MIT */
/*
 * TLS streams after the handshake (see check_tls_handshake.c) with good certificates (see
 * check_tls_trust.c).
 */
#include "common/tls.h"
#include "tests/kit/harness.h"
#include "tests/kit/suite.h"
#include "tests/kit/tls.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MILLISECOND INT64_C(1000000)
#define LONG_BYTES  (1u << 20) /* far more than the ends' buffers hold */

static struct tls_ends ends;

/* Two ends after the handshake. SIGPIPE is not ignored: it would end the test. */
static void connect_ends(void)
{
    tls_ends_shake_hands(&ends, tls_kit_server(&keys->server, NULL),
                         tls_kit_client(keys->ca.certificate, NULL), "localhost");
    ck_assert_int_eq(ends.server_code, 0);
    ck_assert_int_eq(ends.client_code, 0);
}

static void close_ends(void)
{
    tls_ends_clear(&ends);
}

/* --- the calls below ----------------------------------------------------------------------- */

/* Count recv() and send() of all descriptors, and interrupt every other call for `fd`. For `full`,
   if it is a socket, a send() that does not wait finds no room. */
static struct {
    _Atomic int fd;
    _Atomic int full;
    atomic_ulong calls;
} shim = {.fd = -1, .full = -1};

static bool shim_interrupts(int fd)
{
    unsigned long number = atomic_fetch_add(&shim.calls, 1);

    if (fd != atomic_load(&shim.fd) || number % 2 != 0)
        return false;
    errno = EINTR;
    return true;
}

ssize_t send(int fd, const void *bytes, size_t size, int flags)
{
    if (shim_interrupts(fd))
        return -1;
    if (fd == atomic_load(&shim.full) && (flags & MSG_DONTWAIT) != 0) {
        errno = EAGAIN;
        return -1;
    }
    return syscall(SYS_sendto, fd, bytes, size, flags, NULL, 0);
}

ssize_t recv(int fd, void *bytes, size_t size, int flags)
{
    if (shim_interrupts(fd))
        return -1;
    return syscall(SYS_recvfrom, fd, bytes, size, flags, NULL, NULL);
}

/* --- the memory below ---------------------------------------------------------------------- */

/* OpenSSL's buffers of records that it has allocated: none is smaller than the largest record. */
static atomic_ulong buffers_made;

static void *count_buffers(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    if (size >= 16384)
        atomic_fetch_add(&buffers_made, 1);
    return malloc(size);
}

/* Before OpenSSL allocates anything. */
__attribute__((constructor)) static void watch_buffers(void)
{
    if (CRYPTO_set_mem_functions(count_buffers, NULL, NULL) != 1)
        abort();
}

/* --- helpers ------------------------------------------------------------------------------- */

static void expect_read(struct stream *stream, const char *text)
{
    char bytes[100];
    size_t have = 0;

    while (have < strlen(text)) {
        ssize_t got = stream_read(stream, bytes + have, strlen(text) - have);
        ck_assert_int_gt(got, 0);
        have += (size_t)got;
    }
    ck_assert_mem_eq(bytes, text, have);
}

static void wait_ready(const struct stream *stream)
{
    struct pollfd ready = {.fd = stream->fd, .events = stream->wants_write ? POLLOUT : POLLIN};

    ck_assert_int_eq(poll(&ready, 1, -1), 1);
}

/* A thread that echoes at the server's end until the client's has finished, and then finishes. */
static void *echo(void *result)
{
    unsigned char bytes[5000];
    ssize_t got;
    int code = 0;

    while (code == 0 && (got = stream_read(&ends.server, bytes, sizeof bytes)) > 0)
        code = stream_write(&ends.server, bytes, (size_t)got, NULL);
    if (code == 0)
        code = (int)got;
    stream_finish_writing(&ends.server);
    tls_expect_no_errors_left();
    *(int *)result = code;
    return NULL;
}

CASE_WITH_KEYS("Core")
FIXTURE(connect_ends, close_ends)

TEST(a_message_there_and_back)
{
    ck_assert_int_eq(stream_write(&ends.client, "hello", 5, NULL), 0);
    expect_read(&ends.server, "hello");
    ck_assert_int_eq(stream_write(&ends.server, "HELLO", 5, NULL), 0);
    expect_read(&ends.client, "HELLO");
    ck_assert_int_eq(stream_write(&ends.client, "", 0, NULL), 0);
    tls_expect_no_errors_left();
}

static void *write_pattern(void *code)
{
    unsigned char *bytes = some_bytes(LONG_BYTES, 1);

    *(int *)code = stream_write(&ends.client, bytes, LONG_BYTES, NULL);
    return NULL;
}

/* Read in odd pieces what write_pattern() sends. */
static void read_pattern(void)
{
    unsigned char *expected = some_bytes(LONG_BYTES, 1);
    unsigned char *piece = suite_memory(70000);
    size_t have = 0, size = 1;

    while (have < LONG_BYTES) {
        ssize_t got =
            stream_read(&ends.server, piece, size < LONG_BYTES - have ? size : LONG_BYTES - have);
        ck_assert_int_gt(got, 0);
        ck_assert_mem_eq(piece, expected + have, (size_t)got);
        have += (size_t)got;
        size = size * 3 % 69997;
    }
}

LOOP_TEST(long_writes_through_small_buffers, 2)
{
    int code = -1;
    pthread_t writer;

    if (_i == 1) /* every other send is interrupted */
        atomic_store(&shim.fd, ends.client.fd);
    writer = thread_start(write_pattern, &code);
    read_pattern();
    thread_join(writer);
    ck_assert_int_eq(code, 0);
}

TEST(a_mebibyte_is_echoed)
{
    unsigned char *bytes = some_bytes(LONG_BYTES, 1);
    unsigned char *back = suite_memory(LONG_BYTES);
    int code = -1;
    pthread_t server = thread_start(echo, &code);
    size_t at = 0;

    for (size_t done = 0; done < LONG_BYTES; done = at) { /* by 4 KiB, or both sides would wait */
        ck_assert_int_eq(stream_write(&ends.client, bytes + done, 4096, NULL), 0);
        while (at < done + 4096) {
            ssize_t got = stream_read(&ends.client, back + at, done + 4096 - at);
            ck_assert_int_gt(got, 0);
            at += (size_t)got;
        }
    }
    ck_assert_mem_eq(back, bytes, LONG_BYTES);
    ck_assert_int_eq(stream_finish_writing(&ends.client), 0);
    ck_assert_int_eq(stream_read(&ends.client, back, 1), 0);
    thread_join(server);
    ck_assert_int_eq(code, 0);
}

TEST(parts_are_written_in_their_order)
{
    struct iovec parts[] = {{"one ", 4}, {"two ", 4}, {"three", 5}};
    unsigned first = 0;

    while (first < 3) {
        ssize_t put = stream_write_parts(&ends.client, parts + first, 3 - first);
        ck_assert_int_gt(put, 0);
        while (first < 3 && (size_t)put >= parts[first].iov_len)
            put -= (ssize_t)parts[first++].iov_len;
        ck_assert_int_eq(put, 0); /* a part this short is not cut */
    }
    expect_read(&ends.server, "one two three");
}

LOOP_TEST(finishing_leaves_reading_open, 2 /* client, server first */)
{
    struct stream *first = _i == 0 ? &ends.client : &ends.server;
    struct stream *second = _i == 0 ? &ends.server : &ends.client;
    char byte;

    ck_assert_int_eq(stream_write(first, "all of it", 9, NULL), 0);
    ck_assert_int_eq(stream_finish_writing(first), 0);
    expect_read(second, "all of it");
    ck_assert_int_eq(stream_read(second, &byte, 1), 0);
    ck_assert_int_eq(stream_read(second, &byte, 1), 0);
    ck_assert_int_eq(stream_write(second, "answer", 6, NULL), 0);
    expect_read(first, "answer");
    ck_assert_int_eq(stream_finish_writing(second), 0);
    ck_assert_int_eq(stream_read(first, &byte, 1), 0);
    ck_assert_int_eq(stream_finish_writing(first), 0); /* a second call does nothing */
    tls_expect_no_errors_left();
}

TEST(a_message_is_one_call_on_each_side)
{
    char bytes[100];

    atomic_store(&shim.calls, 0);
    ck_assert_int_eq(stream_write(&ends.client, "hello", 5, NULL), 0);
    ck_assert_uint_eq(atomic_load(&shim.calls), 1);
    ck_assert_int_eq(stream_read(&ends.server, bytes, sizeof bytes), 5);
    ck_assert_uint_eq(atomic_load(&shim.calls), 2);
}

/* Two messages, so that the buffers are there for the second. @return those that it allocates */
static unsigned long buffers_of_a_message(void)
{
    unsigned long before = 0;

    for (int i = 0; i < 2; i++) {
        before = atomic_load(&buffers_made);
        ck_assert_int_eq(stream_write(&ends.client, "hello", 5, NULL), 0);
        wait_ready(&ends.server);
        expect_read(&ends.server, "hello");
    }
    return atomic_load(&buffers_made) - before;
}

TEST(streams_that_wait_keep_their_buffers)
{
    ck_assert_uint_eq(buffers_of_a_message(), 0);
}

/* So that thousands of idle sessions have none. */
TEST(streams_that_do_not_wait_release_their_buffers)
{
    int server = -EAGAIN, client = -EAGAIN;

    tls_ends_clear(&ends);
    tls_ends_init(&ends, tls_kit_server(&keys->server, NULL),
                  tls_kit_client(keys->ca.certificate, NULL), "localhost");
    stream_set_nonblocking(&ends.server);
    stream_set_nonblocking(&ends.client);
    while (server == -EAGAIN || client == -EAGAIN) {
        client = stream_handshake(&ends.client);
        server = stream_handshake(&ends.server);
    }
    ck_assert_int_eq(server, 0);
    ck_assert_int_eq(client, 0);
    ck_assert_uint_eq(buffers_of_a_message(), 2);
}

/* Left by another part of the program, which may use OpenSSL too. */
TEST(an_old_error_is_not_taken_for_the_call_s)
{
    char byte;

    stream_set_nonblocking(&ends.server);
    ERR_raise(ERR_LIB_USER, 1);
    ck_assert_int_eq(stream_read(&ends.server, &byte, 1), -EAGAIN);
    tls_expect_no_errors_left();
}

TEST(a_stream_may_be_moved)
{
    struct stream moved = ends.client;

    ends.client.fd = -1;
    ck_assert_int_eq(stream_write(&moved, "hello", 5, NULL), 0);
    expect_read(&ends.server, "hello");
    stream_close(&moved);
}

CASE_WITH_KEYS("What ends badly")
FIXTURE(connect_ends, close_ends)

static const char cut_short[] = "the connection ended without close_notify";

TEST(an_end_without_close_notify_is_an_error)
{
    char byte;

    ck_assert_int_eq(stream_write(&ends.client, "part", 4, NULL), 0);
    ck_assert_int_eq(shutdown(ends.client.fd, SHUT_WR), 0);
    expect_read(&ends.server, "part");
    tls_expect_error(&ends.server, stream_read(&ends.server, &byte, 1), cut_short);
    tls_expect_error(&ends.server, stream_read(&ends.server, &byte, 1), cut_short);
    stream_finish_writing(&ends.server); /* harmless */
    tls_expect_no_errors_left();
}

TEST(a_peer_that_closes_right_after_the_handshake)
{
    char byte;

    stream_close(&ends.client);
    tls_expect_error(&ends.server, stream_read(&ends.server, &byte, 1), cut_short);
}

TEST(a_reset_is_an_error_and_no_signal)
{
    char bytes[100] = "x";
    int fd = ends.client.fd;
    ssize_t code;

    stream_release(&ends.client);
    ends.client.fd = -1;
    tcp_reset(fd);
    ck_assert_int_eq(stream_read(&ends.server, bytes, 1), -ECONNRESET);
    /* SIGPIPE would end the test here */
    code = stream_write(&ends.server, bytes, sizeof bytes, NULL);
    ck_assert(code == -EPIPE || code == -ECONNRESET);
    stream_finish_writing(&ends.server);
    tls_expect_no_errors_left();
}

TEST(a_byte_that_was_changed_is_an_error)
{
    char record[] = "\x17\x03\x03\x00\x20 these are no encrypted bytes !!";
    char bytes[100];
    char text[TLS_WHY_MAX];

    ck_assert_uint_eq(sizeof record - 1, 5 + 32);
    tcp_send(ends.client.fd, record, 5 + 32);
    ck_assert_int_eq(stream_read(&ends.server, bytes, sizeof bytes), -EPROTO);
    ck_assert_str_ne(stream_error_text(&ends.server, text), "");
    stream_finish_writing(&ends.server);
    tls_expect_error(&ends.server, -EPROTO, text); /* the same words as before */
    ck_assert_int_eq(stream_read(&ends.client, bytes, sizeof bytes), -EPROTO);
    ck_assert_str_eq(stream_error_text(&ends.client, text), "alert from the peer: bad record mac");
}

TEST(a_shutdown_of_our_own_wakes_a_reader)
{
    int code = 0;
    pthread_t server = thread_start(echo, &code);

    ck_assert_int_eq(stream_write(&ends.client, "hello", 5, NULL), 0);
    expect_read(&ends.client, "hello"); /* reading still works */
    ck_assert_int_eq(shutdown(ends.server.fd, SHUT_RD), 0);
    thread_join(server);
    ck_assert_int_eq(code, -EPROTO);
}

/* --- time ---------------------------------------------------------------------------------- */

TEST(reading_has_a_time_limit)
{
    char bytes[100];

    ck_assert_int_eq(stream_set_timeouts(&ends.server, 20 * MILLISECOND, 0), 0);
    ck_assert_int_eq(stream_read(&ends.server, bytes, sizeof bytes), -ETIMEDOUT);
    tls_expect_no_errors_left();
    ck_assert_int_eq(stream_set_timeouts(&ends.server, 20000 * MILLISECOND, 0), 0);
    ck_assert_int_eq(stream_write(&ends.client, "late", 4, NULL), 0);
    expect_read(&ends.server, "late"); /* the stream still works */
    ck_assert_int_eq(stream_finish_writing(&ends.server), 0);
    ck_assert_int_eq(stream_read(&ends.client, bytes, sizeof bytes), 0);
}

TEST(writing_has_a_time_limit)
{
    unsigned char *bytes = some_bytes(LONG_BYTES, 1);

    ck_assert_int_eq(stream_set_timeouts(&ends.client, 0, 20 * MILLISECOND), 0);
    ck_assert_int_eq(stream_write(&ends.client, bytes, LONG_BYTES, NULL), -ETIMEDOUT);
    ck_assert_int_eq(stream_finish_writing(&ends.client), 0); /* without a close_notify */
    tls_expect_no_errors_left();
}

CASE_WITH_KEYS("Without waiting")
FIXTURE(connect_ends, close_ends)

TEST(reading_without_waiting)
{
    char bytes[100];

    stream_set_nonblocking(&ends.server);
    ck_assert_int_eq(stream_read(&ends.server, bytes, sizeof bytes), -EAGAIN);
    ck_assert(!ends.server.wants_write);
    ck_assert(!stream_has_pending(&ends.server));
    ck_assert_int_eq(stream_write(&ends.client, "hello", 5, NULL), 0);
    wait_ready(&ends.server);
    ck_assert_int_eq(stream_read(&ends.server, bytes, 2), 2);
    ck_assert(stream_has_pending(&ends.server)); /* though poll() sees nothing */
    ck_assert_int_eq(stream_read(&ends.server, bytes, sizeof bytes), 3);
    ck_assert(!stream_has_pending(&ends.server));
    ck_assert_int_eq(stream_read(&ends.server, bytes, sizeof bytes), -EAGAIN);
    stream_set_blocking(&ends.server);
    ck_assert_int_eq(stream_set_timeouts(&ends.server, MILLISECOND, 0), 0);
    ck_assert_int_eq(stream_read(&ends.server, bytes, sizeof bytes), -ETIMEDOUT);
}

static bool has_four_records(void *context)
{
    char bytes[4096];

    (void)context; /* of TLS 1.3: 5 + 1 + 1 + 16 bytes each */
    return recv(ends.server.fd, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT) == 4 * 23;
}

TEST(records_that_came_together_are_all_seen)
{
    char byte;

    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(stream_write(&ends.client, "x", 1, NULL), 0);
    wait_until(has_four_records, NULL);
    stream_set_nonblocking(&ends.server);
    for (int i = 0; i < 4; i++) {
        ck_assert(i == 0 || stream_has_pending(&ends.server));
        ck_assert_int_eq(stream_read(&ends.server, &byte, 1), 1);
    }
    ck_assert_int_eq(stream_read(&ends.server, &byte, 1), -EAGAIN);
    ck_assert(!stream_has_pending(&ends.server));
}

TEST(half_a_record_is_nothing_to_read)
{
    char record[200], byte;
    ssize_t size;

    /* take a record off the wire, and give the server one half of it */
    ck_assert_int_eq(stream_write(&ends.client, "x", 1, NULL), 0);
    size = recv(ends.server.fd, record, sizeof record, 0);
    ck_assert_int_gt(size, 10);
    tcp_send(ends.client.fd, record, 10);
    wait_ready(&ends.server);
    stream_set_nonblocking(&ends.server);
    ck_assert_int_eq(stream_read(&ends.server, &byte, 1), -EAGAIN);
    ck_assert(!stream_has_pending(&ends.server)); /* the caller must wait for the rest */
    tcp_send(ends.client.fd, record + 10, (size_t)size - 10);
    wait_ready(&ends.server);
    ck_assert_int_eq(stream_read(&ends.server, &byte, 1), 1);
}

/* Write until a write would wait. @return bytes */
static size_t fill(struct stream *stream, const unsigned char *bytes)
{
    size_t at = 0;
    ssize_t put;

    while ((put = stream_write_some(stream, bytes + at, LONG_BYTES - at)) > 0)
        at += (size_t)put;
    ck_assert_int_eq(put, -EAGAIN);
    ck_assert(stream->wants_write);
    ck_assert_uint_lt(at, LONG_BYTES);
    tls_expect_no_errors_left();
    return at;
}

static void *read_all(void *context)
{
    (void)context;
    read_pattern();
    return NULL;
}

TEST(writing_without_waiting)
{
    unsigned char *bytes = some_bytes(LONG_BYTES, 1);
    unsigned char *moved = suite_memory(LONG_BYTES);
    pthread_t reader;
    size_t at;

    stream_set_nonblocking(&ends.client);
    at = fill(&ends.client, bytes);
    memcpy(moved, bytes, LONG_BYTES); /* continue from another buffer */
    memset(bytes, 0, LONG_BYTES);
    reader = thread_start(read_all, NULL);
    while (at < LONG_BYTES) {
        ssize_t put = stream_write_some(&ends.client, moved + at, LONG_BYTES - at);
        if (put == -EAGAIN)
            wait_ready(&ends.client);
        else
            at += (size_t)put;
        ck_assert(put > 0 || put == -EAGAIN);
    }
    thread_join(reader);
}

TEST(finishing_without_room_is_done_later)
{
    char byte;

    ck_assert_int_eq(stream_write(&ends.client, "last", 4, NULL), 0);
    atomic_store(&shim.full, ends.client.fd);
    stream_set_nonblocking(&ends.client);
    for (int i = 0; i < 2; i++) {
        ends.client.wants_write = false;
        ck_assert_int_eq(stream_finish_writing(&ends.client), -EAGAIN);
        ck_assert(ends.client.wants_write);
        tls_expect_no_errors_left();
    }
    atomic_store(&shim.full, -1);
    ck_assert_int_eq(stream_finish_writing(&ends.client), 0);
    expect_read(&ends.server, "last");
    ck_assert_int_eq(stream_read(&ends.server, &byte, 1), 0); /* end of file, not a truncation */
}

TEST(a_blocking_stream_waits_for_room_to_finish)
{
    char byte;

    atomic_store(&shim.full, ends.client.fd);
    ck_assert_int_eq(stream_finish_writing(&ends.client), 0);
    ck_assert_int_eq(stream_read(&ends.server, &byte, 1), 0);
}
