/* SPDX-License-Identifier: MIT */
/*
 * The executor whose workers are processes: what its users call.
 *
 * DESIGN
 *
 *     this process                               zygote            workers
 *     ------------                               ------            -------
 *     submitters -- queue -- dispatch --------------------------->  run
 *     waiting threads, or manager  <------------------------------  outcome
 *     manager -- "fork one" -- line -----------> fork ----------->  initialize
 *             <- "started, ended"     ---------- wait
 *
 * The processes share no lock and no memory that two of them write. Every worker has a socketpair
 * of its own, so the executor always knows which task a worker has, and a worker that is killed at
 * any instruction leaves nothing locked. receive.c has the way of a task, manager.c that of a
 * worker.
 *
 * Admission is that of every executor: the queue counts the tasks that are held, waiting or with a
 * worker. For its future, a task runs as soon as it was sent to a worker.
 *
 * Lock order: life_mutex, then the executor's lock, then those of the queue. The executor's lock is
 * never held while a task is sent or received, or while a function of the user runs.
 */
#include "pool/process/place-internal.h"

#include "pool/cancel-internal.h"
#include "pool/clock-internal.h"
#include "pool/cpus-internal.h"
#include "pool/process/zygote-internal.h"
#include "pool/self-internal.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static struct process_executor *from_base(struct ep_executor *executor)
{
    return (struct process_executor *)executor;
}

/* --- notified by admission ----------------------------------------------------------------- */

static void process_arrived(struct ep_executor *base)
{
    struct process_executor *executor = from_base(base);

    if (atomic_load(&executor->idle_count) > 0)
        dispatch(executor);
    if (atomic_load(&executor->dormant) > 0 && queue_offers(&base->queue))
        poke(executor); /* to wake a dormant place */
}

/** Let the manager look again when a task expires. */
static void process_sooner(struct ep_executor *base)
{
    poke(from_base(base));
}

static void process_closed(struct ep_executor *base)
{
    struct process_executor *executor = from_base(base);

    zygote_continue(base->options.zygote != NULL ? base->options.zygote : executor->own_zygote);
    poke(executor);
}

/** Wake the manager to end the workers, if the executor is closed. */
static void process_drained(struct ep_executor *base)
{
    if (queue_refusal(&base->queue) != 0)
        poke(from_base(base));
}

/* --- ending -------------------------------------------------------------------------------- */

static bool is_over(void *executor)
{
    return atomic_load(&((struct process_executor *)executor)->over) != 0;
}

static int process_join(struct ep_executor *base, int64_t deadline_ns)
{
    HOLD_CANCELLATION;
    struct process_executor *executor = from_base(base);

    if (!waitlist_await(&executor->ended, is_over, executor, deadline_ns))
        return -ETIMEDOUT;
    EP_ASSERT(pthread_mutex_lock(&executor->life_mutex) == 0);
    if (!executor->joined)
        EP_ASSERT(pthread_join(executor->manager, NULL) == 0);
    executor->joined = true;
    EP_ASSERT(pthread_mutex_unlock(&executor->life_mutex) == 0);
    return 0;
}

/* --- looking ------------------------------------------------------------------------------- */

/** Count the workers in the first places, including those that are being replaced. */
static uint32_t count_workers(struct process_executor *executor, uint32_t workers)
{
    uint32_t count = 0;

    if (ep_executor_broken(&executor->base, NULL) || is_over(executor))
        return 0;
    for (uint32_t i = 0; i < workers; i++)
        count += !atomic_load(&executor->places[i]->given_up) &&
                 !atomic_load(&executor->places[i]->dormant);
    return count;
}

static bool process_is_settled(struct ep_executor *base)
{
    return atomic_load(&from_base(base)->unsettled) == 0;
}

static void process_stats(struct ep_executor *base, struct ep_stats *stats)
{
    struct process_executor *executor = from_base(base);

    stats->finished += atomic_load(&executor->finished);
    stats->limited = atomic_load(&executor->limited);
    stats->failed += atomic_load(&executor->failed) + stats->limited;
    stats->broken += atomic_load(&executor->broken_tasks);
    stats->workers_max = atomic_load(&executor->target);
    stats->workers = count_workers(executor, stats->workers_max);
    stats->workers_most = atomic_load(&executor->most);
}

static enum ep_worker_does what_it_does(const struct place *place)
{
    switch ((enum life)atomic_load(&place->life)) {
    case LIFE_NONE: return EP_WORKER_NONE;
    case LIFE_ORDERED:
    case LIFE_STARTING: return EP_WORKER_STARTING;
    case LIFE_READY: return place_is_busy(place) ? EP_WORKER_BUSY : EP_WORKER_IDLE;
    default: return EP_WORKER_ENDING;
    }
}

/** Get when its last task ended, if it has not been listed as idle since; or it was listed, or was ready. */
static int64_t idle_since(const struct place *place)
{
    int64_t ended_ns = atomic_load(&place->task_since_ns);

    return ended_ns > place->idle_since_ns ? ended_ns : place->idle_since_ns;
}

