/* SPDX-License-Identifier: MIT */
/*
 * The bounded queue: queue-internal.h has the model and what each lock guards.
 *
 * DESIGN
 *
 * A cache line that two cores write is slow for both. A push therefore reads the consumers' lines
 * only when its own copy of them says "full", and a take reads the producers' line only when its
 * copy says "empty". While the ring is neither, the two sides share only the entries, one line
 * each.
 *
 * Numbers that only grow count the places: `tail` and `pushed_aside`, tasks accepted, and one number for
 * each reason why a place is freed. Their difference is the number of tasks held. A worker frees the
 * place of its last task when it takes the next, under a lock that it needs anyway.
 *
 * Cancelling does not change the ring: the future changes its state, one place becomes free, and
 * the entry stays as a husk, which workers skip. So does a task that a worker claims before its turn,
 * because it waits for it; that one frees its place when it is done. A full ring becomes twice as long if
 * more tasks are held than half of its length, and otherwise is swept: husks fill half of it then. So half
 * a ring of cancels lies between two sweeps, a cancel takes constant time on average, and the ring is less
 * than four times as long as the most tasks that were held at a time: pushes walk round in it, and touch
 * all of it.
 *
 * Tasks whose priority is not normal are not in the ring but in a lane (aside-internal.h), which they
 * leave at once when they are cancelled. Those with an expires_ns are also in a heap, by that time, from
 * their push until a worker or a canceller has them. The executor takes expired ones off there; they leave
 * a husk in the ring, as cancelled ones do. A worker that finds a late task does not end it, because
 * functions of the user would run, but leaves it to the heap.
 */
#include "pool/queue-internal.h"

#include "pool/future-internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/** The first length of a ring: a page. */
#define RING_FIRST 64

/* --- life ---------------------------------------------------------------------------------- */

int queue_init(struct queue *queue, uint32_t limit, uint32_t takers)
{
    memset(queue, 0, sizeof *queue);
    queue->ring = aligned_alloc(CACHE_LINE, RING_FIRST * sizeof *queue->ring);
    if (queue->ring == NULL)
        return -ENOMEM;
    queue->mask = RING_FIRST - 1;
    atomic_init(&queue->limit, limit);
    atomic_init(&queue->takers, takers);
    aside_init(&queue->aside);
    return 0;
}

void queue_clear(struct queue *queue)
{
    free(queue->ring);
    queue->ring = NULL;
}

void entry_drop(struct queue_entry *entry)
{
    size_t size;
    const void *input = entry_input(entry, &size);

    if (entry->dropped != NULL)
        entry->dropped(input, size);
    entry_release_input(entry);
}

/* --- the submitters' side ------------------------------------------------------------------ */

/** Remove the husks from the ring. The other entries keep their order and move towards the tail. */
static void queue_sweep_locked(struct queue *queue)
{
    uint64_t tail = atomic_load_explicit(&queue->tail, memory_order_relaxed);
    uint64_t to = tail, from;

    lock_acquire(&queue->head_lock);
    for (from = tail; from > atomic_load_explicit(&queue->head, memory_order_relaxed); from--) {
        struct queue_entry *entry = entry_at(queue, from - 1);

        /* One that is still CANCELLING stays: a worker must wait for its canceller. */
        if (entry->future != NULL && !future_is_cancelling(entry->future) &&
            ep_future_state(entry->future) != EP_PENDING) {
            ep_future_unref(entry->future);
            queue->husks_swept++;
        } else if (--to != from - 1) {
            *entry_at(queue, to) = *entry;
        }
    }
    queue->tail_seen = tail;
    atomic_store_explicit(&queue->head, to, memory_order_release);
    lock_release(&queue->head_lock);
    queue->head_seen = to;
}

/**
 * Count the places ever freed. Its parts only grow, so what it returns was true at a moment of the call,
 * and includes all that was counted before it. Sequentially consistent.
 */
static uint64_t queue_freed(struct queue *queue)
{
    return atomic_load(&queue->done) + atomic_load(&queue->cancelled) +
           atomic_load(&queue->broken) + atomic_load(&queue->expired);
}

/** Ask whether the executor may hold one more task. */
static bool queue_admits_locked(struct queue *queue, uint64_t tail)
{
    uint32_t limit = atomic_load_explicit(&queue->limit, memory_order_relaxed);
    uint64_t accepted = tail + atomic_load_explicit(&queue->pushed_aside, memory_order_relaxed);

    if (accepted - queue->freed_seen < limit)
        return true;
    queue->freed_seen = queue_freed(queue);
    return accepted - queue->freed_seen < limit;
}

