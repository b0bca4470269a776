/* SPDX-License-Identifier: MIT */
/**
 * @file tls.h
 * TLS streams: the second table of stream.h.
 *
 * configure chooses between tls.c, on OpenSSL 3, and tls-none.c, which refuses with a sentence; no
 * other file knows which it was.
 *
 * What holds for every context: TLS 1.2 at least, no renegotiation, no compression, no session
 * tickets, no resumption. The program ignores SIGPIPE before the first stream (OpenSSL writes an
 * alert where a peer has gone).
 *
 * Threads: a context may be used by all; it is never changed, a new one takes its place. A stream
 * belongs to one thread at a time.
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
    const char *key_file;         /**< PEM */
    const char *ca_file; /**< ask every client for a certificate of these; NULL: do not ask */
};

struct tls_client_settings {
    const char *ca_file; /**< trust these; NULL: those of the system */
    bool insecure;       /**< do not verify the server's certificate */
};

/** Whether this program was built with TLS. */
bool tls_is_built_in(void);

/**
 * @param why  on failure a sentence that names the file and what is wrong with it
 * @return     0 and *context, or -ENOTSUP (built without TLS), -EINVAL (a file is missing, unreadable,
 *             not PEM, or key and certificate do not belong together), -ENOMEM
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

/** The library's words for the last -EPROTO of this stream; "" for a plain one. */
const char *stream_error_text(const struct stream *stream, char text[static TLS_WHY_MAX]);

#endif /* COMMON_TLS_H */
