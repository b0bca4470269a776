/* SPDX-License-Identifier: MIT */
/**
 * @file future-internal.h
 * The inside of a future, for the executors that complete it and for waits on several futures.
 */
#ifndef POOL_FUTURE_INTERNAL_H
#define POOL_FUTURE_INTERNAL_H

#include "pool/deadlines-internal.h"
#include "pool/echopool.h"
#include "pool/future-pool-internal.h"
#include "pool/park-internal.h"
#include "pool/priority-internal.h"

/** Inputs and replies up to these sizes need no memory of their own. */
#define FUTURE_INPUT_INLINE 64
#define FUTURE_REPLY_INLINE 64

/** The size of a message, with the terminating zero. */
#define MESSAGE_MAX 128

/** The state word: a state, and notes for the thread that completes the future. */
enum {
    STATE_PENDING,
    STATE_RUNNING,
    STATE_CANCELLING, /**< a canceller, or expiry, has won and is giving its place in the queue back */
    STATE_CANCELLED,
    STATE_FINISHED,
    STATE_MASK = 7,
    STATE_HAS_SLEEPERS = 8, /**< threads sleep on the state word */
    STATE_HAS_WATCHES = 16, /**< it has watches or callbacks, or is about to */
    STATE_HAS_HELPER = 32,  /**< a waiting thread does the executor's work */
    STATE_MUST_STOP = 64,   /**< the task is asked to end early: ep_task_stopping() */
};

/** What futures call in the executor that made them. */
struct future_host {
    /**
     * Free the place of a queued task whose future is being cancelled. From then on the executor lives
     * until place_left() has returned. Threads: any.
     */
    void (*cancelled)(struct ep_executor *executor, struct ep_future *future);
    /** Notify those who wait for that place; a function of the user may run. */
    void (*place_left)(struct ep_executor *executor);
    /**
     * Do the executor's work while waiting for a RUNNING future. Return when the future is done, at
     * the deadline, or when there is nothing to help with. NULL: waiting threads cannot help. If
     * the future is completed before its helper has left, the thread that completes it calls
     * helper_stays(), and the executor lives until the helper has called helper_leaves().
     */
    void (*help)(struct ep_executor *executor, struct ep_future *future, int64_t deadline_ns);
    void (*helper_stays)(struct ep_executor *executor);
    void (*helper_leaves)(struct ep_executor *executor);
    /**
     * Run a PENDING task in the calling thread, for which self_may_run() holds, unless it begins
     * elsewhere or is cancelled meanwhile. @return 0, or -EDEADLK if it cannot begin now. NULL: never
     */
    int (*run_here)(struct ep_executor *executor, struct ep_future *future);
    /** Ask whether a RUNNING task runs in that thread. NULL if run_here is. */
    bool (*runs_here)(const struct ep_future *future);
};

/** Descriptors that go with a task. */
struct task_fds {
    unsigned count;
    bool on_heap;
    int fds[]; /**< -1: taken over by the task */
};

/** What few submissions ask for. */
struct extras {
    void *user;
    ep_on_drop_fn on_drop; /**< used as `dropped` */
    int64_t expires_ns;    /**< 0: never */
    int64_t limit_ns;      /**< 0: none */
    enum ep_priority priority;
};

/**
 * What the queue knows of a task with extras while it waits: see aside-internal.h. Guarded by the
 * queue's head_lock.
 */
struct queued {
    struct deadline expiry; /**< if it expires */
    struct lane_link lane;  /**< if its priority is not normal */
    bool set_aside;         /**< it was late: only the heap has it */
};

/** A done callback. */
struct callback {
    ep_done_fn done;
    void *context;
    struct callback *next;
};

/**
 * A wait inside the library, such as ep_wait(), that is notified when a future is done. It lies in
 * the memory of the waiting thread, and can be removed.
 */
