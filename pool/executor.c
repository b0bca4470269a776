/* SPDX-License-Identifier: MIT */
/*
 * What every executor does: let tasks in, make submitters wait for room, pause, close, end, and
 * notify the threads that wait for one of these.
 *
 * DESIGN
 *
 * A thread that frees a place, a worker after a task or a canceller, calls executor_place_freed().
 * It wakes the submitter that has waited longest, or calls `on_room`; after the last task it also
 * wakes the threads that wait for idle. All follow the protocol of park-internal.h, so freeing a
 * place costs three loads if no thread waits, and executor_notify_room() is for the others.
 *
 * Cancelling all waiting tasks, and breaking, first close the queue and hold its tasks, so that no
 * worker takes one meanwhile. Each thread that drops has a hold of its own, which no other ends.
 */
#include "pool/executor-internal.h"

#include "pool/clock-internal.h"
#include "pool/queue-drop-internal.h"
#include "pool/self-internal.h"
#include "pool/version-internal.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define QUEUE_DEFAULT           1024
#define IDLE_TIMEOUT_DEFAULT_NS EP_SECONDS(60)

/** Times that a submitter yields its CPU before it parks on a full queue. */
#define ROOM_YIELDS 32

/* --- life ---------------------------------------------------------------------------------- */

bool options_are_sound(const struct ep_options *options)
{
    return options->workers <= EP_WORKERS_MAX &&
           (options->queue <= EP_QUEUE_MAX || options->queue == EP_NO_QUEUE) &&
           options->when_full >= EP_BLOCK && options->when_full <= EP_DISCARD_OLDEST &&
           (options->workers_max == 0 ||
            (options->workers_max >= options->workers && options->workers_max <= EP_WORKERS_MAX)) &&
           options->idle_timeout_ns >= 0 && options->on_death >= EP_BREAK &&
           options->on_death <= EP_REPLACE && NOTHING_RESERVED(options);
}

uint32_t executor_limit(const struct ep_executor *executor, uint32_t workers)
{
    uint32_t queue = executor->options.queue;

    if (queue == EP_NO_QUEUE)
        return workers;
    return workers + (queue > 0 ? queue : QUEUE_DEFAULT);
}

void executor_name(const void *address, char name[static EXECUTOR_NAME_SIZE])
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    uint64_t number = (uintptr_t)address / sizeof(struct ep_executor);

    memcpy(name, "ep........", sizeof "ep........");
    for (size_t i = strlen(name); i > 2; i--, number /= 36)
        name[i - 1] = digits[number % 36];
}

