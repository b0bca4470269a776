/* SPDX-License-Identifier: MIT */
/* What TLS streams have in common, by OpenSSL 3: certificates, trusted CAs, and the rules of both sides. */
#include "common/tls-internal.h"

#include "common/translate.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

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
    /* allow short writes, and let the next write come from another buffer; tls.c decides
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
        fresh->socket = tls_socket_method();
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
