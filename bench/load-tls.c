/* SPDX-License-Identifier: MIT */
/* TLS for the load: see load-tls.h. */
#include "bench/load-tls.h"

#include "common/log.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>

#define DAY_SECONDS (24L * 60 * 60)

static SSL_CTX *context;

static _Noreturn void die_of_openssl(const char *what)
{
    char text[256];

    ERR_error_string_n(ERR_get_error(), text, sizeof text);
    log_fatal("the load cannot %s: %s", what, text);
}

static void make_context(void)
{
    signal(SIGPIPE, SIG_IGN); /* SSL_write has no MSG_NOSIGNAL */
    context = SSL_CTX_new(TLS_client_method());
    if (context == NULL)
        die_of_openssl("make a TLS context");
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}

static void *tls_open(int fd)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    SSL *ssl;

    pthread_once(&once, make_context);
    ssl = SSL_new(context);
    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1 || SSL_connect(ssl) != 1)
        die_of_openssl("agree on TLS with the server");
    return ssl;
}

static ssize_t tls_send(void *state, int fd, const void *bytes, size_t size)
{
    (void)fd;
    return SSL_write(state, bytes, (int)size);
}

static ssize_t tls_recv(void *state, int fd, void *bytes, size_t size)
{
    int got = SSL_read(state, bytes, (int)size);

    (void)fd;
    return got > 0 || SSL_get_error(state, got) != SSL_ERROR_ZERO_RETURN ? got : 0;
}

static void tls_finish(void *state, int fd)
{
    (void)SSL_shutdown(state);
    shutdown(fd, SHUT_WR);
}

static void tls_free(void *state)
{
    SSL_free(state);
}

static const struct load_transport transport = {tls_open, tls_send, tls_recv, tls_finish, tls_free};
const struct load_transport *const load_tls = &transport;

static X509 *sign_own(EVP_PKEY *key)
{
    X509 *certificate = X509_new();
    X509_NAME *name;

    if (certificate == NULL)
        die_of_openssl("make a certificate");
    name = X509_get_subject_name(certificate);
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -DAY_SECONDS);
    X509_gmtime_adj(X509_getm_notAfter(certificate), DAY_SECONDS);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"127.0.0.1", -1, -1,
                               0);
    if (X509_set_issuer_name(certificate, name) != 1 || X509_set_pubkey(certificate, key) != 1 ||
        X509_sign(certificate, key, EVP_sha256()) == 0)
        die_of_openssl("sign a certificate");
    return certificate;
}

void load_tls_make_certificate(const char *key_file, const char *certificate_file)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate;
    FILE *file;

    if (key == NULL)
        die_of_openssl("make a key");
    certificate = sign_own(key);
    file = fopen(key_file, "we");
    if (file == NULL || PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) != 1 ||
        fclose(file) != 0)
        log_fatal("cannot write %s", key_file);
    file = fopen(certificate_file, "we");
    if (file == NULL || PEM_write_X509(file, certificate) != 1 || fclose(file) != 0)
        log_fatal("cannot write %s", certificate_file);
    X509_free(certificate);
    EVP_PKEY_free(key);
}
