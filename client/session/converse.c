/* SPDX-License-Identifier: MIT */
/*
 * The conversation: messages go out when they are due, replies are checked as they come.
 *
 * DESIGN
 * Replies are never collected: each piece is compared as it comes, against bytes that are there
 * already, whichever messages they belong to. No more is asked of the kernel than was sent.
 *
 * A patient session sends one message and then waits for its reply, in two calls. That cannot
 * deadlock: its messages are small, what the server sends back fits our receive buffer, so it never
 * blocks on us. Any other session reads whatever has come before it sends more, and waits for both
 * at once: a server may stop reading while it cannot write.
 *
 * A reply that does not begin as it should may be the server's way to refuse: a line that begins
 * with BUSY. So may be the last thing it said before it closed. Then the session listens for the
 * rest of that line (STAGE_REFUSAL) before it says how it was lost.
 */
#include "client/session/internal.h"

#include "client/session/verify.h"
#include "common/log.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

static const unsigned char busy[] = {'B', 'U', 'S', 'Y'};

static size_t least(size_t one, size_t other)
{
    return one < other ? one : other;
}

/** What the reply that comes next is compared with. */
static const struct message *expected(const struct session *session)
{
    return session->plan->depth == 1 ? &session->out : &session->in;
}

static void reply_done(struct session *session);

/* --- wrong, or lost, or BUSY ------------------------------------------------------------------- */

/** Show the first wrong byte of a run; of the prompt, of each reply. */
static void show_wrong(struct session *session, size_t offset, const unsigned char *got,
                       size_t size)
{
    const struct message *message = expected(session);
    struct verify_rows rows;

    if (session->plan->shown != NULL && atomic_flag_test_and_set(session->plan->shown))
        return;
    verify_show(message, offset, got, size, &rows);
    log_error("session %u, message %llu: wrong byte at offset %zu of %zu", session->number,
              (unsigned long long)(session->sequence - session->pending_count), offset,
              message->size);
    log_error("  %s", rows.expected);
    log_error("  %s", rows.got);
    log_error("  %s", rows.mark);
}

/** A wrong byte came. The prompt goes on after this reply, a load does not. */
static void wrong(struct session *session, size_t offset, const unsigned char *got, size_t size)
{
    session->record.mismatched = true;
    show_wrong(session, offset, got, size);
    session->skipping = true;
    if (session->plan->messages != NULL)
        session_fail(session, "wrong bytes in a reply");
}

void converse_listen(struct session *session, int lost_code)
{
    session->lost_code = lost_code;
    session->stage = STAGE_REFUSAL;
    stream_set_nonblocking(&session->stream);
    session_look_at_clock(session);
    session_progressed(session);
}

/** The prompt goes on after a wrong reply: what has been said is the beginning of that reply. */
static void go_on(struct session *session)
{
    size_t size = expected(session)->size;

    session->stage = STAGE_CONVERSE;
    if (session->patient)
        stream_set_blocking(&session->stream);
    session->received = least(session->said_count, size);
    session->unread = size - session->received;
    memcpy(session->buffers->reply, session->said, session->received);
    if (session->unread == 0)
        reply_done(session);
}

/** What has been said is not BUSY, and will not be. */
static void not_busy(struct session *session)
{
    size_t right = 0;

    if (session->lost_code == -EPROTO) {
        session_fail(session, "handshake: what the peer sent is not TLS");
    } else if (session->lost_code != 0) {
        session->received = 0;
        session_lost(session, session->lost_code, session_where(session));
    } else {
        right = verify_reply(expected(session), 0, session->said,
                             least(session->said_count, expected(session)->size));
        wrong(session, right, session->said + right, session->said_count - right);
        if (session->stage == STAGE_REFUSAL)
            go_on(session);
    }
}

/** Whether what has been said is the beginning of BUSY, or more. */
static bool may_be_busy(const struct session *session)
{
    return memcmp(session->said, busy, least(session->said_count, sizeof busy)) == 0;
}