static void process_observe(struct ep_executor *base, struct ep_worker_state *states, size_t count)
{
    struct process_executor *executor = from_base(base);

    lock_acquire(&executor->lock);
    for (uint32_t i = 0; i < atomic_load(&executor->place_count) && i < count; i++) {
        const struct place *place = executor->places[i];

        states[i].does = what_it_does(place);
        states[i].pid = place->pidfd >= 0 ? (int)place->pid : 0;
        if (states[i].does == EP_WORKER_BUSY)
            states[i].since_ns = atomic_load(&place->task_since_ns);
        else if (states[i].does == EP_WORKER_IDLE)
            states[i].since_ns = idle_since(place);
    }
    lock_release(&executor->lock);
}

/* --- size ---------------------------------------------------------------------------------- */

/** Make places for that many workers. Those of an elastic executor are dormant. */
static int make_places_locked(struct process_executor *executor, uint32_t workers)
{
    for (uint32_t i = atomic_load(&executor->place_count); i < workers; i++) {
        executor->places[i] = place_new(executor, i);
        if (executor->places[i] == NULL)
            return -ENOMEM;
        atomic_store(&executor->place_count, i + 1);
    }
    return 0;
}

/** Want a worker in each place from `before` on, and in those that were given up. */
static void want_workers_locked(struct process_executor *executor, uint32_t before,
                                uint32_t workers)
{
    for (uint32_t i = 0; i < workers; i++)
        if (i >= before || atomic_load(&executor->places[i]->given_up))
            atomic_store(&executor->places[i]->start, START_WANTED);
}

/**
 * Set how many places have workers, and may take tasks: a surplus worker that is refused one finds that it has no
 * credit, and one that has credit is not refused.
 */
static void set_target(struct process_executor *executor, uint32_t workers)
{
    struct queue *queue = &executor->base.queue;

    if (workers > queue_takers(queue))
        queue_set_takers(queue, workers);
    atomic_store(&executor->target, workers);
    queue_set_takers(queue, workers);
}

/** Before the manager starts: make the places, and want the workers that there are at the beginning. */
static int begin(struct process_executor *executor)
{
    const struct ep_options *options = &executor->base.options;
    int rc;

    executor->is_elastic = options->workers_max > options->workers;
    rc = make_places_locked(executor, options->workers_max);
    if (rc != 0)
        return rc;
    set_target(executor, options->workers_max);
    for (uint32_t i = 0; i < options->workers; i++)
        executor->places[i]->dormant = false;
    want_workers_locked(executor, 0, options->workers);
    return 0;
}

static bool are_settled(void *context)
{
    struct process_executor *executor = context;

    if (is_over(executor)) /* shut down meanwhile: the manager has ended */
        return true;
    for (uint32_t i = 0; i < atomic_load(&executor->target); i++)
        if (!place_is_settled(executor->places[i]))
            return false;
    return true;
}

/** Wait until every worker has started or failed to. @return 0 or the reason of a failure */
static int await_workers(struct process_executor *executor, uint32_t workers)
{
    int rc = 0;

    EP_ASSERT(waitlist_await(&executor->settling, are_settled, executor, NO_DEADLINE));
    for (uint32_t i = 0; i < workers && rc == 0; i++)
        rc = place_is_settled(executor->places[i]) ? executor->places[i]->start_rc
                                                   : queue_refusal(&executor->base.queue);
    return rc;
}

static int process_resize(struct ep_executor *base, uint32_t workers)
{
    struct process_executor *executor = from_base(base);
    uint32_t before;
    int rc;

    if (self_serves(base)) /* the manager waits for a canceller when it passes the husk */
        return -EDEADLK;
    EP_ASSERT(pthread_mutex_lock(&executor->life_mutex) == 0);
    before = atomic_load(&executor->target);
    rc = queue_refusal(&base->queue); /* again: another resize may have taken long */
    if (rc == 0)
        rc = make_places_locked(executor, workers);
    if (rc == 0) {
        if (executor->is_elastic) /* the manager adds workers by need */
            atomic_store(&executor->try_again, true);
        else
            want_workers_locked(executor, before, workers);
        if (workers > before) /* after what is wanted: enum start */
            set_target(executor, workers);
        poke(executor);
        rc = await_workers(executor, workers);
    }
    if (rc == 0)
        queue_set_limit(&base->queue, executor_limit(base, workers));
    set_target(executor, rc == 0 ? workers : before);
    poke(executor);
    EP_ASSERT(pthread_mutex_unlock(&executor->life_mutex) == 0);
    executor_places_made(base); /* a higher bound makes places */
    return rc;
}

/* --- life ---------------------------------------------------------------------------------- */

