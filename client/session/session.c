/* SPDX-License-Identifier: MIT */
/*
 * One session, led through its stages.
 *
 * DESIGN
 *
 *     BEGIN ─> CONNECT ─> BARRIER ─> HANDSHAKE ─> CONVERSE ─> FINISH ─> OVER
 *                                        └───────────┴─> REFUSAL ────────┘
 *
 * session_advance() calls the function of the stage it is in until that has to wait. Each such
 * function does what can be done now, and either changes the stage or says what to wait for. A
 * session that fails, whereever that is, is closed at once and OVER.
 *
 * Time is looked at where something has happened, and nowhere else: an exchange of a closed loop
 * reads the clock once. That one reading is the end of one echo and the beginning of the next.
 *
 * The handshake stands behind the barrier, since a server may leave both it and the first reply to
 * a worker: were it in front, sessions that hold all workers and sessions that wait for one would
 * wait for each other.
 */
#include "client/session/internal.h"

#include "client/session/dial.h"
#include "common/clock.h"
#include "common/must.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* The buffer for replies: room for a "BUSY" line at least, for few system calls at most. */
enum { REPLY_ROOM_MIN = 256, REPLY_ROOM_MAX = 64 << 10 };

/* Between two calls of a unix server whose backlog is full. */
#define UNIX_AGAIN_NS INT64_C(2000000)

/* --- life ------------------------------------------------------------------------------------- */

size_t session_reply_room(size_t largest_message)
{
    return largest_message < REPLY_ROOM_MIN   ? REPLY_ROOM_MIN
           : largest_message > REPLY_ROOM_MAX ? REPLY_ROOM_MAX
                                              : largest_message;
}

bool session_can_be_patient(const struct session_plan *plan)
{
    return plan->depth == 1 && plan->messages != NULL &&
           messages_largest(plan->messages) <= SESSION_SMALL;
}

void session_init(struct session *session, unsigned number, const struct session_plan *plan,
                  struct session_buffers *buffers, struct pending *pending, bool patient)
{
    memset(session, 0, sizeof *session);
    session->plan = plan;
    session->buffers = buffers;
    session->pending = pending;
    session->number = number;
    session->patient = patient;
    session->stream.fd = -1;
    session->record.session = number;
    MUST(pthread_mutex_init(&session->lock, NULL));
}

void session_set_idle(struct session *session)
{
    session->idle = true;
    session->record.idle = true;
}

void session_clear(struct session *session)
{
    if (session->stream.fd >= 0)
        stream_close(&session->stream);
    MUST(pthread_mutex_destroy(&session->lock));
}

void session_give_up(struct session *session, const char *reason)
{
    session_fail(session, "%s", reason);
}

void session_stop(struct session *session)
{
    MUST(pthread_mutex_lock(&session->lock));
    atomic_store(&session->stopping, true);
    /* wakes connect, poll, send and receive alike; who runs the session closes */
    if (session->stream.fd >= 0)
        (void)shutdown(session->stream.fd, SHUT_RDWR);
    MUST(pthread_mutex_unlock(&session->lock));
}

/* --- time ------------------------------------------------------------------------------------- */

int64_t session_look_at_clock(struct session *session)
{
    session->now_ns = clock_now_ns();
    return session->now_ns;
}

enum turn session_wait_for(struct session *session, unsigned need, struct session_wait *wait)
{
    wait->need = need;
    wait->deadline_ns = session->deadline_ns;
    return TURN_WAIT;
}

bool session_timed_out(const struct session *session)
{
    return session->now_ns >= session->deadline_ns;
}

void session_first_byte(struct session *session, int64_t now_ns)
{
    session->record.first_byte_ns = now_ns;
    session_set_place(session, PLACE_SERVED);
    if (session->plan->measure != NULL)
        measure_one(session->plan->measure, MEASURE_QUEUE_WAIT,
                    now_ns - session->record.connected_ns);
}

/* --- connect ---------------------------------------------------------------------------------- */

/** Let session_stop() see the socket, unless it came first. @return false: it did */
static bool publish(struct session *session, int fd)
{
    bool stopping;

    MUST(pthread_mutex_lock(&session->lock));
    stopping = atomic_load(&session->stopping);
    stream_init_plain(&session->stream, fd);
    MUST(pthread_mutex_unlock(&session->lock));
    return !stopping;
}

/** A socket, bound to the session's source where it has one. @return false: failed */
static bool open_socket(struct session *session)
{
    const struct session_plan *plan = session->plan;
    int fd = dial_socket(&plan->address);
    int code = 0;

    if (fd < 0) {
        session_fail_errno(session, "socket", -fd);
        return false;
    }
    if (!publish(session, fd)) {
        session_fail(session, "interrupted");
        return false;
    }
    if (plan->sources.count > 0) {
        struct address source;

        sources_pick(&plan->sources, session->number, &source);
        code = dial_from(fd, &source);
    }
    if (code != 0)
        session_fail_errno(session, "source", -code);
    return code == 0;
}

/** It stands. */
static enum turn connected(struct session *session)
{
    const struct session_plan *plan = session->plan;
    int code = 0;

