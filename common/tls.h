/* SPDX-License-Identifier: MIT */
/**
 * @file tls.h
 * TLS streams: the second table of stream.h.
 *
 * configure chooses between the files on OpenSSL 3, tls.c and those of tls-internal.h, and tls-none.c,
 * which refuses with a sentence; no other file depends on the choice.
 *
 * Every context has TLS 1.2 or later, no renegotiation, no compression, no session tickets and no
 * resumption. The ciphers of TLS 1.2 are those of Mozilla's "intermediate" configuration, the first of
 * them that the server prefers.
 *
 *     tls_server_context_new(&(struct tls_server_settings){.certificate_file = "cert.pem",
 *                                                          .key_file = "key.pem"},
 *                            &context, why);
 *     stream_init_tls(&stream, fd, context, NULL);
 *     stream_set_timeouts(&stream, handshake_ns, handshake_ns);
 *     if (stream_handshake(&stream) == 0)
 *         ... stream_read(), stream_write(), stream_finish_writing() ...
 *     stream_close(&stream);
 *
 * To replace a certificate, make a new context: streams keep the context they began with, and the
 * last of them releases it.
 *
 * No call raises SIGPIPE, and none leaves an error in the thread's OpenSSL error queue.
 *
 * Threads: all may use a context, which never changes. A stream belongs to one thread at a time.
 */
#ifndef COMMON_TLS_H
#define COMMON_TLS_H

#include "common/stream.h"

#include <stdbool.h>
#include <stddef.h>

/** Room for the cause of a failure. */
#define TLS_WHY_MAX 256

/** Keys, certificates, and trusted CAs. Reference counted. */
struct tls_context;

struct tls_server_settings {
    const char *certificate_file; /**< PEM, the server's first, then its chain */
    const char *key_file;         /**< PEM, not encrypted; may be the same file */
    /** PEM. Every client needs a certificate of one of these CAs; NULL: clients need none */
    const char *ca_file;
};

struct tls_client_settings {
    const char *ca_file;          /**< PEM: trust only these CAs; NULL: those of the system */
    bool insecure;                /**< do not verify the server's certificate */
    const char *certificate_file; /**< for servers that require one; NULL: none */
    const char *key_file;         /**< its key */
};

/** Tell if this program was built with TLS. */
bool tls_is_built_in(void);

/**
 * Make a context.
 *
 * @param why  on failure a sentence that names the file and what is wrong with it
 * @return     0 and *context, with one reference; or -ENOTSUP (built without TLS), -EINVAL (a file is
 *             missing, unreadable, not PEM, or key and certificate do not belong together), -ENOMEM
 */
int tls_server_context_new(const struct tls_server_settings *settings, struct tls_context **context,
                           char why[static TLS_WHY_MAX]);
int tls_client_context_new(const struct tls_client_settings *settings, struct tls_context **context,
                           char why[static TLS_WHY_MAX]);

/**
 * Try whether a server's context works, by a handshake with a client in memory. Certificates are not verified,
 * and the client needs none.
 *
 * @param why  on failure a few words on what went wrong: "no common cipher"
 * @return     0; -EINVAL: no client of this program could shake hands; or -ENOMEM
 */
int tls_server_context_try(const struct tls_context *context, char why[static TLS_WHY_MAX]);

/** Take a reference. */
void tls_context_ref(struct tls_context *context);

/** Give a reference up. NULL is fine. */
void tls_context_unref(struct tls_context *context);

/**
 * Make a TLS stream of a connected descriptor; the next call must be stream_handshake(). Takes the
 * descriptor over, and a reference to the context.
 *
 * @param server_name  for a client: the server's name or address, which is verified; a name is also
 *                     sent as SNI. NULL: this side is the server
 * @return             0, or -ENOMEM: the caller still owns the descriptor
 */
int stream_init_tls(struct stream *stream, int fd, struct tls_context *context,
                    const char *server_name);

/**
 * Write the cause of the last -EPROTO of this stream, such as "certificate verify failed:
 * certificate has expired". It contains no text from the peer. "" if there was none, and for a
 * plain stream.
 */
const char *stream_error_text(const struct stream *stream, char text[static TLS_WHY_MAX]);

#endif /* COMMON_TLS_H */
