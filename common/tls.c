/* SPDX-License-Identifier: MIT */
/*
 * TLS streams behind the table of stream.h, by OpenSSL 3. Below OpenSSL is the plain stream: see tls-socket.c.
 *
 *     stream_read -> tls_read -> SSL_read -> socket_read -> stream_read of the plain stream
 *
 * DESIGN
 * OpenSSL reads ahead: one recv() returns header and body of a record, and an echo takes two system
 * calls, as without TLS. Therefore OpenSSL may hold bytes that poll() does not see, hence
 * stream_has_pending().
 *
 * The end of file comes as close_notify. A connection that ends without it is an error, since an
 * attacker may have cut it. Each direction ends separately: after the peer's close_notify we may
 * still write, and after ours we may still read.
 *
 * OpenSSL has one error queue per thread. It must be empty before each call, or an old error would be
 * taken for the call's, and is cleared after each failure, or ours would be taken for that of another stream.
 *
 * OpenSSL needs a buffer of 16 KiB for each direction while records are under way. A stream that does not
 * wait is one of thousands on a loop, most of them idle, so it releases its buffers after each record. One that
 * waits has a thread, and holds the buffer of its reads while it waits anyway: it keeps both, which saves two
 * malloc() and two free() of 16 KiB for an echo.
 */
#include "common/tls-internal.h"

#include "common/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/* The state of a TLS stream. */
struct tls {
    SSL *ssl;
    struct tls_context *context;
    struct tls_socket socket;
    int lost;      /* -ECONNRESET or -EPIPE, once the socket has said so */
    bool begun;    /* the handshake has begun */
    bool broken;   /* after a fatal error only releasing is allowed */
    bool drained;  /* the last read got nothing, even if OpenSSL holds part of a record */
    bool stuck;    /* the last write sent nothing, and a record is under way */
    bool finished; /* our sending half has ended */
    char why[TLS_WHY_MAX];
};

bool tls_is_built_in(void)
{
    return true;
}

/* Describe the failure of a stream, which knows more about certificates. */
static void describe_failure(struct tls *tls)
{
    unsigned long error = ERR_peek_error();

    if (ERR_GET_LIB(error) == ERR_LIB_SSL &&
        ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED)
        snprintf(tls->why, sizeof tls->why, "certificate verify failed: %s",
                 X509_verify_cert_error_string(SSL_get_verify_result(tls->ssl)));
    else
        tls_describe_queue(tls->why);
}

/* Begin a call: see DESIGN. */
static void enter(struct stream *stream)
{
    struct tls *tls = stream->tls;

    /* clearing it takes half as long as encrypting a short record, even if it is empty */
    if (ERR_peek_error() != 0)
        ERR_clear_error();
    tls->socket.answer = 0;
    tls->socket.stream.nonblocking = stream->nonblocking;
}

/*
 * Handle an error that ends the connection. What the socket said matters more than what OpenSSL makes of
 * it, which differs from version to version; and so it does if OpenSSL then refuses to go on.
 *
 * @return the result for the caller
 */
static int failed(struct tls *tls)
{
    int code = tls->socket.answer != 0 ? tls->socket.answer : tls->lost;

    tls->broken = true;
    if (code == -ECONNRESET || code == -EPIPE)
        tls->lost = code;
    else if (ERR_peek_error() != 0) {
        describe_failure(tls);
        code = -EPROTO;
    }
    ERR_clear_error();
    return code != 0 ? code : -EPROTO;
}

/* Handle a connection that ended without close_notify. Our sending half may go on. */
static int cut_short(struct tls *tls)
{
    snprintf(tls->why, sizeof tls->why, "%s",
             SSL_in_init(tls->ssl) ? "closed by the peer"
                                   : "the connection ended without close_notify");
    return -EPROTO;
}

/* Turn a call's failure into the result for the caller. @return 0 at the end of file, or < 0 */
static int outcome(struct stream *stream, int returned)
{
    struct tls *tls = stream->tls;

    switch (SSL_get_error(tls->ssl, returned)) {
    case SSL_ERROR_ZERO_RETURN: return 0;
    case SSL_ERROR_WANT_READ:
        if (tls->socket.cut)
            return cut_short(tls);
        stream->wants_write = false;
        break;
    case SSL_ERROR_WANT_WRITE: stream->wants_write = true; break;
    default: return failed(tls);
    }
    return tls->socket.answer != 0 ? tls->socket.answer : -EAGAIN;
}

/*
 * Wait until the handshake can go on.
 *
 * @return false: the deadline has passed, even if bytes have come: a peer that sends one now and then must
 *         not extend it
 */
static bool wait_for_peer(const struct stream *stream, int64_t deadline_ns)
{
    struct pollfd ready = {.fd = stream->fd, .events = stream->wants_write ? POLLOUT : POLLIN};
    int answer;

    do {
        int64_t left_ns = deadline_ns - clock_now_ns();
        struct timespec left = clock_timespec(left_ns);
        if (left_ns <= 0)
            return false;
        answer = ppoll(&ready, 1, deadline_ns == INT64_MAX ? NULL : &left, NULL);
    } while (answer < 0 && errno == EINTR);
    return answer != 0;
}

/*
 * Go on with the handshake without waiting. The first call of a client only sends its hello, so
 * that the caller can see when the answer comes.
 */
