/* SPDX-License-Identifier: MIT */
/*
 * How tasks come to worker processes: see receive.c for the whole picture.
 *
 * DESIGN
 *
 * Whoever has the right to send for a worker takes tasks off the queue into its ring, and sends from
 * the ring. Small tasks go several to a message, as they lie, without copying them together; one with
 * descriptors or with a large input has a message of its own. Nothing ever waits for the socket:
 * where it is full the tasks stay in the ring, and the manager goes on when there is room.
 *
 * Whoever puts a worker on the idle list looks at the queue once more, and whoever queues a task
 * looks at the list afterwards; both are sequentially consistent, so one sees the other.
 */
#include "pool/process/place-internal.h"

#include "pool/future-internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/** A message of tasks is put together of at most so many. Three parts each. */
#define BATCH_MAX 256u

/* --- room ---------------------------------------------------------------------------------- */

/** Tasks that the worker may still be given. */
static uint32_t place_credit_locked(const struct place *place)
{
    const struct process_executor *executor = place->executor;
    uint32_t credit = executor->credits - place_load(place);
    uint32_t each = executor->base.options.tasks_per_worker;

    if (place->life != LIFE_READY || place->index >= atomic_load(&executor->target))
        return 0;
    if (each > 0 && credit > each - place->given)
        credit = each - place->given;
    return credit;
}

/* --- tasks that come back ------------------------------------------------------------------ */

void give_back(struct process_executor *executor, const struct queue_entry *entry, uint32_t nacks)
{
    struct returned *returned = aligned_alloc(CACHE_LINE, sizeof *returned);
    struct queue_entry lost = *entry;

    if (returned == NULL) {
        drop_task(executor, &lost, 0, EP_EBROKEN, 0, "no memory to give it to another worker");
        return;
    }
    *returned = (struct returned){.entry = *entry, .nacks = nacks};
    lock_acquire(&executor->lock);
    returned->next = executor->returned;
    executor->returned = returned;
    atomic_fetch_add(&executor->returned_count, 1);
    lock_release(&executor->lock);
}

bool take_returned(struct process_executor *executor, struct returned *returned)
{
    struct returned *first;

    if (atomic_load(&executor->returned_count) == 0)
        return false;
    lock_acquire(&executor->lock);
    first = executor->returned;
    if (first != NULL) {
        executor->returned = first->next;
        atomic_fetch_sub(&executor->returned_count, 1);
    }
    lock_release(&executor->lock);
    if (first == NULL)
        return false;
    *returned = *first;
    free(first);
    return true;
}

static bool work_is_offered(struct process_executor *executor)
{
    return queue_offers(&executor->base.queue) || (atomic_load(&executor->returned_count) > 0 &&
                                                   !atomic_load(&executor->base.queue.paused));
}

/** The next task there is. */
static bool take_task(struct process_executor *executor, struct slot *slot)
{
    struct returned returned;

    slot->nacks = 0;
    slot->use_memfd = false;
    if (!atomic_load(&executor->base.queue.paused) && take_returned(executor, &returned)) {
        slot->entry = returned.entry;
        slot->nacks = returned.nacks;
        return true;
    }
    return queue_take(&executor->base.queue, 0, &slot->entry);
}

/* --- sending ------------------------------------------------------------------------------- */

/** The input of a task, wherever it lies. */
static const void *slot_input(const struct slot *slot, size_t *size)
{
    if (slot->entry.future == NULL)
        return entry_input(&slot->entry, size);
    *size = slot->entry.future->input_size;
    return future_input(slot->entry.future);
}

/** Whether a task needs a message of its own. */
static bool slot_is_special(const struct slot *slot)
{
    return slot->header.fd_count > 0 || slot->header.size > WIRE_INLINE_MAX || slot->use_memfd;
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
}

