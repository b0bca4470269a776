/* SPDX-License-Identifier: MIT */
/*
 * The thread of a process executor that watches over its worker processes.
 *
 * DESIGN
 *
 *     NONE --order--> ORDERED --started--> STARTING --ready--> READY --order to end---> STOPPING
 *      ^                 |                     |                 |                          |
 *      |               failed                  +----------- its end is seen ----------------+
 *      |                 |                                       v
 *      +-----------------+------- status known, all read ----- DYING
 *
 * The manager sleeps in epoll_wait() on the sockets and pidfds of the workers, on the line to the
 * zygote, and on an eventfd that other threads write when they need its care (poke). Its writes
 * never block, so a blocked worker cannot block it.
 */
#include "pool/process/place-internal.h"

#include "pool/clock-internal.h"
#include "pool/process/zygote-internal.h"
#include "pool/self-internal.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/** How long after SIGKILL the zygote may take to report the ends of workers. */
#define ZYGOTE_PATIENCE_NS (5 * SECOND_NS)
#define EVENTS_AT_ONCE     64

/* --- beginning ----------------------------------------------------------------------------- */

/** Order a worker from the zygote. */
static void place_order(struct place *place)
{
    struct process_executor *executor = place->executor;
    struct zygote_order order = {
        .ticket = ++executor->tickets,
        .plan = {.initialize = executor->base.options.initialize,
                 .finalize = executor->base.options.finalize,
                 .context = executor->base.options.context,
                 .index = place->index},
    };
    struct iovec part = {.iov_base = &order, .iov_len = sizeof order};
    char name[sizeof executor->base.name + sizeof "-4294967295"], words[128];
    int ends[2], rc;

    place->retry_ns = 0;
    snprintf(name, sizeof name, "%s-%u", executor->base.name, place->index);
    memcpy(order.plan.name, name, sizeof order.plan.name - 1);
    if (executor->line < 0) {
        place_failed(place, EP_EBROKEN, "the zygote is gone: no worker can be forked any more");
        return;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        rc = -errno;
    } else {
        rc = wire_send(executor->line, &part, 1, &ends[1], 1, MSG_DONTWAIT);
        close(ends[1]);
        if (rc != 0)
            close(ends[0]);
    }
    /* Many orders are under way, or many descriptors of this user: soon there will be room. */
    if (rc == -EAGAIN || rc == -ETOOMANYREFS) {
        place->retry_ns = ep_now_ns() + BUSY_LINE_NS;
        due_at(executor, place->retry_ns);
        return;
    }
    if (rc != 0) {
        snprintf(words, sizeof words, "a worker cannot be made: %s", strerror(-rc));
        place_failed(place, rc, words);
        return;
    }
    lock_acquire(&executor->lock);
    place->socket = ends[0];
    place->life = LIFE_ORDERED;
    place->overran = 0;
    lock_release(&executor->lock);
    place->ticket = order.ticket;
    place->was_ready = place->was_stopped = place->not_ready = false;
    place->cut_off = place->hostile = false;
    place->ended = place->status_known = false;
    place->unsent_signal = 0;
    place->given = 0;
    place->misses = 0;
    place->message_max = WIRE_MESSAGE_MAX;
}

/** Begin to watch a process that the zygote has forked. */
static void place_started(struct place *place, pid_t pid, struct wire_message *message)
{
    struct process_executor *executor = place->executor;
    struct epoll_event on_pidfd = {.events = EPOLLIN,
                                   .data.u64 = (uint64_t)place->index << 2 | PLACE_PIDFD};
    struct epoll_event on_socket = {.events = EPOLLIN,
                                    .data.u64 = (uint64_t)place->index << 2 | PLACE_SOCKET};

    place->pid = pid;
    if (message->fd_count != 1 ||
        epoll_ctl(executor->epoll, EPOLL_CTL_ADD, message->fds[0], &on_pidfd) != 0 ||
        epoll_ctl(executor->epoll, EPOLL_CTL_ADD, place->socket, &on_socket) != 0) {
        place_close(place); /* the end of its socket makes the worker end */
        wire_close_fds(message, 0);
        place->ticket = 0;
        place_failed(place, -EMFILE, "no descriptors are left to watch a new worker with");
        return;
    }
    lock_acquire(&executor->lock);
    place->pidfd = message->fds[0];
    message->fd_count = 0;
    place->watched = place->armed = true;
    place->life = LIFE_STARTING;
    lock_release(&executor->lock);
    if (atomic_load(&executor->base.broken))
        place_kill(place, SIGKILL);
    else if (atomic_load(&executor->base.terminating))
        place_kill(place, SIGTERM);
}

