/* SPDX-License-Identifier: MIT */
/*
 * A session and its echo: see session.h.
 *
 * DESIGN. session_serve() walks through the stages of enum stage. Each either is done, or ends the
 * session, or returns what it waits for. A blocking stream never returns to wait, so one call serves the
 * whole session. No clock is read and nothing is locked for an echo: the session counts its moves, and by
 * them a timer of the loop sees whether it makes progress (timeouts.c).
 */
#include "server/session/session.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/tls.h"
#include "server/session/credentials.h"
#include "server/session/proxy.h"
#include "server/session/refuse.h"
#include "server/session/store.h"
#include "server/session/trace.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/futex.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Full buffers that a non-blocking session echoes before other sessions get their turn. */
#define ROUNDS_OF_A_TURN 16

/* End the session: it only has to be closed, after what has been sent has arrived. */
static enum need finished(struct session *session, enum outcome outcome)
{
    session->outcome = outcome;
    session->stage = STAGE_SETTLE;
    session_move(session, PHASE_CLOSING);
    return NEED_NOTHING;
}

/* Get what a non-blocking session waits for after -EAGAIN. */
static enum need awaited(const struct session *session)
{
    return session->stream.wants_write ? NEED_WRITE : NEED_READ;
}

/* --- the PROXY header ---------------------------------------------------------------------- */

/* Get the stage that follows a PROXY header, or is first without one. */
static enum stage after_header(const struct session *session)
{
    return session->shared->credentials != NULL ? STAGE_TLS : STAGE_ECHO;
}

/* Act on the header: it is complete, or will never be. */
static enum need end_of_header(struct session *session, int rc, const struct address *source)
{
    enum outcome verdict = session_verdict(session);
    char text[ADDRESS_TEXT_MAX];

    session->is_check = rc == 0 && session->proxy->is_local;
    free(session->proxy);
    session->proxy = NULL;
    if (verdict != OUTCOME_SERVED)
        return finished(session, verdict);
    /* A probe of the port, or a client that had sent nothing when the server began to drain. */
    if (rc < 0 && atomic_load(&session->reading_stopped))
        return finished(session, OUTCOME_STOPPED);
    if (rc == -ENODATA)
        return finished(session, OUTCOME_SERVED);
    if (rc < 0)
        return finished(session, rc == -EPROTO ? OUTCOME_HANDSHAKE_FAILED : OUTCOME_FAILED);
    if (source->storage.ss_family != AF_UNSPEC) {
        session->peer = *source;
        address_text(source, text);
        log_event(LOG_VERBOSE, "proxy header",
                  &(struct log_facts){.session = session->number, .peer = text},
                  "session %" PRIu64 " comes from %s", session->number, text);
    }
    session->stage = after_header(session);
    return NEED_NOTHING;
}

/* Read the client's address from the header of the proxy in front of the server. */
static enum need read_header(struct session *session)
{
    struct address source;
    int rc = -ENOMEM;

    if (session->proxy == NULL)
        session->proxy = calloc(1, sizeof *session->proxy);
    if (session->proxy != NULL)
        rc = proxy_read(session->proxy, session->stream.fd, session->stream.nonblocking, &source);
    if (rc == -EAGAIN && session_verdict(session) == OUTCOME_SERVED)
        return NEED_READ;
    return end_of_header(session, rc, &source);
}

/* --- the echo ------------------------------------------------------------------------------ */

/* A proxy's health check has what it wants once its header was taken; it may then end by a reset. */
static bool is_checked(const struct session *session)
{
    return session->is_check &&
           atomic_load_explicit(&session->entry.bytes_received, memory_order_relaxed) == 0;
}

/* Decide what follows when no bytes could be read. */
static enum need no_bytes(struct session *session, ssize_t size)
{
    enum outcome verdict = session_verdict(session);

    if (verdict != OUTCOME_SERVED)
        return finished(session, verdict);
    if (size == -EAGAIN)
        return awaited(session);
    /* After the server itself has stopped reading, TLS reports a truncation. */
    if (atomic_load_explicit(&session->reading_stopped, memory_order_relaxed))
        return finished(session, OUTCOME_STOPPED);
    return finished(session, size == 0 || is_checked(session) ? OUTCOME_SERVED : OUTCOME_FAILED);
}

