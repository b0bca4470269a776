/* SPDX-License-Identifier: MIT */
/*
 * A session led through its stages: see session.h.
 *
 * DESIGN
 *
 *     BEGIN ─> CONNECT ─> START ─> HANDSHAKE ─> CONVERSE ─> FINISH ─> OVER
 *                │                     └───────────┴─> REFUSAL ────────┘
 *                └─> IDLE (with --idle) ─────────────────────────────> OVER
 *
 * session_advance() calls the function of the stage, which does what can be done now and returns the
 * next stage, until one has to wait. A session that fails, in whichever stage, is closed at once and
 * OVER.
 */
#include "client/session/base.h"
#include "client/session/stages.h"
#include "common/must.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* The buffer for replies: room for a "BUSY" line at least, for few system calls at most. */
enum { REPLY_ROOM_MIN = 256, REPLY_ROOM_MAX = 64 << 10 };

/* --- life ---------------------------------------------------------------------------------- */

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

/** Begin with a connection that is not made yet. */
static void reset(struct session *session, uint64_t number)
{
    MUST(pthread_mutex_lock(&session->lock));
    session->connection = (struct connection){.stream.fd = -1,
                                              .record = {.session = session->number,
                                                         .target = session->target->name,
                                                         .connection = number,
                                                         .idle = session->idle}};
    MUST(pthread_mutex_unlock(&session->lock));
    session_set_verified(session, 0);
    session_set_place(session, PLACE_BEGINNING);
}

void session_init(struct session *session, unsigned number, const struct session_plan *plan,
                  struct session_buffers *buffers, struct pending *pending, bool patient)
{
    /* each session's share of the ramp */
    int64_t ramp_ns = (int64_t)((double)plan->ramp_ns * number / plan->sessions);

    memset(session, 0, sizeof *session);
    session->plan = plan;
    session->target = &plan->targets[number % plan->target_count];
    session->buffers = buffers;
    session->pending = pending;
    session->number = number;
    session->patient = patient;
    session->connect_ns = plan->begin_ns + ramp_ns;
    if (plan->rate > 0) {
        pace_init(&session->pace, plan->rate, plan->rate_random, number, plan->sessions);
        pace_skip(&session->pace, ramp_ns);
    }
    MUST(pthread_mutex_init(&session->lock, NULL));
    reset(session, 0);
}

void session_set_idle(struct session *session)
{
    session->idle = true;
    session->connection.record.idle = true;
    session->connect_ns = 0; /* they come before the load, and so before its ramp */
}

void session_clear(struct session *session)
{
    if (session->connection.stream.fd >= 0)
        stream_close(&session->connection.stream);
    MUST(pthread_mutex_destroy(&session->lock));
}

void session_go(struct session *session, int64_t start_ns)
{
    session->start_ns = start_ns;
}

void session_stop(struct session *session)
{
    MUST(pthread_mutex_lock(&session->lock));
    atomic_store(&session->stopping, true);
    /* wakes connect, poll, send and receive alike; the runner closes */
    if (session->connection.stream.fd >= 0)
        (void)shutdown(session->connection.stream.fd, SHUT_RDWR);
    MUST(pthread_mutex_unlock(&session->lock));
}

/* --- another connection -------------------------------------------------------------------- */

static int64_t pause_ns(const struct session *session)
{
    return session->connection.record.first_byte_ns != 0 ? 0 : SESSION_PAUSE_NS;
}

/* A connection for which there is no time would be over at once, and so would the next. */
bool session_can_reconnect(const struct session *session)
{
    const struct session_plan *plan = session->plan;
    int64_t start_ns = session->start_ns != 0 ? session->start_ns : plan->begin_ns;
    int64_t next_ns = clock_now_ns() + pause_ns(session);
    /* a schedule goes on over connections, and so does the thinking before a message that was left */
    bool waits = pace_is_open(&session->pace) || session->connection.begun < plan->message_count;

    if (session->given_up)
        return false;
    if (waits && session->start_ns != 0 && session_due_ns(session) > next_ns)
        next_ns = session_due_ns(session);
    return next_ns - start_ns < plan->duration_ns;
}

void session_reconnect(struct session *session)
{
    session->connect_ns = clock_now_ns() + pause_ns(session);
    session->patience_ns = 0;
    reset(session, session->connection.record.connection + 1);
}

void session_resume(struct session *session)
{
    struct connection *connection = &session->connection;
    uint64_t begun = connection->begun - connection->record.resent;
    bool served = session_verified(session) > 0;

    session->owed_until = session->sequence;
    session->sequence -= connection->record.resent;
    if (pace_is_open(&session->pace))
        pace_back(&session->pace, connection->record.resent);
    else if (!served && connection->record.resent == 0)
        session->owed_until++; /* its turn had come, and the close was seen first */
    session->connect_ns = clock_now_ns() + (served ? 0 : SESSION_PAUSE_NS);
    if (served || session->patience_ns == 0)
        session->patience_ns = session->connect_ns + session->plan->timeout_ns;
    reset(session, connection->record.connection + 1);
    session->connection.begun = begun;
}

/* --- the end ------------------------------------------------------------------------------- */

/** STAGE_FINISH: all replies are there. Finish writing, and read to the server's end of file. */
static enum session_stage finish(struct session *session, struct session_wait *wait)
{
    const struct session_buffers *buffers = session->buffers;
    struct connection *connection = &session->connection;
    bool heard = connection->said_count > 0;
    ssize_t got;

