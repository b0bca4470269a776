/* SPDX-License-Identifier: MIT */
/*
 * The server's way to refuse a session: a line that begins with BUSY. It comes in place of a reply; or
 * within one, or after the last, from a server whose sessions wait for a worker repeatedly.
 *
 * So wrong bytes may be a refusal, and so may be the last thing that the server said before it closed.
 * The session then reads the rest of the line before it fails. Only what is neither an echo nor such a
 * line is called wrong. A server that echoes "BUSY BEE" wrongly is believed to have refused.
 */
#include "client/session/base.h"
#include "client/session/stages.h"
#include "common/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { WORD = sizeof REFUSAL_WORD - 1 };

/** Whether what the server said is the beginning of BUSY, or more. */
static bool may_be_busy(const struct connection *connection)
{
    size_t count = connection->said_count < WORD ? connection->said_count : WORD;

    return memcmp(connection->said, REFUSAL_WORD, count) == 0;
}

enum session_stage refusal_begin(struct session *session, enum session_doubt doubt)
{
    session->connection.doubt = doubt;
    stream_set_nonblocking(&session->connection.stream);
    session_look_at_clock(session);
    session_progressed(session);
    return STAGE_REFUSAL;
}

/** Take for said what came from a place of the reply on: bytes that were expected, then others. */
static void take_for_said(struct connection *connection, const struct message *message,
                          size_t start, size_t offset, const unsigned char *got, size_t size)
{
    size_t same = offset - start;
    size_t kept = size < SESSION_SAID - same ? size : SESSION_SAID - same;

    for (size_t i = 0; i < same; i++)
        connection->said[i] = message_expected_at(message, start + i);
    memcpy(connection->said + same, got, kept);
    connection->said_count = (unsigned char)(same + kept);
}

bool refusal_suspect(struct connection *connection, const struct message *message, size_t *offset,
                     const unsigned char *got, size_t size)
{
    size_t start = *offset < SESSION_SAID ? 0 : *offset - (SESSION_SAID - 1);

    /* its first bytes may be those that were expected, by chance */
    for (; start <= *offset; start++) {
        take_for_said(connection, message, start, *offset, got, size);
        if (may_be_busy(connection)) {
            *offset = start;
            return true;
        }
    }
    connection->said_count = 0;
    return false;
}

ssize_t refusal_take_back(struct connection *connection, unsigned char *bytes, size_t room)
{
    size_t count = connection->said_count < room ? connection->said_count : room;

    memcpy(bytes, connection->said, count);
    connection->said_count -= (unsigned char)count;
    memmove(connection->said, connection->said + count, connection->said_count);
    return (ssize_t)count;
}

/** The server said BUSY: end the session with its words. */
static enum session_stage refused(struct session *session)
{
    struct connection *connection = &session->connection;
    int length = 0;

    while (length < connection->said_count && connection->said[length] != '\n') {
        unsigned char *byte = &connection->said[length++];

        if (*byte < ' ' || *byte > '~')
            *byte = '.'; /* it will be shown on terminals and written as JSON */
    }
    snprintf(connection->record.reason, SESSION_REASON, "refused: %.*s", length,
             (const char *)connection->said);
    log_verbose("session %u: %s", session->number, connection->record.reason);
    return session_close(session, SESSION_REFUSED);
}

/** What the server said is not BUSY, and will not be. */
static enum session_stage not_refused(struct session *session)
{
    switch (session->connection.doubt) {
    case DOUBT_NOT_TLS: return session_fail(session, "handshake: what the peer sent is not TLS");
    case DOUBT_CLOSED:
        if (session->connection.said_count > 0) /* it said something before it closed */
            return session->connection.unread > 0 ? STAGE_CONVERSE : STAGE_FINISH;
        if (session->plan->reconnect)
            return resume_closed(session);
        return session_lost(session, -EPIPE, session_where(session));
    case DOUBT_RESET: return session_lost(session, -ECONNRESET, session_where(session));
    case DOUBT_EXTRA: return STAGE_FINISH; /* which takes the bytes back, as extra ones */
    case DOUBT_BYTES: break;
    }
    if (session->patient)
        stream_set_blocking(&session->connection.stream);
    return STAGE_CONVERSE; /* which takes the bytes back, as a reply */
}

enum session_stage refusal(struct session *session, struct session_wait *wait)
{
    struct connection *connection = &session->connection;
    unsigned char *said = connection->said;
    ssize_t got = 1;

    while (may_be_busy(connection) && connection->said_count < SESSION_SAID &&
           memchr(said, '\n', connection->said_count) == NULL) {
        got = stream_read(&connection->stream, said + connection->said_count,
                          (size_t)SESSION_SAID - connection->said_count);
        if (got <= 0)
            break;
        connection->said_count += (unsigned char)got;
    }
    session_look_at_clock(session);
    if (got == -EAGAIN && !session_timed_out(session))
        return session_wait_for(session, STAGE_REFUSAL, NEED_READ, wait);
    if (atomic_load(&session->stopping))
        return session_fail(session, "interrupted"); /* which has cut off what was coming */
    if (connection->said_count >= WORD && may_be_busy(connection))
        return refused(session);
    /* what is missing may have made it BUSY; the reset may have been reported to a send */
    if ((got == -ECONNRESET || connection->send_error == -ECONNRESET) && may_be_busy(connection))
        return session_lost(session, -ECONNRESET, session_where(session));
    return not_refused(session);
}