struct watch {
    /**
     * Called once, in the thread that completes the future, with the future's lock held. It must be
     * short, take only locks that no thread holds while it calls into a future, and use nothing of
     * the future except its outcome.
     */
    void (*fire)(struct watch *watch, struct ep_future *future);
    /* guarded by the future's lock */
    struct watch *next, *previous;
    bool listed;
};

/**
 * Which thread may use what:
 *  - before submission: the submitting thread everything;
 *  - input, dropped, on_drop: the thread that takes the state out of PENDING, a worker or a
 *    canceller;
 *  - executor: the canceller, from CANCELLING on until place_left() has returned. The executor is not
 *    freed in that time, because its workers wait for the state to become CANCELLED, and those who free
 *    it for the canceller, which counts as a dropper from before that on;
 *  - the outcome: the worker while the state is RUNNING; read-only for all threads once FINISHED;
 *  - callbacks and watches: guarded by `lock`.
 *
 * The usual task uses two cache lines: the first, and the one with its input.
 */
struct ep_future {
    _Alignas(CACHE_LINE) _Atomic uint32_t state;
    _Atomic uint32_t references;
    struct lock lock;
    _Atomic uint16_t worker;  /* part of the outcome; a process executor sets it earlier */
    bool has_extras;          /* set before submission, and then read-only, like `extras` */
    struct future_pool *pool; /* where the memory comes from */
    struct ep_executor *executor;
    ep_dropped_fn dropped;
    int verdict; /* part of the outcome: 0, or what ep_future_result() returns */
    union {
        struct {
            bool input_on_heap;
            bool has_fds;
            bool has_message; /* part of the outcome, as has_reply */
            bool has_reply;
        };
        uint32_t holds; /* all four at once; 0: there is nothing to release */
    };
    size_t input_size;
    ep_task_fn fn;

    _Alignas(CACHE_LINE) union {
        unsigned char inside[FUTURE_INPUT_INLINE];
        void *heap;
    } input;

    /* part of the outcome; each is meaningful only if the first cache line says so */
    size_t reply_size;
    union {
        _Alignas(max_align_t) unsigned char inside[FUTURE_REPLY_INLINE];
        void *heap;
        struct queued queued; /* before it begins, if has_extras */
    } reply;
    int code;             /* if verdict is not 0 */
    struct task_fds *fds; /* if has_fds; the thread that may use `input` may use it */
    char *message;        /* if has_message */

    struct callback first_callback; /* the usual one callback needs no allocation */
    /* meaningful if STATE_HAS_WATCHES is set */
    struct callback *callbacks; /* in order of registration */
    struct watch *watches;
    struct extras extras; /* meaningful if has_extras */
    int64_t submitted_ns; /* if the executor is observed; 0: it has begun before */
};

static inline uint32_t future_load_state(const struct ep_future *future)
{
    return atomic_load_explicit(&future->state, memory_order_acquire) & STATE_MASK;
}

static inline bool state_is_done(uint32_t state)
{
    return state == STATE_FINISHED || state == STATE_CANCELLED;
}

/** Ask whether it was made in the parent process and not done at the fork: it never will be. */
static inline bool future_is_lost(const struct ep_future *future)
{
    return !state_is_done(future_load_state(future)) && !future_pool_is_here(future->pool);
}

/**
 * Make a PENDING future with a copy of the input and one reference.
 *
 * @param pool  the source of the memory
 * @return      NULL if there is no memory
 */
struct ep_future *future_new(struct future_pool *pool, struct ep_executor *executor, ep_task_fn fn,
                             const void *input, size_t size, ep_dropped_fn dropped);

/** Add the second reference, while no other thread has the future. Any later one is atomic. */
static inline struct ep_future *future_ref_new(struct ep_future *future)
{
    atomic_store_explicit(&future->references, 2, memory_order_relaxed);
    return future;
}

/** Keep what few submissions ask for. Threads: the submitting one, before submission. */
void future_set_extras(struct ep_future *future, const struct extras *extras);

