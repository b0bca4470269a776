/* SPDX-License-Identifier: MIT */
/*
 * How tasks get to worker processes; receive.c has the whole picture.
 *
 * DESIGN
 *
 * The thread that has the right to send to a worker takes tasks off the queue into the worker's
 * ring, and sends from the ring. Several small tasks share a message, without being copied
 * together; a task with descriptors or a large input has a message of its own, and a large input lies
 * in a file (wire-internal.h says in which). Sending never waits for the socket: if it is full the tasks
 * stay in the ring, and the manager continues when there is room. They also stay while something else is missing that
 * may come back, such as descriptors or memory (wire_may_pass()); no event reports that, so the manager tries again
 * after growing delays. So it does with a task that was sent, but whose descriptors did not arrive. A task fails only
 * for a reason of its own.
 *
 * A thread that puts a worker on the idle list looks at the queue afterwards, and a thread that
 * queues a task looks at the list afterwards. Both are sequentially consistent, so one sees the
 * other.
 */
#include "pool/process/place-internal.h"

#include "pool/cancel-internal.h"
#include "pool/future-internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/** The most tasks in one message. Each has three parts. */
#define BATCH_MAX 256u

/** Delay before sending is tried again; it doubles with each failure in a row. */
#define RESEND_DELAY_NS EP_MILLISECONDS(1)
#define RESEND_DOUBLES  6u

/** Times that a task goes at once to the next worker when its descriptors do not arrive. */
#define NACKS_MAX 3u

/* --- room ---------------------------------------------------------------------------------- */

/** Compute how many more tasks the worker may get. */
static uint32_t place_credit_locked(const struct place *place)
{
    const struct process_executor *executor = place->executor;
    /* Surplus workers are alive, too, until they end: a dormant place may be one of the target. */
    bool grows =
        executor->is_elastic && (atomic_load(&executor->dormant) > 0 ||
                                 atomic_load(&executor->alive) < atomic_load(&executor->target));
    uint32_t credits = grows ? 1 : executor->credits;
    uint32_t load = place_load(place), credit = credits > load ? credits - load : 0;
    uint32_t each = executor->base.options.tasks_per_worker;

    if (place->life != LIFE_READY || place->index >= atomic_load(&executor->target) ||
        place->overran != 0 || place_ends_with_limit(place))
        return 0;
    if (each > 0 && credit > each - place->given)
        credit = each - place->given;
    return credit;
}

/* --- tasks that come back ------------------------------------------------------------------ */

static void return_locked(struct process_executor *executor, struct returned *returned)
{
    returned->next = executor->returned;
    executor->returned = returned;
    atomic_fetch_add(&executor->returned_count, 1);
}

void give_back(struct place *place, uint64_t position, uint32_t nacks)
{
    struct process_executor *executor = place->executor;
    struct returned **spare = &place->spares[position & place->slot_mask];
    struct returned *returned = *spare;
    bool postponed = nacks >= NACKS_MAX;

    *spare = NULL;
    *returned = (struct returned){.entry = slot_at(place, position)->entry, .nacks = nacks};
    lock_acquire(&executor->lock);
    if (postponed) {
        uint32_t doubles = nacks - NACKS_MAX;

        returned->due_ns = ep_now_ns() + (RESEND_DELAY_NS
                                          << (doubles < RESEND_DOUBLES ? doubles : RESEND_DOUBLES));
        returned->next = executor->postponed;
        executor->postponed = returned;
    } else {
        return_locked(executor, returned);
    }
    lock_release(&executor->lock);
    if (postponed)
        poke(executor);
}

struct returned *take_returned(struct process_executor *executor, uint32_t taker)
{
    struct returned *first;

    if (atomic_load(&executor->returned_count) == 0)
        return NULL;
    lock_acquire(&executor->lock);
    first = taker < queue_takers(&executor->base.queue) ? executor->returned : NULL;
    if (first != NULL) {
        executor->returned = first->next;
        atomic_fetch_sub(&executor->returned_count, 1);
    }
    lock_release(&executor->lock);
    return first;
}

void resume_postponed(struct process_executor *executor, int64_t now_ns)
{
    struct returned **at = &executor->postponed, *due;

    lock_acquire(&executor->lock);
    while ((due = *at) != NULL) {
        if (due->due_ns > now_ns) {
            due_at(executor, due->due_ns);
            at = &due->next;
        } else {
            *at = due->next;
            return_locked(executor, due);
        }
    }
    lock_release(&executor->lock);
}

