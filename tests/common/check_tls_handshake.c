/* SPDX-License-Identifier: MIT */
/*
 * Handshakes: their time limit, without waiting, and with peers that use OpenSSL directly, have
 * another version, or do not speak TLS.
 */
#include "common/tls.h"
#include "tests/kit/harness.h"
#include "tests/kit/suite.h"
#include "tests/kit/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define MILLISECOND INT64_C(1000000)

static struct tls_ends ends;

/* Two ends before the handshake. */
static void prepare_ends(void)
{
    tls_ends_init(&ends, tls_kit_server(&keys->server, NULL),
                  tls_kit_client(keys->ca.certificate, NULL), "localhost");
}

static void close_ends(void)
{
    tls_ends_clear(&ends);
}

CASE_WITH_KEYS("Time")
FIXTURE(prepare_ends, close_ends)

LOOP_TEST(a_handshake_has_a_time_limit, 2 /* server, client */)
{
    /* the peer is silent; our end is the server, or the client */
    struct stream *stream = _i == 0 ? &ends.server : &ends.client;

    ck_assert_int_eq(stream_set_timeouts(stream, 20 * MILLISECOND, 0), 0);
    ck_assert_int_eq(stream_handshake(stream), -ETIMEDOUT);
    stream_finish_writing(stream);
    tls_expect_no_errors_left();
}

/* Send a record that never ends, byte by byte, until the other side gives up. */
static void *drip(void *argument)
{
    static const char head[] = "\x16\x03\x01\x40\x00\x01\x00\x3f\xfc\x03\x03";
    const struct timespec pause = {.tv_nsec = 2 * MILLISECOND};
    size_t at = 0;

    (void)argument;
    while (send(ends.client.fd, at < sizeof head - 1 ? &head[at] : "x", 1, MSG_NOSIGNAL) == 1) {
        at++;
        nanosleep(&pause, NULL); /* one byte at a time; 16384 take half a minute */
    }
    return NULL;
}

TEST(a_dripping_handshake_has_the_same_limit)
{
    pthread_t dripper;

    /* a limit for each single wait would never pass, and the test would not end */
    ck_assert_int_eq(stream_set_timeouts(&ends.server, 100 * MILLISECOND, 0), 0);
    dripper = thread_start(drip, NULL);
    ck_assert_int_eq(stream_handshake(&ends.server), -ETIMEDOUT);
    shutdown(ends.server.fd, SHUT_RDWR);
    tcp_reset(ends.server.fd);
    thread_join(dripper);
    stream_release(&ends.server);
    ends.server.fd = -1;
}

/* --- without waiting ----------------------------------------------------------------------- */

static void wait_ready(const struct stream *stream)
{
    struct pollfd ready = {.fd = stream->fd, .events = stream->wants_write ? POLLOUT : POLLIN};

    ck_assert_int_eq(poll(&ready, 1, -1), 1);
}

static void *shake_hands(void *stream)
{
    ck_assert_int_eq(stream_handshake(stream), 0);
    return NULL;
}

/* Shake hands in a non-blocking stream, with poll(). @return the number of -EAGAIN */
static unsigned shake_hands_by_poll(struct stream *stream)
{
    unsigned waits = 0;
    int code;

    stream_set_nonblocking(stream);
    while ((code = stream_handshake(stream)) == -EAGAIN) {
        waits++;
        tls_expect_no_errors_left();
        wait_ready(stream);
    }
    ck_assert_int_eq(code, 0);
    return waits;
}

LOOP_TEST(a_handshake_without_waiting, 2 /* server, client */)
{
    struct stream *polled = _i == 0 ? &ends.server : &ends.client;
    char bytes[10];
    pthread_t other = thread_start(shake_hands, _i == 0 ? &ends.client : &ends.server);

    (void)shake_hands_by_poll(polled);
    thread_join(other);
    ck_assert_int_eq(fcntl(polled->fd, F_GETFL) & O_NONBLOCK, 0); /* another process may share it */
    ck_assert_int_eq(stream_write(&ends.client, "hello", 5, NULL), 0);
    stream_set_blocking(&ends.server);
    ck_assert_int_eq(stream_read(&ends.server, bytes, sizeof bytes), 5);
}

CASE_WITH_KEYS("A peer that is OpenSSL alone, or no TLS")
FIXTURE(prepare_ends, close_ends)

