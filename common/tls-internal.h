/* SPDX-License-Identifier: MIT */
/* What the files on OpenSSL share: tls.c, tls-try.c. */
#ifndef COMMON_TLS_INTERNAL_H
#define COMMON_TLS_INTERNAL_H

#include "common/tls.h"

#include <openssl/ssl.h>
#include <stdatomic.h>

struct tls_context {
    atomic_uint references;
    /* set when it is made, then read-only */
    SSL_CTX *ssl;
    BIO_METHOD *socket;
};

/* Describe the first error in OpenSSL's queue, which caused the others. */
void tls_describe_queue(char text[static TLS_WHY_MAX]);

#endif /* COMMON_TLS_INTERNAL_H */
