/* SPDX-License-Identifier: MIT */
/*
 * The server closes between two messages, in order: it stops, or does not want idle sessions. The session
 * has not failed then. With --reconnect it goes on with another connection.
 *
 * DESIGN
 * If the close comes while the session waits for the moment of its next message, it is seen before the
 * message is sent. A session that sends at once sends into the close, unless the system call that looks
 * for it is paid for each message, as with --reconnect; and even then the close may come a moment later.
 * A message of which no byte came back before the orderly end was not served, so it may be sent again:
 * an echo changes nothing in the server. After a reset that is not known, and the session has failed.
 *
 * A connection may also be closed before its first reply: it has waited in the queue of a server that stops. A
 * server that closes each of them would keep the session for ever, so without a reply it goes on only for the
 * time of one operation.
 */
#include "client/session/base.h"
#include "client/session/stages.h"

#include <stdio.h>

/** Whether another connection could go on with what is left to send: see above. */
static bool can_resume(const struct session *session)
{
    const struct session_plan *plan = session->plan;

    return plan->reconnect && plan->messages != NULL &&
           (plan->duration_ns == 0 || session->now_ns - session->start_ns < plan->duration_ns) &&
           (session_verified(session) > 0 || session->patience_ns == 0 ||
            session->now_ns < session->patience_ns);
}

enum session_stage resume_closed(struct session *session)
{
    struct connection *connection = &session->connection;
    struct session_record *record = &connection->record;
    unsigned pending = connection->pending_count;

    if (atomic_load(&session->stopping))
        return session_fail(session, "interrupted");
    session_look_at_clock(session);
    record->resumed = can_resume(session);
    if (!record->resumed && pending > 0)
        return session_lost(session, 0, session_where(session)); /* a message is lost */
    if (record->resumed) {
        record->resent = pending;
        record->sent -= pending - (connection->sending ? 1 : 0);
    }
    snprintf(record->reason, sizeof record->reason, "closed by the server");
    return session_close(session, SESSION_CLOSED);
}
