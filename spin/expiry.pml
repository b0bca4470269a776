/* SPDX-License-Identifier: MIT */
/*
 * Expiry: the heap of pool/aside.c, as pool/queue.c and pool/queue-drop.c use it, with executor_expire()
 * of pool/executor.c and the thread of pool/thread/expiry.c; against submitters, workers, cancellers and
 * the end of the executor.
 *
 * The time is a number that a process of its own advances to LAST_TIME. Each task has a lane or the ring to wait
 * in, and may expire at 1 or 2, or not at all: the checker tries all of it. The order of tasks that may
 * begin does not matter here, so a worker takes any of them.
 *
 * What is checked:
 *  - a task ends exactly once: it begins before it is late, expires, or is cancelled; its place is freed
 *    once (assertions in the workers, all_is_well);
 *  - a task is counted before its place is freed (free_place): otherwise held tasks are missing in the
 *    count, and a thread that waits for the last of them, or for room, may sleep for ever;
 *  - a late task is ended although no worker is free: with HOLDS the first task runs until all others
 *    are over; and the thread never sleeps beyond the first time that is due: a process that waits for
 *    ever is an invalid end state;
 *  - a thread that waits until the executor is idle returns after the functions of the user that are
 *    called because a task expired (idler);
 *  - the queue's reference to a future is dropped once;
 *  - the executor ends after the last worker, with no late task left, and no thread uses it after it was
 *    released.
 */
#ifndef WORKERS
#define WORKERS 1
#endif
#ifndef TASKS
#define TASKS 2
#endif
#ifndef CANCELS
#define CANCELS 0
#endif

#ifndef LAST_TIME
#define LAST_TIME 2
#endif

#define NOT_ACCEPTED 0
#define PENDING      1
#define RUNNING      2
#define CANCELLING   3
#define CANCELLED    4
#define FINISHED     5
byte state[TASKS];
#define IS_RESOLVED(t) (state[t] == FINISHED || state[t] == CANCELLED)
#define IS_WAITING(t) (state[t] == PENDING || state[t] == CANCELLING) /* EP_PENDING */

#define NO_DEADLINE 3
byte now;
byte expires_ns[TASKS];

/* The queue. */
bool with_priority[TASKS]; /* it has a lane */
bool in_lane[TASKS], in_ring[TASKS], in_heap[TASKS], set_aside[TASKS];
byte references[TASKS];    /* the queue's one, and those of threads that wait for a canceller */
byte watched_ns = NO_DEADLINE;
bool head_locked, refusal;
byte tail, pushed_aside;
byte freed;
byte droppers;

/* The thread, which is there from the beginning. */
byte expiry_changes;
bool expiry_over;
byte alive = WORKERS;
byte workers_left = WORKERS; /* threads that have not ended */
bool gone;

/* For the checker only. */
byte begun[TASKS], expired[TASKS];
byte uncalled; /* tasks that have expired and whose functions have not returned */
byte submitters_left = 1;
hidden byte k;

inline touch() { assert(!gone) }

inline ep_future_unref(t)
{
    d_step { assert(references[t] > 0); references[t]-- }
}

/** Free the place of a task that was counted: what queue_held() returns is never below 0. */
inline free_place()
{
    atomic { touch(); freed++; assert(freed <= tail + pushed_aside) }
}

/** expiry_wake() */
inline expiry_wake() { atomic { touch(); expiry_changes++ } }

/** aside_leave(): `owned` says whether the caller has the queue's reference now */
inline aside_leave(t, owned)
{
    d_step {
        in_heap[t] = false;
        owned = in_lane[t] || set_aside[t];
        set_aside[t] = false;
        in_lane[t] = false
    }
}

/** aside_is_late() */
#define IS_LATE(t) (in_heap[t] && IS_WAITING(t) && now >= expires_ns[t])

#define IS_QUEUED(t) (in_ring[t] || in_lane[t])
#if TASKS > 2
#define HAS_ENTRIES (IS_QUEUED(0) || IS_QUEUED(1) || IS_QUEUED(2))
#else
#define HAS_ENTRIES (IS_QUEUED(0) || IS_QUEUED(1))
#endif

/** Choose one of the entries. */
inline choose(t)
{
    if
    :: IS_QUEUED(0) -> t = 0
    :: IS_QUEUED(1) -> t = 1
#if TASKS > 2
    :: IS_QUEUED(2) -> t = 2
#endif
    fi
}

