/* SPDX-License-Identifier: MIT */
/*
 * A handshake of a server with itself: see tls_server_context_try() in tls.h.
 *
 * DESIGN. That OpenSSL takes a certificate does not mean that it can be used: no cipher of TLS 1.2 that we
 * offer works with a key for DSA, and TLS 1.3 knows no such keys at all; OpenSSL's configuration on this machine
 * may leave no version or no cipher. Only a handshake shows that. Both ends are here, and a pair of buffers
 * is between them.
 */
#include "common/tls-internal.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <stdio.h>

/* More turns than a handshake has flights. */
#define TURNS_MAX 16

/* Both ends. */
struct trial {
    SSL *server;
    SSL *client;
};

/* Make an end, on one side of the pair, which it takes over. @return NULL: out of memory */
static SSL *make_end(const struct tls_context *context, BIO *side)
{
    SSL *end = SSL_new(context->ssl);

    if (end == NULL) {
        BIO_free(side);
        return NULL;
    }
    SSL_set_bio(end, side, side);
    SSL_set_verify(end, SSL_VERIFY_NONE, NULL); /* whom to trust is not what is tried */
    return end;
}

/* @return false: out of memory; trial_clear() in any case */
static bool trial_init(struct trial *trial, const struct tls_context *server,
                       const struct tls_context *client)
{
    BIO *sides[2];

    *trial = (struct trial){0};
    if (BIO_new_bio_pair(&sides[0], 0, &sides[1], 0) != 1)
        return false;
    trial->server = make_end(server, sides[0]);
    trial->client = make_end(client, sides[1]);
    if (trial->server == NULL || trial->client == NULL)
        return false;
    SSL_set_accept_state(trial->server);
    SSL_set_connect_state(trial->client);
    return true;
}

static void trial_clear(struct trial *trial)
{
    SSL_free(trial->server);
    SSL_free(trial->client);
    ERR_clear_error();
}

/* Let an end go on. @return 1: its handshake is done, 0: it waits for the other end, -1: it has failed */
static int go_on(SSL *end)
{
    int returned = SSL_do_handshake(end);
    int error = SSL_get_error(end, returned);

    if (returned == 1)
        return 1;
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

/* @return 0; or -EPROTO, and the cause is in OpenSSL's queue */
static int shake_hands(struct trial *trial)
{
    ERR_clear_error();
    for (int turn = 0; turn < TURNS_MAX; turn++) {
        int client = go_on(trial->client);
        int server = client < 0 ? -1 : go_on(trial->server);

        if (server < 0)
            return -EPROTO;
        if (client > 0 && server > 0)
            return 0;
    }
    return -EPROTO;
}

int tls_server_context_try(const struct tls_context *context, char why[static TLS_WHY_MAX])
{
    struct tls_context *client;
    struct trial trial;
    int code =
        tls_client_context_new(&(struct tls_client_settings){.insecure = true}, &client, why);

    if (code != 0)
        return code;
    if (!trial_init(&trial, context, client)) {
        snprintf(why, TLS_WHY_MAX, "cannot get memory for a handshake");
        code = -ENOMEM;
    } else if (shake_hands(&trial) != 0) {
        tls_describe_queue(why);
        code = -EINVAL;
    }
    trial_clear(&trial);
    tls_context_unref(client);
    return code;
}