/** Get when it expires, or NO_DEADLINE. */
static inline int64_t future_expires_ns(const struct ep_future *future)
{
    return future->has_extras && future->extras.expires_ns != 0 ? future->extras.expires_ns
                                                                : NO_DEADLINE;
}

static inline enum ep_priority future_priority(const struct ep_future *future)
{
    return future->has_extras ? future->extras.priority : EP_PRIORITY_NORMAL;
}

/** Get how long it may run; 0: there is no limit. */
static inline int64_t future_limit_ns(const struct ep_future *future)
{
    return future->has_extras ? future->extras.limit_ns : 0;
}

/**
 * Change the state; no other function does.
 *
 *     PENDING --future_start--> RUNNING --future_finish------------> FINISHED
 *        |                                                              ^
 *        +--future_begin_cancel--> CANCELLING --future_publish_expired--+
 *                                       |
 *                                       +-------future_publish_cancelled--> CANCELLED
 *
 * No function of the user runs in a thread that has a future in CANCELLING, so other threads can wait
 * for the end of that state.
 *
 * @param from  the state it must have
 * @param old   set to the word before the change, notes included; may be NULL
 * @return      false if the state was another; nothing is changed then
 */
static inline bool future_change_state(struct ep_future *future, uint32_t from, uint32_t to,
                                       uint32_t *old)
{
    uint32_t word = atomic_load_explicit(&future->state, memory_order_acquire);

    do {
        if ((word & STATE_MASK) != from)
            return false;
    } while (
        !atomic_compare_exchange_weak(&future->state, &word, (word & ~(uint32_t)STATE_MASK) | to));
    if (old != NULL)
        *old = word;
    return true;
}

/** Change PENDING to RUNNING. @return false if a canceller was faster */
static inline bool future_start(struct ep_future *future)
{
    return future_change_state(future, STATE_PENDING, STATE_RUNNING, NULL);
}

/**
 * Cancel a task that waits in the queue, in four steps. First change PENDING to CANCELLING: it will
 * never begin. @return false if a worker or another canceller was faster
 */
bool future_begin_cancel(struct ep_future *future);
/**
 * Second, free its place in the queue, and publish CANCELLED. Until then a worker may wait for that,
 * and the executor is not freed. @return the notes for the last step
 */
uint32_t future_leave_queue(struct ep_future *future);
/** Third, notify those who wait for its place. After this the executor may be gone. */
void future_offer_place(struct ep_future *future);
/**
 * Last, drop its input, fire its watches and run its callbacks. It needs a reference.
 *
 * @param reason  for on_drop
 */
void future_end_unrun(struct ep_future *future, int reason, uint32_t notes);

/**
 * Publish that a task for which future_begin_cancel() has succeeded is CANCELLED, or FINISHED with
 * EP_EXPIRED, and wake the sleepers. Its place must be free, and counted, already.
 * @return the notes for future_end_unrun()
 */
uint32_t future_publish_cancelled(struct ep_future *future);
uint32_t future_publish_expired(struct ep_future *future);

/** Ask a running task to end early. */
static inline void future_ask_to_stop(struct ep_future *future)
{
    atomic_fetch_or(&future->state, STATE_MUST_STOP);
}
static inline bool future_must_stop(const struct ep_future *future)
{
    return (atomic_load_explicit(&future->state, memory_order_relaxed) & STATE_MUST_STOP) != 0;
}

/** Ask whether a canceller has won and may not be counted as a dropper yet. */
bool future_is_cancelling(const struct ep_future *future);
/** Wait until the canceller that has won counts as a dropper. */
void future_await_cancelled(struct ep_future *future);

/** Cancel a task that was never queued. */
void future_drop(struct ep_future *future, int reason);

/**
 * Fail a task that was started only for that, because there is no worker: drop its input with the
 * verdict as the reason, and make the future FINISHED with it. Its place must be free, and counted.
 */