static bool work_is_offered(struct process_executor *executor)
{
    return queue_offers(&executor->base.queue) ||
           (atomic_load(&executor->returned_count) > 0 && !queue_is_halted(&executor->base.queue));
}

/** Take the next task. @return false if there is none, or the worker became surplus after its credit was computed */
static bool take_task(struct place *place, struct slot *slot)
{
    struct process_executor *executor = place->executor;
    struct returned *returned = NULL;

    slot->nacks = 0;
    slot->use_file = false;
    if (!queue_is_halted(&executor->base.queue))
        returned = take_returned(executor, place->index);
    if (returned == NULL)
        return queue_take(&executor->base.queue, place->index, &slot->entry);
    slot->entry = returned->entry;
    slot->nacks = returned->nacks;
    free(returned);
    return true;
}

/* --- sending ------------------------------------------------------------------------------- */

/** Get the input of a task, from its future or its entry. */
static const void *slot_input(const struct slot *slot, size_t *size)
{
    if (slot->entry.future == NULL)
        return entry_input(&slot->entry, size);
    *size = slot->entry.future->input_size;
    return future_input(slot->entry.future);
}

/** Ask whether a task needs a message of its own. */
static bool slot_is_special(const struct slot *slot)
{
    return slot->header.fd_count > 0 || slot->header.size > WIRE_INLINE_MAX || slot->use_file;
}

static void slot_prepare(struct slot *slot, uint64_t id)
{
    struct ep_future *future = slot->entry.future;
    size_t size;

    slot_input(slot, &size);
    slot->header = (struct wire_task){
        .id = id,
        .fn = (uint64_t)(uintptr_t)slot->entry.fn,
        .size = size,
        .flags = future != NULL ? WIRE_WANTS_REPLY : 0,
        .fd_count = future != NULL && future->has_fds ? future->fds->count : 0,
    };
    slot->limit_ns = future != NULL ? future_limit_ns(future) : 0;
}

/** Fill in the parts of a message for one task: header, input, padding. */
static void slot_parts(struct slot *slot, struct iovec parts[static 3])
{
    static const unsigned char zeros[WIRE_ALIGNMENT];
    size_t size;
    const void *input = slot_input(slot, &size);

    parts[0] = (struct iovec){.iov_base = &slot->header, .iov_len = sizeof slot->header};
    parts[1] = (struct iovec){.iov_base = (void *)(uintptr_t)input, .iov_len = size};
    parts[2] = (struct iovec){.iov_base = (void *)(uintptr_t)zeros, .iov_len = wire_padding(size)};
}

/** Send one task with its descriptors, or with its input in a file. */
static int send_special(struct place *place, struct slot *slot)
{
    HOLD_CANCELLATION;
    uint64_t position = atomic_load(&place->sent);
    bool in_file = slot->header.size > WIRE_INLINE_MAX || slot->use_file;
    bool keep = slot->header.size <= WIRE_KEPT_MAX && atomic_load(&place->head) >= place->file_used;
    unsigned fd_count = slot->header.fd_count;
    int other = -1, *file = keep ? &place->file : &other, rc = 0;
    struct iovec parts[3];
    int fds[WIRE_FDS_MAX];

    if (fd_count > 0)
        memcpy(fds, slot->entry.future->fds->fds, fd_count * sizeof fds[0]);
    slot_parts(slot, parts);
    if (in_file) {
        slot->header.flags &= ~(uint32_t)WIRE_KEPT;
        slot->header.flags |= WIRE_IN_FILE | (keep ? WIRE_KEPT : 0);
        rc = wire_file_write(file, parts[1].iov_base, parts[1].iov_len);
        fds[fd_count++] = *file;
    }
    if (rc == 0) {
        atomic_fetch_add(&place->sent, 1); /* before, because the outcome may come at once */
        rc = wire_send(place->socket, parts, in_file ? 1 : 3, fds, fd_count, MSG_DONTWAIT);
        if (rc != 0)
            atomic_fetch_sub(&place->sent, 1);
        else if (in_file && keep)
            place->file_used = position + 1;
    }
    if (other >= 0)
        close(other);
    if (rc == -EMSGSIZE && !in_file && slot->header.size > 0) {
        slot->use_file = true; /* the socket's buffer is a small one */
        return 0;
    }
    return rc;
}

