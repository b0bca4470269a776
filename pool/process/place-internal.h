/* SPDX-License-Identifier: MIT */
/**
 * @file place-internal.h
 * The process executor, and the place of each of its workers, as the files of this room see them.
 * executor.c is what its users call. manager.c is the thread that watches over the workers, death.c
 * what it does when one ends. send.c brings tasks to workers, receive.c brings outcomes back, and
 * both stand on outcome.c, place.c, and limit.c for tasks that have a time limit. The worker's side is in
 * worker.c.
 */
#ifndef POOL_PROCESS_PLACE_INTERNAL_H
#define POOL_PROCESS_PLACE_INTERNAL_H

#include "pool/executor-internal.h"
#include "pool/process/wire-internal.h"

#include <pthread.h>
#include <sys/epoll.h>

/** The source of an epoll event: EVENT_*, or a place's index << 2 | PLACE_*. */
enum { EVENT_WAKEUP = 0, PLACE_SOCKET = 1, PLACE_PIDFD = 2, EVENT_LINE = 3, EVENT_KINDS = 3 };

/** When to send to the zygote again if its line was full. */
#define BUSY_LINE_NS EP_MILLISECONDS(1)

/** In the count of helpers: a thread sleeps until there is none. */
#define HELPERS_AWAITED 0x40000000u

/** A task that is with a worker, or about to be. */
struct slot {
    struct queue_entry entry;
    struct wire_task header;
    bool use_file;    /**< its input did not fit into a message */
    uint32_t nacks;   /**< times that its descriptors did not arrive */
    int64_t limit_ns; /**< 0: none */
};

/** The state of a worker's process. Guarded by the executor's lock; only the manager changes it. */
enum life {
    LIFE_NONE,     /**< none, because none is wanted, or not before retry_ns */
    LIFE_ORDERED,  /**< ordered from the zygote */
    LIFE_STARTING, /**< it exists and initializes */
    LIFE_READY,
    LIFE_STOPPING, /**< ordered to end */
    LIFE_DYING,    /**< its end was seen; what it has sent must still be read */
};

/**
 * Whether a caller waits for a worker of a place. One word, and set before `target` lets the manager order that
 * worker: so the manager knows of every failure whether it is the caller's, or that of a replacement.
 */
enum start {
    START_SETTLED,   /**< none does: it is ready, or will not come: start_rc. Set by the manager */
    START_WANTED,    /**< one does; the manager has not seen it. Set under life_mutex */
    START_UNDER_WAY, /**< one does; the worker is, or will be, ordered. Set by the manager */
};

/**
 * A place for a worker process, and then for its successors. It lives as long as the executor.
 *
 * The slots are a ring. At `head` is the task whose outcome comes next; tasks from `sent` to `tail`
 * must still be sent. Two rights are given out under the executor's lock, each to one thread at a
 * time: the thread that has set `sending` may move sent and tail, and write to the socket; the
 * thread that has set `receiving` may move head, and read from it. While neither right is given
 * out, the manager may remove the process.
 */
struct place {
    struct process_executor *executor;
    uint32_t index;
    struct slot *slots;
    struct returned **spares; /**< one for each slot that has had a task: to give it back */
    uint64_t slot_mask;

    /* guarded by the executor's lock */
    _Atomic enum life life; /* read without the lock to see whether it is READY */
    bool sending, receiving;
    bool listed;           /**< on the idle list */
    bool armed;            /**< the manager is notified when the socket is readable */
    bool blocked;          /**< the socket was full: the manager is notified when it is writable */
    bool watched;          /**< the socket is registered with epoll */
    int64_t idle_since_ns; /**< if the executor is elastic or observed, and it is idle */
    _Atomic int64_t
        task_since_ns; /**< if observed: when its first task began, or its last one ended */
    int64_t resend_ns; /**< when the manager tries to send again what may pass; 0: nothing waits */
    struct place *next_idle;
    _Atomic uint32_t given; /**< tasks that this process was given */
    uint64_t certain;       /**< tasks before it have been sent, whatever the sender is doing */
    int64_t kill_ns;  /**< when the worker's first task has run for its limit_ns; 0: no limit */
    uint64_t limited; /**< 1 + the position of the task that kill_ns is about */
    uint64_t overran; /**< not 0: the process is killed, for the task at this position - 1 */

    uint32_t misses;     /**< the sender's: sends in a row that failed but may pass */
    size_t message_max;  /**< the sender's: the largest message of several tasks */
    int file;            /**< the sender's: for large inputs; -1: none has been sent */
    uint64_t file_used;  /**< the sender's: 1 + the position of the last task whose input it had */
    uint32_t unreported; /**< the receiver's: places freed and not yet reported */
    bool hostile;        /**< the receiver's: the process has sent an invalid message */
    _Atomic uint64_t head; /**< moved by the receiver */
    _Atomic uint64_t sent; /**< moved by the sender */
    _Atomic uint64_t tail; /**< moved by the sender */
    _Atomic uint64_t
        limit_tail; /**< the sender's: tail after the last task that had a limit; 0: none
                                    ever had */

