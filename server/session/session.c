/* SPDX-License-Identifier: MIT */
/* A session from accept to close: see session.h. How it is served is in serve.c. */
#include "server/session/session.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/translate.h"
#include "server/session/linger.h"
#include "server/session/store.h"
#include "server/session/trace.h"

#include <inttypes.h>
#include <linux/futex.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * Sessions lie beside one another in memory, and two CPUs may serve neighbours. For an echo a session writes
 * its entry's counts, at its beginning, and `progress`, towards its end: no line of a cache has both the last
 * of one session and the first of the next, wherever lines begin. ARCHITECTURE.md has the list of what an
 * echo writes.
 */
#define CACHE_LINE_BYTES 64
#define FIRST_WRITTEN    offsetof(struct session, entry.echoes)
#define END_OF_WRITTEN   (offsetof(struct session, progress) + sizeof(uint64_t))
_Static_assert(sizeof(struct session) - END_OF_WRITTEN + FIRST_WRITTEN >= CACHE_LINE_BYTES,
               "two sessions would write to one cache line for their echoes");

void session_set_up(struct session *session, struct shared *shared, int fd,
                    const struct address *peer)
{
    session->shared = shared;
    session->fd = fd;
    session->peer = *peer;
    stream_init_plain(&session->stream, fd);
    session->number = atomic_fetch_add(shared->numbers, 1) + 1;
    session->draws = service_time_begin(session->number);
}

struct session *session_new(struct shared *shared, int fd, const struct address *peer)
{
    struct session *session = store_take(shared->store);

    if (session == NULL) {
        accounting_turn_away(shared->accounting);
        return NULL;
    }
    session_set_up(session, shared, fd, peer);
    accounting_enter(shared->accounting, &session->entry);
    return session;
}

bool session_admit(struct session *session)
{
    struct per_source *table = session->shared->per_source;
    struct per_source_key source = per_source_key(&session->peer);

    return table == NULL || per_source_enter(table, &source, &session->source);
}

void session_set_nonblocking(struct session *session)
{
    stream_set_nonblocking(&session->stream);
}

enum outcome session_loss(const struct session *session, int fd)
{
    uint64_t received = atomic_load(&session->entry.bytes_received);
    bool is_plain = session->stream.tls == NULL;
    bool lost =
        fd < 0 || received > atomic_load(&session->entry.bytes_sent) ||
        boundary_lost(&session->boundary, fd, is_plain, atomic_load(&session->reading_stopped)) ||
        (is_plain && stream_has_pending(&session->stream));

    return lost ? OUTCOME_CUT : OUTCOME_STOPPED;
}

void session_log(const struct session *session, const char *event, const char *words,
                 const char *reason)
{
    char peer[ADDRESS_TEXT_MAX];

    if (log_writes(LOG_VERBOSE))
        log_event(LOG_VERBOSE, event,
                  &(struct log_facts){.session = session->number,
                                      .peer = address_text(&session->peer, peer),
                                      .reason = reason},
                  N_("session %" PRIu64 " from %s %s: %s"), session->number, peer, translate(words),
                  reason);
}

static void note_in_trace(const struct session *session, enum outcome outcome)
{
    const struct accounting_entry *entry = &session->entry;
    struct trace_record record = {
        .number = session->number,
        .accepted_ns = entry->accepted_ns,
        .begun_ns = atomic_load_explicit(&entry->begun_ns, memory_order_relaxed),
        .ended_ns = clock_now_ns(),
        .echoes = atomic_load_explicit(&entry->echoes, memory_order_relaxed),
        .worker = atomic_load_explicit(&entry->worker, memory_order_relaxed),
        .outcome = outcome,
    };

    if (trace_note(session->shared->trace, &record))
        shared_wake(session->shared);
}

/* Log how the session has ended. @param why  it was rejected; NULL: it was not */
static void log_end(const struct session *session, enum outcome outcome, const char *why)
{
    const struct accounting_entry *entry = &session->entry;
    int64_t begun_ns = atomic_load_explicit(&entry->begun_ns, memory_order_relaxed);
    int64_t now_ns = clock_now_ns();
    char peer[ADDRESS_TEXT_MAX];
    struct log_facts facts = {
        .session = session->number,
        .peer = address_text(&session->peer, peer),
        .outcome = outcome_words[outcome],
        .reason = why,
        .echoes = atomic_load_explicit(&entry->echoes, memory_order_relaxed),
        .bytes_received = atomic_load_explicit(&entry->bytes_received, memory_order_relaxed),
        .bytes_sent = atomic_load_explicit(&entry->bytes_sent, memory_order_relaxed),
        .waited_ns = (begun_ns == 0 ? now_ns : begun_ns) - entry->accepted_ns,
        .held_ns = begun_ns == 0 ? -1 : now_ns - begun_ns,
    };

    log_event(LOG_VERBOSE, "session ended", &facts, "session %" PRIu64 " from %s ended: %s%s%s",
              session->number, peer, translate(outcome_words[outcome]), why != NULL ? _(": ") : "",
              why != NULL ? why : "");
}

