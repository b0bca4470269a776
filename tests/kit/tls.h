/* SPDX-License-Identifier: MIT */
/**
 * @file tls.h
 * Certificates for a test, made by it and gone with it, and two ends that talk TLS.
 *
 *     CASE_WITH_KEYS("Core")
 *     ... {"--tls-cert", keys->server.certificate, "--tls-key", keys->server.key} ...
 *
 * Only where configure has found OpenSSL. As all helpers: what cannot be done fails the test.
 */
#ifndef TESTS_KIT_TLS_H
#define TESTS_KIT_TLS_H

#include "common/tls.h"
#include "tests/kit/suite.h"

#include <stdbool.h>
#include <stdint.h>

enum { TLS_KIT_PATH = 96 };

/** Two PEM files. */
struct tls_files {
    char certificate[TLS_KIT_PATH];
    char key[TLS_KIT_PATH];
};

/** With keys on P-256, except one. Those of servers are for localhost, 127.0.0.1 and ::1. */
struct tls_kit {
    char folder[TLS_KIT_PATH / 2];
    struct tls_files ca;
    struct tls_files other_ca; /**< which no end trusts */
    struct tls_files server;
    struct tls_files renewed;    /**< of the server, too: to replace its certificate with */
    struct tls_files expired;    /**< since yesterday */
    struct tls_files wrong_host; /**< for elsewhere.example */
    struct tls_files stranger;   /**< for the right host, by other_ca */
    struct tls_files self_signed;
    struct tls_files
        unusable; /**< for the right host, with a key on P-224, which no client takes */
    struct tls_files client;
    struct tls_files other_client; /**< by other_ca */
    char broken[TLS_KIT_PATH];     /**< a file that holds no PEM */
    char encrypted[TLS_KIT_PATH];  /**< the server's key behind a passphrase */
};

struct tls_kit *tls_kit_new(void);

/** Remove the files, too. NULL is fine. */
void tls_kit_free(struct tls_kit *kit);

/** Begin a case that has keys, made once for all its tests. */
#define CASE_WITH_KEYS(name) SUITE_STEP(case_with_keys(name))
void case_with_keys(const char *name);
extern struct tls_kit *keys;

/** @param ca_file  clients must have a certificate of this; NULL: need none */
struct tls_context *tls_kit_server(const struct tls_files *files, const char *ca_file);

/** @param ca_file  whom to trust; NULL: --insecure. @param files  its own; NULL: none */
struct tls_context *tls_kit_client(const char *ca_file, const struct tls_files *files);

/** Two connected TCP sockets of 127.0.0.1, with small buffers, and the streams on them. */
struct tls_ends {
    struct stream server;
    struct stream client;
    int server_code; /**< of the handshake */
    int client_code;
};

/** Two connected sockets. */
void tls_kit_sockets(int *server, int *client);

/** Sockets and streams, before the handshake. Takes the references to the contexts over. */
void tls_ends_init(struct tls_ends *ends, struct tls_context *server, struct tls_context *client,
                   const char *server_name);

/** The same, and both handshakes; the codes say how they went. */
void tls_ends_shake_hands(struct tls_ends *ends, struct tls_context *server,
                          struct tls_context *client, const char *server_name);

/** Close what is still open. */
void tls_ends_clear(struct tls_ends *ends);

/** Assert that a code is -EPROTO, that the stream's words for it are these, and that OpenSSL's queue
    of errors is empty. */
void tls_expect_error(const struct stream *stream, ssize_t code, const char *words);

/** Assert that OpenSSL's queue of errors is empty. */
void tls_expect_no_errors_left(void);

#endif /* TESTS_KIT_TLS_H */
