/* SPDX-License-Identifier: MIT */
/*
 * The conversation: send messages when they are due, check replies as they come.
 *
 * DESIGN
 * Replies are never collected: each piece is compared as it comes, against bytes that are there
 * already, whichever messages they belong to. The session asks the kernel for no more than it sent.
 *
 * A patient session sends one message and then waits for its reply, in two calls. That cannot
 * deadlock: its messages are small, what the server sends back fits our receive buffer, so it never
 * blocks on us. Any other session reads whatever has come before it sends more, and waits for both
 * at once: a server may stop reading while it cannot write.
 *
 * The clock is read when something has happened, and nowhere else: an exchange of a closed loop
 * reads it once. That one reading is the end of one echo and the beginning of the next.
 *
 * A reply that does not begin as it should, or a send that fails, may mean that the server refuses
 * the session: see refusal.c.
 */
#include "client/session/base.h"
#include "client/session/stages.h"
#include "client/session/verify.h"
#include "common/log.h"
#include "common/printable.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/uio.h>

static size_t least(size_t one, size_t other)
{
    return one < other ? one : other;
}

/** The message whose reply comes next. */
static const struct message *expected(const struct session *session)
{
    return session->plan->depth == 1 ? &session->connection.out : &session->connection.in;
}

/** The number of that message. */
static uint64_t expected_sequence(const struct session *session)
{
    return session->sequence - session->connection.pending_count;
}

/** Whether this is the first difference of the run, which alone is shown; the prompt shows each. */
static bool is_first_shown(const struct session *session)
{
    return session->plan->shown == NULL || !atomic_flag_test_and_set(session->plan->shown);
}

enum session_stage converse_begin(struct session *session)
{
    session->connection.free_ns = session->now_ns;
    session->connection.due_ns = session->now_ns;
    session_progressed(session);
    return STAGE_CONVERSE;
}

/* --- messages ------------------------------------------------------------------------------ */

/** Whether there is a message to send, now or later. */
static bool has_more(const struct session *session)
{
    const struct session_plan *plan = session->plan;
    int64_t due_ns = session_due_ns(session);
    int64_t at_ns = due_ns > session->now_ns ? due_ns : session->now_ns;

    if (plan->messages == NULL)
        return session->connection.given;
    return session->connection.begun < plan->message_count &&
           (plan->duration_ns == 0 || session->sequence < session->owed_until ||
            at_ns - session->start_ns < plan->duration_ns);
}

/** Whether the next message is due, and not too many are under way. */
static bool is_due(struct session *session)
{
    int64_t due_ns = session_due_ns(session);

    if (session->connection.pending_count == session->plan->depth || !has_more(session))
        return false;
    return due_ns <= session->now_ns || due_ns <= session_look_at_clock(session);
}

/** Make the next message. */
static void begin_message(struct session *session)
{
    const struct session_plan *plan = session->plan;
    struct connection *connection = &session->connection;
    unsigned last = connection->pending_first + connection->pending_count;
    int64_t due_ns = session_due_ns(session);

    if (plan->messages != NULL)
        message_make(plan->messages, session->number, session->sequence, &connection->out);
    if (plan->depth > 1 && connection->pending_count == 0)
        message_make(plan->messages, session->number, session->sequence, &connection->in);
    session->pending[last < plan->depth ? last : last - plan->depth] = (struct pending){
        .due_ns = due_ns,
        .free_ns = due_ns > connection->free_ns ? due_ns : connection->free_ns,
        .sent_ns = session->now_ns,
    };
    if (connection->record.asked_ns == 0)
        connection->record.asked_ns = session->now_ns;
    if (connection->pending_count++ == 0)
        session_progressed(session);
    connection->given = false;
    connection->begun++;
    session->sequence++;
    connection->sending = true;
    connection->out_sent = 0;
    if (pace_is_open(&session->pace))
        pace_next(&session->pace);
}