    if (session->patient) {
        code = dial_make_blocking(session->stream.fd);
        if (code == 0)
            code = stream_set_timeouts(&session->stream, plan->timeout_ns, plan->timeout_ns);
    } else {
        stream_set_nonblocking(&session->stream);
    }
    if (code != 0) {
        session_fail_errno(session, "connect", -code);
        return TURN_ON;
    }
    stream_set_nodelay(&session->stream);
    session->record.connected_ns = session_look_at_clock(session);
    session_set_place(session, PLACE_QUEUED);
    if (plan->measure != NULL && !session->idle)
        measure_one(plan->measure, MEASURE_CONNECT, session->now_ns - session->record.begun_ns);
    if (session->idle)
        session->stage = STAGE_IDLE;
    else if (plan->barrier && session->start_ns == 0)
        session->stage = STAGE_BARRIER;
    else
        session_go(session, session->start_ns != 0 ? session->start_ns : plan->begin_ns);
    return TURN_ON;
}

/** What came of dial_begin() or dial_finish(). */
static enum turn dialled(struct session *session, int code, struct session_wait *wait)
{
    if (code == 0)
        return connected(session);
    if ((code == -EINPROGRESS || code == -EAGAIN) && session_timed_out(session))
        code = -ETIMEDOUT;
    if (code == -EINPROGRESS)
        return session_wait_for(session, NEED_WRITE, wait);
    if (code == -EAGAIN) {
        wait->moment_ns = session->now_ns + UNIX_AGAIN_NS;
        return session_wait_for(session, NEED_MOMENT, wait);
    }
    session_fail_errno(session, "connect", -code);
    return TURN_ON;
}

/** Its share of the ramp: it begins so much later than the load. */
static int64_t ramp_ns(const struct session *session)
{
    const struct session_plan *plan = session->plan;

    return (int64_t)((double)plan->ramp_ns * session->number / plan->sessions);
}

/** When it may connect. Those that are idle come before the load, and so before its ramp. */
static int64_t begin_ns(const struct session *session)
{
    if (session->idle || session->record.connection > 0)
        return session->again_ns;
    return session->plan->begin_ns + ramp_ns(session);
}

static enum turn begin(struct session *session, struct session_wait *wait)
{
    int64_t may_ns = begin_ns(session);

    if (session_look_at_clock(session) < may_ns) {
        wait->moment_ns = may_ns;
        session->deadline_ns = INT64_MAX;
        return session_wait_for(session, NEED_MOMENT, wait);
    }
    if (!open_socket(session))
        return TURN_ON;
    session->record.begun_ns = session_look_at_clock(session);
    session_progressed(session);
    session->stage = STAGE_CONNECT;
    return dialled(session, dial_begin(session->stream.fd, &session->plan->address), wait);
}

static enum turn connecting(struct session *session, struct session_wait *wait)
{
    int code = dial_finish(session->stream.fd);

    session_look_at_clock(session);
    if (code == -EINPROGRESS && session->plan->address.storage.ss_family == AF_UNIX)
        code = dial_begin(session->stream.fd, &session->plan->address);
    return dialled(session, code, wait);
}

/* --- the barrier ------------------------------------------------------------------------------ */

static enum turn barred(struct session_wait *wait)
{
    wait->need = NEED_BARRIER;
    wait->deadline_ns = INT64_MAX; /* each of the others has its own */
    return TURN_WAIT;
}

void session_go(struct session *session, int64_t start_ns)
{
    const struct session_plan *plan = session->plan;

    session->start_ns = start_ns;
    session_look_at_clock(session);
    session_progressed(session);
    session->free_ns = session->now_ns;
    session->due_ns = session->now_ns;
    if (plan->rate > 0 && !pace_is_open(&session->pace)) {
        pace_init(&session->pace, plan->rate, plan->rate_random, session->number, plan->sessions);
        pace_skip(&session->pace, ramp_ns(session));
    }
    session->stage = plan->tls != NULL ? STAGE_HANDSHAKE : STAGE_CONVERSE;
}

/* --- the handshake ---------------------------------------------------------------------------- */

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

