/* SPDX-License-Identifier: MIT */
/*
 * How tasks get to worker processes, and outcomes back.
 *
 * DESIGN
 *
 *     submitter                     worker's socket                     the receiver
 *       queue_push                                                       wire_receive
 *       an idle worker?  --------------- task -------->  run
 *         dispatch: take, send   <------ outcome ------                  finish the future
 *                                                                        take and send the next
 *
 * Any thread may send to a worker or receive from it, one at a time (place-internal.h), so a round
 * trip needs no third thread. A submitter that finds an idle worker writes to its socket itself. A
 * thread that waits for the outcome of a task reads it from the socket itself; the manager reads
 * only if no thread waits. So a submit and the wait for its result go from the caller to the worker
 * and back. The price is to tell epoll whether the manager listens: less than half a microsecond
 * each time.
 *
 * Callbacks always run on the manager: another thread that publishes an outcome leaves them to it.
 *
 * A worker that has sent an outcome gets its next tasks from the receiver. With prefetch it gets
 * several in one message, but not more than its share of the queued tasks, so that the others do
 * not idle. The sending is in send.c.
 */
#include "pool/process/place-internal.h"

#include "pool/cancel-internal.h"
#include "pool/clock-internal.h"
#include "pool/future-internal.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/** Messages read from one worker before it gets its next tasks and other workers are served. */
#define RECEIVE_AT_ONCE 32u

/* --- messages of a worker ------------------------------------------------------------------ */

/** Keep the reply in the future. @return 0, or the reason why it could not arrive */
static int keep_reply(struct ep_future *future, const struct wire_note *note, const void *payload,
                      const struct wire_message *message)
{
    bool in_file = note->flags & WIRE_IN_FILE;
    size_t size = (size_t)note->size;
    void *data;
    int rc;

    if (in_file && (message->fds_lost || message->fd_count != 1))
        return -EMFILE;
    if (in_file && (rc = wire_file_check(message->fds[0], size)) != 0)
        return rc;
    data = future_make_reply(future, size);
    if (data == NULL)
        return -ENOMEM;
    if (in_file)
        return wire_file_read(message->fds[0], data, size);
    memcpy(data, payload, size);
    return 0;
}

/** Note when a task has ended, if the executor is observed. The next one begins then. */
static void observe_end(struct place *place)
{
    struct observer *observer = place->executor->base.observer;
    int64_t now;

    if (observer == NULL)
        return;
    now = ep_now_ns();
    observer_ended(observer, place->index, now - atomic_exchange(&place->task_since_ns, now));
}

/** Take the outcome of the oldest task of a worker. */
static void take_outcome(struct place *place, const struct wire_note *note, const char *words,
                         const struct wire_message *message)
{
    struct process_executor *executor = place->executor;
    struct queue_entry entry =
        slot_at(place, atomic_load_explicit(&place->head, memory_order_relaxed))->entry;
    char text[WIRE_WORDS_MAX + 1];
    int rc = 0;

    /* First, because another task may be sent once the ring is empty, and its reply written. */
    observe_end(place);
    if (note->verdict == 0 && entry.future != NULL && (note->flags & WIRE_HAS_REPLY))
        rc = keep_reply(entry.future, note, words + note->words, message);
    atomic_fetch_add(&place->head, 1);
    if (note->verdict == 0) {
        if (rc != 0) { /* so it has a future */
            snprintf(text, sizeof text, "the reply could not be received: %s", strerror(-rc));
            future_set_error(entry.future, EP_ESHIP, -rc, text);
        }
        atomic_fetch_add_explicit(rc != 0 ? &executor->failed : &executor->finished, 1,
                                  memory_order_relaxed);
    } else {
        memcpy(text, words, note->words);
        text[note->words] = '\0';
        if (note->verdict == EP_EUNKNOWN) { /* it did not begin */
            drop_task(executor, &entry, place->index, EP_EUNKNOWN, note->code, text);
            return;
        }
        if (entry.future != NULL)
            future_set_error(entry.future, note->verdict, note->code,
                             note->words > 0 ? text : NULL);
        atomic_fetch_add_explicit(&executor->failed, 1, memory_order_relaxed);
    }
    task_over(executor, &entry, place->index);
    place->unreported++;
}

/** Let the time of the next task begin, after the outcome of the one before it. */
static void begin_limit(struct place *place)
{
    bool tell;

    if (atomic_load(&place->limit_tail) == 0)
        return;
    lock_acquire(&place->executor->lock);
    tell = place_note_limit_locked(place);
    lock_release(&place->executor->lock);
    if (tell)
        poke(place->executor);
}

