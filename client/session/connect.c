/* SPDX-License-Identifier: MIT */
/*
 * From nothing to a connection on which messages can be sent: the ramp, connect(), the barrier, TLS.
 *
 * A name may have several addresses, not all of which need answer: localhost is often both ::1 and
 * 127.0.0.1. They are tried one after another, not at once as RFC 8305 allows: a second connection
 * that is dropped would be another session in the server's accounts. The address that answered last is
 * tried first, so that a load does not try the others in vain for each of its sessions.
 *
 * The handshake comes after the barrier, since a server may leave both it and the first reply to a
 * worker: if it came before, sessions that hold all workers and sessions that wait for a worker
 * would wait for each other.
 */
#include "client/session/base.h"
#include "client/session/dial.h"
#include "client/session/stages.h"
#include "common/must.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* Between two calls of a unix server whose backlog is full. */
#define UNIX_AGAIN_NS INT64_C(2000000)

/* --- connect ------------------------------------------------------------------------------- */

/** Let session_stop() see the socket, unless it came first. @return false: it did */
static bool publish(struct session *session, int fd)
{
    bool stopping;

    MUST(pthread_mutex_lock(&session->lock));
    stopping = atomic_load(&session->stopping);
    stream_init_plain(&session->connection.stream, fd);
    MUST(pthread_mutex_unlock(&session->lock));
    return !stopping;
}

/** Set the socket up once it is connected. */
static enum session_stage connected(struct session *session)
{
    const struct session_plan *plan = session->plan;
    struct connection *connection = &session->connection;
    int code = 0;

    if (session->patient) {
        code = dial_make_blocking(connection->stream.fd);
        if (code == 0)
            code = stream_set_timeouts(&connection->stream, plan->timeout_ns, plan->timeout_ns);
    } else {
        stream_set_nonblocking(&connection->stream);
    }
    if (code != 0)
        return session_fail_errno(session, "connect", -code);
    atomic_store_explicit(&session->target->answered, connection->address, memory_order_relaxed);
    connection->record.reason[0] = '\0';
    stream_set_nodelay(&connection->stream);
    connection->record.connected_ns = session_look_at_clock(session);
    session_set_place(session, PLACE_QUEUED);
    if (session->idle)
        return STAGE_IDLE;
    session_measure(session, MEASURE_CONNECT, connection->record.begun_ns, session->now_ns);
    return STAGE_START;
}

static const struct address *address_of(const struct session *session)
{
    return &session->target->addresses.at[session->connection.address];
}

/** Add the address and why it failed to the reason: "connect: [::1]:8090 connection refused, ..." */
static void add_reason(struct session *session, const char *words)
{
    char *reason = session->connection.record.reason;
    size_t size = strlen(reason);
    char where[ADDRESS_TEXT_MAX];

    if (size == 0)
        size = (size_t)snprintf(reason, SESSION_REASON, "connect: ");
    else
        size += (size_t)snprintf(reason + size, SESSION_REASON - size, ", ");
    if (size < SESSION_REASON)
        size += (size_t)snprintf(reason + size, SESSION_REASON - size, "%s %s",
                                 address_text(address_of(session), where), words);
    if (size >= SESSION_REASON)
        memcpy(reason + SESSION_REASON - sizeof "...", "...", sizeof "...");
}

/** No address answers a session that resumes: try all of them again, for a while. */
static enum session_stage try_again(struct session *session)
{
    struct connection *connection = &session->connection;

    session_hang_up(session);
    connection->tried = 0;
    connection->record.begun_ns = 0;
    connection->record.reason[0] = '\0';
    session->connect_ns = session->now_ns + SESSION_PAUSE_NS;
    return STAGE_BEGIN;
}

/** An address has failed: go on to the next one, or fail if it was the last. */
static enum session_stage try_next(struct session *session, const char *operation, int error)
{
    const struct addresses *addresses = &session->target->addresses;
    struct connection *connection = &session->connection;
    char words[SESSION_REASON / 2], all[SESSION_REASON];

    if (atomic_load(&session->stopping))
        return session_fail(session, "interrupted");
    if (connection->tried + 1 == addresses->count &&
        session_look_at_clock(session) < session->patience_ns)
        return try_again(session);
    if (addresses->count == 1)
        return session_fail_errno(session, operation, error);
    add_reason(session, session_errno_words(error, words));
    session_hang_up(session);
    if (++connection->tried < addresses->count) {
        connection->address = (connection->address + 1) % addresses->count;
        return STAGE_BEGIN;
    }
    memcpy(all, connection->record.reason, sizeof all);
    return session_fail(session, "%s", all);
}

/** Go on after dial_begin() or dial_finish(). @param code  what it returned */
static enum session_stage dialled(struct session *session, int code, struct session_wait *wait)
{
    if (code == 0)
        return connected(session);
    if ((code == -EINPROGRESS || code == -EAGAIN) && session_timed_out(session))
        code = -ETIMEDOUT;
    if (code == -EINPROGRESS)
        return session_wait_for(session, STAGE_CONNECT, NEED_WRITE, wait);
    if (code == -EAGAIN) {
        wait->moment_ns = session->now_ns + UNIX_AGAIN_NS;
        return session_wait_for(session, STAGE_CONNECT, NEED_MOMENT, wait);
    }
    return try_next(session, "connect", -code);
}