/** Release an executor, of which every part may be missing. */
static void process_release(struct process_executor *executor)
{
    HOLD_CANCELLATION;
    struct queue_entry husk;

    if (executor->base.queue.ring != NULL)
        while (queue_take(&executor->base.queue, 0, &husk))
            ;
    for (uint32_t i = 0; executor->places != NULL && i < atomic_load(&executor->place_count); i++)
        place_free(executor->places[i]);
    free(executor->places);
    free(executor->inbox);
    for (int *fd = (int[]){executor->epoll, executor->wakeup, executor->line, -2}; *fd != -2; fd++)
        if (*fd >= 0)
            close(*fd);
    ep_zygote_free(executor->own_zygote);
    executor_clear(&executor->base);
    pthread_mutex_destroy(&executor->life_mutex);
    free(executor);
}

/** Wait for threads that helped with the last tasks and are about to leave. */
static void await_helpers(struct process_executor *executor)
{
    uint32_t helpers = atomic_fetch_or(&executor->helpers, HELPERS_AWAITED) | HELPERS_AWAITED;

    while (helpers != HELPERS_AWAITED) {
        futex_wait(&executor->helpers, helpers, NO_DEADLINE);
        helpers = atomic_load(&executor->helpers);
    }
}

static void process_free(struct ep_executor *base)
{
    struct process_executor *executor = from_base(base);

    await_helpers(executor);
    process_release(executor);
}

static const struct executor_ops process_ops = {
    .host =
        {
            .cancelled = executor_task_cancelled,
            .place_left = executor_place_left,
            .help = process_help,
            .helper_stays = process_helper_stays,
            .helper_leaves = process_helper_leaves,
        },
    .arrived = process_arrived,
    .sooner = process_sooner,
    .closed = process_closed,
    .drained = process_drained,
    .is_settled = process_is_settled,
    .join = process_join,
    .resize = process_resize,
    .free = process_free,
    .stats = process_stats,
    .observe = process_observe,
};

/** Open the eventfd that wakes the manager, and the socket to the zygote. */
static int open_descriptors(struct process_executor *executor, struct ep_zygote *zygote)
{
    HOLD_CANCELLATION;
    struct epoll_event on_wakeup = {.events = EPOLLIN, .data.u64 = EVENT_WAKEUP};
    struct epoll_event on_line = {.events = EPOLLIN, .data.u64 = EVENT_LINE};

    executor->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (executor->epoll < 0)
        return -errno;
    executor->wakeup = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (executor->wakeup < 0)
        return -errno;
    executor->line = zygote_connect(zygote);
    if (executor->line < 0)
        return executor->line;
    if (epoll_ctl(executor->epoll, EPOLL_CTL_ADD, executor->wakeup, &on_wakeup) != 0 ||
        epoll_ctl(executor->epoll, EPOLL_CTL_ADD, executor->line, &on_line) != 0)
        return -errno;
    /* A filter of system calls may forbid it: a manager that cannot wait could not even end. */
    if (epoll_wait(executor->epoll, &(struct epoll_event){0}, 1, 0) < 0)
        return -errno;
    return 0;
}

/** Make everything except manager and workers. On failure the caller releases the rest. */
static int process_init(struct process_executor *executor, const struct ep_options *options)
{
    struct ep_zygote *zygote = options->zygote;
    int rc;

    executor->credits = 1 + options->prefetch;
    executor->epoll = executor->wakeup = executor->line = -1;
    EP_ASSERT(pthread_mutex_init(&executor->life_mutex, NULL) == 0);
    rc = executor_init(&executor->base, &process_ops, options,
                       options->workers > 0 ? options->workers : ep_usable_cpus(), 1);
    if (rc == 0 && zygote == NULL) {
        rc = ep_zygote_new(&executor->own_zygote);
        zygote = executor->own_zygote;
    }
    if (rc != 0)
        return rc;
    executor->places = calloc(EP_WORKERS_MAX, sizeof(struct place *));
    executor->inbox = malloc(WIRE_MESSAGE_MAX);
    if (executor->places == NULL || executor->inbox == NULL)
        return -ENOMEM;
    rc = open_descriptors(executor, zygote);
    return rc == 0 ? begin(executor) : rc;
}

int ep_process_executor_new(const struct ep_options *options, struct ep_executor **executor)
{
    static const struct ep_options usual = {0};
    struct process_executor *made;
    int rc;

    if (options == NULL)
        options = &usual;
    if (executor == NULL || !options_are_sound(options) || options->prefetch > EP_PREFETCH_MAX)
        return -EINVAL;
    made = aligned_alloc(CACHE_LINE, sizeof *made);
    if (made == NULL)
        return -ENOMEM;
    memset(made, 0, sizeof *made);
    rc = process_init(made, options);
    if (rc == 0)
        rc = executor_make_thread(&made->manager, manager_main, made);
    if (rc != 0) {
        process_release(made);
        return rc;
    }
    rc = await_workers(made, atomic_load(&made->target));
    if (rc != 0) {
        ep_executor_free(&made->base); /* the workers that have started run their finalize */
        return rc;
    }
    *executor = &made->base;
    return 0;
}