/** Give the oldest task back: its worker could not receive its descriptors. */
static void take_nack(struct place *place)
{
    uint64_t head = atomic_load(&place->head);

    give_back(place, head, slot_at(place, head)->nacks + 1);
    atomic_fetch_add(&place->head, 1);
    dispatch(place->executor); /* another worker may be idle, and this one busy for a long time */
}

/**
 * Check that a note is whole and about the oldest task of the worker, and that a worker may send it
 * now. A task can write anything to the socket of its worker: nothing in a note is trusted.
 */
static bool note_is_sound(const struct place *place, const struct wire_note *note,
                          const struct wire_message *message)
{
    uint64_t head = atomic_load(&place->head);
    const struct wire_task *task = &place->slots[head & place->slot_mask].header;
    size_t rest;

    if (message->size < sizeof *note)
        return false;
    rest = message->size - sizeof *note;
    if (note->words > WIRE_WORDS_MAX || note->words > rest ||
        rest - note->words != (note->flags & WIRE_IN_FILE ? 0 : note->size))
        return false;
    /* It may have been ordered to end, or its end seen, before its first note is read. */
    if (note->kind == WIRE_READY || note->kind == WIRE_NOT_READY)
        return !place->not_ready && (place->life == LIFE_STARTING ||
                                     (place->life >= LIFE_STOPPING && !place->was_ready));
    if (head == atomic_load(&place->sent) || note->id != task->id)
        return false;
    switch (note->kind) {
    case WIRE_REPLY:
        return note->verdict == 0 || note->verdict == EP_EFAILED || note->verdict == EP_EUNKNOWN ||
               note->verdict == EP_ESHIP;
    case WIRE_GOT_FDS: return task->fd_count > 0;
    case WIRE_NACK: return task->fd_count > 0 || (task->flags & WIRE_IN_FILE) != 0;
    default: return false;
    }
}

/**
 * Take one message from a worker. The caller has the right to receive.
 * @param given_back  set if the task goes to another worker
 * @return            false if the message is invalid
 */
static bool take_message(struct place *place, const unsigned char *buffer,
                         struct wire_message *message, bool *given_back)
{
    struct wire_note note;
    const char *words = (const char *)buffer + sizeof note;
    struct slot *slot;

    memcpy(&note, buffer, sizeof note);
    if (!note_is_sound(place, &note, message)) {
        place->hostile = true;
        wire_close_fds(message, 0);
        return false;
    }
    switch (note.kind) {
    case WIRE_REPLY:
        take_outcome(place, &note, words, message);
        begin_limit(place);
        break;
    case WIRE_NACK:
        take_nack(place);
        *given_back = true;
        break;
    case WIRE_GOT_FDS:
        slot = slot_at(place, atomic_load(&place->head));
        future_close_fds(slot->entry.future);
        slot->header.fd_count = 0; /* the worker says so once */
        break;
    case WIRE_NOT_READY:
        place->not_ready = true;
        place->init_code = note.code;
        break;
    default: break;
    }
    wire_close_fds(message, 0);
    if (note.kind == WIRE_READY)
        place_is_ready(place);
    return true;
}

/* --- receiving ----------------------------------------------------------------------------- */

/**
 * Report the places that the last messages freed, all at once. One by one, each would cost a
 * wake-up of a submitter that finds a single free place.
 */
static void report_freed(struct place *place)
{
    for (; place->unreported > 0; place->unreported--)
        executor_place_freed(&place->executor->base);
}

/**
 * Receive messages until there are none, at most `most`. The caller has the right to receive.
 * @return false at the end of the stream, and after an invalid message
 */
static bool place_receive(struct place *place, unsigned char *buffer, unsigned most)
{
    struct wire_message message;
    bool given_back = false, whole = true;
    int rc = 0;

    for (unsigned count = 0; whole && rc == 0 && count < most; count++) {
        rc = wire_receive(place->socket, buffer, WIRE_MESSAGE_MAX, MSG_DONTWAIT, &message);
        if (rc == 0)
            whole = take_message(place, buffer, &message, &given_back);
    }
    report_freed(place);
    return whole && (rc == 0 || rc == -EAGAIN);
}

static bool claim_receiving(struct place *place)
{
    bool claimed;

    lock_acquire(&place->executor->lock);
    claimed = !place->receiving && place->socket >= 0;
    if (claimed)
        place->receiving = true;
    lock_release(&place->executor->lock);
    return claimed;
}

