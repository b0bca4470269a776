/* SPDX-License-Identifier: MIT */
/*
 * Sessions of --churn: one connection after another.
 *
 * A connection for which there is no time is not made: it would have nothing to say, and be over at
 * once, and so would the next.
 */
#include "client/session/internal.h"

#include "common/clock.h"

/* What one that got nowhere waits before it comes again. */
#define PAUSE_NS INT64_C(10000000)

static int64_t pause_ns(const struct session *session)
{
    return session->record.first_byte_ns != 0 ? 0 : PAUSE_NS;
}

bool session_comes_again(const struct session *session)
{
    const struct session_plan *plan = session->plan;
    int64_t start_ns = session->start_ns != 0 ? session->start_ns : plan->begin_ns;
    int64_t next_ns = clock_now_ns() + pause_ns(session);
    /* a schedule goes on over connections; and who had more to say had to think too long */
    bool waits = pace_is_open(&session->pace) || session->begun < plan->message_count;

    if (waits && session->start_ns != 0 && session_due_ns(session) > next_ns)
        next_ns = session_due_ns(session);
    return next_ns - start_ns < plan->duration_ns;
}

void session_again(struct session *session)
{
    uint64_t connection = session->record.connection;

    session->again_ns = clock_now_ns() + pause_ns(session);
    session->record =
        (struct session_record){.session = session->number, .connection = connection + 1};
    session->begun = 0;
    session->pending_first = 0;
    session->pending_count = 0;
    session->sending = false;
    session->received = 0;
    session->unread = 0;
    session->said_count = 0;
    session->lost_code = 0;
    session->handshake_begun = false;
    session->skipping = false;
    session->stage = STAGE_BEGIN;
    atomic_store_explicit(&session->verified, 0, memory_order_relaxed);
    session_set_place(session, PLACE_BEGINNING);
}
