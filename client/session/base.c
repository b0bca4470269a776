/* SPDX-License-Identifier: MIT */
/*
 * The clock, the place and the end of a session. See base.h.
 *
 * Each way to fail has a phrase of its own, put together of what happened and where: "closed before
 * the first reply", "reset in the middle of a reply", "timed out after the last reply". The report
 * counts sessions by these phrases, so there must be few of them: no numbers, and addresses only if the
 * name of the server has several. With several targets the phrase begins with the target's name.
 */
#include "client/session/base.h"

#include "common/log.h"
#include "common/must.h"
#include "common/printable.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void session_measure(const struct session *session, enum measure_phase phase, int64_t begun_ns,
                     int64_t ended_ns)
{
    if (session->target->measure != NULL && session_counts(session, begun_ns))
        measure_one(session->target->measure, phase, ended_ns - begun_ns);
}

void session_first_byte(struct session *session, int64_t now_ns)
{
    struct session_record *record = &session->connection.record;

    record->first_byte_ns = now_ns;
    session_set_place(session, PLACE_SERVED);
    session_measure(session, MEASURE_QUEUE_WAIT, record->connected_ns, now_ns);
}

const char *session_where(const struct session *session)
{
    if (session->connection.received > 0)
        return "in the middle of a reply";
    return session_verified(session) == 0 ? "before the first reply" : "instead of a reply";
}

void session_hang_up(struct session *session)
{
    struct connection *connection = &session->connection;

    if (connection->stream.fd >= 0 && session->buffers->closing != NULL)
        session->buffers->closing(session);
    MUST(pthread_mutex_lock(&session->lock));
    if (connection->stream.fd >= 0)
        stream_close(&connection->stream);
    MUST(pthread_mutex_unlock(&session->lock));
}

/** Measure the messages that are under way and will not be answered. A reply with wrong bytes is one. */
static void measure_pending(const struct session *session)
{
    const struct session_plan *plan = session->plan;
    const struct connection *connection = &session->connection;
    unsigned at = connection->pending_first + (connection->record.mismatched ? 1 : 0);
    unsigned end = connection->pending_first + connection->pending_count;

    for (; session->target->measure != NULL && at < end; at++) {
        int64_t due_ns = session->pending[at % plan->depth].due_ns;

        if (session_counts(session, due_ns))
            measure_unanswered(session->target->measure, connection->record.ended_ns - due_ns, 1);
    }
}

/** Measure the wait of a session that has asked the server for something and never got a byte. */
static void measure_unserved_wait(const struct session *session)
{
    struct measure *measure = session->target->measure;
    const struct connection *connection = &session->connection;
    const struct session_record *record = &connection->record;
    bool asked = connection->pending_count > 0 || connection->stage == STAGE_HANDSHAKE;

    if (measure != NULL && asked && record->first_byte_ns == 0 && !record->mismatched &&
        session_counts(session, record->connected_ns))
        measure_unserved(measure, record->ended_ns - record->connected_ns);
}

enum session_stage session_close(struct session *session, enum session_state state)
{
    struct connection *connection = &session->connection;

    session_hang_up(session);
    connection->record.state = state;
    connection->record.ended_ns = clock_now_ns();
    if (state == SESSION_FAILED) { /* the messages of a closed one are sent again */
        measure_pending(session);
        measure_unserved_wait(session);
    }
    connection->record.verified = session_verified(session);
    /* a reply may have been taken back, and a message may be sent again */
    if (connection->record.warm_verified > connection->record.verified)
        connection->record.warm_verified = connection->record.verified;
    if (connection->record.warm_sent > connection->record.sent)
        connection->record.warm_sent = connection->record.sent;
    session_set_place(session, PLACE_OVER);
    return STAGE_OVER;
}

void session_name_target(struct session *session)
{
    char *reason = session->connection.record.reason;
    char text[2 * SESSION_REASON];

    if (session->plan->target_count == 1 || session->given_up)
        return;
    /* a long name leaves room for what happened */
    snprintf(text, sizeof text, "%.*s: %s", SESSION_REASON / 2, session->target->name, reason);
    printable_text(reason, SESSION_REASON, text, strlen(text), '.');
}

enum session_stage session_fail(struct session *session, const char *format, ...)
{
    char *reason = session->connection.record.reason;
    char text[SESSION_REASON];
    va_list arguments;

    if (atomic_load(&session->stopping)) {
        snprintf(reason, SESSION_REASON, "interrupted");
    } else {
        va_start(arguments, format);
        vsnprintf(text, sizeof text, format, arguments);
        va_end(arguments);
        /* some words are of the server */
        printable_text(reason, SESSION_REASON, text, strlen(text), '.');
        session_name_target(session);
        log_verbose("session %u: %s", session->number, reason);
    }
    return session_close(session, SESSION_FAILED);
}

const char *session_errno_words(int error, char words[static SESSION_REASON / 2])
{
    if (error == ETIMEDOUT)
        snprintf(words, SESSION_REASON / 2, "timed out");
    else
        snprintf(words, SESSION_REASON / 2, "%s", strerror(error));
    words[0] = (char)tolower((unsigned char)words[0]);
    return words;
}

enum session_stage session_fail_errno(struct session *session, const char *operation, int error)
{
    char words[SESSION_REASON / 2];

    return session_fail(session, "%s: %s", operation, session_errno_words(error, words));
}

enum session_stage session_lost(struct session *session, ssize_t code, const char *where)
{
    char why[TLS_WHY_MAX];

    switch (code) {
    case -EPROTO:
        return session_fail(session, "TLS error %s: %s", where,
                            stream_error_text(&session->connection.stream, why));
    case 0:
    case -EPIPE: return session_fail(session, "closed %s", where);
    case -ECONNRESET: return session_fail(session, "reset %s", where);
    case -ETIMEDOUT: return session_fail(session, "timed out %s", where);
    default: return session_fail_errno(session, where, (int)-code);
    }
}
