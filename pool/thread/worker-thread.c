/* SPDX-License-Identifier: MIT */
/*
 * The threads of the workers: how they are made, begin and end.
 *
 * A worker ends when the queue is closed and empty, when its number is no longer among the takers,
 * when it was idle too long (elastic.c), or when it has done its tasks_per_worker. In the last case it first makes its
 * successor, a thread that takes over the same struct worker and first joins its predecessor.
 *
 * A task may end its thread, with pthread_exit() or because it was cancelled; so may a callback, or
 * initialize or finalize. The thread then makes its successor as well. The struct worker says what
 * it was at, and the successor first settles that: the task has failed, its place becomes free.
 */
#include "pool/thread/worker-internal.h"

#include "pool/cancel-internal.h"
#include "pool/self-internal.h"
#include "pool/task-internal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *worker_main(void *argument);

/** Make the thread, named, with every signal blocked except those of its own faults. */
static int worker_make_thread_locked(struct worker *worker)
{
    char name[16 + sizeof "-4294967295"];
    sigset_t block, before;
    int rc;

    sigfillset(&block);
    sigdelset(&block, SIGILL);
    sigdelset(&block, SIGFPE);
    sigdelset(&block, SIGSEGV);
    sigdelset(&block, SIGBUS);
    atomic_store(&worker->started, 0);
    pthread_sigmask(SIG_SETMASK, &block, &before); /* a new thread inherits the mask */
    rc = pthread_create(&worker->thread, &worker->executor->attributes, worker_main, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0)
        return -rc;
    snprintf(name, sizeof name, "%s-%u", worker->executor->base.name, worker->index);
    name[15] = '\0';
    pthread_setname_np(worker->thread, name);
    return 0;
}

/** The worker of this thread. */
static _Thread_local struct worker *here;

struct worker *worker_here(void)
{
    return here;
}

/** Whether this thread runs `initialize` or `finalize`, which the holder of life_mutex may await. */
static _Thread_local bool changing;

bool worker_changes_here(const struct thread_executor *executor)
{
    return changing && self_serves(&executor->base);
}

/** Call finalize, if the worker has been initialized. */
static void worker_finalize(struct worker *worker)
{
    const struct ep_options *options = &worker->executor->base.options;
    bool is_initialized = worker->is_initialized;

    worker->is_initialized = false;
    self_set_runs(false);
    changing = true;
    if (is_initialized && options->finalize != NULL)
        options->finalize(options->context, worker->index);
    changing = false;
}

/** Settle what the last thread was at. It may end this thread as well, and is then continued. */
static void worker_settle(struct worker *worker)
{
    struct ep_executor *executor = &worker->executor->base;
    enum stage stage = atomic_load(&worker->stage);

    if (stage == TASK_TAKEN) {
        task_lost(&worker->entry);
        worker_end_task(worker, false);
    } else if (stage == TASK_RUN) {
        task_end(&worker->entry, worker->index);
    }
    if (stage != NO_TASK && worker->entry.future == NULL)
        queue_task_done(&executor->queue);
    worker_idles(worker);
    atomic_store(&worker->stage, NO_TASK);
    executor_place_freed(executor);
    executor_settled(executor);
    worker_finalize(worker);
}

/** Begin, in the new thread. @return 0, or the value of initialize */
static int worker_begin(struct worker *worker)
{
    struct thread_executor *executor = worker->executor;
    const struct ep_options *options = &executor->base.options;
    int rc = 0;

    self_serve(&executor->base, false);
    here = worker;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    if (worker->has_predecessor)
        EP_ASSERT(pthread_join(worker->predecessor, NULL) == 0);
    worker->has_predecessor = false;
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    if (worker->is_lost)
        worker_settle(worker);
    worker->is_lost = false;
    worker->tasks_here = 0;
    worker->begins = true;
    changing = true;
    if (options->initialize != NULL)
        rc = options->initialize(options->context, worker->index);
    changing = false;
    worker->begins = false;
    worker->is_initialized = rc == 0;
    self_set_runs(rc == 0);
    worker_idles(worker);
    return rc;
}

/** Hand this worker over to a new thread. @return false if none could be made */
static bool worker_succeed(struct worker *worker)
{
    struct thread_executor *executor = worker->executor;
    pthread_t self = pthread_self();
    int rc;

    EP_ASSERT(pthread_mutex_lock(&executor->life_mutex) == 0);
    worker->predecessor = self;
    worker->has_predecessor = true;
    rc = worker_make_thread_locked(worker);
    if (rc != 0) {
        worker->has_predecessor = false;
        worker->thread = self;
    }
    EP_ASSERT(pthread_mutex_unlock(&executor->life_mutex) == 0);
    return rc == 0;
}

/**
 * Decide whether the worker ends; a resize may have changed that.
 * @return true: it ends, and will be joined
 */
static bool worker_leaves(struct worker *worker)
{
    struct thread_executor *executor = worker->executor;

    if (worker->leaving) /* and may be joined by a thread that has life_mutex */
        return true;
    EP_ASSERT(pthread_mutex_lock(&executor->life_mutex) == 0);
    worker->leaving = worker_is_done(worker);
    if (worker->leaving && executor->is_elastic &&
        worker->index < queue_takers(&executor->base.queue))
        atomic_fetch_sub(&executor->size, 1);
    EP_ASSERT(pthread_mutex_unlock(&executor->life_mutex) == 0);
    return worker->leaving;
}

