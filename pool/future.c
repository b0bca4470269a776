/* SPDX-License-Identifier: MIT */
/*
 * Futures: the state of a task, and the threads that wait for it. future-watch.c has what is called when it is
 * done, future-contents.c the input and the outcome.
 *
 * DESIGN
 *
 * One atomic operation on the state word settles every race: between the worker that starts a task
 * and the thread that cancels it, or between a waiter that goes to sleep and the worker that
 * finishes. Beside the state the word carries notes, "threads sleep on this word" and "there are
 * callbacks", so finishing a future that has neither costs one exchange.
 *
 * A waiter sets its note and sleeps on the word (futex); changing the state wakes all sleepers. The
 * finisher owns a reference while it wakes them and calls back, so a waiter that wakes up may drop
 * its own reference.
 *
 * Order: the outcome is published first, then sleepers wake and watches fire, then the callbacks
 * run in the order in which they were added. No lock is held while they run.
 *
 * Members are set when they are needed, and not when the future is made: a future that has no
 * watches and does not fail costs writing one cache line.
 */
#include "pool/future-internal.h"

#include "pool/clock-internal.h"
#include "pool/self-internal.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* --- state --------------------------------------------------------------------------------- */

/**
 * Looks at the state before sleeping on it, with a pause before each: about a microsecond in all.
 * Sleeping and waking take several, so a result that is almost ready arrives sooner.
 */
#define SLEEP_LOOKS 64

static uint32_t future_look(struct ep_future *future)
{
    uint32_t word = atomic_load(&future->state);

    if (!future_pool_may_spin(future->pool))
        return word;
    for (int looks = 0; looks < SLEEP_LOOKS && !state_is_done(word & STATE_MASK); looks++) {
        spin_pause();
        word = atomic_load(&future->state);
    }
    return word;
}

/** Sleep until the future is done, or until the deadline. @return whether it is done */
static bool future_sleep(struct ep_future *future, int64_t deadline_ns)
{
    uint32_t word = future_look(future);

    while (!state_is_done(word & STATE_MASK)) {
        if (deadline_is_over(deadline_ns))
            return false;
        if ((word & STATE_HAS_SLEEPERS) == 0 &&
            !atomic_compare_exchange_weak(&future->state, &word, word | STATE_HAS_SLEEPERS))
            continue;
        futex_wait(&future->state, word | STATE_HAS_SLEEPERS, deadline_ns);
        word = atomic_load(&future->state);
    }
    return true;
}

/**
 * Do the executor's work while waiting for a RUNNING future, if the executor allows that.
 *
 * The note in the state word keeps the executor from being freed: the thread that finishes a future
 * with that note reports to the executor that a helper is still inside. If the helper removes the
 * note before, it has nothing to report.
 */
static void future_help(struct ep_future *future, int64_t deadline_ns)
{
    const struct future_host *host = future_pool_host(future->pool);
    struct ep_executor *executor = future->executor;
    uint32_t word = atomic_load(&future->state);

    if (host->help == NULL)
        return;
    do {
        if ((word & STATE_MASK) != STATE_RUNNING || (word & STATE_HAS_HELPER))
            return;
    } while (!atomic_compare_exchange_weak(&future->state, &word, word | STATE_HAS_HELPER));
    host->help(executor, future, deadline_ns);
    word = atomic_load(&future->state);
    while ((word & STATE_MASK) == STATE_RUNNING)
        if (atomic_compare_exchange_weak(&future->state, &word, word & ~(uint32_t)STATE_HAS_HELPER))
            return;
    host->helper_leaves(executor);
}

/** Wait until the future is done, or for the timeout. @return whether it is done */
static bool future_wait(struct ep_future *future, int64_t timeout_ns)
{
    int64_t deadline_ns;

    if (state_is_done(future_load_state(future)))
        return true;
    if (timeout_ns <= 0)
        return false;
    deadline_ns = deadline_after(timeout_ns);
    future_help(future, deadline_ns);
    return future_sleep(future, deadline_ns);
}

/* --- life ---------------------------------------------------------------------------------- */