/* Keep for later what could not be written, or is not written yet. @return false: out of memory */
static bool keep_rest(struct session *session, const unsigned char *bytes, size_t size)
{
    session->rest = (struct rest){.bytes = malloc(size), .size = size};
    if (session->rest.bytes == NULL)
        return false;
    memcpy(session->rest.bytes, bytes, size);
    return true;
}

/* Keep for later what could not be written, or give up. */
static enum need not_all_written(struct session *session, int code, const unsigned char *bytes,
                                 size_t size)
{
    enum outcome verdict = session_verdict(session);

    if (code != -EAGAIN || verdict != OUTCOME_SERVED)
        return finished(session, verdict != OUTCOME_SERVED ? verdict : OUTCOME_FAILED);
    if (!keep_rest(session, bytes, size))
        return finished(session, OUTCOME_FAILED);
    return awaited(session);
}

static void note_echo(struct session *session)
{
    uint64_t echoes = atomic_load_explicit(&session->entry.echoes, memory_order_relaxed);

    atomic_store_explicit(&session->entry.echoes, echoes + 1, memory_order_relaxed);
}

static void note_sent(struct session *session, size_t size)
{
    uint64_t sent = atomic_load_explicit(&session->entry.bytes_sent, memory_order_relaxed);

    atomic_store_explicit(&session->entry.bytes_sent, sent + size, memory_order_relaxed);
}

static void note_received(struct session *session, size_t size)
{
    uint64_t received = atomic_load_explicit(&session->entry.bytes_received, memory_order_relaxed);

    atomic_store_explicit(&session->entry.bytes_received, received + size, memory_order_relaxed);
}

/* Check whether the loop wants the session to end at its next boundary. */
static bool ends_soon(const struct session *session)
{
    return atomic_load_explicit(&session->ending, memory_order_relaxed) != ENDING_NOT ||
           atomic_load_explicit(&session->reading_stopped, memory_order_relaxed);
}

/* Decide whether it ends with the echo that is about to be sent. */
static bool is_last(const struct session *session)
{
    return atomic_load(&session->ending) == ENDING_NOW || !boundary_input(&session->stream);
}

/* Let end of file go with the next echo. */
static void cork(struct session *session)
{
    boundary_cork(&session->boundary, &session->stream);
    if (!session->boundary.corked)
        atomic_store(&session->reading_stopped, true);
}

/* Hold an echo back for a moment; the session ends with it if nothing more comes. */
static enum need hold_back(struct session *session, const unsigned char *bytes, size_t size)
{
    if (!keep_rest(session, bytes, size))
        return finished(session, OUTCOME_FAILED);
    session->rest.held = true;
    if (session->stream.nonblocking)
        return NEED_MOMENT;
    poll(NULL, 0, SESSION_MOMENT_NS / 1000000);
    return NEED_TURN;
}

/* Send what a non-blocking session could not send the last time, or what was held back. */
static enum need write_rest(struct session *session)
{
    struct rest *rest = &session->rest;
    size_t written;
    int code;

    if (rest->held && is_last(session))
        cork(session);
    rest->held = false;
    code =
        stream_write(&session->stream, rest->bytes + rest->sent, rest->size - rest->sent, &written);

    rest->sent += written;
    note_sent(session, written);
    if (code == -EAGAIN && session_verdict(session) == OUTCOME_SERVED) {
        if (written > 0)
            session_move(session, PHASE_SENDING);
        return awaited(session);
    }
    free(rest->bytes);
    *rest = (struct rest){0};
    if (code != 0)
        return not_all_written(session, -EPIPE, NULL, 0);
    note_echo(session);
    return session->boundary.corked ? finished(session, OUTCOME_STOPPED) : NEED_NOTHING;
}

/* Do to the bytes what the options ask for, between receiving and sending. */
static void work(struct session *session, unsigned char *bytes, size_t size)
{
    const struct shared *shared = session->shared;

    transform_apply(shared->transform, bytes, size);
    if (shared->print != PRINT_NONE)
        printer_message(shared->printer, session->number, bytes, size);
    if (shared->delay.mean_ns > 0 || shared->burn.mean_ns > 0) {
        session_move(session, PHASE_WORKING);
        service_time_spend(&shared->delay, &shared->burn, &session->draws, &session->verdict);
    }
}

