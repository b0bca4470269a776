/* SPDX-License-Identifier: MIT */
/*
 * Workers that stand by and accept beside the loop: server/models/direct.c, with what listener.c and
 * thread-pool.c of the server do around it.
 *
 * Processes: the clients, who connect; two workers; the loop, which accepts, gives sessions to the pool's queue,
 * pauses while that is full or a person wants it, resizes the pool, and stops; with SHARED also another
 * program, which accepts at the same socket. A session may last until no process can do anything else.
 *
 * What is checked:
 *  - each connection is accepted, unless the queue is full, and each session served: at `timeout` in init;
 *  - a session that is in the queue when a worker accepts has a worker of its own, so none is overtaken;
 *  - no worker accepts after direct_open(false), or stands by if the pool has become smaller;
 *  - each worker that was recalled returns, and the bell rings for no others;
 *  - the loop does not watch while workers do, or while it defers: it would spin;
 *  - everything ends after a stop: a process that cannot move then is an invalid end state.
 */
#define WORKERS 2
#ifndef CLIENTS
#define CLIENTS 3
#endif
#ifndef QUEUE
#define QUEUE 1
#endif
#ifndef PAUSES
#define PAUSES 0
#endif
#ifndef RESIZES
#define RESIZES 0
#endif
#ifndef FAILURES
#define FAILURES 0
#endif

/* The kernel: connections that wait; what the two epolls report; whether the eventfd is readable. */
byte backlog;
bool standby;
bool watched = true;
bool bell;

/* struct direct */
bool lock;
bool open = true;
byte recall;
byte standing;
bool deferred;
bool taken; /* some, by workers, since the loop has looked */
byte returning;

/* The pool: sessions in its queue; tasks that a worker has begun; for how many workers it is. */
byte queued;
byte begun;
byte takers = WORKERS;
bool closed;

/* struct pool_model */
byte held;
byte workers = WORKERS;

/* struct listener, and the two words by which a worker wakes the loop */
bool paused_full;
bool paused_person;
bool timer; /* listener.deferred is pending */
bool says_full;
bool wake;

byte pauses = PAUSES, resizes = RESIZES, failures = FAILURES;

/* For the checker only. */
byte connected, accepted, served;
bool has_task[WORKERS];
bool in_hand;  /* accepted by the loop, and not yet in the queue */
bool released; /* sessions that last may end */
bool stop;
hidden byte k;

#define PAUSED (paused_full || paused_person)
#define IS_FULL (held >= workers + QUEUE)

inline direct_lock() { atomic { !lock -> lock = true } }

inline direct_unlock()
{
    atomic {
        assert(!watched || (standing == 0 && !deferred));
        lock = false
    }
}

/* --- the loop's calls of direct.c ---------------------------------------------------------- */

inline watch_by_loop_locked()
{
#ifdef WRONG_LOOP_WATCHES_BESIDE
    watched = true
#else
    if
    :: !deferred && standing == 0 -> watched = true
    :: else
    fi
#endif
}

inline recall_locked()
{
    if
    :: standing > 0 ->
        d_step { recall++; returning = returning + standing; standing = 0 }
        standby = false;
        watch_by_loop_locked();
#ifndef WITHOUT_BELL
        bell = true
#endif
    :: else
    fi
}

inline direct_open(opens)
{
    direct_lock();
    open = opens;
    if
    :: !opens -> recall_locked()
    :: else
    fi;
    direct_unlock()
}

inline direct_recall()
{
    direct_lock();
    recall_locked();
    direct_unlock()
}

inline direct_defer()
{
    direct_lock();
    if
    :: standing == 0 && taken -> deferred = true; timer = true; watched = false
    :: else
    fi;
    taken = false;
    direct_unlock()
}

inline direct_resume()
{
    direct_lock();
    deferred = false;
#ifndef WITHOUT_WATCH_ON_RESUME
    watch_by_loop_locked();
#endif
    direct_unlock()
}