/* --- the zygote ---------------------------------------------------------------------------- */

static struct place *place_of_ticket(struct process_executor *executor, uint64_t ticket)
{
    for (uint32_t i = 0; i < executor->place_count; i++)
        if (executor->places[i]->ticket == ticket)
            return executor->places[i];
    return NULL; /* the place was given up meanwhile */
}

static void take_report(struct process_executor *executor, const struct zygote_report *report,
                        struct wire_message *message)
{
    struct place *place = place_of_ticket(executor, report->ticket);
    char words[128];

    if (place == NULL)
        return;
    switch (report->news) {
    case ZYGOTE_STARTED: place_started(place, report->pid, message); break;
    case ZYGOTE_FAILED:
        place_close(place);
        place->ticket = 0;
        snprintf(words, sizeof words, "a worker cannot be forked: %s", strerror(report->status));
        place_failed(place, report->status > 0 ? -report->status : EP_EBROKEN, words);
        break;
    default:
        place->status = report->status;
        place->ended = place->status_known = true;
        place_end_seen(place);
        break;
    }
}

/** Note that the zygote is gone, and every worker with it. */
static void zygote_lost(struct process_executor *executor)
{
    close(executor->line);
    executor->line = -1;
    for (uint32_t i = 0; i < executor->place_count; i++) {
        struct place *place = executor->places[i];

        place->ended = true;
        if (place->life == LIFE_ORDERED) {
            place_close(place);
            place->ticket = 0;
            place_failed(place, EP_EBROKEN, "the zygote is gone");
        }
    }
}

static void line_read(struct process_executor *executor)
{
    struct zygote_report report;
    struct wire_message message;
    int rc;

    while ((rc = wire_receive(executor->line, &report, sizeof report, MSG_DONTWAIT, &message)) ==
           0) {
        if (message.size == sizeof report)
            take_report(executor, &report, &message);
        wire_close_fds(&message, 0);
    }
    if (rc != -EAGAIN)
        zygote_lost(executor);
}

/* --- the thread ---------------------------------------------------------------------------- */

static int64_t place_resend_ns(struct place *place)
{
    int64_t resend_ns;

    lock_acquire(&place->executor->lock);
    resend_ns = place->resend_ns;
    lock_release(&place->executor->lock);
    return resend_ns;
}

/** Send again what could not be sent, if it is time to. */
static void place_care_for_resend(struct place *place, int64_t now)
{
    int64_t resend_ns = place_resend_ns(place);

    if (resend_ns != 0 && resend_ns <= now) {
        place_resume_sending(place);
        resend_ns = place_resend_ns(place);
    }
    if (resend_ns > now) /* otherwise another thread sends, and pokes if it fails */
        due_at(place->executor, resend_ns);
}

/** Care for one place. */
static void place_care(struct place *place, int64_t now)
{
    struct process_executor *executor = place->executor;
    /* In this order: `target` is then not older than the resize that awaits a worker here. */
    bool awaited = !place_is_settled(place), wanted = place_is_wanted(place);

    if (place->unsent_signal != 0)
        place_kill(place, place->unsent_signal);
    switch ((enum life)atomic_load(&place->life)) { /* clang does not switch on an atomic */
    case LIFE_NONE:
        if (atomic_load(&place->start) == START_WANTED) {
            atomic_store(&place->start, START_UNDER_WAY);
            place_renew(place);
        }
        if (is_ending(executor))
            place_settle(place,
                         is_closing(executor) ? queue_refusal(&executor->base.queue) : EP_EBROKEN);
        else if (!wanted)
            break;
        else if (place->retry_ns > now)
            due_at(executor, place->retry_ns);
        else if (place->retry_ns > 0)
            place_order(place);
        break;
    case LIFE_STARTING:
        if (!wanted)
            place_stop(place);
        break;
    case LIFE_READY:
        if (awaited && wanted)
            place_settle(place, 0);
        if (!wanted || (executor->base.options.tasks_per_worker > 0 &&
                        place->given >= executor->base.options.tasks_per_worker))
            place_stop(place);
        else
            place_offer(place);
        place_care_for_resend(place, now);
        place_care_for_limit(place, now);
        elastic_shrink(place, now);
        break;
    case LIFE_DYING: place_try_bury(place); break;
    default: break;
    }
}

/**
 * Send nothing more to any worker. A worker without a task ends; one that runs a task and survives
 * SIGTERM sees this by ep_task_stopping().
 */
static void end_streams(struct process_executor *executor)
{
    for (uint32_t i = 0; i < executor->place_count; i++) {
        struct place *place = executor->places[i];

        lock_acquire(&executor->lock);
        if (place->socket >= 0)
            shutdown(place->socket, SHUT_WR);
        lock_release(&executor->lock);
    }
}