/** Send what is left of a large message, from the several places in which it lies. */
static ssize_t send_parts(struct connection *connection)
{
    const struct message *message = &connection->out;
    struct iovec pieces[MESSAGE_PARTS];
    unsigned count = 0;
    size_t skip = connection->out_sent;

    for (unsigned i = 0; i < message->parts; i++) {
        const struct message_part *part = &message->part[i];

        if (skip >= part->size) {
            skip -= part->size;
            continue;
        }
        /* an iovec has no const, but nothing is changed */
        pieces[count].iov_base = (void *)(uintptr_t)(part->sent + skip);
        pieces[count++].iov_len = part->size - skip;
        skip = 0;
    }
    return stream_write_parts(&connection->stream, pieces, count);
}

/** When the message that was begun last was due. */
static int64_t last_due_ns(const struct session *session)
{
    const struct connection *connection = &session->connection;
    unsigned last = connection->pending_first + connection->pending_count - 1;

    return session->pending[last % session->plan->depth].due_ns;
}

/** Send what can be sent of the message that has been begun. @return as stream_write_some() */
static ssize_t send_some(struct session *session)
{
    struct connection *connection = &session->connection;
    ssize_t put;

    if (connection->out.size > SESSION_SMALL) {
        put = send_parts(connection);
    } else {
        const unsigned char *flat = message_flat(&connection->out, session->buffers->flat);

        put = stream_write_some(&connection->stream, flat + connection->out_sent,
                                connection->out.size - connection->out_sent);
    }
    if (put < 0)
        return put;
    connection->out_sent += (size_t)put;
    connection->unread += (size_t)put;
    connection->sending = connection->out_sent < connection->out.size;
    if (connection->sending) {
        session_look_at_clock(session);
        session_progressed(session);
    } else {
        connection->record.sent++;
        if (session->plan->warm_up_ns > 0 && !session_counts(session, last_due_ns(session)))
            connection->record.warm_sent++;
    }
    return put;
}

/* --- replies ------------------------------------------------------------------------------- */

/**
 * Measure how long an echo took, unless the message was sent before the server began to serve this
 * session: that reply ended the wait for a worker, which is measured by itself.
 */
static void measure_reply(struct session *session, const struct pending *pending)
{
    const struct session_plan *plan = session->plan;
    struct session_record *record = &session->connection.record;
    int64_t echo_ns = session->now_ns - pending->due_ns;
    int64_t raw_ns = session->now_ns - pending->sent_ns;
    bool counts = session_counts(session, pending->due_ns);

    if (session->target->measure == NULL || pending->sent_ns < record->first_byte_ns)
        return;
    if (counts && plan->rate > 0)
        measure_scheduled(session->target->measure, session->buffers->batch,
                          &(struct measure_echo){.now_ns = session->now_ns,
                                                 .due_ns = pending->due_ns,
                                                 .free_ns = pending->free_ns,
                                                 .sent_ns = pending->sent_ns});
    else if (counts)
        measure_closed(session->target->measure, session->buffers->batch, pending->sent_ns,
                       session->now_ns);
    if (echo_ns > record->echo_ns_max)
        record->echo_ns_max = echo_ns;
    if (raw_ns < record->echo_ns_min || record->echo_ns_min == 0)
        record->echo_ns_min = raw_ns;
}

/** Count a complete reply, and decide when the next message is due. */
static void reply_done(struct session *session)
{
    const struct session_plan *plan = session->plan;
    struct connection *connection = &session->connection;

    if (!connection->skipping) {
        measure_reply(session, &session->pending[connection->pending_first]);
        if (!session_counts(session, session->pending[connection->pending_first].due_ns))
            connection->record.warm_verified++;
        if (plan->messages == NULL)
            refusal_remember(connection, &connection->out);
        connection->record.bytes += connection->received;
        session_set_verified(session, session_verified(session) + 1);
    }
    connection->skipping = false;
    connection->received = 0;
    if (++connection->pending_first == plan->depth)
        connection->pending_first = 0;
    connection->pending_count--;
    connection->free_ns = session->now_ns;
    connection->due_ns = session->now_ns;
    if (plan->think.kind != SPREAD_NONE)
        connection->due_ns += spread_draw(&plan->think, session->number, session->sequence);
    if (plan->depth > 1 && connection->pending_count > 0)
        message_make(plan->messages, session->number, expected_sequence(session), &connection->in);
}