/** Send one task with its descriptors, or with its input in a memfd. */
static int send_special(struct place *place, struct slot *slot)
{
    static const unsigned char zeros[WIRE_ALIGNMENT];
    struct iovec parts[3] = {{.iov_base = &slot->header, .iov_len = sizeof slot->header}};
    size_t part_count = 1, size;
    const void *input = slot_input(slot, &size);
    int fds[WIRE_FDS_MAX];
    unsigned fd_count = slot->header.fd_count;
    int memfd = -1, rc;

    if (fd_count > 0)
        memcpy(fds, slot->entry.future->fds->fds, fd_count * sizeof fds[0]);
    slot->header.flags &= ~(uint32_t)WIRE_IN_MEMFD;
    if (size > WIRE_INLINE_MAX || slot->use_memfd) {
        memfd = wire_memfd_new(input, size);
        if (memfd < 0)
            return memfd;
        slot->header.flags |= WIRE_IN_MEMFD;
        fds[fd_count++] = memfd;
    } else if (size > 0) {
        parts[part_count++] = (struct iovec){.iov_base = (void *)(uintptr_t)input, .iov_len = size};
        parts[part_count++] =
            (struct iovec){.iov_base = (void *)(uintptr_t)zeros, .iov_len = wire_padding(size)};
    }
    atomic_fetch_add(&place->sent, 1); /* before: the outcome may come at once */
    rc = wire_send(place->socket, parts, part_count, fds, fd_count, MSG_DONTWAIT);
    if (rc != 0)
        atomic_fetch_sub(&place->sent, 1);
    if (memfd >= 0)
        close(memfd);
    return rc;
}

/** Send as many plain tasks as fit into one message. */
static int send_plain(struct place *place, uint64_t tail)
{
    static const unsigned char zeros[WIRE_ALIGNMENT];
    struct iovec parts[3 * BATCH_MAX];
    size_t part_count = 0, total = 0, size;
    uint64_t sent = atomic_load(&place->sent), count = 0;
    int rc;

    while (sent + count < tail && count < BATCH_MAX) {
        struct slot *slot = slot_at(place, sent + count);
        const void *input = slot_input(slot, &size);

        total += sizeof slot->header + size + wire_padding(size);
        if (slot_is_special(slot) || (count > 0 && total > WIRE_MESSAGE_MAX))
            break;
        parts[part_count++] =
            (struct iovec){.iov_base = &slot->header, .iov_len = sizeof slot->header};
        parts[part_count++] = (struct iovec){.iov_base = (void *)(uintptr_t)input, .iov_len = size};
        parts[part_count++] =
            (struct iovec){.iov_base = (void *)(uintptr_t)zeros, .iov_len = wire_padding(size)};
        count++;
    }
    atomic_fetch_add(&place->sent, count);
    rc = wire_send(place->socket, parts, part_count, NULL, 0, MSG_DONTWAIT);
    if (rc != 0)
        atomic_fetch_sub(&place->sent, count);
    if (rc == -EMSGSIZE && count == 1 && slot_at(place, sent)->header.size > 0) {
        slot_at(place, sent)->use_memfd = true; /* the system's buffers are small ones */
        return 0;
    }
    return rc;
}

/** The task that is next to be sent cannot be: take it out of the ring. */
static void drop_unsendable(struct place *place, int rc)
{
    uint64_t at = atomic_load(&place->sent), last = atomic_load(&place->tail) - 1;
    struct queue_entry entry = slot_at(place, at)->entry;
    char words[WIRE_WORDS_MAX + 1];

    lock_acquire(&place->executor->lock); /* claim_for() looks at them */
    for (; at < last; at++)
        *slot_at(place, at) = *slot_at(place, at + 1);
    atomic_fetch_sub(&place->tail, 1);
    lock_release(&place->executor->lock);
    snprintf(words, sizeof words, "it cannot be sent to a worker: %s", strerror(-rc));
    drop_task(place->executor, &entry, place->index, EP_ESHIP, -rc, words);
}