/**
 * Send SIGTERM to the workers, and SIGKILL after the grace time. Long after that, do without a zygote that reports no
 * end: a frozen cgroup holds it, or a debugger.
 */
static void care_for_termination(struct process_executor *executor, int64_t now)
{
    int64_t grace_ns =
        executor->base.options.grace_ns > 0 ? executor->base.options.grace_ns : SECOND_NS;
    int number;

    if (!atomic_load(&executor->base.terminating))
        return;
    if (executor->kill_at_ns == 0) {
        number = SIGTERM;
        executor->kill_at_ns = deadline_after(grace_ns);
        end_streams(executor);
    } else {
        number = SIGKILL;
        if (executor->kill_at_ns > now) {
            due_at(executor, executor->kill_at_ns);
            return;
        }
        if (executor->killed_ns == 0)
            executor->killed_ns = now;
        else if (now - executor->killed_ns >= ZYGOTE_PATIENCE_NS && executor->line >= 0)
            shutdown(executor->line, SHUT_RDWR);
        /* for a worker that starts only now */
        executor->kill_at_ns =
            deadline_after(grace_ns < ZYGOTE_PATIENCE_NS ? grace_ns : ZYGOTE_PATIENCE_NS);
    }
    kill_all(executor, number);
    due_at(executor, executor->kill_at_ns);
}

/** Care for everything. @return false when the executor is over */
static bool care(struct process_executor *executor)
{
    int64_t now = ep_now_ns();
    bool any = false;

    executor->next_due_ns = INT64_MAX;
    due_at(executor, executor_expire(&executor->base));
    care_for_termination(executor, now);
    elastic_grow(executor);
    resume_postponed(executor, now);
    for (uint32_t i = 0; i < executor->place_count; i++)
        place_care(executor->places[i], now);
    break_if_hopeless(executor);
    lose_returned(executor); /* each time: a worker may have sent one back before it was killed */
    dispatch(executor);
    for (uint32_t i = 0; i < executor->place_count; i++)
        any = any || executor->places[i]->life != LIFE_NONE;
    return any || !is_closing(executor) || queue_held(&executor->base.queue) > 0;
}

/** Handle one event. @return whether care is due */
static bool take_event(struct process_executor *executor, const struct epoll_event *event)
{
    uint64_t count;
    struct place *place;
    bool ended = false;

    if (event->data.u64 == EVENT_WAKEUP) {
        if (read(executor->wakeup, &count, sizeof count) < 0)
            return false;
        atomic_store(&executor->poked, false);
        return true;
    }
    if (event->data.u64 == EVENT_LINE) {
        if (executor->line >= 0)
            line_read(executor);
        return true;
    }
    place = executor->places[event->data.u64 >> 2];
    if ((event->data.u64 & EVENT_KINDS) == PLACE_PIDFD) {
        place_end_seen(place);
        return true;
    }
    if (event->events & EPOLLOUT)
        place_resume_sending(place);
    if (event->events & EPOLLIN)
        ended = !receive(place, executor->inbox);
    if (ended || event->events & (EPOLLHUP | EPOLLERR)) {
        place_end_seen(place);
        return true;
    }
    return false;
}

/** Compute the milliseconds until care is due, rounded up; -1: no time is set. */
static int timeout_ms(struct process_executor *executor)
{
    int64_t rest_ns;

    if (executor->next_due_ns == INT64_MAX)
        return -1;
    rest_ns = executor->next_due_ns - ep_now_ns();
    if (rest_ns <= 0)
        return 0;
    return rest_ns / MILLISECOND_NS < INT_MAX ? (int)(rest_ns / MILLISECOND_NS + 1) : INT_MAX;
}

void *manager_main(void *argument)
{
    struct process_executor *executor = argument;
    struct epoll_event events[EVENTS_AT_ONCE];
    bool due = true;

    self_serve(&executor->base, true);
    prctl(PR_SET_NAME, executor->base.name);
    for (;;) {
        int count;

        if (due && !care(executor))
            break;
        call_owed(executor);
        count = epoll_wait(executor->epoll, events, EVENTS_AT_ONCE, timeout_ms(executor));
        due = executor->next_due_ns != INT64_MAX && ep_now_ns() >= executor->next_due_ns;
        for (int i = 0; i < count; i++)
            due = take_event(executor, &events[i]) || due;
        call_owed(executor);
    }
    call_owed(executor);
    atomic_store(&executor->over, 1);
    waitlist_wake_all(&executor->settling);
    waitlist_wake_all(&executor->ended);
    return NULL;
}