/**
 * A wrong byte has come: fail, unless the reply may be a refusal. The prompt skips the rest of the
 * reply and goes on.
 *
 * @param offset  of the byte in the reply
 * @param got     it and what came after it
 * @param heard   STAGE_REFUSAL has had these bytes: it is no refusal
 */
static enum session_stage differs(struct session *session, size_t offset, const unsigned char *got,
                                  size_t size, bool heard)
{
    struct connection *connection = &session->connection;
    const struct message *message = expected(session);
    size_t start = offset;

    if (!heard && refusal_suspect(session, message, &start, got, size)) {
        connection->unread += offset - start + size;
        connection->received = start;
        return refusal_begin(session, DOUBT_BYTES);
    }
    connection->record.mismatched = true;
    if (is_first_shown(session)) {
        struct verify_rows rows;

        verify_show(message, offset, got, size, &rows);
        log_error("session %u, message %" PRIu64 ": wrong byte at offset %zu of %zu",
                  session->number, expected_sequence(session), offset, message->size);
        log_error("  %s", rows.expected);
        log_error("  %s", rows.got);
        log_error("  %s", rows.mark);
    }
    connection->skipping = true;
    return session->plan->messages == NULL ? STAGE_CONVERSE
                                           : session_fail(session, "wrong bytes in a reply");
}

/** Receive what has come and compare it, piece by piece, with the replies that it should be. */
static enum session_stage receive(struct session *session)
{
    const struct session_buffers *buffers = session->buffers;
    struct connection *connection = &session->connection;

    while (connection->unread > 0) {
        size_t at = connection->received < buffers->reply_room ? connection->received : 0;
        size_t asked = least(connection->unread, buffers->reply_room - at);
        const unsigned char *piece = buffers->reply + at;
        bool heard = connection->said_count > 0;
        ssize_t got = heard ? refusal_take_back(connection, buffers->reply + at, asked)
                            : stream_read(&connection->stream, buffers->reply + at, asked);

        if (got == -EAGAIN)
            break;
        if (got == 0 && connection->received == 0 && session->plan->reconnect)
            return resume_closed(session);
        if (got <= 0)
            return session_lost(session, connection->send_error != 0 ? connection->send_error : got,
                                session_where(session));
        session_look_at_clock(session);
        if (!heard)
            session_progressed(session);
        connection->unread -= (size_t)got;
        for (size_t left = (size_t)got; left > 0;) {
            const struct message *message = expected(session);
            size_t size = least(left, message->size - connection->received);
            size_t same = connection->skipping
                              ? size
                              : verify_reply(message, connection->received, piece, size);

            if (same < size) {
                enum session_stage next =
                    differs(session, connection->received + same, piece + same, left - same, heard);

                if (next != STAGE_CONVERSE)
                    return next;
            }
            if (connection->record.first_byte_ns == 0)
                session_first_byte(session, session->now_ns);
            connection->received += size;
            piece += size;
            left -= size;
            if (connection->received == message->size)
                reply_done(session);
        }
        /* less than was asked for is all there was */
        if (!session->patient && (size_t)got < asked && !stream_has_pending(&connection->stream))
            break;
    }
    return STAGE_CONVERSE;
}

/* --- both ---------------------------------------------------------------------------------- */

/**
 * A send has failed. If that is because the server has gone, what it sent before says more: it may
 * have answered earlier messages, or refused the session.
 */
static enum session_stage send_failed(struct session *session, ssize_t code)
{
    enum session_stage next;

    if (code == -ETIMEDOUT)
        return session_lost(session, code, "while sending");
    if (code != -EPIPE && code != -ECONNRESET)
        return session_lost(session, code, session_where(session));
    stream_set_nonblocking(&session->connection.stream);
    session->connection.send_error = code;
    next = receive(session);
    if (next != STAGE_CONVERSE)
        return next;
    if (session->connection.received == 0)
        return refusal_begin(session, code == -EPIPE ? DOUBT_CLOSED : DOUBT_RESET);
    return session_lost(session, code, session_where(session));
}

/**
 * Before a message is sent, look whether the server has closed, which sending would not show yet.
 *
 * @return STAGE_CONVERSE: it has not
 */