    if (connection->record.finishing_ns == 0) {
        if (stream_finish_writing(&connection->stream) == -EAGAIN) {
            session_look_at_clock(session);
            if (!session_timed_out(session))
                return session_wait_for(session, STAGE_FINISH, NEED_WRITE, wait);
            return session_lost(session, -ETIMEDOUT, "after the last reply");
        }
        connection->record.finishing_ns = session->now_ns;
        if (!session->patient && !heard)
            return session_wait_for(session, STAGE_FINISH, NEED_READ, wait);
    }
    got = heard ? refusal_take_back(connection, buffers->reply, buffers->reply_room)
                : stream_read(&connection->stream, buffers->reply, buffers->reply_room);
    session_look_at_clock(session);
    if (got == -EAGAIN && !session_timed_out(session))
        return session_wait_for(session, STAGE_FINISH, NEED_READ, wait);
    if (got == -EAGAIN)
        got = -ETIMEDOUT;
    /* it may have been out of time before its first message, or its end may have had to wait, too */
    if (got > 0 && !heard &&
        refusal_suspect(session, NULL, &(size_t){0}, buffers->reply, (size_t)got))
        return refusal_begin(session, DOUBT_EXTRA);
    if (got > 0)
        return converse_extra(session, buffers->reply, (size_t)got);
    if (got < 0 || atomic_load(&session->stopping))
        return session_lost(session, got, "after the last reply");
    session_measure(session, MEASURE_CLOSE, connection->record.finishing_ns, session->now_ns);
    return session_close(session, SESSION_OK);
}

/** STAGE_IDLE: never send. Only the server, or session_stop(), can end it. */
static enum session_stage idle(struct session *session, struct session_wait *wait)
{
    const struct session_buffers *buffers = session->buffers;
    ssize_t got = stream_read(&session->connection.stream, buffers->reply, buffers->reply_room);

    if (got == -EAGAIN) {
        wait->need = NEED_READ;
        return STAGE_IDLE;
    }
    if (got > 0)
        return session_fail(session, "answered while idle");
    if (atomic_load(&session->stopping))
        return session_close(session, SESSION_OK); /* it stayed until it was stopped */
    return session_lost(session, got, "while idle");
}

/* How many unsent messages of a load are counted each by itself, about. */
enum { UNSENT_EXACT = 1000000 };

void session_measure_unsent(const struct session *session, int64_t start_ns, int64_t end_ns)
{
    const struct session_plan *plan = session->plan;
    const struct connection *connection = &session->connection;
    struct pace pace = session->pace;
    int64_t most_ns = end_ns - start_ns;
    uint64_t left =
        plan->message_count > connection->begun ? plan->message_count - connection->begun : 0;
    uint64_t each = 1;

    if (!pace_is_open(&pace) || connection->record.state == SESSION_REFUSED)
        return;
    if (plan->duration_ns > 0 && plan->duration_ns < most_ns)
        most_ns = plan->duration_ns;
    /* of a rate beyond all measure they are counted by the group, with the time of the last of them */
    if (most_ns > pace_due_ns(&pace))
        each += (uint64_t)((double)(most_ns - pace_due_ns(&pace)) / pace.gap_ns * plan->sessions /
                           UNSENT_EXACT);
    while (left > 0 && pace_due_ns(&pace) < most_ns) {
        uint64_t count = each < left ? each : left;

        pace_leave_out(&pace, count - 1);
        if (pace_due_ns(&pace) >= most_ns)
            break;
        if (pace_due_ns(&pace) >= plan->warm_up_ns)
            measure_unanswered(session->target->measure, end_ns - start_ns - pace_due_ns(&pace),
                               count);
        pace_next(&pace);
        left -= count;
    }
}

void session_give_up(struct session *session, const char *reason)
{
    session->given_up = true;
    session->connection.stage = session_fail(session, "%s", reason);
}

/* --- all together -------------------------------------------------------------------------- */

/** Call the function of the stage. @return the next stage */
static enum session_stage step(struct session *session, unsigned ready, struct session_wait *wait)
{
    switch (session->connection.stage) {
    case STAGE_BEGIN: return connect_begin(session, wait);
    case STAGE_CONNECT: return connect_finish(session, wait);
    case STAGE_START: return connect_start(session, wait);
    case STAGE_HANDSHAKE: return connect_handshake(session, wait);
    case STAGE_CONVERSE: return converse(session, ready, wait);
    case STAGE_REFUSAL: return refusal(session, wait);
    case STAGE_FINISH: return finish(session, wait);
    case STAGE_IDLE: return idle(session, wait);
    case STAGE_OVER: break;
    }
    return STAGE_OVER;
}

void session_advance(struct session *session, unsigned ready, struct session_wait *wait)
{
    enum session_stage stage = session->connection.stage;

    *wait = (struct session_wait){.need = NEED_NOTHING, .deadline_ns = INT64_MAX};
    /* an idle session that is connected has done its work when it is stopped: see idle() */
    if (atomic_load_explicit(&session->stopping, memory_order_relaxed) && stage != STAGE_IDLE &&
        stage != STAGE_OVER)
        session->connection.stage = session_fail(session, "interrupted");
    while (session->connection.stage != STAGE_OVER && wait->need == NEED_NOTHING)
        session->connection.stage = step(session, ready, wait);
}
