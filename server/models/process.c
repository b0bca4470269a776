/* SPDX-License-Identifier: MIT */
/* Sessions that are served in other processes: see process.h. */
#include "server/models/process.h"

#include "common/log.h"
#include "common/translate.h"
#include "server/session/serve.h"

#include <inttypes.h>
#include <signal.h>

void process_enter(struct shared *shared)
{
    static const int for_the_server[] = {SIGTERM, SIGINT,  SIGHUP, SIGUSR1,
                                         SIGUSR2, SIGTTIN, SIGTTOU};

    for (size_t i = 0; i < sizeof for_the_server / sizeof for_the_server[0]; i++)
        signal(for_the_server[i], SIG_IGN);
    printer_enter_child(shared->printer);
}

enum need process_serve(struct session *session, int fd, unsigned char *buffer, unsigned worker)
{
    if (session->stage == STAGE_NEW)
        stream_init_plain(&session->stream, fd);
    return session_serve(session, buffer, worker);
}

void process_session_over(struct session *session, const char *how)
{
    enum outcome verdict = (enum outcome)atomic_load(&session->verdict);
    char peer[ADDRESS_TEXT_MAX];

    if (session->stage == STAGE_ENDED) {
        session_end(session);
    } else if (verdict != OUTCOME_SERVED) {
        session_drop(session,
                     verdict == OUTCOME_CUT ? session_loss(session, session->fd) : verdict);
    } else {
        address_text(&session->peer, peer);
        log_event(LOG_NORMAL, "session failed",
                  &(struct log_facts){.session = session->number, .peer = peer, .reason = how},
                  N_("session %" PRIu64 " from %s failed: %s"), session->number, peer, how);
        session_drop(session, OUTCOME_FAILED);
    }
}
