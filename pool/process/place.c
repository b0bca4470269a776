/* SPDX-License-Identifier: MIT */
/* The place of a worker process, and the waking of the manager, for all parts of the executor. */
#include "pool/process/place-internal.h"

#include "pool/cancel-internal.h"
#include "pool/clock-internal.h"
#include "pool/process/calls-internal.h"
#include "pool/process/zygote-internal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- waking -------------------------------------------------------------------------------- */

void poke(struct process_executor *executor)
{
    HOLD_CANCELLATION;
    uint64_t one = 1;

    if (atomic_exchange(&executor->poked, true))
        return;
    /* It can fail only if the counter is full, and then the manager is awake. */
    if (write(executor->wakeup, &one, sizeof one) < 0)
        return;
}

void due_at(struct process_executor *executor, int64_t when_ns)
{
    if (when_ns < executor->next_due_ns)
        executor->next_due_ns = when_ns;
}

bool is_closing(struct process_executor *executor)
{
    return queue_refusal(&executor->base.queue) != 0;
}

bool is_ending(struct process_executor *executor)
{
    return atomic_load(&executor->base.broken) || atomic_load(&executor->base.terminating) ||
           (is_closing(executor) && queue_held(&executor->base.queue) == 0);
}

/* --- life ---------------------------------------------------------------------------------- */

struct place *place_new(struct process_executor *executor, uint32_t index)
{
    struct place *place =
        aligned_alloc(CACHE_LINE, (sizeof *place + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);
    size_t slots = 1;

    if (place == NULL)
        return NULL;
    memset(place, 0, sizeof *place);
    while (slots < executor->credits)
        slots *= 2;
    place->executor = executor;
    place->index = index;
    place->slot_mask = slots - 1;
    place->socket = place->pidfd = place->file = -1;
    place->slots = aligned_alloc(CACHE_LINE, slots * sizeof *place->slots);
    place->spares = calloc(slots, sizeof(struct returned *));
    place->inbox = malloc(WIRE_MESSAGE_MAX);
    if (place->slots == NULL || place->spares == NULL || place->inbox == NULL) {
        place_free(place);
        return NULL;
    }
    place->dormant = executor->is_elastic;
    atomic_init(&place->start, START_SETTLED); /* until a worker is wanted */
    return place;
}

void place_free(struct place *place)
{
    if (place == NULL)
        return;
    for (uint64_t i = 0; place->spares != NULL && i <= place->slot_mask; i++)
        free(place->spares[i]);
    free(place->spares);
    free(place->slots);
    free(place->inbox);
    free(place);
}

bool place_is_wanted(const struct place *place)
{
    return place->index < atomic_load(&place->executor->target) && !place->dormant &&
           !is_ending(place->executor);
}

void place_renew(struct place *place)
{
    place->given_up = false;
    place->failures = 0;
    place->retry_ns = 1;
}

void place_settle(struct place *place, int rc)
{
    if (place_is_settled(place))
        return;
    place->start_rc = rc;
    atomic_store(&place->start, START_SETTLED);
    waitlist_wake_all(&place->executor->settling);
}

/** Note since when the worker is idle, if that is looked at. */
static void note_idle_locked(struct place *place)
{
    struct process_executor *executor = place->executor;

    if (executor->is_elastic || executor->base.observer != NULL)
        place->idle_since_ns = ep_now_ns();
}

void place_is_ready(struct place *place)
{
    struct process_executor *executor = place->executor;

    place->was_ready = true;
    place->failures = 0;
    if (place->life == LIFE_STOPPING)
        return;                      /* it is not needed any more */
    if (place->life != LIFE_DYING) { /* otherwise it was ready, and has died since */
        lock_acquire(&executor->lock);
        place->life = LIFE_READY;
        note_idle_locked(place);
        lock_release(&executor->lock);
        if (atomic_fetch_add(&executor->alive, 1) >= atomic_load(&executor->most))
            atomic_fetch_add(&executor->most, 1);
        if (executor->is_elastic) /* its task may have gone to another one */
            due_at(executor, deadline_after(executor->base.options.idle_timeout_ns));
    }
    if (!place_is_settled(place) && place_is_wanted(place)) /* in this order: place_care() */
        place_settle(place, 0);
}

/** Have the zygote send a signal. @return false: not yet, its line is full */
static bool order_signal(const struct place *place, int number)
{
    struct zygote_order order = {.ticket = place->ticket, .signal = (uint64_t)number};
    struct iovec part = {.iov_base = &order, .iov_len = sizeof order};
    int rc = wire_send(place->executor->line, &part, 1, NULL, 0, MSG_DONTWAIT);

    return rc != -EAGAIN && !wire_may_pass(rc); /* otherwise the zygote is gone, and its workers */
}

void place_kill(struct place *place, int number)
{
    bool sent = place->pidfd < 0 || pidfd_send_signal(place->pidfd, number, NULL, 0) == 0 ||
                errno == ESRCH || /* it is dead already */
                order_signal(place, number);

    place->unsent_signal = sent ? 0 : number;
    if (!sent)
        due_at(place->executor, ep_now_ns() + BUSY_LINE_NS);
}

void kill_all(struct process_executor *executor, int number)
{
    for (uint32_t i = 0; i < executor->place_count; i++)
        place_kill(executor->places[i], number);
}

void place_close(struct place *place)
{
    lock_acquire(&place->executor->lock); /* claim_for() looks at the socket */
    if (place->socket >= 0)
        close(place->socket);
    if (place->pidfd >= 0)
        close(place->pidfd);
    if (place->file >= 0) /* processes that the worker has made may have it */
        close(place->file);
    place->socket = place->pidfd = place->file = -1;
    place->watched = place->armed = place->blocked = false;
    place->resend_ns = 0;
    place->kill_ns = 0;
    lock_release(&place->executor->lock);
}

/* --- watching and listing ------------------------------------------------------------------ */

void place_watch_locked(struct place *place)
{
    struct epoll_event event = {
        .events = (place->armed ? EPOLLIN : EPOLLET) | (place->blocked ? EPOLLOUT : 0),
        .data.u64 = (uint64_t)place->index << 2 | PLACE_SOCKET,
    };

    if (place->watched)
        EP_ASSERT(epoll_ctl(place->executor->epoll, EPOLL_CTL_MOD, place->socket, &event) == 0);
}

void place_arm_locked(struct place *place, bool armed)
{
    if (place->armed == armed)
        return;
    place->armed = armed;
    place_watch_locked(place);
}

void place_list_locked(struct place *place)
{
    struct process_executor *executor = place->executor;

    note_idle_locked(place);
    place->next_idle = executor->idle;
    executor->idle = place;
    place->listed = true;
    atomic_fetch_add(&executor->idle_count, 1);
}

void place_unlist_locked(struct place *place)
{
    struct process_executor *executor = place->executor;
    struct place **at = &executor->idle;

    if (!place->listed)
        return;
    while (*at != place)
        at = &(*at)->next_idle;
    *at = place->next_idle;
    place->listed = false;
    atomic_fetch_sub(&executor->idle_count, 1);
}
