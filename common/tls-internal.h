/* SPDX-License-Identifier: MIT */
/* What the files on OpenSSL share: tls-error.c and tls-socket.c, then tls-context.c, then tls.c and tls-try.c. */
#ifndef COMMON_TLS_INTERNAL_H
#define COMMON_TLS_INTERNAL_H

#include "common/tls.h"

#include <openssl/ssl.h>
#include <stdatomic.h>

/* Describe the first error in OpenSSL's queue, which caused the others. */
void tls_describe_queue(char text[static TLS_WHY_MAX]);

/* The plain stream below a TLS stream. */
struct tls_socket {
    struct stream stream;
    int answer; /* its last result that was no count of bytes; 0: none yet */
    bool deaf;  /* do not read */
    bool cut;   /* it is at end of file */
};

/* Make the table by which OpenSSL uses a struct tls_socket, the BIO's data. @return NULL: no memory */
BIO_METHOD *tls_socket_method(void);

struct tls_context {
    atomic_uint references;
    /* set when it is made, then read-only */
    SSL_CTX *ssl;
    BIO_METHOD *socket;
};

#endif /* COMMON_TLS_INTERNAL_H */
