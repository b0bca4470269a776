/* SPDX-License-Identifier: MIT */
/*
 * The server's way to refuse a session: a line that begins with BUSY. It comes in place of a reply; or
 * within one, or after the last, from a server whose sessions wait for a worker repeatedly.
 *
 * So wrong bytes may be a refusal, and so may be the last thing that the server said before it closed.
 * The session then reads the rest of the line before it fails. Only what is neither an echo nor such a
 * line is called wrong. A server that echoes "BUSY BEE" wrongly is believed to have refused.
 *
 * The line may also have begun as an echo: the refusal of a session that sends "busy" without a newline is
 * right at first, and surplus after that. So a refusal is looked for in earlier replies, too, as far back as
 * there is no newline. It must then be a whole line, since its word proves nothing.
 */
#include "client/session/base.h"
#include "client/session/stages.h"
#include "common/log.h"
#include "common/printable.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
    WORD = sizeof REFUSAL_WORD - 1,
    BEFORE = SESSION_SAID - 1, /* bytes that are looked at before a wrong one */
};

/** Whether what the server said is the beginning of BUSY, or more. */
static bool may_be_busy(const struct connection *connection)
{
    size_t count = connection->said_count < WORD ? connection->said_count : WORD;

    return memcmp(connection->said, REFUSAL_WORD, count) == 0;
}

enum session_stage refusal_begin(struct session *session, enum session_doubt doubt)
{
    session->connection.doubt = doubt;
    if (session->connection.said_count == 0)
        session->connection.said_before = 0; /* of the prompt: from now on it is overwritten */
    stream_set_nonblocking(&session->connection.stream);
    session_look_at_clock(session);
    session_progressed(session);
    return STAGE_REFUSAL;
}

/** The message of a load whose reply is `back` replies before the one that is expected now. */
static void earlier_message(const struct session *session, uint64_t back, struct message *message)
{
    uint64_t expected = session->sequence - session->connection.pending_count;

    message_make(session->plan->messages, session->number, expected - back, message);
}

/** Copy the end of the replies of this connection that were right. @return how many bytes */
static size_t earlier_replies(const struct session *session, unsigned char bytes[static BEFORE],
                              size_t most)
{
    const struct connection *connection = &session->connection;
    size_t count = 0;

    if (session->plan->messages == NULL) { /* the prompt: see refusal_remember() */
        count = connection->said_before < most ? connection->said_before : most;
        memcpy(bytes, connection->said + connection->said_before - count, count);
        return count;
    }
    for (uint64_t back = 1; back <= session_verified(session) && count < most; back++) {
        struct message message;

        earlier_message(session, back, &message);
        for (size_t at = message.size; at > 0 && count < most; at--)
            bytes[most - ++count] = message_expected_at(&message, at - 1);
    }
    memmove(bytes, bytes + most - count, count);
    return count;
}

/**
 * Find where the line of a refusal begins.
 *
 * @param bytes  that were right, `before` of them, and then those that were not
 * @return       the last place of the whole word, or else the first of its beginning; size: there is none
 */
static size_t find_word(const unsigned char *bytes, size_t before, size_t size)
{
    size_t found = size;

    for (size_t at = before;; at--) {
        size_t count = size - at < WORD ? size - at : WORD;

        if (at < before && bytes[at] == '\n')
            break; /* a line that ended before the wrong byte */
        if (memcmp(bytes + at, REFUSAL_WORD, count) == 0) {
            found = at;
            if (count == WORD)
                break;
        }
        if (at == 0)
            break;
    }
    return found;
}

bool refusal_suspect(struct session *session, const struct message *message, size_t *offset,
                     const unsigned char *got, size_t size)
{
    struct connection *connection = &session->connection;
    unsigned char bytes[BEFORE + SESSION_SAID];
    size_t own = *offset < BEFORE ? *offset : BEFORE;
    size_t earlier = own < *offset ? 0 : earlier_replies(session, bytes, BEFORE - own);
    size_t before = earlier + own;
    size_t kept = size < SESSION_SAID ? size : SESSION_SAID;
    size_t at;

    for (size_t i = 0; i < own; i++)
        bytes[earlier + i] = message_expected_at(message, *offset - own + i);
    memcpy(bytes + before, got, kept);
    at = find_word(bytes, before, before + kept);
    connection->said_count = 0;
    connection->said_before = 0;
    if (at == before + kept)
        return false;
    if (at < earlier)
        connection->said_before = (unsigned char)(earlier - at);
    kept += before - at;
    if (kept > SESSION_SAID)
        kept = SESSION_SAID;
    memcpy(connection->said, bytes + at, kept);
    connection->said_count = (unsigned char)kept;
    *offset -= before - at - connection->said_before;
    return true;
}

ssize_t refusal_take_back(struct connection *connection, unsigned char *bytes, size_t room)
{
    unsigned char *from = connection->said + connection->said_before;
    size_t left = (size_t)(connection->said_count - connection->said_before);
    size_t count = left < room ? left : room;

    memcpy(bytes, from, count);
    connection->said_before = 0;
    connection->said_count = (unsigned char)(left - count);
    memmove(connection->said, from + count, connection->said_count);
    return (ssize_t)count;
}

void refusal_remember(struct connection *connection, const struct message *message)
{
    size_t size = message->size < BEFORE ? message->size : BEFORE;
    size_t kept = BEFORE - size < connection->said_before ? BEFORE - size : connection->said_before;

    if (connection->said_count > 0)
        return; /* something else is in it, which came after this reply */
    memmove(connection->said, connection->said + connection->said_before - kept, kept);
    for (size_t i = 0; i < size; i++)
        connection->said[kept + i] = message_expected_at(message, message->size - size + i);
    connection->said_before = (unsigned char)(kept + size);
}

/** Count as unverified the replies that turned out to be the beginning of the refusal. */
static void take_replies_back(struct session *session)
{
    struct connection *connection = &session->connection;
    uint64_t verified = session_verified(session);
    size_t left = connection->said_before;

    for (uint64_t back = 1; session->plan->messages != NULL && left > 0 && verified > 0; back++) {
        struct message message;

        earlier_message(session, back, &message);
        left -= left < message.size ? left : message.size;
        connection->record.bytes -= message.size;
        session_set_verified(session, --verified);
    }
}

/** The server said BUSY: end the session with its words. */
static enum session_stage refused(struct session *session)
{
    struct connection *connection = &session->connection;
    const unsigned char *end = memchr(connection->said, '\n', connection->said_count);
    size_t length = end != NULL ? (size_t)(end - connection->said) : connection->said_count;
    char line[SESSION_SAID + 1];

    printable_text(line, sizeof line, connection->said, length, '.');
    snprintf(connection->record.reason, SESSION_REASON, "refused: %s", line);
    session_name_target(session);
    take_replies_back(session);
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
    if (connection->said_count >= WORD && may_be_busy(connection) &&
        (got != -EAGAIN || connection->said_before == 0))
        return refused(session);
    /* what is missing may have made it BUSY; the reset may have been reported to a send */
    if ((got == -ECONNRESET || connection->send_error == -ECONNRESET) && may_be_busy(connection))
        return session_lost(session, -ECONNRESET, session_where(session));
    return not_refused(session);
}
