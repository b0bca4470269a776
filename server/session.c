/* SPDX-License-Identifier: MIT */
/* A session and its echo: see session.h. */
#include "server/session.h"

#include "common/clock.h"
#include "common/log.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#define SETTLE_MS 5

void service_wake(const struct service *service)
{
    /* The counter is read at each wake-up, so it cannot come near to overflowing. */
    if (eventfd_write(service->wake_fd, 1) != 0)
        abort();
}

/* --- the echo ------------------------------------------------------------------------------ */

/* Sleep, or work for nothing, before an echo: the service time that a lesson wants. */
static void spend_time(const struct service *service)
{
    if (service->delay_ns > 0) {
        struct pollfd cut = {.fd = service->cut_fd, .events = POLLIN};
        int64_t until_ns = clock_now_ns() + service->delay_ns;
        int64_t left_ns = service->delay_ns;

        while (left_ns > 0) {
            struct timespec left = {left_ns / 1000000000, left_ns % 1000000000};
            if (ppoll(&cut, 1, &left, NULL) > 0)
                return;
            left_ns = until_ns - clock_now_ns();
        }
    }
    if (service->burn_ns > 0) {
        struct timespec start;
        struct timespec now;

        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
        do {
            for (volatile unsigned i = 0; i < 1000; i++)
                ;
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
        } while ((now.tv_sec - start.tv_sec) * INT64_C(1000000000) + now.tv_nsec - start.tv_nsec <
                     service->burn_ns &&
                 !atomic_load_explicit(&service->cut, memory_order_relaxed));
    }
}

enum outcome communicate(struct session *session, unsigned char *buffer)
{
    const struct service *service = session->service;
    const bool plain =
        service->print == PRINT_NONE && service->delay_ns == 0 && service->burn_ns == 0;
    uint64_t echoes = 0;

    for (;;) {
        ssize_t size = stream_read(&session->stream, buffer, service->buffer_bytes);
        /* After a cut, bytes may go on arriving, and reading would go on succeeding. */
        if (atomic_load_explicit(&service->cut, memory_order_relaxed))
            return OUTCOME_FAILED;
        if (size == 0)
            return OUTCOME_SERVED;
        if (size < 0)
            return size == -ETIMEDOUT ? OUTCOME_IDLE_TIMEOUT : OUTCOME_FAILED;

        transform_apply(service->transform, buffer, (size_t)size);
        if (!plain) {
            if (service->print != PRINT_NONE)
                printer_message(service->printer, session->number, buffer, (size_t)size);
            spend_time(service);
        }

        int sent = stream_write(&session->stream, buffer, (size_t)size, NULL);
        if (sent < 0)
            return sent == -ETIMEDOUT ? OUTCOME_WRITE_TIMEOUT : OUTCOME_FAILED;
        atomic_store_explicit(&session->echoes, ++echoes, memory_order_relaxed);
    }
}

/* --- life ---------------------------------------------------------------------------------- */

struct session *session_new(struct service *service, int fd)
{
    struct session *session = calloc(1, sizeof *session);

    if (session == NULL) {
        accounting_turn_away(service->accounting);
        return NULL;
    }
    session->service = service;
    stream_init_plain(&session->stream, fd);
    session->number = accounting_enter(service->accounting, &session->entry);
    return session;
}

/*
 * Count, and give up the memory; the descriptor is left to the caller.
 *
 * The count comes before the close, so that a client who has seen the end of its session is
 * counted in whatever it asks for next. The loop touches descriptors of live sessions only, and
 * under the accounting's lock: after this nobody but the caller knows the descriptor.
 */
static struct stream finish(struct session *session, enum outcome outcome)
{
    struct service *service = session->service;
    struct stream stream = session->stream;

    accounting_end(service->accounting, &session->entry, outcome,
                   atomic_load_explicit(&session->echoes, memory_order_relaxed));
    free(session);
    return stream;
}

/*
 * While draining, we end sessions whose clients may go on sending. From the moment our half is
 * closed too, the kernel answers that with a reset, and a reset destroys echoes that are still on
 * their way. So first see that the client's side has acknowledged them all. No event tells when
 * that is, hence the look every few milliseconds; a cut ends it.
 */
static void settle(struct session *session)
{
    struct pollfd cut = {.fd = session->service->cut_fd, .events = POLLIN};
    int unacknowledged = 0;

    while (ioctl(session->stream.fd, SIOCOUTQ, &unacknowledged) == 0 && unacknowledged > 0 &&
           poll(&cut, 1, SETTLE_MS) == 0)
        ;
}

void session_serve(struct session *session, unsigned char *buffer)
{
    static const char *const endings[OUTCOME_COUNT] = {
        [OUTCOME_SERVED] = "served",
        [OUTCOME_REJECTED] = "rejected",
        [OUTCOME_IDLE_TIMEOUT] = "ended: nothing came for the idle timeout",
        [OUTCOME_WRITE_TIMEOUT] = "ended: the client took nothing for the write timeout",
        [OUTCOME_FAILED] = "failed",
    };
    struct service *service = session->service;
    enum outcome outcome = OUTCOME_FAILED;
    int rc;

    stream_set_nodelay(&session->stream);
    rc = stream_set_timeouts(&session->stream, service->idle_timeout_ns, service->write_timeout_ns);
    if (rc == 0)
        outcome = communicate(session, buffer);
    if (outcome == OUTCOME_SERVED && atomic_load(&service->draining))
        settle(session);
    log_verbose("session %" PRIu64 " %s", session->number, endings[outcome]);

    struct stream stream = finish(session, outcome);
    stream_close(&stream);
    if (atomic_load(&service->draining))
        service_wake(service);
}

void session_drop(struct session *session)
{
    struct service *service = session->service;
    struct stream stream = finish(session, OUTCOME_FAILED);

    stream_close(&stream);
    if (atomic_load(&service->draining))
        service_wake(service);
}

int session_reject(struct session *session)
{
    return finish(session, OUTCOME_REJECTED).fd;
}

/* --- the loop's hand on a session that somebody else serves -------------------------------- */

void session_nudge(struct accounting_entry *entry)
{
    struct session *session = (struct session *)entry;
    uint64_t echoes = atomic_load_explicit(&session->echoes, memory_order_relaxed);

    if (echoes == session->echoes_seen && !session->reading_stopped) {
        shutdown(session->stream.fd, SHUT_RD);
        session->reading_stopped = true;
    }
    session->echoes_seen = echoes;
}

void session_cut(struct accounting_entry *entry)
{
    struct session *session = (struct session *)entry;

    shutdown(session->stream.fd, SHUT_RDWR);
}