/** Note when the first connect() is called, and give this one its share of the time that is left. */
static void begin_to_connect(struct session *session)
{
    const struct session_plan *plan = session->plan;
    struct connection *connection = &session->connection;
    int64_t left_ns = plan->timeout_ns;

    session_look_at_clock(session);
    if (connection->record.begun_ns == 0)
        connection->record.begun_ns = session->now_ns;
    left_ns -= session->now_ns - connection->record.begun_ns;
    connection->deadline_ns =
        session->now_ns + left_ns / (int64_t)(session->target->addresses.count - connection->tried);
}

enum session_stage connect_begin(struct session *session, struct session_wait *wait)
{
    const struct session_plan *plan = session->plan;
    struct connection *connection = &session->connection;
    struct address source;
    int fd, code;

    if (session_look_at_clock(session) < session->connect_ns) {
        wait->need = NEED_MOMENT;
        wait->moment_ns = session->connect_ns;
        return STAGE_BEGIN;
    }
    if (connection->tried == 0)
        connection->address =
            atomic_load_explicit(&session->target->answered, memory_order_relaxed);
    fd = dial_socket(address_of(session));
    if (fd == -EAFNOSUPPORT)
        return try_next(session, "socket", -fd);
    if (fd < 0)
        return session_fail_errno(session, "socket", -fd);
    if (!publish(session, fd))
        return session_fail(session, "interrupted");
    if (plan->sources.count > 0) {
        sources_pick(&plan->sources, session->number, &source);
        code = source.storage.ss_family == address_of(session)->storage.ss_family
                   ? dial_from(fd, &source)
                   : -EAFNOSUPPORT; /* bind() would call it an invalid argument */
        if (code != 0)
            return try_next(session, "source", -code);
    }
    begin_to_connect(session);
    return dialled(session, dial_begin(fd, address_of(session)), wait);
}

enum session_stage connect_finish(struct session *session, struct session_wait *wait)
{
    int fd = session->connection.stream.fd;
    int code = dial_finish(fd);

    session_look_at_clock(session);
    if (code == -EINPROGRESS && address_of(session)->storage.ss_family == AF_UNIX)
        code = dial_begin(fd, address_of(session));
    return dialled(session, code, wait);
}

/* --- the barrier --------------------------------------------------------------------------- */

enum session_stage connect_start(struct session *session, struct session_wait *wait)
{
    const struct session_plan *plan = session->plan;

    if (session->start_ns == 0 && plan->barrier) {
        wait->need = NEED_BARRIER; /* each of the others has a deadline of its own */
        return STAGE_START;
    }
    if (session->start_ns == 0)
        session->start_ns = plan->begin_ns;
    session_look_at_clock(session);
    session_progressed(session);
    return plan->tls != NULL ? STAGE_HANDSHAKE : converse_begin(session);
}

/* --- the handshake ------------------------------------------------------------------------- */

/** Put TLS in the place of the plain stream, or the plain stream back; session_stop() sees either. */
static int change_stream(struct session *session, struct tls_context *tls)
{
    struct stream *stream = &session->connection.stream;
    int fd = stream->fd;
    int code = 0;

    MUST(pthread_mutex_lock(&session->lock));
    stream_release(stream);
    if (tls != NULL)
        code = stream_init_tls(stream, fd, tls, session->target->server_name);
    else
        stream_init_plain(stream, fd);
    MUST(pthread_mutex_unlock(&session->lock));
    stream_set_nonblocking(stream);
    return code;
}

/** Peek at the server's first byte. @return it, or -1: there is none yet */
static int peek(const struct session *session)
{
    unsigned char byte;

    return recv(session->connection.stream.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1 ? byte : -1;
}

/** End the handshake. */
static enum session_stage shaken_hands(struct session *session)
{
    int64_t first_byte_ns = session->connection.record.first_byte_ns;

    if (first_byte_ns == 0)
        first_byte_ns = session->now_ns; /* it came within the last step */
    session_first_byte(session, first_byte_ns);
    session_measure(session, MEASURE_HANDSHAKE, first_byte_ns, session->now_ns);
    if (session->patient)
        stream_set_blocking(&session->connection.stream);
    return converse_begin(session);
}

/*
 * The session waits by itself, and not inside of OpenSSL, so that it sees when the first byte comes:
 * then a worker serves it. A server that has no room says BUSY, perhaps without spending a handshake
 * on it. No record of TLS begins with a B.
 */
enum session_stage connect_handshake(struct session *session, struct session_wait *wait)
{
    struct stream *stream = &session->connection.stream;
    struct session_record *record = &session->connection.record;
    char why[TLS_WHY_MAX];
    int code = 0;

    if (stream->tls == NULL) {
        code = change_stream(session, session->plan->tls);
    } else if (record->first_byte_ns == 0) {
        int byte = peek(session);

        if (byte == 'B') {
            (void)change_stream(session, NULL); /* cannot fail */
            return refusal_begin(session, DOUBT_NOT_TLS);
        }
        if (byte >= 0)
            record->first_byte_ns = session_look_at_clock(session);
    }
    if (code == 0)
        code = stream_handshake(stream);
    session_look_at_clock(session);
    if (code == 0)
        return shaken_hands(session);
    if (code == -EAGAIN && !session_timed_out(session))
        return session_wait_for(session, STAGE_HANDSHAKE,
                                stream->wants_write ? NEED_WRITE : NEED_READ, wait);
    if (code == -EAGAIN)
        code = -ETIMEDOUT;
    if (code == -EPROTO)
        return session_fail(session, "handshake: %s", stream_error_text(stream, why));
    return session_fail_errno(session, "handshake", -code);
}