/** Move the entries to a ring of twice the length. @return false if there is no memory */
static bool queue_lengthen_locked(struct queue *queue)
{
    size_t length = 2 * ((size_t)queue->mask + 1);
    struct queue_entry *ring = aligned_alloc(CACHE_LINE, length * sizeof *ring);
    struct queue_entry *replaced = queue->ring;
    uint64_t tail = atomic_load_explicit(&queue->tail, memory_order_relaxed);
    uint64_t at;

    if (ring == NULL)
        return false;
    lock_acquire(&queue->head_lock);
    for (at = atomic_load_explicit(&queue->head, memory_order_relaxed); at != tail; at++)
        ring[at & (length - 1)] = *entry_at(queue, at);
    queue->ring = ring;
    queue->mask = length - 1;
    lock_release(&queue->head_lock);
    free(replaced);
    return true;
}

/** Make space in a full ring. @return false if there is no memory for a longer one */
static OUT_OF_LINE bool queue_make_space_locked(struct queue *queue, uint64_t tail)
{
    uint64_t held = queue_held(queue);

    if (2 * held > queue->mask + 1 && queue_lengthen_locked(queue))
        return true;
    queue_sweep_locked(queue);
    /* It may still be full of husks whose cancellers are at work. */
    return tail - queue->head_seen <= queue->mask || queue_lengthen_locked(queue);
}

/** Ask whether the ring has a free entry; make one if necessary. */
static bool queue_has_space_locked(struct queue *queue, uint64_t tail)
{
    if (tail - queue->head_seen <= queue->mask)
        return true;
    queue->head_seen = atomic_load_explicit(&queue->head, memory_order_acquire);
    return tail - queue->head_seen <= queue->mask || queue_make_space_locked(queue, tail);
}

/**
 * Accept a task with extras, and count it. Both under head_lock: without it another thread may take the task or
 * let it expire, and one that is no longer held must not be missing in the sum of those accepted.
 * @return 0 or QUEUE_SOONER
 */
static OUT_OF_LINE int queue_enter_aside(struct queue *queue, struct ep_future *future,
                                         _Atomic uint64_t *count)
{
    bool sooner;

    lock_acquire(&queue->head_lock);
    sooner = aside_enter(&queue->aside, future);
    atomic_fetch_add(count, 1);
    lock_release(&queue->head_lock);
    return sooner ? QUEUE_SOONER : 0;
}

int queue_push(struct queue *queue, const struct queue_entry *entry)
{
    bool has_extras = entry->future != NULL && entry->future->has_extras;
    uint64_t tail;
    int rc;

    lock_acquire(&queue->tail_lock);
    tail = atomic_load_explicit(&queue->tail, memory_order_relaxed);
    rc = atomic_load_explicit(&queue->refusal, memory_order_relaxed);
    if (rc != 0) {
        /* closed */
    } else if (!queue_admits_locked(queue, tail)) {
        rc = -EAGAIN;
    } else if (has_extras && future_priority(entry->future) != EP_PRIORITY_NORMAL) {
        rc = queue_enter_aside(queue, entry->future, &queue->pushed_aside);
    } else if (!queue_has_space_locked(queue, tail)) {
        rc = -ENOMEM;
    } else {
        *entry_at(queue, tail) = *entry;
        /* Sequentially consistent, because the caller next looks for a worker to wake. */
        if (has_extras)
            rc = queue_enter_aside(queue, entry->future, &queue->tail);
        else
            atomic_store(&queue->tail, tail + 1);
    }
    lock_release(&queue->tail_lock);
    return rc;
}

void queue_close(struct queue *queue, int refusal, bool drops)
{
    lock_acquire(&queue->tail_lock);
    if (atomic_load(&queue->refusal) == 0)
        atomic_store(&queue->refusal, refusal);
    lock_acquire(&queue->head_lock);
    atomic_fetch_and(&queue->holds, ~HOLD_PAUSED);
    if (drops)
        atomic_fetch_add(&queue->holds, HOLD_DROPS);
    lock_release(&queue->head_lock);
    lock_release(&queue->tail_lock);
}

void queue_release(struct queue *queue)
{
    atomic_fetch_sub(&queue->holds, HOLD_DROPS);
}

int queue_refusal(struct queue *queue)
{
    return atomic_load(&queue->refusal);
}

void queue_set_limit(struct queue *queue, uint32_t limit)
{
    lock_acquire(&queue->tail_lock);
    atomic_store(&queue->limit, limit);
    lock_release(&queue->tail_lock);
}

