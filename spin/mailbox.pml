/* SPDX-License-Identifier: MIT */
/*
 * Futures in the order of completion: pool/arrivals.c, with its two users. A mailbox (pool/mailbox.c)
 * rings a descriptor for an event loop, which with EAGER dispatches without waiting for it; with TAKER
 * a thread sleeps in arrivals_take() instead.
 *
 * Processes: completers, each of which completes a future and appends its arrival; an adder, which
 * calls ep_mailbox_add() while they do; and the loop, or the taker, which frees everything as soon as
 * it has had the last one.
 *
 * What is checked:
 *  - every arrival is dispatched once;
 *  - the loop never sleeps on a descriptor that is silent while an arrival is due, nor does the taker:
 *    a process that cannot move at the end is an invalid end state;
 *  - no thread uses the list or the descriptor after they were released.
 */
#ifndef COMPLETERS
#define COMPLETERS 2
#endif

bool done[COMPLETERS];        /* the future's state */
bool future_lock[COMPLETERS]; /* of each future */
bool watched[COMPLETERS];     /* its watch is listed */

/* struct arrivals */
bool lock;
bool listed[COMPLETERS];      /* in the list; their order does not matter here */
byte appended;
bool asleep;                  /* the taker sleeps on `appended` */
bool eventfd;                 /* readable */
bool gone;                    /* mailbox, list and arrivals have been released */

/* For the checker only. */
byte dispatched[COMPLETERS];
byte added, left = COMPLETERS;
hidden byte k;

inline touch() { assert(!gone) }

inline is_empty(none)
{
    none = true;
    for (k : 0 .. COMPLETERS - 1) {
        if
        :: listed[k] -> none = false
        :: else
        fi
    }
    k = 0
}

/** arrivals_append() */
inline arrivals_append(me)
{
#ifdef WRONG_WAKE_FIRST
    asleep = false;
#endif
    atomic { !lock -> touch(); lock = true }
    d_step { is_empty(was_empty); listed[me] = true; appended++ }
#ifndef TAKER
#ifndef WRONG_RING_UNLOCKED
    if
    :: was_empty -> atomic { touch(); eventfd = true } /* mailbox_ring() */
    :: else
    fi;
#endif
#endif
    atomic { touch(); lock = false }
#ifdef WRONG_RING_UNLOCKED
    if
    :: was_empty -> atomic { touch(); eventfd = true }
    :: else
    fi;
#endif
#if defined(TAKER) && !defined(WRONG_WAKE_FIRST)
    if
    :: was_empty -> asleep = false /* futex_wake(): the address may be that of freed memory */
    :: else
    fi
#endif
}

/** A worker: completes its future, and fires the watch if one is there. */
proctype completer(byte me)
{
    bool was_empty;

    done[me] = true;
    atomic { !future_lock[me] -> future_lock[me] = true }
    if
    :: watched[me] -> watched[me] = false; arrivals_append(me) /* arrival_fire() */
    :: else
    fi;
    future_lock[me] = false
}

/** ep_mailbox_add() for each future: arrivals_expect() */
proctype adder()
{
    byte me;
    bool was_empty, watches;

    do
    :: me < COMPLETERS ->
        atomic { added++ }
        /* future_watch() */
        atomic { !future_lock[me] -> future_lock[me] = true }
        atomic { watches = !done[me]; watched[me] = watches; future_lock[me] = false }
        if
        :: watches
        :: !watches -> arrivals_append(me)
        fi;
        watches = false;
        me++
    :: else -> break
    od
}

inline dispatch(i)
{
    d_step {
        dispatched[i]++;
        assert(dispatched[i] == 1);
        left--
    }
}

#ifndef TAKER
/** An event loop: ep_mailbox_dispatch() when the descriptor is readable, and in the end ep_mailbox_free(). */
proctype loop()
{
    bool taken[COMPLETERS];
    byte i;

    do
    :: left == 0 -> break
    :: left > 0 ->
#ifndef EAGER
        eventfd; /* the loop sleeps until the descriptor is readable */
#endif
#ifdef WRONG_TAKE_FIRST
        atomic { !lock -> lock = true }
        d_step {
            for (k : 0 .. COMPLETERS - 1) { taken[k] = listed[k]; listed[k] = false }
            k = 0;
            lock = false
        }
        eventfd = false;
#else
        eventfd = false; /* mailbox_hush() */
        atomic { !lock -> lock = true } /* arrivals_take_all() */
        d_step {
            for (k : 0 .. COMPLETERS - 1) { taken[k] = listed[k]; listed[k] = false }
            k = 0;
            lock = false
        }
#endif
        for (i : 0 .. COMPLETERS - 1) {
            if
            :: taken[i] -> dispatch(i); taken[i] = false
            :: else
            fi
        }
    od;
    atomic { !lock -> lock = true } /* ep_mailbox_free() waits for a thread that rings */
    lock = false;
    gone = true
}
#else
/** A thread that iterates over completions: arrivals_take() for each, and then ep_completions_free(). */
proctype taker()
{
    byte seen, i;
    bool found;

    do
    :: left == 0 -> break
    :: left > 0 ->
        atomic { !lock -> lock = true }
        d_step {
            found = false;
            for (k : 0 .. COMPLETERS - 1) {
                if
                :: listed[k] && !found -> found = true; i = k; listed[k] = false
                :: else
                fi
            }
            k = 0;
#ifndef WRONG_READ_AFTER_LOCK
            seen = appended;
#endif
            lock = false
        }
        if
        :: found -> dispatch(i)
        :: !found ->
#ifdef WRONG_READ_AFTER_LOCK
            seen = appended;
#endif
#ifdef WRONG_SLEEP_WITHOUT_COMPARING
            asleep = true;
#else
            d_step { asleep = (appended == seen) } /* futex_wait() compares and sleeps in one step */
#endif
            !asleep
        fi;
        atomic { seen = 0; i = 0; found = false }
    od;
    gone = true
}
#endif

init
{
    byte i;

    atomic {
        for (i : 0 .. COMPLETERS - 1) { run completer(i) }
        run adder();
#ifdef TAKER
        run taker();
#else
        run loop();
#endif
        i = 0
    }
    timeout -> d_step {
        assert(gone && left == 0 && !lock);
        for (k : 0 .. COMPLETERS - 1) { assert(dispatched[k] == 1 && !listed[k]) }
        k = 0
    }
}