struct ep_future *future_new(struct future_pool *pool, struct ep_executor *executor, ep_task_fn fn,
                             const void *input, size_t size, ep_dropped_fn dropped)
{
    struct ep_future *future = future_pool_take(pool);
    void *heap = NULL;

    if (future == NULL)
        return NULL;
    if (size > sizeof future->input.inside && (heap = malloc(size)) == NULL) {
        future_pool_give(pool, future);
        return NULL;
    }
    if (size > 0)
        memcpy(heap ? heap : future->input.inside, input, size);
    future->holds = 0;
    if (heap != NULL) {
        future->input.heap = heap;
        future->input_on_heap = true;
    }
    future->input_size = size;
    future->pool = pool;
    future->executor = executor;
    future->fn = fn;
    future->dropped = dropped;
    future->has_extras = false;
    future->verdict = 0;
    atomic_store_explicit(&future->lock.word, 0, memory_order_relaxed);
    atomic_store_explicit(&future->references, 1, memory_order_relaxed);
    atomic_store_explicit(&future->state, STATE_PENDING, memory_order_relaxed);
    return future;
}

void future_set_extras(struct ep_future *future, const struct extras *extras)
{
    future->extras = *extras;
    future->has_extras = true;
}

struct ep_future *ep_future_ref(struct ep_future *future)
{
    atomic_fetch_add_explicit(&future->references, 1, memory_order_relaxed);
    return future;
}

void ep_future_unref(struct ep_future *future)
{
    if (future == NULL)
        return;
    /* The last reference is given up without an atomic subtraction: no other thread has one to copy. */
    if (atomic_load_explicit(&future->references, memory_order_acquire) != 1 &&
        atomic_fetch_sub_explicit(&future->references, 1, memory_order_acq_rel) != 1)
        return;
    if (future->holds != 0)
        future_clear_local(future);
    future_pool_give(future->pool, future);
}

void future_init_local(struct ep_future *future)
{
    memset(future, 0, sizeof *future);
    atomic_init(&future->state, STATE_RUNNING);
}

/* --- what executors do --------------------------------------------------------------------- */

bool future_is_cancelling(const struct ep_future *future)
{
    return future_load_state(future) == STATE_CANCELLING;
}

void future_await_cancelled(struct ep_future *future)
{
    future_sleep(future, NO_DEADLINE);
}

/**
 * Publish that a task which never runs is over, and wake the sleepers: a worker may be one of them, for
 * whose next task a function that is called later waits. @return the notes
 */
static uint32_t future_end_cancelling(struct ep_future *future, uint32_t to)
{
    uint32_t old;

    EP_ASSERT(future_change_state(future, STATE_CANCELLING, to, &old));
    if (old & STATE_HAS_SLEEPERS)
        futex_wake(&future->state, INT_MAX);
    return old;
}

bool future_begin_cancel(struct ep_future *future)
{
    return future_change_state(future, STATE_PENDING, STATE_CANCELLING, NULL);
}

uint32_t future_publish_cancelled(struct ep_future *future)
{
    return future_end_cancelling(future, STATE_CANCELLED);
}

uint32_t future_publish_expired(struct ep_future *future)
{
    future_set_error(future, EP_EXPIRED, 0, ep_strerror(EP_EXPIRED));
    atomic_store_explicit(&future->worker, 0, memory_order_relaxed);
    return future_end_cancelling(future, STATE_FINISHED);
}

uint32_t future_leave_queue(struct ep_future *future)
{
    future_pool_host(future->pool)->cancelled(future->executor, future);
    return future_publish_cancelled(future);
}

void future_offer_place(struct ep_future *future)
{
    struct self_drop drop;

    self_drop_begin(&drop, future->executor, future);
    future_pool_host(future->pool)->place_left(future->executor);
    self_drop_end();
}

void future_end_unrun(struct ep_future *future, int reason, uint32_t notes)
{
    future_drop_input(future, reason);
    if (notes & STATE_HAS_WATCHES)
        future_tell(future);
}

void future_drop(struct ep_future *future, int reason)
{
    EP_ASSERT(future_begin_cancel(future)); /* no other thread has it yet */
    future_end_unrun(future, reason, future_publish_cancelled(future));
}

void future_break(struct ep_future *future, int verdict, const char *message)
{
    future_set_error(future, verdict, 0, message);
    future_drop_input(future, verdict);
    future_finish(future, 0);
}

uint32_t future_publish(struct ep_future *future, uint32_t worker)
{
    uint32_t old;

    atomic_store_explicit(&future->worker, (uint16_t)worker, memory_order_relaxed);
    if (future->holds != 0)
        future_release_input(future);
    future->input_size = 0;
    /* Only the worker that started a task can finish it. */
    EP_ASSERT(future_change_state(future, STATE_RUNNING, STATE_FINISHED, &old));
    if (old & STATE_HAS_HELPER)
        future_pool_host(future->pool)
            ->helper_stays(future->executor); /* it lives until the helper leaves */
    if (old & STATE_HAS_SLEEPERS)
        futex_wake(&future->state, INT_MAX);
    return old;
}

