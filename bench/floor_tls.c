/* SPDX-License-Identifier: MIT */
/*
 * The floor under TLS: a thread per session, a blocking SSL_accept, SSL_read, upper-case,
 * SSL_write, and nothing else. OpenSSL's defaults, except that it sends no session tickets, like
 * echo-server.
 *
 *     floor_tls CERTIFICATE.pem KEY.pem
 */
#include "bench/floor.h"
#include "common/transform.h"

#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

static SSL_CTX *context;

static void *serve(void *argument)
{
    int fd = (int)(intptr_t)argument;
    SSL *ssl = SSL_new(context);
    unsigned char bytes[FLOOR_BUFFER_BYTES];
    int size;

    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1)
        exit(EXIT_FAILURE);
    if (SSL_accept(ssl) == 1) {
        while ((size = SSL_read(ssl, bytes, sizeof bytes)) > 0) {
            transform_apply(TRANSFORM_UPPER, bytes, (size_t)size);
            if (SSL_write(ssl, bytes, size) != size)
                break;
        }
        (void)SSL_shutdown(ssl);
    }
    SSL_free(ssl);
    close(fd);
    return NULL;
}

int main(int argc, char *argv[])
{
    pthread_attr_t detached;
    int listener;

    signal(SIGPIPE, SIG_IGN);
    context = SSL_CTX_new(TLS_server_method());
    if (argc != 3 || context == NULL || SSL_CTX_use_certificate_chain_file(context, argv[1]) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, argv[2], SSL_FILETYPE_PEM) != 1)
        return EXIT_FAILURE;
    SSL_CTX_set_num_tickets(context, 0);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    listener = floor_listen();
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED); /* as floor_thread.c does */
    for (;;) {
        pthread_t thread;
        int fd = floor_accept(listener, 0);
        if (pthread_create(&thread, &detached, serve, (void *)(intptr_t)fd) != 0)
            return EXIT_FAILURE;
    }
}
