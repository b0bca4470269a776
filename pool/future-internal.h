/* SPDX-License-Identifier: MIT */
/**
 * @file future-internal.h
 * The inside of a future, shared by the executors that complete it and by those who wait for
 * several.
 */
#ifndef POOL_FUTURE_INTERNAL_H
#define POOL_FUTURE_INTERNAL_H

#include "pool/echopool.h"
#include "pool/future-pool-internal.h"
#include "pool/park-internal.h"

/** Inputs and replies up to these sizes need no memory of their own. */
#define FUTURE_INPUT_INLINE 64
#define FUTURE_REPLY_INLINE 64

/** What the state word holds: a state, and two notes for whoever completes the future. */
enum {
    STATE_PENDING,
    STATE_RUNNING,
    STATE_CANCELLING, /**< cancel has won; its place in the queue is being given back */
    STATE_CANCELLED,
    STATE_FINISHED,
    STATE_MASK = 7,
    STATE_HAS_SLEEPERS = 8, /**< threads sleep on the state word */
    STATE_HAS_WATCHES = 16, /**< there are watches or callbacks, or soon will be */
    STATE_HAS_HELPER = 32,  /**< a waiting thread is about to do the executor's work */
};

/** What futures ask of the executor that made them. */
struct future_host {
    /** A queued task's future has been cancelled: its place is free. Threads: any. */
    void (*cancelled)(struct ep_executor *executor);
    /**
     * The caller waits for a RUNNING future: it may do the executor's work meanwhile. Returns when
     * the future is done, at the deadline, or when there is nothing to help with. NULL where
     * waiting threads cannot help. Whoever completes the future of a helper that has not left by
     * then calls helper_stays(); the executor then stands until helper_leaves().
     */
    void (*help)(struct ep_executor *executor, struct ep_future *future, int64_t deadline_ns);
    void (*helper_stays)(struct ep_executor *executor);
    void (*helper_leaves)(struct ep_executor *executor);
};

/** Descriptors that go with a task. */
struct task_fds {
    unsigned count;
    bool on_heap;
    int fds[]; /**< -1: taken away, or sent to where they are needed */
};

/** One function of the user's to be called when the future is done. */
struct callback {
    ep_done_fn done;
    void *context;
    struct callback *next;
};

/**
 * Something of the library's own that wants to know when a future is done: ep_wait() and its like.
 * It lives in the memory of whoever waits, and can be taken back.
 */
struct watch {
    /**
     * Called once, in the thread that completes the future, with the future's lock held: be short,
     * take only locks that nobody holds while calling into a future, and do not touch the future
     * otherwise than by reading its outcome.
     */
    void (*fire)(struct watch *watch, struct ep_future *future);
    /* guarded by the future's lock */
    struct watch *next, *previous;
    bool listed;
};

/**
 * Who may touch what:
 *  - until it is submitted, the submitting thread alone;
 *  - input, dropped: whoever takes the state out of PENDING - the worker or the canceller;
 *  - executor: the canceller, between CANCELLING and CANCELLED, and nobody else. The executor
 *    cannot go away in that time, because its workers wait for the state to be CANCELLED;
 *  - the outcome: the worker while the state is RUNNING; read-only for all once FINISHED;
 *  - callbacks and watches: guarded by `lock`.
 *
 * The usual task touches two cache lines: the first, and the one with its input.
 */
struct ep_future {
    _Alignas(CACHE_LINE) _Atomic uint32_t state;
    _Atomic uint32_t references;
    struct lock lock;
    _Atomic uint16_t worker; /* part of the outcome; a process executor sets it earlier */
    bool has_message;
    bool has_reply;
    struct future_pool *pool; /* where the memory comes from */
    struct ep_executor *executor;
    ep_dropped_fn dropped;
    int verdict; /* part of the outcome: 0, or what ep_future_result() returns */
    bool input_on_heap;
    bool has_fds;
    bool reply_is_mapped; /* part of the outcome; meaningful where has_reply */
    size_t input_size;
    struct callback *callbacks; /* in order of registration */

    _Alignas(CACHE_LINE) union {
        unsigned char inside[FUTURE_INPUT_INLINE];
        void *heap;
    } input;

