/* SPDX-License-Identifier: MIT */
/* The PROXY header and TLS: see opening.h. */
#include "server/session/opening.h"

#include "common/log.h"
#include "common/tls.h"
#include "common/translate.h"
#include "server/session/credentials.h"
#include "server/session/linger.h"
#include "server/session/per-source.h"
#include "server/session/proxy.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* --- the PROXY header ---------------------------------------------------------------------- */

/* Get the stage that follows a PROXY header. */
static enum stage after_header(const struct session *session)
{
    return session->shared->credentials != NULL ? STAGE_TLS : STAGE_ECHO;
}

enum stage opening_stage(const struct session *session)
{
    return session->shared->proxy_protocol ? STAGE_PROXY : after_header(session);
}

/* Replace the proxy's address by the client's. */
static void set_peer(struct session *session, const struct address *client)
{
    char texts[2][ADDRESS_TEXT_MAX];

    if (log_writes(LOG_VERBOSE))
        log_event(
            LOG_VERBOSE, "proxy header",
            &(struct log_facts){.session = session->number, .peer = address_text(client, texts[1])},
            N_("session %" PRIu64 " from %s is proxied for %s"), session->number,
            address_text(&session->peer, texts[0]), texts[1]);
    session->peer = *client;
}

/*
 * Check whether a header names the proxy's own end of the connection as the client's, as that of a health check by
 * version 1 does: there is no LOCAL in it. The destination may be another, behind a translation of addresses. Of an
 * IPv6 address the first 64 bits are compared, which is enough beside the port.
 */
static bool names_itself(const struct session *session, const struct address *source)
{
    struct per_source_key named = per_source_key(source), own = per_source_key(&session->peer);

    return session->proxy->bytes[0] == 'P' && named.family != 0 &&
           memcmp(&named, &own, sizeof named) == 0 &&
           address_port(source) == address_port(&session->peer);
}

/* Reject the session: send BUSY and why. */
static enum need turn_away(struct session *session, const char *why)
{
    linger_busy(session->stream.fd, why);
    session->why = why;
    session->lingers = true;
    return session_finish(session, OUTCOME_REJECTED);
}

/* Act on the header: it is complete, or will never be. */
static enum need end_of_header(struct session *session, int rc, const struct address *source)
{
    enum outcome verdict = session_verdict(session);
    const char *why = rc == -EPROTO ? session->proxy->why : NULL;
    bool is_local = rc == 0 && session->proxy->is_local;

    session->header_bytes = rc == 0 ? session->proxy->size : 0;
    session->is_check = is_local || (rc == 0 && names_itself(session, source));
    free(session->proxy);
    session->proxy = NULL;
    if (verdict != OUTCOME_SERVED)
        return session_finish(session, verdict);
    /* A probe of the port, or a client that had sent nothing when the server began to drain. */
    if (rc < 0 && atomic_load(&session->reading_stopped))
        return session_finish(session, OUTCOME_STOPPED);
    if (rc == -ENODATA)
        return session_finish(session, OUTCOME_SERVED);
    if (rc < 0) {
        session_log(session, "handshake failed", N_("has no PROXY header"),
                    why != NULL ? why : strerror(-rc));
        return session_finish(session, rc == -EPROTO ? OUTCOME_HANDSHAKE_FAILED : OUTCOME_FAILED);
    }
    if (source->storage.ss_family != AF_UNSPEC)
        set_peer(session, source);
    if (!is_local && !session_admit(session))
        return turn_away(session, per_source_refusal(session->shared->per_source));
    session->stage = after_header(session);
    return NEED_NOTHING;
}

enum need opening_read_header(struct session *session)
{
    struct address source;
    int rc = -ENOMEM;

    if (session->proxy == NULL)
        session->proxy = calloc(1, sizeof *session->proxy);
    if (session->proxy != NULL)
        rc = proxy_read(session->proxy, session->stream.fd, session->stream.nonblocking, &source);
    if (rc == -EAGAIN && session_verdict(session) == OUTCOME_SERVED)
        return NEED_READ;
    return end_of_header(session, rc, &source);
}

/* --- TLS ----------------------------------------------------------------------------------- */

/* Make the connection a TLS stream; it stays blocking or non-blocking. */
static int wrap_in_tls(struct session *session)
{
    bool nonblocking = session->stream.nonblocking;
    struct tls_context *context = credentials_take(session->shared->credentials);
    int rc = stream_init_tls(&session->stream, session->stream.fd, context, NULL);

    tls_context_unref(context);
    if (rc == 0 && nonblocking)
        stream_set_nonblocking(&session->stream);
    return rc;
}

enum need opening_shake_hands(struct session *session)
{
    char words[TLS_WHY_MAX];
    int code = session->stream.tls == NULL ? wrap_in_tls(session) : 0;

    if (code == 0)
        code = stream_handshake(&session->stream);
    if (session_verdict(session) != OUTCOME_SERVED)
        return session_finish(session, session_verdict(session));
    if (code == -EAGAIN)
        return session_awaits(session);
    if (code == 0) {
        session->stage = STAGE_ECHO;
        return NEED_NOTHING;
    }
    /* The client was in the midst of it, or had not begun, when the server stopped to read. */
    if (atomic_load(&session->reading_stopped))
        return session_finish(session, OUTCOME_STOPPED);
    session_log(session, "handshake failed", N_("has no TLS"),
                code == -EPROTO ? stream_error_text(&session->stream, words) : strerror(-code));
    session->lingers = true; /* an alert was sent */
    if (session_was_check(session))
        return session_finish(session, OUTCOME_SERVED);
    return session_finish(session, code == -EPROTO ? OUTCOME_HANDSHAKE_FAILED : OUTCOME_FAILED);
}