static enum session_stage look_for_close(struct session *session)
{
    const struct session_buffers *buffers = session->buffers;
    struct connection *connection = &session->connection;
    struct stream *stream = &connection->stream;
    ssize_t got;

    stream_set_nonblocking(stream);
    got = stream_read(stream, buffers->reply, buffers->reply_room);
    if (session->patient)
        stream_set_blocking(stream);
    connection->waited = false;
    if (got == -EAGAIN)
        return STAGE_CONVERSE;
    if (got == 0)
        return resume_closed(session);
    if (got < 0)
        return session_lost(session, got, session_where(session));
    if (refusal_suspect(session, NULL, &(size_t){0}, buffers->reply, (size_t)got))
        return refusal_begin(session, DOUBT_EXTRA);
    return converse_extra(session, buffers->reply, (size_t)got);
}

/** Decide what to wait for, when nothing more can be done. */
static enum session_stage wait_for_more(struct session *session, struct session_wait *wait)
{
    const struct session_plan *plan = session->plan;
    struct connection *connection = &session->connection;
    unsigned need = connection->pending_count > 0 ? NEED_READ : 0;

    if (connection->sending)
        need |= NEED_WRITE;
    if (need != 0)
        wait->deadline_ns = connection->deadline_ns;
    if (!connection->sending && connection->pending_count < plan->depth && has_more(session)) {
        need |= NEED_MOMENT;
        wait->moment_ns = session_due_ns(session);
        connection->waited = true;
    } else if (need == 0 && plan->messages == NULL && !session->given_all) {
        need = NEED_MESSAGE;
        connection->waited = true;
    } else if (need == 0) {
        session_progressed(session);
        return STAGE_FINISH;
    }
    wait->need = need;
    return STAGE_CONVERSE;
}

enum session_stage converse(struct session *session, unsigned ready, struct session_wait *wait)
{
    struct connection *connection = &session->connection;
    bool readable = (ready & READY_READ) != 0 || session->patient || connection->said_count > 0;

    if ((ready & (READY_WRITE | READY_TIME)) != 0)
        session_look_at_clock(session);
    do {
        enum session_stage next = readable ? receive(session) : STAGE_CONVERSE;

        if (next != STAGE_CONVERSE)
            return next;
        if ((ready & READY_TIME) != 0 && connection->pending_count > 0 &&
            session_timed_out(session))
            return session_lost(session, -ETIMEDOUT,
                                connection->sending ? "while sending" : session_where(session));
        while (connection->sending || is_due(session)) {
            ssize_t put;

            if (!connection->sending && connection->pending_count == 0 &&
                (connection->waited || session->plan->reconnect)) {
                next = look_for_close(session);
                if (next != STAGE_CONVERSE)
                    return next;
            }
            if (!connection->sending)
                begin_message(session);
            put = send_some(session);
            if (put == -EAGAIN)
                break;
            if (put < 0)
                return send_failed(session, put);
        }
    } while (session->patient && connection->unread > 0);
    return wait_for_more(session, wait);
}

enum session_stage converse_extra(struct session *session, const unsigned char *bytes, size_t size)
{
    const struct session_plan *plan = session->plan;
    uint64_t verified = session_verified(session);
    char text[33];
    size_t shown = least(size, sizeof text - 1);

    session->connection.record.mismatched = true;
    if (is_first_shown(session)) {
        printable_text(text, sizeof text, bytes, shown, '.');
        log_error("session %u: extra bytes after the last reply: \"%s\"%s", session->number, text,
                  size > shown ? "..." : "");
    }
    /* so the last reply was not right after all */
    if (verified > 0 && plan->messages != NULL) {
        struct message last;

        message_make(plan->messages, session->number, session->sequence - 1, &last);
        session->connection.record.bytes -= last.size;
        session_set_verified(session, verified - 1);
    }
    return session_fail(session, "extra bytes after the last reply");
}

void session_give(struct session *session, const struct message *message)
{
    struct connection *connection = &session->connection;

    message_single(&connection->out, message->part[0].sent, message->part[0].expected,
                   message->size);
    connection->given = true;
    session_look_at_clock(session);
    connection->free_ns = session->now_ns;
    connection->due_ns = session->now_ns;
}

void session_end(struct session *session)
{
    session->given_all = true;
}
