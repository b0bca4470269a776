/* SPDX-License-Identifier: MIT */
/*
 * One session: connect, exchange, end.
 *
 * DESIGN
 * Replies are never collected: each piece is compared as it comes, against bytes that are there
 * already. The buffer holds the first piece of a reply, which is enough to recognise "BUSY" and to
 * show a wrong byte; further pieces of a long reply go over it.
 *
 * A message up to SESSION_SMALL bytes is written and then its reply read. That cannot deadlock:
 * what the server sends back fits our receive buffer, so it never blocks on us. A larger one could
 * (the server stops reading while it cannot write), so it is read while it is written.
 *
 * Over TLS all of that is the same. Only the wait for a worker ends elsewhere: the handshake is the
 * first that the server says.
 *
 * Each way a session can be lost has a phrase of its own, put together of what happened and where:
 * "closed before the first reply", "reset in the middle of a reply", "timed out after the last
 * reply". They are counted under these words in the report.
 */
#include "client/session.h"

#include "client/dial.h"
#include "client/handshake.h"
#include "client/verify.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/must.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* The buffer for replies: room for the whole "BUSY" line at least, for few system calls at most. */
enum { REPLY_ROOM_MIN = 256, REPLY_ROOM_MAX = 64 << 10 };

static const char busy[] = {'B', 'U', 'S', 'Y'};

static size_t clamp(size_t value, size_t least, size_t most)
{
    return value < least ? least : value > most ? most : value;
}

static size_t reply_room(size_t largest_message)
{
    return clamp(largest_message, REPLY_ROOM_MIN, REPLY_ROOM_MAX);
}

size_t session_memory(size_t largest_message)
{
    return reply_room(largest_message) + clamp(largest_message, 0, SESSION_SMALL);
}

void session_init(struct session *session, unsigned number, const struct session_plan *plan,
                  unsigned char *memory, size_t largest_message)
{
    memset(session, 0, sizeof *session);
    session->plan = plan;
    session->number = number;
    session->reply = memory;
    session->reply_room = reply_room(largest_message);
    session->flat = memory + session->reply_room;
    session->stream.fd = -1;
    MUST(pthread_mutex_init(&session->lock, NULL));
}

void session_use_buffer(struct session *session, unsigned char *reply, size_t room)
{
    session->reply = reply;
    session->reply_room = room;
}

void session_clear(struct session *session)
{
    MUST(pthread_mutex_destroy(&session->lock));
}

/* --- how it ends ------------------------------------------------------------------------------ */

void session_fail(struct session *session, const char *format, ...)
{
    va_list arguments;

    if (session->state != SESSION_RUNNING)
        return;
    session->state = SESSION_FAILED;
    if (atomic_load(&session->stopping)) {
        /* whatever it ran into, it was session_stop() that did it */
        snprintf(session->reason, sizeof session->reason, "interrupted");
        return;
    }
    va_start(arguments, format);
    vsnprintf(session->reason, sizeof session->reason, format, arguments);
    va_end(arguments);
    log_verbose("session %u: %s", session->number, session->reason);
}

/** An errno value in lower case, since it stands in the middle of a phrase. */
static void fail_errno(struct session *session, const char *operation, int error)
{
    char words[SESSION_REASON / 2];

    if (error == ETIMEDOUT)
        snprintf(words, sizeof words, "timed out");
    else
        snprintf(words, sizeof words, "%s", strerror(error));
    words[0] = (char)tolower((unsigned char)words[0]);
    session_fail(session, "%s: %s", operation, words);
}

/** Where in the conversation the session stands, for a phrase. */
static const char *place(const struct session *session)
{
    if (session->received > 0)
        return "in the middle of a reply";
    return session_verified(session) == 0 ? "before the first reply" : "instead of a reply";
}

/** The connection is lost. @param code  what stream_read() or stream_write() returned */
static void lost(struct session *session, ssize_t code, const char *where)
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
    default: fail_errno(session, where, (int)-code); break;
    }
}

/** Whether what has come of a reply is "BUSY", as far as it goes. */
static bool may_be_busy(const struct session *session)
{
    return memcmp(session->reply, busy, clamp(session->received, 0, sizeof busy)) == 0;
}

/**
 * A reply is not what it should be, or cannot be had: perhaps the server refuses the session with
 * a line that begins with BUSY. Reads on as long as it may be one, to the end of the line.
 *
 * @return true: it does, and that is settled
 */
