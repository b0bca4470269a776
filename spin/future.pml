/* SPDX-License-Identifier: MIT */
/*
 * One future: pool/future.c, with the parts of an executor that it needs. Steps and controls as in
 * executor.inc.
 *
 * Processes: workers that come for the task until the queue is closed and empty; cancellers;
 * waiters that sleep on the state word; threads that add a done callback; one that adds a watch and
 * removes it (ep_wait() with a timeout); and the owner, which closes the executor, drops the queued
 * task or lets it run, joins the workers and releases the executor's memory.
 *
 * What is checked:
 *  - the task runs or is cancelled, never both, never twice; its input is dropped at most once;
 *  - when ep_future_cancel() returns 0, to any canceller, the future is cancelled;
 *  - every waiter wakes up (one asleep for ever is an invalid end state);
 *  - every callback runs exactly once; a watch fires at most once, never after it was removed, and
 *    always if it is not removed;
 *  - no thread uses the executor after it was released, or the future without a reference.
 */
#ifndef WORKERS
#define WORKERS 1
#endif
#ifndef CANCELLERS
#define CANCELLERS 2
#endif
#ifndef WAITERS
#define WAITERS 1
#endif
#ifndef ADDERS
#define ADDERS 1
#endif
#ifndef WATCHERS
#define WATCHERS 0
#endif
#define TELLERS (ADDERS + WATCHERS)

/* The state word. */
#define PENDING      0
#define RUNNING      1
#define CANCELLING   2
#define CANCELLED    3
#define FINISHED     4
#define STATE_MASK   7
#define HAS_SLEEPERS 8
#define HAS_WATCHES  16

byte word;
#define STATE (word & STATE_MASK)
#define DONE(w) (((w) & STATE_MASK) == FINISHED || ((w) & STATE_MASK) == CANCELLED)

byte references = 1 + CANCELLERS + WAITERS + TELLERS; /* one of the entry, one of each user */
bool lock;                    /* future->lock */
bool listed[TELLERS + 1];     /* callbacks and watches; their order does not matter here */

/* The executor. */
bool in_ring = true, closed, head_locked, gone;
byte freed, droppers, workers_left = WORKERS;

/* For the checker only. */
byte runs, drops;
byte called[TELLERS + 1];
bool removed[TELLERS + 1];
byte users_left = CANCELLERS + WAITERS + TELLERS;

/* Sleepers of futex(2): one for each process, by its _pid. */
#define PROCESSES (2 + WORKERS + CANCELLERS + WAITERS + TELLERS)
bool asleep[PROCESSES];
hidden byte k;

inline touch_future() { assert(references > 0) }
inline touch_executor() { assert(!gone) }

/* --- the state word ------------------------------------------------------------------------ */

/**
 * future_change_state(): one step, because a compare-and-exchange that fails changes nothing and is
 * repeated. `old` is 255 if the state was another.
 */
inline future_change_state(from, to, old)
{
    d_step {
        touch_future();
        if
        :: STATE == from ->
            old = word;
#ifdef WRONG_LOSES_NOTES
            word = to
#else
            word = (word & (HAS_SLEEPERS | HAS_WATCHES)) | to
#endif
        :: else -> old = 255
        fi
    }
}

/** future_sleep() without a deadline */
inline future_sleep(w)
{
    atomic { touch_future(); w = word }
    do
    :: DONE(w) -> break
    :: else ->
#ifndef WITHOUT_SLEEPERS_NOTE
        if
        :: (w & HAS_SLEEPERS) == 0 ->
            d_step { /* compare and exchange; if it fails, the loop starts again */
                touch_future();
                if
                :: word == w -> word = word | HAS_SLEEPERS; w = word
                :: else -> w = word
                fi
            }
        :: else
        fi;
        if
        :: (w & HAS_SLEEPERS) != 0 && !DONE(w) ->
#endif
            /* futex_wait(): the kernel compares and sleeps in one step */
#ifdef WRONG_SLEEP_WITHOUT_COMPARING
            asleep[_pid] = true;
#else
            d_step { touch_future(); asleep[_pid] = (word == w) }
#endif
            !asleep[_pid];
            atomic { touch_future(); w = word }
#ifndef WITHOUT_SLEEPERS_NOTE
        :: else
        fi
#endif
    od;
    w = 0
}

/** futex_wake(), if there are sleepers */
inline futex_wake(old)
{
    if
    :: (old & HAS_SLEEPERS) != 0 ->
#ifndef WITHOUT_WAKE
        d_step {
            for (k : 0 .. PROCESSES - 1) { asleep[k] = false }
            k = 0
        }
#else
        skip
#endif
    :: else
    fi
}