/** queue_take_locked(), with head_lock held; releases it */
inline queue_take_locked(t, found)
{
    do
    :: atomic { !HAS_ENTRIES -> head_locked = false; found = false; break }
    :: atomic { HAS_ENTRIES -> choose(t) }
        if
#ifndef WITHOUT_LOOK_AT_TIME
        :: d_step { IS_LATE(t) -> in_lane[t] = false; in_ring[t] = false; set_aside[t] = true } /* aside_set_aside() */
        :: d_step {
                state[t] == PENDING && !IS_LATE(t) ->
#else
        :: d_step {
                state[t] == PENDING ->
#endif
                assert(now < expires_ns[t]); /* it does not begin late */
                state[t] = RUNNING; /* future_start() */
                in_ring[t] = false;
                aside_leave(t, found);
                head_locked = false;
                found = true
            }
            break
        :: d_step { state[t] == CANCELLING && !IS_LATE(t) -> references[t]++; head_locked = false }
            IS_RESOLVED(t); /* queue_await_canceller_locked() */
            atomic { !head_locked -> touch(); head_locked = true }
            ep_future_unref(t)
        :: d_step { IS_RESOLVED(t) -> assert(in_ring[t]); in_ring[t] = false } /* queue_pass_husk_locked() */
            ep_future_unref(t)
        fi
    od
}

proctype worker()
{
    byte t;
    bool found;

    do
    :: atomic { HAS_ENTRIES -> touch() }
        atomic { !head_locked -> touch(); head_locked = true }
        queue_take_locked(t, found);
        if
        :: found ->
            d_step { begun[t]++; assert(begun[t] == 1 && expired[t] == 0) }
#ifdef HOLDS
            t > 0 || (submitters_left == 0 && IS_RESOLVED(1) && IS_RESOLVED(TASKS - 1));
#endif
            free_place(); /* queue_task_done() */
            state[t] = FINISHED;
            ep_future_unref(t)
        :: else
        fi;
        atomic { t = 0; found = false }
    :: atomic { refusal && !HAS_ENTRIES -> touch(); break }
    od;
    atomic { touch(); alive--; found = alive == 0 } /* count_down() */
    if
#ifndef WITHOUT_WAKE_AT_END
    :: found -> expiry_wake()
#endif
    :: else
    fi;
    workers_left--
}

/** queue_take_expired(); `claimed`: no canceller was faster. */
inline queue_take_expired(t, found, claimed, next)
{
    atomic {
        !head_locked -> touch();
        d_step {
            next = NO_DEADLINE;
            for (k : 0 .. TASKS - 1) {
                if
                :: in_heap[k] && expires_ns[k] < next -> next = expires_ns[k]; t = k
                :: else
                fi
            }
            k = 0;
            found = next <= now;
            if
            :: found ->
                aside_leave(t, owned);
#ifndef WITHOUT_REFERENCE
                references[t] = references[t] + !owned; /* the ring keeps its own */
#endif
                claimed = state[t] == PENDING;
                if
                :: claimed -> state[t] = CANCELLING /* future_begin_cancel() */
                :: else
                fi
            :: else -> watched_ns = next /* aside_due() */
            fi;
            owned = false
        }
    }
}

/** executor_expire() */
inline executor_expire(t, found, claimed, next)
{
    do
    :: queue_take_expired(t, found, claimed, next);
        if
        :: found && claimed ->
#ifndef WITHOUT_DROPPER
            atomic { touch(); droppers++ }
#endif
            atomic { uncalled++; free_place() } /* queue_task_expired() */
            d_step {
                assert(state[t] == CANCELLING && begun[t] == 0);
                expired[t]++;
                state[t] = FINISHED /* future_publish_expired() */
            }
            touch(); /* executor_place_freed() */
            uncalled--; /* future_end_unrun() */
#ifndef WITHOUT_DROPPER
            atomic { touch(); droppers-- } /* dropper_leaves() */
#endif
        :: found && !claimed ->
#ifdef WRONG_EXPIRES_ANYWAY
            free_place();
#endif
#ifndef WITHOUT_AWAIT_CANCELLED
            IS_RESOLVED(t) /* future_await_cancelled() */
#else
            skip
#endif
        :: !found -> break
        fi;
        ep_future_unref(t);
        atomic { t = 0; claimed = false; found = false }
    od
}

/** expiry_main() */
proctype expiry_main()
{
    byte t, changes, next;
    bool found, claimed, owned, last;

    do
    ::
#ifndef WRONG_READS_CHANGES_LAST
        atomic { touch(); changes = expiry_changes }
#endif
#ifndef WRONG_LOOKS_AT_WORKERS_LAST
        atomic { touch(); last = alive == 0 && refusal } /* no_worker_comes() */
#endif
        executor_expire(t, found, claimed, next);
#ifdef WRONG_LOOKS_AT_WORKERS_LAST
        atomic { touch(); last = alive == 0 && refusal }
#endif
        if
        :: last && next == NO_DEADLINE -> break
        :: else
        fi;
#ifdef WRONG_READS_CHANGES_LAST
        atomic { touch(); changes = expiry_changes }
#endif
        expiry_changes != changes || now >= next; /* futex_wait() */
        atomic { changes = 0; next = 0; last = false }
    od;
    atomic { touch(); expiry_over = true }
}

/** queue_push(). A task that neither expires nor has a lane is only counted. */
inline queue_push(t, sooner)
{
    atomic {
        !head_locked -> touch();
        d_step { /* aside_enter() */
            head_locked = true;
            state[t] = PENDING;
            references[t] = 1;
            in_lane[t] = with_priority[t];
            in_heap[t] = expires_ns[t] != NO_DEADLINE;
            sooner = expires_ns[t] < watched_ns;
            watched_ns = (sooner -> expires_ns[t] : watched_ns)
        }
    }
#ifdef WRONG_COUNTED_LAST
    head_locked = false;
#endif
    d_step { /* workers see the entry in the ring from here on */
        in_ring[t] = !with_priority[t];
        tail = tail + !with_priority[t];
        pushed_aside = pushed_aside + with_priority[t];
#ifndef WRONG_COUNTED_LAST
        head_locked = false
#endif
    }
}

proctype submitter()
{
    byte t;
    bool sooner;

    do
    :: t < TASKS ->
        atomic {
            if
            :: with_priority[t] = true
            :: with_priority[t] = false
            fi;
            if
#ifdef HOLDS
            :: t > 0 -> expires_ns[t] = 1
            :: t > 0 -> expires_ns[t] = 2
            :: t == 0 -> expires_ns[t] = NO_DEADLINE
#else
            :: expires_ns[t] = 1
            :: expires_ns[t] = 2
            :: expires_ns[t] = NO_DEADLINE
#endif
            fi
        }
        queue_push(t, sooner);
#ifndef WITHOUT_SOONER
        if
        :: sooner -> expiry_wake()
        :: else
        fi;
#endif
        atomic { sooner = false; t++ }
    :: else -> break
    od;
    submitters_left--
}

/** ep_future_cancel() on one pending task, or on none. */
proctype canceller()
{
    byte t;
    bool owned;

    if
    :: atomic {
        t < TASKS -> /* the checker tries each one */
        do
        :: t + 1 < TASKS -> t++
        :: break
        od
    }
        if
        :: atomic { /* it has been submitted */
            t < tail + pushed_aside && state[t] == PENDING -> state[t] = CANCELLING
        }
            atomic { touch(); droppers++ } /* executor_task_cancelled() */
            atomic { !head_locked -> touch(); aside_leave(t, owned) } /* queue_task_cancelled() */
            if
            :: owned -> ep_future_unref(t)
            :: else
            fi;
            free_place();
            state[t] = CANCELLED;
            atomic { touch(); droppers-- } /* executor_place_left() */
        :: submitters_left == 0
        fi
    :: skip
    fi
}

/** ep_executor_wait_idle(), after the last submission */
proctype idler()
{
    submitters_left == 0;
    freed == tail + pushed_aside; /* is_idle() */
    droppers == 0;                /* await_droppers() */
    assert(uncalled == 0)
}

proctype clock()
{
    do
    :: now < LAST_TIME -> now++
    :: else -> break
    od
}

/** ep_executor_shutdown() with EP_WAIT, and the release */
proctype closer()
{
    submitters_left == 0;
    refusal = true;
    alive == 0 && expiry_over; /* all_have_left() */
    workers_left == 0;
    droppers == 0;
    gone = true
}

/** When no process can move: each task has ended in one way. */
inline all_is_well()
{
    d_step {
        assert(gone && droppers == 0 && freed == TASKS && tail + pushed_aside == TASKS && !head_locked);
        for (k : 0 .. TASKS - 1) {
            assert(IS_RESOLVED(k) && references[k] == 0);
            assert(!IS_QUEUED(k) && !in_heap[k] && !set_aside[k]);
            assert(begun[k] + expired[k] == (state[k] == FINISHED))
        }
        k = 0
    }
}

init
{
    byte i;

    atomic {
        for (i : 1 .. WORKERS) { run worker() }
        run expiry_main();
        run submitter();
        run idler();
        run clock();
#if CANCELS > 0
        for (i : 1 .. CANCELS) { run canceller() }
#endif
        run closer();
        i = 0
    }
    timeout -> all_is_well()
}