/** Send what is in the ring. The caller has the right. @return false where the socket is full */
static bool place_send(struct place *place)
{
    uint64_t tail;

    while (atomic_load(&place->sent) < (tail = atomic_load(&place->tail))) {
        struct slot *slot = slot_at(place, atomic_load(&place->sent));
        int rc = slot_is_special(slot) ? send_special(place, slot) : send_plain(place, tail);

        if (rc == -EAGAIN)
            return false;
        if (rc == -EPIPE || rc == -ECONNRESET || rc == -ENOTCONN)
            return true; /* its end has been seen, or soon will be */
        if (rc != 0)
            drop_unsendable(place, rc);
    }
    return true;
}

/** So many of the waiting tasks may go to one worker at once. */
static uint64_t fair_share(struct process_executor *executor)
{
    uint64_t head = atomic_load(&executor->base.queue.head);
    uint64_t waiting = atomic_load(&executor->base.queue.tail) - head;
    uint32_t alive = atomic_load(&executor->alive);

    return 1 + waiting / (alive > 0 ? alive : 1);
}

/** Put up to `credit` tasks into the ring. The caller has the right to send. */
static uint32_t place_fill(struct place *place, uint32_t credit)
{
    struct process_executor *executor = place->executor;
    uint64_t share = credit > 1 ? fair_share(executor) : 1;
    uint32_t taken = 0;

    while (taken < credit && taken < share) {
        uint64_t tail = atomic_load(&place->tail);
        struct slot *slot = slot_at(place, tail);

        if (!take_task(executor, slot))
            break;
        slot_prepare(slot, tail + 1);
        if (slot->entry.future != NULL)
            atomic_store_explicit(&slot->entry.future->worker, (uint16_t)place->index,
                                  memory_order_relaxed);
        taken++;
        atomic_store(&place->tail, tail + 1);
    }
    return taken;
}

/** The right to send is held: use it as long as there is something to send; then give it back. */
static void place_feed(struct place *place, uint32_t credit)
{
    struct process_executor *executor = place->executor;

    for (;;) {
        uint32_t taken = place_fill(place, credit);
        bool all;

        lock_acquire(&executor->lock);
        place->given += taken;
        place->certain = atomic_load(&place->sent);
        if (place_is_busy(place) && !place->receiving)
            place_arm_locked(place, true);
        lock_release(&executor->lock);

        all = place_send(place);

        lock_acquire(&executor->lock);
        place->sending = false;
        place->certain = atomic_load(&place->sent);
        if (place->blocked == all) {
            place->blocked = !all;
            place_watch_locked(place);
        }
        if (place->life == LIFE_DYING) {
            lock_release(&executor->lock);
            poke(executor); /* the manager waits for us to be done */
            return;
        }
        credit = place_credit_locked(place);
        if (!all || place_is_busy(place)) {
            lock_release(&executor->lock);
            return;
        }
        if (credit == 0) {
            lock_release(&executor->lock);
            poke(executor); /* it has done all it was to do: the manager lets it go */
            return;
        }
        if (!place->listed)
            place_list_locked(place);
        if (!work_is_offered(executor)) {
            lock_release(&executor->lock);
            if (queue_refusal(&executor->base.queue) != 0)
                poke(executor); /* it may have found us sending when it came to let workers go */
            return;
        }
        place_unlist_locked(place);
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
    /* While it has half of what it may have, wait: the next message will hold more. */
    if (place->sending || place->blocked || place->listed || place->life != LIFE_READY ||
        (load > 0 && (2 * load > executor->credits || credit == 0))) {
        lock_release(&executor->lock);
        return;
    }
    /* With nothing to do it is listed at once. The look at the queue comes after that. */
    if (load == 0 && credit > 0) {
        place_list_locked(place);
        if (!work_is_offered(executor)) {
            lock_release(&executor->lock);
            if (queue_refusal(&executor->base.queue) != 0)
                poke(executor); /* it may have found us sending when it came to let workers go */
            return;
        }
        place_unlist_locked(place);
    }
    place->sending = true;
    lock_release(&executor->lock);
    place_feed(place, credit);
}

void place_resume_sending(struct place *place)
{
    struct process_executor *executor = place->executor;

    lock_acquire(&executor->lock);
    if (place->sending || !place->blocked) {
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
