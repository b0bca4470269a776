/* SPDX-License-Identifier: MIT */
/*
 * The workers of a thread executor: how they find tasks and run them. worker-thread.c has how they begin and end.
 *
 * DESIGN
 *
 * A worker without a task first *searches*: it looks at the queue for a few microseconds before it
 * parks. A wake-up costs the submitter a system call, and on a virtual machine it takes tens of
 * microseconds until the worker runs. A stream of tasks is spared both. The rules, learned from
 * Go's scheduler:
 *
 *  - A submitter wakes a parked worker only if no worker is searching, because one that searches
 *    will find the task. A worker counts as searching from the moment it is chosen to wake.
 *  - A worker that finds a task after searching looks for more, and wakes the next worker unless
 *    another one is searching. So a burst gets as many workers as it needs, each woken by the one
 *    before.
 *  - A worker that stops searching without a task looks at the queue once more after it has joined
 *    the list of idle workers (park-internal.h says why that misses no task). A worker that ends
 *    also looks, and wakes another if there is a task.
 *
 * At most half as many workers as CPUs search at a time, but at least one; the others park at once.
 *
 * Workers park last in, first out: the one whose caches are warmest wakes first.
 */
#include "pool/thread/worker-internal.h"

#include "pool/task-internal.h"

#include <sched.h>

/**
 * Looks at the queue before a worker parks, about 20 microseconds in all. Before each look except
 * the first it yields its CPU, and then pauses.
 *
 * The yield (sched_yield) is for a submitter that shares this CPU: without it the worker spins in
 * the submitter's place (measured on two CPUs: 720 ns a task when all met on one, 35 with it). The
 * pauses are for a submitter on another CPU: each look takes a cache line away from it, and tasks
 * that gather meanwhile are then taken without a look between them (290 ns without pauses, 57 with
 * 64). The first pauses are short, for a caller that submits again as soon as it has a result.
 *
 * On a single CPU no task can arrive while the worker looks: there it yields once and looks once
 * more.
 */
#define SEARCH_LOOKS         16
#define SEARCH_LOOKS_ONE_CPU 2
#define SEARCH_PAUSES        64

/** Count the pauses before a look, from 1 on: 4, 8, 16, ... SEARCH_PAUSES. */
static int search_pauses(int look)
{
    return look < 5 ? 2 << look : SEARCH_PAUSES;
}

/* --- waking -------------------------------------------------------------------------------- */

bool wake_idle_worker(struct thread_executor *executor)
{
    struct waiter *waiter;

    if (atomic_load(&executor->idle.count) == 0 || (waiter = waitlist_pop(&executor->idle)) == NULL)
        return false;
    atomic_fetch_add(&executor->searching, 1);
    waiter_wake(waiter);
    return true;
}

void task_arrived(struct ep_executor *base)
{
    struct thread_executor *executor = (struct thread_executor *)base;

    if (atomic_load(&executor->searching) == 0 && !wake_idle_worker(executor) &&
        executor->is_elastic)
        elastic_ask(executor);
}

/* --- finding tasks ------------------------------------------------------------------------- */

/**
 * Look for a task several times. The worker counts as searching before, and no longer afterwards.
 */
static bool worker_search(struct worker *worker, struct queue_entry *entry)
{
    struct thread_executor *executor = worker->executor;
    bool found = false;
    int looks = executor->one_cpu ? SEARCH_LOOKS_ONE_CPU : SEARCH_LOOKS;

    for (int look = 0; look < looks && !found; look++) {
        if (look > 0)
            sched_yield();
        for (int pauses = 0; look > 0 && !executor->one_cpu && pauses < search_pauses(look);
             pauses++)
            spin_pause();
        if (queue_offers(&executor->base.queue))
            found = queue_take(&executor->base.queue, worker->index, entry);
        else if (queue_refusal(&executor->base.queue) != 0)
            break; /* none will come, and each look may cost a time slice on a busy machine */
    }
    atomic_fetch_sub(&executor->searching, 1);
    return found;
}

/** Count this worker as searching, unless enough others are. */
static bool worker_may_search(struct thread_executor *executor)
{
    uint32_t searching = atomic_load(&executor->searching);

    while (searching < executor->searchers_max)
        if (atomic_compare_exchange_weak(&executor->searching, &searching, searching + 1))
            return true;
    return false;
}

/**
 * Sleep until there may be a task, or a reason to end.
 * @return true  a notifier has chosen this worker, which counts as searching
 *         false there is one already
 */
static bool worker_park(struct worker *worker)
{
    struct thread_executor *executor = worker->executor;

    waitlist_join(&executor->idle, &worker->waiter, WAITLIST_FIRST);
    if (queue_offers(&executor->base.queue) || queue_refusal(&executor->base.queue) != 0 ||
        worker->index >= queue_takers(&executor->base.queue))
        return !waitlist_leave(&executor->idle, &worker->waiter);
    if (waiter_sleep(&worker->waiter, elastic_deadline(executor)) ||
        !waitlist_leave(&executor->idle, &worker->waiter))
        return true;
    elastic_retire(worker);
    return false;
}