/** The server's first byte, without taking it off the socket; -1 while there is none. */
static int peek(const struct session *session)
{
    unsigned char byte;

    return recv(session->stream.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1 ? byte : -1;
}

/**
 * See when the server's first byte comes, which is when a worker has taken us up, and look at it.
 * A server that has no room says BUSY, and may well say so without spending a handshake on it. No
 * record of TLS begins with a B.
 *
 * @return true: it is plain text
 */
static bool first_of_handshake(struct session *session)
{
    int byte = peek(session);

    if (byte < 0)
        return false;
    session->record.first_byte_ns = session_look_at_clock(session);
    if (byte != 'B')
        return false;
    (void)change_stream(session, NULL); /* cannot fail */
    stream_set_nonblocking(&session->stream);
    session->record.first_byte_ns = 0;
    session_progressed(session);
    converse_listen(session, -EPROTO);
    return true;
}

static enum turn shaken_hands(struct session *session)
{
    int64_t first_byte_ns = session->record.first_byte_ns;

    session_look_at_clock(session);
    if (first_byte_ns == 0)
        first_byte_ns = session->now_ns; /* it came within the last step */
    session_first_byte(session, first_byte_ns);
    if (session->plan->measure != NULL)
        measure_one(session->plan->measure, MEASURE_HANDSHAKE, session->now_ns - first_byte_ns);
    if (session->patient)
        stream_set_blocking(&session->stream);
    session->free_ns = session->now_ns;
    session->due_ns = session->now_ns;
    session_progressed(session);
    session->stage = STAGE_CONVERSE;
    return TURN_ON;
}

/** It waits by itself, and not inside of OpenSSL, so that the first byte is seen when it comes. */
static enum turn shake_hands(struct session *session, struct session_wait *wait)
{
    char why[TLS_WHY_MAX];
    int code = 0;

    if (!session->handshake_begun) {
        code = change_stream(session, session->plan->tls);
        stream_set_nonblocking(&session->stream);
        session->handshake_begun = true;
    } else if (session->record.first_byte_ns == 0 && first_of_handshake(session)) {
        return TURN_ON;
    }
    if (code == 0)
        code = stream_handshake(&session->stream);
    session_look_at_clock(session);
    if (code == 0)
        return shaken_hands(session);
    if (code == -EAGAIN && !session_timed_out(session))
        return session_wait_for(session, session->stream.wants_write ? NEED_WRITE : NEED_READ,
                                wait);
    if (code == -EAGAIN)
        code = -ETIMEDOUT;
    if (code == -EPROTO)
        session_fail(session, "handshake: %s", stream_error_text(&session->stream, why));
    else
        session_fail_errno(session, "handshake", -code);
    return TURN_ON;
}

/* --- the end ---------------------------------------------------------------------------------- */

/** The whole echo is there: finish writing, and read to the server's end of file. */
static enum turn finish(struct session *session, struct session_wait *wait)
{
    ssize_t got;

    if (session->record.finishing_ns == 0) {
        if (stream_finish_writing(&session->stream) == -EAGAIN) {
            session_look_at_clock(session);
            if (!session_timed_out(session))
                return session_wait_for(session, NEED_WRITE, wait);
            session_lost(session, -ETIMEDOUT, "after the last reply");
            return TURN_ON;
        }
        session->record.finishing_ns = session->now_ns;
        if (!session->patient)
            return session_wait_for(session, NEED_READ, wait);
    }
    got = stream_read(&session->stream, session->buffers->reply, session->buffers->reply_room);
    session_look_at_clock(session);
    if (got == -EAGAIN && !session_timed_out(session))
        return session_wait_for(session, NEED_READ, wait);
    if (got == -EAGAIN)
        got = -ETIMEDOUT;
    if (got > 0) {
        converse_extra(session, session->buffers->reply, (size_t)got);
    } else if (got < 0 || atomic_load(&session->stopping)) {
        session_lost(session, got, "after the last reply");
    } else {
        if (session->plan->measure != NULL)
            measure_one(session->plan->measure, MEASURE_CLOSE,
                        session->now_ns - session->record.finishing_ns);
        session->record.state = SESSION_OK;
        session_close(session);
    }
    return TURN_ON;
}

/** It never speaks. Only the server, or session_stop(), can end it. */
static enum turn idle(struct session *session, struct session_wait *wait)
{
    ssize_t got =
        stream_read(&session->stream, session->buffers->reply, session->buffers->reply_room);

    if (got == -EAGAIN) {
        session->deadline_ns = INT64_MAX;
        return session_wait_for(session, NEED_READ, wait);
    }
    if (got > 0) {
        session_fail(session, "answered while idle");
    } else if (atomic_load(&session->stopping)) {
        session->record.state = SESSION_OK; /* as long as it was wanted, it was there */
        session_close(session);
    } else {
        session_lost(session, got, "while idle");
    }
    return TURN_ON;
}

/* --- all together ----------------------------------------------------------------------------- */

static enum turn take_turn(struct session *session, unsigned ready, struct session_wait *wait)
{
    switch (session->stage) {
    case STAGE_BEGIN: return begin(session, wait);
    case STAGE_CONNECT: return connecting(session, wait);
    case STAGE_BARRIER: return barred(wait);
    case STAGE_HANDSHAKE: return shake_hands(session, wait);
    case STAGE_CONVERSE: return converse(session, ready, wait);
    case STAGE_REFUSAL: return converse_refusal(session, ready, wait);
    case STAGE_FINISH: return finish(session, wait);
    case STAGE_IDLE: return idle(session, wait);
    default: wait->need = NEED_NOTHING; return TURN_WAIT;
    }
}

void session_advance(struct session *session, unsigned ready, struct session_wait *wait)
{
    wait->need = NEED_NOTHING;
    wait->moment_ns = 0;
    wait->deadline_ns = INT64_MAX;
    /* one that is idle, and connected, has done all that was wanted of it: see idle() */
    if (atomic_load_explicit(&session->stopping, memory_order_relaxed) &&
        session->stage != STAGE_IDLE)
        session_fail(session, "interrupted");
    while (take_turn(session, ready, wait) == TURN_ON)
        continue;
}