/** Send as many plain tasks as fit into one message. */
static int send_plain(struct place *place, uint64_t tail)
{
    struct iovec parts[3 * BATCH_MAX];
    uint64_t sent = atomic_load(&place->sent);
    size_t count = 0, total = 0;
    int rc;

    while (sent + count < tail && count < BATCH_MAX) {
        struct slot *slot = slot_at(place, sent + count);
        size_t payload = (size_t)slot->header.size;
        size_t size = sizeof slot->header + payload + wire_padding(payload);

        if (slot_is_special(slot) || (count > 0 && total + size > place->message_max))
            break;
        total += size;
        slot_parts(slot, &parts[3 * count++]);
    }
    atomic_fetch_add(&place->sent, count);
    rc = wire_send(place->socket, parts, 3 * count, NULL, 0, MSG_DONTWAIT);
    if (rc != 0)
        atomic_fetch_sub(&place->sent, count);
    if (rc == -EMSGSIZE && count > 1) {
        place->message_max = total / 2; /* the socket's buffer is a small one */
        return 0;
    }
    if (rc == -EMSGSIZE && slot_at(place, sent)->header.size > 0) {
        slot_at(place, sent)->use_file = true;
        return 0;
    }
    return rc;
}

/** Fail the next task, which cannot be sent, and take it out of the ring. */
static void drop_unsendable(struct place *place, int rc)
{
    uint64_t at = atomic_load(&place->sent), last = atomic_load(&place->tail) - 1;
    struct queue_entry entry = slot_at(place, at)->entry;
    char words[WIRE_WORDS_MAX + 1];

    lock_acquire(&place->executor->lock); /* claim_for() reads the slots */
    if (place_ends_with_limit(place))
        atomic_store(&place->limit_tail, at < last ? last : 0);
    for (; at < last; at++)
        *slot_at(place, at) = *slot_at(place, at + 1);
    atomic_fetch_sub(&place->tail, 1);
    lock_release(&place->executor->lock);
    snprintf(words, sizeof words, "the task cannot be sent to a worker: %s", strerror(-rc));
    drop_task(place->executor, &entry, place->index, EP_ESHIP, -rc, words);
}

/**
 * Send what is in the ring. The caller has the right.
 * @return 0, -EAGAIN if the socket is full, or another error that may pass
 */
static int place_send(struct place *place)
{
    uint64_t tail;

    while (atomic_load(&place->sent) < (tail = atomic_load(&place->tail))) {
        struct slot *slot = slot_at(place, atomic_load(&place->sent));
        int rc = slot_is_special(slot) ? send_special(place, slot) : send_plain(place, tail);

        if (rc == -EAGAIN || wire_may_pass(rc))
            return rc;
        if (rc == -EPIPE || rc == -ECONNRESET || rc == -ENOTCONN)
            return 0; /* the manager has seen its end, or soon will */
        if (rc != 0)
            drop_unsendable(place, rc);
        else
            place->misses = 0;
    }
    return 0;
}

/**
 * Note whether sending must be continued later, and when.
 * @return whether the manager must know
 */
static bool place_note_sent_locked(struct place *place, int rc)
{
    bool blocked = rc == -EAGAIN, limits;

    place->sending = false;
    place->certain = atomic_load(&place->sent);
    if (place->blocked != blocked) {
        place->blocked = blocked;
        place_watch_locked(place);
    }
    limits = place_note_limit_locked(place);
    place->resend_ns = 0;
    if (rc == 0 || blocked)
        return limits;
    place->resend_ns = ep_now_ns() + (RESEND_DELAY_NS << place->misses);
    if (place->misses < RESEND_DOUBLES)
        place->misses++;
    return true;
}

/** Compute how many of the waiting tasks one worker may get at once. */
static uint64_t fair_share(struct process_executor *executor)
{
    uint64_t waiting = queue_entries(&executor->base.queue);
    uint32_t alive = atomic_load(&executor->alive);

    return 1 + waiting / (alive > 0 ? alive : 1);
}

/** See to it that the next task can be given back. No task is taken without memory for that. */
static bool has_spare(struct place *place)
{
    struct returned **spare = &place->spares[atomic_load(&place->tail) & place->slot_mask];

    if (*spare == NULL)
        *spare = aligned_alloc(CACHE_LINE, sizeof **spare);
    return *spare != NULL;
}

/** Note when a task was given to the worker, if the executor is observed. */
static void observe_begin(struct place *place, struct ep_future *future)
{
    struct observer *observer = place->executor->base.observer;
    int64_t now;

    if (observer == NULL)
        return;
    now = ep_now_ns();
    if (!place_is_busy(place))
        atomic_store(&place->task_since_ns, now);
    if (future->submitted_ns != 0) /* otherwise another worker has given it back */
        observer_begun(observer, place->index, now - future->submitted_ns);
    future->submitted_ns = 0;
}

/**
 * Put up to `credit` tasks into the ring. The caller has the right to send.
 * @return 0 or -ENOMEM
 */
