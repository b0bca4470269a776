/* SPDX-License-Identifier: MIT */
/*
 * TLS behind the table of stream.h, by OpenSSL 3.
 *
 * DESIGN
 * Below OpenSSL is the plain stream, through a BIO of our own: it sends without SIGPIPE, retries
 * after a signal without waiting for ever, keeps time limits, and need not wait on a blocking
 * descriptor. Its result is kept beside the SSL object (struct tls), so that both kinds of streams
 * return the same error numbers.
 *
 *     stream_read -> tls_read -> SSL_read -> socket_read -> stream_read of the plain stream
 *
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
#include "common/translate.h"

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

/* An alert from the peer has this reason, plus the alert's number. */
#define ALERT_OFFSET 1000

/* The state of a TLS stream. */
struct tls {
    SSL *ssl;
    struct tls_context *context;
    struct stream socket; /* plain */
    int answer;           /* the socket's last result that was no count of bytes; 0: none yet */
    int lost;             /* -ECONNRESET or -EPIPE, once the socket has said so */
    bool deaf;            /* do not read */
    bool begun;           /* the handshake has begun */
    bool cut;             /* the socket is at end of file */
    bool broken;          /* after a fatal error only releasing is allowed */
    bool drained;         /* the last read got nothing, even if OpenSSL holds part of a record */
    bool stuck;           /* the last write sent nothing, and a record is under way */
    bool finished;        /* our sending half has ended */
    char why[TLS_WHY_MAX];
};

bool tls_is_built_in(void)
{
    return true;
}

/* --- words for errors ---------------------------------------------------------------------- */

/* Replace texts of OpenSSL that only its developers understand. @return NULL: keep the text */
static const char *plain_words(int reason)
{
    switch (reason) {
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_DATA_LENGTH_TOO_LONG: /* of newer versions */ return "what the peer sent is not TLS";
    case SSL_R_UNEXPECTED_MESSAGE:
        return "an unexpected message, as from a peer that does not talk TLS";
    case SSL_R_HTTP_REQUEST: return "what the peer sent is HTTP and not TLS";
    case SSL_R_UNSUPPORTED_PROTOCOL: return "no common protocol version";
    case SSL_R_NO_SHARED_CIPHER: return "no common cipher";
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: return "the client sent no certificate";
    default: return NULL;
    }
}

/* Return the alert in words; NULL: this version of OpenSSL has none. */
static const char *alert_words(int reason)
{
    const char *words = SSL_alert_desc_string_long(reason - ALERT_OFFSET);

    return strcmp(words, "unknown") != 0 ? words : NULL;
}

void tls_describe_queue(char text[static TLS_WHY_MAX])
{
    unsigned long error = ERR_peek_error();
    bool of_ssl = ERR_GET_LIB(error) == ERR_LIB_SSL;
    int reason = ERR_GET_REASON(error);
    const char *words = of_ssl ? plain_words(reason) : NULL;

    if (of_ssl && reason >= ALERT_OFFSET && (words = alert_words(reason)) != NULL) {
        snprintf(text, TLS_WHY_MAX, "alert from the peer: %s", words);
        return;
    }
    if (words == NULL)
        words = ERR_reason_error_string(error);
    if (words != NULL)
        snprintf(text, TLS_WHY_MAX, "%s", words);
    else
        snprintf(text, TLS_WHY_MAX, "OpenSSL error %lx", error);
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

/* --- the socket as OpenSSL sees it --------------------------------------------------------- */

/* Keep a result of the plain stream that is no count of bytes, and tell OpenSSL if it may retry. */
static int socket_answer(BIO *bio, struct tls *tls, ssize_t answer, int retry)
{
    tls->answer = (int)answer;
    if (answer == -EAGAIN || answer == -ETIMEDOUT)
        BIO_set_flags(bio, retry | BIO_FLAGS_SHOULD_RETRY);
    return -1;
}

static int socket_read(BIO *bio, char *bytes, int size)
{
    struct tls *tls = BIO_get_data(bio);
    ssize_t got = tls->deaf ? -EAGAIN : stream_read(&tls->socket, bytes, (size_t)size);

    BIO_clear_retry_flags(bio);
    if (got > 0)
        return (int)got;
    if (got < 0)
        return socket_answer(bio, tls, got, BIO_FLAGS_READ);
    /* Report a retry: to OpenSSL an end of file is fatal, and it may come from our own shutdown(),
       after which we still have to send close_notify. */
    tls->cut = true;
    BIO_set_flags(bio, BIO_FLAGS_READ | BIO_FLAGS_SHOULD_RETRY);
    return -1;
}

static int socket_write(BIO *bio, const char *bytes, int size)
{
    struct tls *tls = BIO_get_data(bio);
    ssize_t put = stream_write_some(&tls->socket, bytes, (size_t)size);

    BIO_clear_retry_flags(bio);
    return put >= 0 ? (int)put : socket_answer(bio, tls, put, BIO_FLAGS_WRITE);
}

/*
 * Answer OpenSSL's control commands. Nothing is buffered, so a flush succeeds. The end of file is
 * not reported: OpenSSL would send an alert to a peer that has gone; outcome() sees it by tls->cut.
 */
static long socket_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static BIO_METHOD *socket_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "stream");

    if (method != NULL && BIO_meth_set_read(method, socket_read) &&
        BIO_meth_set_write(method, socket_write) && BIO_meth_set_ctrl(method, socket_control))
        return method;
    BIO_meth_free(method);
    return NULL;
}