static bool is_refusal(struct session *session)
{
    size_t length;

    stream_set_blocking(&session->stream); /* the rest of the line is worth waiting for */
    while (may_be_busy(session) && session->received < REPLY_ROOM_MIN &&
           memchr(session->reply, '\n', session->received) == NULL) {
        ssize_t got = stream_read(&session->stream, session->reply + session->received,
                                  REPLY_ROOM_MIN - session->received);
        if (got <= 0)
            break;
        session->received += (size_t)got;
    }
    if (session->received < sizeof busy || !may_be_busy(session) ||
        session->state != SESSION_RUNNING)
        return false;
    for (length = 0; length < session->received && session->reply[length] != '\n'; length++)
        if (session->reply[length] < ' ' || session->reply[length] > '~')
            session->reply[length] = '.'; /* it will be shown on terminals and written as JSON */
    session->state = SESSION_REFUSED;
    snprintf(session->reason, sizeof session->reason, "refused: %.*s",
             (int)clamp(length, 0, SESSION_REASON), (const char *)session->reply);
    log_verbose("session %u: %s", session->number, session->reason);
    return true;
}

/** Show the first wrong byte of a run; of the prompt, of each reply. */
static void show_wrong(struct session *session, const struct message *message, size_t offset,
                       const unsigned char *got, size_t size)
{
    struct verify_rows rows;

    if (session->plan->shown != NULL && atomic_flag_test_and_set(session->plan->shown))
        return;
    verify_show(message, offset, got, size, &rows);
    log_error("session %u, message %llu: wrong byte at offset %zu of %zu", session->number,
              (unsigned long long)(session->exchanges - 1), offset, message->size);
    log_error("  %s", rows.expected);
    log_error("  %s", rows.got);
    log_error("  %s", rows.mark);
}

/* --- connect ---------------------------------------------------------------------------------- */

/** Let session_stop() see the socket, unless it came first. @return false: it did */
static bool publish(struct session *session, int fd)
{
    bool stopping;

    MUST(pthread_mutex_lock(&session->lock));
    stopping = atomic_load(&session->stopping);
    if (!stopping)
        stream_init_plain(&session->stream, fd);
    MUST(pthread_mutex_unlock(&session->lock));
    return !stopping;
}

bool session_connect(struct session *session)
{
    const struct session_plan *plan = session->plan;
    struct stream fresh;
    int64_t start_ns;
    int code;
    int fd = dial_socket(&plan->address);

    if (fd < 0) {
        fail_errno(session, "socket", -fd);
        return false;
    }
    if (!publish(session, fd)) {
        stream_init_plain(&fresh, fd);
        stream_close(&fresh);
        session_fail(session, "interrupted");
        return false;
    }
    start_ns = clock_now_ns();
    code = dial_connect(fd, &plan->address, plan->timeout_ns);
    if (code == 0)
        code = stream_set_timeouts(&session->stream, plan->timeout_ns, plan->timeout_ns);
    if (code != 0) {
        fail_errno(session, "connect", -code);
        return false;
    }
    stream_set_nodelay(&session->stream);
    session->connected_ns = clock_now_ns();
    if (plan->measure != NULL)
        measure_connect(plan->measure, session->connected_ns - start_ns);
    return true;
}

/** The server has begun to serve this session: the wait for that is over. */
static void first_byte(struct session *session, int64_t now_ns)
{
    session->replied = true;
    if (session->plan->measure != NULL)
        measure_queue_wait(session->plan->measure, now_ns - session->connected_ns);
}

/** Put TLS in the place of the plain stream, or the plain stream back; session_stop() sees either. */
static int change_stream(struct session *session, struct tls_context *tls)
{
    int fd = session->stream.fd;
    int code = 0;

    MUST(pthread_mutex_lock(&session->lock));
    stream_release(&session->stream);
    if (tls != NULL)
        code = stream_init_tls(&session->stream, fd, tls, session->plan->server_name);
    else
        stream_init_plain(&session->stream, fd);
    MUST(pthread_mutex_unlock(&session->lock));
    return code;
}

/** What came instead of a handshake is plain text. */
static void handshake_refused(struct session *session)
{
    (void)change_stream(session, NULL); /* cannot fail */
    session->received = 0;
    if (!is_refusal(session))
        session_fail(session, "handshake: what the peer sent is not TLS");
}

bool session_shake_hands(struct session *session)
{
    const struct session_plan *plan = session->plan;
    int64_t first_byte_ns = 0;
    char why[TLS_WHY_MAX];
    int code;

    if (plan->tls == NULL)
        return true;
    code = change_stream(session, plan->tls);
    if (code == 0)
        code = handshake_run(&session->stream, plan->timeout_ns, &first_byte_ns);
    if (code == HANDSHAKE_BUSY)
        handshake_refused(session);
    else if (code == -EPROTO)
        session_fail(session, "handshake: %s", stream_error_text(&session->stream, why));
    else if (code != 0)
        fail_errno(session, "handshake", -code);
    if (code != 0)
        return false;
    first_byte(session, first_byte_ns);
    if (plan->measure != NULL)
        measure_handshake(plan->measure, clock_now_ns() - first_byte_ns);
    return true;
}

