/* SPDX-License-Identifier: MIT */
/*
 * How a session is lost, in words.
 *
 * Each way has a phrase of its own, put together of what happened and where: "closed before the
 * first reply", "reset in the middle of a reply", "timed out after the last reply". They are counted
 * under these words in the report, so there must be few of them: no numbers, no addresses.
 */
#include "client/session/internal.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/must.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void session_close(struct session *session)
{
    if (session->stream.fd >= 0 && session->buffers->closing != NULL)
        session->buffers->closing(session);
    MUST(pthread_mutex_lock(&session->lock));
    if (session->stream.fd >= 0)
        stream_close(&session->stream);
    MUST(pthread_mutex_unlock(&session->lock));
    session->record.ended_ns = clock_now_ns();
    session->record.verified = session_verified(session);
    session->stage = STAGE_OVER;
    session_set_place(session, PLACE_OVER);
}

void session_fail(struct session *session, const char *format, ...)
{
    va_list arguments;

    if (session->stage == STAGE_OVER)
        return;
    session->record.state = SESSION_FAILED;
    if (atomic_load(&session->stopping)) {
        /* whatever it ran into, it was session_stop() that did it */
        snprintf(session->record.reason, sizeof session->record.reason, "interrupted");
    } else {
        va_start(arguments, format);
        vsnprintf(session->record.reason, sizeof session->record.reason, format, arguments);
        va_end(arguments);
        log_verbose("session %u: %s", session->number, session->record.reason);
    }
    session_close(session);
}

void session_fail_errno(struct session *session, const char *operation, int error)
{
    char words[SESSION_REASON / 2];

    if (error == ETIMEDOUT)
        snprintf(words, sizeof words, "timed out");
    else
        snprintf(words, sizeof words, "%s", strerror(error));
    words[0] = (char)tolower((unsigned char)words[0]); /* it stands in the middle of a phrase */
    session_fail(session, "%s: %s", operation, words);
}

const char *session_where(const struct session *session)
{
    if (session->received > 0)
        return "in the middle of a reply";
    return session_verified(session) == 0 ? "before the first reply" : "instead of a reply";
}

void session_lost(struct session *session, ssize_t code, const char *where)
{
    char why[TLS_WHY_MAX];

    switch (code) {
    case -EPROTO:
        session_fail(session, "TLS error %s: %s", where, stream_error_text(&session->stream, why));
        break;
    case 0:
    case -EPIPE: session_fail(session, "closed %s", where); break;
    case -ECONNRESET: session_fail(session, "reset %s", where); break;
    case -ETIMEDOUT: session_fail(session, "timed out %s", where); break;
    default: session_fail_errno(session, where, (int)-code); break;
    }
}

void session_refused(struct session *session)
{
    size_t length = 0;

    while (length < session->said_count && session->said[length] != '\n') {
        unsigned char *byte = &session->said[length++];

        if (*byte < ' ' || *byte > '~')
            *byte = '.'; /* it will be shown on terminals and written as JSON */
    }
    session->record.state = SESSION_REFUSED;
    snprintf(session->record.reason, sizeof session->record.reason, "refused: %.*s", (int)length,
             (const char *)session->said);
    log_verbose("session %u: %s", session->number, session->record.reason);
    session_close(session);
}