enum need communicate(struct session *session, unsigned char *buffer)
{
    const size_t most = session->shared->buffer_bytes;
    struct stream *stream = &session->stream;
    unsigned rounds = 0;
    size_t written;

    session->conversed = true;
    if (session->rest.bytes != NULL) {
        enum need need = write_rest(session);
        if (need != NEED_NOTHING || session->stage != STAGE_ECHO)
            return need;
    }
    for (;;) {
        session_move(session, PHASE_RECEIVING);
        ssize_t size = stream_read(stream, buffer, most);
        /* After a verdict, bytes may go on arriving, and reading would go on succeeding. */
        if (size <= 0 || session_verdict(session) != OUTCOME_SERVED)
            return no_bytes(session, size);
        note_received(session, (size_t)size);

        work(session, buffer, (size_t)size);

        session_move(session, PHASE_SENDING);
        if (ends_soon(session) && is_last(session)) {
            enum need need = hold_back(session, buffer, (size_t)size);
            if (need != NEED_TURN)
                return need;
            need = write_rest(session);
            if (need != NEED_NOTHING || session->stage != STAGE_ECHO)
                return need;
            continue;
        }
        int code = stream_write(stream, buffer, (size_t)size, &written);
        note_sent(session, written);
        if (code != 0)
            return not_all_written(session, code, buffer + written, (size_t)size - written);
        note_echo(session);

        /* A buffer that is not full has emptied the socket: asking again would cost a call. */
        if (stream->nonblocking && (size_t)size < most && !stream_has_pending(stream)) {
            session_move(session, PHASE_RECEIVING);
            return NEED_READ;
        }
        if (stream->nonblocking && ++rounds == ROUNDS_OF_A_TURN)
            return NEED_TURN;
    }
}

/* --- life ---------------------------------------------------------------------------------- */

struct session *session_new(struct shared *shared, int fd, const struct address *peer)
{
    struct session *session = store_take(shared->store);

    if (session == NULL) {
        accounting_turn_away(shared->accounting);
        return NULL;
    }
    session->shared = shared;
    session->fd = fd;
    session->peer = *peer;
    stream_init_plain(&session->stream, fd);
    session->number = accounting_enter(shared->accounting, &session->entry);
    session->draws = service_time_begin(session->number);
    return session;
}

bool session_admit(struct session *session)
{
    struct per_source_key source;

    if (session->shared->per_source == NULL)
        return true;
    source = per_source_key(&session->peer);
    if (!per_source_enter(session->shared->per_source, &source))
        return false;
    session->source = source;
    return true;
}

void session_set_nonblocking(struct session *session)
{
    stream_set_nonblocking(&session->stream);
}

/* Make the connection a TLS stream; it stays blocking or non-blocking. */
static int wrap_in_tls(struct session *session)
{
    bool nonblocking = session->stream.nonblocking;
    struct tls_context *context = credentials_take(session->shared->credentials);
    int rc = stream_init_tls(&session->stream, session->stream.fd, context, NULL);

    tls_context_unref(context);
    if (rc == 0 && nonblocking)
        stream_set_nonblocking(&session->stream);
    return rc;
}

/*
 * Let a TLS alert arrive. Closing while input is unread would send a reset, which destroys the alert, so
 * read what is there. A client that keeps sending may lose it.
 */