/* --- the loop ------------------------------------------------------------------------------ */

inline resume_if_room()
{
    if
    :: !IS_FULL ->
        says_full = false;
        paused_full = false;
        if
        :: !PAUSED -> direct_open(true) /* enable() */
        :: else
        fi
    :: else
    fi
}

inline pause_while_full()
{
    if
    :: !PAUSED -> direct_open(false) /* disable() */
    :: else
    fi;
    paused_full = true;
    says_full = true;
#ifndef WITHOUT_SECOND_LOOK
    resume_if_room()
#endif
}

inline listener_look_again()
{
    if
    :: paused_full -> resume_if_room()
    :: !paused_full && IS_FULL -> pause_while_full()
    :: else
    fi
}

/* take_next(): accept4(), and a session for the queue. */
inline take_next()
{
    atomic { backlog > 0 -> backlog--; accepted++; in_hand = true }
    held++;
    d_step { queued++; in_hand = false }
}

inline listener_accept()
{
    do
    :: PAUSED -> break
    :: else ->
#ifndef WITHOUT_LOOP_LOCK
        direct_lock();
#endif
        if
        :: standing > 0
        :: else ->
            if
            :: take_next(); looks = true
            :: atomic { backlog > 0 && failures > 0 -> failures-- }
            :: backlog == 0
            fi
        fi;
#ifndef WITHOUT_LOOP_LOCK
        direct_unlock();
#endif
        if
        :: looks && IS_FULL -> pause_while_full()
        :: looks && !IS_FULL
        :: !looks -> break
        fi;
        looks = false
    od;
    looks = false
}

proctype loop()
{
    bool looks;

    do
    :: watched && backlog > 0 && !PAUSED -> /* on_ready_beside() */
        direct_defer();
        if
        :: !deferred -> listener_accept()
        :: else
        fi
    :: timer -> /* accept_deferred() */
        timer = false;
        direct_resume();
        listener_accept()
    :: wake -> wake = false; listener_look_again()
    :: pauses > 0 && !paused_person -> /* listener_hold() */
        pauses--;
        if
        :: !PAUSED -> direct_open(false)
        :: else
        fi;
        paused_person = true
    :: paused_person ->
        paused_person = false;
        if
        :: !PAUSED -> direct_open(true)
        :: else
        fi
    :: resizes > 0 -> /* resize() */
        resizes--;
        takers = 3 - takers;
        workers = takers;
#ifndef WITHOUT_RECALL_ON_RESIZE
        direct_recall();
#endif
        listener_look_again()
    :: stop -> break
    od;
    direct_open(false); /* listener_take_backlog() */
    do
    :: take_next()
    :: backlog == 0 -> break
    od;
    closed = true
}

/* --- a worker ------------------------------------------------------------------------------ */

inline may_stand(me)
{
    if
    :: me < workers -> atomic { limit = takers; stands = queued + begun <= limit }
    :: else -> stands = false
    fi
}

/** With the lock: got, or is_empty, or neither after an error. */
inline accept_locked(me)
{
    if
    :: atomic {
        backlog > 0 ->
        backlog--;
        accepted++;
        got = true;
        assert(open && !closed);
        /* Workers without a task, of those that the pool had at the look: a resize comes before or after. */
        assert(queued + in_hand <= (!has_task[0]) + (limit > 1 && !has_task[1]))
       }
        taken = true;
        held++ /* entered() */
    :: atomic { backlog > 0 && failures > 0 -> failures-- }
    :: atomic { backlog == 0 -> is_empty = true }
    fi
}

inline stand_locked()
{
    if
    :: standing == 0 ->
        standing = 1;
        if
        :: !deferred -> watched = false
        :: else
        fi;
        standby = true
    :: else -> standing++
    fi
}