/* --- the stream ---------------------------------------------------------------------------- */

/* Begin a call: see DESIGN. */
static void enter(struct stream *stream)
{
    struct tls *tls = stream->tls;

    /* clearing it takes half as long as encrypting a short record, even if it is empty */
    if (ERR_peek_error() != 0)
        ERR_clear_error();
    tls->answer = 0;
    tls->socket.nonblocking = stream->nonblocking;
}

/*
 * Handle an error that ends the connection. What the socket said matters more than what OpenSSL makes of
 * it, which differs from version to version; and so it does if OpenSSL then refuses to go on.
 *
 * @return the result for the caller
 */
static int failed(struct tls *tls)
{
    int code = tls->answer != 0 ? tls->answer : tls->lost;

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
        if (tls->cut)
            return cut_short(tls);
        stream->wants_write = false;
        break;
    case SSL_ERROR_WANT_WRITE: stream->wants_write = true; break;
    default: return failed(tls);
    }
    return tls->answer != 0 ? tls->answer : -EAGAIN;
}

/*
 * Wait until the handshake can go on.
 *
 * @return false: the deadline has passed, even if bytes have come: a peer that sends one now and
 * then
 *         must not extend it
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
    tls->socket.nonblocking = true;
    /* once, before there are keys: from OpenSSL 3.2 on only what is made later notices SSL_clear_mode() */
    if (!tls->begun && !stream->nonblocking)
        SSL_clear_mode(tls->ssl, SSL_MODE_RELEASE_BUFFERS);
    tls->deaf = !tls->begun && SSL_is_server(tls->ssl) == 0;
    returned = SSL_do_handshake(tls->ssl);
    tls->deaf = false;
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
    BIO_set_data(bio, tls);
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
    stream_init_plain(&tls->socket, fd);
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

/* --- contexts ------------------------------------------------------------------------------ */

/* Write the cause, and clear the error queue. @return -EINVAL */
static int __attribute__((format(printf, 2, 3)))
refuse(char why[static TLS_WHY_MAX], const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(why, TLS_WHY_MAX, format, arguments);
    va_end(arguments);
    ERR_clear_error();
    return -EINVAL;
}

/* The same, for a file that OpenSSL rejects. */
static int refuse_file(char why[static TLS_WHY_MAX], const char *file, const char *what)
{
    char words[TLS_WHY_MAX];

    tls_describe_queue(words);
    return refuse(why, _("%s holds no usable %s in PEM form: %s"), file, translate(what), words);
}

/* Check that a file can be read, with a better cause than OpenSSL's. @return 0 or -EINVAL */
static int check_readable(const char *file, const char *what, char why[static TLS_WHY_MAX])
{
    FILE *opened = fopen(file, "re");
    int code = 0;

    if (opened == NULL || (fgetc(opened) == EOF && ferror(opened)))
        code = refuse(why, _("cannot read the %s file %s: %s"), translate(what), file,
                      translate_error(errno));
    if (opened != NULL)
        fclose(opened);
    return code;
}

/* Note that a passphrase was needed, and give none: a server has no person to ask. */
static int no_passphrase(char *buffer, int size, int writing, void *asked)
{
    (void)writing;
    *(bool *)asked = true;
    if (size > 0)
        buffer[0] = '\0';
    return -1;
}

static int load_certificate(SSL_CTX *ssl, const char *certificate_file, const char *key_file,
                            char why[static TLS_WHY_MAX])
{
    bool encrypted = false;
    bool usable;

    if (check_readable(certificate_file, N_("certificate"), why) != 0 ||
        check_readable(key_file, N_("key"), why) != 0)
        return -EINVAL;
    if (SSL_CTX_use_certificate_chain_file(ssl, certificate_file) != 1)
        return refuse_file(why, certificate_file, N_("certificate"));
    SSL_CTX_set_default_passwd_cb(ssl, no_passphrase);
    SSL_CTX_set_default_passwd_cb_userdata(ssl, &encrypted);
    usable = SSL_CTX_use_PrivateKey_file(ssl, key_file, SSL_FILETYPE_PEM) == 1;
    SSL_CTX_set_default_passwd_cb_userdata(ssl, NULL);
    if (encrypted)
        return refuse(why,
                      _("the key in %s is encrypted; store it without a passphrase, readable "
                        "by its user alone"),
                      key_file);
    if (usable ? SSL_CTX_check_private_key(ssl) != 1
               : ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH)
        return refuse(why, _("the key in %s does not belong to the certificate in %s"), key_file,
                      certificate_file);
    return usable ? 0 : refuse_file(why, key_file, N_("private key"));
}

