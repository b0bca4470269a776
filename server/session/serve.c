/* SPDX-License-Identifier: MIT */
/*
 * The stages of a session: see serve.h.
 *
 * DESIGN. session_serve() walks through the stages of enum stage. Each either is done, or ends the session,
 * or returns what it waits for. A blocking stream never returns to wait, so one call serves the whole session.
 */
#include "server/session/serve.h"

#include "common/clock.h"
#include "server/session/echo.h"
#include "server/session/ending.h"
#include "server/session/opening.h"

/* Begin to serve. */
static void begin(struct session *session, unsigned worker)
{
    atomic_store_explicit(&session->entry.worker, worker, memory_order_relaxed);
    /* --model fork has set it already. It must not change: the wait has been counted. */
    if (atomic_load_explicit(&session->entry.begun_ns, memory_order_relaxed) == 0)
        atomic_store_explicit(&session->entry.begun_ns, clock_now_ns(), memory_order_relaxed);
    session_move(session, PHASE_HANDSHAKE);
    session->stage = opening_stage(session);
    if (session_verdict(session) != OUTCOME_SERVED) /* judged while it waited */
        session_finish(session, session_verdict(session));
}

enum need session_serve(struct session *session, unsigned char *buffer, unsigned worker)
{
    enum need need = NEED_NOTHING;

    if (session->stage == STAGE_NEW)
        begin(session, worker);
    if (session->stage == STAGE_PROXY)
        need = opening_read_header(session);
    if (session->stage == STAGE_TLS)
        need = opening_shake_hands(session);
    do {
        if (session->stage == STAGE_ECHO)
            need = communicate(session, buffer);
        if (session->stage == STAGE_SETTLE)
            need = ending_settle(session);
    } while (session->stage == STAGE_ECHO && need == NEED_NOTHING);
    if (session->stage == STAGE_FINISH)
        need = ending_finish(session);
    if (session->stage == STAGE_LINGER)
        need = ending_linger(session);
    return need;
}