void future_break(struct ep_future *future, int verdict, const char *message);

/**
 * Release the input and descriptors of a task that will never begin, after calling its `dropped` or
 * `on_drop`. Threads: the one that took it out of PENDING.
 */
void future_drop_input(struct ep_future *future, int reason);

/** Release the input and descriptors of a task that has ended. */
void future_release_input(struct ep_future *future);

/** Ask whether dropping its input calls a function of the user. */
bool future_drop_calls(const struct ep_future *future);

/** Get the input as the task sees it. */
static inline const void *future_input(const struct ep_future *future)
{
    if (future->input_size == 0)
        return NULL;
    return future->input_on_heap ? future->input.heap : future->input.inside;
}

/** Keep a reply, replacing an earlier one. @return 0 or -ENOMEM */
int future_set_reply(struct ep_future *future, const void *data, size_t size);

/** Keep an error, replacing an earlier one, with a message that is cut at 127 bytes; NULL: none. */
void future_set_error(struct ep_future *future, int verdict, int code, const char *message);

/**
 * Make room for the only reply of a task that has ended and needs its input no more. A large reply gets
 * the memory of the input, if that is not much too large: to get new memory of a megabyte from the
 * system, and to give it back, may cost more than the task.
 * @return NULL for want of memory
 */
void *future_make_reply(struct ep_future *future, size_t size);

/** Get the reply, or NULL. */
const void *future_reply(const struct ep_future *future, uint64_t *size);

/** Give descriptors to the future; they are closed with its input. @return 0 or -ENOMEM */
int future_own_fds(struct ep_future *future, const int *fds, unsigned count);
/** Give the descriptors back to the caller. */
void future_disown_fds(struct ep_future *future);
/** Close the descriptors that the future still owns. */
void future_close_fds(struct ep_future *future);

/** Make a RUNNING future in caller-owned memory, for an outcome that only the caller reads. */
void future_init_local(struct ep_future *future);
void future_clear_local(struct ep_future *future);

/**
 * Do the two halves of future_finish(), for an executor whose callbacks run on another thread than
 * the one that has the outcome. The first publishes the outcome, wakes the sleepers and returns the
 * notes. If STATE_HAS_WATCHES is among them, the second must follow; it needs a reference.
 */
uint32_t future_publish(struct ep_future *future, uint32_t worker);
void future_call_back(struct ep_future *future);

/**
 * Change RUNNING to FINISHED: release the input, publish, wake the sleepers, run callbacks. If a
 * callback has ended the thread, another call, in another thread, runs the rest.
 */
void future_finish(struct ep_future *future, uint32_t worker);

/** Fire watches and run callbacks. Called once, by the thread that made the future done. */
void future_tell(struct ep_future *future);

/**
 * Have watch->fire called when the future is done. @return false: it is done already
 *
 * In a forked child no thread completes a future of the parent, and its lock may be held by a
 * thread that does not exist there. The function then writes nothing, and the watch never fires.
 */
bool future_watch(struct ep_future *future, struct watch *watch);

/**
 * Remove a watch. Afterwards it does not fire, and is not firing.
 * @return whether it had not fired
 */
bool future_unwatch(struct ep_future *future, struct watch *watch);

/**
 * Ask whether waiting for it may never end, because the calling thread is a worker that may have to
 * begin it or runs it, or the manager of its process executor, which has to receive its outcome.
 */
bool future_needs_caller(const struct ep_future *future);

/**
 * Do the caller's part for a future that it is about to wait for: run it here if it has not begun, and
 * the caller is a worker that may. @return 0, or -EDEADLK: waiting may never end
 */
int future_join_in(struct ep_future *future);

/** Ask whether it is done and has failed. For watches, and after a wait. */
bool future_has_failed(const struct ep_future *future);

#endif /* POOL_FUTURE_INTERNAL_H */