/** future_tell(), if there are watches */
inline future_tell(old, mine)
{
    if
    :: (old & HAS_WATCHES) != 0 ->
        atomic { !lock -> touch_future(); lock = true }
        /* Watches fire under the lock; callbacks are removed under it, and called without it. */
        d_step {
            for (k : 0 .. TELLERS) {
                if
                :: listed[k] && k < ADDERS -> mine = mine | (1 << k)
                :: listed[k] && k >= ADDERS -> assert(!removed[k]); called[k]++
                :: else
                fi;
                listed[k] = false
            }
            k = 0
        }
        atomic { touch_future(); lock = false }
        d_step {
            touch_future();
            for (k : 0 .. TELLERS) {
                if
                :: (mine & (1 << k)) != 0 -> called[k]++
                :: else
                fi
            }
            mine = 0;
            k = 0
        }
    :: else
    fi;
    old = 0
}

inline future_drop_input()
{
    d_step { touch_future(); drops++; assert(drops == 1 && runs == 0) }
}

inline ep_future_unref()
{
    atomic { touch_future(); references-- }
}

/* --- the executor's threads ---------------------------------------------------------------- */

/** queue_pass_husk_locked() after future_start() has failed, with head_lock held */
inline queue_pass_husk_locked(w)
{
    if
    :: STATE == CANCELLED -> atomic { touch_future(); in_ring = false } ep_future_unref()
    :: else ->
#ifdef WITHOUT_AWAIT_CANCELLED
        atomic { in_ring = false }
        ep_future_unref()
#else
#ifndef WITHOUT_HUSK_REFERENCE
        atomic { touch_future(); references++ }
#endif
        head_locked = false;
        future_sleep(w);
        atomic { !head_locked -> head_locked = true }
#ifndef WITHOUT_HUSK_REFERENCE
        ep_future_unref()
#endif
#endif
    fi
}

/** A worker: takes the task, or removes the husk, and ends when the queue is closed and empty. */
proctype worker()
{
    byte w, old;
    byte mine;

    do
    :: in_ring ->
        atomic { !head_locked -> touch_executor(); head_locked = true }
        do
        :: !in_ring -> head_locked = false; break
        :: in_ring ->
#ifdef WRONG_START_IN_TWO_STEPS
            atomic { touch_future(); old = (STATE == PENDING -> word : 255) }
            if
            :: old != 255 -> word = (word & (HAS_SLEEPERS | HAS_WATCHES)) | RUNNING
            :: else
            fi;
#else
            future_change_state(PENDING, RUNNING, old);
#endif
            if
            :: old != 255 -> atomic { in_ring = false; head_locked = false }
                /* task_run() */
                d_step { touch_future(); runs++; assert(runs == 1 && drops == 0) }
                d_step { assert(STATE == RUNNING) } /* EP_ASSERT in future_publish() */
                future_change_state(RUNNING, FINISHED, old);
                futex_wake(old);
                future_tell(old, mine);
                ep_future_unref();
                atomic { touch_executor(); freed++ }
                break
            :: else -> old = 0; queue_pass_husk_locked(w)
            fi
        od
    :: atomic { !in_ring && closed -> touch_executor(); break }
    od;
    workers_left--
}

/** ep_executor_shutdown() with or without EP_CANCEL, and ep_executor_free(). */
proctype owner()
{
    byte w, old;
    byte mine;

    closed = true;
    if
    :: skip -> /* EP_CANCEL: queue_drop_oldest() */
        atomic { !head_locked -> head_locked = true }
        if
        :: !in_ring -> head_locked = false
        :: in_ring ->
            atomic { in_ring = false; head_locked = false }
            future_change_state(PENDING, CANCELLING, old); /* future_begin_cancel() */
            if
            :: old != 255 ->
                freed++;
                future_change_state(CANCELLING, CANCELLED, old); /* future_publish_cancelled() */
                futex_wake(old);
                future_drop_input();
                future_tell(old, mine)
            :: else ->
                old = 0;
#ifndef WITHOUT_AWAIT_IN_DROP
                future_sleep(w)
#else
                skip
#endif
            fi;
            ep_future_unref()
        fi
    :: skip
    fi;
    workers_left == 0; /* join */
#ifndef WITHOUT_AWAIT_DROPPERS
    droppers == 0;
#endif
    gone = true
}

/* --- users --------------------------------------------------------------------------------- */