/* Trust the certificates of a file. */
static int load_ca(SSL_CTX *ssl, const char *file, char why[static TLS_WHY_MAX])
{
    if (check_readable(file, N_("CA"), why) != 0)
        return -EINVAL;
    return SSL_CTX_load_verify_file(ssl, file) == 1 ? 0
                                                    : refuse_file(why, file, N_("CA certificate"));
}

/*
 * The ciphers of TLS 1.2: those of Mozilla's "intermediate" configuration. They have forward secrecy, and
 * encrypt and authenticate in one; neither static RSA nor CBC is among them.
 */
static const char ciphers[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
    "DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:DHE-RSA-CHACHA20-POLY1305";

/* Set the rules for both sides. */
static void set_rules(SSL_CTX *ssl)
{
    /* It fails only if this build of OpenSSL has none of them: then a handshake says so. */
    (void)SSL_CTX_set_cipher_list(ssl, ciphers);
    if (SSL_CTX_get_min_proto_version(ssl) < TLS1_2_VERSION) /* the system may require more */
        SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION);
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_num_tickets(ssl, 0);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    /* allow short writes, and let the next write come from another buffer; shake_hands() decides
       whether buffers are kept */
    SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(ssl, 1);
}

/* Make a context without certificates. @return 0 or -ENOMEM */
static int context_new(const SSL_METHOD *method, struct tls_context **context,
                       char why[static TLS_WHY_MAX])
{
    struct tls_context *fresh = calloc(1, sizeof *fresh);

    /* exit() in one thread must not unload the library while other threads use it */
    if (fresh != NULL && OPENSSL_init_ssl(OPENSSL_INIT_NO_ATEXIT, NULL) == 1) {
        atomic_init(&fresh->references, 1);
        fresh->ssl = SSL_CTX_new(method);
        fresh->socket = socket_method();
    }
    if (fresh == NULL || fresh->ssl == NULL || fresh->socket == NULL) {
        if (fresh != NULL)
            tls_context_unref(fresh);
        refuse(why, _("cannot get memory for TLS"));
        return -ENOMEM;
    }
    set_rules(fresh->ssl);
    *context = fresh;
    return 0;
}

/* Finish a new context: return it, or release it on failure. */
static int context_done(int code, struct tls_context *fresh, struct tls_context **context)
{
    if (code == 0)
        *context = fresh;
    else
        tls_context_unref(fresh);
    ERR_clear_error();
    return code;
}

/* Require a certificate from every client. */
static int require_certificates(SSL_CTX *ssl, const char *ca_file, char why[static TLS_WHY_MAX])
{
    static const unsigned char id[] = "echopool";
    int code = load_ca(ssl, ca_file, why);
    STACK_OF(X509_NAME) *names = code == 0 ? SSL_load_client_CA_file(ca_file) : NULL;

    if (names == NULL)
        return code != 0 ? code : refuse_file(why, ca_file, N_("CA certificate"));
    SSL_CTX_set_client_CA_list(ssl, names); /* a hint for the client; taken over */
    SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_session_id_context(ssl, id, sizeof id - 1);
    return 0;
}

int tls_server_context_new(const struct tls_server_settings *settings, struct tls_context **context,
                           char why[static TLS_WHY_MAX])
{
    struct tls_context *fresh;
    int code = context_new(TLS_server_method(), &fresh, why);

    if (code != 0)
        return code;
    code = load_certificate(fresh->ssl, settings->certificate_file, settings->key_file, why);
    if (code == 0 && settings->ca_file != NULL)
        code = require_certificates(fresh->ssl, settings->ca_file, why);
    return context_done(code, fresh, context);
}

int tls_client_context_new(const struct tls_client_settings *settings, struct tls_context **context,
                           char why[static TLS_WHY_MAX])
{
    struct tls_context *fresh;
    int code = context_new(TLS_client_method(), &fresh, why);

    if (code != 0)
        return code;
    SSL_CTX_set_verify(fresh->ssl, settings->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    if (settings->ca_file != NULL)
        code = load_ca(fresh->ssl, settings->ca_file, why);
    else if (!settings->insecure && SSL_CTX_set_default_verify_paths(fresh->ssl) != 1)
        code = refuse(why, _("cannot read the CA certificates of the system"));
    if (code == 0 && settings->certificate_file != NULL)
        code = load_certificate(fresh->ssl, settings->certificate_file, settings->key_file, why);
    return context_done(code, fresh, context);
}

void tls_context_ref(struct tls_context *context)
{
    atomic_fetch_add_explicit(&context->references, 1, memory_order_relaxed);
}

void tls_context_unref(struct tls_context *context)
{
    if (context == NULL ||
        atomic_fetch_sub_explicit(&context->references, 1, memory_order_acq_rel) != 1)
        return;
    SSL_CTX_free(context->ssl);
    BIO_meth_free(context->socket);
    free(context);
}
