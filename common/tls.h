/* SPDX-License-Identifier: MIT */
/**
 * @file tls.h
 * TLS streams: the second table of stream.h.
 *
 * configure chooses between tls.c, on OpenSSL 3, and tls-none.c, which refuses with a sentence; no
 * other file knows which it was.
 *
 * What holds for every context: TLS 1.2 at least, no renegotiation, no compression, no session
 * tickets, no resumption. Which ciphers there are is the policy of the system.
 *
 *     tls_server_context_new(&(struct tls_server_settings){.certificate_file = "cert.pem",
 *                                                          .key_file = "key.pem"},
 *                            &context, why);
 *     stream_init_tls(&stream, fd, context, NULL);
 *     stream_set_timeouts(&stream, handshake_ns, handshake_ns);
 *     if (stream_handshake(&stream) == 0)
 *         ... stream_read(), stream_write(), stream_finish_writing(), as of any stream ...
 *     stream_close(&stream);
 *
 * A certificate is replaced by making a new context: streams keep the one they began with, and the
 * old one is gone with the last of them.
 *
 * No call raises SIGPIPE. After none is an error left in OpenSSL's queue of the thread.
 *
 * Threads: a context may be used by all, it never changes. A stream belongs to one thread at a
 * time.
 */
#ifndef COMMON_TLS_H
#define COMMON_TLS_H

#include "common/stream.h"

#include <stdbool.h>
#include <stddef.h>

/** Room for why something of TLS went wrong. */
#define TLS_WHY_MAX 256

/** Keys, certificates, and whom to trust. Counted references. */
struct tls_context;

struct tls_server_settings {
    const char *certificate_file; /**< PEM, the server's first, then its chain */
    const char *key_file;         /**< PEM, not encrypted; may be the same file */
    /** PEM. Every client must have a certificate of one of these; NULL: none is asked for */
    const char *ca_file;
};

struct tls_client_settings {
    const char *ca_file;          /**< PEM: trust these and no others; NULL: those of the system */
    bool insecure;                /**< do not verify the server's certificate */
    const char *certificate_file; /**< our own, for servers that ask for one; NULL: none */
    const char *key_file;         /**< and its key */
};

/** Whether this program was built with TLS. */
bool tls_is_built_in(void);

/**
 * @param why  on failure a sentence that names the file and what is wrong with it
 * @return     0 and *context, with one reference; or -ENOTSUP (built without TLS), -EINVAL (a file is
 *             missing, unreadable, not PEM, or key and certificate do not belong together), -ENOMEM
 */
int tls_server_context_new(const struct tls_server_settings *settings, struct tls_context **context,
                           char why[static TLS_WHY_MAX]);
int tls_client_context_new(const struct tls_client_settings *settings, struct tls_context **context,
                           char why[static TLS_WHY_MAX]);

/** One more reference. */
void tls_context_ref(struct tls_context *context);

/** One less. NULL is fine. */
void tls_context_unref(struct tls_context *context);

/**
 * A TLS stream on a connected descriptor; stream_handshake() is to be called next. Takes the
 * descriptor over, and a reference to the context.
 *
 * @param server_name  of a client: whom it wants to talk to. Verified, and sent as SNI where it is a
 *                     name and not an address. NULL: this side is the server
 * @return             0, or -ENOMEM: then the descriptor is still the caller's
 */
int stream_init_tls(struct stream *stream, int fd, struct tls_context *context,
                    const char *server_name);

/**
 * Why the last -EPROTO of this stream: a phrase such as "certificate verify failed: certificate has
 * expired". It holds no words of the peer's. "" where there was none, and for a plain stream.
 */
const char *stream_error_text(const struct stream *stream, char text[static TLS_WHY_MAX]);

#endif /* COMMON_TLS_H */