    /* set by the manager while no thread sends or receives */
    int socket, pidfd; /**< -1: none */
    pid_t pid;
    uint64_t ticket; /**< of this process, at the zygote; 0: none */

    /* used by the manager only */
    bool was_ready;
    bool was_stopped; /**< its end was ordered */
    bool not_ready;   /**< its initialize failed, with init_code */
    bool cut_off;     /**< it went on although its socket had ended, or it was hostile */
    bool ended;       /**< the zygote has reported its status, or is gone */
    bool status_known;
    /* read by threads that count workers */
    _Atomic bool given_up;
    _Atomic bool dormant; /**< its worker is not needed at present: elastic.c */
    int init_code;
    int status;        /**< that of wait(2) */
    int unsent_signal; /**< to be sent when the line to the zygote has room; 0: none */
    int64_t retry_ns;  /**< when to order a process; 0: not at all */
    uint32_t failures; /**< processes in a row that never became ready */

    _Atomic enum start start;
    int start_rc;         /**< meaningful if settled */
    unsigned char *inbox; /**< for a receiver that is not the manager */
};

/**
 * A task that a worker did not begin. Another worker gets it before the tasks in the queue or, if
 * it will never run, the manager drops it.
 */
struct returned {
    struct queue_entry entry;
    uint32_t nacks;
    uint32_t worker;
    int64_t due_ns; /**< if postponed */
    struct returned *next;
};

struct process_executor {
    struct ep_executor base;

    /* set before the manager starts, then read-only */
    uint32_t credits; /**< the most tasks that a worker may have */
    bool is_elastic;
    struct ep_zygote *own_zygote;
    int epoll, wakeup;
    pthread_t manager;

    _Alignas(CACHE_LINE) struct lock lock;
    /* guarded by lock; the counts are read without it */
    struct place *idle; /**< workers without a task, the latest first */
    _Atomic uint32_t idle_count;
    struct returned *returned;
    _Atomic uint32_t returned_count;
    struct returned *postponed; /**< returned too often; the manager tries them again when due */
    struct returned *undone;    /**< failed before they began, and not dropped yet */
    struct ep_future *owed;     /**< done, but callbacks not called yet; linked by input.heap */
    _Atomic uint32_t unsettled; /**< tasks whose place is free, but outcome or callbacks are due */

    _Atomic bool poked; /**< the eventfd has been written and not yet read */

    struct waitlist ended;    /**< threads that wait for the end of the manager */
    struct waitlist settling; /**< threads that wait for a place to be settled */
    _Atomic uint32_t over;    /**< 1: no process is left, and there will be none */
    struct place **places;    /**< EP_WORKERS_MAX; those below place_count never change */
    _Atomic uint32_t place_count;
    _Atomic uint32_t alive;   /**< processes that are ready */
    _Atomic uint32_t target;  /**< places for workers */
    _Atomic bool try_again;   /**< an elastic executor was resized: try given-up places again */
    _Atomic uint32_t dormant; /**< those that are dormant */
    _Atomic uint32_t most;    /**< workers that were ready at a time */
    _Atomic uint32_t
        helpers; /**< helpers that have not left their done future, | HELPERS_AWAITED */
    _Atomic uint64_t finished, failed, broken_tasks, limited; /**< tasks, each in one of them */

    pthread_mutex_t life_mutex;
    /* guarded by life_mutex */
    bool joined;

    /* used by the manager only */
    int line; /**< the socket to the zygote; -1: the zygote is gone */
    uint64_t tickets;
    uint32_t barren; /**< deaths in a row without a task done between them */
    uint64_t done_at_death;
    char failure[MESSAGE_MAX]; /**< why the place that was given up last has no worker */
    int64_t kill_at_ns;  /**< when workers are killed after SIGTERM; 0: they have not got it */
    int64_t killed_ns;   /**< when they were, the first time */
    int64_t next_due_ns; /**< when care is due next; INT64_MAX: at no set time */
    unsigned char *inbox;
};

/** Get the slot of a position in the ring. */
static inline struct slot *slot_at(struct place *place, uint64_t position)
{
    return &place->slots[position & place->slot_mask];
}

static inline uint32_t place_load(const struct place *place)
{
    return (uint32_t)(atomic_load(&place->tail) - atomic_load(&place->head));
}

/** Ask whether a worker has a task. */
static inline bool place_is_busy(const struct place *place)
{
    return place_load(place) != 0;
}

/* --- place.c ------------------------------------------------------------------------------- */

/** Wake the manager. Never blocks. */
void poke(struct process_executor *executor);

/** Make care due at that time, or earlier. Threads: the manager. */
void due_at(struct process_executor *executor, int64_t when_ns);

/** Ask whether the executor accepts no more tasks. */
bool is_closing(struct process_executor *executor);

/** Ask whether the executor needs no more workers: it is broken, is terminated, or has done its last task. */
bool is_ending(struct process_executor *executor);

/** Make a place for a worker. @return NULL for want of memory */
struct place *place_new(struct process_executor *executor, uint32_t index);
void place_free(struct place *place);

/** Ask whether the place should have a worker. */
bool place_is_wanted(const struct place *place);