    /* part of the outcome; each is meaningful only where the first line says so */
    size_t reply_size;
    union {
        _Alignas(max_align_t) unsigned char inside[FUTURE_REPLY_INLINE];
        void *heap;
    } reply;
    int code;             /* where verdict is not 0 */
    struct task_fds *fds; /* where has_fds; belongs to whom `input` belongs to */
    char *message;        /* where has_message */

    struct callback first_callback; /* the usual one callback needs no allocation */
    struct watch *watches;          /* meaningful where STATE_HAS_WATCHES is set */
};

/**
 * A PENDING future with a copy of the input and one reference, or NULL for want of memory.
 *
 * @param pool  gives the memory
 */
struct ep_future *future_new(struct future_pool *pool, struct ep_executor *executor,
                             const void *input, size_t size, ep_dropped_fn dropped);

/** PENDING to RUNNING. @return false where a canceller was faster */
bool future_start(struct ep_future *future);

/** Wait for a canceller that has won to be done with the executor. */
void future_await_cancelled(struct ep_future *future);

/**
 * Cancel on behalf of an executor that has taken the task off its queue itself.
 * @return false where another canceller was faster
 */
bool future_drop(struct ep_future *future);

/**
 * The task will never run for want of a worker: `dropped` is called, and the future is FINISHED
 * with that verdict. For a task that the executor has taken off its queue itself.
 * @return false where a canceller was faster
 */
bool future_break(struct ep_future *future, int verdict, const char *message);

/**
 * The task never began, and never will: call its `dropped` function, and release input and
 * descriptors. For whoever took it out of PENDING.
 */
void future_drop_input(struct ep_future *future);

/** The input as the task sees it. */
const void *future_input(const struct ep_future *future);

/** Keep a reply, replacing an earlier one. @return 0 or -ENOMEM */
int future_set_reply(struct ep_future *future, const void *data, size_t size);

/** Keep what went wrong, in words that are cut at 127 bytes; NULL leaves the words as they are. */
void future_set_error(struct ep_future *future, int verdict, int code, const char *message);

/** Keep a reply that was mapped with mmap(), and unmap it when the future goes. */
void future_set_mapped_reply(struct ep_future *future, void *map, size_t size);

/** The reply that is kept, or NULL. */
const void *future_reply(const struct ep_future *future, uint64_t *size);

/** Let the future own descriptors: they are closed with its input. @return 0 or -ENOMEM */
int future_own_fds(struct ep_future *future, const int *fds, unsigned count);
/** The descriptors are the caller's again. */
void future_disown_fds(struct ep_future *future);
/** Close the descriptors that the future still owns. */
void future_close_fds(struct ep_future *future);

/** A RUNNING future in the caller's memory, for a task whose outcome only the caller reads. */
void future_init_local(struct ep_future *future);
void future_clear_local(struct ep_future *future);

/**
 * The two halves of future_finish(), for an executor whose callbacks run on another thread than
 * that which has the outcome. The first publishes and wakes the sleepers; the caller must hold a
 * reference for the second, and owes it where the first returned STATE_HAS_WATCHES among the notes.
 */
uint32_t future_publish(struct ep_future *future, uint32_t worker);
void future_call_back(struct ep_future *future);

/** RUNNING to FINISHED: release the input, publish the outcome, wake the sleepers, call back. */
void future_finish(struct ep_future *future, uint32_t worker);

/** Whether it will never be done here: it was not when this process was forked from the one it is of. */
bool future_is_lost(const struct ep_future *future);

/**
 * Have watch->fire called when the future is done. @return false: it is done already
 *
 * In a forked child nobody will complete a future of the parent's, and its lock may be held by a
 * thread that is not there: nothing is touched then, and the watch never fires.
 */
bool future_watch(struct ep_future *future, struct watch *watch);

/** Take a watch back. Afterwards it does not fire, and is not firing. */
void future_unwatch(struct ep_future *future, struct watch *watch);

/**
 * Whether waiting for it may be for ever, because the calling thread is one of those who have yet to
 * begin it, or, of a process executor, the one who sees to it that it ends: its manager.
 */
bool future_needs_caller(const struct ep_future *future);

/** Whether it is done and has failed: for watches, and after a wait. */
bool future_has_failed(const struct ep_future *future);

#endif /* POOL_FUTURE_INTERNAL_H */