static void save_alert(struct session *session)
{
    char bytes[4096];

    shutdown(session->stream.fd, SHUT_WR);
    for (int i = 0; i < 16 && recv(session->stream.fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0; i++)
        ;
}

static enum need shake_hands(struct session *session)
{
    char words[TLS_WHY_MAX];
    const char *why;
    int code = session->stream.tls == NULL ? wrap_in_tls(session) : 0;

    if (code == 0)
        code = stream_handshake(&session->stream);
    if (session_verdict(session) != OUTCOME_SERVED)
        return finished(session, session_verdict(session));
    if (code == -EAGAIN)
        return awaited(session);
    if (code == 0) {
        session->stage = STAGE_ECHO;
        return NEED_NOTHING;
    }
    why = code == -EPROTO ? stream_error_text(&session->stream, words) : strerror(-code);
    log_event(LOG_VERBOSE, "handshake failed",
              &(struct log_facts){.session = session->number, .reason = why},
              "session %" PRIu64 ": no TLS: %s", session->number, why);
    save_alert(session);
    if (is_checked(session))
        return finished(session, OUTCOME_SERVED);
    return finished(session, code == -EPROTO ? OUTCOME_HANDSHAKE_FAILED : OUTCOME_FAILED);
}

/* Begin to serve. */
static void begin(struct session *session, unsigned worker)
{
    /* --model fork has set it already. It must not change: the wait has been counted. */
    if (atomic_load_explicit(&session->entry.begun_ns, memory_order_relaxed) == 0)
        atomic_store_explicit(&session->entry.begun_ns, clock_now_ns(), memory_order_relaxed);
    atomic_store_explicit(&session->worker, worker, memory_order_relaxed);
    session_move(session, PHASE_HANDSHAKE);
    session->stage = session->shared->proxy_protocol ? STAGE_PROXY : after_header(session);
    if (session_verdict(session) != OUTCOME_SERVED) /* judged while it waited */
        finished(session, session_verdict(session));
}

enum outcome session_loss(const struct session *session, int fd)
{
    uint64_t received = atomic_load(&session->entry.bytes_received);
    bool lost = received > atomic_load(&session->entry.bytes_sent) ||
                boundary_lost(&session->boundary, fd, session->stream.tls == NULL,
                              atomic_load(&session->reading_stopped));

    return lost ? OUTCOME_CUT : OUTCOME_STOPPED;
}

/*
 * While draining, wait until the client's kernel has acknowledged every echo. The server ends sessions
 * whose clients may still be sending; once its half is closed too, the kernel answers their bytes with a
 * reset, and a reset destroys echoes that are on their way. No event reports the acknowledgement, so
 * check every few milliseconds; a verdict ends that. Bytes that come meanwhile are echoed as well.
 */
static enum need settle(struct session *session)
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
static enum need finish(struct session *session)
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

/* Wait for the client's end of file, and see whether bytes were lost. */
static enum need linger(struct session *session)
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

enum need session_serve(struct session *session, unsigned char *buffer, unsigned worker)
{
    enum need need = NEED_NOTHING;

    if (session->stage == STAGE_NEW)
        begin(session, worker);
    if (session->stage == STAGE_PROXY)
        need = read_header(session);
    if (session->stage == STAGE_TLS)
        need = shake_hands(session);
    do {
        if (session->stage == STAGE_ECHO)
            need = communicate(session, buffer);
        if (session->stage == STAGE_SETTLE)
            need = settle(session);
    } while (session->stage == STAGE_ECHO && need == NEED_NOTHING);
    if (session->stage == STAGE_FINISH)
        need = finish(session);
    if (session->stage == STAGE_LINGER)
        need = linger(session);
    return need;
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
        .worker = atomic_load_explicit(&session->worker, memory_order_relaxed),
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

    log_event(LOG_VERBOSE, "session ended", &facts, "session %" PRIu64 " ended: %s%s%s",
              session->number, outcome_words[outcome], why != NULL ? ": " : "",
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
    bool awaited = atomic_load(shared->draining) || atomic_load(&shared->full);

    close(leave(session, outcome, NULL));
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

    refuse(shared->refuser, leave(session, outcome, why), why);
}

/* --- the loop, on a session that is being served ------------------------------------------- */

void session_judge(struct session *session, enum outcome verdict)
{
    uint32_t none = OUTCOME_SERVED;
    bool may_finish = verdict == OUTCOME_IDLE_TIMEOUT || verdict == OUTCOME_SESSION_TIMEOUT;

    atomic_compare_exchange_strong(&session->verdict, &none, (uint32_t)verdict);
    shutdown(session->fd, may_finish ? SHUT_RD : SHUT_RDWR);
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
        shutdown(session->fd, SHUT_RD);
    }
    session->nudge_seen = progress;
}

void session_conclude(struct accounting_entry *entry, void *context)
{
    struct session *session = (struct session *)entry;

    atomic_store(&session->ending, *(const enum ending *)context);
}
