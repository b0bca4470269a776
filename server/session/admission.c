/* SPDX-License-Identifier: MIT */
/* Letting clients in: see admission.h. */
#include "server/session/admission.h"

#include "common/translate.h"
#include "server/session/linger.h"

#include <errno.h>

#define ERRORS_IN_A_ROW 16

bool accept_failed(struct accept_failures *failures, int error)
{
    unsigned warnings = log_gate_pass(failures->gate);

    atomic_fetch_add_explicit(&failures->count, 1, memory_order_relaxed);
    failures->in_a_row++;
    /* After any other error the kernel has dropped the connection, unless the error repeats. */
    if (error != EMFILE && error != ENFILE && error != ENOBUFS && error != ENOMEM &&
        failures->in_a_row < ERRORS_IN_A_ROW) {
        if (warnings > 0)
            log_warn("a connection was lost before it could be accepted: %s",
                     translate_error(error));
        return false;
    }
    if (warnings > 0)
        log_warn("cannot accept a connection now: %s; new clients wait in the kernel's backlog, "
                 "and the server tries again every 100 ms",
                 translate_error(error));
    return true;
}

const char *admission_refusal(struct session *session)
{
    struct shared *shared = session->shared;

    /* Behind a proxy the client is known only after the header: see opening.c. */
    if (shared->proxy_protocol || session_admit(session))
        return NULL;
    return per_source_refusal(shared->per_source);
}

struct session *admission_enter(struct shared *shared, int fd, const struct address *from)
{
    struct session *session = session_new(shared, fd, from);
    const char *why;

    if (session == NULL) {
        linger_announce(shared->lingerer);
        linger_busy(fd, "out of memory");
        if (linger_later(shared->lingerer, fd))
            shared_wake(shared);
        return NULL;
    }
    why = admission_refusal(session);
    if (why == NULL)
        return session;
    session_turn_away(session, OUTCOME_REJECTED, why);
    return NULL;
}