bool worker_is_done(const struct worker *worker)
{
    struct thread_executor *executor = worker->executor;

    return worker->index >= queue_takers(&executor->base.queue) ||
           (queue_refusal(&executor->base.queue) != 0 && !queue_has_entries(&executor->base.queue));
}

/** Wait for a task. @return false if the worker should end */
static bool worker_await_task(struct worker *worker, struct queue_entry *entry)
{
    struct thread_executor *executor = worker->executor;
    bool searching = worker_may_search(executor);

    while (!(searching ? worker_search(worker, entry)
                       : queue_take(&executor->base.queue, worker->index, entry))) {
        if (worker_is_done(worker))
            return false;
        searching = worker_park(worker);
        if (worker->leaving)
            return false; /* it has retired */
    }
    /* Submitters have woken no other worker while this one searched: hand the rest over. */
    if (queue_offers(&executor->base.queue))
        task_arrived(&executor->base);
    return true;
}

/* --- running tasks ------------------------------------------------------------------------- */

void worker_count(struct worker *worker, bool succeeded)
{
    _Atomic uint64_t *counter = succeeded ? &worker->finished : &worker->failed;
    uint64_t count = atomic_load_explicit(counter, memory_order_relaxed);

    /* Only this thread writes: no need for an atomic addition. */
    atomic_store_explicit(counter, count + 1, memory_order_relaxed);
    worker->tasks_here++;
}

static void worker_at(struct worker *worker, enum stage stage)
{
    atomic_store_explicit(&worker->stage, stage, memory_order_relaxed);
}

void worker_end_task(struct worker *worker, bool succeeded)
{
    struct ep_executor *executor = &worker->executor->base;

    worker_count(worker, succeeded);
    if (worker->entry.future != NULL) {
        worker_at(worker, TASK_RUN);
        queue_task_done(&executor->queue);
        executor_place_freed(executor);
    }
    task_end(&worker->entry, worker->index);
    worker_at(worker, TASK_ENDED);
}

/** Note that it has a task, or none, and since when: in one step, so that no reader mixes two tasks. */
static void worker_does(struct worker *worker, bool busy, int64_t since_ns)
{
    atomic_store_explicit(&worker->doing, 2 * since_ns + busy, memory_order_relaxed);
}

void worker_idles(struct worker *worker)
{
    if (worker->executor->base.observer != NULL)
        worker_does(worker, false, ep_now_ns());
}

/** Run the function of its task. */
static bool worker_call(struct worker *worker)
{
    struct ep_executor *executor = &worker->executor->base;
    int64_t now;

    if (executor->observer == NULL)
        return task_run(&worker->entry, worker->index, &executor->terminating);
    now = ep_now_ns();
    worker_does(worker, true, now);
    return task_run_observed(&worker->entry, worker->index, &executor->terminating,
                             executor->observer, now);
}

static void worker_run(struct worker *worker)
{
    worker_end_task(worker, worker_call(worker));
    /* A cancellation that a task has left behind should end no other. The look at it costs as much
     * as a tenth of a task without a future. */
    if (worker->entry.future != NULL)
        pthread_testcancel();
}

bool worker_has_done_enough(const struct worker *worker)
{
    return worker->tasks_here >= worker->tasks_most ||
           worker->index >= queue_takers(&worker->executor->base.queue);
}

/** Take the next task, after freeing the place of the last one if it is not free yet. */
static bool worker_take_next(struct worker *worker)
{
    struct ep_executor *executor = &worker->executor->base;
    bool frees = worker->entry.future == NULL, taken = false;

    /* The queue looks whether the worker is among the takers. */
    if (worker->tasks_here < worker->tasks_most)
        taken = frees ? queue_done_and_take(&executor->queue, worker->index, &worker->entry)
                      : queue_take(&executor->queue, worker->index, &worker->entry);
    else if (frees)
        queue_task_done(&executor->queue);
    if (taken) {
        worker_at(worker, TASK_TAKEN);
    } else {
        worker_idles(worker);
        atomic_store(&worker->stage, NO_TASK); /* before executor_settled() looks for a waiter */
    }
    if (frees)
        executor_place_freed(executor);
    if (!taken)
        executor_settled(executor);
    return taken;
}

void worker_serve(struct worker *worker)
{
    do {
        pthread_testcancel();
        if (!worker_await_task(worker, &worker->entry))
            return;
        worker_at(worker, TASK_TAKEN);
        do
            worker_run(worker);
        while (worker_take_next(worker));
    } while (!worker_has_done_enough(worker));
}