static int place_fill(struct place *place, uint32_t credit, uint32_t *taken)
{
    struct process_executor *executor = place->executor;
    uint64_t share = credit > 1 ? fair_share(executor) : 1;
    bool ends_with_limit = false;

    for (*taken = 0; *taken < credit && *taken < share && !ends_with_limit; ++*taken) {
        uint64_t tail = atomic_load(&place->tail);
        struct slot *slot = slot_at(place, tail);

        if (!has_spare(place))
            return -ENOMEM;
        if (!take_task(place, slot))
            break;
        slot_prepare(slot, tail + 1);
        if (!place_is_busy(place))
            slot->header.flags |= WIRE_ALL_TAKEN;
        observe_begin(place, slot->entry.future);
        if (slot->entry.future != NULL)
            atomic_store_explicit(&slot->entry.future->worker, (uint16_t)place->index,
                                  memory_order_relaxed);
        ends_with_limit = slot->limit_ns != 0;
        if (ends_with_limit)
            atomic_store(&place->limit_tail, tail + 1);
        atomic_store(&place->tail, tail + 1);
    }
    return 0;
}

/**
 * List a worker without a task, and look at the queue after that. @return true: it is not listed, for there is work;
 * false: it is, and the lock was released
 */
static bool place_finds_work_locked(struct place *place)
{
    struct process_executor *executor = place->executor;

    if (!place->listed)
        place_list_locked(place);
    if (work_is_offered(executor)) {
        place_unlist_locked(place);
        return true;
    }
    lock_release(&executor->lock);
    if (queue_refusal(&executor->base.queue) != 0)
        poke(executor); /* it may have skipped this worker, because it was sending */
    return false;
}

/** Use the right to send while there are tasks; then give it back. */
static void place_feed(struct place *place, uint32_t credit)
{
    struct process_executor *executor = place->executor;

    for (;;) {
        uint32_t taken;
        int filled = place_fill(place, credit, &taken), rc;
        bool tell;

        lock_acquire(&executor->lock);
        place->given += taken;
        place->certain = atomic_load(&place->sent);
        if (place_is_busy(place) && !place->receiving)
            place_arm_locked(place, true);
        lock_release(&executor->lock);

        rc = place_send(place);
        if (rc == 0)
            rc = filled;

        lock_acquire(&executor->lock);
        tell = place_note_sent_locked(place, rc);
        if (place->life == LIFE_DYING || tell) {
            lock_release(&executor->lock);
            poke(executor); /* the manager waits for this right, or has to act at some time */
            return;
        }
        credit = place_credit_locked(place);
        if (rc != 0 || place_is_busy(place)) {
            lock_release(&executor->lock);
            return;
        }
        if (credit == 0) {
            lock_release(&executor->lock);
            poke(executor); /* it has done its tasks_per_worker: the manager ends it */
            return;
        }
        if (!place_finds_work_locked(place))
            return;
        place->sending = true;
        lock_release(&executor->lock);
    }
}

void place_offer(struct place *place)
{
    struct process_executor *executor = place->executor;
    uint32_t credit, load;

    lock_acquire(&executor->lock);
    load = place_load(place);
    credit = place_credit_locked(place);
    /* While it has more than half of its credits, wait: the next message will hold more tasks. */
    if (place->sending || place->blocked || place->resend_ns != 0 || place->listed ||
        place->life != LIFE_READY || (load > 0 && (2 * load > executor->credits || credit == 0))) {
        lock_release(&executor->lock);
        return;
    }
    if (load == 0 && credit > 0 && !place_finds_work_locked(place))
        return;
    place->sending = true;
    lock_release(&executor->lock);
    place_feed(place, credit);
}

void place_resume_sending(struct place *place)
{
    struct process_executor *executor = place->executor;

    lock_acquire(&executor->lock);
    if (place->sending || !(place->blocked || place->resend_ns != 0)) {
        lock_release(&executor->lock);
        return;
    }
    place->sending = true;
    lock_release(&executor->lock);
    place_feed(place, 0);
}

void dispatch(struct process_executor *executor)
{
    while (atomic_load(&executor->idle_count) > 0 && work_is_offered(executor)) {
        struct place *place;
        uint32_t credit = 0;

        lock_acquire(&executor->lock);
        place = executor->idle;
        if (place != NULL) {
            place_unlist_locked(place);
            place->sending = true;
            credit = place_credit_locked(place);
        }
        lock_release(&executor->lock);
        if (place == NULL)
            return;
        place_feed(place, credit);
    }
}