/** ep_future_cancel() */
proctype canceller()
{
    byte w, old;
    byte mine;
    bool zero;

    future_change_state(PENDING, CANCELLING, old);
    if
    :: old != 255 ->
#ifdef WRONG_PUBLISH_FIRST
        future_change_state(CANCELLING, CANCELLED, old);
#endif
        atomic { touch_executor(); droppers++; freed++ } /* executor_task_cancelled() */
#ifndef WRONG_PUBLISH_FIRST
        d_step { assert(STATE == CANCELLING) } /* EP_ASSERT */
        future_change_state(CANCELLING, CANCELLED, old);
#endif
        futex_wake(old);
        atomic { touch_executor(); droppers-- } /* executor_place_left() */
        future_drop_input();
        future_tell(old, mine);
        zero = true
    :: else ->
        old = 0;
        atomic { touch_future(); w = STATE }
        if
        :: w == RUNNING || w == FINISHED
        :: else ->
#ifndef WITHOUT_SECOND_CANCELLER_WAIT
            future_sleep(w);
#endif
            zero = true
        fi;
        w = 0
    fi;
    atomic {
        assert(!zero || STATE == CANCELLED);
        touch_future();
        references--;
        users_left--
    }
}

/** ep_future_result() */
proctype waiter()
{
    byte w;

    future_sleep(w);
    atomic { assert(DONE(word)); touch_future(); references--; users_left-- }
}

/** future_note_watch_locked(); `old` is the word, of which only "done" matters. */
inline future_note_watch_locked(old)
{
    atomic { touch_future(); old = word }
    if
    :: (old & HAS_WATCHES) == 0 && !DONE(old) ->
        /* The C code makes the lists here. A thread reads them only if it sees the note. */
        atomic { touch_future(); old = word; word = word | HAS_WATCHES }
    :: else
    fi
}

/** An adder calls ep_future_add_done_callback(), a watcher future_watch() and future_unwatch(). */
proctype teller(byte me)
{
    byte old;

#ifdef WRONG_NOTE_AFTER_LINK /* looks, links, and leaves the note last */
    atomic { !lock -> touch_future(); lock = true }
    atomic { touch_future(); old = word }
    if
    :: !DONE(old) -> listed[me] = true; word = word | HAS_WATCHES
    :: else
    fi;
    atomic { touch_future(); lock = false }
#else
#ifdef WRONG_NOTE_WITHOUT_LOCK
    future_note_watch_locked(old);
    atomic { !lock -> touch_future(); lock = true }
#else
    atomic { !lock -> touch_future(); lock = true }
    future_note_watch_locked(old);
#endif
    if
    :: !DONE(old) -> listed[me] = true
    :: else
    fi;
    atomic { touch_future(); lock = false }
#endif
    if
    :: DONE(old) -> called[me]++; old = 0 /* at once, by this thread */
    :: else ->
        old = 0;
        if
        :: me < ADDERS /* a callback stays */
        :: me >= ADDERS -> /* a watch: wait until it fires, or for the deadline */
            if
            :: called[me] > 0
            :: true
            fi;
#ifdef WRONG_UNWATCH_WITHOUT_LOCK
            if
            :: listed[me] -> removed[me] = true; listed[me] = false
            :: else
            fi
#else
            atomic { !lock -> touch_future(); lock = true }
            listed[me] = false;
            atomic { touch_future(); lock = false; removed[me] = true }
#endif
        fi
    fi;
    atomic { touch_future(); references--; users_left-- }
}

init
{
    byte i;

    atomic {
        for (i : 1 .. WORKERS) { run worker() }
#if CANCELLERS > 0
        for (i : 1 .. CANCELLERS) { run canceller() }
#endif
#if WAITERS > 0
        for (i : 1 .. WAITERS) { run waiter() }
#endif
#if TELLERS > 0
        for (i : 1 .. TELLERS) { run teller(i - 1) }
#endif
        run owner();
        i = 0
    }
#ifndef LIVENESS
    timeout -> d_step {
        assert(gone && users_left == 0 && references == 0);
        assert(DONE(word) && freed == 1 && !in_ring);
        assert(runs + drops == 1 && (runs == 1) == (STATE == FINISHED));
#if TELLERS > 0
        for (k : 0 .. TELLERS - 1) {
            assert(called[k] == 1 || (removed[k] && called[k] == 0))
        }
        k = 0
#endif
    }
#endif
}

#ifdef LIVENESS
ltl ends { <> (gone && users_left == 0) }
#endif