void future_call_back(struct ep_future *future)
{
    if (atomic_load(&future->state) & STATE_HAS_WATCHES)
        future_tell(future);
}

void future_finish(struct ep_future *future, uint32_t worker)
{
    if (ep_future_done(future))
        future_call_back(future);
    else if (future_publish(future, worker) & STATE_HAS_WATCHES)
        future_tell(future);
}

bool future_has_failed(const struct ep_future *future)
{
    return future_load_state(future) == STATE_FINISHED && future->verdict != 0;
}

/* --- what users ask ------------------------------------------------------------------------ */

int ep_future_cancel(struct ep_future *future)
{
    struct self_drop drop;

    if (future_is_lost(future))
        return EP_EFORKED;
    if (future_begin_cancel(future)) {
        uint32_t notes = future_leave_queue(future);

        future_offer_place(future);
        self_drop_begin(&drop, NULL, future);
        future_end_unrun(future, EP_ECANCELLED, notes);
        self_drop_end();
        return 0;
    }
    switch (future_load_state(future)) {
    case STATE_RUNNING: return -EBUSY;
    case STATE_FINISHED: return -EALREADY;
    default:
        future_await_cancelled(future);
        return future_load_state(future) == STATE_CANCELLED ? 0 : -EALREADY; /* it may expire */
    }
}

enum ep_future_state ep_future_state(const struct ep_future *future)
{
    switch (future_load_state(future)) {
    case STATE_RUNNING: return EP_RUNNING;
    case STATE_FINISHED: return EP_FINISHED;
    case STATE_CANCELLED: return EP_CANCELLED;
    default: return EP_PENDING;
    }
}

bool ep_future_done(const struct ep_future *future)
{
    return state_is_done(future_load_state(future));
}

bool ep_future_running(const struct ep_future *future)
{
    return future_load_state(future) == STATE_RUNNING;
}

bool ep_future_cancelled(const struct ep_future *future)
{
    return future_load_state(future) == STATE_CANCELLED;
}

void *ep_future_user(const struct ep_future *future)
{
    return future->has_extras ? future->extras.user : NULL;
}

bool future_needs_caller(const struct ep_future *future)
{
    const struct future_host *host = future_pool_host(future->pool);

    switch (future_load_state(future)) { /* read once: it may change meanwhile */
    case STATE_PENDING: return self_serves(future->executor);
    case STATE_RUNNING:
        if (self_must_end(future))
            return true;
        if (!self_works_for(future->executor))
            return false;
        return host->runs_here == NULL || !self_runs() || host->runs_here(future);
    default: return false;
    }
}

int future_join_in(struct ep_future *future)
{
    const struct future_host *host = future_pool_host(future->pool);

    if (!future_needs_caller(future))
        return 0;
    if (host->run_here == NULL || !self_may_run(future->executor))
        return ep_future_done(future) ? 0 : -EDEADLK;
    if (future_load_state(future) == STATE_PENDING)
        return host->run_here(future->executor, future);
    return future_needs_caller(future) ? -EDEADLK : 0;
}

/** Wait for the outcome. @return 0, or the reason why there is none */
static int future_await_outcome(struct ep_future *future, int64_t timeout_ns)
{
    if (future_is_lost(future))
        return EP_EFORKED;
    if (timeout_ns > 0 && future_join_in(future) != 0)
        return -EDEADLK;
    if (!future_wait(future, timeout_ns))
        return -ETIMEDOUT;
    return future_load_state(future) == STATE_CANCELLED ? EP_ECANCELLED : 0;
}

int ep_future_result(struct ep_future *future, int64_t timeout_ns, struct ep_bytes *reply)
{
    int rc = future_await_outcome(future, timeout_ns);

    if (rc != 0 || future->verdict != 0)
        return rc != 0 ? rc : future->verdict;
    if (reply != NULL) {
        uint64_t size;

        reply->data = future_reply(future, &size);
        reply->size = (size_t)size;
    }
    return 0;
}

int ep_future_error(struct ep_future *future, int64_t timeout_ns, struct ep_error *error)
{
    int rc = future_await_outcome(future, timeout_ns);

    if (rc != 0)
        return rc;
    *error = (struct ep_error){
        .failed = future->verdict != 0,
        .kind = future->verdict,
        .code = future->verdict != 0 ? future->code : 0,
        .message = future->has_message ? future->message : "",
        .worker = future->worker,
    };
    return 0;
}