/* --- exchange --------------------------------------------------------------------------------- */

/** Receive one piece of the reply and check it. */
static enum exchange receive_piece(struct session *session, const struct message *message)
{
    size_t at = session->received % session->reply_room;
    size_t offset = session->received;
    size_t same;
    ssize_t got = stream_read(&session->stream, session->reply + at,
                              clamp(message->size - offset, 1, session->reply_room - at));

    if (got == -EAGAIN)
        return EXCHANGE_RIGHT; /* of a reply that is read while its message is written */
    if (got <= 0) {
        lost(session, got, place(session));
        return EXCHANGE_ENDED;
    }
    session->received += (size_t)got;
    same = verify_reply(message, offset, session->reply + at, (size_t)got);
    if (same == (size_t)got) {
        if (!session->replied)
            first_byte(session, clock_now_ns());
        return EXCHANGE_RIGHT;
    }
    if (offset + same < sizeof busy && is_refusal(session))
        return EXCHANGE_ENDED;
    session->wrong = true;
    show_wrong(session, message, offset + same, session->reply + at + same, (size_t)got - same);
    return EXCHANGE_WRONG;
}

/** A send has failed. What the server said before it closed tells more than that, where it did. */
static enum exchange send_failed(struct session *session, ssize_t code)
{
    if (code == -ETIMEDOUT)
        lost(session, code, "while sending");
    else if (session->received > 0 || !is_refusal(session))
        lost(session, code, place(session));
    return EXCHANGE_ENDED;
}

static enum exchange exchange_small(struct session *session, const struct message *message)
{
    enum exchange result = EXCHANGE_RIGHT;
    ssize_t code =
        stream_write(&session->stream, message_flat(message, session->flat), message->size, NULL);

    if (code < 0)
        return send_failed(session, code);
    session->sent++;
    while (result == EXCHANGE_RIGHT && session->received < message->size)
        result = receive_piece(session, message);
    return result;
}

/** Send what can be sent now. @return bytes, 0 where none can, or -errno */
static ssize_t send_some(struct session *session, const struct message *message, size_t sent)
{
    struct iovec pieces[MESSAGE_PARTS];
    unsigned count = 0;
    ssize_t put;

    for (unsigned i = 0; i < message->parts; i++) {
        const struct message_part *part = &message->part[i];

        if (sent >= part->size) {
            sent -= part->size;
            continue;
        }
        /* an iovec has no const, but nothing is changed */
        pieces[count].iov_base = (void *)(uintptr_t)(part->sent + sent);
        pieces[count++].iov_len = part->size - sent;
        sent = 0;
    }
    put = stream_write_parts(&session->stream, pieces, count);
    return put == -EAGAIN ? 0 : put;
}

/** Wait until the stream can be written or read. @return poll()'s events, 0 after the time limit */
static short wait_ready(struct session *session, bool reading)
{
    struct pollfd ready = {.fd = session->stream.fd,
                           .events = (short)(reading ? POLLIN | POLLOUT : POLLOUT)};
    int64_t limit_ns = session->plan->timeout_ns;
    struct timespec limit = {limit_ns / 1000000000, limit_ns % 1000000000};
    int answer;

    if (reading && stream_has_pending(&session->stream))
        return POLLIN;
    do
        answer = ppoll(&ready, 1, &limit, NULL);
    while (answer < 0 && errno == EINTR);
    return answer > 0 ? ready.revents : 0;
}

/** Send all, and receive what comes meanwhile. The stream does not wait. */
static enum exchange send_large(struct session *session, const struct message *message)
{
    enum exchange result = EXCHANGE_RIGHT;
    size_t sent = 0;

    while (result == EXCHANGE_RIGHT && sent < message->size) {
        bool reading = session->received < message->size;
        short ready = wait_ready(session, reading);

        if (ready == 0)
            return send_failed(session, -ETIMEDOUT);
        /* first what has come: it may be the reason why no more can be sent */
        if (reading && (ready & ~POLLOUT) != 0)
            result = receive_piece(session, message);
        if (result == EXCHANGE_RIGHT && (ready & ~POLLIN) != 0) {
            ssize_t put = send_some(session, message, sent);

            if (put < 0)
                return send_failed(session, put);
            sent += (size_t)put;
        }
    }
    if (sent == message->size)
        session->sent++;
    return result;
}