uint64_t queue_held(struct queue *queue)
{
    uint64_t freed = queue_freed(queue); /* first, or the difference may be too small */

    return atomic_load(&queue->tail) + atomic_load(&queue->pushed_aside) - freed;
}

uint32_t queue_room(struct queue *queue)
{
    uint64_t held = queue_held(queue);
    uint32_t limit = atomic_load(&queue->limit);

    return queue_refusal(queue) != 0 || held >= limit ? 0 : limit - (uint32_t)held;
}

/* --- the workers' side --------------------------------------------------------------------- */

/**
 * If a task is being cancelled, wait for its canceller, without the lock, which it needs.
 * @return whether the lock was released meanwhile
 */
static bool queue_await_canceller_locked(struct queue *queue, struct ep_future *future)
{
    if (!future_is_cancelling(future))
        return false;
    ep_future_ref(future);
    lock_release(&queue->head_lock);
    future_await_cancelled(future);
    lock_acquire(&queue->head_lock);
    ep_future_unref(future);
    return true;
}

/** Remove the husk at the head, after its canceller. */
static OUT_OF_LINE void queue_pass_husk_locked(struct queue *queue, struct ep_future *future)
{
    if (queue_await_canceller_locked(queue, future))
        return; /* another worker may have removed it meanwhile: look at the head again */
    queue_advance_locked(queue);
    queue->husks_swept++;
    ep_future_unref(future);
}

/** If the task at the head of the ring is late, leave it to the heap. @return whether it is */
static OUT_OF_LINE bool queue_leave_late_locked(struct queue *queue, struct ep_future *future)
{
    if (!aside_is_late(future))
        return false;
    aside_set_aside(&queue->aside, future);
    queue_advance_locked(queue);
    queue->husks_swept++;
    return true;
}

/** Note that a task with extras no longer waits. @return whether it was in a lane */
static OUT_OF_LINE bool queue_leave_aside_locked(struct queue *queue, struct ep_future *future)
{
    bool was_in_lane;

    aside_leave(&queue->aside, future, &was_in_lane);
    return was_in_lane;
}

/** Start the future of the task at the head of the ring. @return false if it was a husk, or is late */
static inline bool queue_start_head_locked(struct queue *queue, struct ep_future *future)
{
    if (future->has_extras && queue_leave_late_locked(queue, future))
        return false;
    if (!future_start(future)) {
        queue_pass_husk_locked(queue, future);
        return false;
    }
    if (future->has_extras)
        queue_leave_aside_locked(queue, future);
    return true;
}

/** Take the normal task at the head of the ring. @return false if it was a husk, or is late */
static inline bool queue_take_head_locked(struct queue *queue, struct queue_entry *head,
                                          struct queue_entry *entry)
{
    if (head->future != NULL && !queue_start_head_locked(queue, head->future))
        return false;
    *entry = *head;
    queue_advance_locked(queue);
    return true;
}

/** The same for the first task of a lane. */
static bool queue_take_lane_locked(struct queue *queue, enum ep_priority level,
                                   struct queue_entry *entry)
{
    struct ep_future *future = aside_first(&queue->aside, level);

    if (aside_is_late(future)) {
        aside_set_aside(&queue->aside, future);
        return false;
    }
    if (future_start(future)) {
        queue_leave_aside_locked(queue, future);
        *entry = (struct queue_entry){.fn = future->fn, .future = future};
        return true;
    }
    (void)queue_await_canceller_locked(queue, future); /* its canceller takes it out of the lane */
    return false;
}

/** Count the tasks of the ring that workers have taken: all its entries that were no husks. */
static uint64_t queue_normal_taken_locked(struct queue *queue)
{
    return atomic_load_explicit(&queue->head, memory_order_relaxed) - queue->husks_swept;
}

/** Take the next task by its priority, while a lane has one. */
static OUT_OF_LINE bool queue_take_by_priority_locked(struct queue *queue, struct queue_entry *head,
                                                      struct queue_entry *entry)
{
    struct lanes *lanes = &queue->aside.lanes;
    enum ep_priority level;

    /* While the lanes are empty nothing is noted, so that normal tasks pay nothing. */
    if (queue->aside.normal_taken != queue_normal_taken_locked(queue))
        lanes->passed[EP_PRIORITY_NORMAL] = 0;
    level = lanes_choose(lanes, head != NULL);
    if (!(level == EP_PRIORITY_NORMAL ? queue_take_head_locked(queue, head, entry)
                                      : queue_take_lane_locked(queue, level, entry)))
        return false;
    lanes_note(lanes, level, queue_head_locked(queue) != NULL);
    queue->aside.normal_taken = queue_normal_taken_locked(queue);
    return true;
}