int executor_make_thread(pthread_t *thread, void *(*function)(void *), void *argument)
{
    sigset_t all, before;
    int rc;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* a new thread inherits the mask */
    rc = pthread_create(thread, NULL, function, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -rc;
}

int executor_init(struct ep_executor *executor, const struct executor_ops *ops,
                  const struct ep_options *options, uint32_t workers, uint32_t takers)
{
    executor->ops = ops;
    executor->options = *options;
    if (options->workers > 0)
        workers = options->workers;
    else if (options->workers_max > 0 && options->workers_max < workers)
        workers = options->workers_max;
    executor->options.workers = workers;
    if (options->workers_max == 0)
        executor->options.workers_max = workers;
    if (options->idle_timeout_ns == 0)
        executor->options.idle_timeout_ns = IDLE_TIMEOUT_DEFAULT_NS;
    executor->options.name = NULL;
    if (options->name != NULL)
        snprintf(executor->name, sizeof executor->name, "%s", options->name);
    else
        executor_name(executor, executor->name);
    if (options->observe && (executor->observer = observer_new()) == NULL)
        return -ENOMEM;
    executor->futures = future_pool_new(sizeof(struct ep_future), &ops->host);
    if (executor->futures == NULL)
        return -ENOMEM;
    return queue_init(&executor->queue, executor_limit(executor, executor->options.workers_max),
                      takers);
}

void executor_clear(struct ep_executor *executor)
{
    observer_free(executor->observer);
    queue_clear(&executor->queue);
    future_pool_abandon(executor->futures);
}

/* --- letting in ---------------------------------------------------------------------------- */

static bool has_room_or_is_closed(void *queue)
{
    return queue_room(queue) > 0 || queue_refusal(queue) != 0;
}

/** Wait until a full queue may have room. @return 0, -ETIMEDOUT, or -EDEADLK */
static int await_room(struct ep_executor *executor, struct waiter *waiter, enum waitlist_end end,
                      int64_t deadline_ns)
{
    if (self_serves(executor))
        return -EDEADLK;
    for (int i = 0; i < ROOM_YIELDS; i++) {
        sched_yield();
        if (has_room_or_is_closed(&executor->queue))
            return 0;
    }
    /* If it was chosen, even at the deadline, the submitter must try for the place. */
    return waitlist_sleep(&executor->room, waiter, end, has_room_or_is_closed, &executor->queue,
                          deadline_ns)
               ? 0
               : -ETIMEDOUT;
}

int executor_admit(struct ep_executor *executor, const struct queue_entry *entry,
                   int64_t deadline_ns)
{
    enum waitlist_end end = WAITLIST_LAST;
    struct waiter waiter;
    int rc;

    while ((rc = executor_try_admit(executor, entry)) == -EAGAIN) {
        rc = await_room(executor, &waiter, end, deadline_ns);
        if (rc != 0)
            break;
        end = WAITLIST_FIRST; /* another took the place, but this thread has waited longest */
    }
    return rc;
}

/* --- giving back --------------------------------------------------------------------------- */

/** Call on_room, in which no call waits for the executor. */
static void call_on_room(struct ep_executor *executor)
{
    struct self_drop drop;

    self_drop_begin(&drop, executor, NULL);
    executor->options.on_room(executor->options.context);
    self_drop_end();
}

void executor_notify_room(struct ep_executor *executor)
{
    waitlist_wake_one(&executor->room);
    if (atomic_load(&executor->room_wanted) != 0 && atomic_exchange(&executor->room_wanted, 0) != 0)
        call_on_room(executor);
    if (atomic_load(&executor->drained.count) == 0 && executor->ops->drained == NULL)
        return;
    if (queue_held(&executor->queue) == 0) {
        waitlist_wake_all(&executor->drained);
        if (executor->ops->drained != NULL)
            executor->ops->drained(executor);
    }
}

void executor_settled(struct ep_executor *executor)
{
    if (atomic_load(&executor->drained.count) > 0)
        waitlist_wake_all(&executor->drained);
}

void executor_places_made(struct ep_executor *executor)
{
    /* A place that another thread frees meanwhile wakes a submitter of its own. */
    for (uint32_t more = queue_room(&executor->queue);
         more > 1 && atomic_load(&executor->room.count) > 0; more--)
        waitlist_wake_one(&executor->room);
    executor_place_freed(executor);
}

/** After this the executor may be gone. */
static void dropper_leaves(struct ep_executor *executor)
{
    if (atomic_fetch_sub(&executor->droppers, 1) == 1)
        futex_wake(&executor->droppers, INT_MAX);
}

/** Wait until no thread is dropping or cancelling a task. @return false if the deadline came first */
static bool await_droppers(struct ep_executor *executor, int64_t deadline_ns)
{
    uint32_t droppers;

    while ((droppers = atomic_load(&executor->droppers)) != 0) {
        if (deadline_is_over(deadline_ns))
            return false;
        futex_wait(&executor->droppers, droppers, deadline_ns);
    }
    return true;
}

void executor_task_cancelled(struct ep_executor *executor, struct ep_future *future)
{
    atomic_fetch_add(&executor->droppers, 1);
    queue_task_cancelled(&executor->queue, future);
}

void executor_place_left(struct ep_executor *executor)
{
    executor_place_freed(executor);
    dropper_leaves(executor);
}

/** End a task that was claimed; and count as a dropper until functions of the user have returned. */
static void expire(struct ep_executor *executor, struct ep_future *future)
{
    struct self_drop drop;
    uint32_t notes;

    self_drop_begin(&drop, executor, future);
    atomic_fetch_add(&executor->droppers, 1);
    queue_task_expired(&executor->queue);
    notes = future_publish_expired(future);
    executor_place_freed(executor);
    future_end_unrun(future, EP_EXPIRED, notes);
    self_drop_end();
    dropper_leaves(executor);
}

int64_t executor_expire(struct ep_executor *executor)
{
    struct ep_future *future;
    int64_t next_ns;
    bool claimed;

    while (queue_take_expired(&executor->queue, &future, &claimed, &next_ns)) {
        if (claimed)
            expire(executor, future);
        else
            future_await_cancelled(future); /* until its canceller counts as a dropper */
        ep_future_unref(future);
    }
    return next_ns;
}

/**
 * Cancel the oldest task or, if `why` is not NULL, fail it; and count as a dropper meanwhile.
 *
 * @param newer  if not NULL, it is queued in the place of that task, before functions of the user run:
 *               one of them could take the place
 * @param rc     set to what executor_try_admit() returned for it
 */
static bool drop_oldest(struct ep_executor *executor, enum ep_priority highest, int reason,
                        const char *why, const struct queue_entry *newer, int *rc)
{
    struct queue_dropped dropped;
    struct self_drop drop;
    bool found;

    self_drop_begin(&drop, executor, NULL);
    atomic_fetch_add(&executor->droppers, 1);
    found = queue_drop_oldest(&executor->queue, highest, why != NULL, &dropped);
    if (found) {
        if (newer != NULL)
            *rc = executor_try_admit(executor, newer);
        queue_end_dropped(&dropped, reason, why);
        executor_place_freed(executor);
    }
    self_drop_end();
    dropper_leaves(executor);
    return found;
}

int executor_admit_for_oldest(struct ep_executor *executor, const struct queue_entry *entry,
                              enum ep_priority highest)
{
    int rc = -EAGAIN;

    /* Another submitter may take the place that was made: then make another. */
    while (rc == -EAGAIN && drop_oldest(executor, highest, -EAGAIN, NULL, entry, &rc))
        ;
    return rc;
}

uint32_t ep_executor_room(struct ep_executor *executor)
{
    uint32_t room;

    if (!executor_is_here(executor))
        return 0;
    room = queue_room(&executor->queue);
    if (room > 0 || executor->options.on_room == NULL || queue_refusal(&executor->queue) != 0)
        return room;
    /*
     * Ask for on_room first, then look again, so that a place freed in between is not missed. The
     * request stays even if there is room now, because another thread may rely on it; an extra call
     * of on_room does no harm.
     */
    atomic_store(&executor->room_wanted, 1);
    return queue_room(&executor->queue);
}

/* --- pausing, resizing, waiting ------------------------------------------------------------ */

int ep_executor_pause(struct ep_executor *executor)
{
    return executor_is_here(executor) ? queue_pause(&executor->queue, true) : EP_EFORKED;
}

int ep_executor_resume(struct ep_executor *executor)
{
    int rc = executor_is_here(executor) ? queue_pause(&executor->queue, false) : EP_EFORKED;

    if (rc == 0)
        executor->ops->arrived(executor);
    return rc;
}

int ep_executor_resize(struct ep_executor *executor, uint32_t workers)
{
    int refusal;

    if (workers == 0 || workers > EP_WORKERS_MAX)
        return -EINVAL;
    if (!executor_is_here(executor))
        return EP_EFORKED;
    refusal = queue_refusal(&executor->queue);
    return refusal != 0 ? refusal : executor->ops->resize(executor, workers);
}

static bool is_idle(void *context)
{
    struct ep_executor *executor = context;

    return queue_held(&executor->queue) == 0 && executor->ops->is_settled(executor);
}

int ep_executor_wait_idle(struct ep_executor *executor, int64_t timeout_ns)
{
    int64_t deadline_ns = deadline_after(timeout_ns);

    if (!executor_is_here(executor))
        return EP_EFORKED;
    if (self_serves(executor))
        return -EDEADLK;
    /* The place of a task that is dropped is free before its outcome is published. */
    do {
        if (!waitlist_await(&executor->drained, is_idle, executor, deadline_ns) ||
            !await_droppers(executor, deadline_ns))
            return -ETIMEDOUT;
    } while (!is_idle(executor));
    return 0;
}

/* --- closing ------------------------------------------------------------------------------- */

void executor_close(struct ep_executor *executor, int refusal)
{
    queue_close(&executor->queue, refusal, false);
    waitlist_wake_all(&executor->room);
    executor->ops->closed(executor);
}

/**
 * Close the queue, and cancel all waiting tasks or, if `why` is not NULL, fail them. No worker takes
 * one meanwhile.
 *
 * @param refusal    for later submits, and the reason why the tasks do not run
 * @param terminate  let running tasks see it, by ep_task_stopping()
 */
static void close_and_drop(struct ep_executor *executor, int refusal, const char *why,
                           bool terminate)
{
    queue_close(&executor->queue, refusal, true);
    if (terminate)
        atomic_store(&executor->terminating, true);
    while (drop_oldest(executor, EP_PRIORITY_HIGH, refusal, why, NULL, NULL))
        ;
    queue_release(&executor->queue);
    executor_close(executor, refusal);
}

void executor_note_broken(struct ep_executor *executor, const char *why)
{
    lock_acquire(&executor->why_lock);
    if (!atomic_load(&executor->broken))
        snprintf(executor->why, sizeof executor->why, "%s", why);
    atomic_store(&executor->broken, true);
    lock_release(&executor->why_lock);
}

bool ep_executor_broken(struct ep_executor *executor, const char **why)
{
    /* It is noted first, and until the queue is closed a submit may still succeed. */
    bool broken = queue_refusal(&executor->queue) != 0 && atomic_load(&executor->broken);

    if (why != NULL)
        *why = broken ? executor->why : "";
    return broken;
}

void executor_break(struct ep_executor *executor, const char *why)
{
    executor_note_broken(executor, why);
    close_and_drop(executor, EP_EBROKEN, why, false);
}

/**
 * Wait until the workers have ended, and then until no thread is dropping a task: one that has left
 * the queue and is not resolved yet still belongs to the executor.
 */
static int join(struct ep_executor *executor, int64_t timeout_ns)
{
    int64_t deadline_ns = deadline_after(timeout_ns);
    int rc = executor->ops->join(executor, deadline_ns);

    if (rc == 0 && !await_droppers(executor, deadline_ns))
        rc = -ETIMEDOUT;
    return rc;
}

int ep_executor_shutdown(struct ep_executor *executor, unsigned how)
{
    if (executor == NULL || (how & ~(unsigned)(EP_WAIT | EP_CANCEL)) != 0)
        return -EINVAL;
    if (!executor_is_here(executor))
        return EP_EFORKED;
    if ((how & EP_WAIT) && self_serves(executor))
        return -EDEADLK;
    if (how & EP_CANCEL)
        close_and_drop(executor, EP_ESHUTDOWN, NULL, false);
    else
        executor_close(executor, EP_ESHUTDOWN);
    return how & EP_WAIT ? join(executor, EP_FOREVER) : 0;
}

int ep_executor_join(struct ep_executor *executor, int64_t timeout_ns)
{
    if (!executor_is_here(executor))
        return EP_EFORKED;
    if (queue_refusal(&executor->queue) == 0)
        return -EINVAL;
    if (self_serves(executor))
        return -EDEADLK;
    return join(executor, timeout_ns);
}

void ep_executor_terminate(struct ep_executor *executor)
{
    if (!executor_is_here(executor))
        return;
    /*
     * The flag is set before the workers are woken, so that one that ends because of it is not
     * replaced; and when no task can be taken, because a task that sees it may end at once.
     */
    close_and_drop(executor, EP_ESHUTDOWN, NULL, true);
}

void ep_executor_free(struct ep_executor *executor)
{
    if (executor == NULL || !executor_is_here(executor))
        return;
    EP_ASSERT(ep_executor_shutdown(executor, EP_WAIT) ==
              0); /* fails only in a worker of this executor */
    executor->ops->free(executor);
}

/* --- looking ------------------------------------------------------------------------------- */

void executor_count(struct ep_executor *executor, enum executor_count what)
{
    atomic_fetch_add_explicit(&executor->counts[what], 1, memory_order_relaxed);
}

static uint64_t counted(struct ep_executor *executor, enum executor_count what)
{
    return atomic_load_explicit(&executor->counts[what], memory_order_relaxed);
}

void ep_executor_stats(struct ep_executor *executor, struct ep_stats *stats)
{
    uint64_t finished = counted(executor, COUNT_FINISHED_ELSEWHERE);
    uint64_t failed = counted(executor, COUNT_FAILED_ELSEWHERE);
    uint64_t discarded = counted(executor, COUNT_DISCARDED);
    uint64_t expired = counted(executor, COUNT_EXPIRED_ELSEWHERE);

    memset(stats, 0, sizeof *stats);
    if (!executor_is_here(executor))
        return;
    queue_stats(&executor->queue, stats);
    executor->ops->stats(executor, stats);
    stats->accepted += finished + failed + discarded + expired;
    stats->finished += finished;
    stats->failed += failed + expired;
    stats->expired += expired;
    stats->cancelled += discarded;
    stats->rejected = counted(executor, COUNT_REJECTED);
    stats->blocked = atomic_load(&executor->room.count);
}

int ep_executor_observe(struct ep_executor *executor, struct ep_observation *observation,
                        struct ep_worker_state *workers, size_t count)
{
    if (!executor_is_here(executor))
        return EP_EFORKED;
    if (executor->observer == NULL || (workers == NULL && count > 0))
        return -EINVAL;
    if (observation != NULL)
        observer_read(executor->observer, observation);
    if (count > 0) {
        memset(workers, 0, count * sizeof *workers);
        executor->ops->observe(executor, workers, count);
    }
    return 0;
}