/** Both ways at once, until all is sent; then only the rest of the reply is left to read. */
static enum exchange exchange_large(struct session *session, const struct message *message)
{
    enum exchange result;

    stream_set_nonblocking(&session->stream);
    result = send_large(session, message);
    stream_set_blocking(&session->stream);
    while (result == EXCHANGE_RIGHT && session->received < message->size)
        result = receive_piece(session, message);
    return result;
}

enum exchange session_exchange(struct session *session, const struct message *message)
{
    struct measure *measure = session->plan->measure;
    uint64_t verified = session_verified(session);
    int64_t start_ns = clock_now_ns();
    bool is_served = session->replied;
    enum exchange result;

    session->received = 0;
    session->exchanges++;
    if (message->size <= SESSION_SMALL)
        result = exchange_small(session, message);
    else
        result = exchange_large(session, message);
    if (result != EXCHANGE_RIGHT)
        return result;
    /* the reply that ended the wait for a worker is left out: that is measured by itself */
    if (measure != NULL && is_served)
        measure_echo(measure, &session->batch, clock_now_ns() - start_ns);
    session->bytes += message->size;
    /* one writer, so that load and store suffice */
    atomic_store_explicit(&session->verified, verified + 1, memory_order_relaxed);
    return result;
}

enum exchange session_skip_reply(struct session *session, const struct message *message)
{
    while (session->received < message->size) {
        size_t at = session->received % session->reply_room;
        ssize_t got =
            stream_read(&session->stream, session->reply + at,
                        clamp(message->size - session->received, 1, session->reply_room - at));

        if (got <= 0) {
            lost(session, got, place(session));
            return EXCHANGE_ENDED;
        }
        session->received += (size_t)got;
    }
    return EXCHANGE_RIGHT;
}

bool session_converse(struct session *session)
{
    struct message message;

    for (uint64_t i = 0; i < session->plan->message_count; i++) {
        message_make(session->plan->messages, session->number, i, &message);
        switch (session_exchange(session, &message)) {
        case EXCHANGE_RIGHT: break;
        case EXCHANGE_WRONG: session_fail(session, "wrong bytes in a reply"); return false;
        case EXCHANGE_ENDED: return false;
        }
    }
    return true;
}

/* --- the end ---------------------------------------------------------------------------------- */

/** More has come than was asked for: the last reply was longer than it should be. */
static void extra_bytes(struct session *session, size_t size)
{
    struct message last;
    char text[33];
    size_t shown = clamp(size, 0, sizeof text - 1);

    session->wrong = true;
    if (session->plan->shown == NULL || !atomic_flag_test_and_set(session->plan->shown)) {
        for (size_t i = 0; i < shown; i++)
            text[i] =
                (char)(session->reply[i] >= ' ' && session->reply[i] <= '~' ? session->reply[i]
                                                                            : '.');
        text[shown] = '\0';
        log_error("session %u: extra bytes after the last reply: \"%s\"%s", session->number, text,
                  size > shown ? "..." : "");
    }
    /* so the last one was not right after all */
    if (session_verified(session) > 0 && session->plan->messages != NULL) {
        message_make(session->plan->messages, session->number, session_verified(session) - 1,
                     &last);
        session->bytes -= last.size;
        atomic_fetch_sub_explicit(&session->verified, 1, memory_order_relaxed);
    }
    session_fail(session, "extra bytes after the last reply");
}

void session_finish(struct session *session)
{
    ssize_t got;

    stream_finish_writing(&session->stream);
    got = stream_read(&session->stream, session->reply, session->reply_room);
    if (got > 0)
        extra_bytes(session, (size_t)got);
    else if (got < 0 || atomic_load(&session->stopping))
        lost(session, got, "after the last reply");
    else
        session->state = SESSION_OK;
}

void session_close(struct session *session)
{
    MUST(pthread_mutex_lock(&session->lock));
    if (session->stream.fd >= 0)
        stream_close(&session->stream);
    MUST(pthread_mutex_unlock(&session->lock));
    if (session->plan->measure != NULL)
        measure_flush(session->plan->measure, &session->batch);
    atomic_store(&session->over, true);
}

void session_stop(struct session *session)
{
    MUST(pthread_mutex_lock(&session->lock));
    atomic_store(&session->stopping, true);
    /* wakes connect, poll, send and receive alike; the thread itself closes */
    if (session->stream.fd >= 0)
        (void)shutdown(session->stream.fd, SHUT_RDWR);
    MUST(pthread_mutex_unlock(&session->lock));
}