/** Let a place have a worker as if none had failed in it. Threads: the manager. */
void place_renew(struct place *place);

/** Ask whether no caller waits for a worker of this place. */
static inline bool place_is_settled(const struct place *place)
{
    return atomic_load(&place->start) == START_SETTLED;
}

/** Report that the worker that a caller waits for is ready, or that there will be none. */
void place_settle(struct place *place, int rc);

/** Note that a worker is initialized. Threads: the manager. */
void place_is_ready(struct place *place);

/**
 * Send a signal to its process, if there is one. The zygote sends it if the program may not, after setuid()
 * or because of a sandbox that came later. Threads: the manager.
 */
void place_kill(struct place *place, int number);

/** Send a signal to every worker. Threads: the manager. */
void kill_all(struct process_executor *executor, int number);

/** Close the descriptors of a process. */
void place_close(struct place *place);

/** Update what epoll notifies the manager of. */
void place_watch_locked(struct place *place);

/** Turn the notification of the manager on or off, for when the socket is readable. */
void place_arm_locked(struct place *place, bool armed);

/** Put a place on the idle list, or take it off. */
void place_list_locked(struct place *place);
void place_unlist_locked(struct place *place);

/* --- limit.c ------------------------------------------------------------------------------- */

/** Ask whether no task may be sent to the worker until it has done its last one, which has a limit. */
bool place_ends_with_limit(const struct place *place);

/** Note when the worker's first task must be done. @return whether the manager must know */
bool place_note_limit_locked(struct place *place);

/** Kill a worker whose task has run for its limit. Threads: the manager. */
void place_care_for_limit(struct place *place, int64_t now);

/* --- outcome.c ----------------------------------------------------------------------------- */

/** Publish the outcome that lies in the future, if there is one, and free the task's place. */
void task_over(struct process_executor *executor, struct queue_entry *entry, unsigned worker);

/** Fail a task that a worker may have begun. */
void lose_task(struct process_executor *executor, struct queue_entry *entry, unsigned worker,
               int verdict, int code, const char *words);

/**
 * Fail a task that no worker has begun. Its `dropped` function runs on the manager, before the
 * outcome is published.
 */
void drop_task(struct process_executor *executor, struct queue_entry *entry, unsigned worker,
               int verdict, int code, const char *words);

/** Call the `dropped` functions and callbacks that are owed. Threads: the manager. */
void call_owed(struct process_executor *executor);

/* --- send.c -------------------------------------------------------------------------------- */

/** Send queued tasks to idle workers. Threads: any. */
void dispatch(struct process_executor *executor);

/**
 * Return a task that was not begun, in the slot of that position: it is the next one to be sent, or,
 * if its descriptors often did not arrive, it is tried again later.
 */
void give_back(struct place *place, uint64_t position, uint32_t nacks);

/** Take a task that was given back, for the caller to free. @return NULL if there is none, or none for that worker */
struct returned *take_returned(struct process_executor *executor, uint32_t taker);

/** Return the postponed tasks that are due. Threads: the manager. */
void resume_postponed(struct process_executor *executor, int64_t now_ns);

/** Send a task to a worker that is ready or has become free, or list it as idle. */
void place_offer(struct place *place);

/** Continue to send after the socket was full, or after a failure that may pass. */
void place_resume_sending(struct place *place);

/* --- receive.c ----------------------------------------------------------------------------- */

/**
 * Receive what a worker has sent, and send it new tasks.
 * @param buffer  WIRE_MESSAGE_MAX bytes
 * @return        false if the stream has ended, or an invalid message was received
 */
bool receive(struct place *place, unsigned char *buffer);

/** The same, without sending, for a worker whose end has been seen. */
void receive_rest(struct place *place, unsigned char *buffer);

void process_help(struct ep_executor *base, struct ep_future *future, int64_t deadline_ns);
void process_helper_stays(struct ep_executor *base);
void process_helper_leaves(struct ep_executor *base);

/* --- death.c ------------------------------------------------------------------------------- */

/** Fail every task that is not done, and every later submit. */
void process_executor_break(struct process_executor *executor, const char *why);

/** Break the executor if no worker is left and none will come. */
void break_if_hopeless(struct process_executor *executor);

/** Note that a process could not be started. Try again later, or give up. */
void place_failed(struct place *place, int rc, const char *why);

/** Fail the tasks that were given back, if no worker will come for them. Threads: the manager. */
void lose_returned(struct process_executor *executor);

/** Order a worker without a task to end. */
void place_stop(struct place *place);

/** Note the end of a worker, or of its socket. */
void place_end_seen(struct place *place);

/** Receive what a dying worker has sent; bury it if its status is known too. */
void place_try_bury(struct place *place);

/* --- elastic.c ----------------------------------------------------------------------------- */

/** Wake dormant places for the tasks that wait, and for the least workers. Threads: the manager. */
void elastic_grow(struct process_executor *executor);

/** End a worker that has been idle too long, or make care due when it will have been. */
void elastic_shrink(struct place *place, int64_t now);

/* --- manager.c ----------------------------------------------------------------------------- */

void *manager_main(void *argument);

#endif /* POOL_PROCESS_PLACE_INTERNAL_H */