enum turn converse_refusal(struct session *session, unsigned ready, struct session_wait *wait)
{
    ssize_t got = 1;

    (void)ready;
    while (may_be_busy(session) && session->said_count < SESSION_SAID &&
           memchr(session->said, '\n', session->said_count) == NULL) {
        got = stream_read(&session->stream, session->said + session->said_count,
                          SESSION_SAID - session->said_count);
        if (got <= 0)
            break;
        session->said_count += (unsigned)got;
    }
    session_look_at_clock(session);
    if (got == -EAGAIN && !session_timed_out(session))
        return session_wait_for(session, NEED_READ, wait);
    if (session->said_count >= sizeof busy && may_be_busy(session) &&
        !atomic_load(&session->stopping))
        session_refused(session);
    else
        not_busy(session);
    return TURN_ON;
}

/**
 * A reply differs at an offset of its first bytes: it may be a refusal. What came before the
 * difference is known, since it was right.
 *
 * @return true: it may be
 */
static bool may_be_refusal(struct session *session, size_t offset, const unsigned char *got,
                           size_t size)
{
    if (offset >= sizeof busy)
        return false;
    for (size_t i = 0; i < offset; i++)
        session->said[i] = message_expected_at(expected(session), i);
    session->said_count = (unsigned)(offset + least(size, SESSION_SAID - offset));
    memcpy(session->said + offset, got, session->said_count - offset);
    if (!may_be_busy(session))
        return false;
    converse_listen(session, 0);
    return true;
}

void converse_extra(struct session *session, const unsigned char *bytes, size_t size)
{
    struct message last;
    char text[33];
    size_t shown = least(size, sizeof text - 1);
    uint64_t verified = session_verified(session);

    session->record.mismatched = true;
    if (session->plan->shown == NULL || !atomic_flag_test_and_set(session->plan->shown)) {
        for (size_t i = 0; i < shown; i++)
            text[i] = (char)(bytes[i] >= ' ' && bytes[i] <= '~' ? bytes[i] : '.');
        text[shown] = '\0';
        log_error("session %u: extra bytes after the last reply: \"%s\"%s", session->number, text,
                  size > shown ? "..." : "");
    }
    /* so the last one was not right after all */
    if (verified > 0 && session->plan->messages != NULL) {
        message_make(session->plan->messages, session->number, session->sequence - 1, &last);
        session->record.bytes -= last.size;
        atomic_store_explicit(&session->verified, verified - 1, memory_order_relaxed);
    }
    session_fail(session, "extra bytes after the last reply");
}

/* --- replies ----------------------------------------------------------------------------------- */

/**
 * How long it took, unless it was sent before the server had begun with us: that reply ended the
 * wait for a worker, which is measured by itself.
 */
static void measure_reply(struct session *session, const struct pending *pending)
{
    const struct session_plan *plan = session->plan;
    int64_t echo_ns = session->now_ns - pending->due_ns;

    if (plan->measure == NULL || pending->sent_ns < session->record.first_byte_ns)
        return;
    if (plan->rate > 0)
        measure_scheduled(plan->measure, session->buffers->batch,
                          &(struct measure_echo){.now_ns = session->now_ns,
                                                 .due_ns = pending->due_ns,
                                                 .free_ns = pending->free_ns,
                                                 .sent_ns = pending->sent_ns});
    else
        measure_closed(plan->measure, session->buffers->batch, pending->sent_ns, session->now_ns);
    if (echo_ns > session->record.echo_ns_max)
        session->record.echo_ns_max = echo_ns;
}