static inline bool queue_take_locked(struct queue *queue, uint32_t taker, struct queue_entry *entry)
{
    /* Looked at for each entry, because the lock is released while a husk is passed. */
    while (atomic_load_explicit(&queue->holds, memory_order_relaxed) == 0 &&
           taker < atomic_load_explicit(&queue->takers, memory_order_relaxed)) {
        struct queue_entry *head = queue_head_locked(queue);

        if (atomic_load_explicit(&queue->aside.count, memory_order_relaxed) > 0) {
            if (queue_take_by_priority_locked(queue, head, entry))
                return true;
        } else if (head == NULL) {
            return false;
        } else if (queue_take_head_locked(queue, head, entry)) {
            return true;
        }
    }
    return false;
}

bool queue_take(struct queue *queue, uint32_t taker, struct queue_entry *entry)
{
    bool taken;

    lock_acquire(&queue->head_lock);
    taken = queue_take_locked(queue, taker, entry);
    lock_release(&queue->head_lock);
    return taken;
}

int queue_claim(struct queue *queue, struct ep_future *future)
{
    uint32_t holds;
    bool claimed = false, was_in_lane = false;

    lock_acquire(&queue->head_lock);
    holds = atomic_load_explicit(&queue->holds, memory_order_relaxed);
    if (holds == 0 && !aside_is_late(future) && (claimed = future_start(future))) {
        was_in_lane = future->has_extras && queue_leave_aside_locked(queue, future);
        if (!was_in_lane)
            queue->claimed++;
    }
    lock_release(&queue->head_lock);
    if (was_in_lane)
        ep_future_unref(future); /* the lane's reference; the caller has its own */
    if (claimed)
        return 0;
    return holds & HOLD_PAUSED ? -EBUSY : -EALREADY; /* a task that is being dropped is cancelled */
}

bool queue_done_and_take(struct queue *queue, uint32_t taker, struct queue_entry *entry)
{
    bool taken;

    lock_acquire(&queue->head_lock);
    queue_task_done(queue);
    taken = queue_take_locked(queue, taker, entry);
    lock_release(&queue->head_lock);
    return taken;
}

int queue_pause(struct queue *queue, bool paused)
{
    int refusal;

    lock_acquire(&queue->tail_lock); /* so that it is not closed meanwhile */
    lock_acquire(&queue->head_lock);
    refusal = atomic_load(&queue->refusal);
    if (refusal == 0)
        atomic_store(&queue->holds, paused ? HOLD_PAUSED : 0); /* no task is dropped before close */
    lock_release(&queue->head_lock);
    lock_release(&queue->tail_lock);
    return refusal;
}

void queue_set_takers(struct queue *queue, uint32_t takers)
{
    lock_acquire(&queue->head_lock);
    atomic_store(&queue->takers, takers);
    lock_release(&queue->head_lock);
}

/* --- looking ------------------------------------------------------------------------------- */

bool queue_has_entries(struct queue *queue)
{
    uint64_t head = atomic_load(&queue->head); /* first, so that a difference is a real one */

    return atomic_load(&queue->tail) != head || atomic_load(&queue->aside.count) != 0;
}

uint64_t queue_entries(struct queue *queue)
{
    uint64_t head = atomic_load(&queue->head);

    return atomic_load(&queue->tail) - head + atomic_load(&queue->aside.count);
}

bool queue_offers(struct queue *queue)
{
    return !queue_is_halted(queue) && queue_has_entries(queue);
}

void queue_stats(struct queue *queue, struct ep_stats *stats)
{
    uint64_t unrun, begun;

    lock_acquire(&queue->tail_lock);
    lock_acquire(&queue->head_lock);
    stats->accepted = atomic_load(&queue->tail) + atomic_load(&queue->pushed_aside);
    stats->queued_high = queue->aside.lanes.of[EP_PRIORITY_HIGH].count;
    stats->queued_low = queue->aside.lanes.of[EP_PRIORITY_LOW].count;
    stats->cancelled = atomic_load(&queue->cancelled);
    stats->broken = atomic_load(&queue->broken);
    stats->failed = stats->expired = atomic_load(&queue->expired);
    unrun = stats->cancelled + stats->broken + stats->expired;
    /* All that have left, without the husks among them, and those that began and are husks there. */
    begun = stats->accepted - queue_entries(queue) + queue->claimed - queue->husks_swept -
            queue->aside.unrun;
    stats->queued = (uint32_t)(stats->accepted - begun - unrun);
    stats->running = (uint32_t)(begun - atomic_load(&queue->done));
    lock_release(&queue->head_lock);
    lock_release(&queue->tail_lock);
}