/** Wake another worker for tasks that submitters have left to this one. */
static void worker_hand_over(struct worker *worker)
{
    if (queue_offers(&worker->executor->base.queue))
        task_arrived(&worker->executor->base);
}

/** Count a worker that ends. The last one wakes the threads that wait for the end. */
static void count_down(struct thread_executor *executor)
{
    if (atomic_fetch_sub(&executor->alive, 1) == 1) {
        expiry_wake(&executor->base);
        waitlist_wake_all(&executor->ended);
    }
}

/** Do the last thing of the worker of the calling thread. */
static void worker_gone(struct worker *worker)
{
    struct thread_executor *executor = worker->executor;

    atomic_store(&worker->has_ended, true);
    count_down(executor);
    if (executor->is_elastic)
        elastic_poke(executor); /* it is there: this thread is joined first */
}

/** End the worker of the calling thread, which has not begun if start_rc is not 0. */
static void worker_end(struct worker *worker, bool first)
{
    worker_gone(worker);
    if (first && worker->start_rc != 0) {
        atomic_store_explicit(&worker->started, 1, memory_order_release);
        futex_wake(&worker->started, 1);
    }
}

/** Run in a thread that a function of the program ends: let another thread continue. */
static void worker_lost(void *argument)
{
    struct worker *worker = argument;
    struct thread_executor *executor = worker->executor;

    self_unwound();
    if (worker->begins) {
        bool first = !worker->has_begun;

        worker->start_rc = EP_EBROKEN;
        if (!first)
            executor_break(&executor->base, "a worker's initialize ended its thread");
        worker_end(worker, first);
    } else if (worker->leaving) {
        worker_hand_over(worker);
        worker_gone(worker);
    } else {
        worker->is_lost = true;
        if (worker_succeed(worker))
            return;
        worker_settle(worker);
        executor_break(&executor->base, "a worker whose thread was ended cannot be replaced");
        worker_gone(worker);
    }
}

/** Do what a worker does, from its beginning to its end. */
static void worker_live(struct worker *worker)
{
    struct thread_executor *executor = worker->executor;
    bool first = !worker->has_begun;

    worker->start_rc = worker_begin(worker);
    if (worker->start_rc != 0 && !first)
        executor_break(&executor->base, "a worker's initialize failed");
    if (worker->start_rc != 0)
        goto gone;
    if (first) {
        worker->has_begun = true;
        atomic_store_explicit(&worker->started, 1, memory_order_release);
        futex_wake(&worker->started, 1);
    }
    for (;;) {
        worker_serve(worker);
        if (worker_leaves(worker))
            break;
        if (!worker_has_done_enough(worker))
            continue; /* it was not among the takers for a moment */
        worker_finalize(worker);
        if (worker_succeed(worker))
            return; /* the worker belongs to the new thread now */
        if (worker_begin(worker) != 0) {
            executor_break(&executor->base, "a worker's initialize failed");
            goto gone;
        }
    }
    worker_finalize(worker);
    worker_hand_over(worker);
gone:
    worker_end(worker, first);
}

/** Run a worker's thread. */
static void *worker_main(void *argument)
{
    pthread_cleanup_push(worker_lost, argument);
    worker_live(argument);
    pthread_cleanup_pop(0);
    return NULL;
}

/** Put a worker, or none, into a place of the table. */
static void place_worker_locked(struct thread_executor *executor, uint32_t index,
                                struct worker *worker)
{
    lock_acquire(&executor->table_lock);
    executor->workers[index] = worker;
    lock_release(&executor->table_lock);
}

int worker_start_locked(struct thread_executor *executor, uint32_t index, bool waits)
{
    struct worker *worker = aligned_alloc(CACHE_LINE, sizeof *worker);
    uint32_t tasks = executor->base.options.tasks_per_worker;
    int rc;

    if (worker == NULL)
        return -ENOMEM;
    memset(worker, 0, sizeof *worker);
    worker->executor = executor;
    worker->index = index;
    worker->tasks_most = tasks > 0 ? tasks : UINT64_MAX;
    worker->has_begun = !waits;
    atomic_fetch_add(&executor->alive, 1);
    place_worker_locked(executor, index, worker);
    rc = worker_make_thread_locked(worker);
    if (rc != 0) {
        count_down(executor);
        place_worker_locked(executor, index, NULL);
        free(worker);
        return rc;
    }
    if (!waits)
        return 0;
    while (atomic_load_explicit(&worker->started, memory_order_acquire) == 0)
        futex_wait(&worker->started, 0, NO_DEADLINE);
    if (worker->start_rc == 0)
        return 0;
    worker_join_locked(executor, index);
    return EP_EBROKEN;
}

void worker_join_locked(struct thread_executor *executor, uint32_t index)
{
    HOLD_CANCELLATION;
    struct worker *worker = executor->workers[index];

    EP_ASSERT(pthread_join(worker->thread, NULL) == 0);
    lock_acquire(&executor->table_lock);
    executor->gone_finished += atomic_load(&worker->finished);
    executor->gone_failed += atomic_load(&worker->failed);
    executor->workers[index] = NULL;
    lock_release(&executor->table_lock);
    free(worker);
}