/** A reply is complete. */
static void reply_done(struct session *session)
{
    const struct session_plan *plan = session->plan;

    if (!session->skipping) {
        measure_reply(session, &session->pending[session->pending_first]);
        session->record.bytes += expected(session)->size;
        /* one writer, so that load and store suffice */
        atomic_store_explicit(&session->verified, session_verified(session) + 1,
                              memory_order_relaxed);
    }
    session->skipping = false;
    session->received = 0;
    session->pending_first =
        session->pending_first + 1 == plan->depth ? 0 : session->pending_first + 1;
    session->pending_count--;
    session->free_ns = session->now_ns;
    session->due_ns = session->now_ns;
    if (plan->think.kind != SPREAD_NONE)
        session->due_ns += spread_draw(&plan->think, session->number, session->sequence);
    if (plan->depth > 1 && session->pending_count > 0)
        message_make(plan->messages, session->number, session->sequence - session->pending_count,
                     &session->in);
}

/** Check what has come. @return false: something is wrong, and the stage has changed */
static bool check(struct session *session, const unsigned char *got, size_t size)
{
    while (size > 0) {
        const struct message *message = expected(session);
        size_t part = least(size, message->size - session->received);
        size_t same =
            session->skipping ? part : verify_reply(message, session->received, got, part);

        if (same < part) {
            size_t offset = session->received + same;

            session->received += part;
            if (may_be_refusal(session, offset, got + same, size - same))
                return false;
            wrong(session, offset, got + same, size - same);
            if (session->stage != STAGE_CONVERSE)
                return false;
        } else {
            session->received += part;
        }
        if (session->record.first_byte_ns == 0)
            session_first_byte(session, session->now_ns);
        got += part;
        size -= part;
        if (session->received == message->size)
            reply_done(session);
    }
    return true;
}

/** Receive what there is. @return false: the session is over, or listens for BUSY */
static bool receive(struct session *session)
{
    struct session_buffers *buffers = session->buffers;

    while (session->unread > 0) {
        size_t at = session->received % buffers->reply_room;
        size_t asked = least(session->unread, buffers->reply_room - at);
        ssize_t got = stream_read(&session->stream, buffers->reply + at, asked);

        if (got == -EAGAIN)
            return true;
        if (got <= 0) {
            /* where a send failed before, that says how */
            session_lost(session, session->lost_code != 0 ? session->lost_code : got,
                         session_where(session));
            return false;
        }
        session_look_at_clock(session);
        session_progressed(session);
        session->unread -= (size_t)got;
        if (!check(session, buffers->reply + at, (size_t)got))
            return false;
        /* less than was asked for is all there was */
        if (!session->patient && (size_t)got < asked && !stream_has_pending(&session->stream))
            return true;
    }
    return true;
}

/* --- messages ---------------------------------------------------------------------------------- */

/** Whether there is a message to be sent, now or later. */
static bool has_more(const struct session *session)
{
    const struct session_plan *plan = session->plan;
    int64_t due = session_due_ns(session);
    int64_t at = due > session->now_ns ? due : session->now_ns;

    if (plan->messages == NULL)
        return session->given;
    return session->begun < plan->message_count &&
           (plan->duration_ns == 0 || at - session->start_ns < plan->duration_ns);
}

/** Take up the next message, if one is due and not too many are under way. @return false: not now */
static bool begin_message(struct session *session)
{
    const struct session_plan *plan = session->plan;
    unsigned last = session->pending_first + session->pending_count;
    int64_t due;

    if (session->pending_count == plan->depth || !has_more(session))
        return false;
    due = session_due_ns(session);
    if (due > session->now_ns && due > session_look_at_clock(session))
        return false;
    if (plan->messages != NULL)
        message_make(plan->messages, session->number, session->sequence, &session->out);
    if (plan->depth > 1 && session->pending_count == 0)
        message_make(plan->messages, session->number, session->sequence, &session->in);
    session->pending[last < plan->depth ? last : last - plan->depth] = (struct pending){
        .due_ns = due,
        .free_ns = due > session->free_ns ? due : session->free_ns,
        .sent_ns = session->now_ns,
    };
    if (session->pending_count++ == 0)
        session_progressed(session);
    session->given = false;
    session->begun++;
    session->sequence++;
    session->sending = true;
    session->out_sent = 0;
    if (pace_is_open(&session->pace))
        pace_next(&session->pace);
    return true;
}