/*
 * Count the session and release it. @return its descriptor, to be closed afterwards
 *
 * The count comes before the close, so that a client that has seen the end of its session finds itself
 * counted in its next request. The loop touches descriptors of live sessions only, and under the
 * accounting's lock: after the count no other thread uses the descriptor.
 */
static int leave(struct session *session, enum outcome outcome, const char *why)
{
    struct shared *shared = session->shared;
    int fd = session->fd;

    if (log_writes(LOG_VERBOSE))
        log_end(session, outcome, why);
    if (shared->trace != NULL)
        note_in_trace(session, outcome);
    if (shared->per_source != NULL)
        per_source_leave(shared->per_source, &session->source);
    accounting_end(shared->accounting, &session->entry, outcome);
    store_give(shared->store, session);
    return fd;
}

void session_drop(struct session *session, enum outcome outcome)
{
    struct shared *shared = session->shared;
    bool lingers = session->lingers;
    bool awaited = atomic_load(shared->draining) || atomic_load(&shared->full);
    int fd;

    /* Before the count, or a stop could see no session and no lingerer, and lose what was sent last. */
    if (lingers)
        linger_announce(shared->lingerer);
    fd = leave(session, outcome, session->why);
    if (!lingers && fd >= 0)
        close(fd);
    else if (lingers && linger_later(shared->lingerer, fd))
        awaited = true;
    if (awaited)
        shared_wake(shared);
}

void session_end(struct session *session)
{
    session_drop(session, session->outcome);
}

void session_turn_away(struct session *session, enum outcome outcome, const char *why)
{
    struct shared *shared = session->shared;
    int fd;

    linger_announce(shared->lingerer);
    fd = leave(session, outcome, why);
    linger_busy(fd, why);
    if (linger_later(shared->lingerer, fd))
        shared_wake(shared);
}

/* --- the loop, on a session that is being served ------------------------------------------- */

/* Shut down a direction of the connection, or have its keeper do it. @param how  as for shutdown() */
static void shut(struct session *session, int how)
{
    if (session->keeper == 0) {
        shutdown(session->fd, how);
        return;
    }
    atomic_fetch_or(&session->shut, how == SHUT_RD ? 1U : 3U);
    kill(session->keeper, SIGURG); /* a child that is not waited for while it has a session */
}

void session_follow_shut(const struct session *session)
{
    unsigned directions = atomic_load(&session->shut);

    if (directions != 0)
        shutdown(session->stream.fd, directions == 1 ? SHUT_RD : SHUT_RDWR);
}

void session_judge(struct session *session, enum outcome verdict)
{
    uint32_t none = OUTCOME_SERVED;
    bool may_finish = verdict == OUTCOME_IDLE_TIMEOUT || verdict == OUTCOME_SESSION_TIMEOUT;

    atomic_compare_exchange_strong(&session->verdict, &none, (uint32_t)verdict);
    shut(session, may_finish ? SHUT_RD : SHUT_RDWR);
    syscall(SYS_futex, &session->verdict, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* Only one that waits for its client: others are about to read, or to send, and end soon enough. */
void session_nudge(struct accounting_entry *entry, void *context)
{
    struct session *session = (struct session *)entry;
    uint64_t progress = atomic_load_explicit(&session->progress, memory_order_relaxed);
    enum phase phase = session_phase(session);
    bool waits = phase == PHASE_RECEIVING || phase == PHASE_PARKED || phase == PHASE_HANDSHAKE;

    (void)context;
    if (waits && progress == session->nudge_seen && !atomic_load(&session->reading_stopped)) {
        atomic_store(&session->reading_stopped, true);
        shut(session, SHUT_RD);
    }
    session->nudge_seen = progress;
}

void session_conclude(struct accounting_entry *entry, void *context)
{
    struct session *session = (struct session *)entry;

    atomic_store(&session->ending, *(const enum ending *)context);
}