/** Give the right to receive back. `whole`: the stream continues. */
static void release_receiving(struct place *place, bool whole)
{
    struct process_executor *executor = place->executor;
    bool wake;

    lock_acquire(&executor->lock);
    place->receiving = false;
    if (!whole && place->life != LIFE_DYING)
        shutdown(place->socket, SHUT_RD); /* so that the manager sees the end too */
    wake = place->life == LIFE_DYING || !whole;
    if (!whole || place_is_busy(place) || place->life != LIFE_READY)
        place_arm_locked(place, true);
    lock_release(&executor->lock);
    if (wake)
        poke(executor);
}

bool receive(struct place *place, unsigned char *buffer)
{
    bool whole;

    if (!claim_receiving(place))
        return true; /* another thread receives */
    whole = place_receive(place, buffer, RECEIVE_AT_ONCE);
    release_receiving(place, whole);
    if (whole)
        place_offer(place);
    return whole;
}

void receive_rest(struct place *place, unsigned char *buffer)
{
    place_receive(place, buffer, UINT_MAX);
}

/* --- threads that wait --------------------------------------------------------------------- */

/**
 * Claim the right to receive from the worker that has the task. The task must have been sent;
 * otherwise no message would end the wait for its outcome.
 * @return the worker's place, or NULL
 */
static struct place *claim_for(struct process_executor *executor, const struct ep_future *future)
{
    uint16_t index = atomic_load_explicit(&future->worker, memory_order_relaxed);
    struct place *place;
    bool has = false;

    lock_acquire(&executor->lock);
    place = index < executor->place_count ? executor->places[index] : NULL;
    if (place != NULL && !place->receiving && place->socket >= 0 && place->life == LIFE_READY)
        for (uint64_t at = atomic_load(&place->head); at < place->certain && !has; at++)
            has = slot_at(place, at)->entry.future == future;
    if (has) {
        place->receiving = true;
        place_arm_locked(place, false);
    }
    lock_release(&executor->lock);
    return has ? place : NULL;
}

/** Wait until the socket is readable. @return false at the deadline */
static bool await_readable(int socket, int64_t deadline_ns)
{
    HOLD_CANCELLATION;
    struct pollfd poll = {.fd = socket, .events = POLLIN};
    struct timespec rest;
    int64_t rest_ns;

    do {
        rest_ns = deadline_ns - ep_now_ns();
        if (rest_ns <= 0)
            return false;
        rest = timespec_of(rest_ns);
    } while (ppoll(&poll, 1, &rest, NULL) <= 0);
    return true;
}

/**
 * Receive what comes before the outcome of a task, and that. The caller has the right to receive.
 * @return false at the end of the stream, and after an invalid message
 */
static bool receive_for(struct place *place, struct ep_future *future, int64_t deadline_ns)
{
    const struct ep_executor *base = &place->executor->base;
    struct wire_message message;
    bool whole = true, given_back = false;

    while (whole && !given_back && place_is_busy(place) && !ep_future_done(future)) {
        int rc = deadline_ns == NO_DEADLINE || await_readable(place->socket, deadline_ns)
                     ? wire_receive(place->socket, place->inbox, WIRE_MESSAGE_MAX,
                                    deadline_ns == NO_DEADLINE ? 0 : MSG_DONTWAIT, &message)
                     : -ETIMEDOUT;

        if (rc == 0) {
            whole = take_message(place, place->inbox, &message, &given_back);
            if (base->options.on_room != NULL && place->unreported > 0)
                break; /* on_room is not called by a thread that has the right */
            report_freed(place);
        } else if (rc == -ETIMEDOUT)
            break;
        else if (rc != -EAGAIN)
            whole = false;
    }
    return whole;
}

void process_help(struct ep_executor *base, struct ep_future *future, int64_t deadline_ns)
{
    struct process_executor *executor = (struct process_executor *)base;
    struct place *place;
    uint32_t freed;

    do {
        bool whole;

        place = claim_for(executor, future);
        if (place == NULL)
            return;
        whole = receive_for(place, future, deadline_ns);
        freed = place->unreported;
        place->unreported = 0;
        release_receiving(place, whole);
        if (whole)
            place_offer(place);
        for (uint32_t i = 0; i < freed; i++)
            executor_place_freed(base);
    } while (freed > 0 && !ep_future_done(future));
}

void process_helper_stays(struct ep_executor *base)
{
    atomic_fetch_add(&((struct process_executor *)base)->helpers, 1);
}

void process_helper_leaves(struct ep_executor *base)
{
    struct process_executor *executor = (struct process_executor *)base;

    if (atomic_fetch_sub(&executor->helpers, 1) & HELPERS_AWAITED)
        futex_wake(&executor->helpers, INT_MAX); /* the executor may be gone by now */
}