/**
 * A send has failed. Where that is because the server has gone, what it said before tells more: it
 * may have answered what was sent earlier, or be BUSY.
 */
static void send_failed(struct session *session, ssize_t code)
{
    bool gone = code == -EPIPE || code == -ECONNRESET;

    if (!gone) {
        session_lost(session, code, code == -ETIMEDOUT ? "while sending" : session_where(session));
        return;
    }
    session->lost_code = (int)code;
    stream_set_nonblocking(&session->stream);
    if (!receive(session))
        return;
    if (session->received == 0) {
        session->said_count = 0;
        converse_listen(session, (int)code);
    } else {
        session_lost(session, code, session_where(session));
    }
}

/** Send what is left of a large message, from the several places where it lies. */
static ssize_t send_parts(struct session *session)
{
    const struct message *message = &session->out;
    struct iovec pieces[MESSAGE_PARTS];
    unsigned count = 0;
    size_t skip = session->out_sent;

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
    return stream_write_parts(&session->stream, pieces, count);
}

/** Send what can be sent of a message that has been begun. @return as stream_write_some() */
static ssize_t send_some(struct session *session)
{
    const struct message *message = &session->out;
    const unsigned char *flat;

    if (message->size > SESSION_SMALL)
        return send_parts(session);
    flat = message_flat(message, session->buffers->flat);
    return stream_write_some(&session->stream, flat + session->out_sent,
                             message->size - session->out_sent);
}

/** Send what is due. @return false: the session is over, or listens for BUSY */
static bool send_due(struct session *session)
{
    while (session->sending || begin_message(session)) {
        ssize_t put = send_some(session);

        if (put == -EAGAIN)
            return true;
        if (put < 0) {
            send_failed(session, put);
            return false;
        }
        session->out_sent += (size_t)put;
        session->unread += (size_t)put;
        session->sending = session->out_sent < session->out.size;
        if (session->sending) {
            session_look_at_clock(session);
            session_progressed(session);
        } else {
            session->record.sent++;
        }
    }
    return true;
}

/* --- both --------------------------------------------------------------------------------------- */

/** What to wait for, when nothing more can be done. */
static enum turn wait_for_more(struct session *session, struct session_wait *wait)
{
    unsigned need = session->pending_count > 0 ? NEED_READ : 0;

    if (session->sending)
        need |= NEED_WRITE;
    wait->deadline_ns = need != 0 ? session->deadline_ns : INT64_MAX;
    if (!session->sending && session->pending_count < session->plan->depth && has_more(session)) {
        need |= NEED_MOMENT;
        wait->moment_ns = session_due_ns(session);
    } else if (need == 0 && session->plan->messages == NULL && !session->given_all) {
        need = NEED_MESSAGE;
    } else if (need == 0) {
        session->stage = STAGE_FINISH;
        session_progressed(session);
        return TURN_ON;
    }
    wait->need = need;
    return TURN_WAIT;
}

enum turn converse(struct session *session, unsigned ready, struct session_wait *wait)
{
    bool readable = session->patient || (ready & READY_READ) != 0;

    if ((ready & (READY_WRITE | READY_TIME)) != 0)
        session_look_at_clock(session);
    do {
        if (readable && !receive(session))
            return TURN_ON;
        if ((ready & READY_TIME) != 0 && session->pending_count > 0 && session_timed_out(session)) {
            session_lost(session, -ETIMEDOUT,
                         session->sending ? "while sending" : session_where(session));
            return TURN_ON;
        }
        if (!send_due(session))
            return TURN_ON;
    } while (session->patient && session->unread > 0);
    return wait_for_more(session, wait);
}

void session_give(struct session *session, const struct message *message)
{
    message_single(&session->out, message->part[0].sent, message->part[0].expected, message->size);
    session->given = true;
    session_look_at_clock(session);
    session->free_ns = session->now_ns;
    session->due_ns = session->now_ns;
}

void session_end(struct session *session)
{
    session->given_all = true;
}
