/* SPDX-License-Identifier: MIT */
/**
 * @file place-internal.h
 * The process executor, and the place of each of its workers, as the files of this room see them.
 * executor.c is what its users call. manager.c is the thread that watches over the workers, death.c
 * what it does when one ends. send.c brings tasks to workers, receive.c brings outcomes back, and
 * both stand on outcome.c and place.c. The worker's side is in worker.c.
 */
#ifndef POOL_PROCESS_PLACE_INTERNAL_H
#define POOL_PROCESS_PLACE_INTERNAL_H

#include "pool/executor-internal.h"
#include "pool/process/wire-internal.h"

#include <pthread.h>
#include <sys/epoll.h>

/** What an epoll event is about: EVENT_*, or a place's index << 2 | PLACE_*. */
enum { EVENT_WAKEUP = 0, PLACE_SOCKET = 1, PLACE_PIDFD = 2, EVENT_LINE = 3, EVENT_KINDS = 3 };

/** In the count of helpers: somebody sleeps until there is none. */
#define HELPERS_AWAITED 0x40000000u

/** A task that is with a worker, or about to be. */
struct slot {
    struct queue_entry entry;
    struct wire_task header;
    bool use_memfd; /**< its input did not fit into a message */
    uint32_t nacks; /**< so often its descriptors did not arrive */
};

/** Where a worker's process is. Guarded by the executor's lock; only the manager changes it. */
enum life {
    LIFE_NONE,     /**< there is none, and none is wanted, or not yet: see retry_ns */
    LIFE_ORDERED,  /**< the zygote was asked for one */
    LIFE_STARTING, /**< it exists and initializes */
    LIFE_READY,
    LIFE_STOPPING, /**< it was told to leave */
    LIFE_DYING,    /**< its end was seen; what it sent is still to be read */
};

/**
 * A place for a worker process, one after the other. It lives as long as the executor.
 *
 * The slots are a ring. At `head` is the task whose outcome comes next; tasks from `sent` to `tail`
 * are still to be sent. Two rights are given out under the executor's lock, each to one thread at a
 * time: whoever has set `sending` may move sent and tail, and write to the socket; whoever has
 * set `receiving` may move head, and read from it. With both free the manager may do away with
 * the process.
 */
struct place {
    struct process_executor *executor;
    uint32_t index;
    struct slot *slots;
    uint64_t slot_mask;

    /* guarded by the executor's lock */
    _Atomic enum life life; /* read without where only its being READY matters */
    bool sending, receiving;
    bool listed;  /**< on the idle list */
    bool armed;   /**< the manager hears when there is something to read */
    bool blocked; /**< the socket was full: the manager hears when it is not */
    bool watched; /**< the socket is with epoll */
    struct place *next_idle;
    _Atomic uint32_t given; /**< tasks that this process was given */
    uint64_t certain; /**< tasks before it have been sent, whatever the sender is about to do */

    uint32_t unsaid;       /**< the receiver's: places freed, and nobody told yet */
    _Atomic uint64_t head; /**< moved by the receiver */
    _Atomic uint64_t sent; /**< moved by the sender */
    _Atomic uint64_t tail; /**< moved by the sender */

    /* set by the manager while nobody sends or receives */
    int socket, pidfd; /**< -1: none */
    pid_t pid;
    uint64_t ticket; /**< of this process, at the zygote; 0: none */

    /* the manager's */
    bool was_ready;
    bool was_stopped; /**< its end was ordered */
    bool not_ready;   /**< its initialize failed, with init_code */
    bool ended;       /**< the zygote has told its status, or cannot any more */
    bool status_known;
    _Atomic bool given_up; /* read by those who count workers */
    int init_code;
    int status;        /**< that of wait(2) */
    int64_t retry_ns;  /**< when to ask for a process; 0: not due to */
    uint32_t failures; /**< processes in a row that never became ready */

    _Atomic bool renew;   /**< a resize wants a worker here */
    _Atomic bool settled; /**< the worker that was asked for is ready, or there will be none */
    int start_rc;         /**< where settled */
    unsigned char *inbox; /**< for whoever receives and is not the manager */
};

/**
 * A task that a worker did not begin: to be given to another before those in the queue, or, where it
 * will never run, to be dropped by the manager.
 */
struct returned {
    struct queue_entry entry;
    uint32_t nacks;
    uint32_t worker;
    struct returned *next;
};

struct process_executor {
    struct ep_executor base;

    /* set before the manager starts, then read-only */
    uint32_t credits; /**< tasks that may be with a worker */
    struct ep_zygote *own_zygote;
    int epoll, wakeup;
    pthread_t manager;

    _Alignas(CACHE_LINE) struct lock lock;
    /* guarded by lock; the counts are read without */
    struct place *idle; /**< workers without a task, the last one first */
    _Atomic uint32_t idle_count;
    struct returned *returned;
    _Atomic uint32_t returned_count;
    struct returned *undone; /**< failed without having begun, and not dropped yet */
    struct ep_future *owed;  /**< done, and their callbacks not called; linked by input.heap */
    _Atomic bool broken;
    char why[128]; /**< where broken */

    _Atomic bool poked; /**< the eventfd has been written and not read */