LOOP_TEST(what_is_not_tls_is_refused, 5)
{
    static const struct {
        const char *bytes;
        const char *words; /* NULL: any */
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "what the peer sent is HTTP and not TLS"},
        {"hello, is this an echo server?\n", "what the peer sent is not TLS"},
        {"\x16\x03\x01\xff\xff and no record has this many bytes", "what the peer sent is not TLS"},
        {"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80", NULL},
        {"", "closed by the peer"},
    };
    char text[TLS_WHY_MAX];

    tcp_send(ends.client.fd, cases[_i].bytes, strlen(cases[_i].bytes));
    ck_assert_int_eq(shutdown(ends.client.fd, SHUT_WR), 0);
    ck_assert_int_eq(stream_handshake(&ends.server), -EPROTO);
    stream_error_text(&ends.server, text);
    if (cases[_i].words != NULL)
        ck_assert_str_eq(text, cases[_i].words);
    ck_assert_str_ne(text, "");
    stream_finish_writing(&ends.server);
    tls_expect_no_errors_left();
}

LOOP_TEST(random_bytes_are_refused, 20)
{
    unsigned char bytes[300];
    unsigned seed = (unsigned)_i;

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)((seed = seed * 1103515245 + 12345) >> 16);
    tcp_send(ends.client.fd, bytes, sizeof bytes);
    ck_assert_int_eq(shutdown(ends.client.fd, SHUT_WR), 0);
    ck_assert_int_eq(stream_handshake(&ends.server), -EPROTO);
    tls_expect_no_errors_left();
}

TEST(a_server_that_is_not_tls_is_refused)
{
    char bytes[4096];

    tcp_send(ends.server.fd, "HELLO FROM A PLAIN ECHO SERVER\n", 31);
    tls_expect_error(&ends.client, stream_handshake(&ends.client), "what the peer sent is not TLS");
    ck_assert_int_gt(recv(ends.server.fd, bytes, sizeof bytes, 0), 0);
}

/* A client that uses OpenSSL directly, on a thread, with a blocking socket. */
struct raw {
    const char *ciphers; /* of TLS 1.2; NULL: the default */
    int version;         /* the only one */
    bool renegotiate;
    bool agreed;
    bool renegotiated;
};

static void raw_talk(SSL *ssl, struct raw *raw)
{
    char bytes[10];

    raw->agreed = SSL_connect(ssl) == 1;
    if (!raw->agreed)
        return;
    if (raw->renegotiate)
        raw->renegotiated = SSL_renegotiate(ssl) == 1 && SSL_do_handshake(ssl) == 1;
    ck_assert_int_eq(SSL_session_reused(ssl), 0);
    /* after a refused renegotiation OpenSSL closes */
    if (!raw->renegotiate) {
        ck_assert_int_eq(SSL_write(ssl, "hello", 5), 5);
        ck_assert_int_eq(SSL_read(ssl, bytes, 5), 5);
        ck_assert_int_eq(SSL_SESSION_has_ticket(SSL_get0_session(ssl)), 0);
        SSL_shutdown(ssl);
    }
}

static void *raw_client(void *argument)
{
    struct raw *raw = argument;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl;

    ck_assert_ptr_nonnull(context);
    /* otherwise this OpenSSL does not try old versions */
    SSL_CTX_set_security_level(context, 0);
    ck_assert_int_eq(SSL_CTX_set_min_proto_version(context, raw->version), 1);
    ck_assert_int_eq(SSL_CTX_set_max_proto_version(context, raw->version), 1);
    if (raw->ciphers != NULL)
        ck_assert_int_eq(SSL_CTX_set_cipher_list(context, raw->ciphers), 1);
    ssl = SSL_new(context);
    ck_assert_ptr_nonnull(ssl);
    ck_assert_int_eq(SSL_set_fd(ssl, ends.client.fd), 1);
    raw_talk(ssl, raw);
    shutdown(ends.client.fd, SHUT_WR);
    SSL_free(ssl);
    SSL_CTX_free(context);
    return NULL;
}

/* At the server's end: echo five bytes, and end in order. */
static void echo_once(void)
{
    char bytes[10];

    ck_assert_int_eq(stream_read(&ends.server, bytes, sizeof bytes), 5);
    ck_assert_int_eq(stream_write(&ends.server, bytes, 5, NULL), 0);
    ck_assert_int_eq(stream_read(&ends.server, bytes, sizeof bytes), 0);
    ck_assert_int_eq(stream_finish_writing(&ends.server), 0);
}

