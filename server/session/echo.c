/* SPDX-License-Identifier: MIT */
/*
 * The echo: see echo.h.
 *
 * DESIGN. No clock is read and nothing is locked for an echo: the session counts its moves, and by them a
 * timer of the loop sees whether it makes progress (timeouts.c).
 */
#include "server/session/echo.h"

#include "server/session/boundary.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

/* Full buffers that a non-blocking session echoes before other sessions get their turn. */
#define ROUNDS_OF_A_TURN 16

/* Decide what follows when no bytes could be read. */
static enum need no_bytes(struct session *session, ssize_t size)
{
    enum outcome verdict = session_verdict(session);

    if (verdict != OUTCOME_SERVED)
        return session_finish(session, verdict);
    if (size == -EAGAIN)
        return session_awaits(session);
    /* After the server itself has stopped reading, TLS reports a truncation. */
    if (atomic_load_explicit(&session->reading_stopped, memory_order_relaxed))
        return session_finish(session, OUTCOME_STOPPED);
    return session_finish(session, size == 0 || session_was_check(session) ? OUTCOME_SERVED
                                                                           : OUTCOME_FAILED);
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
        return session_finish(session, verdict != OUTCOME_SERVED ? verdict : OUTCOME_FAILED);
    if (!keep_rest(session, bytes, size))
        return session_finish(session, OUTCOME_FAILED);
    return session_awaits(session);
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
        return session_finish(session, OUTCOME_FAILED);
    session->rest.held = true;
    if (session->stream.nonblocking)
        return NEED_MOMENT;
    poll(NULL, 0, SESSION_MOMENT_NS / 1000000);
    return NEED_TURN;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
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

    note_sent(session,
              larger(rest->sent + written, rest->counted) - larger(rest->sent, rest->counted));
    rest->sent += written;
    if (code == -EAGAIN && session_verdict(session) == OUTCOME_SERVED) {
        if (written > 0)
            session_move(session, PHASE_SENDING);
        return session_awaits(session);
    }
    session->boundary.unsent |= rest->sent < rest->counted;
    if (code == 0 && rest->size > rest->counted)
        note_echo(session);
    free(rest->bytes);
    *rest = (struct rest){0};
    if (code != 0)
        return not_all_written(session, -EPIPE, NULL, 0);
    return session->boundary.corked ? session_finish(session, OUTCOME_STOPPED) : NEED_NOTHING;
}

/* What was held back, or not written, came later: these bytes go before it. */
int echo_take_back(struct session *session, const unsigned char *bytes, size_t size)
{
    struct rest *rest = &session->rest;
    unsigned char *all = realloc(rest->bytes, rest->size + size);

    session->boundary.unsent |= all == NULL;
    if (all == NULL)
        return -ENOMEM;
    memmove(all + rest->counted + size, all + rest->counted, rest->size - rest->counted);
    memcpy(all + rest->counted, bytes, size);
    rest->bytes = all;
    rest->size += size;
    rest->counted += size;
    session_move(session, PHASE_SENDING);
    return 0;
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