static int shake_hands(struct stream *stream)
{
    struct tls *tls = stream->tls;
    int returned;

    enter(stream);
    tls->socket.stream.nonblocking = true;
    /* once, before there are keys: from OpenSSL 3.2 on only what is made later notices SSL_clear_mode() */
    if (!tls->begun && !stream->nonblocking)
        SSL_clear_mode(tls->ssl, SSL_MODE_RELEASE_BUFFERS);
    tls->socket.deaf = !tls->begun && SSL_is_server(tls->ssl) == 0;
    returned = SSL_do_handshake(tls->ssl);
    tls->socket.deaf = false;
    tls->begun = true;
    return returned == 1 ? 0 : outcome(stream, returned);
}

/* Never wait in the socket, since its limit would start again with each byte that comes. */
static int tls_handshake(struct stream *stream)
{
    int64_t deadline_ns;
    int code = shake_hands(stream);

    if (code != -EAGAIN || stream->nonblocking)
        return code;
    if (__builtin_add_overflow(clock_now_ns(), stream_read_limit_ns(stream), &deadline_ns))
        deadline_ns = INT64_MAX;
    do
        code = wait_for_peer(stream, deadline_ns) ? shake_hands(stream) : -ETIMEDOUT;
    while (code == -EAGAIN);
    return code;
}

static ssize_t tls_read(struct stream *stream, void *bytes, size_t size)
{
    struct tls *tls = stream->tls;
    size_t got = 0;
    int returned;

    enter(stream);
    returned = SSL_read_ex(tls->ssl, bytes, size, &got);
    tls->drained = returned != 1;
    return returned == 1 ? (ssize_t)got : outcome(stream, returned);
}

static ssize_t tls_write_some(struct stream *stream, const void *bytes, size_t size)
{
    struct tls *tls = stream->tls;
    size_t put = 0;
    int returned;

    if (size == 0)
        return 0;
    enter(stream);
    returned = SSL_write_ex(tls->ssl, bytes, size, &put);
    tls->stuck = returned != 1;
    return returned == 1 ? (ssize_t)put : outcome(stream, returned);
}

static ssize_t tls_write_parts(struct stream *stream, struct iovec *parts, unsigned count)
{
    (void)count;
    return tls_write_some(stream, parts[0].iov_base, parts[0].iov_len);
}

/*
 * End our sending half. After an error OpenSSL must not send close_notify; it has sent an alert
 * instead. Nor can a close_notify follow half a record.
 */
static int tls_finish_writing(struct stream *stream)
{
    struct tls *tls = stream->tls;
    int returned;

    if (tls->finished)
        return 0;
    if (!tls->broken && !tls->stuck && !SSL_in_init(tls->ssl)) {
        enter(stream);
        returned = SSL_shutdown(tls->ssl); /* 0: sent, 1: sent, and the peer's has come before */
        if (returned < 0 && outcome(stream, returned) == -EAGAIN)
            return -EAGAIN;
    }
    tls->finished = true;
    (void)shutdown(stream->fd, SHUT_WR);
    return 0;
}

static bool tls_has_pending(const struct stream *stream)
{
    const struct tls *tls = stream->tls;

    return !tls->drained && SSL_has_pending(tls->ssl) == 1;
}

static void tls_free(struct tls *tls)
{
    SSL_free(tls->ssl);
    tls_context_unref(tls->context);
    free(tls);
    ERR_clear_error();
}

static void tls_release(struct stream *stream)
{
    tls_free(stream->tls);
    stream->tls = NULL;
}

/*
 * Set the server that a client expects: a name is sent as SNI, and name or address are verified
 * with the certificate. @return false: no memory
 */
static bool set_server_name(const struct tls *tls, const char *name)
{
    unsigned char address[sizeof(struct in6_addr)];
    bool is_address =
        inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;

    /* as the macro SSL_set_tlsext_host_name(), which would drop the const without a cast */
    if (!is_address && SSL_ctrl(tls->ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                                (void *)(uintptr_t)name) != 1)
        return false;
    SSL_set_hostflags(tls->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return (is_address ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls->ssl), name)
                       : SSL_set1_host(tls->ssl, name)) == 1;
}

/* Make the SSL object of a stream. @return false: no memory */
static bool set_up(struct tls *tls, const char *server_name)
{
    BIO *bio;

    tls->ssl = SSL_new(tls->context->ssl);
    bio = tls->ssl != NULL ? BIO_new(tls->context->socket) : NULL;
    if (bio == NULL)
        return false;
    BIO_set_data(bio, &tls->socket);
    BIO_set_init(bio, 1);
    SSL_set_bio(tls->ssl, bio, bio); /* takes it over */
    if (server_name == NULL)
        SSL_set_accept_state(tls->ssl);
    else
        SSL_set_connect_state(tls->ssl);
    return server_name == NULL || set_server_name(tls, server_name);
}

int stream_init_tls(struct stream *stream, int fd, struct tls_context *context,
                    const char *server_name)
{
    static const struct stream_ops ops = {
        .handshake = tls_handshake,
        .read = tls_read,
        .write_some = tls_write_some,
        .write_parts = tls_write_parts,
        .finish_writing = tls_finish_writing,
        .has_pending = tls_has_pending,
        .release = tls_release,
    };
    struct tls *tls = calloc(1, sizeof *tls);

    if (tls == NULL)
        return -ENOMEM;
    ERR_clear_error();
    tls->context = context;
    tls_context_ref(context);
    stream_init_plain(&tls->socket.stream, fd);
    if (!set_up(tls, server_name)) {
        tls_free(tls);
        return -ENOMEM;
    }
    *stream = (struct stream){.ops = &ops, .fd = fd, .tls = tls};
    return 0;
}

const char *stream_error_text(const struct stream *stream, char text[static TLS_WHY_MAX])
{
    const struct tls *tls = stream->tls;

    snprintf(text, TLS_WHY_MAX, "%s", tls != NULL ? tls->why : "");
    return text;
}