inline leave_locked()
{
    standing--;
    if
    :: standing > 0 ->
#ifndef WITHOUT_WATCH_FOR_OTHERS
        standby = true
#else
        skip
#endif
    :: else ->
#ifndef WITHOUT_WATCH_OF_LAST
        watch_by_loop_locked()
#else
        skip
#endif
    fi
}

inline return_locked()
{
    returning--;
#ifndef WRONG_FIRST_STOPS_BELL
    if
    :: returning == 0 -> bell = false
    :: else
    fi
#else
    bell = false
#endif
}

inline sleep_unlocked()
{
    direct_unlock();
    if
    :: atomic { standby && backlog > 0 -> standby = false } /* EPOLLONESHOT */
    :: atomic { bell -> assert(recall != seen) }
    fi;
    direct_lock()
}

inline stand_by_locked(me)
{
    seen = recall;
    stand_locked();
    do
    :: sleep_unlocked();
        is_empty = false;
        if
        :: recall != seen -> return_locked(); break
        :: else ->
            accept_locked(me);
            if
            :: !is_empty -> leave_locked(); break
            :: else ->
#ifndef WITHOUT_WATCH_AGAIN
                standby = true
#else
                skip
#endif
            fi
        fi
    od;
    seen = 0
}

inline direct_await(me)
{
#ifdef WRONG_ASKS_UNLOCKED
    may_stand(me);
#endif
    direct_lock();
#ifndef WRONG_ASKS_UNLOCKED
    may_stand(me);
#endif
    if
#ifdef WITHOUT_LOOK_AT_OPEN
    :: returning == 0 && stands ->
#else
#ifdef WITHOUT_LOOK_AT_RETURNING
    :: open && stands ->
#else
    :: open && returning == 0 && stands ->
#endif
#endif
        accept_locked(me);
        if
        :: is_empty -> stand_by_locked(me)
        :: else
        fi
    :: else
    fi;
    direct_unlock();
    atomic { is_empty = false; stands = false; limit = 0 }
}

/** left() */
inline left(me)
{
#ifndef WRONG_LEAVES_LAST
    held--;
    if
    :: says_full -> wake = true
    :: else
    fi
#else
    if
    :: says_full -> wake = true
    :: else
    fi;
    held--
#endif
}

proctype worker(byte me)
{
    bool got, is_empty, stands;
    byte seen, limit;

    do
    :: atomic { queued > 0 && me < takers -> queued--; begun++; has_task[me] = true; got = true }
        do
        :: got ->
            if
            :: true
            :: true -> released /* one that lasts */
            fi;
            atomic { got = false; served++ }
            left(me);
            direct_await(me)
        :: else -> break
        od;
        atomic { begun--; has_task[me] = false }
    :: atomic { closed && queued == 0 -> break }
    od
}

/* --- the others ---------------------------------------------------------------------------- */

proctype clients()
{
    do
    :: atomic { connected < CLIENTS && !stop -> backlog++; connected++ }
    :: else -> break
    od
}

#ifdef STOPS
/** Stops while clients come, and not only at the end. */
proctype stopper()
{
    stop = true
}
#endif

#ifdef SHARED
/** Another program, at the same socket. */
proctype other()
{
    if
    :: atomic { backlog > 0 -> backlog--; accepted++; served++ }
    :: stop
    fi
}
#endif

init
{
    atomic {
        run loop();
        run clients();
        for (k : 0 .. WORKERS - 1) { run worker(k) }
        k = 0;
#ifdef SHARED
        run other();
#endif
#ifdef STOPS
        run stopper()
#endif
    }
    timeout -> d_step {
        assert(backlog == 0 || (paused_full && IS_FULL));
        assert(returning == 0 && !bell && !lock);
        released = true
    }
    timeout -> d_step {
        assert(accepted == connected && served == connected && held == 0 && queued == 0);
        assert(begun == standing && (takers > 1 || !has_task[1]));
        stop = true
    }
}

#ifdef LIVENESS
ltl ends { <> (closed && begun == 0) }
#endif
