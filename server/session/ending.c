/* SPDX-License-Identifier: MIT */
/* The end of a session: see ending.h. */
#include "server/session/ending.h"

#include "server/session/boundary.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

/*
 * While draining, wait until the client's kernel has acknowledged every echo. The server ends sessions
 * whose clients may still be sending; once its half is closed too, the kernel answers their bytes with a
 * reset, and a reset destroys echoes that are on their way. No event reports the acknowledgement, so
 * check every few milliseconds; a verdict ends that. Bytes that come meanwhile are echoed as well.
 */
enum need ending_settle(struct session *session)
{
    bool stopped = session->outcome == OUTCOME_STOPPED && session->conversed;
    bool awaits = stopped || session->outcome == OUTCOME_SERVED;

    while (awaits && !session->boundary.corked && atomic_load(session->shared->draining) &&
           session_verdict(session) == OUTCOME_SERVED) {
        bool all_arrived = boundary_arrived(&session->stream);
        if (stopped && boundary_input(&session->stream)) {
            session->stage = STAGE_ECHO;
            return NEED_NOTHING;
        }
        if (all_arrived)
            break;
        if (session->stream.nonblocking)
            return NEED_MOMENT;
        poll(NULL, 0, SESSION_MOMENT_NS / 1000000);
    }
    if (awaits && session_verdict(session) == OUTCOME_CUT)
        session->outcome = OUTCOME_CUT;
    session->stage = STAGE_FINISH;
    return NEED_NOTHING;
}

/* Release what serving has needed, except the descriptor. */
static enum need end_serving(struct session *session)
{
    stream_release(&session->stream);
    free(session->rest.bytes);
    session->rest = (struct rest){0};
    session->stage = STAGE_ENDED;
    return NEED_NOTHING;
}

/*
 * Finish writing. Closing a plain socket is enough; TLS sends close_notify first. A session that the
 * server ends lingers after that; one that was cut has lost bytes or not, as it stands now.
 */
enum need ending_finish(struct session *session)
{
    if (session->stream.tls != NULL && session->outcome != OUTCOME_FAILED &&
        stream_finish_writing(&session->stream) == -EAGAIN)
        return NEED_WRITE;
    if (session->outcome == OUTCOME_STOPPED) {
        boundary_half_close(&session->boundary, &session->stream);
        session->stage = STAGE_LINGER;
        return NEED_NOTHING;
    }
    if (session->outcome == OUTCOME_CUT)
        session->outcome = session_loss(session, session->stream.fd);
    return end_serving(session);
}

enum need ending_linger(struct session *session)
{
    while (session_verdict(session) == OUTCOME_SERVED &&
           boundary_lingers(&session->boundary, &session->stream)) {
        if (session->stream.nonblocking)
            return NEED_MOMENT;
        poll(NULL, 0, SESSION_MOMENT_NS / 1000000);
    }
    session->outcome = session_loss(session, session->stream.fd);
    return end_serving(session);
}