RANGE_TEST(versions, TLS1_VERSION, TLS1_3_VERSION)
{
    struct raw raw = {.version = _i};
    pthread_t client;

    signal(SIGPIPE, SIG_IGN); /* for the client that uses OpenSSL directly */
    client = thread_start(raw_client, &raw);
    if (_i >= TLS1_2_VERSION) {
        ck_assert_int_eq(stream_handshake(&ends.server), 0);
        echo_once();
    } else {
        tls_expect_error(&ends.server, stream_handshake(&ends.server),
                         "no common protocol version");
        stream_finish_writing(&ends.server);
    }
    thread_join(client);
    ck_assert_int_eq(raw.agreed, _i >= TLS1_2_VERSION);
}

TEST(no_common_cipher)
{
    /* needs an RSA key, which this server does not have */
    struct raw raw = {.version = TLS1_2_VERSION, .ciphers = "ECDHE-RSA-AES128-GCM-SHA256"};
    pthread_t client;

    signal(SIGPIPE, SIG_IGN);
    client = thread_start(raw_client, &raw);
    tls_expect_error(&ends.server, stream_handshake(&ends.server), "no common cipher");
    stream_finish_writing(&ends.server);
    thread_join(client);
    ck_assert(!raw.agreed);
}

/* Of TLS 1.2, ciphers with CBC and SHA-1; static RSA goes the same way, by not being in the list. */
static const char *const weak_ciphers[] = {"ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA",
                                           "ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES128-CCM"};

LOOP_TEST(weak_ciphers_are_refused, COUNT_OF(weak_ciphers))
{
    struct raw raw = {.version = TLS1_2_VERSION, .ciphers = weak_ciphers[_i]};
    pthread_t client;

    signal(SIGPIPE, SIG_IGN);
    client = thread_start(raw_client, &raw);
    tls_expect_error(&ends.server, stream_handshake(&ends.server), "no common cipher");
    stream_finish_writing(&ends.server);
    thread_join(client);
    ck_assert(!raw.agreed);
}

TEST(renegotiation_is_refused)
{
    struct raw raw = {.version = TLS1_2_VERSION, .renegotiate = true};
    pthread_t client;
    char byte;

    signal(SIGPIPE, SIG_IGN);
    client = thread_start(raw_client, &raw);
    ck_assert_int_eq(stream_handshake(&ends.server), 0);
    ck_assert_int_eq(stream_read(&ends.server, &byte, 1), -EPROTO); /* it gives up and goes */
    tls_expect_no_errors_left();
    thread_join(client);
    ck_assert(raw.agreed);
    ck_assert(!raw.renegotiated);
}

/* A server that uses OpenSSL directly, and records the name that the client sends. */
static void *raw_server(void *argument)
{
    const char **name = argument;
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    SSL *ssl;

    ck_assert_ptr_nonnull(context);
    ck_assert_int_eq(SSL_CTX_use_certificate_chain_file(context, keys->server.certificate), 1);
    ck_assert_int_eq(SSL_CTX_use_PrivateKey_file(context, keys->server.key, SSL_FILETYPE_PEM), 1);
    ssl = SSL_new(context);
    ck_assert_ptr_nonnull(ssl);
    ck_assert_int_eq(SSL_set_fd(ssl, ends.server.fd), 1);
    ck_assert_int_eq(SSL_accept(ssl), 1);
    *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (*name != NULL)
        *name = strdup(*name);
    SSL_free(ssl);
    SSL_CTX_free(context);
    return NULL;
}

LOOP_TEST(a_name_is_sent_and_an_address_is_not, 3)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "::1"};
    struct tls_context *context = tls_kit_client(keys->ca.certificate, NULL);
    const char *sent = NULL;
    int fd = ends.client.fd;
    pthread_t server = thread_start(raw_server, &sent);

    stream_release(&ends.client);
    ck_assert_int_eq(stream_init_tls(&ends.client, fd, context, names[_i]), 0);
    tls_context_unref(context);
    ck_assert_int_eq(stream_handshake(&ends.client), 0);
    thread_join(server);
    ck_assert_pstr_eq(sent, _i == 0 ? "localhost" : NULL);
    free((void *)(uintptr_t)sent);
}