    struct waitlist ended;    /**< who waits for the manager to be done */
    struct waitlist settling; /**< who waits for a place to be settled */
    _Atomic uint32_t over;    /**< 1: no process is left, and there will be none */
    struct place **places;    /**< EP_WORKERS_MAX; those below place_count never change */
    _Atomic uint32_t place_count;
    _Atomic uint32_t alive;   /**< processes that are ready */
    _Atomic uint32_t target;  /**< workers there should be */
    _Atomic uint32_t helpers; /**< helpers inside whose future is done, | HELPERS_AWAITED */
    _Atomic uint64_t finished, failed, broken_tasks;

    pthread_mutex_t life_mutex;
    /* guarded by life_mutex */
    bool joined;

    /* the manager's */
    int line; /**< to the zygote; -1: it is gone */
    uint64_t tickets;
    uint32_t barren; /**< deaths in a row without a task done between them */
    uint64_t done_at_death;
    int64_t kill_at_ns;  /**< when those asked to terminate are killed; 0: nobody was asked */
    int64_t next_due_ns; /**< when care is due next; INT64_MAX: not by time */
    unsigned char *inbox;
};

/** The slot of a position in the ring. */
static inline struct slot *slot_at(struct place *place, uint64_t position)
{
    return &place->slots[position & place->slot_mask];
}

static inline uint32_t place_load(const struct place *place)
{
    return (uint32_t)(atomic_load(&place->tail) - atomic_load(&place->head));
}

/** Whether a worker has a task. */
static inline bool place_is_busy(const struct place *place)
{
    return place_load(place) != 0;
}

/* --- place.c ------------------------------------------------------------------------------- */

/** Wake the manager. Never blocks. */
void poke(struct process_executor *executor);

/** Care is due at that time, or earlier. Threads: the manager. */
void due_at(struct process_executor *executor, int64_t when_ns);

/** Whether no more tasks are accepted. */
bool is_closing(struct process_executor *executor);

/** Make a place for a worker. @return NULL for want of memory */
struct place *place_new(struct process_executor *executor, uint32_t index);
void place_free(struct place *place);

/** The worker that somebody waits for is ready, or there will be none. */
void place_settle(struct place *place, int rc);

/** A worker has said that it is initialized. Threads: the manager. */
void place_is_ready(struct place *place);

/** Send a signal to its process, if there is one. */
void place_kill(const struct place *place, int number);

/** Close what there is of a process. */
void place_close(struct place *place);

/** Tell epoll what the manager is to hear of. */
void place_watch_locked(struct place *place);

/** Let the manager hear, or not hear, when there is something to read. */
void place_arm_locked(struct place *place, bool armed);

/** Put a place on the idle list; take it off. */
void place_list_locked(struct place *place);
void place_unlist_locked(struct place *place);

/* --- outcome.c ----------------------------------------------------------------------------- */

/** Publish the outcome that lies in the future, if anybody keeps it, and give the place back. */
void task_over(struct process_executor *executor, struct queue_entry *entry, unsigned worker);

/** A task that a worker may have begun will have no outcome but this. */
void lose_task(struct process_executor *executor, struct queue_entry *entry, unsigned worker,
               int verdict, int code, const char *words);

/**
 * A task that no worker has begun will have no outcome but this. Its `dropped` function runs on the
 * manager, before the outcome is published.
 */
void drop_task(struct process_executor *executor, struct queue_entry *entry, unsigned worker,
               int verdict, int code, const char *words);

/** Call what is owed, `dropped` functions and callbacks. Threads: the manager. */
void call_owed(struct process_executor *executor);

/* --- send.c -------------------------------------------------------------------------------- */

/** Bring queued tasks to idle workers. Threads: any. */
void dispatch(struct process_executor *executor);

/** Put a task that was not begun before all others. */
void give_back(struct process_executor *executor, const struct queue_entry *entry, uint32_t nacks);

/** Take a task that was given back. */
bool take_returned(struct process_executor *executor, struct returned *returned);

/** A worker is ready, or has become free: let it have a task, or list it as idle. */
void place_offer(struct place *place);

/** Go on where the socket was full. */
void place_resume_sending(struct place *place);

/* --- receive.c ----------------------------------------------------------------------------- */

/**
 * Read what a worker has sent, and give it new tasks.
 * @param buffer  WIRE_MESSAGE_MAX bytes
 * @return        false where the stream has ended, or nonsense was received
 */
bool transfer(struct place *place, unsigned char *buffer);

/** The same, but only what is there to be read: for a worker whose end has been seen. */
void transfer_rest(struct place *place, unsigned char *buffer);

void process_help(struct ep_executor *base, struct ep_future *future, int64_t deadline_ns);
void process_helper_stays(struct ep_executor *base);
void process_helper_leaves(struct ep_executor *base);

/* --- death.c ------------------------------------------------------------------------------- */

/** Every task that is not done fails, and so does every later submit. */
void process_executor_break(struct process_executor *executor, const char *why);

/** Where no worker is left and none will come, break. */
void break_if_hopeless(struct process_executor *executor, const char *why);

/** A process did not come to be. Try again, or give up. */
void place_failed(struct place *place, int rc, const char *why);

/** Tasks that were given back, and that no worker will come for. */
void lose_returned(struct process_executor *executor, const char *why);

/** Tell a worker without a task to leave. */
void place_stop(struct place *place);

/** The end of a worker, or of its socket, has been seen. */
void place_end_seen(struct place *place);

/** Read what a dying worker has sent; when its status is known, too, it can be buried. */
void place_try_bury(struct place *place);

/* --- manager.c ----------------------------------------------------------------------------- */

void *manager_main(void *argument);

#endif /* POOL_PROCESS_PLACE_INTERNAL_H */
